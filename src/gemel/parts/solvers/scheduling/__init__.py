"""The schedulers: every file here is one, under its name in settings."""

from gemel.core.kind import Kind
from gemel.parts.solvers.scheduling._plans.check import check
from gemel.parts.solvers.scheduling._plans.draft import Draft, Way
from gemel.parts.solvers.scheduling._plans.formats import FORMATS, read
from gemel.parts.solvers.scheduling._plans.measure import measure
from gemel.parts.solvers.scheduling.base import Scheduler

__all__ = ["FORMATS", "SCHEDULERS", "Draft", "Scheduler", "Way", "check", "measure", "read"]

SCHEDULERS = Kind(__name__, Scheduler)
