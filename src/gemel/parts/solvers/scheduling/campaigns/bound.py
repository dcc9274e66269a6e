"""How good a plan of lots on parallel lines can be at best.

Lots may overlap on a line, for a price of its time (Lagrange): whatever the prices, what all lots
cost at their best places, less the prices of all the time there is, is a bound. Prices go up where
more is asked for than there is. Each family is set up for at least once, unless a line is set up
for it already.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.parts.solvers.scheduling._plans.decode import begun as begun_of
from gemel.parts.solvers.scheduling._plans.sheet import Sheet
from gemel.parts.solvers.scheduling.base import NEVER, NONE, Flags, Integers, Problem

__all__ = ["bound_of", "least_setups"]

_BUCKETS = 250


def bound_of(problem: Problem, value: float, enough: Callable[[int], bool]) -> float:
    """A value that no plan is below; `value` is that of a plan, `enough(turn)` ends the search."""
    sheet = problem.sheet
    weights = sheet.weights
    least, exempt = least_setups(problem)
    total = float(weights[3]) * _paid(least, exempt)
    free = np.flatnonzero(~problem.fixed)
    if not len(free):
        return 0.0
    # A set-up may be made while a line is closed: then it takes no time of it.
    at_work = np.zeros(len(least)) if len(sheet.closed) else least
    edges, open_ = _time(sheet, value)
    total += float(weights[0]) * _span(problem, free, edges, open_, _paid(at_work, exempt))
    if weights[1] or weights[2]:
        total += _lagrange(problem, free, edges, open_, at_work, exempt, value - total, enough)
    return max(0.0, total)


def least_setups(problem: Problem) -> tuple[Values, int]:
    """float64[f]: ticks that setting up for each family takes at least, 0 where it may not be
    asked for; and how many of the others may come first on a line that is set up for anything."""
    families = len(problem.families)
    free = ~problem.fixed
    there = np.unique(problem.family[free])
    if not problem.setup.size or (there == NONE).any():
        return np.zeros(families), 0  # behind what needs none, everything may come
    last = begun_of(problem.sheet).last_family
    least = np.zeros(families)
    sources = np.unique(np.concatenate([there, last[last != NONE]]))
    for family in there.tolist():
        others = sources[sources != family]
        if family not in last and len(others):
            least[family] = problem.setup[:, others, family].min()
    return least, int((last == NONE).sum())


def _paid(least: Values, exempt: int) -> float:
    """Of all families but the dearest, which may come first."""
    return float(np.sort(least)[: max(0, len(least) - exempt)].sum())


def _time(sheet: Sheet, value: float) -> tuple[Values, Flags]:
    """Edges of stretches of time, to where all can be over, and which lines are open in each."""
    begun = begun_of(sheet)
    shortest = np.minimum.reduceat(sheet.duration, sheet.first_mode[:-1])
    work = float(shortest[sheet.fixed_start == NONE].sum())
    ready = float(max(sheet.release.max(initial=0), sheet.now))
    machines = len(sheet.initial)
    begin = float(begun.free_at.min(initial=sheet.now))
    until = max(ready, float(begun.free_at.max(initial=0))) + 2 * work / max(1, machines) + 1
    if sheet.weights[0]:
        until = max(until, min(value / sheet.weights[0], 4 * until))
    if len(sheet.closed):
        until += float((sheet.closed[:, 1] - sheet.closed[:, 0]).max()) * 4
    edges = np.concatenate([
        np.linspace(begin, until, _BUCKETS), begun.free_at.astype(float),
        sheet.closed.ravel().astype(float),
    ])  # fmt: skip
    edges = np.unique(np.round(edges[(edges >= begin) & (edges <= until)]))
    open_ = edges[:-1][None, :] >= begun.free_at[:, None]
    for k in range(machines):
        for first, last in sheet.closed[sheet.closed_first[k] : sheet.closed_first[k + 1]]:
            open_[k] &= (edges[:-1] < first) | (edges[:-1] >= last)
    return edges, open_


def _span(problem: Problem, free: Integers, edges: Values, open_: Flags, setup: float) -> float:
    """When all can be over at the earliest, were the work divided among the lines."""
    sheet = problem.sheet
    shortest = np.minimum.reduceat(sheet.duration, sheet.first_mode[:-1])
    room = np.concatenate([[0.0], np.cumsum(open_.sum(axis=0) * np.diff(edges))])
    need = float(shortest[free].sum()) + setup
    at = int(np.searchsorted(room, need)) - 1
    rate = open_[:, at].sum() if at < open_.shape[1] else len(open_)
    shared = edges[at] + (need - room[at]) / max(1, rate) if at >= 0 else edges[0]
    ready = np.maximum(sheet.release[sheet.job[free]], sheet.now) + shortest[free]
    fixed = begun_of(sheet).last_end.max(initial=0)
    return float(max(np.ceil(shared - 1e-6), ready.max(), fixed))


def _lagrange(
    problem: Problem, free: Integers, edges: Values, open_: Flags, least: Values, exempt: int,
    value: float, enough: Callable[[int], bool],
) -> float:  # fmt: skip
    """Bound of weighted tardiness and flow time together."""
    sheet = problem.sheet
    shortest = np.minimum.reduceat(sheet.duration, sheet.first_mode[:-1]).astype(float)
    # The end of a job is that of its last lot: at least the mean of the ends of its lots.
    whole = np.zeros(len(problem.jobs))
    np.add.at(whole, sheet.job[free], np.maximum(shortest[free], 1e-9))
    share = np.maximum(shortest[free], 1e-9) / whole[sheet.job[free]]
    extra = np.zeros(len(free))
    family = sheet.family[free]
    if least.any():
        lots = np.bincount(family, minlength=len(least))
        extra = (least / np.maximum(1, lots))[family]
    price = np.zeros(len(edges) - 1)
    room = open_.sum(axis=0) * np.diff(edges)
    done = begun_of(sheet).end
    all_fixed = np.ones(len(problem.jobs), bool)
    all_fixed[sheet.job[free]] = False
    constant = 0.0
    for j in np.flatnonzero(all_fixed):
        end = int(done[problem.job == j].max())
        constant += float(sheet.weights[1] * sheet.weight[j] * max(0, end - int(sheet.due[j])))
        constant += float(sheet.weights[2] * sheet.weight[j] * (end - int(sheet.release[j])))
    best, best_price, step, since = -np.inf, price.copy(), 1.0, 0
    direction = np.zeros(len(price))
    turn = 0
    while not enough(turn):
        found, used = _cheapest(sheet, free, share, extra, edges, open_, price)
        first = price[room > 0][0] if (room > 0).any() else 0.0
        freed = np.sort(least)[max(0, len(least) - exempt) :].sum() * first
        bound = found - float((price * room).sum()) - freed + constant
        if bound > best + 1e-9 * abs(bound):
            best, best_price, since = bound, price.copy(), 0
        else:
            since += 1
            if since >= 4:
                step, since, price = step / 2, 0, best_price.copy()
                direction[:] = 0.0
                turn += 1
                continue
        # Of what is asked for beyond what there is, smoothed over the turns.
        direction = 0.6 * direction + (used - room)
        length = float((direction**2 / np.maximum(1.0, room)).sum())
        if length <= 0 or step < 1e-3 or value - best <= 1e-6 * max(1.0, value):
            break
        price = np.maximum(
            0.0, price + step * (value - bound) / length * direction / np.maximum(1.0, room)
        )
        turn += 1
    return max(0.0, best)


@njit(nogil=True, cache=True)
def _cheapest(
    sheet: Sheet, free: Integers, share: Values, extra: Values, edges: Values, open_: Flags,
    price: Values,
) -> tuple[float, Values]:  # fmt: skip
    """What all lots cost at their cheapest places, and what they take of each stretch of time."""
    buckets, machines = len(price), open_.shape[0]
    worked, paid = np.zeros((machines, buckets + 1)), np.zeros((machines, buckets + 1))
    cheap = np.empty(buckets + 1)  # of the time up to each edge, the cheapest
    cheap[0], lowest = 0.0, np.inf
    for b in range(buckets):
        length, some = edges[b + 1] - edges[b], False
        for k in range(machines):
            here = length if open_[k, b] else 0.0
            some |= open_[k, b]
            worked[k, b + 1] = worked[k, b] + here
            paid[k, b + 1] = paid[k, b] + here * price[b]
        if some:
            lowest = min(lowest, price[b])
        cheap[b + 1] = lowest if lowest < np.inf else 0.0
    cheap[0] = cheap[1]
    used, total = np.zeros(buckets), 0.0
    for at in range(len(free)):
        i = free[at]
        j = sheet.job[i]
        late, flow = sheet.weights[1] * sheet.weight[j], sheet.weights[2] * sheet.weight[j]
        ready = float(max(sheet.release[j], sheet.now))
        best, best_k, best_w, best_p = np.inf, -1, 0.0, 0.0
        for m in range(sheet.first_mode[i], sheet.first_mode[i + 1]):
            k, p = sheet.machine[m], float(sheet.duration[m])
            w, z = worked[k], paid[k]
            ready_w, due_w = _inside(edges, w, ready), -1.0
            if sheet.due[j] < NEVER:
                due_w = _inside(edges, w, float(sheet.due[j])) - p
            # Cheapest where it begins or ends with a stretch, begins when it is ready, or ends
            # when it is due: between these the cost is a straight line.
            for kind in range(4):
                low, high = 0, 0
                for b in range(buckets + 1 if kind < 2 else 1):
                    if kind == 0:
                        begin = w[b]
                    elif kind == 1:
                        begin = w[b] - p
                    else:
                        begin = ready_w if kind == 2 else due_w
                    if begin < ready_w:
                        continue
                    while low < buckets - 1 and w[low + 1] <= begin:
                        low += 1
                    while high < buckets - 1 and w[high + 1] < begin + p:
                        high += 1
                    end = edges[high] + max(0.0, begin + p - w[high])
                    cost = late * max(0.0, end - sheet.due[j]) + flow * (end - sheet.release[j])
                    cost *= share[at]
                    if kind == 0 and cost > best:
                        break  # later it is only later
                    taken = z[high] + min(begin + p - w[high], w[high + 1] - w[high]) * price[high]
                    taken -= z[low] + min(begin - w[low], w[low + 1] - w[low]) * price[low]
                    cost += max(0.0, taken) + extra[at] * cheap[min(low + 1, buckets)]
                    if cost < best:
                        best, best_k, best_w, best_p = cost, k, begin, p
        total += best
        for b in range(buckets):
            over = min(worked[best_k, b + 1], best_w + best_p) - max(worked[best_k, b], best_w)
            if over > 0:
                used[b] += over
    return total, used


@njit(nogil=True, cache=True)
def _inside(edges: Values, worked: Values, time: float) -> float:
    """How much of a line's time there was up to a moment."""
    b = min(max(0, int(np.searchsorted(edges, time, side="right")) - 1), len(edges) - 2)
    length = edges[b + 1] - edges[b]
    inside: float = min(max(0.0, time - edges[b]), length)
    return float(worked[b] + inside * (worked[b + 1] - worked[b]) / length)
