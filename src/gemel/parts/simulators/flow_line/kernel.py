"""The recursion of departure times, for many scenarios at once.

Part k starts at station i when it is there and the part before it has left; it is done when its
work, set-up and repairs are; it leaves when there is a place behind it:

    S[i,k] = max(D[i,k−1], D[i−1,k])        C[i,k] = S[i,k] + P[i,k]
    D[i,k] = max(C[i,k], D[i+1,k−B−1])      B places in front of station i + 1

Where a cap of N parts begins at station i and ends at station l, S[i,k] waits for D[l,k−N], too.

Scenarios are the innermost index, so that a processor works on several at once, and of departures
only as many are held as there are places: all of it stays in the fastest caches. The departures of
all stations lie in one array, `ring`, whose rows are told by where they begin: views of it would
be counted by references, which takes longer than the sums.
"""

# ruff: noqa: FURB136 - `max` is compiled to something slower, see below

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from gemel.core.line.closed import completed, open_until

__all__ = ["LANES", "play"]

LANES = 64


@njit(nogil=True, cache=True)
def play(
    parts: int, warm: int, way: Any, feeds: Any, feed: Any, work: Any, worked: Any, setup: Any,
    arrivals: Any, has_arrivals: Any, failure_from: Any, failure_at: Any, repair: Any,
    closed_from: Any, closed_begin: Any, closed_end: Any, closed_before: Any, before: Any,
    time: Any, between: Any, mend: Any, places: Any, alike: Any, gate_from: Any, gate_last: Any,
    gate: Any, good: Any, entry: Any, born: Any, hold: Any, at_work: Any, keep: bool, detail: bool,
    out: Any, departures: Any, spans: Any, seen: Any, starved: Any, down: Any,
) -> None:  # fmt: skip
    """Play `parts` parts for L scenarios.

    way            int16[rows, m]        follower of each station for each part, the last row for
                   all others; −1 the part leaves, −2 it is not there
    feeds, feed    int64[m + 1], int64   feeders of each station
    work, worked   float64[m, n]         time of work by own count of the station, and its sum
    setup          float64[m, n], or [m, 0] where there is none
    arrivals       float64[m, n], or [m, 0]; `has_arrivals` bool[m]
    failure_from   int64[m + 1]          of each station its failures: at which work, how long
    closed_from    int64[m + 1]          of each station its closed stretches
    before         bool[m]               blocks before service
    time, between, mend, places          [m, L]; `alike` bool[m]: places are the same in all
    gate_from      int64[m + 1]          of each station the caps under which parts enter there
    gate_last      int64[g]              station from which they leave them
    gate           int64[g, L]           parts at once less one; −1 = no limit
    good           bool[parts]           whether the part leaves as a good one
    entry, born    int64[w], float64[w]  where parts stand that are in the line at the beginning,
                   and when they came into it
    hold           float64[m] or [0]     how long stations are repaired at the beginning
    at_work        bool[m] or [0]        whether a station has begun with its first part before
    out            float64[6, L]         end, begin of measuring, good parts, time of them in the
                   line, time of all in the line, parts
    departures     float64[parts, L] if `keep`
    spans, seen    float64[m, 2, L], int64[m, 2]  departures between which a station is measured,
                   and which of its parts these are
    starved, down  float64[m, L]         seconds; starved only with `detail`
    """
    m, lanes = time.shape
    begin_of = np.zeros(m, np.int64)  # where the rows of a station begin, and how many it has
    size = np.zeros(m, np.int64)
    rows = 4  # nothing, when it came, when there is a place, when it may begin
    for i in range(m):
        most = 0
        for g in range(len(gate_last)):
            if gate_last[g] == i:
                for s in range(lanes):
                    most = max(most, gate[g, s] if gate[g, s] >= 0 else parts)
        if not (alike[i] and places[i, 0] < 0):  # without a limit nobody asks for old departures
            for s in range(lanes):
                most = max(most, places[i, s] if places[i, s] >= 0 else parts)
        size[i] = most + 2
        begin_of[i] = rows
        rows += size[i]
    # Rows apart for repairs under way: old departures are looked for among those of the station.
    ring = np.zeros((rows + len(hold)) * lanes)
    ready, free, entered = lanes, 2 * lanes, 3 * lanes
    count = np.zeros(m, np.int64)
    slot = np.zeros(m, np.int64)  # count modulo size
    latest = (begin_of + size - 1) * lanes
    for i in range(len(hold)):
        latest[i] = (rows + i) * lanes
        first_closed, last_closed = closed_from[i], closed_from[i + 1]
        for s in range(lanes):
            rest = mend[i, s] * hold[i]
            down[i, s] = rest
            if last_closed > first_closed:
                rest = completed(
                    0.0, rest, closed_begin[first_closed:last_closed],
                    closed_end[first_closed:last_closed], closed_before[first_closed:last_closed],
                )  # fmt: skip
            ring[latest[i] + s] = rest
    threshold = np.full((m, lanes), np.inf)
    nearest = np.full(m, np.inf)
    failed = np.zeros((m, lanes), np.int64)
    for i in range(m):
        if failure_from[i + 1] > failure_from[i]:
            for s in range(lanes):
                threshold[i, s] = failure_at[failure_from[i]] * between[i, s] / time[i, s]
                nearest[i] = min(nearest[i], threshold[i, s])
    extra, first, entry_sum = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    new = np.zeros(lanes)
    last_way, begun = len(way) - 1, len(entry)
    has_setup = setup.shape[1] > 0
    left = 0
    for k in range(parts):
        if k == warm:
            for s in range(lanes):
                out[1, s] = out[0, s]
                out[2, s] = out[3, s] = out[4, s] = out[5, s] = 0.0
            for i in range(m):
                if count[i] > 0:
                    for s in range(lanes):
                        spans[i, 0, s] = ring[latest[i] + s]
                        starved[i, s] = down[i, s] = 0.0
                seen[i, 0] = count[i]
        entries, enters = 0, -1
        if k < begun:
            entries, enters = 1, entry[k]
            first[:] = born[k]
            entry_sum[:] = 0.0
        row = k if k < last_way else last_way
        for i in range(m):
            j = way[row, i]
            if j == -2:
                continue
            c, last, feeders = count[i], latest[i], feeds[i + 1] - feeds[i]
            if i == enters:
                came = 0
            elif feeders == 1:
                came = latest[feed[feeds[i]]]
            elif feeders > 1:
                came = ready
                _latest_of(ring, latest, feed, feeds[i], feeds[i + 1], ready, lanes)
            elif has_arrivals[i]:
                came = ready
                for s in range(lanes):
                    ring[ready + s] = arrivals[i, c]
            else:
                came = 0
            begins = came
            if gate_from[i + 1] > gate_from[i] and (c > 0 or len(at_work) == 0 or not at_work[i]):
                for g in range(gate_from[i], gate_from[i + 1]):
                    end = gate_last[g]
                    _free(ring, gate, g, slot[end], begin_of[end], size[end], free, lanes)
                    _later(ring, begins, free, entered, lanes)
                    begins = entered
            behind = 0
            if j >= 0 and not (alike[j] and places[j, 0] < 0):
                if alike[j]:
                    back = slot[j] - places[j, 0] - 1
                    back += size[j] if back < 0 else 0
                    behind = (begin_of[j] + back) * lanes
                else:
                    behind = free
                    _free(ring, places, j, slot[j], begin_of[j], size[j], free, lanes)
            target = (begin_of[i] + slot[i]) * lanes
            w = work[i, c]
            e = setup[i, c] if has_setup else 0.0
            fails = worked[i, c] >= nearest[i]
            if fails:
                nearest[i] = _fail(
                    i, worked[i, c], failure_from[i], failure_from[i + 1], failure_at, repair, time,
                    between, mend, threshold, failed, extra, down,
                )  # fmt: skip
            if closed_from[i + 1] > closed_from[i]:
                _step_closed(
                    ring, last, begins, behind, before[i], time, i, w, e, extra, closed_from,
                    closed_begin, closed_end, closed_before, new, starved,
                )  # fmt: skip
            else:
                if detail:
                    _wait(ring, last, begins, i, starved)
                if before[i]:
                    _step_before(ring, last, begins, behind, time, i, w, e, extra, new)
                elif fails:
                    _step_failed(ring, last, begins, behind, time, i, w, e, extra, new)
                else:
                    _step(ring, last, begins, behind, time, i, w, e, new)
            ring[target : target + lanes] = new
            if feeders == 0 and i != enters:
                _born(
                    ring, last, came if has_arrivals[i] else begins, behind, has_arrivals[i],
                    before[i], entries == 0, first, entry_sum,
                )  # fmt: skip
                entries += 1
            if fails:
                extra[:] = 0.0
            count[i] = c + 1
            latest[i] = target
            slot[i] = slot[i] + 1 if slot[i] + 1 < size[i] else 0
            if j == -1:
                if keep:
                    for s in range(lanes):
                        departures[left, s] = ring[target + s]
                left += 1
                _leave(new, entries, entry_sum, first, good[k], out)
    for i in range(m):
        seen[i, 1] = count[i]
        for s in range(lanes):
            spans[i, 1, s] = ring[latest[i] + s]


