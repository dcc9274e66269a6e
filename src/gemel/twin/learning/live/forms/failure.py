"""The chance of a failure within some hours, in the live twin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Times, Values
from gemel.core.plant import PlantSignal, Signal
from gemel.core.table import Table
from gemel.core.time import HOUR, duration_text
from gemel.twin.learning.live.forms.base import Follow, Followed, Form
from gemel.twin.learning.live.forms.lived import LIFE_UNITS, lived_settings, lived_table
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.renewal.band import AdaptiveBand
from gemel.twin.learning.tasks import Fitted, read_task
from gemel.twin.learning.tasks.failure import FailureTask

__all__ = ["FailureForm"]

_JUDGED: Final = 4
"""In the shortest horizon so many rows are held against what came: neighbours hardly differ."""
_UNITS: Final = 3
"""Some are held out: chances are how often those failed."""


@dataclass(frozen=True, slots=True)
class FailureForm(Form):
    """Whether the unit that is in the asset now fails within each horizon: the chance, and whether
    to warn. Horizons are hours of use, as ages are."""

    task: FailureTask

    judged = True
    whole = True
    events = 3
    """Where nothing fails, a model that never expects a failure looks best."""

    @classmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> FailureForm:
        if not use.failed:
            raise ConfigurationError(
                "`failed` is missing: an expression that is true when the unit has failed, e.g. "
                "\"state == 'Aborted'\""
            )
        own = lived_settings(own)
        hour = LIFE_UNITS[own["life_unit"]]
        month = FailureTask.model_fields["month"].default * HOUR / hour
        task = read_task({"month": month, **own})
        if not isinstance(task, FailureTask):
            raise TypeError(f"{task} is not a task of failures")
        if use.window <= (longest := max(task.horizon) * hour):
            raise ConfigurationError(
                f"window: {duration_text(use.window)} of history cannot tell whether anything "
                f"fails within {duration_text(round(longest))}; failures are learned from, so "
                "take what holds several"
            )
        return cls(name, use, task)

    @property
    def needed(self) -> tuple[str, ...]:
        return self.task.conditions

    @property
    def hour(self) -> int:
        """The unit of horizons, ns."""
        return LIFE_UNITS[self.task.life_unit]

    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        return ""

    def tells(self, signals: Mapping[str, PlantSignal]) -> Iterator[tuple[str, Signal]]:
        """The chance of each horizon, then of each whether it warns."""
        for horizon in self.task.horizon:
            within = f"within {horizon:g} {self.task.life_unit}"
            title = f"{self.title}, chance {within}"
            yield f"_within_{self._word(horizon)}", Signal(title=title, range=(0, 1))
        for horizon in self.task.horizon:
            within = f"within {horizon:g} {self.task.life_unit}"
            title = f"{self.title}, warning {within}"
            yield f"_warn_{self._word(horizon)}", Signal(title=title, type="boolean")

    def plain(self, told: Values) -> dict[str, Any]:
        count = len(self.task.horizon)
        unit = self.task.life_unit
        return {
            "chances": [
                {"horizon": horizon, "unit": unit, "chance": chance, "warns": warns == 1}
                for horizon, chance, warns in zip(
                    self.task.horizon, told[:count].tolist(), told[count:].tolist(), strict=True
                )
            ]
        }

    def lacks(self, rows: Rows) -> str:
        seen, failed = len(np.unique(rows.unit)), len(rows.failed)
        if not failed:
            return (
                "nothing has failed yet in the history that it learns from: how often something "
                "fails is learned from failures, so it waits for them"
            )
        if seen < _UNITS:
            return (
                f"{seen} of {_UNITS} units are known, and {failed} of them failed; it waits for "
                "more, as chances are set on units that were held out"
            )
        return ""

    def table(self, rows: Rows) -> Table:
        return lived_table(rows, self.task.life_unit, self.use.asset)

    def follow(self, fitted: Fitted, band: AdaptiveBand | None = None) -> Follow:
        return _Following(self, fitted)

    def _word(self, horizon: float) -> str:
        """A number that a name may hold: 0.5 h is 0_5_h."""
        number = f"{horizon:f}".rstrip("0").rstrip(".").replace(".", "_")
        return f"{number}_{self.task.life_unit}"


@dataclass(frozen=True, slots=True)
class _Open:
    """What was said of a row whose truth is not known yet.

    time    of the row, ns UTC
    age     of the unit, ns
    chance  float64[h]
    """

    time: int
    age: float
    chance: Values


class _Following:
    """What a model says of the present unit as it ages, and what came of what it said."""

    def __init__(self, form: FailureForm, fitted: Fitted) -> None:
        life = form.task.life_model(fitted)
        self._form, self._fitted = form, fitted
        self._names, self._prognosis = life.names, life.start()
        self._horizons = np.array(form.task.horizon) * form.hour
        self._last = -1
        """Number of the part of a shortest horizon in which a row was last taken to be judged."""
        self._open: list[_Open] = []

    def begin(self, rows: Rows) -> None:
        # Whether the unit fails is not known before its last row, which is not among these.
        self(replace(rows, failed=frozenset()))

    def __call__(self, rows: Rows) -> Followed:
        places = [rows.names.index(name) for name in self._names]
        life = self._prognosis(rows.age / self._form.hour, rows.value[:, places]).value
        chance, warns = self._form.task.chances(self._fitted, life)
        self._keep(rows, chance)
        time, of, losses, events = self._known(rows)
        return Followed(np.hstack([chance, warns]), time, losses, None, of, events)

    def _keep(self, rows: Rows, chance: Values) -> None:
        """The first row of each part of the shortest horizon."""
        part = (rows.age // (self._horizons[0] / _JUDGED)).astype(np.int64)
        for i in np.flatnonzero(np.diff(part, prepend=self._last) > 0).tolist():
            self._open.append(_Open(int(rows.time[i]), float(rows.age[i]), chance[i]))
        self._last = int(part[-1])

    def _known(self, rows: Rows) -> tuple[Times, Times, Values, npt.NDArray[np.bool_]]:
        """The Brier score of rows whose truth is known now, mean over the horizons: the unit has
        failed, or the longest horizon has passed. Those of a unit that is replaced never are."""
        failed = int(rows.unit[-1]) in rows.failed
        age, longest = float(rows.age[-1]), self._horizons[-1]
        over = [one for one in self._open if failed or one.age + longest <= age]
        self._open = self._open[len(over) :]
        # Known in the row in which the longest horizon ends, or in the last one.
        ends = np.array([one.age + longest for one in over])
        at = np.minimum(np.searchsorted(rows.age, ends), len(rows) - 1)
        left = np.array([age - one.age if failed else np.inf for one in over])
        came = left[:, None] <= self._horizons
        said = np.array([one.chance for one in over]).reshape(came.shape)
        events = np.zeros(len(over), np.bool_)
        if failed and over and came[-1, -1]:
            events[-1] = True  # one for each failure: rows before the same one are one event
        of = np.array([one.time for one in over], np.int64)
        return rows.time[at], of, ((said - came) ** 2).mean(axis=1), events
