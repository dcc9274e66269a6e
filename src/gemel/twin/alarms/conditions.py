"""Conditions of all alarms at once: which became true or false, or unknown, and when.

Conditions without memory over one signal run together, by shape; the others have a `ColumnFeed`
each. Both are found by signal number, so that a sample costs only the alarms that look at it. What
leaves are changes, which are few: everything before them is arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core import quality as q
from gemel.core.catalogue import Catalogue
from gemel.core.expression import Column, Program
from gemel.core.frame import Frame
from gemel.twin.alarms.compiling import Compiled, Shape
from gemel.twin.mirror.columns import ColumnFeed, Rows
from gemel.twin.mirror.mirror import NEVER, Snapshot

__all__ = ["Change", "Conditions", "warm_up"]

Change = tuple[int, int, bool, bool, float]
"""(condition, source time ns, true, known, value of the sample; NaN if several signals decide)"""

_RAISE, _CLEAR, _HOLD, _UNKNOWN = 1, -1, 0, 2
_SINGLES_PER_TICK: Final = 200
"""Silent conditions of their own that one tick looks at, so that a tick stays short."""


class Conditions:
    """Runs compiled conditions. Used by one thread.

    `on`, `known` of shape (conditions,): what holds now, before any delay. `time` is the source
    time of the last sample that each has looked at (`NEVER` before the first), and `lag` how much
    later than that it arrived.
    """

    def __init__(
        self,
        compiled: Sequence[Compiled],
        numbers: Sequence[Sequence[int]],
        catalogue: Catalogue,
        snapshot: Snapshot,
    ) -> None:
        """`numbers` are the signal numbers behind `compiled[i].inputs`, in their order."""
        n = len(compiled)
        self.on = np.zeros(n, np.bool_)
        self.known = np.zeros(n, np.bool_)
        self.time = np.full(n, NEVER, np.int64)
        self.lag = np.zeros(n, np.int64)
        self.value = np.full(n, np.nan)
        """Last value of those that run together."""
        self._compiled = compiled
        self._judged = np.zeros(n, np.bool_)
        """Known from the last sample; `known` is also false while its source is silent."""
        size = max((max(row) for row in numbers if row), default=-1) + 2
        together = [i for i in range(n) if compiled[i].shape is not None]
        self._shapes = _shapes(compiled, together)
        self._signal = np.full(n, size - 1, np.int64)
        """Signal of each condition that runs together with others."""
        for i in together:
            self._signal[i] = numbers[i][0]
        self._start, self._member = _route(self._signal[together], together, size)
        # What the mirror shows already, e.g. from history: older samples come too late.
        self._seen = np.full(size, NEVER, np.int64)
        shown = min(size, len(snapshot.time))
        self._seen[:shown] = snapshot.time[:shown]
        self._singles: dict[int, _Single] = {}
        self._of_signal: dict[int, list[int]] = {}
        self._ours = np.zeros(size, np.bool_)
        for i in range(n):
            if compiled[i].shape is None:
                inputs = dict(zip(compiled[i].inputs, numbers[i], strict=True))
                self._singles[i] = _Single(compiled[i], inputs, catalogue, snapshot)
                for number in set(numbers[i]):
                    self._of_signal.setdefault(number, []).append(i)
                    self._ours[number] = True
        self._order = list(self._singles)
        self._next = 0

    def feed(self, frame: Frame) -> tuple[list[Change], npt.NDArray[np.int64]]:
        """Changes in the order of conditions and time, and all conditions that were looked at."""
        changes, looked = self._together(frame)
        more = self._apart(frame)
        if not more:
            return changes, looked
        return changes + [c for i, cs in more for c in cs], np.concatenate(
            [looked, np.array([i for i, _ in more], np.int64)]
        )

    def silent(self, now: int, snapshot: Snapshot) -> tuple[list[Change], npt.NDArray[np.int64]]:
        """What silence changes: time that passes in expressions, and sources that are lost.

        Call it once a second or so; it looks at a part of the conditions with memory each time.
        """
        changes: list[Change] = []
        known = self._signal < len(snapshot.quality)
        held = np.zeros(len(self.known), np.bool_)
        held[known] = believable(snapshot.quality[self._signal[known]])
        held |= ~self._mine()
        now_known = self._judged & held
        for i in np.flatnonzero((now_known != self.known) & self._mine()):
            self.known[i] = now_known[i]
            at = now - int(self.lag[i])
            changes.append((int(i), at, bool(self.on[i]), bool(now_known[i]), np.nan))
        looked = []
        for _ in range(min(_SINGLES_PER_TICK, len(self._order))):
            i = self._order[self._next % len(self._order)]
            self._next += 1
            rows = self._singles[i].feed.now(now, snapshot)
            if rows is not None:
                changes += self._run_single(i, rows, now)
                looked.append(i)
        return changes, np.array(looked, np.int64)

    def explain(self, condition: int, value: float = np.nan) -> tuple[str, ...]:
        """Why it is true or false, in short sentences, by the sample that decided or the last."""
        single = self._singles.get(condition)
        if single is not None:
            return single.explain(bool(self.on[condition]))
        compiled = self._compiled[condition]
        value = self.value[condition] if np.isnan(value) else value
        column = Column(np.array([value]), np.zeros(1, np.int16))
        return _program(compiled, bool(self.on[condition])).explain(
            dict.fromkeys(compiled.inputs, column)
        )

    def state(self) -> dict[str, Any]:
        """What conditions of their own remember, JSON-able, by condition."""
        return {str(i): single.state() for i, single in self._singles.items()}

    def restore(self, condition: int, on: bool, single: dict[str, Any] | None) -> None:
        """Go on from a saved state, unknown until the next sample. A memory of another expression
        is not taken."""
        self.on[condition] = on
        if single is not None and condition in self._singles:
            self._singles[condition].restore(single)

    # Together

    def _mine(self) -> npt.NDArray[np.bool_]:
        return self._signal < len(self._seen) - 1

    def _together(self, frame: Frame) -> tuple[list[Change], npt.NDArray[np.int64]]:
        none = np.zeros(0, np.int64)
        if not len(self._member) or not len(frame):
            return [], none
        capacity = _count(frame.signal, self._start)
        if not capacity:
            return [], none
        member, time = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
        value, quality = np.empty(capacity), np.empty(capacity, np.int16)
        pairs = _expand(
            frame.signal, frame.time, frame.value, frame.quality, frame.received,
            self._start, self._member, self._seen, member, time, value, quality,
        )  # fmt: skip
        if pairs < capacity:
            member, time, value, quality = (
                column[:pairs] for column in (member, time, value, quality)
            )
            if not pairs:
                return [], none
        # By condition, each in its order of arrival.
        if (member[1:] < member[:-1]).any():
            order = np.argsort(member, kind="stable")
            member, time, value, quality = member[order], time[order], value[order], quality[order]
        first = np.flatnonzero(np.concatenate([[True], member[1:] != member[:-1]]))
        last = np.append(first[1:], pairs) - 1
        looked = member[first]
        self.time[looked], self.value[looked] = time[last], value[last]
        self.lag[looked] = frame.received - time[last] if frame.received else 0
        level = self._levels(member, value, quality)
        return self._changes(member, time, level, first, last, value), looked

    def _levels(
        self, member: npt.NDArray[np.int64], value: Any, quality: Any
    ) -> npt.NDArray[np.int8]:
        shape_of = self._shapes.of[member]
        present = np.unique(shape_of)
        if len(present) == 1:
            return self._shapes.run(int(present[0]), member, value, quality)
        level = np.empty(len(member), np.int8)
        for shape in present.tolist():
            rows = np.flatnonzero(shape_of == shape)
            level[rows] = self._shapes.run(shape, member[rows], value[rows], quality[rows])
        return level

    def _changes(
        self,
        member: npt.NDArray[np.int64],
        time: npt.NDArray[np.int64],
        level: npt.NDArray[np.int8],
        first: npt.NDArray[np.int64],
        last: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
    ) -> list[Change]:
        on, known = self.on[member], self.known[member]
        expected = np.where(on, _RAISE, _CLEAR)
        if (known & ((level == expected) | (level == _HOLD))).all():
            return []
        n = len(member)
        begin = np.repeat(first, last - first + 1)
        decides = np.where((level == _RAISE) | (level == _CLEAR), np.arange(n), -1)
        decided = np.maximum.accumulate(decides)
        now_on = np.where(decided >= begin, level[decided] == _RAISE, on)
        now_known = level != _UNKNOWN
        before_on = np.concatenate([[False], now_on[:-1]])
        before_known = np.concatenate([[False], now_known[:-1]])
        before_on[first], before_known[first] = on[first], known[first]
        rows = np.flatnonzero((now_on != before_on) | (now_known != before_known))
        looked = member[first]
        self.on[looked] = now_on[last]
        self.known[looked] = self._judged[looked] = now_known[last]
        return [
            (int(member[r]), int(time[r]), bool(now_on[r]), bool(now_known[r]), float(value[r]))
            for r in rows
        ]

    # Each on its own

    def _apart(self, frame: Frame) -> list[tuple[int, list[Change]]]:
        if not self._singles or not len(frame):
            return []
        found = np.flatnonzero(self._ours.take(frame.signal, mode="clip"))
        if not len(found):
            return []
        signals = frame.signal[found]
        order = found[np.argsort(signals, kind="stable")]
        ordered = frame.signal[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        pieces = dict(zip(ordered[starts].tolist(), np.split(order, starts[1:]), strict=True))
        touched = sorted({i for number in pieces for i in self._of_signal[number]})
        result = []
        for i in touched:
            single = self._singles[i]
            mine = [pieces[number] for number in single.numbers if number in pieces]
            rows_of = mine[0] if len(mine) == 1 else np.sort(np.concatenate(mine))
            rows = single.feed.feed(frame[rows_of])
            if rows is not None:
                arrived = frame.received or int(rows[0][-1])
                result.append((i, self._run_single(i, rows, arrived)))
        return result

    def _run_single(self, i: int, rows: Rows, arrived: int) -> list[Change]:
        time, level = rows[0], self._singles[i].run(rows)
        self.time[i] = time[-1]
        self.lag[i] = arrived - time[-1]
        changes: list[Change] = []
        on, known = bool(self.on[i]), bool(self.known[i])
        for row in range(len(time)):
            now_on = level[row] == _RAISE if level[row] in (_RAISE, _CLEAR) else on
            now_known = level[row] != _UNKNOWN
            if (now_on, now_known) != (on, known):
                on, known = bool(now_on), bool(now_known)
                changes.append((i, int(time[row]), on, known, np.nan))
        self.on[i] = on
        self.known[i] = self._judged[i] = known
        return changes


def _program(compiled: Compiled, on: bool) -> Program:
    return compiled.when if on or compiled.clear is None else compiled.clear
