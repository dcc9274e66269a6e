"""From tree to steps: every type is checked, and what the text says twice is computed once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Final, NoReturn

import numpy as np

from gemel.core.errors import did_you_mean
from gemel.core.expression.column import GOOD, Lane
from gemel.core.expression.error import ExpressionError
from gemel.core.expression.functions import FUNCTIONS, KINDS, Kernel
from gemel.core.expression.memory import Lasting as LastingKernel
from gemel.core.expression.pointwise import (
    Apply,
    SameText,
    TextIn,
    arithmetic,
    compare,
    conjunction,
    disjunction,
    elementwise,
    first_good,
    is_in,
    negation,
    recode,
)
from gemel.core.expression.syntax import (
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
    TextLiteral,
    Unary,
)
from gemel.core.expression.types import Boolean, Duration, Enumeration, Number, Text, Type

__all__ = ["Compiler", "Step"]

_VERBS: Final = {
    "+": "add {} and {}",
    "-": "subtract {1} from {0}",
    "*": "multiply {} by {}",
    "/": "divide {} by {}",
    "%": "take the remainder of {} by {}",
    "**": "raise {} to the power of {}",
}
_WHOLE_PATH: Final = re.compile(r"[\w./-]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One computation: the results of earlier steps in, one lane out; a name has no kernel."""

    node: Node
    type: Type
    inputs: tuple[int, ...]
    start: Callable[[], Kernel] | None


