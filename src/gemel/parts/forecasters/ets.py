"""Exponential smoothing: a level, a damped trend and seasons that follow the newest rows."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.frame import Values
from gemel.parts.forecasters._conformal import Calibrated, Learned
from gemel.parts.forecasters.base import Panel

__all__ = ["ETS"]

_FORMS: Final = ("simple", "damped", "seasonal", "damped_seasonal")
"""Bit 0: a damped trend; bit 1: seasons."""


class ETS(Calibrated):
    """Exponential smoothing with additive errors, its weights fitted and its form chosen.

    - `simple`: a level alone; `damped`: with Holt's trend, damped (Gardner and McKenzie, Management
      Science 31 (1985) 1237); `seasonal` and `damped_seasonal`: with additive seasons (Winters).
    - `auto` takes for each series the form with the smallest corrected information criterion,
      AICc (Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, 7.2).
    - Weights make the squared errors one step ahead smallest, by a pattern search in their bounds.
    - States begin from the first rows of the history at hand (two seasons, or four rows), which are
      not counted, so that a model fits any later history. An unknown row leaves the level where
      trend and season put it.
    """

    kind: ClassVar[str] = "ets"

    form: Literal["auto", "simple", "damped", "seasonal", "damped_seasonal"] = Field(
        "auto", description="Form of all series; chosen for each by AICc if `auto`"
    )

    def _least(self) -> int:
        return _warm(self.season) + 8

    def _learn(self, history: Panel) -> Learned:
        if self.form != "auto":
            forms = [_FORMS.index(self.form)]
        else:
            forms = [0, 1] if self.season == 1 else [0, 1, 2, 3]
        form, weights = _fit(
            np.ascontiguousarray(history.value), self.season, np.array(forms), _warm(self.season)
        )
        return {"form": form, "weights": weights}

    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        value = np.ascontiguousarray(history.value)
        found = np.full((len(value), len(origins), horizon), np.nan)
        for i, row in enumerate(value):
            form, weights = int(learned["form"][i]), learned["weights"][i]
            _smooth(row, self.season, form, weights, _warm(self.season), origins, found[i])
        return found[..., None]

    def _made(self, learned: Learned) -> dict[str, Any]:
        count = np.bincount(learned["form"], minlength=4)
        return {"forms": {name: int(count[i]) for i, name in enumerate(_FORMS) if count[i]}}


def _warm(season: int) -> int:
    """Rows that states begin from."""
    return 2 * season if season > 1 else 4


@njit(nogil=True, cache=True)
def _begin(y: Values, season: int, form: int, warm: int) -> tuple[float, float, Values]:
    """Level before row 0, trend and seasons, from the first `warm` rows that are known."""
    seasons = np.zeros(season)
    first = -1
    known = 0
    for t in range(len(y)):
        if not np.isnan(y[t]):
            known += 1
            if first < 0:
                first = t
    if first < 0:
        return np.nan, 0.0, seasons
    last = min(first + warm, len(y))
    total, count = 0.0, 0
    for t in range(first, last):
        if not np.isnan(y[t]):
            total += y[t]
            count += 1
    if form >= 2:
        level = total / count
        found = np.zeros(season)
        for t in range(first, last):
            if not np.isnan(y[t]):
                seasons[t % season] += y[t] - level
                found[t % season] += 1
        for j in range(season):
            seasons[j] /= max(found[j], 1.0)
        return level, 0.0, seasons
    if form == 0:
        return y[first], 0.0, seasons
    trend, rows = 0.0, 0
    for t in range(last - 1, first, -1):
        if not np.isnan(y[t]):
            trend, rows = (y[t] - y[first]) / (t - first), t
            break
    return y[first] - trend if rows else y[first], trend, seasons


@njit(nogil=True, cache=True)
def _smooth(
    y: Values,
    season: int,
    form: int,
    weights: Values,
    warm: int,
    origins: npt.NDArray[np.int64],
    out: Values,
) -> tuple[float, int]:
    """Fill out [o,h] with forecasts from rising origins; squared errors after `warm`, and rows."""
    alpha, damping = weights[0], weights[2] if form % 2 else 1.0
    beta = alpha * weights[1] if form % 2 else 0.0
    gamma = (1 - alpha) * weights[3] if form >= 2 else 0.0
    level, trend, seasons = _begin(y, season, form, warm)
    total, rows, at, begun = 0.0, 0, 0, 0
    for t in range(len(y) + 1):
        while at < len(origins) and origins[at] == t:
            ahead, grown = trend * damping, 0.0
            for k in range(out.shape[1]):
                grown += ahead
                ahead *= damping
                out[at, k] = level + grown + seasons[(t + k) % season] if begun else np.nan
            at += 1
        if t == len(y) or (begun == 0 and np.isnan(y[t])):
            continue
        expected = level + trend * damping + seasons[t % season]
        if begun == 0 and form == 1:
            expected = level + trend  # the first row itself, without an error
        begun = 1
        error = 0.0 if np.isnan(y[t]) else y[t] - expected
        if t >= warm and not np.isnan(y[t]):
            total += error * error
            rows += 1
        level = expected - seasons[t % season] + alpha * error
        trend = trend * damping + beta * error
        seasons[t % season] += gamma * error
    return total, rows


@njit(nogil=True, cache=True)
def _search(y: Values, season: int, form: int, warm: int) -> tuple[float, int, Values]:
    """Pattern search in the box of the weights: along each axis, with a step that halves."""
    low = np.array([0.001, 0.0, 0.8, 0.0])
    high = np.array([0.999, 1.0, 0.98, 1.0])
    used = np.array([True, form % 2 == 1, form % 2 == 1, form >= 2])
    nowhere, nothing = np.zeros(0, np.int64), np.zeros((0, 0))
    best = np.array([0.1, 0.05, 0.95, 0.05])
    least, rows = _smooth(y, season, form, best, warm, nowhere, nothing)
    for start in (0.02, 0.3, 0.6, 0.9):
        tried = np.array([start, 0.1, 0.9, 0.2])
        loss, _ = _smooth(y, season, form, tried, warm, nowhere, nothing)
        if loss < least:
            least, best = loss, tried
    step = 0.2
    while step > 0.002:
        moved = False
        for axis in range(4):
            if not used[axis]:
                continue
            for sign in (-1.0, 1.0):
                tried = best.copy()
                moved_to = best[axis] + sign * step * (high[axis] - low[axis])
                tried[axis] = min(max(moved_to, low[axis]), high[axis])
                loss, _ = _smooth(y, season, form, tried, warm, nowhere, nothing)
                if loss < least:
                    least, best, moved = loss, tried, True
        if not moved:
            step /= 2
    return least, rows, best


@njit(nogil=True, cache=True)
def _fit(
    value: Values, season: int, forms: npt.NDArray[np.int64], warm: int
) -> tuple[npt.NDArray[np.int64], Values]:
    """Form [s] and weights [s,4]."""
    s = len(value)
    chosen = np.full(s, forms[0])
    weights = np.zeros((s, 4))
    for i in range(s):
        least = np.inf
        for form in forms:
            loss, rows, found = _search(value[i], season, form, warm)
            states = 1 + form % 2 + (season if form >= 2 else 0)
            free = 1 + states + 1 + 2 * (form % 2) + (1 if form >= 2 else 0)
            if rows > free + 1:
                criterion = rows * np.log(max(loss, 1e-300) / rows) + 2 * free
                criterion += 2 * free * (free + 1) / (rows - free - 1)
            else:
                criterion = 1e300 + free
            if criterion < least:
                least = criterion
                chosen[i] = form
                weights[i] = found
    return chosen, weights
