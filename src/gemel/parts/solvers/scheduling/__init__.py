"""The schedulers: every file here is one, under its name in settings."""

from gemel.core.kind import Kind
from gemel.parts.solvers.scheduling._plans.check import check
from gemel.parts.solvers.scheduling._plans.decode import uncovered
from gemel.parts.solvers.scheduling._plans.described import problem_of
from gemel.parts.solvers.scheduling._plans.description import Description
from gemel.parts.solvers.scheduling._plans.draft import Draft, Way
from gemel.parts.solvers.scheduling._plans.formats import FORMATS, read, recognise
from gemel.parts.solvers.scheduling._plans.in_turn import solve_in_turn
from gemel.parts.solvers.scheduling._plans.measure import finish, measure, plan
from gemel.parts.solvers.scheduling._plans.quick import passes
from gemel.parts.solvers.scheduling._plans.reasons import Late, late_jobs
from gemel.parts.solvers.scheduling._plans.repair import (
    Repair,
    Standing,
    frozen,
    right_shift,
    steady,
)
from gemel.parts.solvers.scheduling._plans.several import several
from gemel.parts.solvers.scheduling._plans.trial import Robust, Tried, drawn, robust, tried
from gemel.parts.solvers.scheduling.base import Scheduler

__all__ = [
    "FORMATS", "SCHEDULERS", "Description", "Draft", "Late", "Repair", "Robust", "Scheduler",
    "Standing", "Tried", "Way", "check", "drawn", "finish", "frozen", "late_jobs", "measure",
    "passes", "plan", "problem_of", "read", "recognise", "right_shift", "robust", "several",
    "solve_in_turn", "steady", "tried", "uncovered",
]  # fmt: skip

SCHEDULERS = Kind(__name__, Scheduler, "scheduler")
