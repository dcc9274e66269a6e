"""Designs of experiments: which combinations of factors are played.

A design is points between −1 and 1, float64[points, factors], made from its number and the seed
alone; what they mean is said by `levels_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line.changes import FACTORS, Change, factor_of
from gemel.core.time import parse_duration
from gemel.twin.planning.experiments.settings import Factor, Range, Sweep

__all__ = ["Levels", "fractional", "latin_hypercube", "levels_of", "points_of", "resolution_of"]

MOST_POINTS: Final = 10_000_000
_LEAST_FACTOR: Final = 1e-9


class Levels:
    """What a factor may be: `change` says it for a point between −1 and 1.

    `values` are those of a list; None for a range. `is_number` tells whether they have an order, so
    that an effect is one number.
    """

    def __init__(self, path: str, factor: Factor) -> None:
        self.path = path
        self.values: tuple[Any, ...] | None = None
        self.is_number = True
        self._unit, self.whole = "", False
        if isinstance(factor, Range):
            self._low, low_unit = _number(path, factor.least)
            self._high, self._unit = _number(path, factor.most)
            self.whole = factor.whole or (
                isinstance(factor.least, int) and isinstance(factor.most, int)
                and self._unit == ""
            )  # fmt: skip
            if low_unit != self._unit:
                raise ConfigurationError(
                    f"from '{factor.least}' to '{factor.most}': write both as numbers, times or "
                    "factors", path,
                )  # fmt: skip
            if not self._low < self._high:
                raise ConfigurationError(f"from {factor.least} to {factor.most}: must rise", path)
            return
        if len(factor) < 2:
            raise ConfigurationError("a list of one value is no factor; write two or more", path)
        self.values = tuple(factor)
        try:
            numbers = [_number(path, v)[0] for v in factor]
            self.is_number = len({_number(path, v)[1] for v in factor}) == 1
        except ConfigurationError:
            self.is_number, numbers = False, []
        self._numbers = np.array(numbers)

    @property
    def count(self) -> int:
        """Distinct values; 0 for a range of real numbers."""
        if self.values is not None:
            return len(self.values)
        return int(self._high - self._low) + 1 if self.whole else 0

    def index(self, point: float) -> int:
        """Which of the values a point stands for."""
        many = self.count
        return min(int((point + 1) / 2 * many), many - 1)

    def value(self, point: float) -> Any:
        """As a change takes it."""
        if self.values is not None:
            return _as_factor(self.path, self.values[self.index(point)])
        number = self._low + (self._high - self._low) * (point + 1) / 2
        if self.whole:
            number = round(self._low) + self.index(point)
        if self._unit == "*":
            return f"*{float(max(number, _LEAST_FACTOR))!r}"
        if self._unit == "s":
            return f"{round(number * 1e9)} ns"
        return int(number) if self.whole else number

    def numbers(self, points: Values) -> Values:
        """The same for many points as float64[n]: numbers, factors, or seconds; only where it is
        a number."""
        if self.values is not None:
            return np.asarray(self._numbers[self._which(points)])
        if self.whole:
            return np.asarray(round(self._low) + self._which(points).astype(np.float64))
        return np.asarray(self._low + (self._high - self._low) * (points + 1) / 2)

    def told(self, points: Values) -> list[Any]:
        """Values for a table: numbers, or text."""
        if self.values is None or self.is_number:
            return list(self.numbers(points).tolist())
        return [str(self.values[i]) for i in self._which(points).tolist()]

    def _which(self, points: Values) -> npt.NDArray[np.int64]:
        many = self.count
        return np.minimum(((points + 1) / 2 * many).astype(np.int64), many - 1)

    def coded(self, points: Values) -> Values:
        """float64[n] between −1 and 1 by the value itself: levels of a list lie as far apart as
        their numbers do, whole numbers where they are. Without numbers, evenly."""
        many = self.count
        if not many:
            return points
        which = self._which(points)
        if self.values is None or not self.is_number:
            return np.asarray(2.0 * which / max(many - 1, 1) - 1)
        low, high = self._numbers.min(), self._numbers.max()
        return np.asarray(2 * (self._numbers[which] - low) / (high - low) - 1)

    def change(self, point: float) -> Change:
        return Change(self.path, self.value(point))


def _number(path: str, value: Any) -> tuple[float, str]:
    """A number and what it counts: '*' a factor, 's' a time, '' itself."""
    factor = factor_of(value)
    if factor is not None:
        return factor, "*"
    if isinstance(value, str):
        return parse_duration(value) / 1e9, "s"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"{value!r} is no number, time or factor", path)
    if path.removeprefix("stations.").count(".") == 1 and path.rpartition(".")[2] in FACTORS:
        if not value > 0:
            raise ConfigurationError(f"a factor of {value}, must be above 0", path)
        return float(value), "*"  # nothing else can be meant: a time has a unit
    return float(value), ""


def _as_factor(path: str, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"*{value}" if is_number and _number(path, value)[1] == "*" else value


def levels_of(factors: dict[str, Factor]) -> list[Levels]:
    """Raises `ConfigurationError`; its `where` is the path of the factor."""
    return [Levels(path, factor) for path, factor in factors.items()]


def points_of(sweep: Sweep, levels: Sequence[Levels], seed: int) -> Values:
    """float64[points, factors] between −1 and 1. Raises `ConfigurationError`."""
    k = len(levels)
    match sweep.design:
        case "factorial":
            return _factorial([level.count or sweep.levels for level in levels],
                              [level.count for level in levels])  # fmt: skip
        case "fractional":
            return fractional(k, sweep.resolution)
        case "latin_hypercube":
            return latin_hypercube(sweep.points, k, seed)
    return _sobol(sweep.points, k, seed)


def _factorial(counts: list[int], discrete: list[int]) -> Values:
    if prod(counts) > MOST_POINTS:
        raise ConfigurationError(
            f"{' · '.join(map(str, counts))} = {prod(counts):,} combinations, at most "
            f"{MOST_POINTS:,}; take fewer levels, or a latin_hypercube"
        )
    axes = [
        (2 * np.arange(n) + 1) / n - 1 if is_discrete else np.linspace(-1, 1, n)
        for n, is_discrete in zip(counts, discrete, strict=True)
    ]
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)


def latin_hypercube(points: int, factors: int, seed: int) -> Values:
    """Each factor in as many strata as there are points, one in each (M. D. McKay, R. J. Beckman
    and W. J. Conover, Technometrics 21 (1979) 239)."""
    random = np.random.default_rng([seed, 0x1A7])
    out = np.empty((points, factors))
    for j in range(factors):
        out[:, j] = 2 * (random.permutation(points) + random.random(points)) / points - 1
    return out


def _sobol(points: int, factors: int, seed: int) -> Values:
    try:
        from scipy.stats import qmc
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "scipy":
            raise
        raise ConfigurationError(
            "a design of sobol needs 'scipy': pip install 'gemel[learn]', or take latin_hypercube"
        ) from None
    engine = qmc.Sobol(factors, scramble=True, rng=np.random.default_rng([seed, 0x50B]))
    power = int(np.ceil(np.log2(points)))
    return np.asarray(2 * engine.random_base2(power)[:points] - 1)


def fractional(factors: int, resolution: int) -> Values:
    """Two levels, the fewest runs of a regular fraction that has the resolution at least.

    A resolution of 3 mixes main effects with interactions of two, 4 interactions of two with each
    other, 5 neither. Added factors are products of others, chosen one after the other, so that no
    word of the defining relation is shorter than the resolution (G. E. P. Box and J. S. Hunter,
    Technometrics 3 (1961) 311).
    """
    for base in range(1, min(factors, 20) + 1):
        words = _generators(factors, base, resolution)
        if words is None:
            continue
        runs = np.arange(2**base)
        bits = 2.0 * ((runs[:, None] >> np.arange(base)) & 1) - 1
        columns = [bits[:, i] for i in range(base)]
        columns += [
            np.prod([bits[:, i] for i in range(base) if word >> i & 1], axis=0) for word in words
        ]
        return np.stack(columns, axis=1)
    raise ConfigurationError(f"{factors} factors are too many for a fractional design")


def _generators(factors: int, base: int, resolution: int) -> list[int] | None:
    """Words of the added factors over the base, as bits; None where none are found."""
    words = [w for w in range(1, 2**base) if w.bit_count() >= resolution - 1]
    # Words of odd length never make one of three letters with each other: of resolution 4 there is
    # room for most of them. Long ones first are best where few are needed.
    for order in (
        sorted(words, key=lambda w: (w.bit_count() % 2 == 0, w.bit_count(), w)),
        sorted(words, key=lambda w: (w.bit_count(), w)),
        sorted(words, key=lambda w: (-w.bit_count(), w)),
    ):
        chosen: list[int] = []
        for word in order:
            if len(chosen) == factors - base:
                break
            # Of a new word and up to resolution − 2 of those that are there; more of them make a
            # word long enough by their own number.
            short = any(
                _joined(word, some).bit_count() + 1 + len(some) < resolution
                for size in range(1, resolution - 1)
                for some in combinations(chosen, size)
            )
            if not short:
                chosen.append(word)
        if len(chosen) == factors - base:
            return chosen
    return None


def _joined(word: int, some: Sequence[int]) -> int:
    for other in some:
        word ^= other
    return word


def resolution_of(points: Values) -> int:
    """The shortest product of columns that is the same in all runs: the resolution of a two-level
    design; beyond 5 it does not matter and 6 is told."""
    k = points.shape[1]
    for size in range(1, min(k, 5) + 1):
        for some in combinations(range(k), size):
            if abs(np.prod(points[:, some], axis=1).sum()) == len(points):
                return size
    return 6
