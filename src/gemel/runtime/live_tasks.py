"""The tasks of a plant file: those that learn, those that become detectors at work, and those that
look at pictures.

What they stand on is imported when there are any: a tenth of a second that a plant without tasks
does not wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.plant import Plant, PlantSignal
from gemel.parts.detectors import Detector
from gemel.twin.learning import WatchSettings

if TYPE_CHECKING:
    from gemel.runtime.pictures.task import PictureTask
    from gemel.twin.learning.live.forms import AnomalyForm, Form, InspectionForm
    from gemel.twin.learning.live.rows import Source

__all__ = ["build_task", "read_tasks", "source_of"]


def build_task(name: str, settings: dict[str, Any]) -> Form | AnomalyForm | InspectionForm:
    """An entry of `tasks:`. Raises `ConfigurationError`."""
    from gemel.twin.learning.live.forms import form_of

    return form_of(name, settings)


def read_tasks(
    plant: Plant, signals: tuple[PlantSignal, ...],
    watches: dict[str, tuple[WatchSettings, Detector]],
    where: Callable[[tuple[str, ...], str], str], folder: Path,
) -> tuple[
    tuple[PlantSignal, ...], dict[str, Form], dict[str, str], dict[str, PictureTask]
]:  # fmt: skip
    """The signals with those that tasks tell, the tasks, the paths of the scores of tasks that
    have become detectors, which are put among `watches`, and the tasks that look at pictures.

    Files of models are looked for from `folder` on. `where` says the line of an entry, of the
    field that a message begins with. Raises `ConfigurationError`.
    """
    if not plant.tasks:
        return signals, {}, {}, {}
    from gemel.twin.learning.live.forms import AnomalyForm, InspectionForm  # see build_task

    tasks: dict[str, Form] = {}
    scores: dict[str, str] = {}
    pictures: dict[str, PictureTask] = {}
    for name, settings in plant.tasks.items():
        form = build_task(name, settings)
        if form.use.asset not in plant.assets:
            hint = did_you_mean(form.use.asset, plant.assets)
            raise ConfigurationError(
                f"task '{name}': no asset '{form.use.asset}'; {hint}",
                where(("tasks", name, "asset"), ""),
            )
        try:
            told = form.outputs(signals)
            finds = isinstance(form, AnomalyForm | InspectionForm)
            if finds and name in plant.detectors:
                raise ConfigurationError("a detector has that name; name the task otherwise")
            if isinstance(form, InspectionForm):
                from gemel.runtime.pictures.task import read_picture_task  # reads pictures

                pictures[name] = read_picture_task(form, told[0], folder)
            elif not isinstance(form, AnomalyForm):
                tasks[name] = form
            else:
                watches[name], scores[name] = form.watch(signals), told[0].path
        except ConfigurationError as error:
            line = where(("tasks", name), error.message)
            raise ConfigurationError(f"task '{name}': {error.message}", line) from None
        signals += told
    return signals, tasks, scores, pictures


def source_of(form: Form, signals: Sequence[PlantSignal], numbers: Mapping[str, int]) -> Source:
    """What a task looks at. Raises `ConfigurationError`."""
    from gemel.twin.learning.live.rows import Source  # see build_task

    return Source.of(form.use, form.needed, signals, numbers)
