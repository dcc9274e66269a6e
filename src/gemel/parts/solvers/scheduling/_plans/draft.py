"""Writes a problem line by line, for readers of files, tests and small examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gemel.core.time import SECOND
from gemel.parts.solvers.scheduling.base import NEVER, NONE, Objective, Problem

__all__ = ["Draft", "Way"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do an operation: a machine (NONE: needs none), working time, what it takes."""

    machine: int
    duration: int
    demand: Mapping[int, int] = field(default_factory=dict)
    power: float = 0.0


@dataclass(slots=True)
class Draft:
    """A problem in the making; `build` gives the frozen columns.

    >>> draft = Draft()
    >>> saw, press = draft.machine("saw"), draft.machine("press")
    >>> job = draft.job("plate")
    >>> first = draft.operation(job, [Way(saw, 5)])
    >>> second = draft.operation(job, [Way(press, 3)], after=[first])
    >>> draft.build().horizon
    9
    """

    tick: int = SECOND
    origin: int | None = None
    now: int = 0
    machines: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    _job: list[tuple[int, int, int, float]] = field(default_factory=list)
    _operations: list[tuple[str, int, int, bool, int, int]] = field(default_factory=list)
    _ways: list[Sequence[Way]] = field(default_factory=list)
    _arcs: list[tuple[int, int, int, bool]] = field(default_factory=list)
    _resources: list[tuple[str, int, bool]] = field(default_factory=list)
    _buffer: list[int] = field(default_factory=list)
    _initial: list[str | None] = field(default_factory=list)
    _standby: list[tuple[float, float]] = field(default_factory=list)
    _closed: list[tuple[int, int, int]] = field(default_factory=list)
    _setups: dict[tuple[int, str, str], int] = field(default_factory=dict)
    _families: dict[str, int] = field(default_factory=dict)
    _prices: list[tuple[int, float]] = field(default_factory=list)
    _peak: float | None = None

    def machine(
        self, name: str, buffer: int = NONE, initial: str | None = None, standby: float = 0.0,
        restart: float = np.inf,
    ) -> int:  # fmt: skip
        """Its number; `standby` in kW, `restart` in kWh."""
        self.machines.append(name)
        self._standby.append((standby, restart))
        self._buffer.append(buffer)
        self._initial.append(initial)
        if initial is not None:
            self.family(initial)
        return len(self.machines) - 1

    def close(self, machine: int, first: int, last: int) -> None:
        """It does not work from tick `first` until `last`."""
        self._closed.append((machine, first, last))

    def resource(self, name: str, capacity: int, renewable: bool = True) -> int:
        """Its number."""
        self._resources.append((name, capacity, renewable))
        return len(self._resources) - 1

    def peak(self, kilowatt: float) -> None:
        """All that is at work at one time draws no more than this; a resource, in whole watts.

        What pauses keeps its share, standing by is not counted.
        """
        self._peak = kilowatt

    def family(self, name: str) -> int:
        """The number of a set-up family; a new name makes a new one."""
        return self._families.setdefault(name, len(self._families))

    def setup(self, machine: int, before: str, after: str, ticks: int) -> None:
        """How long a machine is set up from one family to another; 0 where nothing is said."""
        self.family(before), self.family(after)
        self._setups[machine, before, after] = ticks

    def price(self, first: int, per_kwh: float) -> None:
        """Energy costs so much from this tick on."""
        self._prices.append((first, per_kwh))

    def job(
        self, name: str, release: int = 0, due: int = NEVER, deadline: int = NEVER,
        weight: float = 1.0,
    ) -> int:  # fmt: skip
        """Its number."""
        self.jobs.append(name)
        self._job.append((release, due, deadline, weight))
        return len(self.jobs) - 1

    def operation(
        self, job: int, ways: Sequence[Way], *, name: str | None = None, after: Sequence[int] = (),
        family: str | None = None, breakable: bool = False, no_wait: bool = False, lag: int = 0,
        fixed: tuple[int, int] | None = None,
    ) -> int:  # fmt: skip
        """Its number; `fixed` is the number of the way that was chosen, and the start.

        `no_wait` and `lag` are about all operations that it comes `after`.
        """
        number = len(self._operations)
        count = sum(1 for one in self._operations[-200:] if one[1] == job) + 1
        shown = name if name is not None else f"{self.jobs[job]}/{count}"
        group = NONE if family is None else self.family(family)
        way, start = fixed if fixed is not None else (NONE, NONE)
        self._operations.append((shown, job, group, breakable, way, start))
        self._ways.append(ways)
        self._arcs += [(other, number, lag, no_wait) for other in after]
        return number

    def wait(self, before: int, after: int, lag: int = 0, no_wait: bool = False) -> None:
        """`after` begins when `before` is over, or `lag` ticks later."""
        self._arcs.append((before, after, lag, no_wait))

    def build(self, objective: Objective | None = None) -> Problem:
        """The problem. Raises `ConfigurationError` for what makes no sense."""
        resources = list(self._resources)
        if self._peak is not None:
            resources.append(("peak power, W", int(1000 * self._peak + 1e-6), True))
        n, k, r = len(self._operations), len(self.machines), len(resources)
        families = tuple(self._families)
        counts = [len(ways) for ways in self._ways]
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        flat = [way for ways in self._ways for way in ways]
        demand = np.zeros((len(flat), r), np.int64)
        for row, way in enumerate(flat):
            for resource, amount in way.demand.items():
                demand[row, resource] = amount
        if self._peak is not None:
            drawn = np.ceil(1000 * np.array([way.power for way in flat]) - 1e-6).astype(np.int64)
            demand[:, r - 1] = drawn
        setup = np.zeros((k, len(families), len(families)) if self._setups else (0, 0, 0), np.int64)
        for (machine, before, after), ticks in self._setups.items():
            setup[machine, self._families[before], self._families[after]] = ticks
        job = np.array(self._job, np.float64).reshape(-1, 4)
        whole = np.array([row[:3] for row in self._job], np.int64).reshape(-1, 3)
        arcs = np.array(self._arcs, np.int64).reshape(-1, 4)
        columns = np.array([one[1:] for one in self._operations], np.int64).reshape(-1, 5)
        fixed = columns[:, 4] != NONE
        standby = np.array(self._standby if any(one[0] for one in self._standby) else [])
        standby = standby.reshape(-1, 2)
        initial = [NONE if name is None else self._families[name] for name in self._initial]
        return Problem(
            jobs=tuple(self.jobs), machines=tuple(self.machines),
            resources=tuple(one[0] for one in resources), families=families,
            names=tuple(one[0] for one in self._operations), job=columns[:, 0].copy(),
            family=columns[:, 1].copy(), breakable=columns[:, 2].astype(bool),
            fixed_mode=np.where(fixed, first[:-1] + columns[:, 3], NONE),
            fixed_start=columns[:, 4].copy(),
            mode_of=np.repeat(np.arange(n), counts).astype(np.int64),
            machine=np.array([way.machine for way in flat], np.int64),
            duration=np.array([way.duration for way in flat], np.int64), demand=demand,
            power=np.array([way.power for way in flat], np.float64),
            before=arcs[:, 0].copy(), after=arcs[:, 1].copy(), lag=arcs[:, 2].copy(),
            no_wait=arcs[:, 3].astype(bool), release=whole[:, 0].copy(), due=whole[:, 1].copy(),
            deadline=whole[:, 2].copy(), weight=job[:, 3].copy(),
            capacity=np.array([one[1] for one in resources], np.int64),
            renewable=np.array([one[2] for one in resources], bool), setup=setup,
            initial=np.array(initial, np.int64), buffer=np.array(self._buffer, np.int64),
            closed=np.array(self._closed, np.int64).reshape(-1, 3),
            price_from=np.array([one[0] for one in self._prices], np.int64),
            price=np.array([one[1] for one in self._prices], np.float64),
            reference=np.tile(np.array([NONE, NEVER], np.int64), (n, 1)),
            standby=standby[:, 0].copy(), restart=standby[:, 1].copy(),
            objective=objective or Objective(), now=self.now, tick=self.tick, origin=self.origin,
        )  # fmt: skip
