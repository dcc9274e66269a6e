"""How many rows are above the limit, of those that neither people nor alarms call abnormal."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gemel.parts.detectors.base import Score
from gemel.twin.learning.detecting.apart import Spans
from gemel.twin.learning.evaluation.dependent import mean_interval

__all__ = ["Rates", "not_watched"]

_KEPT: Final = 168
"""Periods; a week of hours."""
_LEAST: Final = 20
_TIMES: Final = 3.0
"""Limits are set on few rows: twice the promised rate is no sign of anything."""
_SURE: Final = 0.98


def not_watched(promised: float | None = None, periods: int = 0) -> dict[str, Any]:
    """What is said of the share of rows above the limit while it is not known."""
    return {
        "promised": promised, "periods": periods, "share": None, "low": None, "high": None,
        "state": "not watched",
    }  # fmt: skip


class Rates:
    """Counts of rows, and of those above the limit, by period; `counts` can be kept."""

    def __init__(self, period: int, counts: list[list[int]] | None = None) -> None:
        self._period = period
        self.counts = [list(row) for row in counts or []]
        """[number of the period, rows, above]."""

    @property
    def newest(self) -> int | None:
        """The period of the newest row, by its number."""
        return self.counts[-1][0] if self.counts else None

    def add(self, score: Score) -> bool:
        """Count the rows that have a score; whether a period has ended."""
        known = np.isfinite(score.value)
        before = self.newest
        numbers = score.time[known] // self._period
        above = (score.value > score.limit)[known]
        for number in dict.fromkeys(numbers.tolist()):
            mine = numbers == number
            if not self.counts or self.counts[-1][0] < number:
                self.counts.append([number, 0, 0])
            self.counts[-1][1] += int(mine.sum())
            self.counts[-1][2] += int(above[mine].sum())
        del self.counts[:-_KEPT]
        return before is not None and self.newest != before

    def drift(self, promised: float | None, abnormal: Spans) -> dict[str, Any]:
        """Whether far more rows are above the limit than `promised`, without the periods that touch
        something abnormal; and since when."""
        width = self._period
        free = [
            (number, above / rows) for number, rows, above in self.counts[:-1]
            if rows and not any(first < (number + 1) * width and last >= number * width
                                for first, last in abnormal)
        ]  # fmt: skip
        found = not_watched(promised, len(free))
        if promised is None or len(free) < _LEAST:
            return found
        share = mean_interval(np.array([share for _, share in free]), share=_SURE, repeats=400)
        drifted = share.low > _TIMES * promised
        return {**found, "share": share.mean, "low": share.low, "high": share.high,
                "since": free[0][0] * width if drifted else None,
                "state": "drifted" if drifted else "steady"}  # fmt: skip
