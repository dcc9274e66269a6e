"""Tabu searches over a common pool of good solutions, by walks from one toward another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from gemel.core.time import SECOND, Clock
from gemel.parts.solvers.scheduling.base import Budget, Integers, Stop
from gemel.parts.solvers.scheduling.tabu.shop import Line, Shop, line_up, no_problem, starts
from gemel.parts.solvers.scheduling.tabu.walk import apart, toward, walk

__all__ = ["Pool", "search", "warm"]

_UNLIMITED = 2**62
_LOOK = 0.02
"""Seconds between two looks at the clock and at whoever may cancel."""


@dataclass(slots=True)
class Pool:
    """The good solutions, none twice; `size` at most."""

    shop: Shop
    size: int
    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Take it in, in place of the worst where all are taken, unless it is worse or there."""
        shop = self.shop
        for other in self.lines:
            if other.value == line.value and not apart(
                line.order, line.mode, other.order, other.mode, shop.mode_machine, shop.machines
            ):
                return
        self.lines.append(line)
        self.lines.sort(key=lambda one: one.value)
        del self.lines[self.size :]

    def spent(self) -> bool:
        """Whether all have become alike: walks between them lead nowhere new."""
        shop, first = self.shop, self.lines[0]
        far = [
            apart(first.order, first.mode, one.order, one.mode, shop.mode_machine, shop.machines)
            for one in self.lines[1:]
        ]
        return len(self.lines) == self.size and max(far, default=0) < max(4, len(shop.which) // 20)


@dataclass(frozen=True, slots=True)
class _Task:
    line: Line
    limit: int
    state: Integers


def search(
    shop: Shop,
    *,
    seed: int,
    budget: Budget,
    clock: Clock,
    lanes: int,
    size: int,
    stall: int,
    start: Line | None,
    better: Callable[[Line, float, int], None],
    stop: Stop,
) -> Line:
    """The best solution. `better` is called with each new best, seconds and iterations so far.

    `lanes` searches go on beside each other. With a limit of iterations all wait for each other
    before the pool is changed, so that the way does not depend on which is quicker.
    """
    begun = clock()
    objective = shop.problem.objective
    halt = np.zeros(1, np.int64)
    enough = float(max(budget.good_enough, objective.makespan * shop.bound))
    pool, random = Pool(shop, size), np.random.default_rng(seed)
    best: Line | None = None
    spent = made = filled = 0
    running: dict[Future[tuple[Line, int]], int] = {}

    def over() -> bool:
        out = budget.seconds is not None and (clock() - begun) >= budget.seconds * SECOND
        out = out or (budget.iterations is not None and spent >= budget.iterations)
        return out or (best is not None and best.value <= enough) or stop()

    with ThreadPoolExecutor(lanes, thread_name_prefix="schedule") as threads:
        try:
            while True:
                while len(running) < lanes:
                    limit = _UNLIMITED
                    if budget.iterations is not None:
                        limit = max(1, (budget.iterations - spent) // lanes)
                    if filled < size:
                        line = _first(shop, random) if filled or start is None else start
                        filled += 1
                    elif len(pool.lines) < 2:
                        line = _first(shop, random)
                    else:
                        line = _between(shop, pool, random)
                    task = _Task(line, limit, _state(random))
                    args = (shop, task, stall, enough, halt)
                    running[threads.submit(_run, *args)] = made
                    made += 1
                until = ALL_COMPLETED if budget.iterations is not None else FIRST_COMPLETED
                done: set[Future[tuple[Line, int]]] = set()
                while not done:
                    done, waiting = wait(running, _LOOK, until)
                    if until == ALL_COMPLETED and waiting:
                        done = set()
                    if not halt[0] and over():
                        halt[0], until = 1, ALL_COMPLETED
                for one in sorted(done, key=lambda f: running[f]):
                    del running[one]
                    line, count = one.result()
                    spent += count
                    pool.add(line)
                    if best is None or line.value < best.value:
                        best = line
                        better(best, (clock() - begun) / SECOND, spent)
                if best is not None and not running and (halt[0] or over()):
                    return best
                if filled >= size and pool.spent():
                    pool.lines, filled = pool.lines[:1], 1
        finally:
            halt[0] = 1


@cache
def warm() -> None:
    """Compile, or load, what runs without the interpreter: no search pays for it with its time."""
    none, one = np.full(2, -1), np.arange(2)
    shop = Shop(
        no_problem(), one, none, none, np.array([0, 1, 2]), one, np.zeros(2, np.int64),
        np.ones(2, np.int64), np.zeros(2, np.int64), 1, np.zeros((2, 2), np.int64),
        np.zeros(2, np.int64), 0,
    )  # fmt: skip
    random = np.random.default_rng(0)
    pool = Pool(shop, 2)
    for _ in range(2):
        halt = np.zeros(1, np.int64)
        pool.add(_run(shop, _Task(_first(shop, random), 3, _state(random)), 1, -1.0, halt)[0])
    pool.lines *= 2
    _between(shop, pool, random)
    starts(shop.jp, shop.mode_machine, shop.mode_length, shop.mode_floor, 1, one, one)


def _state(random: np.random.Generator) -> Integers:
    return random.integers(1, _UNLIMITED, 1)


def _first(shop: Shop, random: np.random.Generator) -> Line:
    order, mode = line_up(
        shop.jp, shop.js, shop.first_mode, shop.mode_machine, shop.mode_length, shop.mode_floor,
        shop.machines, _state(random),
    )  # fmt: skip
    return Line(np.inf, order, mode)


def _between(shop: Shop, pool: Pool, random: np.random.Generator) -> Line:
    """A solution about half way between two of the pool."""
    a, b = (pool.lines[i] for i in random.choice(len(pool.lines), 2, replace=False))
    order, mode = a.order.copy(), a.mode.copy()
    far = apart(order, mode, b.order, b.mode, shop.mode_machine, shop.machines)
    steps = max(2, int(far * (0.4 + 0.2 * random.random())))
    toward(order, mode, b.order, b.mode, shop.mode_machine, steps, _state(random))
    return Line(np.inf, order, mode)


def _run(shop: Shop, task: _Task, stall: int, enough: float, halt: Integers) -> tuple[Line, int]:
    order, mode = task.line.order.copy(), task.line.mode.copy()
    objective = shop.problem.objective
    value, count = walk(
        shop.jp, shop.js, shop.first_mode, shop.mode_machine, shop.mode_length, shop.mode_floor,
        shop.machines, order, mode, shop.reference, float(objective.makespan),
        float(objective.moved),
        task.limit, stall, enough, task.state, halt,
    )  # fmt: skip
    return Line(value, order, mode), count
