"""The historians: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.historians.base import Historian

__all__ = ["HISTORIANS", "Historian"]

HISTORIANS = Kind(__name__, Historian)
