"""The solvers: a folder per family, which find the best plan."""

from gemel.parts.solvers.inventory import INVENTORY
from gemel.parts.solvers.maintenance import MAINTENANCE
from gemel.parts.solvers.scheduling import SCHEDULERS
from gemel.parts.solvers.visits import VISITORS

__all__ = ["INVENTORY", "MAINTENANCE", "SCHEDULERS", "VISITORS"]
