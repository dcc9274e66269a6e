"""Deadband: small changes are not worth keeping."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import EMPTY, Frame
from gemel.core.time import Duration
from gemel.parts.operators.base import Operator

__all__ = ["Deadband"]


class Deadband(Operator):
    """Keep a sample only when it moved by its width or more since the last kept one.

    >>> frame = Frame.of([0] * 5, range(5), [0.0, 0.1, 0.6, 0.7, 1.2])
    >>> Deadband(width=0.5).start()(frame).value.tolist()
    [0.0, 0.6, 1.2]

    Every change of quality is kept, and so is a change to or from a number that is none. While a
    signal is bad only changes of its quality are kept. A sample that is older than one before it
    passes as it is: what stood before it is no longer known. A signal without a width passes
    unchanged.
    """

    width: float | None = Field(
        None, gt=0, description="Smallest change worth keeping, in the unit of each signal"
    )
    widths: dict[int, float] = Field(
        {}, description="Width of single signals, by number; goes before `width` and `percent`"
    )
    percent: float | None = Field(
        None, gt=0, le=100, description="Width in % of the range, for the signals in `ranges`"
    )
    ranges: dict[int, tuple[float, float]] = Field(
        {}, description="Lowest and highest value of single signals, by number"
    )
    max_gap: Duration | None = Field(
        None, gt=0, description="Keep at least one sample each so long, while samples come"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Deadband:
        if self.width is None and self.percent is None and not self.widths:
            raise ValueError("needs `width`, `widths`, or `percent` with `ranges`")
        if (self.percent is None) != (not self.ranges):
            raise ValueError("`percent` and `ranges` belong together")
        for number, width in self.widths.items():
            if width <= 0:
                raise ValueError(f"widths: signal {number} has {width}, must be greater than 0")
        for number, (low, high) in self.ranges.items():
            if not low < high:
                raise ValueError(f"ranges: signal {number} has {low} to {high}, must rise")
        return self

    def width_of(self, number: int) -> float:
        """Width of one signal, in its unit; NaN where it has none."""
        if number in self.widths:
            return self.widths[number]
        if number in self.ranges and self.percent is not None:
            low, high = self.ranges[number]
            return (high - low) * self.percent / 100
        return np.nan if self.width is None else self.width

    def start(self, state: dict[str, Any] | None = None) -> _Step:
        return _Step(self, state)


_SIGNAL: Final = np.dtype(
    [
        ("width", np.float64),
        ("seen", np.bool_),
        ("newest", np.int64),  # source time of the newest sample
        ("time", np.int64),  # the last kept sample
        ("value", np.float64),
        ("quality", np.int16),
    ]
)
_STATE: Final = ("newest", "time", "value", "quality")


class _Step:
    """One row of `_SIGNAL` per signal number; numbers are dense, the catalogue gives them so."""

    def __init__(self, settings: Deadband, state: dict[str, Any] | None) -> None:
        self._settings = settings
        self._signals = np.zeros(0, _SIGNAL)
        if state is not None and state["signals"]:
            if state["version"] != 1:
                raise DataError(f"state of deadband has version {state['version']}, must be 1")
            numbers = np.array(state["signals"])
            self._reach(int(numbers.max()))
            self._signals["seen"][numbers] = True
            for name in _STATE:
                column = np.array(state[name], dtype=_SIGNAL[name])  # floats may be text: 'nan'
                self._signals[name][numbers] = column

    def __call__(self, frame: Frame) -> Frame:
        if len(frame) == 0:
            return frame
        if int(frame.signal.min()) < 0:
            raise DataError(f"signal number {frame.signal.min()}, must be 0 or more")
        self._reach(int(frame.signal.max()))
        keep = np.empty(len(frame), np.bool_)
        gap = self._settings.max_gap
        _decide(
            np.ascontiguousarray(frame.signal),
            np.ascontiguousarray(frame.time),
            np.ascontiguousarray(frame.value),
            np.ascontiguousarray(frame.quality),
            self._signals,
            np.iinfo(np.int64).max if gap is None else gap,
            keep,
        )
        return frame[keep]

    def flush(self) -> Frame:
        return EMPTY

    def state(self) -> dict[str, Any]:
        numbers = np.flatnonzero(self._signals["seen"])
        known = self._signals[numbers]
        columns = {name: known[name].tolist() for name in _STATE}
        # JSON has no NaN and no infinity: they are written as text.
        columns["value"] = [v if np.isfinite(v) else str(v) for v in columns["value"]]
        return {"version": 1, "signals": numbers.tolist(), **columns}

    def _reach(self, number: int) -> None:
        """Have a row for every signal up to `number`."""
        known = len(self._signals)
        if number >= known:
            more = np.zeros(max(number + 1, 2 * known) - known, _SIGNAL)
            more["width"] = [self._settings.width_of(known + i) for i in range(len(more))]
            self._signals = np.concatenate([self._signals, more])


@njit(nogil=True, cache=True)
def _decide(
    signal: npt.NDArray[np.int32],
    time: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.int16],
    signals: Any,
    max_gap: int,
    keep: npt.NDArray[np.bool_],
) -> None:
    for i in range(len(signal)):
        last = signals[signal[i]]
        keep[i] = True
        if last.seen and time[i] < last.newest:
            continue
        if last.seen and not np.isnan(last.width) and quality[i] == last.quality:
            x, y = value[i], last.value
            still = (
                quality[i] < 0 or x == y or abs(x - y) < last.width or (np.isnan(x) and np.isnan(y))
            )
            keep[i] = not still or time[i] - last.time >= max_gap
        last.seen = True
        last.newest = time[i]
        if keep[i]:
            last.time = time[i]
            last.value = value[i]
            last.quality = quality[i]
