"""One schedule of the running plant: history of orders, what holds, what is proposed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from gemel.core.errors import ConfigurationError, Refused, Unknown, did_you_mean
from gemel.core.event import Event
from gemel.core.frame import Values
from gemel.core.job import BEGUN, JobResponse
from gemel.core.time import SECOND, Clock
from gemel.parts.solvers.scheduling import (
    SCHEDULERS,
    Description,
    check,
    right_shift,
    steady,
    uncovered,
)
from gemel.parts.solvers.scheduling.base import Budget, Problem, Schedule
from gemel.twin.planning.plans.made import Made
from gemel.twin.planning.plans.making import (
    Doing,
    Order,
    Task,
    batches,
    held_in,
    referred,
    task,
    timed,
)
from gemel.twin.planning.plans.pace import Batch, Pace
from gemel.twin.planning.plans.settings import PlanSettings
from gemel.twin.planning.plans.version import Row, Version

__all__ = ["Book"]

_STATE: Final = 1
_STOPPED: Final = ("fault", "stopped")
_DONE: Final = 0.98
"""Of an order's quantity: what is missing was scrap, or will not come."""
Paces = Callable[[str, Sequence[Batch], str], Pace | None]
"""Of a line of the plant from now on: name, batches, changes that are counted on."""


@dataclass(frozen=True, slots=True)
class Down:
    """A breakdown that is planned around: since when, and until when it is taken to last."""

    since: int
    until: int
    said: bool = False


