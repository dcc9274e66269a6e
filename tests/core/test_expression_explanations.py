"""Explanations: why an expression is true, in words."""

from __future__ import annotations

import numpy as np
import pytest
from tests.core.expressions import (
    SECOND,
    TYPES,
    WORSE,
    column,
)

from gemel.core.expression import (
    Column,
    compile_expression,
)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("filler.level > 502.5", ["filler.level = 503.6 mm > 502.5"]),
        ("filler.level < 502.5", ["filler.level = 503.6 mm, not < 502.5"]),
        ("filler.level > y * 2", ["filler.level = 503.6 mm > y * 2 = 14"]),
        ("filler.level > 1 and y < 9", ["filler.level = 503.6 mm > 1", "y = 7 < 9"]),
        ("filler.level > 1 and y > 9", ["y = 7, not > 9"]),
        ("filler.level > 1 or y > 9", ["filler.level = 503.6 mm > 1"]),
        ("y > 8 or y > 9", ["y = 7, not > 8", "y = 7, not > 9"]),
        ("not (y > 9)", ["y = 7, not > 9"]),
        ("filler.state == 'Execute'", ["filler.state = 'Execute'"]),
        ("filler.state == 'Idle'", ["filler.state = 'Execute', not 'Idle'"]),
        ("filler.state != 'Idle'", ["filler.state = 'Execute' != 'Idle'"]),
        ("filler.state in ('Idle', 'Held')", ["filler.state = 'Execute', not in ('Idle', 'Held')"]),
        ("filler.state not in ('Idle')", ["filler.state = 'Execute', not in ('Idle')"]),
        ("product == 'tea'", ["product = 'tea'"]),
        ("a", ["a = true"]),
        ("a == b", ["a = true, not == b = false"]),
        ("good(x)", ["not good(x), with x is bad: sensor failure"]),
        ("x > 1", ["x > 1 is unknown, with x is bad: sensor failure"]),
        ("x > 1 and a", ["x > 1 is unknown, with x is bad: sensor failure"]),
        ("x > 1 and b", ["b = false"]),
        ("x > 1 else a", ["a = true"]),
        ("if(a, y > 1, x > 1)", ["a = true", "y = 7 > 1"]),
        ("if(x > 1, a, b)", ["x > 1 is unknown, with x is bad: sensor failure"]),
        ("y + filler.level", ["y = 7", "filler.level = 503.6 mm"]),
        ("true", ["true"]),
        ("1 + 2", ["1 + 2"]),
        # One instant does not tell what needs a past.
        ("avg(y, 3 s) > 9", ["avg(y, 3 s) > 9, with y = 7"]),
        ("rising(a) and y > 1", ["rising(a), with a = true", "y = 7 > 1"]),
        ("y > 1 for 30 s", ["y = 7 > 1 (for 30 s)"]),
        ("y > 9 for 30 s", ["y = 7, not > 9 (for 30 s)"]),
        ("rising(a) else b", ["rising(a), with a = true", "b = false"]),
        ("if(rising(a), a, b)", ["rising(a), with a = true"]),
        ("first_good(a, b)", ["a = true"]),
    ],
)
def test_explanation_of_an_instant(text: str, pieces: list[str]) -> None:
    columns = {
        "filler.level": column(503.6),
        "filler.state": column(1),
        "x": column(1, quality=WORSE),
        "y": column(7),
        "a": column(True),
        "b": column(False),
        "product": column(1, texts=("cola", "tea")),
    }
    assert compile_expression(text, TYPES).explain(columns) == tuple(pieces)


def test_explanation_of_a_running_evaluation() -> None:
    text = "(avg(x, 10 s) > 5 and a) for 3 s"
    running = compile_expression(text, TYPES).start()
    assert running.explain() == ()
    columns = {"x": column(8, 6), "a": column(1, 1)}
    running.step(np.array([0, 2]) * SECOND, columns)
    assert running.explain() == ("avg(x, 10 s) = 8 mm > 5", "a = true, not yet for 3 s")
    running.step(np.array([4]) * SECOND, {"x": column(9), "a": column(1)})
    assert running.explain() == ("avg(x, 10 s) = 7 mm > 5", "a = true for 3 s")
    running.step(np.array([5]) * SECOND, {"x": column(9), "a": column(0)})
    assert running.explain() == ("a = false",)


def test_explanation_of_an_asset() -> None:
    running = compile_expression("x > 5", TYPES).start()
    running.step(np.array([0]), {"x": Column(np.array([[7.0, 3.0]]), np.zeros((1, 2), np.int16))})
    assert running.explain(0) == ("x = 7 mm > 5",)
    assert running.explain(1) == ("x = 3 mm, not > 5",)
