"""The expression language: grammar, types, quality, memory, state and explanations."""

from __future__ import annotations

import json
import math
import pickle
import string
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.core.expression import (
    Boolean,
    Column,
    Duration,
    Enumeration,
    ExpressionError,
    Number,
    Text,
    Type,
    compile_expression,
    parse,
)
from gemel.core.expression import syntax as tree
from gemel.core.expression.functions import FUNCTIONS

SECOND = 1_000_000_000
GOOD, UNCERTAIN, BAD = 0, 0x4000, -0x8000
WORSE = -0x7F74  # Bad_SensorFailure
NOT_A_NUMBER = -0x8000 | 0xF06
WAITING, NO_DATA, SUB_NORMAL = 0x8032 - 0x10000, 0x809B - 0x10000, 0x40A4

TYPES: dict[str, Type] = {
    "x": Number("mm"),
    "y": Number(),
    "a": Boolean(),
    "b": Boolean(),
    "filler.level": Number("mm"),
    "filler.speed": Number("1/min"),
    "filler.state": Enumeration(("Idle", "Execute", "Held")),
    "capper.state": Enumeration(("Held", "Execute", "Idle"), (10, 20, 30)),
    "product": Text(),
    "order.product": Text(),
    "line2/filler/speed": Number(),
}


def column(*values: float | bool | None, quality: int | list[int] = GOOD, **more: Any) -> Column:
    """None is a bad value; `quality` is that of the others, or of each."""
    value = np.array([math.nan if v is None else float(v) for v in values])
    if isinstance(quality, int):
        quality = [BAD if v is None else quality for v in values]
    return Column(value, np.array(quality, np.int16), **more)


def run(
    text: str, columns: Mapping[str, Column], seconds: Sequence[float] | None = None
) -> tuple[list[float | None], list[int]]:
    rows = len(next(iter(columns.values())).value) if columns else 1
    time = np.array(seconds or range(rows), np.float64) * SECOND
    result = compile_expression(text, TYPES).start().step(time.astype(np.int64), columns)
    assert result.value.dtype == np.float64
    assert result.quality.dtype == np.int16
    assert np.array_equal(np.isnan(result.value), result.quality < 0)
    value = [None if math.isnan(v) else v for v in result.value.tolist()]
    return value, result.quality.tolist()


def one(text: str, **values: float | bool | None) -> float | None:
    return run(text, {name: column(value) for name, value in values.items()})[0][0]


# Grammar ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("x + y * 2", "x + (y * 2)"),
        ("x - y - 2", "(x - y) - 2"),
        ("x / y * 2", "(x / y) * 2"),
        ("x - y + 2 % 3", "(x - y) + (2 % 3)"),
        ("-x ** 2", "-(x ** 2)"),
        ("2 ** -x", "2 ** (-x)"),
        ("2 ** 3 ** 2", "2 ** (3 ** 2)"),
        ("-x * y", "(-x) * y"),
        ("x - -y", "x - (-y)"),
        ("x + 1 < y * 2", "(x + 1) < (y * 2)"),
        ("not a and b", "(not a) and b"),
        ("not x < 1", "not (x < 1)"),
        ("a or b and a", "a or (b and a)"),
        ("a and b or a", "(a and b) or a"),
        ("not a for 3 s", "(not a) for 3 s"),
        ("x > 1 for 3 s", "(x > 1) for 3 s"),
        ("a for 3 s and b", "(a for 3 s) and b"),
        ("x > 1 else a or b", "(x > 1) else (a or b)"),
        ("x else y else 1", "(x else y) else 1"),
        ("x not in (1, 2)", "not (x in (1, 2))"),
        ("x in (1, 2) and a", "(x in (1, 2)) and a"),
        ("[x] < 5", "x < 5"),
        ("[ filler.level ]", "filler.level"),
        ("x<5and y>3", "x < 5 and y > 3"),
        ("a for 90s", "a for 90 s"),
        ('filler.state == "Held"', "filler.state == 'Held'"),
        ("min(\n  x,\ty)", "min(x, y)"),
        (".5e1 + 1E0", "5 + 1"),
    ],
)
def test_precedence(text: str, same_as: str) -> None:
    columns = {"x": column(1, 2, 3), "y": column(4, 0, 2), "a": column(1, 1, 0)}
    columns |= {"b": column(0, 1, 1), "filler.level": column(1, 2, 3)}
    columns |= {"filler.state": column(0, 1, 2)}
    assert run(text, columns) == run(same_as, columns)
    # Parentheses at the left of a chain make another tree, of the same meaning.
    assert parse(text) == parse(same_as) or _flat(parse(same_as)) == parse(text)


