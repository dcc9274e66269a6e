"""From what a person wrote to programs: names, deadbands, and the shapes that many alarms share.

Most alarms of a plant compare a few signals with constants. Such expressions without memory are the
same program with other constants; a `Shape` is that program, and runs over the samples of all its
alarms in one step. The language stays the only one that says what an expression means.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.expression import (
    Boolean,
    ExpressionError,
    Node,
    Number,
    Program,
    Text,
    Type,
    compile_expression,
    parse,
)
from gemel.core.expression.syntax import Binary, Lasting, Name, NumberLiteral
from gemel.core.plant import PlantSignal
from gemel.twin.alarms.settings import AlarmSettings
from gemel.twin.mirror.names import Names, Resolver

__all__ = ["Compiled", "Compiler", "Shape", "check", "looks_at"]

_OPPOSITE: Final = {">": ("<=", "-"), ">=": ("<", "-"), "<": (">=", "+"), "<=": (">", "+")}
_MOST_INPUTS: Final = 8
"""Conditions of more signals run on their own, so that rows of all others stay narrow."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What alarms that run together have in common: the types of ``x0``, ``x1`` …, and the texts of
    the programs with those for the signals and ``c0``, ``c1`` … for the constants."""

    types: tuple[Type, ...]
    when: str
    clear: str
    constants: int

    def compile(self) -> tuple[Program, Program | None]:
        """The programs. Raises `ExpressionError` where a constant must be a constant."""
        names: dict[str, Type] = {f"x{i}": type for i, type in enumerate(self.types)}
        names |= {f"c{i}": Number() for i in range(self.constants)}
        when = compile_expression(self.when, names, expect=Boolean)
        clear = compile_expression(self.clear, names, expect=Boolean) if self.clear else None
        return when, clear


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition, ready to run: what begins it, and what ends it if that is not its opposite.

    inputs     path of the signal behind each name of both programs
    shape      where it can run together with others, with the values of the constants
    """

    when: Program
    clear: Program | None
    inputs: Mapping[str, str]
    shape: Shape | None = None
    constants: tuple[float, ...] = ()
    lasting: int = 0
    """ns of an outermost ``for``, which is left to the on-delay: it means the same, for all alarms
    at once."""


class Compiler:
    """Compiles conditions against the signals of a plan."""

    def __init__(self, signals: Iterable[PlantSignal]) -> None:
        self._index = Names(signals)
        self._resolvers: dict[str, Resolver] = {}
        self._shapes: dict[Shape, bool] = {}
        self._programs: dict[tuple[str, tuple[tuple[str, Type | None], ...]], Program] = {}

    def condition(self, alarm: AlarmSettings) -> Compiled:
        """`when`, `clear` and `deadband` of an alarm. Raises `ConfigurationError`."""
        if alarm.deadband is not None:
            return self._compile(alarm.asset, alarm.when, _back_from(alarm.when, alarm.deadband))
        tree = _parse(alarm.when)
        if isinstance(tree, Lasting) and not alarm.clear:
            compiled = self._compile(alarm.asset, str(tree.operand), "")
            return dataclasses.replace(compiled, lasting=tree.duration.nanoseconds)
        return self._compile(alarm.asset, alarm.when, alarm.clear)

    def suppression(self, alarm: AlarmSettings) -> Compiled | None:
        """`suppress_when` of an alarm. Raises `ConfigurationError`."""
        if not alarm.suppress_when:
            return None
        return self._compile(alarm.asset, alarm.suppress_when, "")

    def _compile(self, asset: str, when_text: str, clear_text: str) -> Compiled:
        resolver = self._resolver(asset)
        when = self._program(when_text, resolver)
        clear = self._program(clear_text, resolver) if clear_text else None
        names = dict.fromkeys((*when.inputs, *(clear.inputs if clear else ())))
        inputs = {name: resolver.path(name) for name in names}
        if not inputs:
            raise ConfigurationError(f"'{when_text}' looks at no signal")
        compiled = Compiled(when, clear, inputs)
        return self._together(compiled, resolver)

    def _program(self, text: str, resolver: Resolver) -> Program:
        """Assets of one type write the same: a program is a value, and is compiled once."""
        names = tuple(dict.fromkeys(_names(_parse(text))))
        key = text, tuple((name, resolver(name)) for name in names)
        if key not in self._programs:
            known = resolver.known
            self._programs[key] = compile_expression(text, resolver, known=known, expect=Boolean)
        return self._programs[key]

    def _resolver(self, asset: str) -> Resolver:
        if asset not in self._resolvers:
            self._resolvers[asset] = Resolver(self._index, asset)
        return self._resolvers[asset]

    def _together(self, compiled: Compiled, resolver: Resolver) -> Compiled:
        programs = [p for p in (compiled.when, compiled.clear) if p is not None]
        if any(program.start().state()["memory"] for program in programs):
            return compiled
        paths = {path: f"x{i}" for i, path in enumerate(dict.fromkeys(compiled.inputs.values()))}
        types = {path: resolver(name) for name, path in compiled.inputs.items()}
        if len(paths) > _MOST_INPUTS or any(isinstance(t, Text) for t in types.values()):
            return compiled  # a text's codes are its own signal's
        names = {name: paths[path] for name, path in compiled.inputs.items()}
        constants: list[float] = []
        when = str(_general(compiled.when.tree, names, constants))
        clear = str(_general(compiled.clear.tree, names, constants)) if compiled.clear else ""
        known = tuple(type for path in paths if (type := types[path]) is not None)
        shape = Shape(known, when, clear, len(constants))
        if shape not in self._shapes:
            try:
                shape.compile()
            except ExpressionError:
                self._shapes[shape] = False
            else:
                self._shapes[shape] = True
        if not self._shapes[shape]:
            return compiled
        return dataclasses.replace(compiled, shape=shape, constants=tuple(constants))


