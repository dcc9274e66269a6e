"""Scores of predictions, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values

__all__ = [
    "Classes",
    "accuracy",
    "average_precision",
    "balanced_error",
    "coverage",
    "interval",
    "mean_absolute_error",
    "partial_roc_area",
    "phm_score",
    "recall_precision_f1",
    "roc_area",
    "root_mean_square_error",
]

Classes = npt.NDArray[np.int64]


def root_mean_square_error(truth: Values, predicted: Values) -> float:
    """In the unit of the target."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def mean_absolute_error(truth: Values, predicted: Values) -> float:
    """In the unit of the target."""
    return float(np.mean(np.abs(predicted - truth)))


def phm_score(truth: Values, predicted: Values) -> float:
    """The asymmetric score of the PHM 2008 challenge, summed: late predictions cost more (Saxena,
    Goebel, Simon and Eklund 2008). One or two units make most of it."""
    late = predicted - truth
    return float(np.where(late < 0, np.expm1(-late / 13), np.expm1(late / 10)).sum())


def coverage(truth: Values, low: Values, high: Values) -> float:
    """Share of the truth that lies in its interval, both ends included."""
    return float(np.mean((truth >= low) & (truth <= high)))


def accuracy(truth: Classes, predicted: Classes) -> float:
    """Share of right classes. Says little where one class is rare."""
    return float(np.mean(truth == predicted))


def balanced_error(truth: Classes, predicted: Classes) -> float:
    """One minus the mean of the recalls of all classes."""
    recalls = [float(np.mean(predicted[truth == kind] == kind)) for kind in np.unique(truth)]
    return 1 - float(np.mean(recalls))


def recall_precision_f1(
    truth: Classes, predicted: Classes, kind: int
) -> tuple[float, float, float]:
    """Of one class."""
    hit = int(((truth == kind) & (predicted == kind)).sum())
    recall = hit / max(int((truth == kind).sum()), 1)
    precision = hit / max(int((predicted == kind).sum()), 1)
    return recall, precision, 2 * recall * precision / max(recall + precision, 1e-300)


def roc_area(truth: npt.NDArray[np.bool_], score: Values) -> float:
    """Area under the receiver operating characteristic: how often a true row scores higher than a
    false one, equal scores half. NaN without rows of both."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts + 1) / 2 + 0.5)[place]
    true = int(truth.sum())
    false = len(truth) - true
    if not true or not false:
        return float("nan")
    return float((ranks[truth].mean() - (true + 1) / 2 + 0.5) / false)


def partial_roc_area(truth: npt.NDArray[np.bool_], score: Values, most: float = 0.1) -> float:
    """Area under the receiver operating characteristic up to `most` false alarms, scaled so that
    chance is 0.5 and the best is 1 (McClish, Analyzing a portion of the ROC curve, 1989; as in the
    baseline of DCASE task 2). NaN without rows of both."""
    true = int(truth.sum())
    false = len(truth) - true
    if not true or not false:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # of equal scores
    hits = np.concatenate([[0.0], np.cumsum(truth[order])[ends] / true])
    alarms = np.concatenate([[0.0], np.cumsum(~truth[order])[ends] / false])
    last = int(np.searchsorted(alarms, most, side="right"))
    x = np.append(alarms[:last], most)
    y = np.append(hits[:last], np.interp(most, alarms, hits))
    area = float(((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum())
    chance = most**2 / 2
    return (1 + (area - chance) / (most - chance)) / 2


def average_precision(truth: npt.NDArray[np.bool_], score: Values) -> float:
    """Area under the precision-recall steps; the share of true rows is what chance gives."""
    order = np.argsort(-score, kind="stable")
    true = truth[order]
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # of equal scores
    hits = np.cumsum(true)[ends]
    precision = hits / (ends + 1)
    return float((np.diff(hits, prepend=0) * precision).sum() / max(int(true.sum()), 1))


def interval(
    figure: Callable[[npt.NDArray[np.int64]], float],
    group: npt.NDArray[np.int64],
    *,
    share: float = 0.9,
    repeats: int = 500,
    seed: int = 0,
) -> tuple[float, float]:
    """Where a figure lies if other units had been drawn: percentiles of a bootstrap over groups.

    figure  of the rows of these numbers
    group   int64[n]: what each row belongs to; rows of one group are drawn together
    """
    random = np.random.default_rng(seed)
    order = np.argsort(group, kind="stable")
    _, starts = np.unique(group[order], return_index=True)
    members = np.split(order, starts[1:])
    found = []
    for _ in range(repeats):
        drawn = random.integers(0, len(members), len(members))
        found.append(figure(np.concatenate([members[i] for i in drawn])))
    low, high = np.nanquantile(found, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
