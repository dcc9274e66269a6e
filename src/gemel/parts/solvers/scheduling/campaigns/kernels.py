"""Sequences of lots on lines, changed at random; numba without the lock.

A change moves some lots that follow each other to another place. Only what stands behind it is
timed anew, up to the first lot that ends when it ended before: a change inside a batch costs
next to nothing, however long the line is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.parts.solvers.scheduling._plans.chance import draw
from gemel.parts.solvers.scheduling._plans.decode import Begun, fit
from gemel.parts.solvers.scheduling._plans.sheet import Sheet
from gemel.parts.solvers.scheduling.base import Flags, Integers

__all__ = ["State", "anneal", "state_of", "value_of"]


class State(NamedTuple):
    """k lines, n lots.

    line      int64[k,n]  lots of each line in their order, of which filled[k] are there
    place     int64[n]    of each lot on its line
    way       int64[n,k]  mode of a lot on a line; NONE: not there
    mode, start, end, need  int64[n]  need: ticks of set-up before it
    lots, first   lots of each job: lots[first[j]:first[j+1]]
    kin, kin_first, kin_of  lots by family, as above, and the group of each lot
    done      int64[j]    end of each job
    over      int64[k]    end of each line
    part      float64[5]  makespan, tardiness, flow_time, setup, ticks after deadlines
    """

    line: Integers
    filled: Integers
    place: Integers
    way: Integers
    mode: Integers
    start: Integers
    end: Integers
    need: Integers
    lots: Integers
    first: Integers
    kin: Integers
    kin_first: Integers
    kin_of: Integers
    done: Integers
    over: Integers
    part: Values
    touched: Integers
    old_start: Integers
    old_end: Integers
    old_need: Integers
    marked: Flags
    jobs: Integers
    job_marked: Flags


@njit(nogil=True, cache=True)
def state_of(sheet: Sheet, begun: Begun, order: Integers, mode: Integers) -> State:
    """From an order of the free lots and a mode for each."""
    n, k, jobs = len(sheet.job), len(sheet.initial), len(sheet.release)
    way = np.full((n, k), -1)
    for m in range(len(sheet.mode_of)):
        way[sheet.mode_of[m], sheet.machine[m]] = m
    line, count = np.zeros((k, n), np.int64), np.zeros(k, np.int64)
    place = np.zeros(n, np.int64)
    for i in order:
        one = sheet.machine[mode[i]]
        line[one, count[one]] = i
        place[i] = count[one]
        count[one] += 1
    lots, first = _grouped(sheet.job, jobs)
    kin_of = sheet.family + 1
    kin, kin_first = _grouped(kin_of, (kin_of.max() if n else 0) + 1)
    state = State(
        line, count, place, way, mode.copy(), begun.start.copy(), begun.end.copy(),
        np.zeros(n, np.int64), lots, first, kin, kin_first, kin_of, np.zeros(jobs, np.int64),
        np.maximum(begun.last_end, 0), np.zeros(5), np.empty(n, np.int64), np.zeros(n, np.int64),
        np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.bool_),
        np.empty(jobs, np.int64), np.zeros(jobs, np.bool_),
    )  # fmt: skip
    for i in range(n):
        j = sheet.job[i]
        state.done[j] = max(state.done[j], state.end[i])
    for j in range(jobs):
        done = state.done[j]
        state.part[1] += sheet.weight[j] * max(0, done - sheet.due[j])
        state.part[2] += sheet.weight[j] * (done - sheet.release[j])
        state.part[4] += max(0, done - sheet.deadline[j])
    changed = 0
    for one in range(k):
        changed = _time(sheet, begun, state, one, 0, n, changed)
    _settle(sheet, begun, state, changed)
    _forget(state, changed)
    return state


@njit(nogil=True, cache=True)
def _grouped(of: Integers, groups: int) -> tuple[Integers, Integers]:
    first = np.zeros(groups + 1, np.int64)
    for one in of:
        first[one + 1] += 1
    return np.argsort(of, kind="mergesort"), np.cumsum(first)


@njit(nogil=True, cache=True)
def _time(
    sheet: Sheet, begun: Begun, state: State, k: int, first: int, last: int, changed: int
) -> int:
    """Time a line anew from place `first` on, at least to `last`; gives how many lots changed."""
    # Columns as names of their own: numba counts references for as long as it computes otherwise.
    line, way, start, end, need_of = state.line[k], state.way, state.start, state.end, state.need
    touched, marked = state.touched, state.marked
    old_start, old_end, old_need = state.old_start, state.old_end, state.old_need
    job, family, release, setup = sheet.job, sheet.family, sheet.release, sheet.setup
    duration, breakable = sheet.duration, sheet.breakable
    closed, first_row, after_row = sheet.closed, sheet.closed_first[k], sheet.closed_first[k + 1]
    now, part, sets_up, length = sheet.now, 0.0, setup.size > 0, state.filled[k]
    if first > 0:
        free, last_family = end[line[first - 1]], family[line[first - 1]]
    else:
        free, last_family = begun.free_at[k], begun.last_family[k]
    for at in range(first, length):
        i = line[at]
        need = 0
        if sets_up and last_family >= 0 and family[i] >= 0:
            need = setup[k, last_family, family[i]]
        earliest = max(max(release[job[i]], now), free + need)
        begin, over = fit(closed, first_row, after_row, earliest, duration[way[i, k]], breakable[i])
        same = begin == start[i] and over == end[i] and need == need_of[i]
        if at > last and same:
            break
        if not same:
            if not marked[i]:
                marked[i] = True
                touched[changed] = i
                changed += 1
                old_start[i], old_end[i], old_need[i] = start[i], end[i], need_of[i]
            part += need - need_of[i]
            start[i], end[i], need_of[i] = begin, over, need
        free, last_family = over, family[i]
    state.part[3] += part
    return changed


@njit(nogil=True, cache=True)
def _settle(sheet: Sheet, begun: Begun, state: State, changed: int) -> None:
    """Bring jobs and parts in line with what was timed anew."""
    count = 0
    job, touched, job_marked, jobs = sheet.job, state.touched, state.job_marked, state.jobs
    first, lots, end, done_of = state.first, state.lots, state.end, state.done
    weight, due, deadline = sheet.weight, sheet.due, sheet.deadline
    for at in range(changed):
        j = job[touched[at]]
        if not job_marked[j]:
            job_marked[j] = True
            jobs[count] = j
            count += 1
    late, flow, missed = 0.0, 0.0, 0.0
    for at in range(count):
        j = jobs[at]
        job_marked[j] = False
        done = np.int64(0)
        for p in range(first[j], first[j + 1]):
            done = max(done, end[lots[p]])
        before = done_of[j]
        late += weight[j] * (max(0, done - due[j]) - max(0, before - due[j]))
        flow += weight[j] * (done - before)
        missed += max(0, done - deadline[j]) - max(0, before - deadline[j])
        done_of[j] = done
    state.part[1] += late
    state.part[2] += flow
    state.part[4] += missed
    span = np.int64(0)
    for k in range(len(state.filled)):
        state.over[k] = max(0, begun.last_end[k])
        if state.filled[k]:
            last = state.line[k, state.filled[k] - 1]
            state.over[k] = max(state.over[k], state.end[last])
        span = max(span, state.over[k])
    state.part[0] = span


@njit(nogil=True, cache=True)
def _forget(state: State, changed: int) -> None:
    marked, touched = state.marked, state.touched
    for at in range(changed):
        marked[touched[at]] = False


@njit(nogil=True, cache=True)
def value_of(sheet: Sheet, state: State, penalty: Values) -> float:
    """The objective, with what deadlines and limits that are not kept cost."""
    total: float = penalty[6] * state.part[4]
    for one in range(4):
        total += sheet.weights[one] * state.part[one]
        if state.part[one] > sheet.most[one]:
            total += penalty[one] * (state.part[one] - sheet.most[one])
    return total


@njit(nogil=True, cache=True)
def _move(state: State, k: int, first: int, count: int, to: int, place: int) -> None:
    """Take `count` lots from a line and put them at a place of another, or of the same, as it is
    without them."""
    taken = state.line[k, first : first + count].copy()
    here, there, at_place = state.line[k], state.line[to], state.place
    for at in range(first, state.filled[k] - count):
        here[at] = here[at + count]
        at_place[here[at]] = at
    state.filled[k] -= count
    for at in range(state.filled[to] - 1, place - 1, -1):
        there[at + count] = there[at]
        at_place[there[at]] = at + count
    state.filled[to] += count
    for at in range(count):
        there[place + at] = taken[at]
        state.place[taken[at]] = place + at
        state.mode[taken[at]] = state.way[taken[at], to]


@njit(nogil=True, cache=True)
def _times(
    sheet: Sheet, begun: Begun, state: State, k: int, first: int, count: int, to: int, place: int
) -> int:
    """Time both lines anew after a move; gives how many lots changed."""
    if k == to:
        low, high = min(first, place), max(first, place) + count
        return int(_time(sheet, begun, state, k, low, high, 0))
    changed = _time(sheet, begun, state, k, first, first, 0)
    return int(_time(sheet, begun, state, to, place, place + count, changed))


@njit(nogil=True, cache=True)
def anneal(
    sheet: Sheet, begun: Begun, state: State, free: Integers, count: int, temperature: float,
    now: float, best: float, best_order: Integers, best_mode: Integers, penalty: Values,
    chance: Integers,
) -> tuple[float, float, float]:  # fmt: skip
    """So many changes at one temperature; gives the value now, the best, and what a change for the
    worse cost on average."""
    kept_part, kept_done = np.zeros(5), np.empty(len(sheet.release), np.int64)
    n, machines = len(free), len(state.filled)
    job, touched, done, start, end_of, need = (
        sheet.job, state.touched, state.done, state.start, state.end, state.need
    )  # fmt: skip
    old_start, old_end, old_need = state.old_start, state.old_end, state.old_need
    worse, worse_count = 0.0, 0
    for _ in range(count):
        i = free[draw(chance, n)]
        k, first = sheet.machine[state.mode[i]], state.place[i]
        size = 1
        kind = draw(chance, 10)
        if kind >= 5:  # a batch, or what stands behind in it
            line = state.line[k]
            if kind >= 8:
                while first > 0 and sheet.family[line[first - 1]] == sheet.family[i]:
                    first -= 1
            end = state.place[i] + 1
            while end < state.filled[k] and sheet.family[line[end]] == sheet.family[i]:
                end += 1
            size = end - first
        to, place = k, 0
        where = draw(chance, 10)
        if where < 4:  # beside one of its family
            group = state.kin_of[i]
            members = state.kin_first[group + 1] - state.kin_first[group]
            other = state.kin[state.kin_first[group] + draw(chance, members)]
            if sheet.fixed_start[other] != -1:
                continue
            to, place = sheet.machine[state.mode[other]], state.place[other] + draw(chance, 2)
            if to == k:
                if first <= place - 1 < first + size or first <= place < first + size:
                    continue
                if place > first:
                    place -= size
        elif where < 7:  # a little earlier or later
            reach = 1 + draw(chance, 20)
            place = first + draw(chance, 2 * reach + 1) - reach
            place = min(max(0, place), state.filled[k] - size)
        else:
            to = draw(chance, machines)
            share = first / max(1, state.filled[k])
            room = state.filled[to] - (size if to == k else 0)
            near = 1 + room // 20
            place = np.int64(share * room) + draw(chance, 2 * near + 1) - near
            place = min(max(0, place), room)
        if to == k and place == first:
            continue
        possible = True
        for at in range(first, first + size):
            possible &= state.way[state.line[k, at], to] >= 0
        if not possible:
            continue
        kept_part[:] = state.part
        _move(state, k, first, size, to, place)
        changed = _times(sheet, begun, state, k, first, size, to, place)
        for at in range(changed):
            j = job[touched[at]]
            kept_done[j] = done[j]
        _settle(sheet, begun, state, changed)
        value = value_of(sheet, state, penalty)
        if value > now:
            worse += value - now
            worse_count += 1
        luck = -np.log((draw(chance, 1_000_000) + 1) / 1_000_001)
        if value <= now + temperature * luck:
            now = value
            if now < best:
                best = now
                at = 0
                for one in range(machines):
                    for p in range(state.filled[one]):
                        best_order[at] = state.line[one, p]
                        at += 1
                best_mode[:] = state.mode
        else:
            _move(state, to, place, size, k, first)
            for at in range(changed):
                one = touched[at]
                start[one], end_of[one], need[one] = old_start[one], old_end[one], old_need[one]
                done[job[one]] = kept_done[job[one]]
            state.part[:] = kept_part
        _forget(state, changed)
    return now, best, worse / max(1, worse_count)