class Book:
    """A schedule. `tick` comes from the loop of the daemon; everything else from any thread, one
    search at a time.

    described   the orders and machines as they are in their file now
    doing       what each machine of the settings does now
    paces       how long orders take on a line, as simulated; None where it cannot be said
    emit        takes Events of the kind ``schedule``
    """

    def __init__(
        self, name: str, settings: PlanSettings, clock: Clock, *,
        described: Callable[[int], Description], doing: Callable[[], Mapping[str, Doing]],
        paces: Paces, emit: Callable[[Event], None], time: Clock,
    ) -> None:  # fmt: skip
        self.name, self.settings, self._clock, self._time = name, settings, clock, time
        self._described, self._doing, self._paces, self._emit = described, doing, paces, emit
        self._lock = threading.RLock()
        self._search = threading.Lock()
        self._last: dict[str, Doing] = {}
        self._count = 0
        self._stop = False
        self.history: dict[str, Order] = {}
        self.down: dict[str, Down] = {}
        self.held: Version | None = None
        self.proposed: Version | None = None
        self.searching = ""
        """Why is looked for a plan; empty if nobody looks."""
        self.trouble = ""
        """Why the last search came to nothing."""
        self._idle: set[str] = set()
        """Operations that have not begun, whatever was planned: their machine says so."""

    # What happens in the plant

    def tick(self) -> str:
        """Look at the machines; why a new plan is needed now, empty if it is not."""
        now, why = self._clock(), ""
        with self._lock:
            for machine, doing in self._doing().items():
                self._follow(machine, doing, now)
                why = self._stops(machine, doing, now) or why
                self._last[machine] = doing
        return why

    def _follow(self, machine: str, doing: Doing, now: int) -> None:
        """Orders that begin, go on and end."""
        before = self._last.get(machine)
        if doing.order:
            told = self.history.get(doing.order)
            if told is None or told.machine != machine:
                told = Order(machine, now if before is not None else doing.since or now)
            done = told.done if doing.done is None else doing.done
            self.history[doing.order] = replace(told, done=done, end=None)
        if before is not None and before.order and before.order != doing.order:
            told = self.history[before.order]
            wanted = self._wanted(before.order)
            if before.done is None or wanted is None or before.done >= _DONE * wanted:
                self.history[before.order] = replace(told, end=now)

    def _wanted(self, order: str) -> int | None:
        found = self.held or self.proposed
        if found is None or not any(row.order == order for row in found.rows):
            return None
        return next((o.quantity for o in self._described(self._clock()).orders
                     if o.order == order), None)  # fmt: skip

    def _stops(self, machine: str, doing: Doing, now: int) -> str:
        """Breakdowns that begin, last longer than was thought, and end."""
        settings, known = self.settings, self.down.get(machine)
        if doing.state not in _STOPPED:
            # What a person said holds until its time, or until the machine produces again.
            if known is not None and (doing.state == "production" or now >= known.until):
                del self.down[machine]
                if self.held is not None and now < known.until - settings.notice:
                    return f"{machine} is repaired sooner than planned"
            return ""
        if now - doing.since < settings.notice:
            return ""
        if known is None:
            self.down[machine] = Down(doing.since, max(now, doing.since + settings.usual_repair))
            return f"{machine} has broken down"
        if now >= known.until:
            self.down[machine] = replace(known, until=now + settings.usual_repair // 2)
            return f"{machine} is repaired later than planned"
        return ""

    def breakdown(self, machine: str, takes: int) -> None:
        """Somebody says that a machine is down, and for how long from now on (ns); 0: it runs.
        Raises `Unknown` or `ConfigurationError`."""
        machines = self._described(self._clock()).machines
        if machine not in machines:
            raise Unknown(f"no machine '{machine}'; {did_you_mean(machine, machines)}")
        if takes < 0:
            raise ConfigurationError("a repair takes at least 0 s")
        now = self._clock()
        with self._lock:
            since = self.down[machine].since if machine in self.down else now
            self.down.pop(machine, None)
            if takes:
                self.down[machine] = Down(since, now + takes, said=True)

    def hear(self, told: JobResponse) -> None:
        """What a peer says of a job order. On machines that the twin sees, its own counts hold."""
        with self._lock:
            rows = self.held.rows if self.held is not None else ()
            row = next((row for row in rows if row.operation == told.job), None)
            if row is None or row.machine in self.settings.machines:
                return
            self._idle.discard(told.job)
            known = self.history.get(row.order)
            if told.state in BEGUN and told.state != "Aborted":
                over = told.state == "Ended" and _last(self.held, row)
                start = told.start or (known.start if known is not None else self._clock())
                end = (told.end or self._clock()) if over else None
                self.history[row.order] = Order(row.machine, start, end, told.quantity or 0.0)
                return
            self._idle.add(told.job)
            if known is not None and known.machine == row.machine:
                del self.history[row.order]

    # Planning

    def plan(
        self, by: str, why: str, *, near: bool = False, seconds: float | None = None,
        assumed: Mapping[str, str] | None = None, fixed: tuple[str, str, int] | None = None,
    ) -> Version:  # fmt: skip
        """Look for a plan from now on, and propose it.

        With `near`, what holds is first put off as it must be, which is proposed at once, and then
        bettered for less long, each operation that moves having its price. `assumed` are changes
        of lines that it counts on, those of what holds if not given; `fixed` is an operation that
        is to stand at a machine at a time (ns UTC). Raises `Refused` while another search runs,
        `Infeasible` with the conflict.
        """
        if not self._search.acquire(blocking=False):
            raise Refused(f"a plan is being looked for already: {self.searching}")
        try:
            self.searching, self.trouble, self._stop = why, "", False
            return self._plan(by, why, near, seconds, assumed, fixed)
        except Exception as error:
            self.trouble = str(error)
            raise
        finally:
            self.searching = ""
            self._search.release()

    def stop(self) -> None:
        """End the search with the best so far."""
        self._stop = True

    def _plan(
        self, by: str, why: str, near: bool, seconds: float | None,
        assumed: Mapping[str, str] | None, fixed: tuple[str, str, int] | None,
    ) -> Version:  # fmt: skip
        now, settings = self._clock(), self.settings
        with self._lock:
            history, down, held = self._known(now), dict(self.down), self.held
        if assumed is None:
            assumed = {} if held is None else dict(held.assumed)
        rows = [(name, min(one.since, now), one.until) for name, one in down.items()]
        found = task(self._described(now), history, rows)
        found, sampled = self._paced(found, history, assumed)
        if fixed is not None:
            found = replace(found, problem=_fixed(found.problem, *fixed))
        problem, old = found.problem, None
        if held is not None:
            old = held_in(problem, held.rows)
        make = Made(found, sampled, held, by, why, now, assumed, rows)
        start: Schedule | None = None
        if old is not None:
            problem = referred(problem, old)
            if not uncovered(problem):
                start = right_shift(problem, old)
                if near:
                    self._propose(make.version(problem, start, "put off"))
                    problem = steady(problem, start)
                    start = replace(start, value=problem.objective.value(start.parts))
        looked = settings.repair if near else settings.search
        budget = Budget(seconds if seconds is not None else looked / SECOND)
        scheduler = SCHEDULERS.build({"kind": settings.solver})
        best = scheduler.solve(
            problem, seed=1, budget=budget, clock=self._time, start=start, stop=lambda: self._stop
        )
        if broken := check(problem, best):
            raise AssertionError(f"{settings.solver} broke a rule: {broken[0]}")
        return self._propose(make.version(problem, best, "planned"))

    def _known(self, now: int) -> dict[str, Order]:
        """What has happened to orders; on machines that nobody sees it went as planned."""
        known = dict(self.history)
        quantity = {o.order: o.quantity for o in self._described(now).orders}
        for row in self.held.rows if self.held is not None else ():
            if row.machine in self.settings.machines or row.start > now:
                continue
            if row.operation in self._idle:
                continue
            told = known.get(row.order)
            if told is not None and (told.start > row.start or told.machine == row.machine):
                continue  # a later step of it has begun, or its machine has told of this one
            done = min(1.0, (now - row.start) / max(row.end - row.start, 1))
            over = row.end if row.end <= now and _last(self.held, row) else None
            known[row.order] = Order(
                row.machine, row.start, over, done * quantity.get(row.order, 0)
            )  # fmt: skip
        return known

    def _paced(
        self, found: Task, history: Mapping[str, Order], assumed: Mapping[str, str]
    ) -> tuple[Task, Values | None]:
        paces = {}
        for machine, seat in self.settings.machines.items():
            if seat.line and machine in found.problem.machines:
                wanted = batches(found, machine, history)
                pace = self._paces(seat.line, wanted, assumed.get(seat.line, ""))
                if pace is not None:
                    paces[machine] = pace
        return timed(found, paces)

    def _propose(self, version: Version) -> Version:
        with self._lock:
            if self.proposed is None or self.proposed.made != version.made:
                self._count += 1
            self.proposed = replace(version, number=self._count)
            return self.proposed

    def release(self, number: int, by: str) -> Version:
        """The proposed plan holds from now on. Raises `Refused` if it is another one by now."""
        with self._lock:
            if self.proposed is None or self.proposed.number != number:
                raise Refused(f"plan {number} is not proposed any more; look at it again")
            held = self.held = replace(self.proposed, released=by)
            self.proposed = None
        self._emit(
            Event(
                "schedule", self.name, self._clock(), "planning", sequence=held.number,
                payload={
                    "schedule": self.name, "number": held.number, "by": by, "why": held.why,
                    "orders": len({row.order for row in held.rows}),
                    "ends": max((row.end for row in held.rows), default=0),
                    "late": len(held.late), "moved": held.moved,
                },
            )
        )  # fmt: skip
        return held

    def discard(self, number: int) -> None:
        """What holds goes on holding. Raises `Refused` if another plan is proposed by now."""
        with self._lock:
            if self.proposed is None or self.proposed.number != number:
                raise Refused(f"plan {number} is not proposed any more; look at it again")
            self.proposed = None

    # State

    def state(self) -> dict[str, Any]:
        """All that must outlive a restart, JSON-able."""
        with self._lock:
            return {
                "version": _STATE, "count": self._count,
                "history": {name: asdict(order) for name, order in self.history.items()},
                "down": {name: asdict(down) for name, down in self.down.items()},
                "held": None if self.held is None else self.held.record(),
                "proposed": None if self.proposed is None else self.proposed.record(),
            }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; nothing if it is of another version."""
        if state.get("version") != _STATE:
            return
        with self._lock:
            self._count = state["count"]
            self.history = {name: Order(**order) for name, order in state["history"].items()}
            self.down = {name: Down(**down) for name, down in state["down"].items()}
            held, proposed = state["held"], state["proposed"]
            self.held = None if held is None else Version.of(held)
            self.proposed = None if proposed is None else Version.of(proposed)


def _last(held: Version | None, row: Row) -> bool:
    """Whether an operation is the last one of its order."""
    rows = held.rows if held is not None else ()
    return all(other.end <= row.end for other in rows if other.order == row.order)


def _fixed(problem: Problem, operation: str, machine: str, start: int) -> Problem:
    """The problem in which an operation stands where somebody has put it."""
    if operation not in problem.names:
        raise Unknown(f"no operation '{operation}'; {did_you_mean(operation, problem.names)}")
    i, first = problem.names.index(operation), problem.first_mode
    if problem.fixed[i]:
        raise Refused(f"'{operation}' has begun, and stays where it is")
    modes = [
        m for m in range(first[i], first[i + 1])
        if problem.machine[m] >= 0 and problem.machines[problem.machine[m]] == machine
    ]  # fmt: skip
    if not modes:
        raise Refused(f"'{operation}' cannot be done on '{machine}'")
    tick = int((start - (problem.origin or 0)) // problem.tick)
    if tick < max(problem.now, int(problem.release[problem.job[i]])):
        raise Refused(f"'{operation}' cannot begin before it is released, nor in the past")
    fixed_mode, fixed_start = problem.fixed_mode.copy(), problem.fixed_start.copy()
    fixed_mode[i], fixed_start[i] = modes[0], tick
    return replace(problem, fixed_mode=fixed_mode, fixed_start=fixed_start)