# Loops over scenarios are functions of their own, with a choice instead of `max`, which knows of
# NaN: only so are they compiled to instructions that take several numbers at once. They
# read `ring` and write into `new`: what is read and written in one array might overlap.


@njit(nogil=True, cache=True)
def _step(
    ring: Any, last: int, came: int, behind: int, time: Any, i: int, w: float, e: float, new: Any
) -> None:  # fmt: skip
    n = len(new)
    before, here, room = ring[last : last + n], ring[came : came + n], ring[behind : behind + n]
    factor = time[i]
    for s in range(n):
        begin = before[s] if before[s] > here[s] else here[s]
        done = begin + (factor[s] * w + e)
        new[s] = done if done > room[s] else room[s]


@njit(nogil=True, cache=True)
def _step_failed(
    ring: Any, last: int, came: int, behind: int, time: Any, i: int, w: float, e: float,
    extra: Any, new: Any,
) -> None:  # fmt: skip
    n = len(new)
    before, here, room = ring[last : last + n], ring[came : came + n], ring[behind : behind + n]
    factor = time[i]
    for s in range(n):
        begin = before[s] if before[s] > here[s] else here[s]
        done = begin + ((factor[s] * w + e) + extra[s])
        new[s] = done if done > room[s] else room[s]


@njit(nogil=True, cache=True)
def _step_before(
    ring: Any, last: int, came: int, behind: int, time: Any, i: int, w: float, e: float,
    extra: Any, new: Any,
) -> None:  # fmt: skip
    """Blocking before service: it begins when there is a place behind it, and leaves when it is
    done."""
    n = len(new)
    before, here, room = ring[last : last + n], ring[came : came + n], ring[behind : behind + n]
    factor = time[i]
    for s in range(n):
        begin = before[s] if before[s] > here[s] else here[s]
        begin = begin if begin > room[s] else room[s]
        new[s] = begin + ((factor[s] * w + e) + extra[s])