def _flat(node: tree.Node) -> tree.Node:
    """A chain whose first operand is a chain of the same level, as one chain."""
    assert isinstance(node, tree.Chain)
    first = node.operands[0]
    assert isinstance(first, tree.Chain)
    return tree.Chain(first.operators + node.operators, first.operands + node.operands[1:])


@pytest.mark.parametrize(
    "text",
    [
        "x + y * 2 - 3",
        "(x + y) * 2",
        "x - (y - 2)",
        "-x ** 2",
        "(-x) ** 2",
        "2 ** -x",
        "(2 ** 3) ** 2",
        "x > 1 and not a or b",
        "a and (b or a)",
        "(a for 30 s) and (x > 5 for 100 ms)",
        "(a and b) for 1.5 min",
        "not (a for 2 h)",
        "x not in (-1, 2.5)",
        "filler.state in ('Idle', 'Held')",
        "product == 'it''s \"it\"'",
        'product == "it\'s"',
        "[line2/filler/speed] / 60",
        "[for] + [a b]",
        "if(a, x, y) else 0",
        "rate(x, 10 s)",
        "(a == b) == (not a)",
    ],
)
def test_canonical_text(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("((x))", "x"),
        ("a for 30s and b", "(a for 30 s) and b"),
        ("x*1.50", "x * 1.5"),
        ("not(x in(1))", "x not in (1)"),
        ("1e20 + x", "1e+20 + x"),
    ],
)
def test_text_becomes_canonical(text: str, canonical: str) -> None:
    program = compile_expression(text, TYPES)
    assert str(program) == canonical
    assert program.text == text


numbers = st.floats(0, 1e300, allow_nan=False).map(tree.NumberLiteral)
strings = st.text(st.characters(exclude_characters="\n"), max_size=6).map(tree.TextLiteral)
durations = st.builds(
    tree.DurationLiteral, st.floats(0, 36_000), st.sampled_from(sorted(tree.TIME_UNITS))
)
signal_names = st.one_of(
    st.sampled_from(
        ["x", "filler.level", "in", "true", "line2/filler/speed", "a b", "min", "Füll"]
    ),
    st.text(st.characters(exclude_characters="[]\n"), min_size=1, max_size=5)
    .map(str.strip)
    .filter(bool),
).map(tree.Name)
leaves = st.one_of(
    numbers, strings, durations, signal_names, st.booleans().map(tree.BooleanLiteral)
)


def _chains(operand: st.SearchStrategy[tree.Node]) -> st.SearchStrategy[tree.Node]:
    level = st.sampled_from([("else",), ("or",), ("and",), ("+", "-"), ("*", "/", "%")])

    def chain(operators: tuple[str, ...]) -> st.SearchStrategy[tree.Node]:
        links = st.lists(st.tuples(st.sampled_from(operators), operand), min_size=1, max_size=3)
        return st.builds(
            lambda first, links: tree.Chain(
                tuple(op for op, _ in links), (first, *(node for _, node in links))
            ),
            operand,
            links,
        )

    return level.flatmap(chain)


