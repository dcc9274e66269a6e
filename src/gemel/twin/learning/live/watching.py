"""Whether a model's errors are still those that it had when it was fitted, and since when not."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Times, Values
from gemel.twin.learning.renewal.drift.base import DriftModel, DriftWatch
from gemel.twin.learning.renewal.drift.cusum import Cusum

__all__ = ["Errors", "beginning", "reference"]

_KEPT: Final = 20_000
_DETECTOR: Final = Cusum(run_length=100_000)


def reference(held_out: Values) -> dict[str, Any] | None:
    """What errors are compared with, JSON-able: made of held-out losses when a model is fitted, and
    kept with it. None where they are too few or all alike. Takes a while."""
    try:
        return _DETECTOR.fit(held_out).save()
    except DataError:
        return None


class Errors:
    """A CUSUM of a champion's losses, its limit set on held-out ones.

    `since` is the source time, ns, at which they began to be greater; None while they are as usual.
    """

    def __init__(self, reference: dict[str, Any] | None = None) -> None:
        self.since: int | None = None
        self._model: DriftModel | None = None
        self._watch: DriftWatch | None = None
        self._times = np.zeros(0, np.int64)
        self._losses = np.zeros(0)
        if reference is not None:
            self._model = _DETECTOR.load(reference)
            self._watch = self._model.start()

    def add(self, time: Times, losses: Values) -> None:
        """Losses in order of time; all known."""
        if self.since is not None or self._watch is None:
            return
        self._times = np.concatenate([self._times, time])[-_KEPT:]
        self._losses = np.concatenate([self._losses, losses])[-_KEPT:]
        row = self._watch.update(losses)
        if row is not None:
            upto = len(self._losses) - len(losses) + row + 1
            self.since = int(self._times[beginning(self._losses[:upto])])

    def report(self) -> dict[str, Any]:
        """For pages."""
        steady = "steady" if self._watch is not None else "not watched"
        return {
            "state": steady if self.since is None else "drifted",
            "since": self.since,
            "evidence": None if self._model is None else self._model.evidence(),
        }


def beginning(values: Values) -> int:
    """Where two levels, one before and one after, fit float64[n] best: the least squares estimate
    of a change of the mean."""
    upto = len(values)
    before = np.arange(1, upto)
    sums = np.cumsum(values)[:-1]
    apart = (values.sum() * before / upto - sums) ** 2 / (before * (upto - before))
    return int(apart.argmax()) + 1 if upto > 1 else 0
