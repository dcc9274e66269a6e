"""Kernels with memory. Each carries over from step to step what it needs, and no more.

Rows are never visited one by one. "The last row at which…" is a running maximum of row numbers;
a clock that is set back is a running sum less its value at the last row that set it back; a window
is put together from blocks of 1, 2, 4… rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from gemel.core.expression.column import BAD, GOOD, NOT_A_NUMBER, Array, Lane, blank, settle, spread

__all__ = [
    "Age",
    "Average",
    "Changed",
    "CountTrue",
    "Delta",
    "Extreme",
    "Hysteresis",
    "Lasting",
    "Memory",
    "Rate",
    "Rising",
    "WindowRate",
]

WAITING: Final = np.uint16(0x8032)  # Bad_WaitingForInitialData
NO_DATA: Final = np.uint16(0x809B)  # Bad_NoData
SUB_NORMAL: Final = np.uint16(0x40A4)  # Uncertain_DataSubNormal
SECOND: Final = 1e9


class Memory:
    """A kernel whose `carried` attributes are its whole state, arrays of shape () or (k,)."""

    carried: ClassVar[Mapping[str, type[np.generic]]]

    def state(self) -> dict[str, Any]:
        """The state as a JSON value. NaN, which JSON has not, becomes null."""
        return {name: _plain(getattr(self, name)) for name in self.carried}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        for name, dtype in self.carried.items():
            setattr(self, name, np.array(state[name], dtype))


def _plain(array: Array) -> Any:
    if array.dtype == np.float64 and np.isnan(array).any():
        return np.where(np.isnan(array), None, array).tolist()  # type: ignore[call-overload]  # None is no dtype of numpy's stubs
    return array.tolist()


def _joined(before: Array, rows: Array) -> Array:
    """What was carried over, put before the rows."""
    return np.concatenate(
        [np.broadcast_to(before[..., None], (*rows.shape[:-1], 1)), rows], axis=-1
    )


def _latest(here: Array) -> Array:
    """For each row, 1 + the number of the last row so far where `here`, and 0 before the first."""
    return np.maximum.accumulate(np.where(here, np.arange(1, here.shape[-1] + 1), 0), axis=-1)


def _last(rows: Array) -> Array:
    """The last row, as memory of its own that does not keep the other rows alive."""
    return rows[..., -1].copy()


class Lasting(Memory):
    """`b for 30 s`: time known to be true since the last false is at least `duration` (ns)."""

    carried = {"time": np.int64, "held": np.bool_, "elapsed": np.int64}

    def __init__(self, duration: int) -> None:
        self.duration = duration
        self.time = np.array(0, np.int64)
        self.held = np.array(False)
        self.elapsed = np.array(0, np.int64)

    def __call__(self, time: Array, lane: Lane) -> Lane:
        (true,), quality = spread(time, lane)
        before = _joined(self.held, true)[..., :-1]
        passed = np.where(before, np.diff(time, prepend=self.time), 0)
        total = np.cumsum(passed, axis=-1) + self.elapsed[..., None]
        false = ~true & (quality < BAD)
        elapsed = total - np.maximum.accumulate(np.where(false, total, 0), axis=-1)
        self.time, self.held, self.elapsed = _last(time), _last(true), _last(elapsed)
        return Lane(true & (elapsed >= self.duration), lane.quality)


class Hysteresis(Memory):
    """True from `on` until `off`."""

    carried = {"on": np.bool_}

    def __init__(self) -> None:
        self.on = np.array(False)

    def __call__(self, time: Array, *lanes: Lane) -> Lane:
        (x, on, off), quality = spread(time, *lanes)
        upwards = on > off
        # Equal limits have no direction, and no band to remember in.
        quality = np.where((on == off) & (quality < BAD), NOT_A_NUMBER, quality)
        known = quality < BAD
        sets = known & np.where(upwards, x >= on, x <= on)
        clears = known & np.where(upwards, x <= off, x >= off)
        state = np.take_along_axis(_joined(self.on, sets), _latest(sets | clears), axis=-1)
        self.on = _last(state)
        return Lane(state & known, quality)


class _Previous(Memory):
    """Holds each row against the row before it that was not bad."""

    carried = {"time": np.int64, "value": np.float64, "quality": np.uint16}

    def __init__(self) -> None:
        self.time = np.array(0, np.int64)
        self.value = np.array(np.nan)
        self.quality = np.array(WAITING)

    def before(self, time: Array, lane: Lane) -> tuple[Array, Array, Array]:
        """Time, value and quality of the row before; that of the first one is bad."""
        (value,), quality = spread(time, lane)
        known = quality < BAD
        times = _joined(self.time, np.broadcast_to(time, value.shape))
        values = _joined(self.value, value.astype(np.float64))
        qualities = _joined(self.quality, quality)
        if known.all():
            self.time, self.value, self.quality = _last(times), _last(values), _last(qualities)
            return times[..., :-1], values[..., :-1], qualities[..., :-1]
        latest = _joined(np.array(0), _latest(known))
        times, values, qualities = (
            np.take_along_axis(rows, latest, axis=-1) for rows in (times, values, qualities)
        )
        self.time, self.value, self.quality = _last(times), _last(values), _last(qualities)
        return times[..., :-1], values[..., :-1], qualities[..., :-1]


class Rising(_Previous):
    """Rows that are true after a false one, or with `falling` the other way round."""

    def __init__(self, falling: bool = False) -> None:
        super().__init__()
        self.falling = falling

    def __call__(self, time: Array, lane: Lane) -> Lane:
        _, before, quality = self.before(time, lane)
        now = ~lane.value if self.falling else lane.value
        return _against(now & (before == self.falling), quality, lane)


class Changed(_Previous):
    def __call__(self, time: Array, lane: Lane) -> Lane:
        _, before, quality = self.before(time, lane)
        return _against(lane.value != before, quality, lane)


def _against(value: Array, before: Array, lane: Lane) -> Lane:
    """A comparison with the row before; where there is none, false with the row's own quality."""
    first = before >= BAD
    return blank(value & ~first, np.maximum(lane.quality, np.where(first, GOOD, before)))


