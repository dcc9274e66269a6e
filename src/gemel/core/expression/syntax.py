"""The syntax tree and its canonical text.

Nodes are immutable values. They compare without their positions, so that `parse(str(tree)) == tree`
holds for every tree that `parse` can give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal

from gemel.core.time import DAY, HOUR, MILLISECOND, MINUTE, SECOND

__all__ = [
    "BARE_NAME",
    "CHAINED",
    "COMPARISONS",
    "TIME_UNITS",
    "WORDS",
    "Binary",
    "BooleanLiteral",
    "Call",
    "Chain",
    "DurationLiteral",
    "Lasting",
    "Membership",
    "Name",
    "Node",
    "NumberLiteral",
    "Power",
    "TextLiteral",
    "Unary",
    "names",
]


class Power(IntEnum):
    """How tightly an operator binds."""

    ELSE = 1
    OR = 2
    AND = 3
    FOR = 4
    NOT = 5
    COMPARE = 6
    ADD = 7
    MULTIPLY = 8
    NEGATE = 9
    RAISE = 10
    PRIMARY = 11


CHAINED: Final = {
    "else": Power.ELSE,
    "or": Power.OR,
    "and": Power.AND,
    "+": Power.ADD,
    "-": Power.ADD,
    "*": Power.MULTIPLY,
    "/": Power.MULTIPLY,
    "%": Power.MULTIPLY,
}
COMPARISONS: Final = ("<=", ">=", "==", "!=", "<", ">")
WORDS: Final = frozenset({"and", "or", "not", "in", "for", "else", "true", "false"})
TIME_UNITS: Final = {"ms": MILLISECOND, "s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}
BARE_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Node:
    """A place in the tree; `position` is the column of its operator, name or literal."""

    position: int = field(default=0, compare=False, repr=False, kw_only=True)

    @property
    def children(self) -> tuple[Node, ...]:
        return ()

    def __str__(self) -> str:
        return _text(self)[0]


@dataclass(frozen=True)
class NumberLiteral(Node):
    value: float


@dataclass(frozen=True)
class BooleanLiteral(Node):
    value: bool


@dataclass(frozen=True)
class TextLiteral(Node):
    value: str


@dataclass(frozen=True)
class DurationLiteral(Node):
    value: float
    unit: str

    @property
    def nanoseconds(self) -> int:
        return round(self.value * TIME_UNITS[self.unit])


@dataclass(frozen=True)
class Name(Node):
    name: str


@dataclass(frozen=True)
class Unary(Node):
    operator: Literal["-", "not"]
    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True)
class Binary(Node):
    """A comparison or a power."""

    operator: str
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Chain(Node):
    """Operands joined by operators of one power, grouped to the left: `a - b + c`.

    One node and not a tree of pairs, because a plant's total may well have a hundred terms.
    """

    operators: tuple[str, ...]
    operands: tuple[Node, ...]
    positions: tuple[int, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    @property
    def children(self) -> tuple[Node, ...]:
        return self.operands


@dataclass(frozen=True)
class Membership(Node):
    """`operand in (items)`."""

    operand: Node
    items: tuple[NumberLiteral | TextLiteral, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True)
class Lasting(Node):
    """`operand for duration`."""

    operand: Node
    duration: DurationLiteral

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.arguments


def names(node: Node) -> Iterator[str]:
    """The names in a tree, in reading order, repeats included."""
    if isinstance(node, Name):
        yield node.name
    for child in node.children:
        yield from names(child)


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _quoted(value: str) -> str:
    if "'" in value and '"' not in value:
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'"


def _within(node: Node, least: Power) -> str:
    """The text of an operand, in parentheses unless it binds at least so tightly."""
    text, power = _text(node)
    return text if power >= least else f"({text})"


def _operand(node: Node, power: Power, first: bool) -> str:
    # The grammar refuses a `for` at the right of `and`, `or`, `else`; at the left it is no less
    # in need of parentheses to a reader.
    if isinstance(node, Lasting):
        return f"({node})"
    return _within(node, power if first and not isinstance(node, Chain) else Power(power + 1))


def _text(node: Node) -> tuple[str, Power]:
    match node:
        case NumberLiteral(value):
            # A negative literal occurs only in a set, where the grammar allows its sign.
            return _number(value), Power.PRIMARY
        case BooleanLiteral(value):
            return ("true" if value else "false"), Power.PRIMARY
        case TextLiteral(value):
            return _quoted(value), Power.PRIMARY
        case DurationLiteral(value, unit):
            return f"{_number(value)} {unit}", Power.PRIMARY
        case Name(name):
            bare = BARE_NAME.fullmatch(name) and name not in WORDS
            return (name if bare else f"[{name}]"), Power.PRIMARY
        case Call(function, arguments):
            return f"{function}({', '.join(map(str, arguments))})", Power.PRIMARY
        case Unary("not", Membership(operand, items)):
            return f"{_within(operand, Power.ADD)} not in {_set(items)}", Power.COMPARE
        case Unary("not", operand):
            return f"not {_within(operand, Power.NOT)}", Power.NOT
        case Unary(_, operand):
            return f"-{_within(operand, Power.NEGATE)}", Power.NEGATE
        case Membership(operand, items):
            return f"{_within(operand, Power.ADD)} in {_set(items)}", Power.COMPARE
        case Binary("**", left, right):
            text = f"{_within(left, Power.PRIMARY)} ** {_within(right, Power.NEGATE)}"
            return text, Power.RAISE
        case Binary(operator, left, right):
            text = f"{_within(left, Power.ADD)} {operator} {_within(right, Power.ADD)}"
            return text, Power.COMPARE
        case Lasting(operand, duration):
            return f"{_within(operand, Power.FOR)} for {duration}", Power.FOR
        case Chain(operators, operands):
            power = CHAINED[operators[0]]
            text = _operand(operands[0], power, first=True)
            for operator, operand in zip(operators, operands[1:], strict=True):
                text += f" {operator} {_operand(operand, power, first=False)}"
            return text, power
    raise AssertionError(f"no text for {type(node).__name__}")


def _set(items: tuple[NumberLiteral | TextLiteral, ...]) -> str:
    return f"({', '.join(map(str, items))})"
