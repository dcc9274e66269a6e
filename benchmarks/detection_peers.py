"""Peers of our detectors, re-made from their papers and run on the same rows.

Each takes normal rows to fit and held-out normal rows to set its limit, float64[n,k], and gives a
function from rows to (score, limit). The peers with "published" limits do not use held-out rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.limits import set_limit

__all__ = [
    "always",
    "calibrated_univariate",
    "cva",
    "isolation_forest",
    "t2_q",
    "t2_q_held_out",
    "three_sigma",
]

Rows: TypeAlias = npt.NDArray[np.float64]
Scorer: TypeAlias = Callable[[Rows], tuple[Rows, float]]


def always(_fitting: Rows, _setting: Rows, _rate: float) -> Scorer:
    """Alarms in every row."""
    return lambda rows: (np.ones(len(rows)), 0.0)


def calibrated_univariate(fitting: Rows, setting: Rows, rate: float) -> Scorer:
    """Largest |z| of all signals; the fair opponent of multivariate methods."""
    scaled = _scaler(fitting)

    def score(rows: Rows) -> Rows:
        return np.abs(scaled(rows)).max(axis=1)

    limit = set_limit(score(setting), rate).value
    return lambda rows: (score(rows), limit)


def three_sigma(fitting: Rows, setting: Rows, _rate: float) -> Scorer:
    """Any signal three standard deviations from its mean, as most plants begin; no calibration."""
    scaled = _scaler(np.vstack([fitting, setting]))
    return lambda rows: (np.abs(scaled(rows)).max(axis=1), 3.0)


def _components(fitting: Rows, explained: float) -> tuple[Rows, Rows, int]:
    values, vectors = np.linalg.eigh(np.cov(fitting.T))
    values, vectors = np.maximum(values[::-1], 1e-12), vectors[:, ::-1]
    count = int(np.searchsorted(np.cumsum(values) / values.sum(), explained) + 1)
    return values, vectors, min(count, len(values) - 1)


def t2_q(fitting: Rows, setting: Rows, rate: float) -> Scorer:
    """T² + Q with the limits of the textbooks, from the rows it is fitted on (85 % of variance).

    T²: F distribution; Q: Jackson and Mudholkar, Technometrics 21 (1979) 341. As in the SKAB
    leaderboard, the fitting rows are all normal rows. Score: larger ratio to the two limits.
    """
    from scipy import stats

    every = np.vstack([fitting, setting])
    scaled = _scaler(every)
    values, vectors, a = _components(scaled(every), 0.85)
    n = len(every)
    limit_t2 = a * (n - 1) * (n + 1) / (n * (n - a)) * stats.f.ppf(1 - rate, a, n - a)
    one, two, three = (float((values[a:] ** power).sum()) for power in (1, 2, 3))
    h = 1 - 2 * one * three / (3 * two**2)
    c = stats.norm.ppf(1 - rate)
    inside = 1 + c * h * np.sqrt(2 * two) / one + two * h * (h - 1) / one**2
    limit_q = one * inside ** (1 / h)

    def score(rows: Rows) -> tuple[Rows, float]:
        along = scaled(rows) @ vectors
        t2 = (along[:, :a] ** 2 / values[:a]).sum(axis=1)
        q = (along[:, a:] ** 2).sum(axis=1)
        return np.maximum(t2 / limit_t2, q / limit_q), 1.0

    return score


def t2_q_held_out(fitting: Rows, setting: Rows, rate: float) -> Scorer:
    """The same statistics, each with its limit from held-out rows at half the rate."""
    scaled = _scaler(fitting)
    values, vectors, a = _components(scaled(fitting), 0.85)

    def parts(rows: Rows) -> tuple[Rows, Rows]:
        along = scaled(rows) @ vectors
        return (along[:, :a] ** 2 / values[:a]).sum(axis=1), (along[:, a:] ** 2).sum(axis=1)

    limits = [set_limit(part, rate / 2).value for part in parts(setting)]

    def score(rows: Rows) -> tuple[Rows, float]:
        t2, q = parts(rows)
        return np.maximum(t2 / limits[0], q / limits[1]), 1.0

    return score


def isolation_forest(fitting: Rows, setting: Rows, rate: float) -> Scorer:
    """scikit-learn's IsolationForest, 100 trees, seed 0, limit from held-out rows."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=100, random_state=0).fit(fitting)
    limit = set_limit(-forest.score_samples(setting), rate).value
    return lambda rows: (-forest.score_samples(rows), limit)


def cva(fitting: Rows, setting: Rows, rate: float) -> Scorer:
    """Canonical variate analysis, residual statistic Q with EWMA 0.1; 28 states, 5 rows each way.

    Source: Odiowei and Cao, IEEE Trans. Ind. Informatics 6 (2010) 36-45; states and rows as usual
    for the Tennessee Eastman process. The first rows of a stream, without a full past, score the
    normal mean.
    """
    p, states, weight = 5, 28, 0.1
    scaled = _scaler(fitting)
    rows = scaled(fitting)
    n = len(rows) - 2 * p + 1
    past = np.hstack([rows[p - 1 - i : p - 1 - i + n] for i in range(p)])
    future = np.hstack([rows[p + i : p + i + n] for i in range(p)])
    inverse_past = _inverse_root(np.cov(past.T))
    inverse_future = _inverse_root(np.cov(future.T))
    past_mean, future_mean = past.mean(axis=0), future.mean(axis=0)
    across = (past - past_mean).T @ (future - future_mean) / (n - 1)
    left, _, _ = np.linalg.svd(inverse_past @ across @ inverse_future)
    residual = (np.eye(len(left)) - left[:, :states] @ left[:, :states].T) @ inverse_past

    def plain(rows: Rows) -> Rows:
        scored = scaled(rows)
        window = np.hstack([scored[p - 1 - i : len(scored) - i] for i in range(p)]) - past_mean
        q = ((window @ residual.T) ** 2).sum(axis=1)
        return np.concatenate([np.full(p - 1, np.nan), q])

    mean = float(np.nanmean(plain(setting)))

    def score(rows: Rows) -> Rows:
        out, state = np.empty(len(rows)), mean
        for i, value in enumerate(np.nan_to_num(plain(rows), nan=mean)):
            state += weight * (value - state)
            out[i] = state
        return out

    limit = set_limit(score(setting), rate).value
    return lambda rows: (score(rows), limit)


def _scaler(fitting: Rows) -> Callable[[Rows], Rows]:
    mean, spread = fitting.mean(axis=0), np.maximum(fitting.std(axis=0, ddof=1), 1e-6)
    return lambda rows: (rows - mean) / spread


def _inverse_root(covariance: Rows) -> Rows:
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-6 * values[-1])
    root: Rows = (vectors / np.sqrt(values)) @ vectors.T
    return root