class Delta(_Previous):
    def __call__(self, time: Array, lane: Lane) -> Lane:
        _, before, quality = self.before(time, lane)
        return settle(lane.value - before, np.maximum(lane.quality, quality))


class Rate(_Previous):
    def __call__(self, time: Array, lane: Lane) -> Lane:
        before, value, quality = self.before(time, lane)
        rate = (lane.value - value) / ((time - before) / SECOND)
        return settle(rate, np.maximum(lane.quality, quality))


class Age(Memory):
    """Seconds since the last sample, from the column if it says, else since the last known row."""

    carried = {"time": np.int64, "seen": np.bool_}

    def __init__(self) -> None:
        self.time = np.array(0, np.int64)
        self.seen = np.array(False)

    def __call__(self, time: Array, lane: Lane) -> Lane:
        if lane.age is not None:
            return settle(np.asarray(lane.age, np.float64), GOOD)
        (_,), quality = spread(time, lane)
        known = quality < BAD
        latest = _latest(known)
        times = _joined(self.time, np.broadcast_to(time, known.shape))
        last = np.take_along_axis(times, latest, axis=-1)
        seen = (latest > 0) | self.seen[..., None]
        self.time, self.seen = _last(last), _last(seen)
        return blank((time - last) / SECOND, np.where(seen, GOOD, WAITING))


class _Window(Memory, ABC):
    """Rows that reach back `window` ns from each row, kept from step to step as far as needed."""

    carried = {"time": np.int64, "value": np.float64, "quality": np.uint16}

    def __init__(self, window: int) -> None:
        self.window = window
        self.time = np.zeros(0, np.int64)
        self.value = np.zeros(0)
        self.quality = np.zeros(0, np.uint16)

    def __call__(self, time: Array, lane: Lane) -> Lane:
        (value,), quality = spread(time, lane)
        kept, lead = len(self.time), value.shape[:-1]
        self.time = np.concatenate([self.time, time])
        self.value = np.concatenate(
            [np.broadcast_to(self.value, (*lead, kept)), value.astype(np.float64)], axis=-1
        )
        self.quality = np.concatenate(
            [np.broadcast_to(self.quality, (*lead, kept)), quality], axis=-1
        )
        # The row in force when the window begins: the last one at or before its beginning.
        after = np.searchsorted(self.time, time - self.window, side="right")
        first = np.maximum(after - 1, 0)
        result = self.measure(first, after, np.arange(kept, len(self.time)))
        # No later window begins earlier than the last one.
        self.time = self.time[first[-1] :].copy()
        self.value = self.value[..., first[-1] :].copy()
        self.quality = self.quality[..., first[-1] :].copy()
        return result

    @abstractmethod
    def measure(self, first: Array, after: Array, last: Array) -> Lane:
        """The result of windows from row `first`, whose rows past the beginning are from `after`,
        to row `last`."""

    def judge(self, start: Array, stop: Array) -> Array:
        """Quality of what is made of the rows from `start` to before `stop`, bad ones left out."""
        if not self.quality.any():
            return GOOD
        bad = self.quality >= BAD
        left_out = _total(bad, start, stop)
        rest = np.where(bad, GOOD, self.quality)
        quality = _over(np.maximum, rest, start, stop, GOOD)
        quality = np.where(left_out > 0, np.maximum(quality, SUB_NORMAL), quality)
        return np.where(left_out == stop - start, NO_DATA, quality)


