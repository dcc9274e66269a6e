"""The recursion for one scenario of a serial line, by far the most frequent question.

It is that of `kernel`, which is made for many scenarios: for one alone, its keeping of accounts
would take ten times as long as the sums. All departures are held.
"""

# ruff: noqa: FURB136 - `max` is compiled to something slower

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.parts.simulators.flow_line.sheet import Sheet

__all__ = ["is_serial", "play_serial"]


def is_serial(drawn: Sheet) -> bool:
    """Whether every part goes from the first station to the last, and no station is repaired at
    the beginning."""
    m = len(drawn.order)
    if drawn.begun.hold.any():
        return False
    expected = [*range(1, m), -1]
    return len(drawn.way) == 1 and drawn.way[0].tolist() == expected and len(drawn.feed) == m - 1


def play_serial(
    drawn: Sheet, parts: int, warm: int, columns: list[Any], gate: tuple[Any, ...], out: Values,
    departures: Values, spans: Values, seen: Any, starved: Values, down: Values,
) -> None:  # fmt: skip
    """As `kernel.play`, where no time is closed; `columns` and `gate` are those of one
    scenario."""
    time, between, mend, places = (c[:, 0] for c in columns)
    m = len(time)
    arrivals = drawn.arrivals[0] if drawn.has_arrivals[0] else np.zeros(0)
    history = np.empty((m, parts))
    _serial(
        parts, warm, time, between, mend, places, drawn.before, drawn.work, drawn.setup, arrivals,
        drawn.failure_from, drawn.failure_at, drawn.repair, gate[0], gate[1],
        gate[2][:, 0] if len(gate[2]) else None,  # compiled apart: caps cost those without nothing
        history, out[:, 0], starved[:, 0], down[:, 0],
    )  # fmt: skip
    seen[:, 0], seen[:, 1] = warm, parts
    spans[:, 1, 0] = history[:, -1]
    if warm:
        spans[:, 0, 0] = history[:, warm - 1]
    if departures.shape[0]:
        departures[:, 0] = history[-1]


@njit(nogil=True, cache=True)
def _serial(
    parts: int, warm: int, time: Any, between: Any, mend: Any, places: Any, before: Any, work: Any,
    setup: Any, arrivals: Any, failure_from: Any, failure_at: Any, repair: Any, gate_from: Any,
    gate_last: Any, gate: Any, history: Any, out: Any, starved: Any, down: Any,
) -> None:  # fmt: skip
    m = len(time)
    last, worked = np.zeros(m), np.zeros(m)
    threshold = np.full(m, np.inf)
    failed = failure_from[:-1].copy()
    for i in range(m):
        if failure_from[i + 1] > failure_from[i]:
            threshold[i] = failure_at[failure_from[i]] * between[i] / time[i]
    waits, sets_up = len(arrivals) > 0, setup.shape[1] > 0
    lead = 0.0
    for k in range(parts):
        if k == warm:
            out[1] = last[m - 1]
            lead = 0.0
            starved[:] = 0.0
            down[:] = 0.0
        came = arrivals[k] if waits else 0.0
        born = came
        for i in range(m):
            if gate is not None:
                for g in range(gate_from[i], gate_from[i + 1]):
                    if 0 <= gate[g] < k:
                        let_in = history[gate_last[g], k - gate[g] - 1]
                        came = let_in if let_in > came else came
            begin = came if came > last[i] else last[i]
            starved[i] += begin - last[i]
            room = 0.0
            if i + 1 < m and 0 <= places[i + 1] < k:
                room = history[i + 1, k - places[i + 1] - 1]
            if before[i] and room > begin:
                begin = room
            if i == 0 and not waits:
                born = begin
            worked[i] += work[i, k]
            spent = time[i] * work[i, k]
            if sets_up:
                spent += setup[i, k]
            if worked[i] >= threshold[i]:
                rest = 0.0
                while worked[i] >= threshold[i]:
                    rest += mend[i] * repair[failed[i]]
                    failed[i] += 1
                    threshold[i] = (
                        failure_at[failed[i]] * between[i] / time[i]
                        if failed[i] < failure_from[i + 1]
                        else np.inf
                    )
                down[i] += rest
                spent += rest
            done = begin + spent
            came = done if done > room else room
            history[i, k] = came
            last[i] = came
        lead += came - born
    out[0] = last[m - 1]
    out[2] = out[5] = parts - warm
    out[3] = out[4] = lead