def _larger(operand: st.SearchStrategy[tree.Node]) -> st.SearchStrategy[tree.Node]:
    item = st.one_of(st.floats(-1e9, 1e9, allow_nan=False).map(tree.NumberLiteral), strings)
    return st.one_of(
        _chains(operand),
        st.builds(tree.Unary, st.sampled_from(["-", "not"]), operand),
        st.builds(tree.Binary, st.sampled_from([*tree.COMPARISONS, "**"]), operand, operand),
        st.builds(tree.Membership, operand, st.lists(item, min_size=1, max_size=3).map(tuple)),
        st.builds(tree.Lasting, operand, durations),
        st.builds(
            tree.Call, st.sampled_from(sorted(FUNCTIONS)), st.lists(operand, max_size=3).map(tuple)
        ),
    )


@given(st.recursive(leaves, _larger, max_leaves=12))
@settings(max_examples=400, deadline=None)
def test_canonical_text_is_read_back_as_the_same_tree(node: tree.Node) -> None:
    assert parse(str(node)) == node


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # characters and tokens
        ("", "column 0: the expression is empty"),
        ("  ", "column 2: the expression is empty"),
        ("x § y", "column 2: unexpected '§'"),
        ("x = 5", "column 2: unexpected '='; write == to compare"),
        ("a && b", "column 2: unexpected '&&'; write and"),
        ("a | b", "column 2: unexpected '|'; write or"),
        ("!a", "column 0: unexpected '!'; write not"),
        ("x <> 5", "column 2: unexpected '<>'; write !="),
        ("x ≥ 5", "column 2: unexpected '≥'; write >="),
        ("x ^ 2", "column 2: unexpected '^'; write ** for a power"),
        ("filler.state == 'Held", "column 16: the string has no closing '"),
        ("[line2/filler", "column 0: the name has no closing ]"),
        ("1 + [ ]", "column 4: there is no name between [ and ]"),
        ("x > 1e999", "column 4: 1e999 is too large a number"),
        (
            "x > 5 mm",
            "column 6: 'mm' is not a unit of time (ms, s, min, h, d); "
            "other numbers are written without a unit",
        ),
        ("a for 40000 d", "column 6: a duration is at most 36500 d"),
        ("x" * 5000, "column 4096: an expression has at most 4096 characters, this one has 5000"),
        # structure
        ("x +", "column 3: expected a value, found the end"),
        ("x + * y", "column 4: expected a value, found '*'"),
        ("(x + y", "column 6: expected ')' to close the one at column 0, found the end"),
        ("x + y)", "column 5: expected an operator or the end, found ')'"),
        ("x y", "column 2: expected an operator or the end, found 'y'"),
        ("a AND b", "column 2: expected an operator or the end, found 'AND'; did you mean 'and'?"),
        ("x > 5 AND a", "column 6: expected an operator or the end, found 'AND'; "
         "did you mean 'and'?"),
        ("1 < x < 5", "column 6: comparisons do not chain; join them with 'and'"),
        ("x in 5", "column 5: expected '(' after 'in', found '5'"),
        ("x in ()", "column 6: expected a number or a string in the set, found ')'"),
        ("x in (1, y)", "column 9: expected a number or a string in the set, found 'y'"),
        ("x in (-'a')", "column 7: expected a number or a string in the set, found 'a'"),
        ("x in (1 2)", "column 8: expected ')' at the end of the set, found '2'"),
        ("x not (1)", "column 6: expected 'in' after 'not', found '('"),
        ("a == not b", "column 5: 'not …' needs parentheses here"),
        ("a for 30", "column 6: expected a time such as 30 s after 'for', found '30'"),
        ("a for x", "column 6: expected a time such as 30 s after 'for', found 'x'"),
        (
            "a and b for 3 s",
            "column 8: 'for' can be read two ways here; put what must last in parentheses: "
            "(a and b) for 30 s, or a and (b for 30 s)",
        ),
        ("min(x, y", "column 8: expected ')' to close min(, found the end"),
        ("min(x,)", "column 6: expected a value, found ')'"),
        ("(" * 64 + "x" + ")" * 64, "column 64: more than 64 levels of nesting"),
        ("(" * 2000, "column 64: more than 64 levels of nesting"),
        ("not " * 100 + "a", "column 256: more than 64 levels of nesting"),
        ("a" + " for 1 s" * 100, "column 282: more than 64 levels of nesting"),
        # names
        ("x * 2 > filer.speed", "column 8: 'filer.speed' is not known; "
         "did you mean 'filler.speed'?"),
        ("line2/filler/speed > 5", "column 0: 'line2' is not known; "
         "a path stands in brackets: [line2/filler/speed]"),
        ("True", "column 0: 'True' is not known; did you mean 'true'?"),
        ("mn(x, y)", "column 0: 'mn' is not a function; did you mean 'min'?"),
        ("[min](x)", "column 5: expected an operator or the end, found '('"),
        # arguments
        ("clip(x, 1)", "column 0: clip(x, lo, hi) takes 3 arguments, found 2"),
        ("abs()", "column 0: abs(x) takes 1 argument, found 0"),
        ("min(x)", "column 0: min(x, y, …) takes 2 or more arguments, found 1"),
        ("rate(x, 3 s, 4)", "column 0: rate(x[, window]) takes 1 or 2 arguments, found 3"),
        ("abs(a)", "column 4: abs takes a number as x, found boolean"),
        ("rising(x)", "column 7: rising takes a boolean as b, found number"),
        ("avg(product, 3 s)", "column 4: avg takes a number or a boolean as x, found text"),
        ("max(x, product)", "column 7: max takes a number or a duration as y, found text"),
        ("max(x, 3, 'a')", "column 10: max takes a number or a duration as y, found text"),
        ("avg(x, 60)", "column 7: avg takes a time such as 30 s as window, found '60'"),
        ("avg(x, y)", "column 7: avg takes a time such as 30 s as window, found 'y'"),
        ("avg(x, 0 s)", "column 7: the time must be longer than 0"),
        ("a for 0 s", "column 6: the time must be longer than 0"),
        ("age(x + 1)", "column 6: age takes the name of a signal as x, found 'x + 1'"),
        ("hysteresis(x, 5, 5)", "column 17: hysteresis needs two different limits"),
        ("if(x, 1, 2)", "column 3: if takes a boolean as condition, found number"),
        ("if(a, 1, b)", "column 9: cannot mix number and boolean"),
        ("max(x, 5 s)", "column 7: cannot mix number and duration"),
        ("x else 'none'", "column 7: cannot mix number and text"),
        ("product else 'none'", "column 0: texts of signals cannot be mixed; "
         "each has its own dictionary"),
        # operators
        ("filler.level + 3 > 'high'", "column 17: cannot compare number with text"),
        ("x == 'high'", "column 2: cannot compare number with text"),
        ("x == a", "column 2: cannot compare number with boolean"),
        ("age(x) > 5", "column 7: cannot compare duration with number"),
        ("filler.state == product", "column 13: cannot compare enumeration with text"),
        ("a < b", "column 2: boolean has no order; compare it with == or !="),
        ("filler.state < 'Held'", "column 13: enumeration has no order; "
         "compare it with == or !="),
        ("product >= order.product", "column 8: text has no order; compare it with == or !="),
        (
            "filler.state == 'Exceute'",
            "column 16: 'Exceute' is not a label of filler.state; did you mean 'Execute'?",
        ),
        (
            "filler.state in ('Idle', 'Zzz')",
            "column 25: 'Zzz' is not a label of filler.state; known: Execute, Held, Idle",
        ),
        ("x in (1, 'a')", "column 9: cannot compare number with text"),
        ("product in (1)", "column 12: cannot compare text with number"),
        ("a in (1)", "column 6: cannot compare boolean with number"),
        ("x and a", "column 0: 'and' needs a boolean, found number"),
        ("a or x + 1", "column 7: 'or' needs a boolean, found number"),
        ("not x", "column 4: 'not' needs a boolean, found number"),
        ("x for 3 s", "column 0: 'for' needs a boolean, found number"),
        ("x + a", "column 2: cannot add number and boolean"),
        ("x - 1 - 'a'", "column 6: cannot subtract text from number"),
        ("'a' + 1", "column 4: cannot add text and number"),
        ("age(x) * age(y)", "column 7: cannot multiply duration by duration"),
        ("1 / age(y)", "column 2: cannot divide number by duration"),
        ("age(x) % 2", "column 7: cannot take the remainder of duration by number"),
        ("a ** 2", "column 2: cannot raise boolean to the power of number"),
        ("-product", "column 0: cannot negate text"),
    ],
)  # fmt: skip
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, TYPES)
    assert str(caught.value) == message
    assert caught.value.text == text
    assert message.startswith(f"column {caught.value.position}: ")


