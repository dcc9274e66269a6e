"""The inspectors: every file here is one, under its name in a task."""

from gemel.core.kind import Kind
from gemel.parts.inspectors.base import Inspector

__all__ = ["INSPECTORS", "Inspector"]

INSPECTORS = Kind(__name__, Inspector)
