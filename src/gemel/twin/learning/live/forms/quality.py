"""A soft sensor in the live twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.plant import PlantSignal
from gemel.core.table import Table
from gemel.core.time import SECOND
from gemel.twin.learning.live.forms.base import Follow, Followed, Form, digest
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.renewal.band import AdaptiveBand
from gemel.twin.learning.tasks import Fitted, read_task
from gemel.twin.learning.tasks.quality import QualityTask

__all__ = ["QualityForm"]


@dataclass(frozen=True, slots=True)
class QualityForm(Form):
    """A soft sensor: the target is another signal, measured now and then, or always."""

    task: QualityTask

    judged = True
    whole = False

    @classmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> QualityForm:
        own = {"time": "time", "kind": "number", **own}
        if own["time"] != "time":
            raise ConfigurationError("time: rows of the twin have their own; leave it out")
        if own["kind"] != "number":
            raise ConfigurationError("kind: a task of the twin tells numbers so far, not classes")
        task = read_task(own)
        if not isinstance(task, QualityTask):
            raise TypeError(f"{task} is not a quality task")
        return cls(name, use, task)

    @property
    def needed(self) -> tuple[str, ...]:
        return (self.task.target,)

    @property
    def target(self) -> str:
        return self.task.target

    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        for path in (f"{self.use.asset}/{self.task.target}", self.task.target):
            if path in signals:
                return signals[path].signal.unit
        return ""

    def table(self, rows: Rows) -> Table:
        columns = {name: rows.value[:, i] for i, name in enumerate(rows.names)}
        columns["time"] = (rows.time - rows.time[:1].sum()) / SECOND
        columns[self.task.target] = self.measured(rows)
        return Table(columns, digest(rows), f"history of {self.use.asset}")

    def follow(self, fitted: Fitted, band: AdaptiveBand | None = None) -> Follow:
        return _Following(self, fitted, band or self.band())

    def measured(self, rows: Rows) -> Values:
        """The target where it was measured anew; a value that is only held is no news."""
        value = rows.value[:, rows.names.index(self.task.target)]
        return np.where(np.append(True, np.diff(value) != 0), value, np.nan)


class _Following:
    """Each row by itself, but for how often the intervals before it held."""

    def __init__(self, form: QualityForm, fitted: Fitted, band: AdaptiveBand) -> None:
        self._form, self._fitted, self._band = form, fitted, band
        self._last: float | None = None
        """The target in the newest row."""

    def begin(self, rows: Rows) -> None:
        """Nothing is remembered."""

    def __call__(self, rows: Rows) -> Followed:
        found = self._form.task.score(self._fitted, self._form.table(rows))
        names = (self._form.task.target, "low", "high")
        raw = np.stack([found[name] for name in names], axis=1)
        measured = self._form.measured(rows)
        if len(rows) and measured[0] == self._last:
            measured[0] = np.nan
        told = np.empty_like(raw)
        for i, truth in enumerate(measured.tolist()):
            told[i] = self._band(raw[i])
            self._band.learn(raw[i], truth)
        if len(rows):
            self._last = float(rows.value[-1, rows.names.index(self._form.task.target)])
        losses = np.abs(measured - raw[:, 0])
        return Followed(told, rows.time, losses, band=self._band.report())
