"""Compiled expressions, and their running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from gemel.core.expression.column import (
    GOOD,
    Array,
    Column,
    Lane,
    from_column,
    to_column,
)
from gemel.core.expression.compiler import Compiler, Step
from gemel.core.expression.error import ExpressionError
from gemel.core.expression.explain import Explainer
from gemel.core.expression.memory import Memory
from gemel.core.expression.parser import parse
from gemel.core.expression.syntax import Name, Node, names
from gemel.core.expression.types import Resolve, Type

__all__ = ["Evaluation", "Program", "compile_expression"]

_STATE_VERSION: Final = 1


def compile_expression(
    text: str,
    resolve: Resolve,
    *,
    known: tuple[str, ...] = (),
    expect: type[Type] | None = None,
) -> Program:
    """The program of an expression. Raises `ExpressionError`.

    `resolve` gives the type of each name. If it is a function, `known` are the names to suggest in
    place of a wrong one. `expect` is the type that the whole must have: an alarm needs a `Boolean`.
    """
    tree = parse(text)
    if isinstance(resolve, Mapping):
        compiler = Compiler(text, resolve.get, tuple(resolve))
    else:
        compiler = Compiler(text, resolve, known)
    result = compiler.add(tree)
    type = compiler.type_of(result)
    if expect is not None and not isinstance(type, expect):
        wanted = expect.__name__.lower()
        raise ExpressionError(f"the whole must be {wanted}, found {compiler.word(result)}", text, 0)
    return Program(
        text=text,
        tree=tree,
        type=type,
        inputs=tuple(dict.fromkeys(names(tree))),
        steps=tuple(compiler.steps),
        numbers=compiler.numbers,
    )


@dataclass(frozen=True)
class Program:
    """A compiled expression: a value without state. `str` gives its canonical text.

    `inputs` are the names it reads, in the order of the text.
    """

    text: str
    tree: Node
    type: Type
    inputs: tuple[str, ...]
    steps: tuple[Step, ...] = field(repr=False, compare=False)
    numbers: Mapping[Node, int] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return str(self.tree)

    def start(self, state: Mapping[str, Any] | None = None) -> Evaluation:
        """A running evaluation, new or continued from a saved state.

        Raises `ValueError` if the state is not one of this expression.
        """
        return Evaluation(self, state)

    def explain(self, columns: Mapping[str, Column]) -> tuple[str, ...]:
        """Why the result is what it is at one instant, given columns of one row.

        What depends on earlier rows cannot be told from one instant, and is only named together
        with what it looks at; `Evaluation.explain` knows it.
        """
        evaluation = self.start()
        evaluation.step(np.zeros(1, np.int64), columns)
        untold: set[int] = set()
        for number, (step, kernel) in enumerate(zip(self.steps, evaluation.kernels, strict=True)):
            if isinstance(kernel, Memory) or not untold.isdisjoint(step.inputs):
                untold.add(number)
        return evaluation.explain(untold=frozenset(untold))


class Evaluation:
    """A program that runs over rows, step by step. Used by one thread at a time."""

    def __init__(self, program: Program, state: Mapping[str, Any] | None = None) -> None:
        self.program = program
        self.kernels = [step.start() if step.start else None for step in program.steps]
        self._time: int | None = None
        self._assets: dict[str, int | None] = {}
        self._last: list[Lane] = []
        if state is not None:
            self._restore(state)

    def step(self, time: Array, columns: Mapping[str, Column]) -> Column:
        """The result at each row. `time` is int64, ns, and never goes back.

        Raises `ValueError`, and changes nothing, if a column is missing or shapes or times are
        wrong. The inputs are not changed and not kept.
        """
        time = np.asarray(time, np.int64)
        inputs = self._inputs(time, columns)
        shape = np.broadcast_shapes(time.shape, *(lane.value.shape for lane in inputs.values()))
        if not len(time):
            return to_column(Lane(np.zeros(shape), GOOD), shape)
        lanes: list[Lane] = []
        with np.errstate(all="ignore"):  # what is undefined becomes bad, row by row
            for number, kernel in enumerate(self.kernels):
                if kernel is None:
                    lanes.append(inputs[number])
                    continue
                needed = self.program.steps[number].inputs
                lane = kernel(time, *(lanes[earlier] for earlier in needed))
                if lane.quality is not GOOD and not lane.quality.any():
                    lane = Lane(lane.value, GOOD)
                lanes.append(lane)
        self._time = int(time[-1])
        self._last = [_last_row(lane) for lane in lanes]
        return to_column(lanes[self.program.numbers[self.program.tree]], shape)

    def explain(self, asset: int = 0, *, untold: frozenset[int] = frozenset()) -> tuple[str, ...]:
        """Why the last row's result is what it is; nothing before the first row.

        Where columns have shape (n, k), `asset` says which of the k is meant.
        """
        if not self._last:
            return ()
        lanes = [_of_asset(lane, asset) for lane in self._last]
        program = self.program
        return Explainer(program.steps, program.numbers, lanes, untold).pieces(program.tree)

    def state(self) -> dict[str, Any]:
        """All that the past has left, as a JSON value, for `Program.start`."""
        return {
            "version": _STATE_VERSION,
            "expression": str(self.program),
            "time": self._time,
            "assets": dict(self._assets),
            "memory": [kernel.state() for kernel in self._memories()],
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state.get("version") != _STATE_VERSION:
            raise ValueError(
                f"the state has version {state.get('version')}, expected {_STATE_VERSION}"
            )
        if state.get("expression") != str(self.program):
            raise ValueError(
                f"the state is of the expression {state.get('expression')!r}, "
                f"expected {str(self.program)!r}"
            )
        try:
            for kernel, saved in zip(self._memories(), state["memory"], strict=True):
                kernel.restore(saved)
            self._time = None if state["time"] is None else int(state["time"])
            self._assets = dict(state["assets"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the state is damaged: {error}") from error

    def _memories(self) -> list[Memory]:
        kernels: Sequence[object] = self.kernels
        return [kernel for kernel in kernels if isinstance(kernel, Memory)]

    def _inputs(self, time: Array, columns: Mapping[str, Column]) -> dict[int, Lane]:
        """Lanes of the inputs, by the number of their step."""
        if time.ndim != 1:
            raise ValueError(f"time has shape {time.shape}, expected (rows,)")
        if len(time) and (
            (self._time is not None and time[0] < self._time) or (time[1:] < time[:-1]).any()
        ):
            raise ValueError("time goes back; rows must come in the order of their source time")
        inputs: dict[int, Lane] = {}
        assets: dict[str, int | None] = {}
        for number, step in enumerate(self.program.steps):
            if step.start is not None or not isinstance(step.node, Name):
                continue
            name = step.node.name
            if name not in columns:
                raise ValueError(f"no column for '{name}'")
            lane = from_column(name, columns[name], step.type, len(time))
            assets[name] = lane.value.shape[0] if lane.value.ndim == 2 else None
            inputs[number] = lane
        if self._assets not in ({}, assets):
            raise ValueError(f"columns have other assets than before: {assets}")
        if len({count for count in assets.values() if count is not None}) > 1:
            raise ValueError(f"columns differ in their number of assets: {assets}")
        self._assets = assets
        return inputs


def _last_row(lane: Lane) -> Lane:
    """The last row as memory of its own, so that a long step does not stay alive."""
    value = lane.value[..., -1].copy() if lane.value.ndim else lane.value
    quality = lane.quality[..., -1].copy() if lane.quality.ndim else lane.quality
    return Lane(value, quality, texts=lane.texts)


def _of_asset(lane: Lane, asset: int) -> Lane:
    value = lane.value[asset] if lane.value.ndim else lane.value
    quality = lane.quality[asset] if lane.quality.ndim else lane.quality
    return Lane(value, quality, texts=lane.texts)
