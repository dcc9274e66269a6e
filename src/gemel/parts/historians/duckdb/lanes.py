"""Which lane a row takes: one pass over the rows in order of arrival, 100 M rows a second.

A row above its signal's mark is in order and moves the mark. Everything else takes the late lane,
where it is compared with what is stored; the most frequent case, the last sample told again, is
recognised here. A row from the future (source clock suspect) never moves a mark, since it would
send all that follow into the late lane.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Frame, Times, Values

__all__ = ["IN_ORDER", "LATE", "NO_MARK", "REPEATED", "Last", "split", "warm_up"]

IN_ORDER: Final = 0
LATE: Final = 1
REPEATED: Final = 2

NO_MARK: Final = int(np.iinfo(np.int64).min)


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

    def put(self, signal: Any, time: Any, value: Any, quality: Any) -> None:
        """Set the marks of some signals."""
        self.grow(int(signal.max()) + 1 if len(signal) else 0)
        self.time[signal] = time
        self.value[signal] = value
        self.quality[signal] = quality

    def known(self) -> npt.NDArray[np.int32]:
        """Numbers of the signals that have a mark."""
        return np.flatnonzero(self.time != NO_MARK).astype(np.int32)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def split(
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
    """Compile `split` before the first rows arrive; a Frame's columns are a type of their own."""
    last = Last()
    last.grow(1)
    frame = Frame.of([0], [0], [0.0])
    split(
        frame.signal, frame.time, frame.value, frame.quality, np.ones(1, np.int64),
        np.zeros(1, np.int64), last.time, last.value, last.quality, np.zeros(1, np.uint8),
    )  # fmt: skip
