"""Conditions that run together: one program, many alarms, one pass over their samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.expression import Column, Evaluation
from gemel.core.frame import Frame
from gemel.core.quality import BAD, CLOCK_SUSPECT
from gemel.twin.alarms.compiling import Compiled, Shape
from gemel.twin.alarms.levels import levels
from gemel.twin.mirror.mirror import NEVER, Snapshot

__all__ = ["Pairs", "Together", "warm_up"]

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Any, Any]
"""Condition, time, values and qualities of its inputs: shapes (n,), (n,), (n, k), (n, k)."""

_NONE: Final = -1


class Together:
    """Holds the last value of each signal, and gives the rows of all conditions that look at it.

    What a `ColumnFeed` does for one program is done here for all: a sample that is older than what
    its own signal shows is left out, one that is older than the last row of a condition takes
    effect at the time of that row, and samples of one instant make one row.
    """

    def __init__(
        self, compiled: Sequence[Compiled], numbers: Sequence[Sequence[int]], snapshot: Snapshot
    ) -> None:
        n = len(compiled)
        self.mine = np.array([c.shape is not None for c in compiled], np.bool_)
        which = np.flatnonzero(self.mine).tolist()
        width = max((len(set(numbers[i])) for i in which), default=1)
        size = max((max(numbers[i]) for i in which), default=-1) + 2
        self._inputs = np.full((n, width), size - 1, np.int64)
        for i in which:
            row = list(dict.fromkeys(numbers[i]))
            self._inputs[i, : len(row)] = row
        self._start, self._member = _route(self._inputs, which, size)
        self._seen = np.full(size, NEVER, np.int64)
        self._value = np.full(size, np.nan)
        self._quality = np.full(size, BAD, np.int16)
        # The last place is that of inputs which a condition has not.
        self._value[-1], self._quality[-1] = 0.0, 0
        shown = min(size - 1, len(snapshot.time))
        self._seen[:shown] = snapshot.time[:shown]
        self._value[:shown] = snapshot.value[:shown]
        self._quality[:shown] = snapshot.quality[:shown]
        self._last = np.full(n, _NONE, np.int64)
        self._shape = np.full(n, _NONE, np.int64)
        self._place = np.zeros(n, np.int64)
        self._constants: list[npt.NDArray[np.float64]] = []
        self._running: list[tuple[Evaluation, Evaluation | None]] = []
        self._group([c.shape for c in compiled], [c.constants for c in compiled])

    def pairs(self, frame: Frame, time: npt.NDArray[np.int64]) -> Pairs | None:
        """Rows of a frame, ordered by condition and time. `time`, shape (conditions,), is that of
        the last row of each, and is moved on."""
        if not len(self._member):
            return None
        capacity = _count(frame.signal, self._start)
        if not capacity:
            return None
        columns = frame.signal, frame.time, frame.value, frame.quality
        if (frame.time[1:] < frame.time[:-1]).any():
            order = np.argsort(frame.time, kind="stable")
            columns = columns[0][order], columns[1][order], columns[2][order], columns[3][order]
        width = self._inputs.shape[1]
        member, at = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
        value, quality = np.empty((capacity, width)), np.empty((capacity, width), np.int16)
        n = _expand(
            *columns, frame.received, self._start, self._member, self._inputs,
            self._seen, self._value, self._quality, time, self._last, member, at, value, quality,
        )  # fmt: skip
        if not n:
            return None
        member, at, value, quality = member[:n], at[:n], value[:n], quality[:n]
        if (member[1:] < member[:-1]).any():
            order = np.argsort(member, kind="stable")
            member, at, value, quality = member[order], at[order], value[order], quality[order]
        return member, at, value, quality

    def judged(self, snapshot: Snapshot, at: npt.NDArray[np.int64]) -> Pairs | None:
        """A row, at its time `at`, for each condition of which an input has another quality by the
        mirror's judgement of its age and its way."""
        shown = min(len(self._seen) - 1, len(snapshot.time))
        changed = (snapshot.time[:shown] == self._seen[:shown]) & (
            snapshot.quality[:shown] != self._quality[:shown]
        )
        if not changed.any():
            return None
        self._quality[:shown][changed] = snapshot.quality[:shown][changed]
        touched = np.zeros(len(self._seen), np.bool_)
        touched[:shown] = changed
        member = np.flatnonzero(touched[self._inputs].any(axis=1))
        if not len(member):
            return None
        inputs = self._inputs[member]
        return member, at[member], self._value[inputs], self._quality[inputs]

    def levels(self, pairs: Pairs) -> npt.NDArray[np.int8]:
        """What each row says, see `levels`."""
        member, _, value, quality = pairs
        shapes = self._shape[member]
        level = np.empty(len(member), np.int8)
        for shape in np.unique(shapes).tolist():
            rows = np.flatnonzero(shapes == shape)
            level[rows] = self._run(shape, member[rows], value[rows], quality[rows])
        return level

    def held(self, condition: int) -> list[Column]:
        """The inputs of a condition as they are now, of one row each, in their order."""
        return [
            Column(self._value[place : place + 1], self._quality[place : place + 1])
            for place in self._inputs[condition].tolist()
        ]

    def _group(
        self, shapes: Sequence[Shape | None], constants: Sequence[tuple[float, ...]]
    ) -> None:
        members: dict[Shape, list[int]] = {}
        for i, shape in enumerate(shapes):
            if shape is not None:
                members.setdefault(shape, []).append(i)
        for number, (shape, which) in enumerate(members.items()):
            self._shape[which] = number
            self._place[which] = np.arange(len(which))
            when, clear = shape.compile()
            self._running.append((when.start(), clear.start() if clear else None))
            table = np.array([constants[i] for i in which], np.float64)
            self._constants.append(table.reshape(len(which), -1))

    def _run(self, shape: int, member: Any, value: Any, quality: Any) -> npt.NDArray[np.int8]:
        constants = self._constants[shape][self._place[member]]
        good = np.zeros(len(member), np.int16)
        columns = {f"x{i}": Column(value[:, i], quality[:, i]) for i in range(value.shape[1])}
        columns |= {f"c{i}": Column(constants[:, i], good) for i in range(constants.shape[1])}
        # Without memory a row knows nothing of others, and their times mean nothing.
        time = np.zeros(len(member), np.int64)
        when, clear = self._running[shape]
        begins = when.step(time, {n: columns[n] for n in when.program.inputs}).value
        ends = None
        if clear is not None:
            ends = clear.step(time, {n: columns[n] for n in clear.program.inputs}).value
        return levels(begins, ends, quality)


