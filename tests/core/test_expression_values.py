"""Types, values and quality of expressions over columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.core.expressions import (
    BAD,
    GOOD,
    NOT_A_NUMBER,
    SECOND,
    TYPES,
    UNCERTAIN,
    WORSE,
    column,
    rows_of,
    run,
)

from gemel.core.expression import (
    Boolean,
    Duration,
    Enumeration,
    Number,
    Text,
    Type,
    compile_expression,
)


@pytest.mark.parametrize(
    ("text", "type"),
    [
        ("x", Number("mm")),
        ("x + filler.level", Number("mm")),
        ("x - 1", Number("mm")),
        ("x + filler.speed", Number()),
        ("x * 2", Number()),
        ("avg(x, 3 s)", Number("mm")),
        ("avg(a, 3 s)", Number()),
        ("rate(x)", Number()),
        ("min(x, filler.level)", Number("mm")),
        ("if(a, x, filler.speed)", Number()),
        ("age(x)", Duration()),
        ("2 * age(x) + 5 s", Duration()),
        ("-age(x) / 2", Duration()),
        ("age(x) / 1 s", Number()),
        ("age(x) - 5 s > 1 min", Boolean()),
        ("product", Text()),
        ("if(a, 'on', 'off')", Enumeration(("on", "off"))),
        ("if(a, filler.state, 'Idle')", TYPES["filler.state"]),
        ("filler.state else 'None'", Enumeration(("Idle", "Execute", "Held", "None"))),
        ("capper.state else filler.state", TYPES["capper.state"]),
    ],
)
def test_types(text: str, type: Type) -> None:
    assert compile_expression(text, TYPES).type == type


def test_inputs_are_in_the_order_of_the_text() -> None:
    program = compile_expression("y > 1 and [line2/filler/speed] + y < x", TYPES)
    assert program.inputs == ("y", "line2/filler/speed", "x")
    assert compile_expression("1 + 2", TYPES).inputs == ()


def test_an_enumeration_checks_itself() -> None:
    assert Enumeration(("On", "On", "Off"), (5, 6, 9)).codes_of("On") == (5, 6)
    for labels, codes in (((), ()), (("a",), (1, 2)), (("a", "b"), (1, 1))):
        with pytest.raises(ValueError, match="enumeration"):
            Enumeration(labels, codes)


# Values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("7 % 3", 1),
        ("-7 % 3", 2),
        ("7 % -3", -2),
        ("-2 ** 2", -4),
        ("2 ** 3 ** 2", 512),
        ("abs(-3)", 3),
        ("round(2.5) + round(3.5)", 6),
        ("sqrt(9) + exp(0) + log(1)", 4),
        ("min(3, 1, 2) + max(3, 1, 2)", 4),
        ("clip(5, 0, 3) + clip(-5, 0, 3) + clip(2, 0, 3)", 5),
        ("clip(5, 3, 0)", None),
        ("1 / 0", None),
        ("0 / 0", None),
        ("1 % 0", None),
        ("sqrt(-1)", None),
        ("log(0)", None),
        ("exp(1000)", None),
        ("(-8) ** 0.5", None),
        ("1e308 * 10 - 1e308 * 10", None),
        ("max(1, 1 / 0)", None),
        ("if(1 < 2, 3, 1 / 0)", 3),
        ("1 / 0 else sqrt(-1) else 4", 4),
        ("good(1 / 0)", 0),
        ("1 < 2", 1),
        ("1 != 1", 0),
        ("1 / 0 != 1", None),
        ("true == false", 0),
        ("2 in (1, 2)", 1),
        ("-2 not in (1, -2)", 0),
        ("90 s == 1.5 min", 1),
        ("max(2 h, 90 min)", 7200),
        ("1 h / 1 min", 60),
        ("'b'", 0),
        ("if(false, 'a', 'b') == 'b'", 1),
        ("'Held' == filler.state", 1),
    ],
)
def test_values(text: str, value: float | None) -> None:
    columns = {"filler.state": column(2)} if "state" in text else {}
    assert run(text, columns)[0] == [value]


def test_enumerations_compare_by_label() -> None:
    filler, capper = column(0, 1, 2, 2, 7), column(30, 20, 10, 20, 7)
    columns = {"filler.state": filler, "capper.state": capper}
    assert run("filler.state == capper.state", columns)[0] == [1, 1, 1, 0, None]
    assert run("filler.state != capper.state", columns)[0] == [0, 0, 0, 1, None]
    assert run("capper.state in ('Held', 'Execute')", columns)[0] == [0, 1, 1, 1, 0]
    # The result speaks the codes of its own enumeration.
    assert run("if(filler.state == 'Held', filler.state, capper.state)", columns)[0] == [
        0, 1, 2, 2, None,
    ]  # fmt: skip


def test_texts_compare_by_their_dictionaries_which_grow() -> None:
    here, there = ["cola", "water"], ["water"]
    products = {"product": column(0, 1, None, 5, texts=here)}
    orders = {"order.product": column(0, 0, 0, 0, texts=there)}
    time = np.arange(4) * SECOND
    is_tea = compile_expression("product in ('tea', 'water')", TYPES).start()
    same = compile_expression("product == order.product", TYPES).start()
    other = compile_expression("product != order.product", TYPES).start()
    columns = products | orders
    assert is_tea.step(time, columns).value[[0, 1, 3]].tolist() == [0, 1, 0]
    assert same.step(time, columns).value[[0, 1, 3]].tolist() == [0, 1, 0]
    assert other.step(time, columns).value[[0, 1, 3]].tolist() == [1, 0, 1]
    assert same.step(time[3:], rows_of(columns, slice(0, 1))).value.tolist() == [0]

    here.append("tea")
    there += ["juice", "tea"]
    columns = {"product": column(2, 2, texts=here), "order.product": column(2, 1, texts=there)}
    later = time[:2] + 10 * SECOND
    assert is_tea.step(later, columns).value.tolist() == [1, 1]
    assert same.step(later, columns).value.tolist() == [1, 0]
    shown = compile_expression("product", TYPES).start().step(later, columns)
    assert [shown.texts[int(code)] for code in shown.value] == ["tea", "tea"]


# Quality ------------------------------------------------------------------------------------------

T, F = (True, GOOD), (False, GOOD)
U_T, U_F = (True, UNCERTAIN), (False, UNCERTAIN)
B, W = (None, BAD), (None, WORSE)


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (F, F, F, F),
        (F, B, F, B),
        (T, B, B, T),
        (B, W, W, W),
        (U_T, T, U_T, T),
        (U_T, F, F, U_T),
        (U_F, F, F, U_F),
        (U_F, T, U_F, T),
        (U_F, B, U_F, B),
        (U_T, B, B, U_T),
    ],
)
def test_truth_tables(left: Any, right: Any, both: Any, either: Any) -> None:
    for (a, qa), (b, qb) in ((left, right), (right, left)):
        columns = {"a": column(a, quality=[qa]), "b": column(b, quality=[qb])}
        for text, expected in (
            ("a and b", both),
            ("a or b", either),
            ("not (not a or not b)", both),
            ("not (not a and not b)", either),
        ):
            value, quality = run(text, columns)
            assert (value[0], quality[0]) == expected


@pytest.mark.parametrize(
    ("text", "quality"),
    [
        ("u + 1", UNCERTAIN),
        ("u * w + g", WORSE),
        ("nan + g", NOT_A_NUMBER),
        ("inf + g", NOT_A_NUMBER),
        ("g / 0", NOT_A_NUMBER),
        ("w / 0", WORSE),
        ("g > u", UNCERTAIN),
        ("w in (1, 2)", WORSE),
        ("min(g, w)", WORSE),
        ("w else u else g", GOOD),
        ("w else u", UNCERTAIN),
        ("w else nan", WORSE),
        ("first_good(nan, w, u)", UNCERTAIN),
        ("u else w", UNCERTAIN),
        ("if(g > 0, g, w)", GOOD),
        ("if(g > 0, w, g)", WORSE),
        ("if(u > 0, g, w)", UNCERTAIN),
        ("if(w > 0, g, g)", WORSE),
        ("good(g)", GOOD),
        ("good(w)", GOOD),
        ("false and w > 1", GOOD),
    ],
)
def test_the_worst_quality_that_mattered(text: str, quality: int) -> None:
    columns = {
        "g": column(1),
        "u": column(1, quality=UNCERTAIN),
        "w": column(1, quality=WORSE),
        "nan": column(math.nan, quality=[GOOD]),
        "inf": column(math.inf, quality=[GOOD]),
    }
    program = compile_expression(text, dict.fromkeys(columns, Number()))
    result = program.start().step(np.zeros(1, np.int64), columns)
    assert result.quality.tolist() == [quality]
    assert np.isnan(result.value[0]) == (quality < 0)


def test_good_says_whether_it_is_good() -> None:
    columns = {"x": column(1, 1, 1, None, quality=[GOOD, 0x20, UNCERTAIN, BAD])}
    assert run("good(x)", columns) == ([1, 1, 0, 0], [0, 0, 0, 0])
