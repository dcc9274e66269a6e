"""Who plans visits: every file here is one way, under its name."""

from gemel.core.kind import Kind
from gemel.parts.solvers.visits.base import Jobs, Visitor, Visits

__all__ = ["VISITORS", "Jobs", "Visitor", "Visits"]

VISITORS = Kind(__name__, Visitor)
