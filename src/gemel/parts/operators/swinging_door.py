"""Swinging door trending: keep what straight lines between kept samples cannot say."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import Frame
from gemel.core.time import Duration
from gemel.parts.operators.base import Operator

__all__ = ["SwingingDoor"]


class SwingingDoor(Operator):
    """Keep so few samples that straight lines between them stay within `deviation` of the others.

    >>> frame = Frame.of([0] * 6, range(6), [0.0, 1.0, 2.1, 3.0, 3.0, 3.0])
    >>> step = SwingingDoor(deviation=0.2).start()
    >>> [*step(frame).value.tolist(), *step.flush().value.tolist()]
    [0.0, 3.0, 3.0]

    Source: E. H. Bristol, "Swinging door trending: adaptive trend recording?", ISA National
    Conference 1990, 749-753. The doors of the patent close when no line from the last kept sample
    passes through the corridor of all samples since; the sample kept then is the one before, and
    the line to that one may leave the corridor by up to twice the deviation. Here a sample is held
    only while the line to it lies in the corridor, so that the promise holds for every sample:
    linear interpolation in time between kept samples errs by at most `deviation` (and the rounding
    of a float) on every dropped one.

    A change of quality, a value that is no number, two values at one time, and a pause longer than
    `max_gap` end a line; the first sample after it is kept. While a signal is bad or no number only
    the first sample is kept, and one each `max_gap`. One sample per signal is held back until the
    next decides about it; `flush` gives it up. A sample that is older than one before it passes as
    it is, and is no part of a line.
    """

    deviation: float | None = Field(
        None, gt=0, description="Largest error of a dropped sample, in the unit of each signal"
    )
    deviations: dict[int, float] = Field(
        {}, description="Deviation of single signals, by number; goes before the other two"
    )
    percent: float | None = Field(
        None, gt=0, le=100, description="Deviation in % of the range, for the signals in `ranges`"
    )
    ranges: dict[int, tuple[float, float]] = Field(
        {}, description="Lowest and highest value of single signals, by number"
    )
    max_gap: Duration | None = Field(
        None, gt=0, description="Keep at least one sample each so long; a longer pause is a gap"
    )

    @model_validator(mode="after")
    def _consistent(self) -> SwingingDoor:
        if self.deviation is None and self.percent is None and not self.deviations:
            raise ValueError("needs `deviation`, `deviations`, or `percent` with `ranges`")
        if (self.percent is None) != (not self.ranges):
            raise ValueError("`percent` and `ranges` belong together")
        for number, deviation in self.deviations.items():
            if deviation <= 0:
                raise ValueError(f"deviations: signal {number} has {deviation}, must be above 0")
        for number, (low, high) in self.ranges.items():
            if not low < high:
                raise ValueError(f"ranges: signal {number} has {low} to {high}, must rise")
        return self

    def deviation_of(self, number: int) -> float:
        """Deviation of one signal, in its unit; NaN where it has none and passes unchanged."""
        if number in self.deviations:
            return self.deviations[number]
        if number in self.ranges and self.percent is not None:
            low, high = self.ranges[number]
            return (high - low) * self.percent / 100
        return np.nan if self.deviation is None else self.deviation

    def start(self, state: dict[str, Any] | None = None) -> _Step:
        return _Step(self, state)


_SIGNAL: Final = np.dtype(
    [
        ("deviation", np.float64),
        ("seen", np.bool_),
        ("held", np.bool_),  # is a sample held back?
        ("quality", np.int16),  # of the line
        ("newest", np.int64),  # source time of the newest sample
        ("kept_time", np.int64),  # the sample at which the line starts
        ("kept_value", np.float64),
        ("held_time", np.int64),  # the sample that is held back
        ("held_value", np.float64),
        ("low", np.float64),  # slopes between which the line must lie
        ("high", np.float64),
    ]
)
_STATE: Final = tuple(name for name in _SIGNAL.names or () if name not in ("deviation", "seen"))


class _Step:
    """One row of `_SIGNAL` per signal number; numbers are dense, the catalogue gives them so."""

    def __init__(self, settings: SwingingDoor, state: dict[str, Any] | None) -> None:
        self._settings = settings
        self._signals = np.zeros(0, _SIGNAL)
        self._gap = np.iinfo(np.int64).max if settings.max_gap is None else settings.max_gap
        if state is not None and state["signals"]:
            if state["version"] != 1:
                raise DataError(f"state of swinging_door has version {state['version']}, must be 1")
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
        out = _columns(2 * len(frame))
        n = _decide(
            np.ascontiguousarray(frame.signal),
            np.ascontiguousarray(frame.time),
            np.ascontiguousarray(frame.value),
            np.ascontiguousarray(frame.quality),
            self._signals,
            self._gap,
            *out,
        )
        signal, time, value, quality = (column[:n].copy() for column in out)
        return Frame(signal, time, value, quality, frame.received, frame.source, frame.position)

    def flush(self) -> Frame:
        numbers = np.flatnonzero(self._signals["held"])
        held = self._signals[numbers]
        order = np.argsort(held["held_time"], kind="stable")
        numbers, held = numbers[order], held[order]
        known = self._signals
        known["kept_time"][numbers] = held["held_time"]
        known["kept_value"][numbers] = held["held_value"]
        known["low"][numbers], known["high"][numbers] = -np.inf, np.inf
        known["held"][numbers] = False
        return Frame.of(numbers, held["held_time"], held["held_value"], held["quality"])

    def state(self) -> dict[str, Any]:
        numbers = np.flatnonzero(self._signals["seen"])
        known = self._signals[numbers]
        columns = {name: known[name].tolist() for name in _STATE}
        for name in ("kept_value", "held_value", "low", "high"):
            # JSON has no NaN and no infinity: they are written as text.
            columns[name] = [v if np.isfinite(v) else str(v) for v in columns[name]]
        return {"version": 1, "signals": numbers.tolist(), **columns}

    def _reach(self, number: int) -> None:
        """Have a row for every signal up to `number`."""
        known = len(self._signals)
        if number >= known:
            more = np.zeros(max(number + 1, 2 * known) - known, _SIGNAL)
            more["deviation"] = [self._settings.deviation_of(known + i) for i in range(len(more))]
            self._signals = np.concatenate([self._signals, more])


def _columns(n: int) -> tuple[Any, Any, Any, Any]:
    return np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n), np.empty(n, np.int16)


@njit(nogil=True, cache=True)
def _decide(
    signal: npt.NDArray[np.int32],
    time: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.int16],
    signals: Any,
    max_gap: int,
    out_signal: npt.NDArray[np.int32],
    out_time: npt.NDArray[np.int64],
    out_value: npt.NDArray[np.float64],
    out_quality: npt.NDArray[np.int16],
) -> int:
    """Write what is kept to `out_…`, in order of decision; gives its number of rows."""
    n = 0
    for i in range(len(signal)):
        line = signals[signal[i]]
        t, v, q = time[i], value[i], quality[i]
        late = line.seen and t < line.newest
        if late or np.isnan(line.deviation):
            out_signal[n], out_time[n], out_value[n], out_quality[n] = signal[i], t, v, q
            n += 1
            continue
        fresh = not line.seen  # does a new line start here?
        if line.seen:
            number = np.isfinite(v)
            before = line.held_time if line.held else line.kept_time
            if q != line.quality or number != np.isfinite(line.kept_value):
                fresh = True
            elif q < 0 or not number:
                # Nothing to draw a line through; the signal's being bad is the information.
                line.newest = t
                if t - line.kept_time < max_gap:
                    continue
                fresh = True
            elif t == before:
                if v == (line.held_value if line.held else line.kept_value):
                    continue
                fresh = True
            elif t - before > max_gap:
                fresh = True
            elif line.held:
                slope = (v - line.kept_value) / (t - line.kept_time)
                if not line.low <= slope <= line.high or t - line.kept_time > max_gap:
                    out_signal[n], out_time[n] = signal[i], line.held_time
                    out_value[n], out_quality[n] = line.held_value, line.quality
                    n += 1
                    line.kept_time, line.kept_value = line.held_time, line.held_value
                    line.low, line.high = -np.inf, np.inf
        if fresh:
            if line.held:
                out_signal[n], out_time[n] = signal[i], line.held_time
                out_value[n], out_quality[n] = line.held_value, line.quality
                n += 1
            out_signal[n], out_time[n], out_value[n], out_quality[n] = signal[i], t, v, q
            n += 1
            line.seen, line.held, line.quality = True, False, q
            line.kept_time, line.kept_value = t, v
            line.low, line.high = -np.inf, np.inf
        else:
            line.held, line.held_time, line.held_value = True, t, v
            away = t - line.kept_time
            line.low = max(line.low, (v - line.deviation - line.kept_value) / away)
            line.high = min(line.high, (v + line.deviation - line.kept_value) / away)
        line.newest = t
    return n
