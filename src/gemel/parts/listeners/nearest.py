"""Nearest: how far a sound is from the normal ones that are most like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from gemel.core.frame import Values
from gemel.core.packed import packed, unpacked
from gemel.parts.listeners._ears import MelListener

__all__ = ["Nearest"]


class Nearest(MelListener):
    """Tells the mean distance of a sound from the normal ones nearest to it: for machines that have
    several ways to be normal, as speeds or programs.

    A sound is described as in `gaussian`, in standard deviations of each number.
    """

    kind: ClassVar[str] = "nearest"

    neighbours: int = Field(2, ge=1, le=100, description="Normal sounds that are looked at")

    def learn(self, z: Values) -> _Known:
        """See `MelListener.learn`."""
        return _Known(z, min(self.neighbours, len(z)))

    def read_judge(self, saved: Any, size: int) -> _Known:
        """See `MelListener.read_judge`."""
        known, neighbours = (
            unpacked(saved["known"], np.float64, None, size),
            int(saved["neighbours"]),
        )
        if not 1 <= neighbours <= len(known):
            raise ValueError(f"{neighbours} neighbours among {len(known)}")
        return _Known(known, neighbours)


@dataclass(frozen=True, slots=True)
class _Known:
    """known  float64[n, k]: descriptions of normal sounds"""

    known: Values
    neighbours: int

    def parts(self, z: Values) -> Values:
        """Of the distances, each as shares of itself."""
        square = (self.known - z) ** 2 / len(z)
        distance = np.sqrt(square.sum(axis=1))
        near = np.argsort(distance, kind="stable")[: self.neighbours]
        told = square[near] / np.maximum(distance[near], 1e-12)[:, None]
        return np.asarray(told.mean(axis=0))

    def save(self) -> dict[str, Any]:
        """See `Judge.save`."""
        return {"known": packed(self.known, np.float64), "neighbours": self.neighbours}
