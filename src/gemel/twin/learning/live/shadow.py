"""Two models asked of the same rows while the twin runs: which one was less far off?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.twin.learning.renewal.paired import Comparison, Judgement

__all__ = ["Duel", "sentence"]

_CONFIDENCE: Final = 0.99
_ROWS: Final = 60
"""For a comparison that is looked at with every batch of rows; see `renewal.paired.Trial`."""


class Duel:
    """Collects the losses of a champion and of another model, row by row.

    Nothing is decided before `events` of the rows were marked as events.
    """

    def __init__(self, events: int = 0) -> None:
        self._events = events
        self._trial = Comparison(rows=_ROWS, confidence=_CONFIDENCE, events=events).start()

    def add(
        self, champion: Values, other: Values, events: npt.NDArray[np.bool_] | None = None
    ) -> None:
        """Losses on the same rows; those that are not known count for neither."""
        self._trial.update(champion, other, events)

    @property
    def seen(self) -> bool:
        """Whether there was a chance to tell them apart: with more of the same they would be."""
        found = self.judgement()
        return bool(np.isfinite(found.low)) and found.events >= self._events

    def judgement(self) -> Judgement:
        """What they say of the other one by now."""
        return self._trial.judgement()

    def report(self) -> dict[str, Any]:
        """For pages."""
        found = self.judgement()
        return {**found.evidence(), "sentence": sentence(found)}


def sentence(found: Judgement) -> str:
    """In words."""
    if found.verdict == "not told apart":
        return f"not told apart: {found.reason}" if found.rows else "no row yet"
    return f"{found.verdict}: {found.reason}"
