"""Lives that were lived, and how alike a course is to each stretch of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Values
from gemel.parts.prognostics.similarity.course import LOOKS

__all__ = ["Lives", "Measure", "chosen", "first"]

_DIGITS: Final = 5
"""Of courses that are kept; they vary by about 1."""
_NUMBERS: Final = (1, 2, 3, 4, 6)
_AGES: Final = (0.0, 0.3, 1.0)
_WIDTHS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Times the distance to the nearest life, each twice the one before; of these is chosen, …"""
_QUERIES: Final = 200
_OF: Final = 5_000
"""… by telling so many rows of each part from so many of the others."""
_LITTLE: Final = 1e-9
_NOTHING: Final = 40.0
"""Widths away at which a stretch weighs nothing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How distances are counted.

    numbers  of health that are compared, the first ones
    age      what a difference in age counts, of the spread of ages
    width    the mean squared difference at which a stretch weighs 0.37 of an equal one
    """

    numbers: int
    age: float
    width: float


@dataclass(frozen=True, slots=True)
class Lives:
    """Rows of units that were watched to their end, those with the least life left first.

    course  float64[n, LOOKS * m], NaN before the first row of a unit
    age     float64[n]
    left    float64[n]   life after the row
    unit    int64[n]     from 0
    lived   float64[u]   age of the last row of each unit
    ended   bool[u]      whether it failed then; else it only lived on beyond the cap
    """

    course: Values
    age: Values
    left: Values
    unit: npt.NDArray[np.int64]
    lived: Values
    ended: npt.NDArray[np.bool_]

    @classmethod
    def kept(
        cls, course: Values, age: Values, left: Values, unit: npt.NDArray[np.int64], lived: Values,
        ended: npt.NDArray[np.bool_], most: int,
    ) -> Lives:  # fmt: skip
        """Of more rows than `most`, only each second one, or third, and so on."""
        rows = np.arange(0, len(left), max(1, -(-len(left) // most)))
        rows = rows[np.argsort(left[rows], kind="stable")]
        return cls(np.round(course[rows], _DIGITS), age[rows], left[rows], unit[rows], lived, ended)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Lives:
        return Lives(
            self.course[rows], self.age[rows], self.left[rows], self.unit[rows], self.lived,
            self.ended,
        )  # fmt: skip

    def spread(self) -> float:
        """Of ages."""
        return float(self.age.std()) or 1.0

    def first(self, numbers: int, width: int) -> Lives:
        """With the first numbers of health alone, of `width`."""
        course = first(self.course, numbers, width)
        return Lives(course, self.age, self.left, self.unit, self.lived, self.ended)

    def told(
        self, course: Values, age: Values, measure: Measure, confidence: float
    ) -> tuple[Values, Values, Values]:
        """Mean, lower and upper end of the lives that were left, weighed by likeness, for rows of
        courses, float64[q, LOOKS * m]; an age that is NaN is not compared."""
        out = np.empty((3, len(course)))
        _tell(
            course, age, self.course, self.age, self.left, measure.numbers,
            measure.age / self.spread() ** 2, measure.width, (1 - confidence) / 2, out,
        )  # fmt: skip
        return out[0], out[1], out[2]

    def nearest(
        self, course: Values, age: float, measure: Measure, most: int
    ) -> list[tuple[int, float, float]]:
        """The units that weigh most in one row, float64[LOOKS * m]: which, its share of all, and
        the life that it had left where it was most alike."""
        weight = np.empty(len(self.left))
        _weigh(
            course[None], 0, age, self.course, self.age, measure.numbers,
            measure.age / self.spread() ** 2, measure.width, weight,
        )  # fmt: skip
        whole = np.bincount(self.unit, weight, len(self.lived)) / weight.sum()
        units = np.argsort(-whole, kind="stable")[:most].tolist()
        found = []
        for unit in units:
            mine = np.flatnonzero(self.unit == unit)
            if whole[unit] > 0 and len(mine):
                best = mine[weight[mine].argmax()]
                found.append((unit, float(whole[unit]), float(self.left[best])))
        return found


def chosen(asked: Sequence[tuple[Values, Values, Values, Lives]], width: int) -> Measure:
    """The measure under which rows of units are told best by lives of others.

    asked  parts, each of rows (courses of `width` numbers, ages, the truth) and of other lives
    """
    some = [_some(*part) for part in asked]
    best, found = np.inf, Measure(1, 0.0, 1.0)
    for numbers, age in product([n for n in _NUMBERS if n <= width], _AGES):
        distances = [
            _apart(first(course, numbers, width), ages, lives.first(numbers, width), age)
            for course, ages, _, lives in some
        ]
        base = float(np.median(np.concatenate([each.min(axis=1) for each in distances])))
        scales = np.maximum(base * np.array(_WIDTHS), 1e-12)
        missed = np.zeros(len(scales))
        for distance, (_, _, truth, lives) in zip(distances, some, strict=True):
            _missed(distance, truth, lives.left, float(scales[-1]), missed)
        place = int(missed.argmin())
        if missed[place] < best:
            best, found = float(missed[place]), Measure(numbers, age, float(scales[place]))
    return found


def _some(
    course: Values, age: Values, truth: Values, lives: Lives
) -> tuple[Values, Values, Values, Lives]:  # fmt: skip
    few = np.linspace(0, len(age) - 1, min(_QUERIES, len(age))).astype(np.int64)
    kept = np.arange(0, len(lives.left), max(1, -(-len(lives.left) // _OF)))
    return course[few], age[few], truth[few], lives.take(kept)


def first(course: Values, numbers: int, width: int) -> Values:
    """Courses, float64[n, LOOKS * width], of the first numbers of health alone."""
    looks = course.reshape(len(course), -1, width)[:, :, :numbers]
    return np.ascontiguousarray(looks.reshape(len(course), -1))


def _apart(course: Values, age: Values, lives: Lives, by_age: float) -> Values:
    numbers = course.shape[1] // LOOKS
    out = np.empty((len(course), len(lives.left)))
    _distances(
        course, age, lives.course, lives.age, numbers, by_age / lives.spread() ** 2, out
    )  # fmt: skip
    return out


@njit(nogil=True, cache=True)
def _distance(
    course: Any, row: int, age: float, courses: Any, i: int, other: float, numbers: int,
    by_age: float, far: float,
) -> float:  # fmt: skip
    """The mean squared difference over the looks that both have, and that of the ages; infinite
    where it is surely more than `far`."""
    size = course.shape[1]
    total, looks, most = 0.0, 0, far * (size // numbers)
    for begin in range(0, size, numbers):
        apart = course[row, begin] - courses[i, begin]
        if np.isnan(apart):
            break
        total += apart * apart
        for c in range(begin + 1, begin + numbers):
            apart = course[row, c] - courses[i, c]
            total += apart * apart
        looks += 1
        if total > most:
            return np.inf
    total /= looks
    if not np.isnan(age):
        total += by_age * (age - other) ** 2
    return total


@njit(nogil=True, cache=True)
def _distances(
    course: Any, age: Any, courses: Any, ages: Any, numbers: int, by_age: float, out: Any
) -> None:
    for row in range(len(course)):
        for i in range(len(ages)):
            out[row, i] = _distance(
                course, row, age[row], courses, i, ages[i], numbers, by_age, np.inf
            )


@njit(nogil=True, cache=True)
def _weigh(
    course: Any, row: int, age: float, courses: Any, ages: Any, numbers: int, by_age: float,
    width: float, out: Any,
) -> None:  # fmt: skip
    near = np.inf
    for i in range(len(out)):
        far = near + _NOTHING * width
        out[i] = _distance(course, row, age, courses, i, ages[i], numbers, by_age, far)
        near = min(near, out[i])
    for i in range(len(out)):
        # The nearest weighs 1, however far it is.
        apart = (out[i] - near) / width
        out[i] = np.exp(-apart) if apart < _NOTHING else 0.0


@njit(nogil=True, cache=True)
def _tell(
    course: Any, age: Any, courses: Any, ages: Any, left: Any, numbers: int, by_age: float,
    width: float, tail: float, out: Any,
) -> None:  # fmt: skip
    weight = np.empty(len(left))
    for row in range(len(course)):
        _weigh(course, row, age[row], courses, ages, numbers, by_age, width, weight)
        total, mean = 0.0, 0.0
        for i in range(len(left)):
            total += weight[i]
            mean += weight[i] * left[i]
        out[0, row] = mean / total
        gone, low = 0.0, False
        out[2, row] = left[-1]
        for i in range(len(left)):
            gone += weight[i]
            if not low and gone >= tail * total:
                out[1, row], low = left[i], True
            if gone >= (1.0 - tail) * total:
                out[2, row] = left[i]
                break


@njit(nogil=True, cache=True)
def _missed(distance: Any, truth: Any, left: Any, widest: float, out: Any) -> None:
    """The sum of squared errors of what the weighed lives tell, added to `out`, float64[w], by
    widths of which the last is the widest and each one before is half as wide."""
    total, mean = np.empty(len(out)), np.empty(len(out))
    for row in range(len(truth)):
        near = distance[row].min()
        total[:] = 0.0
        mean[:] = 0.0
        for i in range(len(left)):
            weight = np.exp((near - distance[row, i]) / widest)
            for w in range(len(out) - 1, -1, -1):
                if weight < _LITTLE:
                    break
                total[w] += weight
                mean[w] += weight * left[i]
                weight *= weight
        for w in range(len(out)):
            out[w] += (mean[w] / total[w] - truth[row]) ** 2
