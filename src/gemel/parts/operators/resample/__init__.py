"""Resample: put signals on a common grid by holding their last value.

`Resample` does it for Frames; `Aligner` turns Frames into Windows.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import EMPTY, Frame
from gemel.core.quality import CLOCK_SUSPECT, STALE
from gemel.core.time import MINUTE, Duration, duration_text
from gemel.parts.operators.base import Operator
from gemel.parts.operators.resample.aligner import Aligner

__all__ = ["Aligner", "Resample"]


class Resample(Operator):
    """Give the last value of each signal at every multiple of `step`, with its quality.

    >>> frame = Frame.of([0, 0, 0], [3, 14, 41], [1.0, 2.0, 3.0])
    >>> out = Resample(step="10 ns", hold="20 ns").start()(frame)
    >>> out.time.tolist(), out.value.tolist()
    ([10, 20, 30, 40], [1.0, 2.0, 2.0, nan])

    A multiple is given when a newer sample of the same signal shows that nothing more belongs to
    it. Where the last sample is older than `hold`, one value that is no number is given with
    quality *stale*, and then nothing until the next sample. Samples older than the newest one
    of their signal change nothing; `late` counts them. A sample whose source clock is suspect is
    left out; `suspect` counts it.
    """

    step: Duration = Field(gt=0, description="Distance of the grid")
    hold: Duration = Field(
        MINUTE, gt=0, description="How long a value is held when nothing newer comes"
    )
    signals: tuple[int, ...] | None = Field(
        None, description="Numbers of the signals to resample, all if not given; others pass"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Resample:
        if self.hold < self.step:
            hold, step = duration_text(self.hold), duration_text(self.step)
            raise ValueError(f"hold is {hold}, must be at least the step of {step}")
        return self

    def start(self, state: dict[str, Any] | None = None) -> _Step:
        return _Step(self, state)


_SIGNAL: Final = np.dtype(
    [
        ("chosen", np.bool_),
        ("seen", np.bool_),
        ("time", np.int64),  # the newest sample
        ("value", np.float64),
        ("quality", np.int16),
    ]
)
_STATE: Final = ("time", "value", "quality")


class _Step:
    """One row of `_SIGNAL` per signal number; numbers are dense, the catalogue gives them so."""

    def __init__(self, settings: Resample, state: dict[str, Any] | None) -> None:
        self._settings = settings
        self._signals = np.zeros(0, _SIGNAL)
        self._counts = np.zeros(2, np.int64)
        if state is not None:
            if state["version"] != 1:
                raise DataError(f"state of resample has version {state['version']}, must be 1")
            self._counts[:] = state["late"], state["suspect"]
            if state["signals"]:
                numbers = np.array(state["signals"])
                self._reach(int(numbers.max()))
                self._signals["seen"][numbers] = True
                for name in _STATE:
                    column = np.array(state[name], dtype=_SIGNAL[name])  # may be text: 'nan'
                    self._signals[name][numbers] = column

    @property
    def late(self) -> int:
        """Samples that were older than the newest of their signal."""
        return int(self._counts[0])

    @property
    def suspect(self) -> int:
        """Samples left out because their source clock is suspect."""
        return int(self._counts[1])

    def __call__(self, frame: Frame) -> Frame:
        if len(frame) == 0:
            return frame
        if int(frame.signal.min()) < 0:
            raise DataError(f"signal number {frame.signal.min()}, must be 0 or more")
        self._reach(int(frame.signal.max()))
        columns = (
            np.ascontiguousarray(frame.signal),
            np.ascontiguousarray(frame.time),
            np.ascontiguousarray(frame.value),
            np.ascontiguousarray(frame.quality),
        )
        counts = self._counts.copy()
        nothing = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
        step, hold = self._settings.step, self._settings.hold
        n = _resample(*columns, self._signals.copy(), step, hold, counts, *nothing)
        out = (np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n), np.empty(n, np.int16))
        _resample(*columns, self._signals, step, hold, self._counts, *out)
        return Frame(*out, frame.received, frame.source, frame.position)

    def flush(self) -> Frame:
        return EMPTY

    def state(self) -> dict[str, Any]:
        numbers = np.flatnonzero(self._signals["seen"])
        known = self._signals[numbers]
        columns = {name: known[name].tolist() for name in _STATE}
        # JSON has no NaN and no infinity: they are written as text.
        columns["value"] = [v if np.isfinite(v) else str(v) for v in columns["value"]]
        counts = {"late": self.late, "suspect": self.suspect}
        return {"version": 1, **counts, "signals": numbers.tolist(), **columns}

    def _reach(self, number: int) -> None:
        """Have a row for every signal up to `number`."""
        known = len(self._signals)
        if number >= known:
            more = np.zeros(max(number + 1, 2 * known) - known, _SIGNAL)
            chosen = self._settings.signals
            numbers = np.arange(known, known + len(more))
            more["chosen"] = True if chosen is None else np.isin(numbers, chosen)
            self._signals = np.concatenate([self._signals, more])


@njit(nogil=True, cache=True)
def _resample(
    signal: npt.NDArray[np.int32],
    time: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.int16],
    signals: Any,
    step: int,
    hold: int,
    counts: npt.NDArray[np.int64],
    out_signal: npt.NDArray[np.int32],
    out_time: npt.NDArray[np.int64],
    out_value: npt.NDArray[np.float64],
    out_quality: npt.NDArray[np.int16],
) -> int:
    """Write the grid to `out_…`, or only count it where `out_…` is empty."""
    n = 0
    write = len(out_signal) > 0
    for i in range(len(signal)):
        last = signals[signal[i]]
        t = time[i]
        if not last.chosen:
            if write:
                out_signal[n], out_time[n] = signal[i], t
                out_value[n], out_quality[n] = value[i], quality[i]
            n += 1
            continue
        if quality[i] == CLOCK_SUSPECT:
            counts[1] += 1
            continue
        if last.seen and t < last.time:
            counts[0] += 1
            continue
        if last.seen:
            grid = -(-last.time // step) * step
            while grid < t:
                stale = grid - last.time > hold
                if write:
                    out_signal[n], out_time[n] = signal[i], grid
                    out_value[n] = np.nan if stale else last.value
                    out_quality[n] = STALE if stale else last.quality
                n += 1
                if stale:
                    break
                grid += step
        last.seen = True
        last.time, last.value, last.quality = t, value[i], quality[i]
    return n