@njit(nogil=True, cache=True)
def _step_closed(
    ring: Any, last: int, came: int, behind: int, blocks_before: bool, time: Any, i: int, w: float,
    e: float, extra: Any, closed_from: Any, closed_begin: Any, closed_end: Any, closed_before: Any,
    new: Any, starved: Any,
) -> None:  # fmt: skip
    a, b = closed_from[i], closed_from[i + 1]
    begins, ends, befores = closed_begin[a:b], closed_end[a:b], closed_before[a:b]
    for s in range(len(new)):
        begin = max(ring[last + s], ring[came + s])
        if begin > ring[last + s]:
            starved[i, s] += open_until(begin, begins, ends, befores) - open_until(
                ring[last + s], begins, ends, befores
            )
        if blocks_before:
            begin = max(begin, ring[behind + s])
        amount = (time[i, s] * w + e) + extra[s]
        done = completed(begin, amount, begins, ends, befores)
        new[s] = max(done, ring[behind + s])


@njit(nogil=True, cache=True)
def _wait(ring: Any, last: int, came: int, i: int, starved: Any) -> None:
    n = starved.shape[1]
    before, here, sums = ring[last : last + n], ring[came : came + n], starved[i]
    for s in range(n):
        wait = here[s] - before[s]
        sums[s] += wait if wait > 0 else 0.0


