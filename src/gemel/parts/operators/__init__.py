"""The operators: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.operators.base import Operator

__all__ = ["OPERATORS", "Operator"]

OPERATORS = Kind(__name__, Operator)
