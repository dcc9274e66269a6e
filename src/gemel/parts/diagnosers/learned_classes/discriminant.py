"""Classes with a mean each and a spread in common; and how far a point is from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.diagnosers._cases import finite, numbers

__all__ = ["Discriminant", "Stages", "fit_stages"]


@dataclass(frozen=True, slots=True)
class Discriminant:
    """columns      k numbers of the features that it looks at
    kinds        numbers of the classes that it tells
    centre, scale  float64[k]  features are looked at in these units
    mean         float64[kinds, k]
    spread       float64[k, k]: covariance about the means
    """

    columns: tuple[int, ...]
    kinds: tuple[int, ...]
    centre: Values
    scale: Values
    mean: Values
    spread: Values

    @classmethod
    def fit(
        cls, value: Values, label: Any, weight: Values, columns: Any, shrinkage: float
    ) -> Discriminant:
        """Of rows, float64[n, all features]; what is missing now and then is the class's mean."""
        x = value[:, columns]
        centre, scale = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
        x = (x - centre) / scale
        kinds = np.unique(label)
        mean = np.zeros((len(kinds), x.shape[1]))
        for i, kind in enumerate(kinds):
            mine = label == kind
            known = np.isfinite(x[mine])
            w = weight[mine, None] * known
            mean[i] = (np.where(known, x[mine], 0) * w).sum(axis=0) / w.sum(axis=0)
        own = mean[np.searchsorted(kinds, label)]
        away = np.where(np.isfinite(x), x - own, 0.0)
        spread = (away * weight[:, None]).T @ away / weight.sum()
        even = max(float(np.trace(spread)) / len(spread), 1e-9)
        spread = (1 - shrinkage) * spread + shrinkage * even * np.eye(len(spread))
        return cls(tuple(map(int, columns)), tuple(map(int, kinds)), centre, scale, mean, spread)

    def distance(self, point: Values) -> Values:
        """Squared Mahalanobis distance to each of `kinds`, of a point, float64[all features]; by
        what of it is known. NaN where nothing is."""
        x, known = self._seen(point)
        if not known.any():
            return np.full(len(self.kinds), np.nan)
        away = (x - self.mean)[:, known]
        return np.asarray((away * self._solve(away, known)).sum(axis=1))

    def distances(self, points: Values) -> Values:
        """`distance` of each of many points, float64[n, all features]: float64[n, kinds]."""
        x = (points[:, list(self.columns)] - self.centre) / self.scale
        there = np.isfinite(x)
        found = np.full((len(x), len(self.kinds)), np.nan)
        patterns, pattern = np.unique(there, axis=0, return_inverse=True)
        for number, known in enumerate(patterns):
            if not known.any():
                continue
            rows = np.flatnonzero(pattern.reshape(-1) == number)
            mine = x[np.ix_(rows, known)]
            for place, mean in enumerate(self.mean):
                away = mine - mean[known]
                found[rows, place] = (away * self._solve(away, known)).sum(axis=1)
        return found

    def level(self, kind: int) -> tuple[Values, Values]:
        """Mean of a class and spread about it, float64[k] each, in the features' own units."""
        mean = self.mean[self.kinds.index(kind)] * self.scale + self.centre
        return mean, np.sqrt(np.diag(self.spread)) * self.scale

    def known(self, point: Values) -> int:
        """How many of its features a point has."""
        return int(np.isfinite(point[list(self.columns)]).sum())

    def between(self, one: Values, other: Values) -> float:
        """Squared distance of two points, halved, since both vary; per feature."""
        a, known = self._seen(one)
        b, too = self._seen(other)
        known &= too
        away = (a - b)[None, known]
        return float((away * self._solve(away, known)).sum()) / 2 / max(int(known.sum()), 1)

    def odds(self, point: Values, first: int, second: int) -> Values:
        """What each feature adds to the logarithm of the odds of two classes, float64[k]."""
        x, known = self._seen(point)
        a, b = self.mean[self.kinds.index(first)], self.mean[self.kinds.index(second)]
        share = np.zeros(len(x))
        if known.any():
            pull = self._solve((a - b)[None, known], known)[0]
            share[known] = pull * (x - (a + b) / 2)[known]
        return share

    def away(self, point: Values, kind: int) -> Values:
        """What each feature adds to the squared distance from a class, float64[k]."""
        x, known = self._seen(point)
        away = (x - self.mean[self.kinds.index(kind)])[known]
        share = np.zeros(len(x))
        share[known] = away * self._solve(away[None], known)[0]
        return share

    def with_class(self, kind: int, point: Values) -> Discriminant:
        """With one class more, whose mean is `point`, float64[all features]."""
        x, known = self._seen(point)
        if not known.all():
            raise DataError("a class cannot be learned from examples that lack features")
        return replace(self, kinds=(*self.kinds, kind), mean=np.vstack([self.mean, x]))

    def save(self) -> dict[str, Any]:
        arrays = {n: finite(getattr(self, n)) for n in ("centre", "scale", "mean", "spread")}
        return {"columns": list(self.columns), "kinds": list(self.kinds), **arrays}

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Discriminant:
        columns, kinds = tuple(map(int, saved["columns"])), tuple(map(int, saved["kinds"]))
        k = len(columns)
        return cls(
            columns, kinds, numbers(saved["centre"], (k,)), numbers(saved["scale"], (k,)),
            numbers(saved["mean"], (len(kinds), k)), numbers(saved["spread"], (k, k)),
        )  # fmt: skip

    def _seen(self, point: Values) -> tuple[Values, npt.NDArray[np.bool_]]:
        x = (point[list(self.columns)] - self.centre) / self.scale
        return x, np.isfinite(x)

    def _solve(self, away: Values, known: npt.NDArray[np.bool_]) -> Values:
        spread = self.spread if known.all() else self.spread[np.ix_(known, known)]
        return np.asarray(np.linalg.solve(spread, away.T).T)


