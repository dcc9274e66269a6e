"""The interface of schedulers: who works on what, where and when.

A `Problem` is columns: operations of jobs, ways to do them (modes), what must wait for what, and
what machines, people and time allow. A scheduler looks for a `Schedule` whose objective is as small
as it can find, and says by a bound how far from the best it may be. What a schedule must obey is
told by `check`, which knows no search; its measure by `measure`. Both are in `_plans`.

Times are whole ticks from a common zero; a problem says how long a tick is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.kind import Part
from gemel.core.time import SECOND, Clock

if TYPE_CHECKING:
    from gemel.parts.solvers.scheduling._plans.sheet import Sheet

__all__ = [
    "LARGEST", "NEVER", "NONE", "Asked", "AtMost", "Budget", "Flags", "Integers", "Objective",
    "Problem", "Schedule", "Scheduler", "Stop", "Told", "never",
]  # fmt: skip

Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

NONE: Final = -1
"""No machine, no family, not fixed."""
NEVER: Final = 2**60
"""A due date that nobody gave."""
LARGEST: Final = 200_000
"""Most operations of one problem."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be small: a weighted sum of parts, each in its own unit.

    makespan    end of the last operation, ticks
    tardiness   sum over jobs of weight x lateness, ticks
    flow_time   sum over jobs of weight x (end - release), ticks
    setup       sum of set-up times, ticks
    energy      cost of work, and of machines that stand by, at the tariff, in its currency
    moved       operations that stand elsewhere than in the reference plan, count
    """

    makespan: float = 1.0
    tardiness: float = 0.0
    flow_time: float = 0.0
    setup: float = 0.0
    energy: float = 0.0
    moved: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            weight = getattr(self, one.name)
            if not 0 <= weight < float("inf"):
                raise ConfigurationError(
                    f"objective: weight of {one.name} is {weight}, must be ≥ 0"
                )

    def weights(self) -> dict[str, float]:
        """Parts that count, with their weights."""
        told = {one.name: float(getattr(self, one.name)) for one in fields(self)}
        return {name: weight for name, weight in told.items() if weight}

    def value(self, parts: dict[str, float]) -> float:
        """The weighted sum of measured parts."""
        return float(sum(weight * parts[name] for name, weight in self.weights().items()))


@dataclass(frozen=True, slots=True)
class AtMost:
    """Limits of the parts of the objective that a plan must keep, in the same units."""

    makespan: float = float("inf")
    tardiness: float = float("inf")
    flow_time: float = float("inf")
    setup: float = float("inf")
    energy: float = float("inf")
    moved: float = float("inf")

    def limits(self) -> dict[str, float]:
        """Parts that have one."""
        told = {one.name: float(getattr(self, one.name)) for one in fields(self)}
        return {name: limit for name, limit in told.items() if limit < float("inf")}

    def over(self, parts: dict[str, float]) -> dict[str, tuple[float, float]]:
        """Parts that are above their limit, with both; sums of floating numbers lose a little."""
        return {
            name: (parts[name], limit) for name, limit in self.limits().items()
            if parts[name] > limit + 1e-6 * max(1.0, abs(limit))
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be planned, for j jobs, n operations, m modes, p precedences, k machines,
    r resources and f set-up families.

    jobs, machines, resources, families   their names
    names          of operations; n
    job            int64[n]   job of each operation
    family         int64[n]   set-up family, NONE: never a set-up
    breakable      bool[n]    may pause while its machine is closed
    fixed_mode, fixed_start  int64[n]  of operations that have begun or are frozen; NONE: free
    mode_of        int64[m]   operation of each mode, never falling
    machine        int64[m]   NONE: needs no machine
    duration       int64[m]   working time, ticks
    demand         int64[m,r] of each resource
    power          float64[m] kW while working
    before, after  int64[p]   operations; `after` begins at the end of `before` or later
    lag            int64[p]   ticks that must lie between
    no_wait        bool[p]    exactly these ticks lie between
    release, due, deadline    int64[j]; NEVER where there is none
    weight         float64[j] of a job's tardiness and flow time
    capacity       int64[r]
    renewable      bool[r]    given back at the end (people, tools) or used up (material)
    setup          int64[k,f,f]  ticks from one family to another; of size 0 without set-ups
    initial        int64[k]   family that a machine is set up for; NONE: for any
    buffer         int64[k]   places before a machine; NONE: enough. A part that finds none stays on
                              the machine where it is, and blocks it
    closed         int64[c,3] machine, first tick, tick after the last
    price_from     int64[b]   ticks from which prices hold, rising
    price          float64[b] per kWh
    reference      int64[n,2] machine and start in the plan that is to be kept to; NEVER: none
    standby        float64[k] kW between the operations of a machine, while it is on; of size 0
                   where it needs nothing
    restart        float64[k] kWh to be on again, at the price of that tick, where a machine was off
                   between two operations instead; inf: it cannot be off. Before its first and after
                   its last operation it is off
    now            no free operation starts before this tick
    tick           ns;  origin: ns UTC of tick 0, None where times are only relative
    """

    jobs: tuple[str, ...]
    machines: tuple[str, ...]
    resources: tuple[str, ...]
    families: tuple[str, ...]
    names: tuple[str, ...]
    job: Integers
    family: Integers
    breakable: Flags
    fixed_mode: Integers
    fixed_start: Integers
    mode_of: Integers
    machine: Integers
    duration: Integers
    demand: Integers
    power: Values
    before: Integers
    after: Integers
    lag: Integers
    no_wait: Flags
    release: Integers
    due: Integers
    deadline: Integers
    weight: Values
    capacity: Integers
    renewable: Flags
    setup: Integers
    initial: Integers
    buffer: Integers
    closed: Integers
    price_from: Integers
    price: Values
    reference: Integers
    standby: Values = field(default_factory=lambda: np.zeros(0))
    restart: Values = field(default_factory=lambda: np.zeros(0))
    objective: Objective = field(default_factory=Objective)
    at_most: AtMost = field(default_factory=AtMost)
    now: int = 0
    tick: int = SECOND
    origin: int | None = None
    _sheet: list[Sheet] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from gemel.parts.solvers.scheduling._plans.sound import demand_sound

        demand_sound(self)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sheet(self) -> Sheet:
        """The columns as compiled code reads them, made when first asked for."""
        from gemel.parts.solvers.scheduling._plans.sheet import sheet_of

        if not self._sheet:
            self._sheet.append(sheet_of(self))
        return self._sheet[0]

    @property
    def first_mode(self) -> Integers:
        """int64[n+1]: modes of operation i are first_mode[i] to first_mode[i+1] - 1."""
        counts = np.bincount(self.mode_of, minlength=len(self))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @property
    def fixed(self) -> Flags:
        """bool[n]: has begun, or is frozen."""
        fixed: Flags = self.fixed_start != NONE
        return fixed

    @property
    def horizon(self) -> int:
        """A tick by which everything can be over, one after another."""
        from gemel.parts.solvers.scheduling._plans.measure import horizon

        return horizon(self)


