"""From text to tree: a tokenizer, and a parser by operator precedence after Pratt (1973)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from gemel.core.expression.error import ExpressionError
from gemel.core.expression.syntax import (
    BARE_NAME,
    CHAINED,
    COMPARISONS,
    TIME_UNITS,
    WORDS,
    Binary,
    BooleanLiteral,
    Call,
    Chain,
    DurationLiteral,
    Lasting,
    Membership,
    Name,
    Node,
    NumberLiteral,
    Power,
    TextLiteral,
    Unary,
)
from gemel.core.time import DAY

__all__ = ["LONGEST_DURATION", "MOST_CHARACTERS", "MOST_LEVELS", "parse"]

MOST_CHARACTERS: Final = 4_096
MOST_LEVELS: Final = 64
LONGEST_DURATION: Final = 36_500 * DAY
"""A hundred years; source time plus this still fits 64 bits."""

_Kind = Literal["number", "duration", "string", "name", "word", "sign", "end"]

_SPACE: Final = re.compile(r"\s*")
_NUMBER: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORD: Final = re.compile(r"[^\W\d]\w*")
_STRING: Final = re.compile(r"'((?:[^'\n]|'')*)'|\"((?:[^\"\n]|\"\")*)\"")
_PATH: Final = re.compile(r"\[([^\[\]\n]*)\]")
_SIGN: Final = re.compile(r"\*\*|[<>=!]=|[-+*/%<>(),]")
_FOREIGN: Final = {
    "=": "write == to compare",
    "<>": "write !=",
    "&&": "write and",
    "&": "write and",
    "||": "write or",
    "|": "write or",
    "!": "write not",
    "^": "write ** for a power",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "×": "write *",
    "·": "write *",
    "÷": "write /",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str
    position: int
    value: float = 0.0

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{self.text}'"


def parse(text: str) -> Node:
    """The tree of an expression, types unchecked. Raises `ExpressionError`."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(
            f"an expression has at most {MOST_CHARACTERS} characters, this one has {len(text)}",
            text,
            MOST_CHARACTERS,
        )
    return _Parser(text).whole()


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while True:
        match = _SPACE.match(text, position)
        position = match.end() if match else position
        if position == len(text):
            yield _Token("end", "", position)
            return
        start = text[position]
        if start in "'\"":
            match = _STRING.match(text, position)
            if not match:
                raise ExpressionError(f"the string has no closing {start}", text, position)
            content = match[1] if start == "'" else match[2]
            token = _Token("string", content.replace(start * 2, start), position)
        elif start == "[":
            match = _PATH.match(text, position)
            if not match:
                raise ExpressionError("the name has no closing ]", text, position)
            if not match[1].strip():
                raise ExpressionError("there is no name between [ and ]", text, position)
            token = _Token("name", match[1].strip(), position)
        elif match := _NUMBER.match(text, position):
            token, match = _number(text, match)
        elif match := BARE_NAME.match(text, position):
            token = _Token("word" if match[0] in WORDS else "name", match[0], position)
        elif match := _SIGN.match(text, position):
            # `<>` would be read as two signs, and its second half blamed.
            if text.startswith("<>", position):
                raise ExpressionError(f"unexpected '<>'; {_FOREIGN['<>']}", text, position)
            token = _Token("sign", match[0], position)
        else:
            found = text[position : position + 2]
            found = found if found in _FOREIGN else start
            hint = f"; {_FOREIGN[found]}" if found in _FOREIGN else ""
            raise ExpressionError(f"unexpected '{found}'{hint}", text, position)
        position = match.end()
        yield token