@njit(nogil=True, cache=True)
def _latest_of(
    ring: Any, latest: Any, feed: Any, begin: int, end: int, target: int, lanes: int
) -> None:
    """When the last of the parts of an assembly has come."""
    for s in range(lanes):
        ring[target + s] = 0.0
    for f in range(begin, end):
        other = latest[feed[f]]
        for s in range(lanes):
            if ring[other + s] > ring[target + s]:
                ring[target + s] = ring[other + s]


@njit(nogil=True, cache=True)
def _free(
    ring: Any, places: Any, j: int, slot: int, begin: int, size: int, target: int, lanes: int
) -> None:
    """When there is a place in front of station j, where scenarios differ in places."""
    here, row = places[j], ring[target : target + lanes]
    for s in range(lanes):
        # A scenario without a limit looks further back than all parts, where nothing was written.
        wanted = here[s] if here[s] >= 0 else size - 2
        back = slot - wanted - 1
        back = back + size if back < 0 else back
        row[s] = ring[np.uint64((begin + back) * lanes + s)]


@njit(nogil=True, cache=True)
def _later(ring: Any, one: int, other: int, target: int, lanes: int) -> None:
    """The later of two times."""
    for s in range(lanes):
        a, b = ring[one + s], ring[other + s]
        ring[target + s] = a if a > b else b


@njit(nogil=True, cache=True)
def _born(
    ring: Any, last: int, came: int, behind: int, arrives: bool, before: bool, is_first: bool,
    first: Any, entry_sum: Any,
) -> None:  # fmt: skip
    """When a part came into the line: it arrived, or was taken by the station, as soon as a cap
    let it in."""
    for s in range(len(first)):
        born = ring[came + s]
        if not arrives and ring[last + s] > born:
            born = ring[last + s]
        if before and not arrives and ring[behind + s] > born:
            born = ring[behind + s]
        first[s] = born if is_first or born < first[s] else first[s]
        entry_sum[s] = born if is_first else entry_sum[s] + born


@njit(nogil=True, cache=True)
def _leave(new: Any, entries: int, entry_sum: Any, first: Any, fine: bool, out: Any) -> None:
    share = 1.0 if fine else 0.0
    finish, good, lead, stay = out[0], out[2], out[3], out[4]
    for s in range(len(new)):
        leaves = new[s]
        finish[s] = leaves if leaves > finish[s] else finish[s]
        good[s] += share
        lead[s] += share * (leaves - first[s])
        stay[s] += entries * leaves - entry_sum[s]
        out[5, s] += 1.0


@njit(nogil=True, cache=True)
def _fail(
    i: int, worked: float, begin: int, end: int, failure_at: Any, repair: Any, time: Any,
    between: Any, mend: Any, threshold: Any, failed: Any, extra: Any, down: Any,
) -> float:  # fmt: skip
    """Repairs of the failures that come while this part is worked on, into `extra`; gives the work
    at which the next one comes in any scenario."""
    nearest = np.inf
    for s in range(len(extra)):
        if worked >= threshold[i, s]:
            rest = 0.0
            while worked >= threshold[i, s]:
                f = begin + failed[i, s]
                rest += mend[i, s] * repair[f]
                failed[i, s] += 1
                threshold[i, s] = (
                    failure_at[f + 1] * between[i, s] / time[i, s] if f + 1 < end else np.inf
                )
            extra[s] = rest
            down[i, s] += rest
        if threshold[i, s] < nearest:
            nearest = threshold[i, s]
    return nearest
