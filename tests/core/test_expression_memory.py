"""Expressions that remember: delays, edges, windows, held against their definition."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.expressions import (
    BAD,
    GOOD,
    NO_DATA,
    NOT_A_NUMBER,
    SUB_NORMAL,
    UNCERTAIN,
    WAITING,
    column,
    run,
)


def test_for_counts_source_time() -> None:
    seconds = [0, 10, 29.9, 30, 40, 41, 45, 71, 80]
    columns = {"a": column(1, 1, 1, 1, 0, 1, 1, 1, 1)}
    assert run("a for 30 s", columns, seconds)[0] == [0, 0, 0, 1, 0, 0, 0, 1, 1]


def test_for_is_frozen_while_unknown() -> None:
    # True from 0 to 20, unknown to 100, true from 100: the thirty seconds are full at 110.
    columns = {"a": column(1, None, 1, 1, 1, None, 0)}
    value, quality = run("a for 30 s", columns, [0, 20, 100, 109, 110, 120, 130])
    assert value == [0, None, 0, 0, 1, None, 0]
    assert quality == [0, BAD, 0, 0, 0, BAD, 0]


def test_hysteresis_works_both_ways() -> None:
    columns = {"x": column(4, 5, 4, 3, 4, None, 6, None, 4, 2, 4)}
    upwards = [0, 1, 1, 0, 0, None, 1, None, 1, 0, 0]
    assert run("hysteresis(x, 5, 3)", columns)[0] == upwards
    columns = {"x": column(4, 3, 4, 5, 4)}
    assert run("hysteresis(x, 3, 5)", columns)[0] == [0, 1, 1, 0, 0]
    columns = {"x": column(9, 9), "y": column(5, 3)}
    assert run("hysteresis(x, y, 3)", columns) == ([1, None], [0, NOT_A_NUMBER])


def test_edges_and_changes_skip_bad_rows() -> None:
    columns = {"a": column(1, 0, 1, None, 1, None, 0, None, 1)}
    assert run("rising(a)", columns)[0] == [0, 0, 1, None, 0, None, 0, None, 1]
    assert run("falling(a)", columns)[0] == [0, 1, 0, None, 0, None, 1, None, 0]
    assert run("changed(a)", columns)[0] == [0, 1, 1, None, 0, None, 1, None, 1]
    columns = {"filler.state": column(None, 2, 2, 1)}
    assert run("changed(filler.state)", columns)[0] == [None, 0, 0, 1]


def test_delta_and_rate() -> None:
    columns = {"x": column(1, 3, None, 7, 7)}
    seconds = [0, 1, 2, 3, 3]
    assert run("delta(x)", columns, seconds) == ([None, 2, None, 4, 0], [WAITING, 0, BAD, 0, 0])
    assert run("rate(x)", columns, seconds) == (
        [None, 2, None, 2, None],
        [WAITING, 0, BAD, 0, NOT_A_NUMBER],
    )
    # The row before counts, and so does its quality.
    columns = {"x": column(1, 3, 7, quality=[UNCERTAIN, GOOD, GOOD])}
    assert run("delta(x)", columns)[1] == [WAITING, UNCERTAIN, GOOD]


def test_rate_over_a_window() -> None:
    columns = {"x": column(0, 10, 30, 60, None, 200)}
    assert run("rate(x, 2 s)", columns)[0] == [None, 10, 15, 25, None, 70]
    assert run("rate(x, 1 min)", columns)[0] == [None, 10, 15, 20, None, 40]


def test_age() -> None:
    columns = {"x": column(None, 1, None, None, 2)}
    assert run("age(x)", columns) == ([None, 0, 1, 2, 0], [WAITING, 0, 0, 0, 0])
    told = {"x": column(1, 1, None, age=np.array([0.5, 12.0, math.nan]))}
    assert run("age(x)", told) == ([0.5, 12, None], [0, 0, NOT_A_NUMBER])
    assert run("age(x) > 10 s", told)[0] == [0, 1, None]


def test_windows_hold_the_value_at_their_beginning() -> None:
    # At 25 s the window begins at 15 s, when the 10 of second 10 is in force.
    columns = {"x": column(0, 10, 20, 4)}
    seconds = [0, 10, 20, 25]
    assert run("avg(x, 10 s)", columns, seconds)[0] == [0, 0, 10, 15]
    assert run("lowest(x, 10 s)", columns, seconds)[0] == [0, 0, 10, 4]
    assert run("highest(x, 10 s)", columns, seconds)[0] == [0, 10, 20, 20]
    columns = {"a": column(1, 0, 1, 1)}
    assert run("avg(a, 10 s)", columns, seconds)[0] == [1, 1, 0, 0.5]
    assert run("count_true(a, 10 s)", columns, seconds)[0] == [1, 0, 1, 2]


def test_windows_leave_bad_rows_out() -> None:
    columns = {"x": column(None, 1, 3, None, None, None, 5)}
    lowest, quality = run("lowest(x, 2 s)", columns)
    assert lowest == [None, 1, 1, 1, 3, None, 5]
    assert quality == [
        NO_DATA, SUB_NORMAL, SUB_NORMAL, SUB_NORMAL, SUB_NORMAL, NO_DATA, SUB_NORMAL,
    ]  # fmt: skip
    assert run("avg(x, 2 s)", columns)[0] == [None, 1, 1, 2, 3, None, 5]
    assert run("count_true(x > 2, 2 s)", columns)[0] == [None, 0, 1, 1, None, None, 1]
    columns = {"x": column(1, 2, 3, quality=[UNCERTAIN, GOOD, GOOD])}
    assert run("highest(x, 1 s)", columns)[1] == [UNCERTAIN, UNCERTAIN, GOOD]


def test_one_huge_value_does_not_spoil_later_windows() -> None:
    values = [0.1, 1e300, *[0.1] * 20]
    result = run("avg(x, 3 s)", {"x": column(*values)})[0]
    assert result[-1] == pytest.approx(0.1, rel=1e-12)


def test_chattering_is_counted() -> None:
    columns = {"a": column(0, 1, 0, 1, 1, 0, 1)}
    assert run("count_true(rising(a), 3 s)", columns)[0] == [0, 1, 1, 2, 1, 1, 1]


# Against the definition, row by row ---------------------------------------------------------------

Rows = list[tuple[int, float | None]]  # time in s, value


def _in_window(rows: Rows, i: int, window: int) -> Rows:
    """The rows of a window by definition, the one in force moved to its beginning."""
    begin = rows[i][0] - window
    force = max((j for j in range(i + 1) if rows[j][0] <= begin), default=0)
    return [(max(t, begin), v) for t, v in rows[force : i + 1]]


def _average(rows: Rows) -> float | None:
    spans = [(v, after[0] - t) for (t, v), after in pairwise(rows)]
    known = [(v, span) for v, span in spans if v is not None]
    total = sum(span for _, span in known)
    return sum(v * span for v, span in known) / total if total else rows[-1][1]


def _lasting(rows: Rows, i: int) -> bool | None:
    if rows[i][1] is None:
        return None
    last_false = max((j for j in range(i + 1) if rows[j][1] == 0), default=-1)
    run_rows = rows[last_false + 1 : i + 1]
    elapsed = sum(b[0] - a[0] for a, b in pairwise(run_rows) if a[1])
    return bool(rows[i][1]) and elapsed >= 3


times = st.lists(st.integers(0, 4), min_size=1, max_size=30).map(
    lambda gaps: [sum(gaps[: i + 1]) for i in range(len(gaps))]
)


@given(times, st.data())
@settings(max_examples=150, deadline=None)
def test_windows_follow_their_definition(seconds: list[int], data: st.DataObject) -> None:
    value = st.one_of(st.none(), st.integers(0, 3).map(float))
    values = data.draw(st.lists(value, min_size=len(seconds), max_size=len(seconds)))
    rows = list(zip(seconds, values, strict=True))
    indices = range(len(rows))
    columns = {"x": column(*values)}

    windows = [_in_window(rows, i, 5) for i in indices]
    known = [[v for _, v in window if v is not None] for window in windows]
    expected = [min(k) if k else None for k in known]
    assert run("lowest(x, 5 s)", columns, seconds)[0] == expected
    assert run("highest(x, 5 s)", columns, seconds)[0] == [max(k) if k else None for k in known]
    averages = [_average(window) for window in windows]
    assert run("avg(x, 5 s)", columns, seconds)[0] == pytest.approx(averages)
    flags: Rows = [(t, None if v is None else float(v > 1)) for t, v in rows]
    lasting = [_lasting(flags, i) for i in indices]
    assert run("x > 1 for 3 s", columns, seconds)[0] == lasting
