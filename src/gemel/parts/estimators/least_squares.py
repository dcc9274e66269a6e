"""A number by least squares: the soft sensor that can be checked with a pencil."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.estimators.base import Estimate, Estimator, Examples, Folds, Reasons

__all__ = ["LeastSquares"]

_VERSION: Final = 1
_LEAST: Final = 20
_PENALTIES: Final = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)
"""Relative to the variance of a standardised column; the greater, the nearer to the mean."""
_WIDEST: Final = 30
"""Columns of which squares and products are tried at most."""


class LeastSquares(Estimator):
    """A number from the features of one row: a sum of columns, each times a weight.

    Columns are centred and scaled; unknown is the mean, a word is a column of its own. Squares and
    products of two columns are added where that lowers the error on held-out rows by more than its
    standard error; the penalty on weights (ridge) is chosen there as well. Beyond the values that
    it was fitted on, squares and products stay as they are at the edge, since a parabola runs away.
    The interval is split conformal: the quantile of errors on held-out rows.
    """

    curved: bool = Field(True, description="Try squares and products as well")
    confidence: float = Field(0.9, gt=0, lt=1, description="How often an interval is to be right")

    def fit(self, examples: Examples, folds: Folds) -> _Model:
        if examples.classes:
            raise DataError(
                f"the answer is a class ({', '.join(examples.classes[:3])}); least_squares tells "
                "numbers, `quality` tells classes"
            )
        if len(examples) < _LEAST:
            raise DataError(
                f"{len(examples)} rows with a known answer; at least {_LEAST} are needed"
            )
        if len(np.unique(examples.target)) < 2:
            raise DataError("all rows have the same answer; there is nothing to learn")
        best: tuple[float, bool, float, Values] | None = None
        for curved in (False, True) if self.curved and len(examples.names) <= _WIDEST else (False,):
            found = [(p, _held_out(examples, folds, p, curved=curved)) for p in _PENALTIES]
            penalty, error = min(found, key=lambda item: float(np.mean(item[1] ** 2)))
            square = error**2
            mean = float(square.mean())
            if best is not None:
                better = best[3] ** 2 - square
                if better.mean() <= better.std() / np.sqrt(len(better)):
                    continue
            best = (mean, curved, penalty, error)
        assert best is not None  # noqa: S101 - the first try always counts
        mean, curved, penalty, error = best
        reach = np.sort(np.abs(error))
        place = min(int(np.ceil((len(reach) + 1) * self.confidence)), len(reach)) - 1
        made = {
            "rows": len(examples),
            "features": len(examples.names),
            "form": "sums, squares and products" if curved else "sums",
            "penalty": penalty,
            "interval": f"{self.confidence:.0%} of the errors on {len(reach)} held-out rows",
            "error": float(np.sqrt(mean)),
        }
        return _fitted(examples, penalty, float(reach[place]), made, curved=curved)

    def load(self, saved: dict[str, Any]) -> _Model:
        if (found := (saved.get("estimator"), saved.get("version"))) != ("least_squares", _VERSION):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, "
                f"must be least_squares version {_VERSION}"
            )
        try:
            numbers = {
                name: np.array(saved[name], np.float64)
                for name in ("centre", "scale", "low", "high", "weight")
            }
            model = _Model(
                tuple(saved["names"]), tuple(tuple(words) for words in saved["words"]),
                bool(saved["curved"]), float(saved["mean"]), float(saved["reach"]),
                saved["made"], **numbers,
            )  # fmt: skip
            if len(model.estimate(np.full((1, len(model.names)), np.nan)).value) != 1:
                raise ValueError("weights do not fit the columns")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        return model


@dataclass(frozen=True, slots=True)
class _Model:
    """centre, scale, low, high   of the k columns, words spread: float64[k]
    weight                      of the columns, then of squares and products where `curved`
    mean                        of the answers
    reach                       half an interval
    """

    names: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    curved: bool
    mean: float
    reach: float
    made: dict[str, Any]
    centre: Values
    scale: Values
    low: Values
    high: Values
    weight: Values

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    def estimate(self, value: Values) -> Estimate:
        told = self.mean + self._shares(value).sum(axis=1)
        return Estimate(told, told - self.reach, told + self.reach, np.zeros((len(value), 0)))

    def explain(self, value: Values) -> Reasons:
        return Reasons(self._shares(value), np.full(len(value), self.mean))

    def save(self) -> dict[str, Any]:
        numbers = {
            name: getattr(self, name).tolist()
            for name in ("centre", "scale", "low", "high", "weight")
        }
        return {
            "estimator": "least_squares",
            "version": _VERSION,
            "names": list(self.names),
            "words": [list(words) for words in self.words],
            "curved": self.curved,
            "mean": self.mean,
            "reach": self.reach,
            "made": self.made,
        } | numbers

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def _shares(self, value: Values) -> Values:
        """float64[n, names]: what each feature adds. Half of a product belongs to each factor."""
        z = (_spread(value, self.words) - self.centre) / self.scale
        z = np.nan_to_num(z, nan=0.0, posinf=0.0, neginf=0.0)
        k = z.shape[1]
        # Column by column: a product of matrices may add up in another order for other rows.
        share = z * self.weight[:k]
        if self.curved:
            edge = np.clip(z, self.low, self.high)
            weights = iter(self.weight[k:].tolist())
            for i in range(k):
                share[:, i] += next(weights) * edge[:, i] ** 2
            for i, j in combinations(range(k), 2):
                half = 0.5 * next(weights) * edge[:, i] * edge[:, j]
                share[:, i] += half
                share[:, j] += half
            if next(weights, None) is not None:
                raise ValueError("weights do not fit the columns")
        starts = np.cumsum([0, *(max(len(words), 1) for words in self.words[:-1])])
        return np.asarray(np.add.reduceat(share, starts, axis=1))


def _held_out(examples: Examples, folds: Folds, penalty: float, *, curved: bool) -> Values:
    """Errors on rows that were held out."""
    errors = []
    for train, test in folds:
        model = _fitted(examples.rows(train), penalty, 0.0, {}, curved=curved)
        errors.append(model.estimate(examples.value[test]).value - examples.target[test])
    return np.concatenate(errors)


def _fitted(
    examples: Examples, penalty: float, reach: float, made: dict[str, Any], *, curved: bool
) -> _Model:
    x = _spread(examples.value, examples.words)
    x = np.where(np.isfinite(x), x, np.nan)
    known = np.isfinite(x)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, x, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, x - centre, 0.0) ** 2).sum(axis=0) / count)
    moves = spread > 1e-12 * np.maximum(np.abs(centre), 1e-300)
    scale = np.where(moves, spread, 1.0)
    z = np.where(known & moves, (x - centre) / scale, 0.0)
    columns = [z]
    if curved:
        columns.append(z**2)
        columns += [(z[:, i] * z[:, j])[:, None] for i, j in combinations(range(z.shape[1]), 2)]
    design = np.concatenate(columns, axis=1)
    mean = float(examples.target.mean())
    middle = design.mean(axis=0)
    centred = design - middle
    gram = centred.T @ centred / len(design) + penalty * np.eye(design.shape[1])
    weight = np.linalg.solve(gram, centred.T @ (examples.target - mean) / len(design))
    weight[np.abs(centred).max(axis=0) == 0] = 0.0
    low, high = (z.min(axis=0), z.max(axis=0)) if len(z) else (z, z)
    return _Model(
        examples.names, examples.words, curved, mean - float(middle @ weight), reach, made,
        centre, scale, low, high, weight,
    )  # fmt: skip


def _spread(value: Values, words: tuple[tuple[str, ...], ...]) -> Values:
    """A column of 0 and 1 for each word, unknown where none is known; numbers as they are."""
    columns: list[Values] = []
    for column, known in zip(value.T, words, strict=True):
        if known:
            unknown = np.isnan(column)
            columns += [np.where(unknown, np.nan, column == n) for n in range(len(known))]
        else:
            columns.append(column)
    return np.stack(columns, axis=1) if columns else np.zeros((len(value), 0))
