"""The solvers: a folder per family, which find the best plan."""

from gemel.parts.solvers.scheduling import SCHEDULERS

__all__ = ["SCHEDULERS"]