def test_an_error_points_at_its_place() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("x > 1\n\tand filer.speed > 2", TYPES)
    error = caught.value
    assert error.position == 11
    assert error.pointer() == " and filer.speed > 2\n     ^"
    assert str(error.at("plant.yaml:41")) == f"plant.yaml:41: {error}"
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.text, again.position) == (str(error), error.text, error.position)


def test_a_function_may_resolve_names() -> None:
    assert compile_expression("x > 1", TYPES.get).inputs == ("x",)
    with pytest.raises(ExpressionError, match=r"^column 0: 'z\.speed' is not known$"):
        compile_expression("z.speed", TYPES.get)
    with pytest.raises(ExpressionError, match=r"did you mean 'filler.speed'\?$"):
        compile_expression("filer.speed", TYPES.get, known=("filler.speed",))


def test_the_type_of_the_whole_may_be_demanded() -> None:
    assert compile_expression("x > 1", TYPES, expect=Boolean).type == Boolean()
    with pytest.raises(
        ExpressionError, match=r"^column 0: the whole must be boolean, found number$"
    ):
        compile_expression("x + 1", TYPES, expect=Boolean)


def test_ten_thousand_parentheses() -> None:
    with pytest.raises(ExpressionError, match="at most 4096 characters"):
        compile_expression("(" * 10_000 + "x" + ")" * 10_000, TYPES)


