"""Models in the live twin: they are fitted on history, watch what is mirrored, and say why."""

from gemel.twin.learning.watch import DetectorWatch, WatchSettings

__all__ = ["DetectorWatch", "WatchSettings"]
