"""Which lane a row takes: one pass over the rows in order of arrival, 100 M rows a second.

A row above its signal's mark is in order and moves the mark. Everything else takes the late lane,
where it is compared with what is stored; the most frequent case, the last sample told again, is
recognised here. A row from the future (source clock suspect) never moves a mark, since it would
send all that follow into the late lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Frame, Times, Values, concatenate
from gemel.core.quality import AHEAD
from gemel.parts.historians.base import Numbers

__all__ = ["NO_MARK", "Lanes", "Last", "sort", "warm_up"]

IN_ORDER: Final = 0
LATE: Final = 1
REPEATED: Final = 2

NO_MARK: Final = int(np.iinfo(np.int64).min)
NEVER: Final = int(np.iinfo(np.int64).max)

SMALL: Final = 16_384
"""Frames below so many rows are put together first; copying larger ones costs more than a call."""


class Last:
    """The last row in order of every signal: its mark. Grows with the catalogue."""

    def __init__(self) -> None:
        self.time: Times = np.empty(0, np.int64)
        self.value: Values = np.empty(0, np.float64)
        self.quality: npt.NDArray[np.int16] = np.empty(0, np.int16)

    def grow(self, signals: int) -> None:
        """Make room for so many signals; new ones have no mark."""
        more = signals - len(self.time)
        if more > 0:
            more += signals // 2  # so that adding signals one by one stays cheap
            self.time = np.concatenate([self.time, np.full(more, NO_MARK)])
            self.value = np.concatenate([self.value, np.full(more, np.nan)])
            self.quality = np.concatenate([self.quality, np.zeros(more, np.int16)])

    def copy(self) -> Last:
        """The same marks, that no longer move with these."""
        other = Last()
        other.time, other.value = self.time.copy(), self.value.copy()
        other.quality = self.quality.copy()
        return other

    def put(
        self, signal: Numbers, time: Times, value: Values, quality: npt.NDArray[np.int16]
    ) -> None:
        """Set the marks of some signals."""
        self.grow(int(signal.max()) + 1 if len(signal) else 0)
        self.time[signal] = time
        self.value[signal] = value
        self.quality[signal] = quality

    def known(self) -> npt.NDArray[np.int32]:
        """Numbers of the signals that have a mark."""
        return np.flatnonzero(self.time != NO_MARK).astype(np.int32)


@dataclass(slots=True)
class Lanes:
    """The rows of a commit by the lane that they take."""

    in_order: list[Frame] = field(default_factory=list)
    late: list[Frame] = field(default_factory=list)
    repeated: int = 0


def sort(frames: Sequence[Frame], last: Last) -> Lanes:
    """Give every row its lane, and move the marks in `last`."""
    lanes = Lanes()
    for group in _groups(frames):
        # A frame without arrival time (0) comes from a file: nothing in it is 'from the future'.
        horizons = [f.received + AHEAD if f.received else NEVER for f in group]
        ends = np.cumsum([len(f) for f in group], dtype=np.int64)
        frame = concatenate(group)
        lane = np.empty(len(frame), np.uint8)
        in_order, late, repeated = _split(
            frame.signal, frame.time, frame.value, frame.quality, ends,
            np.array(horizons, np.int64), last.time, last.value, last.quality, lane,
        )  # fmt: skip
        if in_order == len(frame):
            lanes.in_order.append(frame)
        elif in_order:
            lanes.in_order.append(frame[lane == IN_ORDER])
        if late:
            lanes.late.append(frame[lane == LATE])
        lanes.repeated += repeated
    return lanes


def _groups(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Frames with rows, in order: large ones alone, small neighbours together."""
    group: list[Frame] = []
    rows = 0
    for frame in frames:
        if not len(frame):
            continue
        if rows + len(frame) > SMALL and group:
            yield group
            group, rows = [], 0
        group.append(frame)
        rows += len(frame)
    if group:
        yield group


@njit(nogil=True, cache=True)
def _split(
    signal: Any,
    time: Any,
    value: Any,
    quality: Any,
    ends: Any,
    horizons: Any,
    last_time: Any,
    last_value: Any,
    last_quality: Any,
    lane: Any,
) -> tuple[int, int, int]:
    """Fill `lane` (uint8[n]) and move the marks; gives the number of rows per lane.

    ends, horizons  int64[frames]: rows before ends[f] (and not of an earlier frame) are from the
                    future where their source time is above horizons[f]
    """
    in_order = late = repeated = 0
    frame = 0
    for i in range(len(signal)):
        while i >= ends[frame]:
            frame += 1
        s = signal[i]
        t = time[i]
        if t > last_time[s] and t <= horizons[frame]:
            lane[i] = 0
            in_order += 1
            last_time[s] = t
            last_value[s] = value[i]
            last_quality[s] = quality[i]
        elif (
            t == last_time[s]
            and quality[i] == last_quality[s]
            and (
                value[i] == last_value[s]
                or (value[i] != value[i] and last_value[s] != last_value[s])
            )
        ):
            lane[i] = 2
            repeated += 1
        else:
            lane[i] = 1
            late += 1
    return in_order, late, repeated


def warm_up() -> None:
    """Compile the kernel before the first rows arrive."""
    last = Last()
    last.grow(1)
    sort([Frame.of([0], [0], [0.0])], last)
