"""Forms: how each kind of task works in the live twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gemel.core.errors import ConfigurationError
from gemel.twin.learning.live.forms.anomaly import AnomalyForm, AnomalyUse
from gemel.twin.learning.live.forms.base import SIDES, Ahead, Follow, Followed, Form
from gemel.twin.learning.live.forms.failure import FailureForm
from gemel.twin.learning.live.forms.fault import FaultForm, FaultUse
from gemel.twin.learning.live.forms.forecast import ForecastForm
from gemel.twin.learning.live.forms.inspection import InspectionForm, InspectionUse
from gemel.twin.learning.live.forms.quality import QualityForm
from gemel.twin.learning.live.forms.remaining_life import LifeForm
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.tasks import read_task

__all__ = [
    "FORMS",
    "SIDES",
    "Ahead",
    "AnomalyForm",
    "AnomalyUse",
    "FaultForm",
    "FaultUse",
    "Follow",
    "Followed",
    "Form",
    "InspectionForm",
    "InspectionUse",
    "form_of",
]

FORMS: Final[Mapping[str, type[Form]]] = {
    "quality": QualityForm,
    "remaining_life": LifeForm,
    "failure": FailureForm,
    "forecast": ForecastForm,
    "fault": FaultForm,
}


def form_of(name: str, settings: dict[str, Any]) -> Form | AnomalyForm | InspectionForm:
    """An entry of `tasks:`. Raises `ConfigurationError` that says what would work."""
    if settings.get("task") == _WATCH:
        return AnomalyForm.read(name, settings)
    if settings.get("task") == _PICTURES:
        return InspectionForm.read(name, settings)
    reads = FaultUse if settings.get("task") == "fault" else TaskUse
    mine, own = reads.split(settings)
    use = reads.read(mine)
    known = ", ".join([*FORMS, _WATCH, _PICTURES])
    if "task" in own and own["task"] not in FORMS:
        read_task(own)  # says what is wrong, if it is not a task at all
        raise ConfigurationError(
            f"task '{own['task']}' works on files so far; in a plant file: {known}"
        )
    if "task" not in own:
        raise ConfigurationError(f"`task` is missing; one of: {known}")
    form = FORMS[own["task"]]
    for field, of in _OF.items():
        if field in mine and own["task"] not in of:
            raise ConfigurationError(
                f"{field}: is for {' and '.join(of)}, this task is {own['task']}"
            )
    return form.read(name, use, own)


_WATCH: Final = "anomaly"
"""The task that becomes a watch."""
_PICTURES: Final = "inspection"
"""The task that looks at pictures."""
_LIVED: Final = ("remaining_life", "failure")
_MEASURED: Final = ("quality", "forecast")
_OF: Final = {"failed": _LIVED, "renewed": _LIVED, "interval": ("forecast",), "adapt": _MEASURED}
"""Settings of use that belong to some tasks."""
