"""What is wrong with a text, where, and what would work."""

from __future__ import annotations

import pickle
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.expressions import (
    TYPES,
    one,
)

from gemel.core.expression import (
    Boolean,
    ExpressionError,
    compile_expression,
    parse,
)
from gemel.core.expression import syntax as tree
from gemel.core.expression.functions import FUNCTIONS


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
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
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