def _route(inputs: Any, which: list[int], size: int) -> tuple[Any, Any]:
    """Conditions by signal: those of signal s are member[start[s] : start[s + 1]]."""
    signals = inputs[which].ravel()
    conditions = np.repeat(np.array(which, np.int64), inputs.shape[1])
    real = signals < size - 1
    signals, conditions = signals[real], conditions[real]
    order = np.argsort(signals, kind="stable")
    start = np.searchsorted(signals[order], np.arange(size + 1)).astype(np.int64)
    return start, conditions[order]


@njit(nogil=True, cache=True)
def _count(signal: Any, start: Any) -> int:
    total, size = 0, len(start) - 1
    for i in range(len(signal)):
        if 0 <= signal[i] < size:
            total += start[signal[i] + 1] - start[signal[i]]
    return total


@njit(nogil=True, cache=True)
def _expand(
    signal: Any, time: Any, value: Any, quality: Any, received: int,
    start: Any, members: Any, inputs: Any,
    seen: Any, held_value: Any, held_quality: Any, row_time: Any, last: Any,
    out_member: Any, out_time: Any, out_value: Any, out_quality: Any,
) -> int:  # fmt: skip
    """A row per instant and condition that looks at one of its samples."""
    n, size, width = 0, len(start) - 1, inputs.shape[1]
    for i in range(len(signal)):
        s = signal[i]
        if not 0 <= s < size or start[s] == start[s + 1]:
            continue
        t = time[i]
        if quality[i] == CLOCK_SUSPECT and received and received < t:
            t = received
        if t < seen[s]:
            continue
        seen[s], held_value[s], held_quality[s] = t, value[i], quality[i]
        for m in range(start[s], start[s + 1]):
            c = members[m]
            at = max(t, row_time[c])
            row = last[c]
            if row < 0 or out_time[row] != at:
                row = n
                n += 1
                last[c], row_time[c] = row, at
                out_member[row], out_time[row] = c, at
            for k in range(width):
                out_value[row, k] = held_value[inputs[c, k]]
                out_quality[row, k] = held_quality[inputs[c, k]]
    for row in range(n):
        last[out_member[row]] = -1
    return n


def warm_up() -> None:
    """Compile the kernels, before anything arrives."""
    frame = Frame.of([0], [0], [0.0])
    start, one = np.array([0, 1], np.int64), np.zeros(1, np.int64)
    _count(frame.signal, start)
    _expand(
        frame.signal, frame.time, frame.value, frame.quality, 0, start, one, np.zeros((1, 1), int),
        np.full(2, NEVER), np.zeros(2), np.zeros(2, np.int16), np.full(1, NEVER),
        np.full(1, _NONE, np.int64), one.copy(), one.copy(), np.zeros((1, 1)),
        np.zeros((1, 1), np.int16),
    )  # fmt: skip
