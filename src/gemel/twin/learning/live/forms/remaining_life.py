"""Remaining life in the live twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gemel.core.frame import Values
from gemel.core.plant import PlantSignal
from gemel.core.table import Table
from gemel.twin.learning.live.forms.base import Follow, Followed, Form
from gemel.twin.learning.live.forms.lived import LIFE_UNITS, lived_settings, lived_table
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.renewal.band import AdaptiveBand
from gemel.twin.learning.tasks import Fitted, read_task
from gemel.twin.learning.tasks.remaining_life import RemainingLifeTask

__all__ = ["LifeForm"]


@dataclass(frozen=True, slots=True)
class LifeForm(Form):
    """Remaining life of the unit that is in the asset now, in hours of use."""

    task: RemainingLifeTask

    judged = False
    whole = True

    @classmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> LifeForm:
        task = read_task(lived_settings(own))
        if not isinstance(task, RemainingLifeTask):
            raise TypeError(f"{task} is not a task of remaining life")
        return cls(name, use, task)

    @property
    def needed(self) -> tuple[str, ...]:
        return self.task.conditions

    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        return self.task.life_unit

    def table(self, rows: Rows) -> Table:
        return lived_table(rows, self.task.life_unit, self.use.asset)

    def follow(self, fitted: Fitted, band: AdaptiveBand | None = None) -> Follow:
        return _Following(self, fitted)

    def ended(self, fitted: Fitted, rows: Rows) -> Values:
        told = self.task.score(fitted, self.table(rows))["remaining"]
        truth = np.full(len(rows), np.nan)
        for unit in rows.failed:
            mine = rows.unit == unit
            if mine.any():
                truth[mine] = (rows.age[mine].max() - rows.age[mine]) / self.hour
        cap = np.inf if self.task.cap is None else self.task.cap
        return np.asarray(np.abs(np.minimum(truth, cap) - told))

    @property
    def hour(self) -> int:
        """The unit of lives, ns."""
        return LIFE_UNITS[self.task.life_unit]


class _Following:
    """What a prognosis says of the present unit as it ages."""

    def __init__(self, form: LifeForm, fitted: Fitted) -> None:
        model = form.task.model_of(fitted)
        self._form, self._names, self._prognosis = form, model.names, model.start()

    def begin(self, rows: Rows) -> None:
        self(rows)

    def __call__(self, rows: Rows) -> Followed:
        places = [rows.names.index(name) for name in self._names]
        life = self._prognosis(rows.age / self._form.hour, rows.value[:, places])
        return Followed(np.stack([life.value, life.low, life.high], axis=1))
