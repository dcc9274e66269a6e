"""Models in the live twin: they are fitted on history, watch what is mirrored, and say why."""

from gemel.twin.learning.chosen import chosen_signals
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.watch import DetectorWatch
from gemel.twin.learning.windows import Condition, Normal

__all__ = ["Condition", "DetectorWatch", "Normal", "WatchSettings", "chosen_signals"]