def _number(text: str, match: re.Match[str]) -> tuple[_Token, re.Match[str]]:
    """A number, or a duration if a unit of time follows; and the match that ends it."""
    value = float(match[0])
    if not math.isfinite(value):
        raise ExpressionError(f"{match[0]} is too large a number", text, match.start())
    space = _SPACE.match(text, match.end())
    word = _WORD.match(text, space.end() if space else match.end())
    if not word or word[0].lower() in WORDS:
        return _Token("number", match[0], match.start(), value), match
    if word[0] not in TIME_UNITS:
        raise ExpressionError(
            f"'{word[0]}' is not a unit of time ({', '.join(TIME_UNITS)}); "
            "other numbers are written without a unit",
            text,
            word.start(),
        )
    if value * TIME_UNITS[word[0]] > LONGEST_DURATION:
        raise ExpressionError(
            f"a duration is at most {LONGEST_DURATION // DAY} d", text, match.start()
        )
    return _Token("duration", word[0], match.start(), value), word


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.token: _Token = next(self.tokens)
        self.levels = 0

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        raise ExpressionError(
            message, self.text, self.token.position if position is None else position
        )

    def too_deep(self, position: int) -> NoReturn:
        self.fail(f"more than {MOST_LEVELS} levels of nesting", position)

    def take(self) -> _Token:
        token = self.token
        if token.kind != "end":
            self.token = next(self.tokens)
        return token

    def at(self, *texts: str) -> bool:
        return self.token.kind in ("sign", "word") and self.token.text in texts

    def expect(self, text: str, after: str) -> None:
        if not self.at(text):
            self.fail(f"expected '{text}' {after}, found {self.token}")
        self.take()

    def whole(self) -> Node:
        if not self.text.strip():
            self.fail("the expression is empty")
        tree = self.expression()
        if self.token.kind != "end":
            hint = ""
            if self.token.text.lower() in WORDS and self.token.kind == "name":
                hint = f"; did you mean '{self.token.text.lower()}'?"
            self.fail(f"expected an operator or the end, found {self.token}{hint}")
        # Parentheses bound the recursion of the parser; whoever walks the tree needs its height
        # bounded, which postfix `for 1 s for 1 s…` raises without any.
        level: tuple[Node, ...] = (tree,)
        for _ in range(MOST_LEVELS):
            level = tuple(child for node in level for child in node.children)
        if level:
            self.too_deep(level[0].position)
        return tree

    def expression(self, least: int = Power.ELSE) -> Node:
        """An operand and all that follows it with operators that bind at least as `least`."""
        self.levels += 1
        if self.levels > MOST_LEVELS:
            self.too_deep(self.token.position)
        node = self.operand(least)
        while True:
            position = self.token.position
            if self.at(*CHAINED) and CHAINED[self.token.text] >= least:
                node = self.chain(node, CHAINED[self.token.text])
            elif self.at("for") and least <= Power.FOR:
                if least > Power.ELSE:
                    self.fail(
                        "'for' can be read two ways here; put what must last in parentheses: "
                        "(a and b) for 30 s, or a and (b for 30 s)"
                    )
                self.take()
                node = Lasting(node, self.duration("'for'"), position=position)
            elif self.at(*COMPARISONS, "in", "not") and least <= Power.COMPARE:
                node = self.comparison(node)
            elif self.at("**") and least <= Power.RAISE:
                self.take()
                node = Binary("**", node, self.expression(Power.NEGATE), position=position)
            else:
                self.levels -= 1
                return node

    def chain(self, first: Node, power: Power) -> Node:
        position = self.token.position
        operators: list[str] = []
        operands = [first]
        positions: list[int] = []
        while self.at(*CHAINED) and CHAINED[self.token.text] == power:
            positions.append(self.token.position)
            operators.append(self.take().text)
            operands.append(self.expression(power + 1))
        return Chain(
            tuple(operators), tuple(operands), position=position, positions=tuple(positions)
        )

    def comparison(self, left: Node) -> Node:
        operator = self.take()
        node: Node
        if operator.text in ("in", "not"):
            if operator.text == "not":
                self.expect("in", "after 'not'")
            node = Membership(left, self.items(), position=operator.position)
            if operator.text == "not":
                node = Unary("not", node, position=operator.position)
        else:
            right = self.expression(Power.ADD)
            node = Binary(operator.text, left, right, position=operator.position)
        if self.at(*COMPARISONS, "in", "not"):
            self.fail("comparisons do not chain; join them with 'and'")
        return node

    def items(self) -> tuple[NumberLiteral | TextLiteral, ...]:
        self.expect("(", "after 'in'")
        items: list[NumberLiteral | TextLiteral] = []
        while True:
            position = self.token.position
            sign = -1.0 if self.at("-") else 1.0
            if sign < 0:
                self.take()
            if self.token.kind == "number":
                items.append(NumberLiteral(sign * self.take().value, position=position))
            elif self.token.kind == "string" and sign > 0:
                items.append(TextLiteral(self.take().text, position=position))
            else:
                self.fail(f"expected a number or a string in the set, found {self.token}")
            if not self.at(","):
                break
            self.take()
        self.expect(")", "at the end of the set")
        return tuple(items)

    def duration(self, after: str) -> DurationLiteral:
        token = self.token
        if token.kind != "duration":
            self.fail(f"expected a time such as 30 s after {after}, found {token}")
        self.take()
        return DurationLiteral(token.value, token.text, position=token.position)

    def operand(self, least: int) -> Node:
        token = self.take()
        position = token.position
        match token.kind:
            case "number":
                return NumberLiteral(token.value, position=position)
            case "duration":
                return DurationLiteral(token.value, token.text, position=position)
            case "string":
                return TextLiteral(token.text, position=position)
            case "name":
                # A name in brackets is never a function.
                if self.at("(") and self.text[position] != "[":
                    return self.call(token)
                return Name(token.text, position=position)
        match token.text:
            case "true" | "false":
                return BooleanLiteral(token.text == "true", position=position)
            case "(":
                node = self.expression()
                self.expect(")", f"to close the one at column {position}")
                return node
            case "-":
                return Unary("-", self.expression(Power.NEGATE), position=position)
            case "not":
                if least > Power.NOT:
                    self.fail("'not …' needs parentheses here", position)
                return Unary("not", self.expression(Power.NOT), position=position)
        self.fail(f"expected a value, found {token}", position)

    def call(self, function: _Token) -> Node:
        self.take()
        arguments: list[Node] = []
        while not (self.at(")") and not arguments):
            arguments.append(self.expression())
            if not self.at(","):
                break
            self.take()
        self.expect(")", f"to close {function.text}(")
        return Call(function.text, tuple(arguments), position=function.position)
