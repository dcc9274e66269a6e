"""The listeners: every file here is one, under its name in a task."""

from gemel.core.kind import Kind
from gemel.parts.listeners.base import Listener

__all__ = ["LISTENERS", "Listener"]

LISTENERS = Kind(__name__, Listener)
