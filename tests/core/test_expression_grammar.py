"""The expression language as text: what binds to what, and its canonical form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.expressions import (
    TYPES,
    column,
    run,
)

from gemel.core.expression import (
    compile_expression,
    parse,
)
from gemel.core.expression import syntax as tree
from gemel.core.expression.functions import FUNCTIONS


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