class Compiler:
    def __init__(
        self, text: str, lookup: Callable[[str], Type | None], names: Collection[str]
    ) -> None:
        self.text = text
        self.lookup = lookup
        self.names = names
        self.steps: list[Step] = []
        self.numbers: dict[Node, int] = {}

    def fail(self, message: str, node: Node) -> NoReturn:
        raise ExpressionError(message, self.text, node.position)

    def add(self, node: Node) -> int:
        """The number of the step that computes a node."""
        if node not in self.numbers:
            self.numbers[node] = self.compile(node)
        return self.numbers[node]

    def put(
        self, node: Node, type: Type, inputs: Sequence[int], start: Callable[[], Kernel] | None
    ) -> int:
        self.steps.append(Step(node, type, tuple(inputs), start))
        return len(self.steps) - 1

    def apply(
        self, node: Node, type: Type, inputs: Sequence[int], function: Callable[..., Lane]
    ) -> int:
        return self.put(node, type, inputs, partial(Apply, function))

    def constant(self, node: Node, type: Type, value: float | bool) -> int:
        lane = Lane(np.array(value), GOOD)
        return self.apply(node, type, (), lambda: lane)

    def type_of(self, number: int) -> Type:
        return self.steps[number].type

    def word(self, number: int) -> str:
        """The type of a step as a message calls it: a string is text until it meets labels."""
        step = self.steps[number]
        return "text" if isinstance(step.node, TextLiteral) else str(step.type)

    def compile(self, node: Node) -> int:
        match node:
            case NumberLiteral(value):
                return self.constant(node, Number(), value)
            case BooleanLiteral(value):
                return self.constant(node, Boolean(), value)
            case TextLiteral(value):
                return self.constant(node, Enumeration((value,)), 0.0)
            case DurationLiteral():
                return self.constant(node, Duration(), node.nanoseconds / 1e9)
            case Name():
                return self.name(node)
            case Unary("not", operand):
                return self.apply(node, Boolean(), [self.boolean(operand, "'not'")], negation)
            case Unary(_, operand):
                number = self.add(operand)
                if not isinstance(self.type_of(number), Number | Duration):
                    self.fail(f"cannot negate {self.word(number)}", node)
                negative = elementwise(np.negative)
                return self.apply(node, self.type_of(number), [number], negative)
            case Binary("**", left, right):
                inputs = [self.add(left), self.add(right)]
                first = self.type_of(inputs[0])
                power = self.combined("**", inputs[0], first, inputs[1], node)
                return self.apply(node, power, inputs, arithmetic(["**"]))
            case Binary():
                return self.comparison(node)
            case Membership():
                return self.membership(node)
            case Lasting(operand, duration):
                inputs = [self.boolean(operand, "'for'")]
                start = partial(LastingKernel, self.window(duration))
                return self.put(node, Boolean(), inputs, start)
            case Chain():
                return self.chain(node)
            case Call():
                return self.call(node)
        raise AssertionError(f"no step for {type(node).__name__}")

    def name(self, node: Name) -> int:
        type = self.lookup(node.name)
        if type is not None:
            return self.put(node, type, (), None)
        path = _WHOLE_PATH.match(self.text, node.position)
        if path and "/" in path[0] and self.lookup(path[0]) is not None:
            self.fail(f"'{node.name}' is not known; a path stands in brackets: [{path[0]}]", node)
        known = (*self.names, "true", "false") if self.names else ()
        hint = f"; {did_you_mean(node.name, known)}" if known else ""
        self.fail(f"'{node.name}' is not known{hint}", node)

    def boolean(self, node: Node, operator: str) -> int:
        number = self.add(node)
        if not isinstance(self.type_of(number), Boolean):
            self.fail(f"{operator} needs a boolean, found {self.word(number)}", node)
        return number

    def window(self, duration: DurationLiteral) -> int:
        if duration.nanoseconds < 1:
            self.fail("the time must be longer than 0", duration)
        return duration.nanoseconds

    def chain(self, node: Chain) -> int:
        operator = node.operators[0]
        if operator in ("and", "or"):
            inputs = [self.boolean(operand, f"'{operator}'") for operand in node.operands]
            logic = conjunction if operator == "and" else disjunction
            return self.apply(node, Boolean(), inputs, logic)
        inputs = [self.add(operand) for operand in node.operands]
        if operator == "else":
            type, inputs = self.common(inputs, node.operands)
            return self.apply(node, type, inputs, first_good)
        type = self.type_of(inputs[0])
        places = node.positions or (0,) * len(node.operators)
        for operator, number, place in zip(node.operators, inputs[1:], places, strict=True):
            type = self.combined(operator, inputs[0], type, number, Node(position=place))
        return self.apply(node, type, inputs, arithmetic(node.operators))

    def combined(self, operator: str, first: int, left: Type, number: int, place: Node) -> Type:
        """The type of `left operator right`; `first` is the step of the left end."""
        match operator, left, self.type_of(number):
            case (("+" | "-"), Number(unit), Number(other)):
                return Number(unit if unit == other or not other else other if not unit else "")
            case (("*" | "/" | "%" | "**"), Number(), Number()):
                return Number()
            case (("+" | "-"), Duration(), Duration()):
                return Duration()
            case ("*", Duration(), Number()) | ("*", Number(), Duration()):
                return Duration()
            case "/", Duration(), Number():
                return Duration()
            case "/", Duration(), Duration():
                return Number()
        # Only the left end can be other than a number or a duration; the rest is computed.
        word = str(left) if isinstance(left, Number | Duration) else self.word(first)
        self.fail(f"cannot {_VERBS[operator].format(word, self.word(number))}", place)

    def comparison(self, node: Binary) -> int:
        left, right = node.left, node.right
        # A string is looked up among the labels or texts of the other side.
        if node.operator in ("==", "!=") and isinstance(left, TextLiteral):
            left, right = right, left
        if node.operator in ("==", "!=") and isinstance(right, TextLiteral):
            if not isinstance(self.type_of(self.add(left)), Enumeration | Text):
                self.cannot_compare(node)
            return self.either(node, Membership(left, (right,), position=node.position))
        inputs = [self.add(left), self.add(right)]
        match self.type_of(inputs[0]), self.type_of(inputs[1]):
            case (Number(), Number()) | (Duration(), Duration()):
                pass
            case (Boolean(), Boolean()) | (Enumeration(), Enumeration()) | (Text(), Text()):
                if node.operator not in ("==", "!="):
                    self.fail(
                        f"{self.word(inputs[0])} has no order; compare it with == or !=", node
                    )
                if isinstance(self.type_of(inputs[0]), Text):
                    if node.operator == "!=":
                        equal = Binary("==", left, right, position=node.position)
                        return self.either(node, equal)
                    return self.put(node, Boolean(), inputs, SameText)
                _, inputs = self.common(inputs, (left, right))
            case _:
                self.cannot_compare(node)
        return self.apply(node, Boolean(), inputs, compare(node.operator))

    def either(self, node: Binary, equal: Node) -> int:
        """`==` or `!=` by way of another node that says `==`."""
        if node.operator == "==":
            return self.add(equal)
        return self.add(Unary("not", equal, position=node.position))

    def cannot_compare(self, node: Binary) -> NoReturn:
        left, right = self.word(self.add(node.left)), self.word(self.add(node.right))
        self.fail(f"cannot compare {left} with {right}", node)

    def membership(self, node: Membership) -> int:
        number = self.add(node.operand)
        type = self.type_of(number)
        wanted: list[str] = []
        values: list[float] = []
        for item in node.items:
            match type, item:
                case Number(), NumberLiteral(value):
                    values.append(value)
                case Text(), TextLiteral(label):
                    wanted.append(label)
                case Enumeration(labels), TextLiteral(label):
                    if label not in labels:
                        hint = did_you_mean(label, labels)
                        self.fail(f"'{label}' is not a label of {node.operand}; {hint}", item)
                    values += type.codes_of(label)
                case _:
                    other = "number" if isinstance(item, NumberLiteral) else "text"
                    self.fail(f"cannot compare {self.word(number)} with {other}", item)
        if isinstance(type, Text):
            return self.put(node, Boolean(), [number], partial(TextIn, wanted))
        return self.apply(node, Boolean(), [number], is_in(values))

    def common(self, inputs: Sequence[int], nodes: Sequence[Node]) -> tuple[Type, list[int]]:
        """The one type of several values, and the steps that give them in it."""
        first = self.type_of(inputs[0])
        for number, node in zip(inputs, nodes, strict=True):
            type = self.type_of(number)
            if isinstance(type, Text):
                self.fail("texts of signals cannot be mixed; each has its own dictionary", node)
            if type.__class__ is not first.__class__:
                self.fail(f"cannot mix {self.word(inputs[0])} and {self.word(number)}", node)
        if isinstance(first, Number):
            same = all(self.type_of(number) == first for number in inputs)
            return (first if same else Number()), list(inputs)
        if not isinstance(first, Enumeration):
            return first, list(inputs)
        types = [type for type in map(self.type_of, inputs) if isinstance(type, Enumeration)]
        whole = reduce(Enumeration.merge, types)
        return whole, [
            number
            if type == whole
            else self.apply(self.steps[number].node, whole, [number], recode(type, whole))
            for number, type in zip(inputs, types, strict=True)
        ]

    def call(self, node: Call) -> int:
        name, arguments = node.function, node.arguments
        if name not in FUNCTIONS:
            self.fail(f"'{name}' is not a function; {did_you_mean(name, FUNCTIONS)}", node)
        function = FUNCTIONS[name]
        if not function.takes(len(arguments)):
            plural = "" if function.usage(name).endswith(" 1") else "s"
            found = len(arguments)
            self.fail(f"{function.usage(name)} argument{plural}, found {found}", node)
        inputs: list[int] = []
        alike: list[int] = []
        start = function.start
        for number, argument in enumerate(arguments):
            kind = function.kind(number)
            phrase, types = KINDS[kind]
            if kind == "window" and isinstance(argument, DurationLiteral):
                start = partial(start, self.window(argument))
                continue
            step = self.add(argument)
            if kind == "window" or (kind == "signal" and not isinstance(argument, Name)):
                found_word = f"'{argument}'"
            elif not isinstance(self.type_of(step), types):
                found_word = self.word(step)
            else:
                if kind in ("quantity", "same"):
                    alike.append(number)
                inputs.append(step)
                continue
            word = function.parameters[min(number, len(function.parameters) - 1)][0]
            self.fail(f"{name} takes {phrase} as {word}, found {found_word}", argument)
        if name == "hysteresis" and arguments[1] == arguments[2]:
            self.fail("hysteresis needs two different limits", arguments[2])
        type = self.type_of(inputs[0])
        if alike:
            type, same = self.common([inputs[n] for n in alike], [arguments[n] for n in alike])
            inputs[alike[0] :] = same
        return self.put(node, function.result(type), inputs, start)
