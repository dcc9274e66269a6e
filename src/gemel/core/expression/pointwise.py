"""Kernels without memory: each row of the result depends on that row of the inputs only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Final

import numpy as np

from gemel.core.expression.column import BAD, GOOD, UNCERTAIN, Array, Lane, blank, settle, worst
from gemel.core.expression.types import Enumeration

__all__ = [
    "Apply",
    "SameText",
    "TextIn",
    "arithmetic",
    "clip",
    "compare",
    "conjunction",
    "disjunction",
    "elementwise",
    "first_good",
    "good",
    "is_in",
    "largest",
    "negation",
    "rank",
    "recode",
    "smallest",
    "where",
]

Function = Callable[..., Lane]

_ARITHMETIC: Final[Mapping[str, np.ufunc]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
    "**": np.power,
}
_COMPARISON: Final[Mapping[str, np.ufunc]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


class Apply:
    """A kernel of a plain function of lanes."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, time: Array, *lanes: Lane) -> Lane:
        return self.function(*lanes)


def elementwise(ufunc: Callable[[Array], Array]) -> Function:
    return lambda lane: settle(ufunc(lane.value), lane.quality)


def arithmetic(operators: Sequence[str]) -> Function:
    """Operators from left to right. What is not finite on the way cannot become finite again."""
    ufuncs = [_ARITHMETIC[operator] for operator in operators]

    def run(first: Lane, *others: Lane) -> Lane:
        value = first.value
        for ufunc, lane in zip(ufuncs, others, strict=True):
            value = ufunc(value, lane.value)
        return settle(value, worst(first, *others))

    return run


def compare(operator: str) -> Function:
    ufunc = _COMPARISON[operator]
    return lambda left, right: blank(ufunc(left.value, right.value), worst(left, right))


def is_in(items: Sequence[float]) -> Function:
    return lambda lane: blank(np.isin(lane.value, items), lane.quality)


def negation(lane: Lane) -> Lane:
    return Lane(~lane.value & lane.known, lane.quality)


def conjunction(*lanes: Lane) -> Lane:
    """Kleene's `and`: what is false decides alone, and the best of those that are is enough."""
    return reduce(_both, lanes)


def disjunction(*lanes: Lane) -> Lane:
    return negation(reduce(_both, map(negation, lanes)))


def _both(a: Lane, b: Lane) -> Lane:
    value = a.value & b.value
    if worst(a, b) is GOOD:
        return Lane(value, GOOD)
    a_false, b_false = ~a.value & a.known, ~b.value & b.known
    either = np.where(a_false, a.quality, b.quality)
    best = np.where(a_false & b_false, np.minimum(a.quality, b.quality), either)
    return Lane(value, np.where(a_false | b_false, best, np.maximum(a.quality, b.quality)))


def smallest(*lanes: Lane) -> Lane:
    return Lane(reduce(np.minimum, (lane.value for lane in lanes)), worst(*lanes))


def largest(*lanes: Lane) -> Lane:
    return Lane(reduce(np.maximum, (lane.value for lane in lanes)), worst(*lanes))


def clip(x: Lane, low: Lane, high: Lane) -> Lane:
    within = np.minimum(np.maximum(x.value, low.value), high.value)
    return settle(np.where(low.value <= high.value, within, np.nan), worst(x, low, high))


def where(condition: Lane, x: Lane, y: Lane) -> Lane:
    value = np.where(condition.value, x.value, y.value)
    if worst(condition, x, y) is GOOD:
        return Lane(value, GOOD)
    chosen = np.where(condition.value, x.quality, y.quality)
    return blank(value, np.maximum(condition.quality, chosen))


def first_good(first: Lane, *others: Lane) -> Lane:
    best = first
    for lane in others:
        if best.quality is GOOD:
            break
        better = rank(lane.quality) < rank(best.quality)
        value = np.where(better, lane.value, best.value)
        best = Lane(value, np.where(better, lane.quality, best.quality))
    shape = np.broadcast_shapes(first.value.shape, *(lane.value.shape for lane in others))
    return Lane(np.broadcast_to(best.value, shape), best.quality)


def rank(quality: Array) -> Array:
    """0 good, 1 uncertain, 2 bad."""
    return (quality >= UNCERTAIN).astype(np.int8) + (quality >= BAD)


def good(lane: Lane) -> Lane:
    return Lane(np.broadcast_to(lane.quality < UNCERTAIN, lane.value.shape), GOOD)


def recode(old: Enumeration, new: Enumeration) -> Function:
    """Codes of one enumeration as codes of another that has all its labels."""
    target = {label: code for code, label in zip(new.codes, new.labels, strict=True)}
    order = np.argsort(old.codes)
    known = np.array(old.codes, np.float64)[order]
    codes = np.array([target[label] for label in old.labels], np.float64)[order]

    def run(lane: Lane) -> Lane:
        place = np.minimum(np.searchsorted(known, lane.value), len(known) - 1)
        # A code without a label has no counterpart; it is as good as no value.
        return settle(np.where(known[place] == lane.value, codes[place], np.nan), lane.quality)

    return run


class TextIn:
    """Whether a text is one of `wanted`. Dictionaries only grow, so each entry is read once."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self.wanted = frozenset(wanted)
        self.read = 0
        self.codes: list[int] = []

    def __call__(self, time: Array, lane: Lane) -> Lane:
        size = len(lane.texts)
        fresh = range(self.read, size)
        self.codes += [code for code in fresh if lane.texts[code] in self.wanted]
        self.read = size
        return is_in(self.codes)(lane)


class SameText:
    """Whether two texts, each of its own dictionary, are equal."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.left = np.zeros(0, np.int64)
        self.right = np.zeros(0, np.int64)

    def __call__(self, time: Array, left: Lane, right: Lane) -> Lane:
        self.left = self._grown(self.left, left.texts)
        self.right = self._grown(self.right, right.texts)
        equal = self._look(self.left, left, -1) == self._look(self.right, right, -2)
        return blank(equal, worst(left, right))

    def _grown(self, table: Array, texts: Sequence[str]) -> Array:
        fresh = [
            self.numbers.setdefault(texts[code], len(self.numbers))
            for code in range(len(table), len(texts))
        ]
        return np.concatenate([table, np.array(fresh, np.int64)]) if fresh else table

    @staticmethod
    def _look(table: Array, lane: Lane, missing: int) -> Array:
        """A common number for each text; `missing` for a code that is not in the dictionary."""
        inside = (lane.value >= 0) & (lane.value < len(table))
        code = np.where(inside, lane.value, len(table)).astype(np.int64)
        return np.append(table, missing)[code]
