"""Conditions of all alarms at once: which became true or false, or unknown, and when.

Conditions without memory run together, by shape; the others have a `ColumnFeed` each. Both are
found by signal number, so that a sample costs only the alarms that look at it. What leaves are
changes, which are few: everything before them is arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.catalogue import Catalogue
from gemel.core.frame import Frame, concatenate
from gemel.core.time import SECOND
from gemel.twin.alarms.apart import Single
from gemel.twin.alarms.compiling import Compiled
from gemel.twin.alarms.levels import CLEAR, HOLD, RAISE, UNKNOWN
from gemel.twin.alarms.together import Pairs, Together
from gemel.twin.mirror.columns import Rows
from gemel.twin.mirror.mirror import NEVER, Snapshot

__all__ = ["Change", "Conditions"]

Change = tuple[int, int, bool, bool]
"""(condition, source time ns, true, known)"""

_GATHER: Final = SECOND // 2
_SINGLES_PER_LOOK: Final = 200
"""Silent conditions of their own that one look takes in, so that a tick stays short."""


class Conditions:
    """Runs compiled conditions. Used by one thread.

    Of shape (conditions,): `on` and `known`, what holds now, before any delay; `time`, the source
    time of the last row that each has looked at (`NEVER` before the first); `lag`, how much later
    than that it arrived, ns.
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
        self._compiled = compiled
        self._together = Together(compiled, numbers, snapshot)
        self._singles: dict[int, Single] = {}
        self._of_signal: dict[int, list[int]] = {}
        apart = np.flatnonzero(~self._together.mine).tolist()
        size = max((max(numbers[i]) for i in apart), default=-1) + 2
        self._ours = np.zeros(size, np.bool_)
        for i in apart:
            inputs = dict(zip(compiled[i].inputs, numbers[i], strict=True))
            self._singles[i] = Single(compiled[i], inputs, catalogue, snapshot)
            for number in set(numbers[i]):
                self._of_signal.setdefault(number, []).append(i)
                self._ours[number] = True
        self._waiting: list[Frame] = []
        self._gathered = 0
        self._order = apart
        self._next = 0

    def feed(self, frame: Frame, now: int) -> tuple[list[Change], npt.NDArray[np.int64]]:
        """Changes in the order of conditions and time, and all conditions that were looked at.

        Those of their own look at what has gathered in half a second; the others at once.
        """
        changes: list[Change] = []
        looked = np.zeros(0, np.int64)
        pairs = self._together.pairs(frame, self.time)
        if pairs is not None:
            changes, looked = self._changes(pairs)
            self.lag[looked] = frame.received - self.time[looked] if frame.received else 0
        found = np.flatnonzero(self._ours.take(frame.signal, mode="clip"))
        if len(found):
            self._waiting.append(frame if len(found) == len(frame) else frame[found])
        if now - self._gathered >= _GATHER:
            more, apart = self.flush(now)
            return changes + more, np.concatenate([looked, apart])
        return changes, looked

    def flush(self, now: int) -> tuple[list[Change], npt.NDArray[np.int64]]:
        """Look at all that has gathered."""
        self._gathered = now
        changes: list[Change] = []
        looked: list[int] = []
        if self._waiting:
            frame = concatenate(self._waiting)
            self._waiting.clear()
            # Each gets its own rows only: all of them would cost rows times conditions.
            order = np.argsort(frame.signal, kind="stable")
            ordered = frame.signal[order]
            cuts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
            numbers = ordered[np.concatenate([[0], cuts])].tolist()
            pieces = dict(zip(numbers, np.split(order, cuts), strict=True))
            for i in sorted({i for number in numbers for i in self._of_signal[number]}):
                single = self._singles[i]
                mine = [pieces[number] for number in single.numbers if number in pieces]
                own = mine[0] if len(mine) == 1 else np.sort(np.concatenate(mine))
                rows = single.feed.feed(frame[own])
                if rows is not None:
                    changes += self._run_single(i, rows, frame.received or int(rows[0][-1]))
                    looked.append(i)
        return changes, np.array(looked, np.int64)

    def silent(self, now: int, snapshot: Snapshot) -> list[Change]:
        """What silence changes: time that passes in expressions, and sources that are lost.

        Call it once a second or so; it looks at a part of the conditions with memory each time.
        """
        changes: list[Change] = []
        pairs = self._together.judged(snapshot, np.maximum(self.time, now - self.lag))
        if pairs is not None:
            changes, _ = self._changes(pairs)
        for _ in range(min(_SINGLES_PER_LOOK, len(self._order))):
            i = self._order[self._next % len(self._order)]
            self._next += 1
            rows = self._singles[i].feed.now(now, snapshot)
            if rows is not None:
                changes += self._run_single(i, rows, now)
        return changes

    def explain(self, condition: int) -> tuple[str, ...]:
        """Why it is true or false by its last row, in short sentences with values."""
        on, compiled = bool(self.on[condition]), self._compiled[condition]
        single = self._singles.get(condition)
        if single is not None:
            return single.explain(on)
        program = compiled.when if on or compiled.clear is None else compiled.clear
        paths = list(dict.fromkeys(compiled.inputs.values()))
        columns = dict(zip(paths, self._together.held(condition), strict=False))
        return program.explain({n: columns[compiled.inputs[n]] for n in program.inputs})

    def state(self) -> dict[int, dict[str, Any]]:
        """What conditions of their own remember, JSON-able, by condition."""
        return {i: single.state() for i, single in self._singles.items()}

    def restore(self, condition: int, on: bool, single: dict[str, Any] | None) -> None:
        """Go on from a saved state, unknown until the next sample. A memory of another expression
        is not taken."""
        self.on[condition] = on
        if single is not None and condition in self._singles:
            self._singles[condition].restore(single)

    def _changes(self, pairs: Pairs) -> tuple[list[Change], npt.NDArray[np.int64]]:
        """Changes in rows that are ordered by condition, and the conditions."""
        member, time, _, _ = pairs
        level = self._together.levels(pairs)
        n = len(member)
        first = np.flatnonzero(np.concatenate([[True], member[1:] != member[:-1]]))
        last = np.append(first[1:], n) - 1
        looked = member[first]
        on, known = self.on[member], self.known[member]
        expected = np.where(on, RAISE, CLEAR)
        if (known & ((level == expected) | (level == HOLD))).all():
            return [], looked
        begin = np.repeat(first, last - first + 1)
        decides = np.where((level == RAISE) | (level == CLEAR), np.arange(n), -1)
        decided = np.maximum.accumulate(decides)
        now_on = np.where(decided >= begin, level[decided] == RAISE, on)
        now_known = level != UNKNOWN
        before_on = np.concatenate([[False], now_on[:-1]])
        before_known = np.concatenate([[False], now_known[:-1]])
        before_on[first], before_known[first] = on[first], known[first]
        rows = np.flatnonzero((now_on != before_on) | (now_known != before_known))
        self.on[looked], self.known[looked] = now_on[last], now_known[last]
        return [
            (int(member[r]), int(time[r]), bool(now_on[r]), bool(now_known[r])) for r in rows
        ], looked

    def _run_single(self, i: int, rows: Rows, arrived: int) -> list[Change]:
        time, level = rows[0], self._singles[i].run(rows)
        self.time[i], self.lag[i] = time[-1], arrived - time[-1]
        changes: list[Change] = []
        on, known = bool(self.on[i]), bool(self.known[i])
        for row in range(len(time)):
            now_on = bool(level[row] == RAISE) if level[row] in (RAISE, CLEAR) else on
            now_known = bool(level[row] != UNKNOWN)
            if (now_on, now_known) != (on, known):
                on, known = now_on, now_known
                changes.append((i, int(time[row]), on, known))
        self.on[i], self.known[i] = on, known
        return changes
