"""Aligner: Frames become aligned Windows, in one way for the mirror, training and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import EMPTY, Frame
from gemel.core.quality import CLOCK_SUSPECT
from gemel.core.time import duration_text
from gemel.parts.detectors.base import Window

__all__ = ["Aligner"]

_NEVER: Final = np.iinfo(np.int64).min
_JUMP_CELLS: Final = 1 << 24
"""A jump of the watermark over more cells than this (128 MiB) is a gap and gives no rows."""
_RING_CELLS: Final = 1 << 27
"""More cells than this (2 GiB) are not kept waiting for late samples."""


class Aligner:
    """Turns Frames into Windows of certain signals on a grid, by holding their last value.

    The grid is the multiples of `step` since 1970. A row closes when a sample of one of the signals
    is newer than it by more than `lateness`, and is given once; a sample that belongs to a closed
    row is counted as `late`, changes no row that was given, and is held from then on if it is the
    newest of its signal. Rows start at the first sample. How the stream is cut into Frames changes
    nothing. Where a connector delivers signal after signal, `lateness` must cover its batches.

    A value is NaN where nothing is known yet, where the sample is bad, and where it is older than
    `hold` (never, if None). Samples whose source clock is suspect are left out, so that they cannot
    close rows too early; `suspect` counts them. If the watermark jumps over more rows than anybody
    would score (2^24 cells), they are left out and `skipped` counts them.
    """

    def __init__(
        self,
        numbers: Iterable[int],
        names: Sequence[str],
        step: int,
        lateness: int = 0,
        hold: int | None = None,
        state: dict[str, Any] | None = None,
    ) -> None:
        """Signals by number and their names, in the order of the columns; times in ns."""
        self.numbers = tuple(int(number) for number in numbers)
        self.names = tuple(names)
        self.step = step
        self.lateness = lateness
        self.hold = hold
        k = len(self.numbers)
        if k == 0 or k != len(self.names) or len(set(self.numbers)) != k or min(self.numbers) < 0:
            raise ConfigurationError(
                f"{k} signal numbers and {len(self.names)} names, must be as many, at least one, "
                "different and not negative"
            )
        if step <= 0 or lateness < 0 or (hold is not None and hold <= 0):
            raise ConfigurationError("step and hold must be above 0, lateness at least 0")
        waiting = lateness // step + 2
        if waiting * k > _RING_CELLS:
            raise ConfigurationError(
                f"lateness {duration_text(lateness)} at step {duration_text(step)} keeps "
                f"{waiting} rows of {k} signals waiting; a longer step or less lateness would do"
            )
        self._column = np.full(max(self.numbers) + 1, -1, np.int64)
        self._column[list(self.numbers)] = np.arange(k)
        self._held_time = np.full(k, _NEVER, np.int64)
        self._held_value = np.full(k, np.nan)
        # Newest sample of each signal in each row that is not closed; row r lies at r % waiting.
        self._ring_time = np.full((waiting, k), _NEVER, np.int64)
        self._ring_value = np.full((waiting, k), np.nan)
        self._at = np.array([_NEVER, _NEVER, 0, 0, 0], np.int64)
        if state is not None:
            self._restore(state)

    @property
    def watermark(self) -> int | None:
        """Source time of the newest sample, ns; None before the first."""
        return None if self._at[0] == _NEVER else int(self._at[0])

    @property
    def late(self) -> int:
        """Samples that came after their row was given."""
        return int(self._at[2])

    @property
    def suspect(self) -> int:
        """Samples left out because their source clock is suspect."""
        return int(self._at[3])

    @property
    def skipped(self) -> int:
        """Rows left out in jumps of the watermark."""
        return int(self._at[4])

    def push(self, frame: Frame) -> Window:
        """The rows that these samples close; samples of other signals are ignored."""
        return self._run(_contiguous(frame))

    def advance(self, watermark: int) -> Window:
        """The rows that a watermark known from elsewhere closes, where signals seldom change."""
        return self._run(_contiguous(EMPTY), max(watermark, int(self._at[0])))

    def flush(self) -> Window:
        """The rows up to the newest sample, at the end of a stream."""
        if self.watermark is None:
            return self._run(_contiguous(EMPTY))
        return self.advance(self.watermark + self.lateness + 1)

    def state(self) -> dict[str, Any]:
        """A JSON-able value with which an aligner of the same arguments continues."""
        rows, columns = np.nonzero(self._ring_time != _NEVER)
        return {
            "version": 1,
            "numbers": list(self.numbers),
            "step": self.step,
            "at": self._at.tolist(),
            "held_time": self._held_time.tolist(),
            "held_value": _plain(self._held_value),
            "rows": rows.tolist(),
            "columns": columns.tolist(),
            "time": self._ring_time[rows, columns].tolist(),
            "value": _plain(self._ring_value[rows, columns]),
            "waiting": len(self._ring_time),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        found = (state["version"], tuple(state["numbers"]), state["step"], state["waiting"])
        if found != (1, self.numbers, self.step, len(self._ring_time)):
            raise DataError("state of an aligner of other signals, step or lateness")
        self._at[:] = state["at"]
        self._held_time[:] = state["held_time"]
        self._held_value[:] = np.array(state["held_value"], np.float64)
        cells = (state["rows"], state["columns"])
        self._ring_time[cells] = state["time"]
        self._ring_value[cells] = np.array(state["value"], np.float64)

    def _run(self, columns: tuple[Any, Any, Any, Any], end: int = _NEVER) -> Window:
        k = len(self.numbers)
        jump = max(_JUMP_CELLS // k, 1)
        signal, time, value, quality = columns
        n = _count(
            signal, time, quality, self._column, self.step, self.lateness, jump, end,
            self._at.copy(),
        )  # fmt: skip
        out_time, out_value = np.empty(n, np.int64), np.empty((n, k))
        _align(
            signal, time, value, quality, self._column, self.step, self.lateness,
            -1 if self.hold is None else self.hold, jump, end, self._at, self._held_time,
            self._held_value, self._ring_time, self._ring_value, out_time, out_value,
        )  # fmt: skip
        return Window(out_time, out_value, self.names)


def _contiguous(frame: Frame) -> tuple[Any, Any, Any, Any]:
    return (
        np.ascontiguousarray(frame.signal),
        np.ascontiguousarray(frame.time),
        np.ascontiguousarray(frame.value),
        np.ascontiguousarray(frame.quality),
    )


def _plain(values: npt.NDArray[np.float64]) -> list[float | str]:
    """JSON has no NaN and no infinity: they are written as text."""
    return [v if np.isfinite(v) else str(v) for v in values.tolist()]


@njit(nogil=True, cache=True)
def _count(
    signal: npt.NDArray[np.int32],
    time: npt.NDArray[np.int64],
    quality: npt.NDArray[np.int16],
    column: npt.NDArray[np.int64],
    step: int,
    lateness: int,
    jump: int,
    end: int,
    at: npt.NDArray[np.int64],
) -> int:
    """How many rows `_align` will give; the same walk over watermarks, without values."""
    n = 0
    for i in range(len(signal) + 1):
        if i < len(signal):
            s = signal[i]
            if s < 0 or s >= len(column) or column[s] < 0 or quality[i] == CLOCK_SUSPECT:
                continue
            t = time[i]
        else:
            t = end
        if t > at[0] and (i < len(signal) or at[1] != _NEVER):
            at[0] = t
            if at[1] == _NEVER:
                at[1] = -(-t // step)
            last = -(-(t - lateness) // step) - 1  # newest row that closes
            if last - at[1] >= jump:
                at[1] = last
            if last >= at[1]:
                n += last - at[1] + 1
                at[1] = last + 1
    return n


@njit(nogil=True, cache=True)
def _align(
    signal: npt.NDArray[np.int32],
    time: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.int16],
    column: npt.NDArray[np.int64],
    step: int,
    lateness: int,
    hold: int,
    jump: int,
    end: int,
    at: npt.NDArray[np.int64],
    held_time: npt.NDArray[np.int64],
    held_value: npt.NDArray[np.float64],
    ring_time: npt.NDArray[np.int64],
    ring_value: npt.NDArray[np.float64],
    out_time: npt.NDArray[np.int64],
    out_value: npt.NDArray[np.float64],
) -> None:
    """One walk over the samples. `at` holds watermark, next row, late, suspect, skipped."""
    waiting, k = ring_time.shape
    n = 0
    for i in range(len(signal) + 1):
        c = -1
        t = end
        if i < len(signal):
            s = signal[i]
            if s < 0 or s >= len(column) or column[s] < 0:
                continue
            if quality[i] == CLOCK_SUSPECT:
                at[3] += 1
                continue
            c = column[s]
            t = time[i]
        if t > at[0] and (c >= 0 or at[1] != _NEVER):
            at[0] = t
            if at[1] == _NEVER:
                at[1] = -(-t // step)
            last = -(-(t - lateness) // step) - 1
            gap = last - at[1] >= jump
            row = at[1]
            while row <= last:
                r = row % waiting
                give = not gap or row == last
                now = row * step
                for j in range(k):
                    if ring_time[r, j] != _NEVER:
                        if ring_time[r, j] >= held_time[j]:
                            held_time[j] = ring_time[r, j]
                            held_value[j] = ring_value[r, j]
                        ring_time[r, j] = _NEVER
                    if give:
                        known = held_time[j] != _NEVER
                        fresh = known and (hold < 0 or now - held_time[j] <= hold)
                        out_value[n, j] = held_value[j] if fresh else np.nan
                if give:
                    out_time[n] = now
                    n += 1
                # In a gap only the rows that wait can hold samples; the next after them is last.
                if gap and row - at[1] >= waiting - 1 and row < last:
                    row = last
                else:
                    row += 1
            if gap:
                at[4] += last - at[1]
            if last >= at[1]:
                at[1] = last + 1
        if c < 0:
            continue
        usable = value[i] if quality[i] >= 0 and np.isfinite(value[i]) else np.nan
        row = -(-t // step)
        if row < at[1]:
            at[2] += 1
            if t >= held_time[c]:
                held_time[c] = t
                held_value[c] = usable
        else:
            r = row % waiting
            if ring_time[r, c] == _NEVER or t >= ring_time[r, c]:
                ring_time[r, c] = t
                ring_value[r, c] = usable
