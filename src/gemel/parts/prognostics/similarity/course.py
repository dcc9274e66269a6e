"""The course of a unit: a few numbers of its health at each row, and how they came about.

Health is what of the signals goes with the life that is left (partial least squares; Wold,
Sjöström and Eriksson, Chemometrics and Intelligent Laboratory Systems 58 (2001) 109): the first
number is the health index, the others are what that leaves out, such as which kind of wear it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import Covariates, Running
from gemel.parts.prognostics.base import Runs

__all__ = ["LOOKS", "Course", "Followed", "health_of"]

LOOKS: Final = 4
"""How often, over the stretch that is compared, the course is looked at."""
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Course:
    """From rows to courses.

    weight  float64[p,m]  what each covariate adds to each number of health
    step    rows from one look to the one before
    """

    covariates: Covariates
    weight: Values
    step: int

    @property
    def size(self) -> int:
        """Numbers of a course."""
        return LOOKS * int(self.weight.shape[1])

    def __call__(self, runs: Runs) -> Values:
        """float64[n, LOOKS * m]: health at each row, and before it; NaN before the first row."""
        x = self.covariates(runs)
        out = np.empty((len(x), self.size))
        for first, last in zip(runs.starts, runs.lasts, strict=True):
            _follow(x[first : last + 1], self.weight, self.step, self._blank(), 0,
                    out[first : last + 1])  # fmt: skip
        return out

    def start(self, state: dict[str, Any] | None = None) -> Followed:
        """Follow one unit from its first row, or from a state. Raises `DataError` for others."""
        return Followed(self, self._blank(), state)

    def _blank(self) -> Values:
        return np.full(((LOOKS - 1) * self.step + 1, self.weight.shape[1]), np.nan)

    def save(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "covariates": self.covariates.save(), "weight": self.weight.tolist(), "step": self.step
        }  # fmt: skip

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Course:
        """The one that `save` gave. Raises `ValueError` where its parts do not fit."""
        covariates = Covariates.load(saved["covariates"])
        found = cls(covariates, np.array(saved["weight"], np.float64), int(saved["step"]))
        shape = found.weight.shape
        if len(shape) != 2 or shape[0] != covariates.width or found.step < 1:
            raise ValueError("weights are of other signals")
        if not np.isfinite(found.weight).all():
            raise ValueError("weights are no numbers")
        return found


class Followed:
    """Of one unit, running."""

    def __init__(self, course: Course, ring: Values, state: dict[str, Any] | None) -> None:
        self._course, self._ring, self._seen = course, ring, 0
        if state is not None and state.get("version") != _VERSION:
            raise DataError(f"the state has version {state.get('version')}, expected {_VERSION}")
        if state is not None and not isinstance(state.get("past"), dict):
            raise DataError("not the state of a unit: it has no past")
        past = None if state is None else state["past"]
        self._past: Running = course.covariates.start(past)
        if state is not None:
            self._take(state)

    def __call__(self, value: Values) -> Values:
        out = np.empty((len(value), self._course.size))
        x = self._past(value)
        _follow(x, self._course.weight, self._course.step, self._ring, self._seen, out)
        self._seen += len(value)
        return out

    def state(self) -> dict[str, Any]:
        ring = self._ring.astype(object)
        ring[np.isnan(self._ring)] = None
        return {
            "version": _VERSION, "past": self._past.state(), "seen": self._seen,
            "ring": ring.tolist(),
        }  # fmt: skip

    def _take(self, state: dict[str, Any]) -> None:
        try:
            ring, seen = np.array(state["ring"], np.float64), int(state["seen"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not the state of a unit: {error}") from None
        if ring.shape != self._ring.shape or seen < 0:
            raise DataError("the state is of another model")
        self._ring, self._seen = ring, seen


def health_of(x: Values, y: Values, most: int) -> Values:
    """float64[p,m], m up to `most`: what covariates, float64[n,p], add to numbers of health that
    stand apart from one another and go with `y`, float64[n]; the first goes with it most. Each
    varies over the rows as much as it explains of `y`."""
    rest, left = x - x.mean(axis=0), y - y.mean()
    whole = float(np.sqrt(left @ left))
    columns, loads, ways = [], [], []
    for _ in range(min(most, x.shape[1])):
        way = rest.T @ left
        size = float(np.sqrt(way @ way))
        if size <= 1e-9 * max(whole, 1e-300):
            break
        way = way / size
        t = rest @ way
        length = float(t @ t)
        load = rest.T @ t / length
        rest = rest - np.outer(t, load)
        ways.append(way)
        loads.append(load)
        columns.append(float(t @ left) / np.sqrt(length) / max(whole, 1e-300) / np.sqrt(length))
    if not ways:
        raise DataError("nothing that the signals tell goes with the life that is left")
    w, p = np.array(ways).T, np.array(loads).T
    scaled = w @ np.linalg.inv(p.T @ w) * (np.array(columns) * np.sqrt(len(x)))
    return np.asarray(scaled)


@njit(nogil=True, cache=True)
def _follow(x: Any, weight: Any, step: int, ring: Any, seen: int, out: Any) -> None:
    width = weight.shape[1]
    for row in range(len(x)):
        place = (seen + row) % len(ring)
        for c in range(width):
            total = 0.0
            for j in range(len(weight)):
                total += x[row, j] * weight[j, c]
            ring[place, c] = total
        for look in range(out.shape[1] // width):
            back = look * step
            for c in range(width):
                there = ring[(place - back) % len(ring), c] if back <= seen + row else np.nan
                out[row, look * width + c] = there
