"""After something has happened: what has begun is fixed, the rest changes as little as needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from gemel.core.errors import ConfigurationError
from gemel.parts.solvers.scheduling._plans.costs import MEASURED, measured
from gemel.parts.solvers.scheduling._plans.decode import put_off, right_shift, uncovered
from gemel.parts.solvers.scheduling._plans.quick import ceiling, obeys
from gemel.parts.solvers.scheduling._plans.sheet import PARTS, Sheet, join
from gemel.parts.solvers.scheduling.base import Flags, Integers, Problem, Schedule

__all__ = ["Repair", "Standing", "frozen", "right_shift", "steady"]


def frozen(
    problem: Problem, old: Schedule, now: int, down: Sequence[tuple[int, int, int]] = ()
) -> Problem:
    """The problem as it is at tick `now`: what has begun by the old plan is fixed where it is.

    `down` has (machine, first tick, tick after the last) of breakdowns: what is at work there goes
    on afterwards. The old plan becomes the reference of what is free.
    """
    rows = np.array(list(down), np.int64).reshape(-1, 3)
    now = max(now, problem.now)
    fixed_mode, fixed_start, breakable, reference = _freeze(
        problem.sheet, old.mode, old.start, old.end, now, rows
    )
    return replace(
        problem, now=now, fixed_mode=fixed_mode, fixed_start=fixed_start, breakable=breakable,
        closed=np.concatenate([problem.closed, rows]), reference=reference,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repair:
    """What a standing plan becomes.

    schedule  the plan, with its measures
    moved     bool[n]  operations that stand elsewhere or later than before
    holds     whether it keeps every rule: not where a deadline or a limit can no longer be kept;
              `check(problem, schedule)` says which
    """

    standing: Standing
    now: int
    down: tuple[tuple[int, int, int], ...]
    schedule: Schedule
    moved: Flags
    holds: bool

    @property
    def problem(self) -> Problem:
        """The problem as it is now, for a search that goes on from here."""
        return frozen(self.standing.problem, self.standing.schedule, self.now, self.down)


class Standing:
    """A plan that is being carried out, with all at hand that a repair needs.

    Made once, when a plan goes out; `repair` then answers within a millisecond for 1,000
    operations. Raises `ConfigurationError` for problems whose rules look back (`uncovered`).
    """

    def __init__(self, problem: Problem, schedule: Schedule) -> None:
        if words := uncovered(problem):
            raise ConfigurationError(
                f"a plan cannot be put off at once where there are {', '.join(words)}; "
                "solve the problem of `frozen` instead"
            )
        self.problem, self.schedule = problem, schedule
        self._sheet = problem.sheet
        self.repair(problem.now)  # compiles, or loads, what a breakdown should not wait for

    def repair(self, now: int, down: Sequence[tuple[int, int, int]] = ()) -> Repair:
        """The plan put off as far as (machine, first tick, tick after the last) of `down` ask.

        What has begun by tick `now` stays, and goes on where its machine is back; the rest keeps
        its machine and its turn.
        """
        sheet, old = self._sheet, self.schedule
        rows = np.array(list(down), np.int64).reshape(-1, 3)
        machines = len(sheet.initial)
        if len(rows) and not (
            (rows[:, 0] >= 0).all() and (rows[:, 0] < machines).all()
            and (rows[:, 1] < rows[:, 2]).all()
        ):  # fmt: skip
            raise ConfigurationError(
                f"breakdowns are (machine 0 to {machines - 1}, first tick, tick after the last), "
                f"found {rows.tolist()}"
            )
        now = max(now, self.problem.now)
        fixed_mode, fixed_start, breakable, reference = _freeze(
            sheet, old.mode, old.start, old.end, now, rows
        )
        closed_first, closed = sheet.closed_first, sheet.closed
        if len(rows):
            closed_first, closed = join(np.concatenate([self.problem.closed, rows]), machines)
        asked = sheet._replace(
            now=now, fixed_mode=fixed_mode, fixed_start=fixed_start, breakable=breakable,
            reference=reference, closed_first=closed_first, closed=closed,
        )  # fmt: skip
        mode, start, end, moved, good, found = _answer(asked, old.mode, old.start)
        parts = dict(zip(MEASURED, found.tolist(), strict=True))
        made = Schedule(mode, start, end, end.copy(), self.problem.objective.value(parts), parts)
        holds = bool(good) and bool((found[: len(PARTS)] <= ceiling(sheet.most)).all())
        kept = tuple((int(k), int(a), int(b)) for k, a, b in rows)
        return Repair(self, now, kept, made, moved, holds)


@njit(nogil=True, cache=True)
def _freeze(
    sheet: Sheet, mode: Integers, start: Integers, end: Integers, now: int, down: Integers
) -> tuple[Integers, Integers, Flags, Integers]:
    n = len(mode)
    fixed_mode, fixed_start = np.full(n, -1), np.full(n, -1)
    breakable, reference = sheet.breakable.copy(), np.empty((n, 2), np.int64)
    for i in range(n):
        k = sheet.machine[mode[i]]
        reference[i, 0], reference[i, 1] = k, start[i]
        if start[i] < now:
            fixed_mode[i], fixed_start[i] = mode[i], start[i]
            for row in down:
                if row[0] == k and end[i] > row[1] and start[i] < row[2]:
                    breakable[i] = True
    return fixed_mode, fixed_start, breakable, reference


@njit(nogil=True, cache=True)
def _answer(
    sheet: Sheet, old_mode: Integers, old_start: Integers
) -> tuple[Integers, Integers, Integers, Flags, bool, Integers]:
    """The plan, what of it moved, whether it holds, its measures."""
    mode, start, end = put_off(sheet, old_mode, old_start)
    moved = (mode != old_mode) | (start != old_start)
    good = obeys(sheet, mode, start, end, end)
    return mode, start, end, moved, good, measured(sheet, mode, start, end)


def steady(problem: Problem, shifted: Schedule, share: float = 0.02) -> Problem:
    """The problem with a price on every operation that is moved: all together `share` of the value
    of the plan that was only put off."""
    free = int((~problem.fixed).sum())
    value = problem.objective.value(shifted.parts | {"moved": 0.0})
    weight = share * max(value, 1.0) / max(1, free)
    return replace(problem, objective=replace(problem.objective, moved=weight))
