"""The mirror: what every signal is now, in dense arrays indexed by signal number.

One thread calls `admit`; any thread may take a `snapshot`. Admission judges, counts and mirrors in
two passes of compiled code, so that a thousand signals at 1 kHz cost a fraction of a core.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core import quality as q
from gemel.core.frame import Frame, Times, Values
from gemel.parts.operators.quality import REASONS, Rules

__all__ = ["NEVER", "Admitted", "Mirror", "Snapshot"]

NEVER: Final = int(np.iinfo(np.int64).min)
_ENDLESS: Final = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A consistent copy of the mirror, indexed by signal number.

    time      int64[n]    source time of the last sample, NEVER if there was none
    value     float64[n]
    quality   int16[n]    as admitted; STALE or no communication where it is too old to believe
    received  int64[n]    when it arrived
    count     int64[n]    samples admitted since the start
    good      int64[n]    of these, the good ones
    """

    taken: int
    time: Times
    value: Values
    quality: npt.NDArray[np.int16]
    received: Times
    count: npt.NDArray[np.int64]
    good: npt.NDArray[np.int64]

    def frame(self) -> Frame:
        """What it shows, as samples, for who begins to look: it must not wait for the next change
        of a signal that seldom changes. The newest come first, so that a grid begins with them."""
        known = np.flatnonzero((self.time != NEVER) & (self.quality != q.CLOCK_SUSPECT))
        order = known[np.argsort(-self.time[known], kind="stable")]
        return Frame.of(order, self.time[order], self.value[order], self.quality[order])


@dataclass(frozen=True, slots=True)
class Admitted:
    """What admission made of a Frame."""

    frame: Frame
    """The rows of known signals, judged."""
    unknown: int
    """Rows of signal numbers that nobody declared; they are not in the frame."""
    behind: int
    """Rows at or before what the mirror already shows: late or repeated."""


class Mirror:
    """The state of all signals."""

    def __init__(self, signals: int = 0) -> None:
        self.rules = Rules()
        self._lock = threading.Lock()
        self._time = np.empty(0, np.int64)
        self._value = np.empty(0, np.float64)
        self._quality = np.empty(0, np.int16)
        self._received = np.empty(0, np.int64)
        self._count = np.empty(0, np.int64)
        self._good = np.empty(0, np.int64)
        self._stale_after = np.empty(0, np.int64)
        self._cut = np.empty(0, np.bool_)
        self.grow(signals)

    def __len__(self) -> int:
        return len(self._time)

    def grow(self, signals: int) -> None:
        """Make room for so many signal numbers."""
        more = signals - len(self._time)
        if more <= 0:
            return
        with self._lock:
            self.rules.grow(signals)
            self._time = np.concatenate([self._time, np.full(more, NEVER)])
            self._value = np.concatenate([self._value, np.full(more, np.nan)])
            self._quality = np.concatenate([self._quality, np.full(more, q.BAD, np.int16)])
            self._received = np.concatenate([self._received, np.full(more, NEVER)])
            self._count = np.concatenate([self._count, np.zeros(more, np.int64)])
            self._good = np.concatenate([self._good, np.zeros(more, np.int64)])
            self._stale_after = np.concatenate([self._stale_after, np.full(more, _ENDLESS)])
            self._cut = np.concatenate([self._cut, np.zeros(more, np.bool_)])

    def watch_age(self, number: int, stale_after: int | None) -> None:
        """From now on the signal is stale when nothing arrived for `stale_after` ns; never if
        None."""
        self.grow(number + 1)
        self._stale_after[number] = _ENDLESS if stale_after is None else stale_after

    def cut(self, signals: npt.NDArray[np.int32], lost: bool) -> None:
        """Say that the way to these signals is cut (`lost`), or open again."""
        with self._lock:
            self._cut[signals] = lost

    def restore(self, signal: Any, time: Any, value: Any, quality: Any) -> None:
        """Show what history knew last, until fresh samples come."""
        with self._lock:
            self._time[signal] = time
            self._value[signal] = value
            self._quality[signal] = quality

    def admit(self, frame: Frame) -> Admitted:
        """Judge and mirror the rows of a Frame."""
        unknown = 0
        if len(frame) and not (frame.signal.min() >= 0 and frame.signal.max() < len(self)):
            known = (frame.signal >= 0) & (frame.signal < len(self))
            unknown = len(frame) - int(np.count_nonzero(known))
            frame = frame[known]
        judged = frame.with_quality(self.rules(frame))
        with self._lock:
            behind = _mirror(
                judged.signal, judged.time, judged.value, judged.quality, frame.received,
                self._time, self._value, self._quality, self._received, self._count, self._good,
            )  # fmt: skip
        return Admitted(judged, unknown, int(behind))

    def snapshot(self, now: int) -> Snapshot:
        """A consistent copy; what is too old to believe is marked so."""
        with self._lock:
            copy = Snapshot(
                now,
                self._time.copy(),
                self._value.copy(),
                self._quality.copy(),
                self._received.copy(),
                self._count.copy(),
                self._good.copy(),
            )
            stale_after, cut = self._stale_after, self._cut.copy()
        usable = copy.quality >= 0
        old = usable & (now - copy.received > stale_after) & (copy.received != NEVER)
        copy.quality[old] = q.STALE
        # An old number must not look new: without a way to its source it is the last usable value.
        copy.quality[usable & cut] = q.NO_COMMUNICATION_LAST_USABLE
        for column in (copy.time, copy.value, copy.quality, copy.received, copy.count, copy.good):
            column.flags.writeable = False
        return copy

    def findings(self, number: int) -> dict[str, int]:
        """How often each quality rule spoke for a signal, by reason."""
        counts = self.rules.found[number]
        return {q.reason(r): int(c) for r, c in zip(REASONS, counts, strict=True) if c}

    @staticmethod
    def warm_up() -> None:
        """Compile what `admit` needs, before anything arrives."""
        Mirror(1).admit(Frame.of([0], [0], [0.0]))


@njit(nogil=True, cache=True)
def _mirror(
    signal: Any, time: Any, value: Any, quality: Any, received: int,
    last_time: Any, last_value: Any, last_quality: Any, last_received: Any, count: Any, good: Any,
) -> int:  # fmt: skip
    behind = 0
    for i in range(len(signal)):
        s = signal[i]
        count[s] += 1
        if 0 <= quality[i] < 0x4000:
            good[s] += 1
        # After a time from the future, the next honest one is newer whatever it says.
        if time[i] > last_time[s] or last_quality[s] == 0x4F05:
            last_time[s] = time[i]
            last_value[s] = value[i]
            last_quality[s] = quality[i]
            last_received[s] = received
        else:
            behind += 1
            if time[i] == last_time[s]:
                last_value[s] = value[i]
                last_quality[s] = quality[i]
                last_received[s] = received
    return behind
