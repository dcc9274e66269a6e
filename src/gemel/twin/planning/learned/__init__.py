"""Lines that are learned from history, and how well they tell what comes.

`Log.of` takes the rows of a log and `learn_from_log` makes a line of them; `learn_from_history`
does so of states and counters. `validate` holds such a line against later periods.
"""

from gemel.twin.planning.learned.from_history import Counts, States, learn_from_history
from gemel.twin.planning.learned.from_log import learn_from_log
from gemel.twin.planning.learned.log import Log
from gemel.twin.planning.learned.report import Learned, StationReport
from gemel.twin.planning.learned.validation import Judged, Validation, validate

__all__ = [
    "Counts",
    "Judged",
    "Learned",
    "Log",
    "States",
    "StationReport",
    "Validation",
    "learn_from_history",
    "learn_from_log",
    "validate",
]
