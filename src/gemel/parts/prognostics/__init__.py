"""The prognostics: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.prognostics.base import Prognostic

__all__ = ["PROGNOSTICS", "Prognostic"]

PROGNOSTICS = Kind(__name__, Prognostic)
