"""On- and off-delays of all alarms, in arrays: a condition must last before the alarm follows it.

Time is source time. Where samples stop coming, the caller says how far time must have gone by the
clock (`due_by`). While a condition is unknown its delay stands still: what nobody can see neither
raises nor clears.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Delays", "Flip"]

Flip = tuple[int, int, bool]
"""(alarm, source time ns, active from then on)"""

_FAR: Final = int(np.iinfo(np.int64).max)


class Delays:
    """Used by one thread. `on_delay`, `off_delay`: int64 ns, shape (alarms,)."""

    def __init__(self, on_delay: npt.NDArray[np.int64], off_delay: npt.NDArray[np.int64]) -> None:
        n = len(on_delay)
        self._delay = (off_delay, on_delay)
        self.active = np.zeros(n, np.bool_)
        self.on = np.zeros(n, np.bool_)
        self.known = np.zeros(n, np.bool_)
        self._mark = np.zeros(n, np.int64)
        self._remaining = np.zeros(n, np.int64)
        self.due = np.full(n, _FAR, np.int64)
        """Source time at which each flips if nothing changes."""

    def change(self, i: int, time: int, on: bool, known: bool) -> list[Flip]:
        """The condition of alarm `i` is so from `time` on; what flipped until then."""
        flips = self._until(i, time)
        pending = bool(self.on[i] != self.active[i])
        if pending and self.known[i]:
            self._remaining[i] -= time - self._mark[i]
        self.on[i], self.known[i] = on, known
        self.due[i] = _FAR
        if on != self.active[i]:
            if not pending:
                self._remaining[i] = self._delay[on][i]
            self._mark[i] = time
            if known:
                self.due[i] = time + max(int(self._remaining[i]), 0)
                flips += self._until(i, time)
        return flips

    def due_by(self, which: npt.NDArray[np.int64], time: npt.NDArray[np.int64]) -> list[Flip]:
        """What flips until each one's `time`, shape of `which`."""
        flips: list[Flip] = []
        for place in np.flatnonzero(self.due[which] <= time):
            flips += self._until(int(which[place]), int(time[place]))
        return flips

    def remaining(self, i: int, time: int) -> int:
        """What is left of a running delay, ns; 0 if none runs."""
        if self.on[i] == self.active[i]:
            return 0
        passed = max(time - int(self._mark[i]), 0) if self.known[i] else 0
        return max(int(self._remaining[i]) - passed, 0)

    def restore(self, i: int, active: bool, on: bool, remaining: int) -> None:
        """Go on from a saved state; unknown until `change` says otherwise."""
        self.active[i], self.on[i], self.known[i] = active, on, False
        self._remaining[i], self.due[i] = remaining, _FAR

    def _until(self, i: int, time: int) -> list[Flip]:
        due = int(self.due[i])
        if due > time:
            return []
        self.active[i] = self.on[i]
        self.due[i] = _FAR
        return [(i, due, bool(self.active[i]))]
