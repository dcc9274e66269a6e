"""The reasoners: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.reasoners.base import Reasoner

__all__ = ["REASONERS", "Reasoner"]

REASONERS = Kind(__name__, Reasoner)
