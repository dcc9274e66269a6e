"""Whether parts are as they should be, from pictures that a camera takes: a task that learns
nothing in the twin, but asks a model that `gemel train` fitted on pictures of good ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from gemel.core.errors import ConfigurationError
from gemel.core.plant import PlantSignal, Signal
from gemel.core.settings import Settings
from gemel.core.time import DAY, MILLISECOND, MINUTE, SECOND, Duration
from gemel.twin.learning.live.forms.base import told_signals

__all__ = ["InspectionForm", "InspectionUse"]

_FILES_ONLY: Final = {
    "image": "pictures come from `folder` or by the API",
    "unit": "each picture is looked at by itself",
    "label": "in the twin, answers to findings say what was right",
    "good": "in the twin, answers to findings say what was right",
    "mask": "in the twin, answers to findings say what was right",
    "split": "nothing is judged with labels here",
    "time": "pictures have the time of their file, or the one that they are sent with",
    "ignore": "there are no columns",
}
_RENEWED: Final = ("renewal", "window", "least", "learn", "normal")


class InspectionUse(Settings):
    """Where the pictures of a task `inspection` come from, how rejected ones become findings, and
    how long pictures are kept."""

    title: str = Field("", description="Name for people; the key where it is empty")
    asset: str = Field(description="The asset that a finding is about")
    model: str = Field(
        description="File that `gemel train` wrote from pictures, relative to the plant file"
    )
    folder: str = Field(
        "",
        description="Folder that a camera writes into, relative to the plant file; it and its "
        "sub-folders are read, nothing in it is changed. If empty, pictures come by the API only",
    )
    every: Duration = Field(
        SECOND, ge=100 * MILLISECOND, description="How often the folder is looked at"
    )
    settle: Duration = Field(
        10 * SECOND,
        ge=0,
        description="A file that is no whole picture is given up when it has not changed for so "
        "long",
    )
    join: Duration = Field(
        10 * MINUTE,
        gt=0,
        description="Rejected pictures that follow each other are one finding; it ends when one is "
        "good, or after so long without any",
    )
    backlog: int = Field(
        1_000,
        gt=0,
        description="Most pictures that wait to be looked at; further ones stay in the folder, and "
        "are refused by the API until there is room",
    )
    keep: Duration = Field(30 * DAY, gt=0, description="How long pictures are kept")
    keep_bytes: int = Field(
        10_000_000_000, gt=0, description="Oldest pictures are removed above this"
    )


@dataclass(frozen=True, slots=True)
class InspectionForm:
    """A task `inspection` of a plant file; its model is read by whoever reads files."""

    name: str
    use: InspectionUse

    @classmethod
    def read(cls, name: str, settings: Mapping[str, Any]) -> InspectionForm:
        """From an entry of `tasks:`. Raises `ConfigurationError`."""
        own = {key: value for key, value in settings.items() if key != "task"}
        for field, why in _FILES_ONLY.items():
            if field in own:
                raise ConfigurationError(f"{field}: {why}; leave it out")
        for field in _RENEWED:
            if field in own:
                raise ConfigurationError(
                    f"{field}: the model is fitted on files by `gemel train`, and is not renewed "
                    "here; fit again and let the plant file be read again"
                )
        if isinstance(own.get("model"), Mapping):
            raise ConfigurationError(
                "model: the kind of model is chosen when it is fitted; here stands the file that "
                f"`gemel train --task inspection -o {name}.model` wrote, e.g. {name}.model"
            )
        return cls(name, InspectionUse.read(own))

    def outputs(self, signals: Sequence[PlantSignal]) -> tuple[PlantSignal, ...]:
        """The signal of its score."""
        title = f"{self.title}, score over its limit"
        known = {planned.path for planned in signals}
        return told_signals(self.name, self.use.asset, [("", Signal(title=title))], known)

    @property
    def title(self) -> str:
        """For people."""
        return self.use.title or self.name.replace("_", " ")