@dataclass(frozen=True, slots=True)
class Stages:
    """`common` tells all classes by what all of them have; `whole`, where some class lacks some
    features, tells the others among themselves by everything."""

    common: Discriminant
    whole: Discriminant | None = None

    def probability(self, point: Values, sharpness: float, classes: int) -> Values:
        """Of each class, float64[classes]; classes are equally probable beforehand."""
        found = np.zeros(classes)
        found[list(self.common.kinds)] = _share(self.common.distance(point), sharpness)
        if self.whole is not None:
            mine = list(self.whole.kinds)
            found[mine] = found[mine].sum() * _share(self.whole.distance(point), sharpness)
        return found

    def each(self, points: Values, sharpness: float, classes: int) -> tuple[Values, Values]:
        """`probability` of each of many points, float64[n, classes], and how `far` each is from
        the most probable class, float64[n, 2]."""
        told = np.zeros((len(points), classes))
        far = np.zeros((len(points), 2))
        stages = [stage for stage in (self.common, self.whole) if stage is not None]
        distances = [stage.distances(points) for stage in stages]
        told[:, list(self.common.kinds)] = _shares(distances[0], sharpness)
        if self.whole is not None:
            mine = list(self.whole.kinds)
            told[:, mine] = told[:, mine].sum(axis=1)[:, None] * _shares(distances[1], sharpness)
        first = told.argmax(axis=1)
        for i, (stage, distance) in enumerate(zip(stages, distances, strict=True)):
            count = np.isfinite(points[:, list(stage.columns)]).sum(axis=1)
            near = np.isin(first, stage.kinds) & (count > 0)
            far[near, i] = distance[near].min(axis=1) / count[near]
        return told, far

    def stage(self, *kinds: int) -> Discriminant:
        """The one that tells these classes by most features."""
        if self.whole is not None and set(kinds) <= set(self.whole.kinds):
            return self.whole
        return self.common

    def far(self, point: Values, kind: int) -> Values:
        """Mean squared distance per feature from the nearest class, float64[2]: in the common
        stage, and in the whole one; 0 where that says nothing of `kind`."""
        found = np.zeros(2)
        for i, stage in enumerate((self.common, self.whole)):
            if stage is not None and kind in stage.kinds and (k := stage.known(point)):
                found[i] = stage.distance(point).min() / k
        return found

    def with_class(self, kind: int, point: Values) -> Stages:
        """With one class more."""
        whole = self.whole.with_class(kind, point) if self.whole is not None else None
        return Stages(self.common.with_class(kind, point), whole)


def fit_stages(value: Values, label: Any, weight: Values, shrinkage: float) -> Stages:
    """Of rows, float64[n, k], NaN where unknown, and their classes, int64[n]; `weight` float64[n].

    Raises `DataError` where no feature is there in every class.
    """
    kinds = np.unique(label)
    there = np.array([np.isfinite(value[label == kind]).any(axis=0) for kind in kinds])
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduce(value, axis=0), np.fmax.reduce(value, axis=0)
    varies = high > low
    in_all = there.all(axis=0) & varies
    if not in_all.any():
        raise DataError("no feature that varies is known in every class; nothing can be told apart")
    common = Discriminant.fit(value, label, weight, np.flatnonzero(in_all), shrinkage)
    more = there.any(axis=0) & varies
    complete = kinds[there[:, more].all(axis=1)]
    if (in_all == more).all() or len(complete) < 2:
        return Stages(common)
    mine = np.isin(label, complete)
    part = value[mine]
    more &= np.fmax.reduce(part, axis=0) > np.fmin.reduce(part, axis=0)
    whole = Discriminant.fit(part, label[mine], weight[mine], np.flatnonzero(more), shrinkage)
    return Stages(common, whole)


def _share(distance: Values, sharpness: float) -> Values:
    if np.isnan(distance).any():
        return np.full(len(distance), 1 / len(distance))
    weight = np.exp(-0.5 * sharpness * (distance - distance.min()))
    return np.asarray(weight / weight.sum())


def _shares(distance: Values, sharpness: float) -> Values:
    """`_share` of each row; classes are even where nothing is known."""
    distance = np.where(np.isnan(distance), 0.0, distance)
    weight = np.exp(-0.5 * sharpness * (distance - distance.min(axis=1, keepdims=True)))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
