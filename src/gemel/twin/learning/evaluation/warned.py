"""Warnings before failures: when they are raised, how often wrongly, and how long before.

A warning is raised at a row that says so, and holds for the horizon; while it holds it is not
raised again. It is right if the unit fails within the horizon, false if it does not, and not judged
where the rows end before that is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values

__all__ = ["Lives", "Tally", "isotonic", "judge", "loosest"]

_TRIED = 200
_BINS = 100


@dataclass(frozen=True, slots=True)
class Lives:
    """Rows of units, from one failure to the next.

    time    float64[n]  rising within a life
    start   int64[u]    first row of each life
    failed  float64[u]  when it failed; infinite where it did not
    """

    time: Values
    start: npt.NDArray[np.int64]
    failed: Values

    def __post_init__(self) -> None:
        if len(self.start) != len(self.failed):
            raise ValueError(f"{len(self.start)} lives, {len(self.failed)} times of failure")

    @property
    def of(self) -> npt.NDArray[np.int64]:
        """int64[n]: the life of each row."""
        return np.repeat(np.arange(len(self.start)), np.diff(np.append(self.start, len(self.time))))

    @property
    def last(self) -> Values:
        """float64[u]: the last time of each life."""
        return np.asarray(self.time[np.append(self.start[1:], len(self.time)) - 1])

    def label(self, horizon: float) -> Values:
        """float64[n]: 1 where the unit fails within the horizon, 0 where it does not, NaN where the
        rows end before that is known."""
        left = self.failed[self.of] - self.time
        followed = (self.last[self.of] - self.time >= horizon) | np.isfinite(left)
        return np.asarray(np.where(left <= horizon, 1.0, np.where(followed, 0.0, np.nan)))


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the warnings in each life.

    right, false  int64[u]    warnings that were raised
    span          float64[u]  time that was watched
    lead          float64[u]  from the first row within the horizon that warns, whether the warning
                              is raised there or stands from before, to the failure; NaN without
    """

    right: npt.NDArray[np.int64]
    false: npt.NDArray[np.int64]
    span: Values
    lead: Values


def judge(lives: Lives, warns: npt.NDArray[np.bool_], horizon: float) -> Tally:
    """The warnings of rows, bool[n]."""
    count = len(lives.start)
    right, false = np.zeros(count, np.int64), np.zeros(count, np.int64)
    lead, label = np.full(count, np.nan), lives.label(horizon)
    rows = np.flatnonzero(warns)
    life, quiet_until, last = lives.of[rows], -np.inf, -1
    for row, mine in zip(rows.tolist(), life.tolist(), strict=True):
        now = float(lives.time[row])
        if label[row] == 1 and np.isnan(lead[mine]):
            lead[mine] = lives.failed[mine] - now
        if mine == last and now <= quiet_until:
            continue
        last, quiet_until = mine, now + horizon
        if label[row] == 1:
            right[mine] += 1
        elif label[row] == 0:
            false[mine] += 1
    return Tally(right, false, lives.last - lives.time[lives.start], lead)


def loosest(lives: Lives, told: Values, horizon: float, rate: float) -> float:
    """The highest told life, float64[n], at and under which to warn, so that false warnings are no
    more often than `rate` per unit and time, nor under any lower limit; below all where none is.

    Lives that are told as high as the highest are not warned of: nothing sets them apart.
    """
    known = np.unique(told[told < told.max(initial=-np.inf)])
    if len(known) > _TRIED:
        known = np.unique(np.quantile(known, np.linspace(0, 1, _TRIED), method="lower"))
    watched = float((lives.last - lives.time[lives.start]).sum())
    chosen = -1.0
    for limit in known.tolist():
        if judge(lives, told <= limit, horizon).false.sum() > rate * watched:
            break
        chosen = limit
    return chosen


def isotonic(told: Values, label: Values) -> Values:
    """float64[2,k]: lives that are told, rising, and how often the label was 1 there, never rising;
    in between it is interpolated.

    The frequencies that fit best and never rise (pool adjacent violators; Ayer et al. 1955), of as
    many rows each; of n rows none of which was 1, one in n + 2 is said, not none.
    """
    order = np.argsort(told, kind="stable")
    blocks: list[list[float]] = []  # rows, ones, sum of what was told
    for mine in np.array_split(order, min(_BINS, len(order))):
        blocks.append([float(len(mine)), float(label[mine].sum()), float(told[mine].sum())])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] <= blocks[-1][1] * blocks[-2][0]:
            above = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], above, strict=True)]
    at = np.array([total / rows for rows, _, total in blocks])
    share = np.array([(ones + 1) / (rows + 2) for rows, ones, _ in blocks])
    return np.stack([at, np.minimum.accumulate(share)])
