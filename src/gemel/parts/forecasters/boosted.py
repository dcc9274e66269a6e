"""Gradient-boosted trees on what is known at the origin, one model for all series and steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.boosting import Boosting
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.time import DAY, HOUR
from gemel.parts.forecasters._conformal import Calibrated, Learned
from gemel.parts.forecasters.base import Panel

__all__ = ["Boosted"]

_MEAN_MONTH = 30.436875 * DAY


class Boosted(Calibrated):
    """Direct forecasts of all steps by gradient-boosted trees, with the step as a column.

    A row is a series, an origin and a step. Its columns are values before the origin (the last
    ones, means of the last `windows` rows, those at the same place in the last seasons and their
    mean, the rows since a value that was not zero), the calendar of the time that is forecast, and
    covariates that are known ahead, at that time. The series' own recent level is a column too.

    - `relative`: values are taken from the mean of the last season, in units of the series' scale,
      so that one model serves series of any height. Not where they are counts: rare demand has its
      zero and its piece in common.
    - `quantile_trees`: trees for every level by pinball loss; held-out errors then move them
      (conformalized quantile regression; Romano, Patterson and Candès, NeurIPS 2019), so that a
      band is wide when the trees say so. Else bands stand around the mean.
    - `rows` of all series, origins and steps are drawn evenly by `seed` where there are more.

    Trees do not go beyond what they have seen: of a trend they follow what the recent level tells.
    """

    kind: ClassVar[str] = "boosted"

    seasons: tuple[int, ...] = Field((), description="Rows of longer seasons, e.g. of a week")
    lags: tuple[int, ...] = Field(
        (1, 2, 3), description="Rows before the step ahead that are columns; 1: the last one"
    )
    windows: tuple[int, ...] = Field(
        (3, 6, 12, 48), description="Rows before the origin whose mean is a column"
    )
    repeats: int = Field(
        3, ge=1, le=50, description="Last values at the same place in a season that are columns"
    )
    relative: bool = Field(
        True, description="Values from the recent mean, by the series' scale; not for counts"
    )
    quantile_trees: bool = Field(True, description="Trees for every level, not for the mean alone")
    rows: int = Field(60_000, ge=100, description="Most rows that trees are fitted on")
    seed: int = Field(0, ge=0, description="Of the drawn rows and of the trees")
    trees: Boosting = Field(
        Boosting(iterations=200, least=30), description="How the trees are fitted"
    )

    def _least(self) -> int:
        return max(self.season, *self.seasons, *self.lags, 8) + self.horizon

    def _scales(self, value: Values) -> Values:
        if self.relative:
            return super()._scales(value)
        return np.where(np.isfinite(value).any(axis=1), 1.0, 0.0)

    def _learn(self, history: Panel) -> Learned:
        s, n = history.value.shape
        first = min(max(self.season, *self.seasons, *self.lags, 8), n - self.horizon)
        random = np.random.default_rng(self.seed)
        total = s * (n - first) * self.horizon
        chosen = np.arange(total)
        if total > self.rows:
            # Pairs that end after the history, or are unknown, fall out; so more are drawn.
            chosen = np.unique(random.integers(0, total, 3 * self.rows))
        series, rest = np.divmod(chosen, (n - first) * self.horizon)
        origin, step = np.divmod(rest, self.horizon)
        origin += first
        inside = origin + step < n
        inside[inside] &= np.isfinite(history.value[series[inside], (origin + step)[inside]])
        at = np.flatnonzero(inside)
        if len(at) > self.rows:
            at = np.sort(random.choice(at, self.rows, replace=False))
        scale = self._scales(history.value)
        table = self._table(history, scale, series[at], origin[at], step[at])
        truth = history.value[series[at], origin[at] + step[at]]
        y = (truth - table.centre) / table.unit
        good = np.isfinite(y)
        if good.sum() < 2:
            raise DataError(f"boosted: {int(good.sum())} rows to fit on; it needs at least 2")
        x, y = table.x[good], y[good]
        learned: dict[str, Any] = {"mean": self.trees.regression(x, y, seed=self.seed)}
        for j, level in enumerate(self.levels if self.quantile_trees else ()):
            learned[f"quantile{j}"] = self.trees.regression(
                x, y, loss="quantile", quantile=level, seed=self.seed
            )
        return learned | {"scale": scale}

    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        s, o = len(history.names), len(origins)
        shape = (s, o, horizon)
        series, at, step = (a.ravel() for a in np.indices(shape))
        table = self._table(history, learned["scale"], series, origins[at], step)
        names = ["mean"]
        if self.quantile_trees:
            names += [f"quantile{j}" for j in range(len(self.levels))]
        found = np.stack(
            [table.centre + table.unit * learned[name].predict(table.x) for name in names], axis=1
        )
        found[~table.known] = np.nan
        return found.reshape(*shape, len(names))

    def _table(
        self,
        history: Panel,
        scale: Values,
        series: npt.NDArray[np.int64],
        origin: npt.NDArray[np.int64],
        step: npt.NDArray[np.int64],
    ) -> _Table:
        past = _Past(history.value)
        longest = max(self.season, *self.seasons, 1)
        level = past.mean(series, origin, max(longest, 8))
        unit = np.where(scale > 0, scale, 1.0)[series] if self.relative else np.ones(len(series))
        centre = level if self.relative else np.zeros(len(series))
        values = [past.at(series, origin, origin - lag) for lag in self.lags]
        values += [past.mean(series, origin, window) for window in self.windows]
        for m in (self.season, *self.seasons):
            if m > 1:
                back = origin + step - m * (step // m + 1)
                same = [past.at(series, origin, back - m * i) for i in range(self.repeats)]
                values += [*same, _mean(same)]
        columns = [(value - centre) / unit for value in values]
        columns += [level / unit, step.astype(np.float64), past.since(series, origin)]
        columns += _calendar(history, origin + step, (self.season, *self.seasons))
        target = np.minimum(origin + step, history.known.shape[1] - 1 if len(history.known) else 0)
        for row in history.known:
            columns.append(np.where(origin + step < len(row), row[target], np.nan))
        return _Table(np.stack(columns, axis=1), centre, unit, past.known(series, origin))

    def _made(self, learned: Learned) -> dict[str, Any]:
        trees = learned["mean"]
        return {"columns": trees.features, "trees": len(trees), "nodes": len(trees.feature)}


@dataclass(frozen=True, slots=True)
class _Table:
    """x [N,k], what is taken off and divided by [N], and whether anything is known before [N]."""

    x: Values
    centre: Values
    unit: Values
    known: npt.NDArray[np.bool_]


class _Past:
    """What is known of series before an origin; nothing reads at or after it."""

    def __init__(self, value: Values) -> None:
        known = np.isfinite(value)
        self._value = value
        pad = ((0, 0), (1, 0))
        self._count = np.pad(np.cumsum(known, axis=1), pad)
        self._total = np.pad(np.cumsum(np.where(known, value, 0.0), axis=1), pad)
        row = np.arange(value.shape[1])
        last = np.maximum.accumulate(np.where(known & (value != 0), row, -1), axis=1)
        self._last = np.pad(last, pad, constant_values=-1)

    def at(self, series: Any, origin: Any, row: Any) -> Values:
        usable = (row >= 0) & (row < origin)
        return np.where(usable, self._value[series, np.where(usable, row, 0)], np.nan)

    def mean(self, series: Any, origin: Any, window: int) -> Values:
        begin = np.maximum(origin - window, 0)
        count = self._count[series, origin] - self._count[series, begin]
        total = self._total[series, origin] - self._total[series, begin]
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def since(self, series: Any, origin: Any) -> Values:
        """Rows since a value that was not zero; NaN where there was none."""
        last = self._last[series, origin]
        return np.where(last >= 0, origin - last, np.nan).astype(np.float64)

    def known(self, series: Any, origin: Any) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = self._count[series, origin] > 0
        return found


def _mean(columns: list[Values]) -> Values:
    """Mean of what is known, NaN where nothing is."""
    known = sum(np.isfinite(c).astype(np.float64) for c in columns)
    total = sum(np.where(np.isfinite(c), c, 0.0) for c in columns)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def _calendar(history: Panel, row: npt.NDArray[np.int64], seasons: tuple[int, ...]) -> list[Values]:
    """Hour of the day, day of the week and month (UTC), where the grid is fine enough for them, and
    the place in each season."""
    step = history.step
    time = history.time[0] + step * row
    found = []
    if step < DAY:
        found.append((time % DAY) / HOUR)
    if step < 7 * DAY:
        found.append((time // DAY + 3.0) % 7)  # 1970-01-01 was a Thursday, day 3
    found.append(np.floor(time / _MEAN_MONTH) % 12)
    found += [(time // step % m).astype(np.float64) for m in seasons if m > 1]
    return found
