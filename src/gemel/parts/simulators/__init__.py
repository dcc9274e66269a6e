"""The simulators: every file here is one, under its name in the configuration."""

from gemel.core.kind import Kind
from gemel.parts.simulators.base import Simulator

__all__ = ["SIMULATORS", "Simulator"]

SIMULATORS = Kind(__name__, Simulator)
