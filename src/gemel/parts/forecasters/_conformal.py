"""What forecasters share: settings, a model, and bands from errors on held-out rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from gemel.core.boosting import Trees
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.forecasters.base import Forecast, Forecaster, Panel

__all__ = ["Bands", "Calibrated", "CalibratedModel", "Learned", "scales"]

Learned = Mapping[str, Any]
"""What a forecaster learned: arrays, none of them with NaN, and `Trees`, by name."""

VERSION: Final = 1
_PER_GROUP: Final = 100
"""Errors in a group; an extreme level of fewer is little more than their largest one."""
_MOST_GROUPS: Final = 24


def scales(value: Values, season: int) -> Values:
    """float64[s]: mean absolute seasonal difference of each series; 0 where it is constant.

    The scale of MASE (Hyndman and Koehler, Int. J. Forecasting 22 (2006) 679). Where no two rows a
    season apart are known, the mean absolute deviation from the median; 0 where nothing is known.
    """
    found = np.zeros(len(value))
    for i, row in enumerate(value):
        change = np.abs(row[season:] - row[:-season])
        change = change[np.isfinite(change)]
        known = row[np.isfinite(row)]
        if len(change):
            found[i] = change.mean()
        elif len(known):
            found[i] = np.abs(known - np.median(known)).mean()
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """Offsets from a forecast to its quantiles, in units of the series' scale.

    For each step errors are grouped by the forecast they belong to, and a quantile is taken in each
    group (Mondrian split conformal prediction; Vovk, Gammerman and Shafer, Algorithmic Learning in
    a Random World, 2005): low demand has other errors than high demand, a night other ones than a
    day. Between the groups' centres offsets lie on a straight line.

    levels  q
    centre  float64[h,g]    mean forecast of the groups, rising
    offset  float64[h,g,q]
    """

    levels: tuple[float, ...]
    centre: Values
    offset: Values

    @classmethod
    def of(cls, levels: tuple[float, ...], forecast: Values, error: Values) -> Bands:
        """From held-out forecasts [N,h] and errors [N,h,q], NaN where there is none."""
        steps, q = error.shape[1:]
        known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(error).all(axis=2))
        groups = min(max(int(known.sum(axis=0).min()) // _PER_GROUP, 1), _MOST_GROUPS)
        centre, offset = np.zeros((steps, groups)), np.zeros((steps, groups, q))
        for h in range(steps):
            at = np.flatnonzero(known[:, h])
            at = at[np.argsort(forecast[at, h], kind="stable")]
            for g, members in enumerate(np.array_split(at, groups)):
                centre[h, g] = forecast[members, h].mean()
                for j, level in enumerate(levels):
                    offset[h, g, j] = _conformal(error[members, h, j], level)
        return cls(levels, centre, offset)

    def offsets(self, forecast: Values) -> Values:
        """float64[s,h,q] for forecasts [s,h], both in units of the scale."""
        found = np.zeros((*forecast.shape, len(self.levels)))
        for h in range(forecast.shape[1]):
            for j in range(len(self.levels)):
                found[:, h, j] = np.interp(forecast[:, h], self.centre[h], self.offset[h, :, j])
        return found


def _conformal(error: Values, level: float) -> float:
    """The order statistic that a further exchangeable error is below with `level` or safer."""
    n = len(error)
    rank = ceil((n + 1) * level) if level >= 0.5 else floor((n + 1) * level)
    return float(np.partition(error, k := min(max(rank, 1), n) - 1)[k])


class Calibrated(Forecaster):
    """A forecaster whose bands come from rolling origins in the last part of its history.

    It learns from the rows before that part and forecasts from origins in it; the errors, step by
    step, give the bands. Then it learns again from all rows. A series that was constant has a band
    of no width, one without enough known values no forecast; `evidence` names both.
    """

    season: int = Field(1, ge=1, le=100_000, description="Rows of a season; 1: none")
    horizon: int = Field(24, ge=1, le=10_000, description="Most steps ahead that have a band")
    levels: tuple[float, ...] = Field(
        (0.05, 0.5, 0.95), min_length=1, description="Levels of the quantiles, rising, in (0, 1)"
    )
    non_negative: bool = Field(False, description="Forecasts below zero become zero")
    held_out: float = Field(
        0.3, gt=0, lt=1, description="Share of the history, its last, that bands are calibrated on"
    )
    origins: int = Field(
        400, ge=1, le=100_000, description="Most origins, evenly spread, to calibrate bands from"
    )

    kind: ClassVar[str]
    """Name in what is saved."""

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < level < 1 for level in levels) or list(levels) != sorted(set(levels)):
            raise ValueError(f"levels must rise and lie between 0 and 1, are {list(levels)}")
        return levels

    @abstractmethod
    def _least(self) -> int:
        """Rows that `_learn` needs."""

    @abstractmethod
    def _learn(self, history: Panel) -> Learned:
        """Parameters from all rows of a panel."""

    @abstractmethod
    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        """float64[s,o,h,1], or [s,o,h,1+q] with quantiles: from each origin, by rows before it."""

    def _scales(self, value: Values) -> Values:
        return scales(value, self.season)

    def _made(self, learned: Learned) -> dict[str, Any]:
        """What `evidence` says of the parameters."""
        return {}

    def fit(self, history: Panel) -> CalibratedModel:
        n, s = history.value.shape[1], len(history.names)
        needed = self.horizon - 1 + ceil(self._errors() / max(s, 1))
        rows = max(self._least() + needed, ceil(needed / self.held_out))
        if n < rows or not s:
            raise DataError(
                f"{self.kind} is given {s} series of {n} rows; for a horizon of {self.horizon} and "
                f"a season of {self.season} it needs at least {rows} rows of one series or more, "
                "fewer with a shorter horizon or milder levels"
            )
        cut = max(n - max(round(self.held_out * n), needed), self._least())
        count = min(self.origins, n - cut)
        origins = np.unique(np.linspace(cut, n - 1, count).round().astype(np.int64))
        bands, errors_used = self._calibrate(history, cut, origins)
        learned = self._learn(history)
        scale = self._scales(history.value)
        known = np.isfinite(history.value).any(axis=1)
        made = {
            "forecaster": self.kind,
            "window": [int(history.time[0]), int(history.time[-1])],
            "rows": {"all": n, "before_first_origin": cut, "held_out": n - cut},
            "series": {
                "of": s,
                "unknown": [history.names[i] for i in np.flatnonzero(~known)],
                "constant": [history.names[i] for i in np.flatnonzero(known & (scale == 0))],
            },
            "bands": {
                "source": "split conformal: errors on rolling origins after the fitted rows",
                "origins": len(origins),
                "errors_per_step": errors_used,
                "groups": bands.centre.shape[1],
            },
            "learned": self._made(learned),
        }
        return CalibratedModel(self, history.names, history.step, learned, scale, bands, made)

    def _errors(self) -> int:
        """Fewest errors of a step: of fewer, an extreme quantile would be their largest one."""
        tail = min(*self.levels, *(1 - level for level in self.levels))
        return ceil(1 / tail - 1e-9) - 1

    def _calibrate(
        self, history: Panel, cut: int, origins: npt.NDArray[np.int64]
    ) -> tuple[Bands, list[int]]:
        learned, n, h = self._learn(history.until(cut)), len(history), self.horizon
        found = self._paths(learned, history, origins, h)
        at = origins[:, None] + np.arange(h)
        truth = np.where(at < n, history.value[:, np.minimum(at, n - 1)], np.nan)
        scale = self._scales(history.value[:, :cut])
        with np.errstate(divide="ignore", invalid="ignore"):
            unit = np.where(scale > 0, 1 / scale, np.nan)[:, None, None]
            forecast = (found[..., 0] * unit).reshape(-1, h)
            base = found[..., 1:] if found.shape[3] > 1 else found[..., :1]
            error = ((truth[..., None] - base) * unit[..., None]).reshape(-1, h, base.shape[3])
        error = np.broadcast_to(error, (*error.shape[:2], len(self.levels)))
        count = np.isfinite(error).all(axis=2).sum(axis=0)
        if not (scale > 0).any():  # all constant: nothing to learn a band from, and none is needed
            flat = np.zeros((h, 1))
            return Bands(self.levels, flat, np.zeros((h, 1, len(self.levels)))), count.tolist()
        if count.min() < (least := self._errors()):
            raise DataError(
                f"{self.kind}: only {count.min()} errors {int(count.argmin()) + 1} steps ahead are "
                f"known on held-out rows; a band for {list(self.levels)} needs at least {least}: "
                "more rows, fewer missing values or a shorter horizon"
            )
        return Bands.of(self.levels, forecast, error), count.tolist()

    def load(self, saved: dict[str, Any]) -> CalibratedModel:
        if saved.get("version") != VERSION or saved.get("forecaster") != self.kind:
            raise DataError(
                f"a model of '{saved.get('forecaster')}' in version {saved.get('version')} cannot "
                f"be read, '{self.kind}' in version {VERSION} can; fit it again"
            )
        return CalibratedModel(
            self, tuple(saved["names"]), saved["step"],
            {name: _loaded(value) for name, value in saved["learned"].items()},
            np.array(saved["scale"], np.float64),
            Bands(tuple(saved["levels"]), np.array(saved["centre"]), np.array(saved["offset"])),
            saved["evidence"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedModel:
    """Parameters, scale [s] and bands; the settings say how a forecast is made of them."""

    forecaster: Calibrated
    names: tuple[str, ...]
    step: int
    learned: Learned
    scale: Values
    bands: Bands
    made: dict[str, Any]

    def forecast(self, history: Panel, horizon: int) -> Forecast:
        self._check(history, horizon)
        part, origin = self.forecaster, np.array([len(history)])
        found = part._paths(self.learned, history, origin, horizon)[:, 0]  # noqa: SLF001 - of its family
        mean = found[..., 0].copy()
        base = found[..., 1:] if found.shape[2] > 1 else found[..., :1]
        unit = np.where(self.scale > 0, self.scale, 1.0)[:, None]
        quantile = base + self.bands.offsets(mean / unit) * self.scale[:, None, None]
        if part.non_negative:
            mean, quantile = np.maximum(mean, 0.0), np.maximum(quantile, 0.0)
        # Sorting, not cutting: it never makes the pinball loss larger (Chernozhukov,
        # Fernandez-Val and Galichon, Econometrica 78 (2010) 1093).
        quantile = np.sort(quantile, axis=2)
        time = history.time[-1] + self.step * np.arange(1, horizon + 1, dtype=np.int64)
        return Forecast(self.names, time, mean, self.bands.levels, quantile)

    def _check(self, history: Panel, horizon: int) -> None:
        if history.names != self.names:
            raise DataError(
                f"the history has {len(history.names)} series {list(history.names[:3])}, the model "
                f"was fitted on {len(self.names)} series {list(self.names[:3])}, in this order"
            )
        least = max(self.forecaster._least(), 2)  # noqa: SLF001 - of its family
        if len(history) < least:
            raise DataError(f"a history of {len(history)} rows; it needs at least {least}")
        if history.step != self.step:
            raise DataError(
                f"the history has a step of {history.step} ns, the model one of {self.step} ns"
            )
        most = len(self.bands.centre)
        if not 1 <= horizon <= most:
            raise DataError(
                f"{horizon} steps ahead are asked for, bands are calibrated for 1 to {most}; set "
                "`horizon` and fit again"
            )

    def save(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "forecaster": self.forecaster.kind,
            "names": list(self.names),
            "step": self.step,
            "learned": {name: _saved(value) for name, value in self.learned.items()},
            "scale": self.scale.tolist(),
            "levels": list(self.bands.levels),
            "centre": self.bands.centre.tolist(),
            "offset": self.bands.offset.tolist(),
            "evidence": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return self.made


def _saved(value: Any) -> dict[str, Any]:
    if isinstance(value, Trees):
        return {"trees": value.save()}
    return {"dtype": value.dtype.str, "shape": list(value.shape), "data": value.ravel().tolist()}


def _loaded(saved: dict[str, Any]) -> Any:
    if "trees" in saved:
        return Trees.load(saved["trees"])
    return np.array(saved["data"], saved["dtype"]).reshape(saved["shape"])
