"""A forecast in the live twin: how a signal will go on, told anew with each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Times, Values
from gemel.core.plant import PlantSignal
from gemel.core.table import Table
from gemel.core.time import SECOND, duration_text
from gemel.parts.forecasters.base import Forecast
from gemel.twin.learning.live.forms.base import Ahead, Follow, Followed, Form, digest
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.renewal.band import AdaptiveBand
from gemel.twin.learning.tasks import Fitted, read_task
from gemel.twin.learning.tasks.base import Explained
from gemel.twin.learning.tasks.forecast import SIDES, ForecastTask

__all__ = ["ForecastForm"]

_JUDGED: Final = 4
"""In one horizon so many forecasts are held against what came: neighbours hardly differ."""
_AT_ONCE: Final = 400
"""Most forecasts in one call; where more rows have come, the last, and others evenly."""


@dataclass(frozen=True, slots=True)
class ForecastForm(Form):
    """The signal at the end of the horizon is told as a signal; the way there is shown."""

    task: ForecastTask

    judged = True
    whole = True
    continues = True

    @classmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> ForecastForm:
        for field, why in (
            ("unit", "one signal is continued; make a task for each"),
            ("time", "rows of the twin have their own"),
            ("known", "what is planned is not known to the twin"),
        ):
            if own.get(field):
                raise ConfigurationError(f"{field}: {why}; leave it out")
        interval = use.interval or use.step
        if interval % use.step:
            raise ConfigurationError(
                f"interval: {duration_text(interval)} is no multiple of `step`, which is "
                f"{duration_text(use.step)}"
            )
        task = read_task({"time": "time", "step": f"{interval // SECOND} s", **own})
        if not isinstance(task, ForecastTask):
            raise TypeError(f"{task} is not a forecast")
        if interval % SECOND:
            raise ConfigurationError("interval: a forecast has steps of whole seconds")
        if not use.signals:  # others say nothing here
            path = task.target if "/" in task.target else f"{use.asset}/{task.target}"
            use = use.model_copy(update={"signals": (path,)})
        return cls(name, use, task)

    @property
    def interval(self) -> int:
        """From step to step, ns."""
        return self.use.interval or self.use.step

    @property
    def needed(self) -> tuple[str, ...]:
        return (self.task.target,)

    @property
    def title(self) -> str:
        span = duration_text(self.task.horizon * self.interval)
        return f"{self.use.title or self.name.replace('_', ' ')}, in {span}"

    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        for path in (f"{self.use.asset}/{self.task.target}", self.task.target):
            if path in signals:
                return signals[path].signal.unit
        return ""

    def table(self, rows: Rows) -> Table:
        """Those of steps that are over."""
        over = rows.time < self.over(rows.time[-1:]).sum()
        names = [name for name in rows.names if self.task.target in (name, self._path(name))]
        # Rows stand in the middle of theirs, so that no rounding moves one to another step.
        middle = self.use.step // 2 if self.use.step < self.interval else 0
        columns = {
            "time": (rows.time[over] + middle) / SECOND,
            self.task.target: rows.value[over, rows.names.index(names[0])],
        }
        return Table(columns, digest(rows), f"history of {self.use.asset}")

    def over(self, time: Times) -> Times:
        """int64[n]: the end of the last step that is over with the row of each time."""
        return (time + self.use.step) // self.interval * self.interval

    def follow(self, fitted: Fitted, band: AdaptiveBand | None = None) -> Follow:
        return _Following(self, fitted, band or self.band())

    def explain(self, fitted: Fitted, rows: Rows) -> Explained:
        return self.task.explain(fitted, self.table(rows), self.task.horizon - 1)

    def _path(self, name: str) -> str:
        return f"{self.use.asset}/{name}"


class _Following:
    """Forecasts at the end of each step, and what came of those that are over."""

    def __init__(self, form: ForecastForm, fitted: Fitted, band: AdaptiveBand) -> None:
        self._form, self._fitted, self._band = form, fitted, band
        self._rows: Rows | None = None
        self._over = 0
        self._open: list[tuple[int, Forecast]] = []
        """Forecasts whose horizon is not over, with the time when it will be."""

    def begin(self, rows: Rows) -> None:
        span = self._form.task.horizon * self._form.interval
        recent = rows.time >= rows.time[-1] - span
        self._rows = rows.take(~recent) if (~recent).any() else None
        self(rows.take(recent))

    def __call__(self, rows: Rows) -> Followed:
        told = np.full((len(rows), 3), np.nan)
        known = rows if self._rows is None else self._rows.then(rows)
        kept = known.time >= rows.time[-1] - self._form.use.window
        self._rows = known.take(kept)
        over = self._form.over(rows.time)
        at = np.flatnonzero(np.diff(over, prepend=self._over) > 0)
        if not len(at):
            return Followed(told)
        self._over = int(over[-1])
        at = at[:: -(-len(at) // _AT_ONCE)] if len(at) > _AT_ONCE else at
        if at[-1] != (last := int(np.flatnonzero(over == self._over)[0])):
            at = np.append(at, last)
        try:
            series = self._form.task.series(self._form.table(self._rows))
            found = self._form.task.after(self._fitted, series, over[at].tolist())
        except DataError:
            return Followed(told)  # too little history to go on from
        time: list[int] = []
        losses: list[float] = []
        for row, begun, one in zip(at.tolist(), over[at].tolist(), found, strict=True):
            for end, past in self._ended(begun):
                came = series.at(past.time)
                time.append(end)
                losses.append(_loss(past, came))
                self._band.learn(_way(past)[-1], float(came[-1]))
            told[row] = self._band(_way(one)[-1])
            self._keep(begun, one)
        ahead = Ahead(found[-1].time, self._band(_way(found[-1])))
        return Followed(
            told, np.array(time, np.int64), np.array(losses), ahead, band=self._band.report()
        )

    def _keep(self, begun: int, one: Forecast) -> None:
        """Not all: those that begin soon after each other err alike."""
        horizon, step = self._form.task.horizon, self._form.interval
        apart = max(1, horizon // _JUDGED) * step
        if not self._open or begun + horizon * step >= self._open[-1][0] + apart:
            self._open.append((begun + horizon * step, one))

    def _ended(self, now: int) -> list[tuple[int, Forecast]]:
        """Forecasts that are over by now, with when they were; they are judged once."""
        done = [one for one in self._open if one[0] <= now]
        self._open = [one for one in self._open if one[0] > now]
        return done


def _way(forecast: Forecast) -> Values:
    """float64[h,3]: the median, which is right half of the time, and the ends of the interval."""
    low, middle, high = (forecast.at(side)[0] for side in SIDES)
    return np.stack([middle, low, high], axis=1)


def _loss(forecast: Forecast, truth: Values) -> float:
    """How far its quantiles were from what came, on average over the steps: twice the quantile
    loss, which for the median is the distance."""
    levels = np.array(forecast.levels)
    away = truth[:, None] - forecast.quantile[0]
    loss = 2 * np.maximum(levels * away, (levels - 1) * away)
    known = np.isfinite(loss).all(axis=1)
    return float(loss[known].mean()) if known.any() else float("nan")
