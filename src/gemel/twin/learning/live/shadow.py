"""Two models asked of the same rows while the twin runs: which one was less far off?"""

from __future__ import annotations

from typing import Any, Final

from gemel.core.frame import Values
from gemel.twin.learning.renewal.paired import Comparison, Judgement

__all__ = ["Duel", "sentence"]

_COMPARISON: Final = Comparison(rows=60, confidence=0.99)
"""For one that is looked at with every batch of rows; see `renewal.paired.Trial`."""


class Duel:
    """Collects the losses of a champion and of another model, row by row."""

    def __init__(self) -> None:
        self._trial = _COMPARISON.start()

    def add(self, champion: Values, other: Values) -> None:
        """Losses on the same rows; those that are not known count for neither."""
        self._trial.update(champion, other)

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
