"""Conditions that run together: one program, many alarms, one pass over their samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.expression import Column, Evaluation
from gemel.core.frame import Frame
from gemel.core.quality import CLOCK_SUSPECT
from gemel.twin.alarms.compiling import Compiled, Shape
from gemel.twin.alarms.levels import levels
from gemel.twin.mirror.mirror import NEVER

__all__ = ["Shapes", "count_pairs", "expand", "route", "warm_up"]


class Shapes:
    """Conditions that run together: the shape of each, and its constants."""

    def __init__(self, n: int) -> None:
        self.of = np.full(n, -1, np.int64)
        self.programs: list[tuple[Program, Program | None]] = []
        self.constants: list[npt.NDArray[np.float64]] = []
        self.place = np.zeros(n, np.int64)
        self._running: list[tuple[Any, Any]] = []

    def add(self, shape: Shape, members: list[int], constants: list[tuple[float, ...]]) -> None:
        self.of[members] = len(self.programs)
        self.place[members] = np.arange(len(members))
        self.programs.append(shape.compile())
        when, clear = self.programs[-1]
        self._running.append((when.start(), clear.start() if clear else None))
        self.constants.append(np.array(constants, np.float64).reshape(len(members), -1))

    def run(self, shape: int, member: Any, value: Any, quality: Any) -> npt.NDArray[np.int8]:
        constants = self.constants[shape][self.place[member]]
        good = np.zeros(len(member), np.int16)
        columns = {"x": Column(value, quality)}
        columns |= {f"c{i}": Column(constants[:, i], good) for i in range(constants.shape[1])}
        # Without memory a row knows nothing of others, and their times mean nothing.
        time = np.zeros(len(member), np.int64)
        results = [
            None
            if running is None
            else running.step(time, {name: columns[name] for name in running.program.inputs}).value
            for running in self._running[shape]
        ]
        assert results[0] is not None  # noqa: S101 - every shape has a `when`
        return levels(results[0], results[1], quality)


@@ = Shapes(len(compiled))
    members: dict[Shape, list[int]] = {}
    for i in together:
        shape = compiled[i].shape
        if shape is not None:
            members.setdefault(shape, []).append(i)
    for shape, which in members.items():
        shapes.add(shape, which, [compiled[i].constants for i in which])
    return shapes


def route(signals: Any, conditions: list[int], size: int) -> tuple[Any, Any]:
    """Conditions by signal: those of signal s are member[start[s] : start[s + 1]]."""
    order = np.argsort(signals, kind="stable")
    start = np.searchsorted(signals[order], np.arange(size + 1)).astype(np.int64)
    return start, np.array(conditions, np.int64)[order]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def count_pairs(signal: Any, start: Any) -> int:
    total, size = 0, len(start) - 1
    for i in range(len(signal)):
        if 0 <= signal[i] < size:
            total += start[signal[i] + 1] - start[signal[i]]
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def expand(
    signal: Any, time: Any, value: Any, quality: Any, received: int,
    start: Any, members: Any, seen: Any,
    out_member: Any, out_time: Any, out_value: Any, out_quality: Any,
) -> int:  # fmt: skip
    """A row per sample and condition that looks at it; late samples are left out."""
    n, size = 0, len(start) - 1
    for i in range(len(signal)):
        s = signal[i]
        if not 0 <= s < size or start[s] == start[s + 1]:
            continue
        t = time[i]
        if quality[i] == CLOCK_SUSPECT and received and received < t:
            t = received
        if t < seen[s]:
            continue
        seen[s] = t
        for m in range(start[s], start[s + 1]):
            out_member[n], out_time[n] = members[m], t
            out_value[n], out_quality[n] = value[i], quality[i]
            n += 1
    return n


def warm_up() -> None:
    """Compile the kernels, before anything arrives."""
    start, member = np.array([0, 1], np.int64), np.zeros(1, np.int64)
    frame = Frame.of([0], [0], [0.0])
    count_pairs(frame.signal, start)
    expand(
        frame.signal, frame.time, frame.value, frame.quality, 0, start, member,
        np.full(1, NEVER), np.empty(1, np.int64), np.empty(1, np.int64),
        np.empty(1), np.empty(1, np.int16),
    )  # fmt: skip
