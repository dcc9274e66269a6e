"""The operators: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.operators.base import Feature, Operator

__all__ = ["OPERATORS", "Feature", "Operator"]

OPERATORS = Kind(__name__, Operator)
