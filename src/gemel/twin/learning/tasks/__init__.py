"""Tasks: what is to be learned from a table, in a few words, and all that follows from them."""

from collections.abc import Mapping
from typing import Any, Final

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.twin.learning.tasks.anomaly import AnomalyTask
from gemel.twin.learning.tasks.base import Explained, Figure, Fitted, Report, Task
from gemel.twin.learning.tasks.failure import FailureTask
from gemel.twin.learning.tasks.fault import FaultTask
from gemel.twin.learning.tasks.forecast import ForecastTask
from gemel.twin.learning.tasks.inspection import InspectionTask
from gemel.twin.learning.tasks.quality import QualityTask
from gemel.twin.learning.tasks.remaining_life import RemainingLifeTask
from gemel.twin.learning.tasks.sound import SoundTask

__all__ = ["TASKS", "Explained", "Figure", "Fitted", "Report", "Task", "read_task"]

TASKS: Final[Mapping[str, type[Task]]] = {
    "inspection": InspectionTask,
    "quality": QualityTask,
    "remaining_life": RemainingLifeTask,
    "failure": FailureTask,
    "forecast": ForecastTask,
    "anomaly": AnomalyTask,
    "fault": FaultTask,
    "sound": SoundTask,
}


def read_task(values: Mapping[str, Any], where: str = "") -> Task:
    """The task that a description names, e.g. ``{task: quality, target: grade}``.

    Raises `ConfigurationError` that says what is wrong, and what would work.
    """
    name = values.get("task")
    if not isinstance(name, str) or name not in TASKS:
        known = ", ".join(TASKS)
        if isinstance(name, str):
            raise ConfigurationError(f"no task '{name}'; {did_you_mean(name, TASKS)}", where)
        raise ConfigurationError(f"`task` is missing; one of: {known}", where)
    return TASKS[name].read(values, where)
