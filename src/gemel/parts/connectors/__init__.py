"""The connectors: every file here is one, under its name in the plant file."""

from gemel.core.kind import Kind
from gemel.parts.connectors.base import Connector

__all__ = ["CONNECTORS", "Connector"]

CONNECTORS = Kind(__name__, Connector)
