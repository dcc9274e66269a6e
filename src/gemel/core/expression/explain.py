"""Why a result is what it is: the comparisons that decided it, with their values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from gemel.core.expression.column import BAD, Lane
from gemel.core.expression.compiler import Step
from gemel.core.expression.pointwise import rank
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
    names,
)
from gemel.core.expression.types import Boolean, Duration, Enumeration, Number, Text
from gemel.core.quality import from_status, reason

__all__ = ["Explainer"]

_LITERALS = NumberLiteral | BooleanLiteral | TextLiteral | DurationLiteral


class Explainer:
    """Speaks of one row. `lanes` holds that row's result of each step, of shape ().

    `untold` are the steps that depend on earlier rows which nobody has seen; of them it says what
    they look at, and not what they found.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        numbers: Mapping[Node, int],
        lanes: Sequence[Lane],
        untold: Collection[int] = (),
    ) -> None:
        self.steps = steps
        self.numbers = numbers
        self.lanes = lanes
        self.untold = untold

    def pieces(self, node: Node) -> tuple[str, ...]:
        """Short sentences, without repeats, in the order of the text."""
        return tuple(dict.fromkeys(self._pieces(node)))

    def _pieces(self, node: Node) -> Iterator[str]:
        if not isinstance(self.steps[self.numbers[node]].type, Boolean):
            yield from self._signals(node)
            return
        match node:
            case Unary("not", Membership() as operand):
                yield self._leaf(operand)
            case Unary(_, operand):
                yield from self._pieces(operand)
            case Chain(("and" | "or", *_), operands):
                for operand in self._deciding(node, operands):
                    yield from self._pieces(operand)
            case Chain(_, operands) | Call("first_good", operands):
                for operand in self._chosen(node, operands):
                    yield from self._pieces(operand)
            case Call("if", (condition, x, y)):
                yield from self._pieces(condition)
                if self._truth(condition) is not None:
                    yield from self._pieces(x if self._truth(condition) else y)
            case Lasting(operand, duration):
                *others, last = self._pieces(operand)
                yield from others
                yield last + self._lasting(node, operand, duration)
            case Binary() | Membership():
                yield self._leaf(node)
            case Name():
                yield self._side(node)
            case Call():
                told = {True: "", False: "not ", None: ""}[self._truth(node)]
                yield f"{told}{node}, with {', '.join(self._signals(node))}"
            case _:
                yield str(node)

    def _lasting(self, node: Node, operand: Node, duration: Node) -> str:
        if self.numbers[node] in self.untold:  # whatever the operand is
            return f" (for {duration})"
        if not self._truth(operand):
            return ""
        return f" for {duration}" if self._truth(node) else f", not yet for {duration}"

    def _deciding(self, node: Node, operands: Sequence[Node]) -> Sequence[Node]:
        """The operands of `and` or `or` that by themselves make it what it is."""
        if self.numbers[node] in self.untold:
            return operands
        whole = self._truth(node)
        return [operand for operand in operands if self._truth(operand) is whole]

    def _chosen(self, node: Node, operands: Sequence[Node]) -> Sequence[Node]:
        """The operand of `else` that was taken."""
        if self.numbers[node] in self.untold:
            return operands
        qualities = [self.lanes[self.numbers[operand]].quality for operand in operands]
        return [operands[int(np.argmin(rank(np.array(qualities))))]]

    def _leaf(self, node: Binary | Membership) -> str:
        truth = self._truth(node)
        if truth is None:
            unknown = "" if self.numbers[node] in self.untold else " is unknown"
            return f"{node}{unknown}, with {', '.join(self._signals(node))}"
        if isinstance(node, Membership):
            items = ", ".join(map(str, node.items))
            return f"{self._side(node.operand)}{'' if truth else ', not'} in ({items})"
        right = self._side(node.right)
        if node.operator == "==" and isinstance(node.right, _LITERALS):
            return self._side(node.left) + ("" if truth else f", not {right}")
        return f"{self._side(node.left)}{'' if truth else ', not'} {node.operator} {right}"

    def _signals(self, node: Node) -> list[str]:
        return [self._side(Name(name)) for name in dict.fromkeys(names(node))] or [str(node)]

    def _side(self, node: Node) -> str:
        """One side of a comparison, with what it is at this row."""
        if isinstance(node, _LITERALS):
            return str(node)
        number = self.numbers[node]
        lane = self.lanes[number]
        if lane.quality >= BAD:
            return f"{node} is {reason(from_status(int(lane.quality) << 16))}"
        value = float(lane.value)
        match self.steps[number].type:
            case Number(unit):
                return f"{node} = {value:.6g}{unit and ' '}{unit}"
            case Duration():
                return f"{node} = {value:.6g} s"
            case Boolean():
                return f"{node} = {'true' if value else 'false'}"
            case Enumeration(labels, codes):
                known = dict(zip(codes, labels, strict=True))
            case Text():
                known = dict(enumerate(lane.texts))
        label = known.get(int(value))
        return f"{node} = {value:.0f}" if label is None else f"{node} = {TextLiteral(label)}"

    def _truth(self, node: Node) -> bool | None:
        """None where it is unknown or untold."""
        number = self.numbers[node]
        lane = self.lanes[number]
        return None if lane.quality >= BAD or number in self.untold else bool(lane.value)
