"""Steps and state: cuts and restarts change nothing, and what is refused."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.expressions import (
    BAD,
    GOOD,
    SECOND,
    TYPES,
    UNCERTAIN,
    WORSE,
    column,
    rows_of,
)

from gemel.core.expression import (
    Column,
    compile_expression,
    parse,
)
from gemel.core.expression import syntax as tree
from gemel.core.expression.functions import FUNCTIONS

STATEFUL = [
    "a for 3 s",
    "(x > 0 and a) for 2500 ms",
    "hysteresis(x, 1, -1)",
    "hysteresis(x, -1, y)",
    "rising(a)",
    "falling(a)",
    "changed(x)",
    "changed(filler.state)",
    "delta(x)",
    "rate(x)",
    "rate(x, 4 s)",
    "age(x)",
    "avg(x, 4 s)",
    "avg(a, 7 s)",
    "lowest(x, 4 s)",
    "highest(x, 4 s)",
    "count_true(a, 4 s)",
    "count_true(rising(x > 0 for 2 s), 8 s)",
    "avg(delta(x), 3 s) > 0 or a",
    "delta(y else x)",
    "avg(good(x), 3 s)",
    "if(a, x, avg(y, 2 s)) ** 2 % 3",
    "clip(round(x), -1, 1) + min(x, y) - max(abs(x), sqrt(y)) + exp(log(y))",
    "product in ('p1', 'p2') and good(x)",
    "product == order.product",
    "filler.state == capper.state else filler.state in ('Idle')",
    "avg(5, 3 s) + rate(2)",
]
TEXTS = ("p0", "p1", "p2")


def test_every_function_is_cut_into_steps() -> None:
    used = {
        call.function
        for text in STATEFUL
        for call in _walk(parse(text))
        if isinstance(call, tree.Call)
    }
    # `first_good` is run as `else`.
    assert used | {"first_good"} == set(FUNCTIONS)


def _walk(node: tree.Node) -> list[tree.Node]:
    return [node] + [found for child in node.children for found in _walk(child)]


def _random_columns(
    random: np.random.Generator, rows: int, assets: int | None = None
) -> dict[str, Column]:
    shape = (rows,) if assets is None else (rows, assets)
    codes = np.array([GOOD, GOOD, GOOD, GOOD, UNCERTAIN, BAD, WORSE], np.int16)

    def one_column(value: np.ndarray) -> Column:
        value = np.where(random.random(shape) < 0.05, np.nan, value)
        quality = (
            random.choice(codes, shape) if random.random() < 0.7 else np.zeros(shape, np.int16)
        )
        return Column(value, quality, texts=TEXTS)

    wanted = {name: one_column(random.normal(0, 2, shape)) for name in ("x", "y")}
    wanted |= {name: one_column(random.integers(0, 2, shape) * 1.0) for name in ("a", "b")}
    for name in ("filler.state", "product", "order.product"):
        wanted[name] = one_column(random.integers(0, 3, shape) * 1.0)
    wanted["capper.state"] = one_column(random.integers(1, 4, shape) * 10.0)
    return wanted


def _same(left: Column, right: Column) -> None:
    np.testing.assert_array_equal(left.value, right.value)
    np.testing.assert_array_equal(left.quality, right.quality)


def _joined(parts: list[Column]) -> Column:
    return Column(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.quality for part in parts]),
    )


@pytest.mark.parametrize("text", STATEFUL)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    save=st.booleans(),
    assets=st.sampled_from([None, None, 3]),
)
@settings(max_examples=12, deadline=None)
def test_cuts_and_restarts_change_nothing(
    text: str, seed: int, rows: int, cuts: list[int], save: bool, assets: int | None
) -> None:
    random = np.random.default_rng(seed)
    columns = _random_columns(random, rows, assets)
    if assets is not None:
        columns["y"] = _random_columns(random, rows)["y"]  # shared by all
    time = np.cumsum(random.choice([0, 1, 1, 1, 2, 5], rows)) * SECOND + 1_700_000_000 * SECOND
    program = compile_expression(text, TYPES)
    whole = program.start()
    expected = whole.step(time, columns)

    running = program.start()
    parts: list[Column] = []
    edges = [0, *sorted(min(cut, rows) for cut in cuts), rows]
    for start, stop in pairwise(edges):
        if save:
            running = program.start(json.loads(json.dumps(running.state(), allow_nan=False)))
        rows_here = slice(start, stop)
        parts.append(running.step(time[rows_here], rows_of(columns, rows_here)))
    _same(_joined(parts), expected)
    assert running.state() == whole.state()


@pytest.mark.parametrize("text", STATEFUL)
def test_assets_are_independent(text: str) -> None:
    random = np.random.default_rng(7)
    columns = _random_columns(random, 60, 4)
    # A column of shape (n,) is shared by all assets.
    columns["y"] = Column(columns["y"].value[:, 0], columns["y"].quality[:, 0])
    time = np.arange(60) * SECOND
    program = compile_expression(text, TYPES)
    together = program.start().step(time, columns)
    if set(program.inputs) <= {"y"}:
        return
    for asset in range(4):
        alone = {
            name: c
            if name == "y"
            else Column(c.value[:, asset], c.quality[:, asset], None, c.texts)
            for name, c in columns.items()
        }
        single = program.start().step(time, alone)
        _same(Column(together.value[:, asset], together.quality[:, asset]), single)


def test_the_input_is_untouched_and_the_result_is_its_own() -> None:
    values = column(1, 2, None)
    before = values.value.copy(), values.quality.copy()
    result = compile_expression("x", TYPES).start().step(np.arange(3), {"x": values})
    result.value[:] = 9
    result.quality[:] = 9
    np.testing.assert_array_equal(values.value, before[0])
    np.testing.assert_array_equal(values.quality, before[1])


def test_a_step_without_rows_changes_nothing() -> None:
    running = compile_expression("delta(x)", TYPES).start()
    running.step(np.array([5]), {"x": column(1)})
    state = running.state()
    empty = running.step(np.zeros(0, np.int64), {"x": column()})
    assert empty.value.shape == empty.quality.shape == (0,)
    assert running.state() == state


def test_a_state_belongs_to_its_expression() -> None:
    program = compile_expression("delta(x)", TYPES)
    state = program.start().state()
    assert compile_expression("  delta( x )", TYPES).start(state).state() == state
    with pytest.raises(ValueError, match="of the expression 'delta\\(x\\)', expected 'delta\\(y"):
        compile_expression("delta(y)", TYPES).start(state)
    with pytest.raises(ValueError, match="has version 2, expected 1"):
        program.start(state | {"version": 2})
    damages: list[dict[str, Any]] = [{"memory": []}, {"memory": [{}]}, {"time": "now"}]
    for damage in damages:
        with pytest.raises(ValueError, match="the state is damaged"):
            program.start(state | damage)


def test_wrong_columns_are_refused_and_change_nothing() -> None:
    program = compile_expression("x > 1 for 3 s", TYPES)
    running = program.start()
    two = np.array([5, 6]) * SECOND
    running.step(two, {"x": column(2, 2)})
    state = running.state()
    fine, before, two = column(1, 1), two - SECOND, two + SECOND
    for time, columns, message in (
        (two, {}, "no column for 'x'"),
        (two, {"x": column(1)}, "column 'x' has values of shape"),
        (two, {"x": Column(fine.value, fine.quality[:1])}, "column 'x' has values of shape"),
        (two, {"x": Column(fine.value, fine.quality, age=np.zeros(1))}, "has ages of shape"),
        (two, {"x": Column(np.ones((2, 3)), np.zeros((2, 3)))}, "other assets than before"),
        (two[::-1], {"x": fine}, "time goes back"),
        (before, {"x": fine}, "time goes back"),
        (two[:, None], {"x": fine}, "time has shape"),
    ):
        with pytest.raises(ValueError, match=message):
            running.step(time, columns)
        assert running.state() == state
    mixed = {"x": Column(np.ones((2, 3)), np.zeros((2, 3)))}
    mixed["y"] = Column(np.ones((2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="differ in their number of assets"):
        compile_expression("x + y", TYPES).start().step(two, mixed)


def test_what_is_written_twice_is_computed_once() -> None:
    program = compile_expression("avg(x, 3 s) > 1 and avg(x,  3 s) < 5", TYPES)
    assert len(program.start().state()["memory"]) == 1
