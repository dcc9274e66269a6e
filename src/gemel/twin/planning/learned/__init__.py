"""Lines that are learned from history, and how well they tell what comes.

`Log.of` takes the rows of a log, `learn_from_log` makes a line of them.
"""

from gemel.twin.planning.learned.from_log import learn_from_log
from gemel.twin.planning.learned.log import Log
from gemel.twin.planning.learned.report import Learned, StationReport

__all__ = ["Learned", "Log", "StationReport", "learn_from_log"]
