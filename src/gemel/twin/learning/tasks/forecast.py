"""How will it go on? Demand, energy or any other series, with a band that holds as it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, Self

import numpy as np
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.table import Table
from gemel.parts.forecasters import FORECASTERS
from gemel.parts.forecasters.base import Forecast, Forecaster, Model, Panel
from gemel.twin.learning.evaluation import Protocol
from gemel.twin.learning.evaluation import forecast_scores as scores
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.evaluation.rolling import Rolled, origins_of, roll
from gemel.twin.learning.tasks.base import Explained, Figure, Fitted, Progress, Report, Task
from gemel.twin.learning.tasks.candidates import Tried, chosen
from gemel.twin.learning.tasks.panels import Gather, Series, seasons_of, series_of
from gemel.twin.learning.tasks.recordings import TimeUnit

__all__ = ["SIDES", "ForecastTask"]

SIDES: Final = (0.05, 0.5, 0.95)
"""Levels that every model of a task has: the interval, and the median within it."""
_ORIGINS: Final = 20
_REFIT: Final = 10
_SHOWN: Final = 20
_BACK: Final = 3
"""Seasons of which `explain` tells what each adds."""


class ForecastTask(Task):
    """One series, or one for each value of the column `unit`: how will the `target` go on?

    Rows stand on a regular grid of time; after the last known target may come rows with what is
    planned (`known`). Without `model` the forecaster is chosen: by forecasts of the last part of
    the rows that are learned from, never by those that judge.
    """

    task: Literal["forecast"]
    target: str = Field(description="Column that is to be continued")
    time_unit: TimeUnit = Field("s", description="Unit of a `time` column of plain numbers")
    step: str = Field(
        "", description="Distance of the rows: a duration or 'month'; the usual one if not given"
    )
    gather: Gather = Field(
        "mean", description="What becomes of several rows in one step: mean, sum or last"
    )
    horizon: int = Field(24, ge=1, le=10_000, description="How many steps ahead")
    season: int | None = Field(
        None, ge=1, description="Steps after which it repeats itself; by the calendar if not given"
    )
    known: tuple[str, ...] = Field(
        (), description="Columns of numbers that are known ahead: a plan, shifts, the weather"
    )
    origins: int = Field(
        _ORIGINS,
        ge=2,
        le=1000,
        description="Most forecasts, a horizon apart, that a backtest judges",
    )

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str = "") -> Self:
        horizon = values.get("horizon")
        if isinstance(horizon, list | tuple):  # as the option is given, which may be often
            if len(horizon) != 1 or horizon[0] != int(horizon[0]):
                raise ConfigurationError(f"horizon: {horizon} is not one number of steps", where)
            values = {**values, "horizon": int(horizon[0])}
        if "split" in values:
            raise ConfigurationError(
                "split: a forecast is judged by origins that move on in time; leave it out", where
            )
        return super().read(values, where)

    def fit(self, table: Table, progress: Progress) -> Fitted:
        series = self.series(table)
        tried = self._chosen(series, progress)
        progress(f"fitting {tried.title}")
        model = tried.part.fit(series.panel)
        evidence = self._told(series) | tried.evidence() | _band(model.evidence())
        what = {"forecaster": tried.settings, "model": model.save()}
        rows = int(np.isfinite(series.panel.value).sum())
        protocol = self._protocol(series, table, tried.settings, "fitted on all rows", rows)
        return Fitted(self.record(), what, evidence, protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        series = self.series(table)
        panel = series.panel
        count = min(self.origins, len(panel) // 2 // self.horizon)
        if count < 2:
            raise DataError(
                f"{table.where}: {len(panel)} steps; to judge forecasts of {self.horizon} steps "
                f"takes {4 * self.horizon}: two that do not overlap in the later half"
            )
        at = origins_of(len(panel), self.horizon, count, self.horizon)
        before = Series(panel.until(at[0]), series.grid, 0)
        tried = self._chosen(before, progress)
        progress(f"judging {tried.title} at {len(at)} origins")
        season = self._seasons(series)[-1]
        naive = _part(self._naive(season, tried.part))
        ours, theirs = (
            roll(part.fit, panel, at, self.horizon, season=season, refit=_REFIT)
            for part in (tried.part, naive)
        )
        split = (
            f"{len(at)} origins, {self.horizon} steps apart, each forecast of {self.horizon} steps "
            f"from the rows before it; fitted at every {_REFIT}th of them"
        )
        tables = {"by step": _by_step(ours, theirs)}
        if len(panel.names) > 1:
            tables["by series"] = _by_series(ours, theirs, panel.names)
        if tried.losses:
            tables["how it was chosen"] = tried.table()
        judged = int(np.isfinite(ours.truth).sum())
        protocol = self._protocol(series, table, tried.settings, split, judged)
        return Report(_figures(ours, theirs), protocol, tables)

    def score(self, fitted: Fitted, table: Table) -> Table:
        series = self.series(table)
        found = self._model(fitted).forecast(series.panel, self.horizon)
        count, names = self.horizon, series.panel.names
        columns: dict[str, Any] = {}
        if self.unit is not None:
            columns[self.unit] = np.repeat(np.array(names), count)
        columns[self.time or "row"] = np.tile(series.ahead(count), len(names))
        columns[self.target] = found.mean.ravel()
        columns["low"] = found.at(SIDES[0]).ravel()
        columns["high"] = found.at(SIDES[2]).ravel()
        return Table(columns, table.digest, table.where)

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        """Of one row of those that `score` gives: what the newest seasons and what is planned
        added to what the history before would have told."""
        series, model = self.series(table), self._model(fitted)
        panel = series.panel
        if row >= self.horizon * len(panel.names):
            raise ConfigurationError(
                f"row {row + 1}: a forecast has rows 1 to {self.horizon * len(panel.names)}: "
                f"{self.horizon} steps of each series"
            )
        which, step = divmod(row, self.horizon)
        found = model.forecast(panel, self.horizon)
        season = self._seasons(series)[0]
        told = [float(found.mean[which, step])]
        shares = []
        for name, value, less in _less_known(panel, which, season):
            told.append(float(model.forecast(less, self.horizon).mean[which, step]))
            shares.append((name, told[-2] - told[-1], value))
        shares.sort(key=lambda item: -abs(item[1]))
        low, high = (float(found.at(side)[which, step]) for side in (SIDES[0], SIDES[2]))
        of = f"{panel.names[which]}, " if self.unit is not None else ""
        when = series.ahead(step + 1)[-1]
        answer = (
            f"{of}{when}: {self.target} {told[0]:.4g} (between {low:.4g} and {high:.4g}), "
            f"{step + 1} steps ahead"
        )
        usual = "had the newest been as before"
        return Explained(answer, told[-1], tuple(shares), usual=usual)

    def after(self, fitted: Fitted, series: Series, times: Sequence[int]) -> list[Forecast]:
        """What was expected at each of the times, ns UTC, of the steps after it, by what was known
        before it: of one series."""
        model = self._model(fitted)
        panel, begin = series.panel, int(series.panel.time[0])
        found = []
        for time in times:
            rows = (time - begin) // series.grid.step
            known = panel.value[:, :rows]
            missing = np.full((len(known), rows - known.shape[1]), np.nan)
            at = series.grid.time(np.arange(rows))
            before = Panel(panel.names, at, np.concatenate([known, missing], axis=1))
            found.append(model.forecast(before, self.horizon))
        return found

    def series(self, table: Table) -> Series:
        """The table on the grid of `step`. Raises `DataError` where it holds none."""
        return series_of(
            table, self.target, unit=self.unit, time=self.time, time_unit=self.time_unit,
            step=self.step, gather=self.gather, known=self.known,
        )  # fmt: skip

    def _seasons(self, series: Series) -> tuple[int, ...]:
        if self.season is not None:
            return (self.season,)
        return seasons_of(series.grid, len(series.panel)) or (1,)

    def _chosen(self, series: Series, progress: Progress) -> Tried:
        common = {"horizon": self.horizon, "levels": list(SIDES)}
        seasons = self._seasons(series)
        if self.model:
            settings = {"season": seasons[0], **common, **self.model}
            if not set(SIDES) <= set(settings["levels"]):
                raise ConfigurationError(f"model.levels: must have {list(SIDES)} among them")
            return Tried(_part(settings), settings)
        return chosen(series.panel, seasons, common, progress)

    def _naive(self, season: int, part: Forecaster) -> dict[str, Any]:
        told = part.model_dump(mode="json", include={"levels", "non_negative"})
        return {"kind": "seasonal_naive", "season": season, "horizon": self.horizon, **told}

    def _model(self, fitted: Fitted) -> Model:
        if "model" not in fitted.opened:
            part = _part(fitted.model["forecaster"])
            fitted.opened["model"] = part.load(fitted.model["model"])
        model: Model = fitted.opened["model"]
        return model

    def _told(self, series: Series) -> dict[str, Any]:
        told: dict[str, Any] = {
            "series": len(series.panel.names), "steps": len(series.panel),
            "seasons": list(self._seasons(series)),
        }  # fmt: skip
        missing = int(np.isnan(series.panel.value).sum())
        if missing:
            told["steps without a value"] = missing
        if series.doubled:
            told[f"rows that share a step ({self.gather})"] = series.doubled
        return told

    def _protocol(
        self, series: Series, table: Table, settings: dict[str, Any], split: str, rows: int
    ) -> Protocol:
        names = series.panel.names
        return Protocol(
            "forecast", table.digest, rows,
            len(names) if self.unit else 0, split, f"{settings['kind']} {digest(settings)}",
            threshold="band: errors of the last rows that were learned from",
        )  # fmt: skip


def _less_known(panel: Panel, which: int, season: int) -> Iterator[tuple[str, str, Panel]]:
    """The history with ever less of it: what is planned, then the newest stretch, then the one
    before, each as it usually was instead; what it is called, and what it was in series `which`."""
    now = len(panel)
    known = panel.known.copy()
    for i, name in enumerate(panel.known_names):
        planned, before = known[i, now:], known[i, :now]
        if np.isfinite(planned).any() and np.isfinite(before).any():
            shown = f"{_mean(planned):.4g}"
            known[i, now:] = np.nanmedian(before)
            yield f"planned {name}", shown, replace(panel, known=known.copy())
    stretch = season if season > 1 else max(now // 20, 1)
    value = panel.value.copy()
    for back in range(_BACK):
        first, last = now - (back + 1) * stretch, now - back * stretch
        if first < 2 * stretch:
            return
        starts = range(first % stretch, first, stretch)
        earlier = np.stack([value[:, start : start + stretch] for start in starts])
        told = np.isfinite(earlier)
        total = np.where(told, earlier, 0.0).sum(axis=0)
        usual = np.where(told.any(axis=0), total / np.maximum(told.sum(axis=0), 1), np.nan)
        shown = f"mean {_mean(value[which, first:last]):.4g}"
        value[:, first:last] = usual
        words = f"steps {back * stretch + 1} to {(back + 1) * stretch} ago"
        yield words, shown, replace(panel, known=known, value=value.copy())


def _part(settings: Mapping[str, Any]) -> Forecaster:
    return FORECASTERS.build(settings, "model")


def _band(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Where the band comes from, in a line."""
    bands = evidence.get("bands", {})
    if "source" not in bands:
        return {}
    return {"band": f"{bands['source']}; {bands.get('origins', 0)} origins"}