def _total(rows: Array, start: Array, stop: Array) -> Array:
    """Sums of integers or booleans over row ranges, exact."""
    total = _joined(np.array(0), np.cumsum(rows, axis=-1, dtype=np.int64))
    return total[..., stop] - total[..., start]


def _over(ufunc: np.ufunc, rows: Array, start: Array, stop: Array, neutral: Any) -> Array:
    """`ufunc` over row ranges, from blocks of 1, 2, 4… rows.

    A difference of running sums would be quicker, but one huge value would spoil all the sums after
    it, and the result would depend on where the sum began. Here it depends on the rows of the range
    alone, and so the cut of rows into steps does not change a single bit.
    """
    length = stop - start
    result = np.full((*rows.shape[:-1], len(start)), neutral, rows.dtype)
    place, size, longest = start.copy(), 1, int(length.max())
    while size <= longest:
        here = (length & size) != 0
        if here.all():
            result = ufunc(result, rows[..., place])
            place += size
        elif here.any():
            result[..., here] = ufunc(result[..., here], rows[..., place[here]])
            place[here] += size
        if 2 * size <= longest:
            rows = ufunc(rows[..., :-size], rows[..., size:])
        size *= 2
    return result


class Average(_Window):
    """Mean over time, each value held to the next row."""

    def measure(self, first: Array, after: Array, last: Array) -> Lane:
        known = self.quality < BAD
        value = np.where(known, self.value, 0.0)
        held = np.diff(self.time)
        # The row in force counts from the beginning of the window, or from its own time if it is
        # the first ever; later rows count in full; the last one has not lasted yet.
        following = np.minimum(first + 1, last)
        begin = np.maximum(self.time[first], self.time[last] - self.window)
        edge = self.time[following] - begin
        area = (
            _over(np.add, value[..., :-1] * held, following, last, 0.0) + value[..., first] * edge
        )
        span = (
            _total(np.where(known[..., :-1], held, 0), following, last) + known[..., first] * edge
        )
        # Before any time has passed, what holds now is all there is.
        mean = np.where(span > 0, area / span, self.value[..., last])
        quality = self.judge(first, last + 1)
        return settle(mean, np.where(np.isnan(mean) & (quality < BAD), NO_DATA, quality))


class Extreme(_Window):
    """The lowest or highest value in force at any time of the window."""

    def __init__(self, window: int, highest: bool) -> None:
        super().__init__(window)
        self.ufunc: np.ufunc = np.maximum if highest else np.minimum
        self.neutral = -np.inf if highest else np.inf

    def measure(self, first: Array, after: Array, last: Array) -> Lane:
        value = np.where(self.quality < BAD, self.value, self.neutral)
        extreme = _over(self.ufunc, value, first, last + 1, self.neutral)
        return blank(extreme, self.judge(first, last + 1))


class CountTrue(_Window):
    """Rows with a true value, after the beginning of the window."""

    def measure(self, first: Array, after: Array, last: Array) -> Lane:
        true = (self.value == 1) & (self.quality < BAD)
        count = _total(true, after, last + 1).astype(np.float64)
        return blank(count, self.judge(after, last + 1))


class WindowRate(_Window):
    """Change from the first known row of the window to this one, per second."""

    def measure(self, first: Array, after: Array, last: Array) -> Lane:
        known = self.quality < BAD
        rows = known.shape[-1]
        following = np.where(known, np.arange(rows), rows - 1)
        following = np.minimum.accumulate(following[..., ::-1], axis=-1)[..., ::-1]
        start = np.minimum(following[..., first], last)
        change = self.value[..., last] - np.take_along_axis(self.value, start, axis=-1)
        rate = change / ((self.time[last] - self.time[start]) / SECOND)
        quality = np.take_along_axis(self.quality, start, axis=-1)
        quality = np.maximum(quality, self.quality[..., last])
        return settle(rate, np.where((start == last) & (quality < BAD), WAITING, quality))
