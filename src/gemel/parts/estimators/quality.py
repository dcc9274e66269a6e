"""Quality of a part, or a value of the laboratory, by gradient-boosted trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.boosting import Boosting, Trees
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.estimators.base import Estimate, Estimator, Examples, Folds, Reasons

__all__ = ["Quality"]

_VERSION: Final = 1
_LEAST: Final = 20


class Quality(Estimator):
    """A number or a class from the features of one row.

    Words are looked at one by one (a column for each), numbers as they are; unknown is a value like
    others. For two classes, the class is chosen by a threshold on the probability of the rarer one,
    set on held-out rows where F1 is greatest; for more, the most probable is chosen. A class of no
    row is never told. The interval of a number is split conformal: the quantile of errors on
    held-out rows.
    """

    boosting: Boosting = Field(
        Boosting(iterations=200, rate=0.08, leaves=16, least=10, ridge=1.0, columns=0.5),
        description="How trees are fitted",
    )
    seeds: int = Field(3, ge=1, le=20, description="Models that are averaged")
    confidence: float = Field(0.9, gt=0, lt=1, description="How often an interval is to be right")

    def fit(self, examples: Examples, folds: Folds) -> _Model:
        _enough(examples)
        made: dict[str, Any] = {"class": "the most probable"}
        chosen = 0.0
        if len(examples.classes) <= 2:
            held = self._held_out(examples, folds)
            made, chosen = (
                _threshold(examples, held)
                if examples.classes
                else _reach(examples.target, held[:, 0], self.confidence)
            )
        trees, present = self._fit(examples, range(self.seeds))
        made |= {"rows": len(examples), "features": len(examples.names)}
        return _Model(
            examples.names, examples.words, examples.classes, trees, present, chosen, made
        )

    def load(self, saved: dict[str, Any]) -> _Model:
        if (found := (saved.get("estimator"), saved.get("version"))) != ("quality", _VERSION):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be quality version {_VERSION}"
            )
        try:
            return _Model(
                tuple(saved["names"]), tuple(tuple(words) for words in saved["words"]),
                tuple(saved["classes"]),
                tuple(tuple(Trees.load(t) for t in group) for group in saved["trees"]),
                tuple(int(kind) for kind in saved["present"]), float(saved["chosen"]),
                saved["made"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None

    def _fit(
        self, examples: Examples, seeds: range
    ) -> tuple[tuple[tuple[Trees, ...], ...], tuple[int, ...]]:
        """For each seed, the trees of a number, or of each class that is there; and which are."""
        x = _spread(examples.value, examples.words)
        if not examples.classes:
            return tuple((self.boosting.regression(x, examples.target, seed=s),) for s in seeds), ()
        present, target = np.unique(examples.target.astype(np.int64), return_inverse=True)
        trees = tuple(self.boosting.classes(x, target, seed=s) for s in seeds)
        return trees, tuple(present.tolist())

    def _held_out(self, examples: Examples, folds: Folds) -> Values:
        """What models of other rows say of each: a number, or the probability of each class; NaN
        for rows that no fold holds out, or where a class was missing in the fitting part."""
        held = np.full((len(examples), max(len(examples.classes), 1)), np.nan)
        for train, test in folds:
            part = examples.rows(train)
            if len(np.unique(part.target)) < max(len(examples.classes), 2):
                continue
            trees, present = self._fit(part, range(1))
            blank = _Model(
                examples.names, examples.words, examples.classes, trees, present, 0.5, {}
            )
            told = blank.estimate(examples.value[test])
            held[test] = told.probability if examples.classes else told.value[:, None]
        if not np.isfinite(held).any():
            raise DataError("no fold has every class in its fitting part; use fewer folds")
        return held


@dataclass(frozen=True, slots=True)
class _Model:
    """present  numbers of the classes that trees are there for
    chosen   threshold on the probability of the rarer of two classes, or half an interval"""

    names: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    trees: tuple[tuple[Trees, ...], ...]
    present: tuple[int, ...]
    chosen: float
    made: dict[str, Any]

    def estimate(self, value: Values) -> Estimate:
        x = _spread(value, self.words)
        none = np.full(len(x), np.nan)
        if not self.classes:
            told = np.mean([group[0].predict(x) for group in self.trees], axis=0)
            return Estimate(told, told - self.chosen, told + self.chosen, np.zeros((len(x), 0)))
        probability = np.zeros((len(x), len(self.classes)))
        told = np.mean([_probability(group, x) for group in self.trees], axis=0)
        probability[:, self.present] = told
        chosen = probability.argmax(axis=1)
        if len(self.classes) == 2:
            rare = int(self.made.get("rarer", 1))
            chosen = np.where(probability[:, rare] >= self.chosen, rare, 1 - rare)
        return Estimate(chosen.astype(np.float64), none, none, probability)

    def explain(self, value: Values) -> Reasons:
        x = _spread(value, self.words)
        own = None
        if self.classes:
            own = np.searchsorted(self.present, self.estimate(value).value.astype(np.int64))
        share, mean = np.zeros((len(x), x.shape[1])), np.zeros(len(x))
        for group in self.trees:
            parts = [trees.explain(x) for trees in group]
            if own is None:
                share, mean = share + parts[0][0], mean + parts[0][1]
            elif len(parts) == 1:  # one sum for two classes: the odds of the second
                sign = np.where(own == 1, 1.0, -1.0)
                share, mean = share + parts[0][0] * sign[:, None], mean + parts[0][1] * sign
            else:
                rows = np.arange(len(x))
                share = share + np.stack([p for p, _ in parts])[own, rows]
                mean = mean + np.array([m for _, m in parts])[own]
        widths = [max(len(words), 1) for words in self.words]
        starts = np.cumsum([0, *widths[:-1]])
        summed = np.add.reduceat(share, starts, axis=1) if widths else share
        return Reasons(summed / len(self.trees), mean / len(self.trees))

    def save(self) -> dict[str, Any]:
        return {
            "estimator": "quality",
            "version": _VERSION,
            "names": list(self.names),
            "words": [list(words) for words in self.words],
            "classes": list(self.classes),
            "trees": [[trees.save() for trees in group] for group in self.trees],
            "present": list(self.present),
            "chosen": self.chosen,
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


def _enough(examples: Examples) -> None:
    if len(examples) < _LEAST:
        raise DataError(f"{len(examples)} rows with a known answer; at least {_LEAST} are needed")
    if not len(examples.names):
        raise DataError("there is no column to learn from")
    if not examples.classes:
        if len(np.unique(examples.target)) < 2:
            raise DataError("all rows have the same answer; there is nothing to learn")
        return
    counts = np.bincount(examples.target.astype(np.int64), minlength=len(examples.classes))
    if (counts > 0).sum() < 2:
        only = examples.classes[int(counts.argmax())]
        raise DataError(f"all rows are of class '{only}'; there is nothing to tell apart")


def _spread(value: Values, words: tuple[tuple[str, ...], ...]) -> Values:
    """A column of 0 and 1 for each word; numbers as they are."""
    columns: list[npt.NDArray[np.float64]] = []
    for column, known in zip(value.T, words, strict=True):
        if known:
            columns += [(column == number).astype(np.float64) for number in range(len(known))]
        else:
            columns.append(column)
    return np.stack(columns, axis=1) if columns else np.zeros((len(value), 0))


def _probability(group: tuple[Trees, ...], x: Values) -> Values:
    if len(group) == 1:
        second = 1 / (1 + np.exp(-group[0].predict(x)))
        return np.stack([1 - second, second], axis=1)
    sums = np.stack([trees.predict(x) for trees in group], axis=1)
    odds = np.exp(sums - sums.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _threshold(examples: Examples, held: Values) -> tuple[dict[str, Any], float]:
    known = np.isfinite(held[:, 0])
    target = examples.target[known].astype(np.int64)
    rare = int(np.bincount(target, minlength=2).argmin())
    truth, score = target == rare, held[known, rare]
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + truth.sum())
    f1[:-1][score[order][1:] == score[order][:-1]] = 0  # not between equal scores
    best = int(f1.argmax())
    at = float(score[order][best])
    made = {
        "rarer": rare,
        "class": f"'{examples.classes[rare]}' where its probability is at least {at:.3f}: "
        f"F1 {f1[best]:.3f} on held-out rows",
    }
    return made, at


def _reach(truth: Values, told: Values, confidence: float) -> tuple[dict[str, Any], float]:
    error = np.sort(np.abs(truth - told)[np.isfinite(told)])
    place = min(int(np.ceil((len(error) + 1) * confidence)), len(error)) - 1
    made = {
        "interval": f"{confidence:.0%} of the errors on {len(error)} held-out rows",
        "error": float(np.sqrt(np.mean(error**2))),
    }
    return made, float(error[place])
