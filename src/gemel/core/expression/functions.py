"""The functions of the language: what each takes, what it gives, and the kernel that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

import numpy as np

from gemel.core.expression.column import Lane
from gemel.core.expression.memory import (
    Age,
    Average,
    Changed,
    CountTrue,
    Delta,
    Extreme,
    Hysteresis,
    Rate,
    Rising,
    WindowRate,
)
from gemel.core.expression.pointwise import (
    Apply,
    clip,
    elementwise,
    first_good,
    good,
    largest,
    smallest,
    where,
)
from gemel.core.expression.types import Boolean, Duration, Enumeration, Number, Text, Type

__all__ = ["FUNCTIONS", "KINDS", "Function", "Kernel", "Kind"]


Kernel: TypeAlias = Callable[..., Lane]
"""What runs a part of an expression, given the time and a lane for each input."""

Kind: TypeAlias = Literal[
    "number", "boolean", "measure", "quantity", "same", "any", "signal", "window"
]

KINDS: Final[Mapping[Kind, tuple[str, tuple[type[Type], ...]]]] = {
    "number": ("a number", (Number,)),
    "boolean": ("a boolean", (Boolean,)),
    "measure": ("a number or a boolean", (Number, Boolean)),
    "quantity": ("a number or a duration", (Number, Duration)),
    "same": ("a value", (Number, Boolean, Enumeration, Text, Duration)),
    "any": ("a value", (Number, Boolean, Enumeration, Text, Duration)),
    "signal": ("the name of a signal", (Number, Boolean, Enumeration, Text, Duration)),
    "window": ("a time such as 30 s", (Duration,)),
}
"""Kinds of arguments, in words, with their types. All `quantity`, and all `same`, arguments of one
call must have one type, which then is that of the result."""


@dataclass(frozen=True)
class Function:
    """`start` makes the kernel; it is given the window, in ns, if the call has one."""

    parameters: tuple[tuple[str, Kind], ...]
    result: Callable[[Type], Type]
    start: Callable[..., Kernel]
    optional: bool = False
    repeats: bool = False

    def usage(self, name: str) -> str:
        """How it is written, and how many arguments that makes."""
        words = [word for word, _ in self.parameters]
        most = len(words)
        if self.optional:
            return f"{name}({', '.join(words[:-1])}[, {words[-1]}]) takes {most - 1} or {most}"
        if self.repeats:
            return f"{name}({', '.join(words)}, …) takes {most} or more"
        return f"{name}({', '.join(words)}) takes {most}"

    def kind(self, number: int) -> Kind:
        return self.parameters[min(number, len(self.parameters) - 1)][1]

    def takes(self, count: int) -> bool:
        most = len(self.parameters)
        return most - self.optional <= count and (count <= most or self.repeats)


def _same(first: Type) -> Type:
    return first


def _number(_: Type) -> Type:
    return Number()


def _boolean(_: Type) -> Type:
    return Boolean()


def _duration(_: Type) -> Type:
    return Duration()


def _mean(first: Type) -> Type:
    return first if isinstance(first, Number) else Number()


def _plain(function: Callable[..., Lane]) -> Callable[[], Kernel]:
    return partial(Apply, function)


def _rate(window: int | None = None) -> Kernel:
    return Rate() if window is None else WindowRate(window)


_X: Final[tuple[str, Kind]] = ("x", "number")
_B: Final[tuple[str, Kind]] = ("b", "boolean")
_WINDOW: Final[tuple[str, Kind]] = ("window", "window")

FUNCTIONS: Final[Mapping[str, Function]] = {
    "abs": Function((_X,), _same, _plain(elementwise(np.abs))),
    "round": Function((_X,), _same, _plain(elementwise(np.round))),
    "sqrt": Function((_X,), _number, _plain(elementwise(np.sqrt))),
    "exp": Function((_X,), _number, _plain(elementwise(np.exp))),
    "log": Function((_X,), _number, _plain(elementwise(np.log))),
    "clip": Function((_X, ("lo", "number"), ("hi", "number")), _same, _plain(clip)),
    "min": Function((("x", "quantity"), ("y", "quantity")), _same, _plain(smallest), repeats=True),
    "max": Function((("x", "quantity"), ("y", "quantity")), _same, _plain(largest), repeats=True),
    "if": Function((("condition", "boolean"), ("x", "same"), ("y", "same")), _same, _plain(where)),
    "first_good": Function((("x", "same"), ("y", "same")), _same, _plain(first_good), repeats=True),
    "good": Function((("x", "any"),), _boolean, _plain(good)),
    "age": Function((("x", "signal"),), _duration, Age),
    "hysteresis": Function((_X, ("on", "number"), ("off", "number")), _boolean, Hysteresis),
    "rising": Function((_B,), _boolean, Rising),
    "falling": Function((_B,), _boolean, partial(Rising, falling=True)),
    "changed": Function((("x", "any"),), _boolean, Changed),
    "delta": Function((_X,), _same, Delta),
    "rate": Function((_X, _WINDOW), _number, _rate, optional=True),
    "avg": Function((("x", "measure"), _WINDOW), _mean, Average),
    "lowest": Function((_X, _WINDOW), _same, partial(Extreme, highest=False)),
    "highest": Function((_X, _WINDOW), _same, partial(Extreme, highest=True)),
    "count_true": Function((_B, _WINDOW), _number, CountTrue),
}
