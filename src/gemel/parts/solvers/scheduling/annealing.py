"""Simulated annealing over the order of all operations: for many rules, and for large plans."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
from numba import njit
from pydantic import Field

from gemel.core.errors import ConfigurationError, Unavailable
from gemel.core.frame import Values
from gemel.core.time import SECOND, Clock
from gemel.parts.solvers.scheduling._plans.check import check
from gemel.parts.solvers.scheduling._plans.decode import Decoder, place, price_of, uncovered
from gemel.parts.solvers.scheduling._plans.draft import Draft, Way
from gemel.parts.solvers.scheduling.base import (
    NEVER,
    Budget,
    Flags,
    Integers,
    Problem,
    Schedule,
    Scheduler,
    Stop,
    Told,
    never,
)

__all__ = ["Annealing"]

_PENALTY = 1e3
"""Of a tick after a deadline, in ticks of all that counts."""


class Annealing(Scheduler):
    """Simulated annealing: an order of operations and a way for each, changed at random.

    The plan of an order has each operation as early as possible behind those of its machine. A
    change (another place in the order, another way, with energy prices a later start) that makes
    it worse is taken the more rarely the worse it is and the less time is left (Kirkpatrick,
    Gelatt and Vecchi, Science 220 (1983) 671). For set-ups, calendars, due dates, people and tools,
    and for more operations than CP-SAT can take.
    """

    hot: float = Field(
        0.5, gt=0, description="First temperature, as a share of what a change costs on average"
    )
    cold: float = Field(1e-3, gt=0, description="Last temperature, as a share of the same")
    rounds: int = Field(
        3, ge=1, le=20, description="Times to cool down, each twice as slowly as the one before"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        return uncovered(problem)

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
        if words := self.uncovered(problem):
            raise ConfigurationError(f"annealing does not cover {', '.join(words)}")
        _warm()
        run = _Run(problem, seed, start)
        begun, done = clock(), 0
        history: list[tuple[float, int, float]] = []
        best, scale = run.now, run.scale()
        turn = 0
        while True:
            passed = (clock() - begun) / SECOND
            if run.best < best or not history:
                best = run.best
                if run.keeps_deadlines:
                    found = run.schedule(())
                    if not history or found.value < history[-1][2]:
                        history.append((passed, done, found.value))
                        if told is not None:
                            told(replace(found, history=tuple(history)))
            shares = [done / budget.iterations] if budget.iterations else []
            shares += [passed / budget.seconds] if budget.seconds else []
            share = max(shares, default=1.0)
            if share >= 1 or stop() or best <= budget.good_enough or not len(run.order):
                break
            # Some 20 ms, so that whoever cancels does not wait; with a limit of iterations the
            # size is that of the problem alone, so that the way is always the same.
            block = max(1, 200_000 // (len(run.order) + 20))
            if budget.iterations is not None:
                block = max(1, min(block, budget.iterations - done, budget.iterations // 50))
            part = share * (2**self.rounds - 1) + 1
            if int(np.log2(part)) > turn:
                turn = int(np.log2(part))
                run.back()
            share = part / 2**turn - 1
            run.step(block, scale * self.hot * (self.cold / self.hot) ** share)
            done += block
        found = run.schedule(tuple(history))
        if check(problem, found):
            raise Unavailable(
                "no plan that keeps all deadlines was found in the time given; give more, or let "
                "cp_sat say whether there is one"
            )
        return found


class _Run:
    """State of a search."""

    def __init__(self, problem: Problem, seed: int, start: Schedule | None) -> None:
        self.problem, self.decoder = problem, Decoder(problem)
        n = len(problem)
        random = np.random.default_rng(seed)
        self.state = random.integers(1, 2**62, 1)
        self.weights = np.array(
            [getattr(problem.objective, name) for name in
             ("makespan", "tardiness", "flow_time", "setup", "energy", "moved")]
        )  # fmt: skip
        self.first_mode = problem.first_mode
        self.wait = np.zeros(n, np.int64)
        if start is not None and len(start.mode) == n:
            self.mode = np.where(problem.fixed, problem.fixed_mode, start.mode)
            self.order = self.decoder.order_of(start)
            if self.weights[4]:
                self.wait[~problem.fixed] = start.start[~problem.fixed]  # for a cheap hour
        else:
            self.mode = _quickest(problem, self.first_mode)
            self.order = self._by_due()
        self.prices = self._prices()
        self.choices = np.flatnonzero((np.diff(self.first_mode) > 1) & ~problem.fixed).astype(
            np.int64
        )
        self.now = self.best = self.value(self.order, self.mode, self.wait)
        self.best_order, self.best_mode = self.order.copy(), self.mode.copy()
        self.best_wait = self.wait.copy()

    def _by_due(self) -> Integers:
        """What must be over first, first: due or deadline, less the work that comes after."""
        problem, d = self.problem, self.decoder
        rest = np.zeros(len(problem))
        length = problem.duration[self.mode]
        for i in d.topological[::-1]:
            for p in range(d.before_first[i], d.before_first[i + 1]):
                a = d.before[p]
                rest[a] = max(rest[a], rest[i] + length[i])
        due = np.minimum(problem.due, problem.deadline).astype(float)
        due[due >= NEVER] = float(problem.horizon)
        key = due[problem.job] - rest - length
        begin = np.argsort(np.argsort(key, kind="stable")).astype(np.int64)
        for i in d.topological:
            for p in range(d.before_first[i], d.before_first[i + 1]):
                begin[i] = max(begin[i], begin[d.before[p]])
        return d.topological[np.argsort(begin[d.topological], kind="stable")].copy()

    def _prices(self) -> tuple[Integers, Integers, Values]:
        problem = self.problem
        if not (len(problem.price) and problem.objective.energy):
            nothing = np.zeros(0, np.int64)
            return np.zeros(len(problem.machines) + 2, np.int64), nothing, np.zeros(0)
        # The last row is that of what needs no machine.
        rows = [price_of(problem, k, NEVER) for k in (*range(len(problem.machines)), -1)]
        first = np.concatenate([[0], np.cumsum([len(time) for time, _ in rows])])
        return (
            first.astype(np.int64), np.concatenate([time for time, _ in rows]),
            np.concatenate([price for _, price in rows]),
        )  # fmt: skip

    def _columns(self) -> tuple[object, ...]:
        p, d = self.problem, self.decoder
        return (
            d.start, d.end, d.fixed, d.floor, d.before_first, d.before, d.lag, p.machine,
            p.duration, p.breakable, d.closed_first, d.closed, d.free_at, d.last_family, p.family,
            p.setup, p.demand if d.needs else p.demand[:, :0], p.capacity, p.job, p.release, p.due,
            p.deadline, p.weight, p.initial, p.power, *self.prices, p.reference, self.weights,
        )  # fmt: skip

    def value(self, order: Integers, mode: Integers, wait: Integers) -> float:
        return float(_value(order, mode, wait, *self._columns()))

    def step(self, count: int, temperature: float) -> None:
        self.now, self.best = _anneal(
            count, temperature, self.now, self.best, self.order, self.mode, self.wait,
            self.best_order, self.best_mode, self.best_wait, self.first_mode, self.choices,
            self.problem.price_from if self.weights[4] else self.problem.price_from[:0],
            self.state, *self._columns(),
        )  # fmt: skip

    def scale(self) -> float:
        """What a change costs on average, where it costs something."""
        kept = self.now, self.order.copy(), self.mode.copy(), self.wait.copy()
        costs = []
        for _ in range(50 if len(self.order) else 0):
            before = self.now
            self.step(1, np.inf)
            if self.now > before:
                costs.append(self.now - before)
        self.now, self.order, self.mode, self.wait = kept
        return float(np.mean(costs)) if costs else 1.0

    def back(self) -> None:
        """Go on from the best."""
        self.now, self.order = self.best, self.best_order.copy()
        self.mode, self.wait = self.best_mode.copy(), self.best_wait.copy()

    @property
    def keeps_deadlines(self) -> bool:
        problem = self.problem
        if (problem.deadline >= NEVER).all():
            return True
        return not check(problem, self.schedule(()))

    def schedule(self, history: tuple[tuple[float, int, float], ...]) -> Schedule:
        found = self.decoder.schedule(self.best_order, self.best_mode, self.best_wait)
        return replace(found, history=history)


@cache
def _warm() -> None:
    """Compile, or load, what runs without the interpreter."""
    draft = Draft()
    machine, job = draft.machine(""), draft.job("")
    for _ in range(2):
        draft.operation(job, [Way(machine, 1)])
    run = _Run(draft.build(), 0, None)
    run.decoder.schedule(run.order, run.mode, run.wait)
    run.step(1, 1.0)


def _quickest(problem: Problem, first: Integers) -> Integers:
    quick = np.array(
        [a + int(problem.duration[a:b].argmin()) for a, b in pairwise(first)],
        np.int64,
    )
    return np.where(problem.fixed, problem.fixed_mode, quick)


@njit(nogil=True, cache=True)
def _value(
    order: Integers, mode: Integers, wait: Integers, start0: Integers, end0: Integers,
    fixed: Integers, floor: Integers, before_first: Integers, before: Integers, lag: Integers,
    machine: Integers, duration: Integers, breakable: Flags, closed_first: Integers,
    closed: Integers, free_at: Integers, last_family: Integers, family: Integers, setup: Integers,
    demand: Integers, capacity: Integers, job: Integers, release: Integers, due: Integers,
    deadline: Integers, weight: Values, initial: Integers, power: Values, price_first: Integers,
    price_time: Integers, price: Values, reference: Integers, weights: Values,
) -> float:  # fmt: skip
    """The objective of an order, with a penalty for deadlines that are not kept."""
    start, end = start0.copy(), end0.copy()
    place(
        order, mode, wait, start, end, fixed, floor, before_first, before, lag, machine, duration,
        breakable, closed_first, closed, free_at, last_family, family, setup, demand, capacity,
    )  # fmt: skip
    done = np.zeros(len(release), np.int64)
    total, span = 0.0, np.int64(0)
    for i in range(len(start)):
        done[job[i]] = max(done[job[i]], end[i])
        span = max(span, end[i])
    total += weights[0] * span
    for j in range(len(done)):
        total += weights[1] * weight[j] * max(0, done[j] - due[j])
        total += weights[2] * weight[j] * (done[j] - release[j])
        total += _PENALTY * weights[:3].sum() * max(0, done[j] - deadline[j])
    if weights[3] > 0 and setup.size:
        last = last_family.copy()
        for i in order:
            k = machine[mode[i]]
            if k >= 0:
                if last[k] >= 0 and family[i] >= 0:
                    total += weights[3] * setup[k, last[k], family[i]]
                last[k] = family[i]
    if weights[4] > 0:
        for i in range(len(start)):
            kilowatt = power[mode[i]]
            if kilowatt <= 0:
                continue
            k = machine[mode[i]]
            row = k if k >= 0 else len(initial)
            for p in range(price_first[row], price_first[row + 1]):
                a = max(start[i], price_time[p])
                b = end[i]
                if p + 1 < price_first[row + 1]:
                    b = min(b, price_time[p + 1])
                if b > a:
                    total += weights[4] * kilowatt * price[p] * (b - a)
    if weights[5] > 0:
        for i in range(len(start)):
            if reference[i, 1] < NEVER and (
                reference[i, 1] != start[i] or reference[i, 0] != machine[mode[i]]
            ):
                total += weights[5]
    return total  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)
def _draw(state: Integers, below: int) -> int:
    x = np.uint64(state[0])
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = np.int64(x)
    return np.int64((x >> np.uint64(11)) % np.uint64(below))  # type: ignore[return-value]


@njit(nogil=True, cache=True)
def _anneal(
    count: int, temperature: float, now: float, best: float, order: Integers, mode: Integers,
    wait: Integers, best_order: Integers, best_mode: Integers, best_wait: Integers,
    first_mode: Integers, choices: Integers, later: Integers, state: Integers, start0: Integers,
    end0: Integers, fixed: Integers, floor: Integers, before_first: Integers, before: Integers,
    lag: Integers, machine: Integers, duration: Integers, breakable: Flags,
    closed_first: Integers, closed: Integers, free_at: Integers, last_family: Integers,
    family: Integers, setup: Integers, demand: Integers, capacity: Integers, job: Integers,
    release: Integers, due: Integers, deadline: Integers, weight: Values, initial: Integers,
    power: Values, price_first: Integers, price_time: Integers, price: Values,
    reference: Integers, weights: Values,
) -> tuple[float, float]:  # fmt: skip
    """So many changes at one temperature; gives the value now and the best."""
    n = len(order)
    for _ in range(count):
        kind = _draw(state, 10)
        i, old, a, b = 0, np.int64(0), 0, 0
        if kind < 3 and len(choices):
            i = choices[_draw(state, len(choices))]
            old = mode[i]
            mode[i] = first_mode[i] + _draw(state, first_mode[i + 1] - first_mode[i])
            if mode[i] == old:
                continue
            kind = 0
        elif kind == 9 and len(later):
            i = order[_draw(state, n)]
            old = wait[i]
            wait[i] = 0 if old > 0 else later[_draw(state, len(later))]
            kind = 1
        else:
            a = _draw(state, n)
            reach = n if _draw(state, 3) == 0 else min(n, 12)
            b = min(n - 1, max(0, a + _draw(state, 2 * reach + 1) - reach))
            b = _shift(order, a, b, before_first, before)
            if a == b:
                continue
            kind = 2
        value = _value(
            order, mode, wait, start0, end0, fixed, floor, before_first, before, lag, machine,
            duration, breakable, closed_first, closed, free_at, last_family, family, setup, demand,
            capacity, job, release, due, deadline, weight, initial, power, price_first, price_time,
            price, reference, weights,
        )  # fmt: skip
        luck = -np.log((_draw(state, 1_000_000) + 1) / 1_000_001)
        if value <= now + temperature * luck:
            now = value
            if now < best:
                best = now
                best_order[:] = order
                best_mode[:] = mode
                best_wait[:] = wait
        elif kind == 0:
            mode[i] = old
        elif kind == 1:
            wait[i] = old
        else:
            _shift(order, b, a, before_first, before)
    return now, best


@njit(nogil=True, cache=True)
def _shift(order: Integers, a: int, b: int, before_first: Integers, before: Integers) -> int:
    """Move what stands at a toward b, until something that must stand behind it (or before it) is
    in the way; gives where it came to stand."""
    i = order[a]
    while a < b:
        other = order[a + 1]
        for p in range(before_first[other], before_first[other + 1]):
            if before[p] == i:
                return a
        order[a] = other
        a += 1
        order[a] = i
    while a > b:
        other = order[a - 1]
        for p in range(before_first[i], before_first[i + 1]):
            if before[p] == other:
                return a
        order[a] = other
        a -= 1
        order[a] = i
    return a
