"""Quality rules: is this sample what the source can mean?

The kernel `check` is the one place where a sample is judged; the mirror runs it on everything that
is admitted, the operator `Quality` on recorded data. It only ever makes a quality worse, never
better, and never changes a value.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field, model_validator

from gemel.core import quality as q
from gemel.core.frame import EMPTY, Frame
from gemel.core.time import Duration
from gemel.parts.operators.base import Operator, Step

__all__ = ["REASONS", "Quality", "Rules", "check"]

REASONS: Final = (
    q.NOT_A_NUMBER,
    q.CLOCK_SUSPECT,
    q.OUT_OF_RANGE,
    q.RATE,
    q.FLAT_LINE,
)
"""What the kernel can find, in the order of its counters."""

_NONE: Final = int(np.iinfo(np.int64).min)
_ENDLESS: Final = int(np.iinfo(np.int64).max)


class Rules:
    """Limits and memory of the quality rules, one row per signal number.

    low, high    float64   physically possible values
    max_rate     float64   per second; infinite where there is none
    flat_after   int64     ns; the largest int64 where there is none
    time, value  of the last usable sample; `moved` when its value last changed
    found        int64[signals, reasons]  how often each reason was given
    """

    def __init__(self, signals: int = 0) -> None:
        self.low = np.full(signals, -np.inf)
        self.high = np.full(signals, np.inf)
        self.max_rate = np.full(signals, np.inf)
        self.flat_after = np.full(signals, _ENDLESS)
        self.time = np.full(signals, _NONE)
        self.value = np.full(signals, np.nan)
        self.moved = np.full(signals, _NONE)
        self.found = np.zeros((signals, len(REASONS)), np.int64)

    def __len__(self) -> int:
        return len(self.low)

    def grow(self, signals: int) -> None:
        """Make room for so many signals; new ones have no limits."""
        if signals > len(self):
            fresh = Rules(signals - len(self))
            for name, column in vars(self).items():
                setattr(self, name, np.concatenate([column, getattr(fresh, name)]))

    def set(
        self,
        number: int,
        range: tuple[float, float] | None = None,
        max_rate: float | None = None,
        flat_after: int | None = None,
    ) -> None:
        """Set the limits of one signal; None is no limit."""
        self.grow(number + 1)
        self.low[number], self.high[number] = range or (-np.inf, np.inf)
        self.max_rate[number] = np.inf if max_rate is None else max_rate
        self.flat_after[number] = _ENDLESS if flat_after is None else flat_after

    def __call__(self, frame: Frame) -> npt.NDArray[np.int16]:
        """The quality of each row after the rules; moves the memory."""
        if len(frame):
            self.grow(int(frame.signal.max()) + 1)
        quality = frame.quality.copy()
        horizon = frame.received + q.AHEAD if frame.received else _ENDLESS
        check(
            frame.signal, frame.time, frame.value, quality, horizon,
            self.low, self.high, self.max_rate, self.flat_after,
            self.time, self.value, self.moved, self.found,
        )  # fmt: skip
        return quality


@njit(nogil=True, cache=True)
def check(
    signal: Any, time: Any, value: Any, quality: Any, horizon: int,
    low: Any, high: Any, max_rate: Any, flat_after: Any,
    last_time: Any, last_value: Any, moved: Any, found: Any,
) -> None:  # fmt: skip
    """Judge the rows in order of arrival; `quality` is changed in place.

    A repeated or late row is judged by its range only: rate and flat line need order.
    """
    for i in range(len(signal)):
        s, t, v = signal[i], time[i], value[i]
        if quality[i] < 0:
            continue
        if v != v:
            quality[i] = -0x8000 | 0xF06
            found[s, 0] += 1
            continue
        if t > horizon:
            quality[i] = 0x4F05
            found[s, 1] += 1
            continue
        ordered = t > last_time[s]
        good = quality[i] < 0x4000
        if v < low[s] or v > high[s]:
            if good:
                quality[i] = 0x4F01
            found[s, 2] += 1
        elif ordered and last_time[s] != _NONE:
            if abs(v - last_value[s]) > max_rate[s] * ((t - last_time[s]) * 1e-9):
                if good:
                    quality[i] = 0x4F02
                found[s, 3] += 1
            elif v == last_value[s] and t - moved[s] > flat_after[s]:
                if good:
                    quality[i] = 0x4F03
                found[s, 4] += 1
        if ordered:
            if v != last_value[s]:
                moved[s] = t
            last_time[s] = t
            last_value[s] = v


class Quality(Operator):
    """Judge every sample by range, rate of change and flat line.

    >>> step = Quality(range=(0.0, 10.0)).start()
    >>> step(Frame.of([0, 0], [1, 2], [5.0, 11.0])).quality.tolist() == [0, q.OUT_OF_RANGE]
    True
    """

    range: tuple[float, float] | None = Field(None, description="Values that are possible")
    max_rate: float | None = Field(None, gt=0, description="Fastest possible change per second")
    flat_after: Duration | None = Field(
        None, gt=0, description="Uncertain when it has not moved for this long"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Quality:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range {list(self.range)}: the first must be below the second")
        return self

    def start(self, state: dict[str, Any] | None = None) -> Step:
        """See `Operator.start`."""
        return _Running(self, state)


class _Running:
    def __init__(self, settings: Quality, state: dict[str, Any] | None) -> None:
        self._settings = settings
        self._rules = Rules()
        for number, (time, value, moved) in enumerate((state or {}).get("last", [])):
            self._limit(number + 1)
            self._rules.time[number] = time
            self._rules.value[number] = np.nan if value is None else value
            self._rules.moved[number] = moved

    def _limit(self, signals: int) -> None:
        for number in range(len(self._rules), signals):
            s = self._settings
            self._rules.set(number, s.range, s.max_rate, s.flat_after)

    def __call__(self, frame: Frame) -> Frame:
        if not len(frame):
            return frame
        self._limit(int(frame.signal.max()) + 1)
        return frame.with_quality(self._rules(frame))

    def flush(self) -> Frame:
        return EMPTY

    def state(self) -> dict[str, Any]:
        rules = self._rules
        values = [None if v != v else float(v) for v in rules.value]
        return {
            "version": 1,
            "last": [
                [int(t), v, int(m)] for t, v, m in zip(rules.time, values, rules.moved, strict=True)
            ],
        }