def _figures(ours: Rolled, theirs: Rolled) -> tuple[Figure, ...]:
    found = []
    for name, score in (
        ("MASE", scores.mase),
        ("scaled pinball loss", scores.scaled_quantile_loss),
    ):
        mine, naive = score(ours), score(theirs)
        found.append(Figure(name, _mean(mine), note=f"naive has {_mean(naive):.4g}"))
        value, (low, high) = scores.ratio(mine, naive, level=0.9)
        note = "below 1: better than as one season ago"
        found.append(Figure(f"{name} beside naive", value, low, high, note=note))
    error = np.abs(ours.truth - ours.quantile[..., 1])
    found += [
        Figure("MAE", _mean(error), note="of the median, in the unit of the target"),
        Figure("bias", _mean(ours.mean - ours.truth), note="above 0: told too much"),
        Figure("coverage", scores.coverage(ours, SIDES[0], SIDES[2]), note="0.9 is promised"),
        Figure("mean width", _mean(ours.quantile[..., 2] - ours.quantile[..., 0])),
    ]
    return tuple(found)


def _by_step(ours: Rolled, theirs: Rolled) -> tuple[dict[str, Any], ...]:
    """A few steps ahead, from the first to the last."""
    horizon = ours.truth.shape[2]
    rows = []
    for step in np.unique(np.geomspace(1, horizon, 8).round().astype(int)).tolist():
        at = (..., step - 1)
        truth, low, high = ours.truth[at], ours.quantile[(*at, 0)], ours.quantile[(*at, 2)]
        known = np.isfinite(truth) & np.isfinite(low)
        inside = (truth >= low) & (truth <= high)
        rows.append(
            {
                "steps ahead": step,
                "MAE": _mean(np.abs(truth - ours.quantile[(*at, 1)])),
                "naive": _mean(np.abs(truth - theirs.quantile[(*at, 1)])),
                "coverage": _mean(inside[known].astype(np.float64)),
            }
        )
    return tuple(rows)


def _by_series(ours: Rolled, theirs: Rolled, names: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    """Where the error is largest beside that of naive."""
    mine, naive = (
        [_mean(np.abs(r.truth[i] - r.quantile[i, ..., 1])) for i in range(len(names))]
        for r in (ours, theirs)
    )
    known = [i for i in range(len(names)) if np.isfinite(mine[i])]
    known.sort(key=lambda i: -mine[i] / max(naive[i], 1e-300))
    return tuple({"series": names[i], "MAE": mine[i], "naive": naive[i]} for i in known[:_SHOWN])


def _mean(value: Values) -> float:
    """Of what is known; NaN where nothing is."""
    known = value[np.isfinite(value)]
    return float(known.mean()) if len(known) else float("nan")