def test_a_long_sum_is_one_level() -> None:
    text = " + ".join(["x"] * 1000)
    assert one(text, x=2) == 2000
    assert one(" or ".join(["b"] * 500 + ["a"]), a=True, b=False) == 1


_words = [*TYPES, *FUNCTIONS, *tree.WORDS, *tree.COMPARISONS, *tree.TIME_UNITS, *"()[],+-*/%.'\"15"]


@given(
    st.one_of(
        st.lists(st.sampled_from(_words), max_size=20).map(" ".join),
        st.text(st.sampled_from(string.printable), max_size=40),
        st.text(max_size=40),
    )
)
@settings(max_examples=600, deadline=None)
def test_any_text_compiles_or_is_an_expression_error(text: str) -> None:
    try:
        program = compile_expression(text, TYPES)
    except ExpressionError as raised:
        error = raised
    else:
        assert parse(str(program)) == program.tree
        return
    assert 0 <= error.position <= len(text)
    assert error.pointer().endswith("^")


# Types --------------------------------------------------------------------------------------------


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
    assert same.step(time[3:], _rows(columns, slice(0, 1))).value.tolist() == [0]

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


# Memory -------------------------------------------------------------------------------------------


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


# Steps and state ----------------------------------------------------------------------------------

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


def _rows(columns: Mapping[str, Column], rows: slice) -> dict[str, Column]:
    return {
        name: Column(
            c.value[rows], c.quality[rows], None if c.age is None else c.age[rows], c.texts
        )
        for name, c in columns.items()
    }


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
        parts.append(running.step(time[rows_here], _rows(columns, rows_here)))
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


# Explanations -------------------------------------------------------------------------------------


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
