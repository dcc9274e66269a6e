"""Limits: where abnormal begins, set on normal data that the model was not fitted on.

A limit is the quantile of held-out normal scores that is exceeded at the wanted rate. Where the
held-out rows are too few to reach that far, the tail above their highest tenth is fitted with a
generalised Pareto distribution (peaks over threshold) and followed to the wanted rate.

Sources: J. Pickands, Annals of Statistics 3 (1975) 119-131, for the tail; J. R. M. Hosking and
J. R. Wallis, Technometrics 29 (1987) 339-349, for its fit by probability-weighted moments, which
needs no search and is the better one for few exceedances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError

__all__ = [
    "HELD_OUT_ROWS",
    "Limit",
    "held_out",
    "rows_needed",
    "set_limit",
    "set_limit_of_blocks",
]

HELD_OUT_ROWS: Final = 50
"""Fewer held-out rows than this say too little about a tail."""

_REACHED: Final = 10
"""With as many held-out rows expected beyond it, a quantile is read from the rows themselves."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit and where it comes from.

    value    in the unit of the scores
    rate     wanted share of normal rows above it
    rows     held-out rows it was set on
    source   'quantile' of the rows, or 'generalised Pareto' tail beyond them
    start    where the fitted tail begins; NaN for a quantile
    shape    of the fitted tail, 1 / groups to 0.5; NaN for a quantile
    scale    of the fitted tail, in the unit of the scores; NaN for a quantile
    groups   independent groups in which the rows of the tail came; NaN for a quantile
    """

    value: float
    rate: float
    rows: int
    source: Literal["quantile", "generalised Pareto"]
    start: float = float("nan")
    shape: float = float("nan")
    scale: float = float("nan")
    groups: float = float("nan")

    def evidence(self) -> dict[str, Any]:
        """What is known, JSON-able."""
        return {name: value for name, value in asdict(self).items() if value == value}


def set_limit(scores: npt.ArrayLike, rate: float) -> Limit:
    """The limit that a share `rate` of normal rows exceeds, from scores of held-out normal rows.

    The quantile is the one whose expected exceedance by the next row is at most `rate` whatever
    the distribution (order statistic of rank ⌈(n + 1)(1 - rate)⌉). A tail with a negative shape
    ends somewhere; that is not believed from few rows. Nor is a scale that is known from m rows:
    averaged over what it may be, an exponential tail is one of shape 1/m, and so much is the least.
    Rows that follow each other are seldom independent: m are the `groups` in which the highest come
    (extremal index; Ferro and Segers, J. Royal Statistical Society B 65 (2003) 545), for which
    `scores` must be in the order of time.

    Raises `DataError` with fewer than `HELD_OUT_ROWS` scores that are numbers.
    """
    row = np.asarray(scores, np.float64).ravel()
    row = row[np.isfinite(row)]
    known = np.sort(row)
    n = len(known)
    if n < HELD_OUT_ROWS:
        raise DataError(
            f"{n} held-out normal rows have a score, a limit needs at least {HELD_OUT_ROWS}"
        )
    if n * rate >= _REACHED:
        rank = min(int(np.ceil((n + 1) * (1 - rate))), n)
        return Limit(float(known[rank - 1]), rate, n, "quantile")
    count = max(n // 10, _REACHED)
    start = float(known[-count - 1])
    above = known[-count:] - start
    mean = float(above.mean())
    moment = float(((count - np.arange(1, count + 1)) / (count - 1) * above).mean())
    if mean <= 0:
        return Limit(start, rate, n, "generalised Pareto", start, 0.0, 0.0)
    shape = 2 - mean / (mean - 2 * moment) if mean > 2 * moment else 0.5
    groups = _groups(row > start)
    shape = min(max(shape, 1 / groups), 0.5)
    scale = mean * (1 - shape)
    beyond = count / (n * rate)  # how many times rarer than the start of the tail
    reach = np.log(beyond) if shape < 1e-9 else (beyond**shape - 1) / shape
    return Limit(start + scale * float(reach), rate, n, "generalised Pareto", start, shape, scale,
                 groups)  # fmt: skip


def set_limit_of_blocks(blocks: Sequence[npt.ArrayLike], rate: float) -> tuple[Limit, float]:
    """The limit that a share `rate` of the rows of the *next* block exceeds, and how much wider it
    is than the limit of all rows together.

    Blocks of a process differ: in load, season, material, or because it drifts. The limit of all
    rows holds for those blocks on average and not for another one. Each block is therefore measured
    in units of the limit that the others give: it is to them what the next one is to all. The limit
    of these ratios is the factor (jackknife over blocks; of a share alike in kind, R. F. Barber, E.
    Candes, A. Ramdas and R. Tibshirani, Annals of Statistics 49 (2021) 486). It is never below 1.

    Where blocks are alike the factor is close to 1. Scores must not be negative, and those of each
    block in the order of time. Raises `DataError` as `set_limit` does; with a single block, or
    where all others are zero, there is nothing to compare with and the factor is 1.
    """
    rows = [np.asarray(block, np.float64).ravel() for block in blocks]
    rows = [row[np.isfinite(row)] for row in rows]
    rows = [row for row in rows if len(row)]
    together = set_limit(np.concatenate(rows) if rows else [], rate)
    ratios = []
    for i, row in enumerate(rows):
        others = [other for j, other in enumerate(rows) if j != i]
        if sum(map(len, others)) < HELD_OUT_ROWS:
            return together, 1.0
        limit = set_limit(np.concatenate(others), rate).value
        if limit <= 0:
            return together, 1.0
        ratios.append(row / limit)
    factor = max(set_limit(np.concatenate(ratios), rate).value, 1.0)
    return replace(together, value=together.value * factor), factor


def _groups(above: npt.NDArray[np.bool_]) -> float:
    """How many independent groups the marked rows form, at least 2: their number times the extremal
    index, by the intervals estimator."""
    gaps = np.diff(np.flatnonzero(above)).astype(np.float64)
    if len(gaps) == 0:
        return 2.0
    if gaps.max() <= 2:
        index = 2 * gaps.sum() ** 2 / (len(gaps) * (gaps**2).sum())
    else:
        index = 2 * (gaps - 1).sum() ** 2 / (len(gaps) * ((gaps - 1) * (gaps - 2)).sum())
    return max(min(float(index), 1.0) * (len(gaps) + 1), 2.0)


def held_out(rows: int, fraction: float, gap: int) -> tuple[slice, slice]:
    """Rows to fit on, and the last `fraction` of the rows, `gap` rows later, to set limits on.

    A block at the end and not rows drawn at random: neighbours of fitted rows look alike.
    """
    last = round(rows * fraction)
    return slice(0, max(rows - last - gap, 0)), slice(rows - last, rows)


def rows_needed(fit: int, fraction: float, gap: int) -> int:
    """How many rows give at least `fit` rows to fit on and `HELD_OUT_ROWS` to set limits on."""
    return int(np.ceil(max((fit + gap) / (1 - fraction), HELD_OUT_ROWS / fraction))) + 1