def check(
    alarms: Mapping[str, AlarmSettings], signals: Iterable[PlantSignal], assets: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """Everything that is wrong with the alarms of a plan: (name, field, sentence)."""
    compiler = Compiler(signals)
    known = set(assets)
    for name, alarm in alarms.items():
        if alarm.asset not in known:
            yield name, "asset", f"no asset '{alarm.asset}'; {did_you_mean(alarm.asset, known)}"
            continue
        for field, compile_one in (
            ("when", compiler.condition),
            ("suppress_when", compiler.suppression),
        ):
            try:
                compile_one(alarm)
            except ConfigurationError as error:
                yield name, field, error.message


def looks_at(
    alarms: Mapping[str, AlarmSettings], signals: Iterable[PlantSignal]
) -> dict[str, list[str]]:
    """Paths of the signals that each alarm looks at."""
    compiler = Compiler(signals)
    found: dict[str, list[str]] = {}
    for name, alarm in alarms.items():
        suppression = compiler.suppression(alarm)
        more = suppression.inputs.values() if suppression is not None else ()
        found[name] = [*compiler.condition(alarm).inputs.values(), *more]
    return found


@functools.lru_cache(maxsize=16_384)
def _parse(text: str) -> Node:
    return parse(text)


def _back_from(text: str, deadband: float) -> str:
    """The opposite of a comparison, `deadband` further back."""
    tree = _parse(text)
    if not isinstance(tree, Binary) or tree.operator not in _OPPOSITE:
        raise ConfigurationError(
            f"`deadband` needs a `when` such as 'level > 502.5', found '{text}'; "
            "write the end as `clear` instead"
        )
    opposite, sign = _OPPOSITE[tree.operator]
    return f"({tree.left}) {opposite} ({tree.right}) {sign} {deadband!r}"


def _general(node: Node, names: Mapping[str, str], constants: list[float]) -> Node:
    """The tree with other names, and its numbers moved to `constants`."""
    if isinstance(node, Name):
        return Name(names[node.name])
    if isinstance(node, NumberLiteral):
        constants.append(node.value)
        return Name(f"c{len(constants) - 1}")
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Node):
            changed[field.name] = _general(value, names, constants)
        elif field.name in ("operands", "arguments"):
            changed[field.name] = tuple(_general(child, names, constants) for child in value)
    return dataclasses.replace(node, **changed)


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
    for child in node.children:
        yield from _names(child)
