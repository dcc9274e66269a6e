"""A task of the plant file with its model: read from disk, and tried."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.plant import PlantSignal
from gemel.parts.inspectors.base import Model
from gemel.runtime.images import require_library
from gemel.twin.learning.live.forms import InspectionForm
from gemel.twin.learning.live.forms.inspection import InspectionUse
from gemel.twin.learning.tasks import Fitted, read_task
from gemel.twin.learning.tasks.inspection import InspectionTask

__all__ = ["PictureTask", "read_picture_task"]


@dataclass(frozen=True, slots=True)
class PictureTask:
    """What is needed to look at pictures; equal where both do the same.

    signal   path of the signal of its score
    folder   where pictures come from, if from a folder
    model_id hash of the model's file, 16 hexadecimal digits
    sizes    of the pictures that were learned from, width and height; empty if unknown
    vary     whether sizes are only the smallest and the largest width and height of many
    """

    name: str
    title: str
    use: InspectionUse
    signal: str
    folder: Path | None
    model_id: str
    sizes: tuple[tuple[int, int], ...]
    vary: bool
    model: Model = field(compare=False, repr=False)


def read_picture_task(form: InspectionForm, told: PlantSignal, base: Path) -> PictureTask:
    """Read the model; relative paths start at `base`. Raises `ConfigurationError` that begins with
    the field that is wrong."""
    require_library()
    use = form.use
    path = base / use.model
    try:
        text = path.read_text(encoding="utf-8")
        fitted = Fitted.parse(text, use.model)
    except FileNotFoundError:
        raise ConfigurationError(
            f"model: there is no file {use.model} in {base}; "
            f"`gemel train PICTURES --task inspection -o {path.name}` writes one"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"model: {use.model} is not a model that `gemel train` wrote"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"model: {use.model} cannot be read: {error.strerror or error}"
        ) from None
    except DataError as error:
        raise ConfigurationError(f"model: {error}") from None
    try:
        task = read_task(fitted.task, use.model)
        if not isinstance(task, InspectionTask):
            raise ConfigurationError(
                f"{use.model} is a model of the task {task.task}; inspection is needed here"
            )
        model = task.inspector().load(fitted.model)
    except (ConfigurationError, DataError) as error:
        raise ConfigurationError(
            f"model: {use.model}: {error}; fit it again with `gemel train`"
        ) from None
    sizes = fitted.evidence.get("sizes", ())
    return PictureTask(
        form.name, form.title, use, told.path, base / use.folder if use.folder else None,
        hashlib.sha256(text.encode()).hexdigest()[:16],
        tuple((int(width), int(height)) for width, height in sizes),
        bool(fitted.evidence.get("sizes vary")), model,
    )  # fmt: skip
