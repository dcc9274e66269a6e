"""The maintenance policies: every file here is one, under its name."""

from gemel.core.kind import Kind
from gemel.parts.solvers.maintenance.base import Action, MaintenanceSolver, Plan

__all__ = ["MAINTENANCE", "Action", "MaintenanceSolver", "Plan"]

MAINTENANCE = Kind(__name__, MaintenanceSolver)