Status: TypeAlias = Literal["optimal", "feasible"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A plan: for each of n operations its mode, start and end.

    left       int64[n]  when the part leaves the machine: its end, or later where it is blocked
    value      the objective, and its `parts`
    bound      no plan has a smaller value
    history    (seconds, iterations, value) of each better plan that was found
    """

    mode: Integers
    start: Integers
    end: Integers
    left: Integers
    value: float
    parts: dict[str, float]
    bound: float = 0.0
    history: tuple[tuple[float, int, float], ...] = ()

    @property
    def status(self) -> Status:
        """Whether it is proved that there is no better one."""
        return (
            "optimal" if self.bound >= self.value - 1e-6 * max(1.0, abs(self.value)) else "feasible"
        )

    @property
    def gap(self) -> float:
        """How much better the best could be, as a share of this value, at most."""
        return max(0.0, (self.value - self.bound) / self.value) if self.value > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop looking: after so many seconds, iterations, or at a good enough value."""

    seconds: float | None = None
    iterations: int | None = None
    good_enough: float = -float("inf")

    def __post_init__(self) -> None:
        if self.seconds is None and self.iterations is None:
            raise ConfigurationError("a search needs a budget: seconds, iterations or both")
        for name in ("seconds", "iterations"):
            given = getattr(self, name)
            if given is not None and not 0 <= given < 1e15:
                raise ConfigurationError(f"budget: {name} is {given}, must be at least 0")


class Told(Protocol):
    """Is given each better plan as it is found, from the thread that called `solve`."""

    def __call__(self, schedule: Schedule, /) -> Any: ...


Stop: TypeAlias = Callable[[], bool]
"""Asked now and then, at least ten times a second; true ends the search with the best so far."""


def never() -> bool:
    """Nobody cancels."""
    return False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search is asked, and when its clock began; see `Scheduler.solve`."""

    problem: Problem
    seed: int
    budget: Budget
    clock: Clock
    start: Schedule | None
    told: Told | None
    stop: Stop
    begun: int

    @property
    def seconds(self) -> float:
        """Since it began."""
        return (self.clock() - self.begun) / SECOND

    def tell(self, plan: Schedule) -> None:
        """Hand a better plan to whoever listens."""
        if self.told is not None:
            self.told(plan)


class Scheduler(Part):
    """Settings of a scheduler."""

    api: ClassVar[int] = 1
    name: ClassVar[str] = "this scheduler"
    """What messages call it."""

    @abstractmethod
    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        """What of a problem it cannot do, in words; empty where it can do all."""

    def ready(self, problem: Problem) -> None:
        """Compile, or load, what such a problem needs: up to a minute, once on a machine.

        Nothing of it counts as time of a search: `solve` does it before its clock begins. Who must
        tell people why nothing happens yet calls it before.
        """

    def refusal(self, words: tuple[str, ...]) -> str:
        """What somebody is told whose problem is not covered."""
        return f"{self.name} does not cover {', '.join(words)}"

    def solve(
        self,
        problem: Problem,
        *,
        seed: int,
        budget: Budget,
        clock: Clock,
        start: Schedule | None = None,
        told: Told | None = None,
        stop: Stop = never,
    ) -> Schedule:
        """The best plan that it found.

        The same problem, seed, start and number of iterations give the same plan; with seconds, how
        far it comes depends on the machine. `start` is a plan of the same operations, from which
        it goes on; it need not obey the rules any more. Raises `ConfigurationError` for what is
        `uncovered`, `Infeasible` with the conflict where no plan can obey the rules, `Unavailable`
        where the budget was over before any plan was found.
        """
        if words := self.uncovered(problem):
            raise ConfigurationError(self.refusal(words))
        self.ready(problem)
        return self.search(Asked(problem, seed, budget, clock, start, told, stop, clock()))

    @abstractmethod
    def search(self, asked: Asked) -> Schedule:
        """What `solve` promises, for a problem that is covered and compiled for."""
