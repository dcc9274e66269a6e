"""The diagnosers: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.diagnosers.base import Diagnoser

__all__ = ["DIAGNOSERS", "Diagnoser"]

DIAGNOSERS = Kind(__name__, Diagnoser)
