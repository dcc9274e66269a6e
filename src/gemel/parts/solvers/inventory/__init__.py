"""The stock policies: every file here is one, under its name."""

from gemel.core.kind import Kind
from gemel.parts.solvers.inventory.base import Plan, StockSolver

__all__ = ["INVENTORY", "Plan", "StockSolver"]

INVENTORY = Kind(__name__, StockSolver)
