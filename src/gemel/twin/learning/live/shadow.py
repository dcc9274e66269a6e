"""Two models asked of the same rows: which one was less far off?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values

__all__ = ["Duel", "Verdict"]

_LEAST: Final = 60
_BLOCKS: Final = 20
_SURE: Final = 4.0
"""Standard errors that the mean must be away from zero. It is looked at again and again, so that
the usual two would be passed by chance."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """rows        on which both were judged
    champion    mean loss of the champion
    other       mean loss of the other one
    low, high   where the mean difference, champion less other, lies"""

    rows: int
    champion: float
    other: float
    low: float
    high: float

    @property
    def better(self) -> bool:
        """The other one is better."""
        return self.rows >= _LEAST and self.low > 0

    @property
    def worse(self) -> bool:
        """The other one is worse."""
        return self.rows >= _LEAST and self.high < 0

    def __str__(self) -> str:
        if self.rows < _LEAST:
            return f"{self.rows} rows so far; at least {_LEAST} are compared"
        return (
            f"mean error {self.other:.3g} against {self.champion:.3g} of the champion on "
            f"{self.rows:,} rows, difference between {self.low:.2g} and {self.high:.2g}"
        )

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        plain = {n: getattr(self, n) for n in ("rows", "champion", "other", "low", "high")}
        return {k: v if np.isfinite(v) else None for k, v in plain.items()} | {
            "verdict": "better" if self.better else "worse" if self.worse else "open"
        }


class Duel:
    """Collects the losses of two models, row by row."""

    def __init__(self) -> None:
        self._champion: list[Values] = []
        self._other: list[Values] = []

    def add(self, champion: Values, other: Values) -> None:
        """Losses on the same rows; those that are not known count for neither."""
        both = np.isfinite(champion) & np.isfinite(other)
        if both.any():
            self._champion.append(champion[both])
            self._other.append(other[both])

    def verdict(self) -> Verdict:
        """What they say by now."""
        if not self._champion:
            return Verdict(0, np.nan, np.nan, np.nan, np.nan)
        mine, other = np.concatenate(self._champion), np.concatenate(self._other)
        self._champion, self._other = [mine], [other]
        if len(mine) < _LEAST:
            return Verdict(len(mine), float(mine.mean()), float(other.mean()), np.nan, np.nan)
        difference = mine - other
        parts = np.array([part.mean() for part in np.array_split(difference, _BLOCKS)])
        error = _SURE * float(parts.std(ddof=1)) / np.sqrt(_BLOCKS)
        mean = float(difference.mean())
        return Verdict(
            len(mine), float(mine.mean()), float(other.mean()), mean - error, mean + error
        )
