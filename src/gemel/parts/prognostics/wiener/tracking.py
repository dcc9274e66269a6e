"""Level and drift of an indicator, row by row: a Kalman filter, and its numbers by likelihood.

    level' = level + drift dt + diffusion,  drift' = drift + wander,  seen = level + noise

The model of Si, Wang, Hu and Zhou, Mechanical Systems and Signal Processing 35 (2013) 219, with
noise in what is seen. Rows may lie any time apart; a row without a value only lets time pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from math import exp, inf, log, pi
from typing import Any, Final

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.parts.prognostics.base import Runs

__all__ = ["SIZE", "Wear", "follow"]

SIZE: Final = 6
"""Numbers that say where a unit stands: the age of its last row, level, drift, and their variances
(of the level, of both together, of the drift)."""
_MANY: Final = 5
"""From so many units is learned how drifts differ between units; fewer say little about others."""
_STEPS: Final = 400
_WIDE: Final = 10.0
_SMALL: Final = 1e-12
_FAR: Final = 60.0
"""Logarithms of variances beyond this, relative to the signal, are not looked at."""


@dataclass(frozen=True, slots=True)
class Wear:
    """How an indicator moves.

    noise             variance of what is seen about the level
    diffusion         variance of the level per time
    wander            variance of the drift per time
    level, level_spread  of a new unit: mean and variance
    drift, drift_spread  of a new unit: mean and variance, per time and its square
    """

    noise: float
    diffusion: float
    wander: float
    level: float
    level_spread: float
    drift: float
    drift_spread: float

    def new(self) -> Values:
        """float64[6]: where a unit stands of which nothing was seen."""
        return np.array([np.nan, self.level, self.drift, self.level_spread, 0.0, self.drift_spread])

    def array(self) -> Values:
        return np.array(astuple(self))

    @classmethod
    def fit(cls, runs: Runs, y: Values) -> tuple[Wear, float]:
        """The most likely numbers for an indicator, float64[n], that moves; and log likelihood."""
        known = np.isfinite(y)
        size = float(np.std(y[known]))
        steps = np.diff(runs.age)[np.diff(runs.unit) == 0]
        dt = float(np.median(steps)) if len(steps) else 1.0
        first, drifts, jump = _looks(runs, y)
        many = len(drifts) >= _MANY
        slope = float(np.mean(drifts)) if many else 0.0
        differ = float(np.var(drifts) if many else np.mean(drifts**2))
        start, wide = float(np.median(first)), _WIDE * size**2

        about = log(max(jump / size**2, _SMALL))
        differs = log(max(differ * dt**2 / size**2, _SMALL))
        begin = np.array([about - 1, about - 1, differs - 3, differs, 0.0])
        width = np.array([1.0, 1.0, 2.0, 1.0, exp(differs / 2)])
        free = len(begin) if many else 3

        def wear(found: Values) -> Wear:
            point = np.append(found, begin[free:])
            noise, diffusion, wander, spread = size**2 * np.exp(point[:4])
            drift = slope + float(point[4]) * size / dt
            return cls(
                float(noise), float(diffusion) / dt, float(wander) / dt**3, start, wide,
                drift, float(spread) / dt**2,
            )  # fmt: skip

        def unlikely(found: Values) -> float:
            if np.abs(found).max() > _FAR:
                return inf
            return -_likelihood(runs, y, wear(found))

        found, least = _downhill(unlikely, begin[:free], width[:free])
        return wear(found), -least


def follow(runs: Runs, y: Values, wear: Wear) -> Values:
    """float64[n,5]: level, drift and their variances at each row, from those up to it."""
    out = np.empty((len(y), SIZE - 1))
    ends = np.append(runs.starts[1:], len(y))
    _runs(runs.starts, ends, runs.age, y, wear.array(), wear.new(), out)
    return out


def _likelihood(runs: Runs, y: Values, wear: Wear) -> float:
    out = np.empty((len(y), SIZE - 1))
    ends = np.append(runs.starts[1:], len(y))
    found = float(_runs(runs.starts, ends, runs.age, y, wear.array(), wear.new(), out))
    return found if np.isfinite(found) else -inf


def _looks(runs: Runs, y: Values) -> tuple[Values, Values, float]:
    """First values of units, their drifts on the whole, and how far rows lie apart, squared."""
    first, drifts, jumps = [], [], []
    for a, b in zip(runs.starts, np.append(runs.starts[1:], len(y)), strict=True):
        mine = np.flatnonzero(np.isfinite(y[a:b])) + a
        if not len(mine):
            continue
        first.append(y[mine[0]])
        if len(mine) > 1:
            drifts.append((y[mine[-1]] - y[mine[0]]) / (runs.age[mine[-1]] - runs.age[mine[0]]))
            jumps.append(np.diff(y[mine]))
    apart = np.concatenate(jumps) if jumps else np.zeros(1)
    return np.array(first), np.array(drifts or [0.0]), float(np.mean(apart**2))


def _downhill(f: Callable[[Values], float], begin: Values, step: Values) -> tuple[Values, float]:
    """The simplex of Nelder and Mead (1965), twice; the second time from what the first found.

    Our own, since a live twin fits with what it has, and SciPy is no part of that.
    """
    best, value = begin, f(begin)
    for _ in range(2):
        points = [best] + [best + step * e for e in np.eye(len(best))]
        values = [value] + [f(p) for p in points[1:]]
        for _ in range(_STEPS):
            order = np.argsort(values, kind="stable")
            points, values = [points[i] for i in order], [values[i] for i in order]
            if values[-1] - values[0] < 1e-6 * (1 + abs(values[0])):
                break
            centre = np.mean(points[:-1], axis=0)
            away = centre - points[-1]
            tried = centre + away
            there = f(tried)
            if there < values[0]:
                further = centre + 2 * away
                if (beyond := f(further)) < there:
                    tried, there = further, beyond
            elif there >= values[-2]:
                tried = centre + (0.5 if there < values[-1] else -0.5) * away
                there = f(tried)
            if there < values[-1]:
                points[-1], values[-1] = tried, there
            else:
                points = [points[0]] + [(points[0] + p) / 2 for p in points[1:]]
                values = [values[0]] + [f(p) for p in points[1:]]
        place = int(np.argmin(values))
        best, value = points[place], values[place]
    return best, float(value)


@njit(nogil=True, cache=True)
def _runs(starts: Any, ends: Any, age: Any, y: Any, wear: Any, new: Any, out: Any) -> float:
    total = 0.0
    for unit in range(len(starts)):
        a, b = starts[unit], ends[unit]
        total += step(age[a:b], y[a:b], wear, new.copy(), out[a:b])
    return total


@njit(nogil=True, cache=True)
def step(age: Any, y: Any, wear: Any, at: Any, out: Any) -> float:
    """Follow one unit over further rows; `at`, float64[6], goes with it. The log likelihood."""
    noise, diffusion, wander = wear[0], wear[1], wear[2]
    total = 0.0
    for row in range(len(y)):
        dt = 0.0 if np.isnan(at[0]) else age[row] - at[0]
        at[0] = age[row]
        at[1] += at[2] * dt
        at[3] += (2.0 * at[4] + at[5] * dt + wander * dt * dt / 3.0 + diffusion) * dt
        at[4] += (at[5] + wander * dt / 2.0) * dt
        at[5] += wander * dt
        if not np.isnan(y[row]):
            apart = y[row] - at[1]
            spread = at[3] + noise
            if spread > 0.0:
                total -= 0.5 * (np.log(2.0 * pi * spread) + apart * apart / spread)
                level, drift = at[3] / spread, at[4] / spread
                at[1] += level * apart
                at[2] += drift * apart
                at[5] -= drift * at[4]
                at[4] *= 1.0 - level
                at[3] *= 1.0 - level
        out[row, :] = at[1:]
    return total
