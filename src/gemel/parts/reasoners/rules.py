"""A rule: when this is so, propose that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from pydantic import Field, model_validator

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.event import make_id
from gemel.core.expression import (
    Boolean,
    Column,
    Number,
    Program,
    Resolve,
    compile_expression,
)
from gemel.core.frame import Times
from gemel.core.settings import Settings
from gemel.core.time import MINUTE, Duration
from gemel.parts.reasoners.base import (
    Effect,
    Evidence,
    Finding,
    Proposal,
    Reasoner,
    Reasoning,
    Said,
    Severity,
)

__all__ = ["Rule"]

_VERSION: Final = 1


class Action(Settings):
    """What a rule proposes."""

    command: str = Field(description="Path of the command, e.g. 'line2/filler/speed_setpoint'")
    value: str | float | bool | None = Field(
        None, description="Value to write; a text is an expression over the rule's names"
    )
    label: str | None = Field(None, description="Word to write to an enumeration or text signal")
    change: float | None = Field(None, description="Change of the present value, in its unit")
    change_percent: float | None = Field(None, description="Change of the present value, percent")
    title: str = Field("", description="The action in a few words")
    reason: str = Field("", description="Why; what was found stands beside it in any case")
    effects: tuple[Effect, ...] = Field((), description="What is expected of it")

    @model_validator(mode="after")
    def _one_form(self) -> Action:
        given = (self.value, self.label, self.change, self.change_percent)
        if sum(item is not None for item in given) != 1:
            raise ValueError("give exactly one of value, label, change and change_percent")
        return self


class Notice(Settings):
    """What a rule reports."""

    title: str = Field(min_length=1, description="What was found, in a few words")
    severity: Severity = Field("low", description="low, medium, high or critical")
    text: str = Field("", description="What it means, and what to look at")


class Rule(Reasoner):
    """Proposes an action, reports a finding, or both, when an expression becomes true.

    It speaks at the first row at which `when` is true, and not again for `hold_off`; it speaks then
    if `when` is still true, or later when it is true again. Unknown is not true.
    """

    when: str = Field(description="Expression, e.g. 'filler.reject_rate > 0.02 for 30 s'")
    hold_off: Duration = Field(
        10 * MINUTE, gt=0, description="Least time between two proposals of this rule"
    )
    propose: Action | None = Field(None, description="The command to propose")
    finding: Notice | None = Field(None, description="What to report")

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if self.propose is None and self.finding is None:
            raise ValueError("a rule needs `propose` or `finding`")
        return self

    def start(
        self,
        name: str,
        resolve: Resolve,
        state: Mapping[str, Any] | None = None,
        *,
        known: tuple[str, ...] = (),
    ) -> Reasoning:
        when = _compiled(self.when, resolve, known, "when")
        value = None
        if self.propose is not None and isinstance(self.propose.value, str):
            value = _compiled(self.propose.value, resolve, known, "propose.value")
        return _Running(name, self, when, value, state)


def _compiled(text: str, resolve: Resolve, known: tuple[str, ...], where: str) -> Program:
    expect = (Boolean,) if where == "when" else (Number, Boolean)
    try:
        program = compile_expression(text, resolve, known=known)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if not isinstance(program.type, expect):
        wanted = " or a ".join(kind.__name__.lower() for kind in expect)
        raise ConfigurationError(f"{where}: must be a {wanted}, found a {program.type}")
    return program


class _Running:
    def __init__(
        self,
        name: str,
        rule: Rule,
        when: Program,
        value: Program | None,
        state: Mapping[str, Any] | None,
    ) -> None:
        self.inputs = tuple(dict.fromkeys(when.inputs + (value.inputs if value else ())))
        self._name, self._rule = name, rule
        state = state or {"version": _VERSION, "when": None, "value": None, "spoke": None}
        if state.get("version") != _VERSION:
            raise DataError(f"the state has version {state.get('version')}, expected {_VERSION}")
        try:
            self._when = when.start(state["when"])
            self._value = value.start(state["value"]) if value is not None else None
            self._spoke: int | None = state["spoke"]
        except (KeyError, ValueError) as error:
            raise DataError(f"not a state of rule '{name}': {error}") from None

    def __call__(self, time: Times, columns: Mapping[str, Column]) -> Sequence[Said]:
        before = self._when.state() if len(time) > 1 else {}
        true = np.flatnonzero(self._when.step(time, columns).value == 1)
        values = self._value.step(time, columns) if self._value is not None else None
        said: list[Said] = []
        while len(true):
            if self._spoke is not None:
                true = true[time[true] >= self._spoke + self._rule.hold_off]
                if not len(true):
                    break
            row = int(true[0])
            self._spoke = int(time[row])
            because = self._because(before, time, columns, row)
            said += self._say(self._spoke, because, values, row)
        return said

    def _because(
        self,
        before: Mapping[str, Any],
        time: Times,
        columns: Mapping[str, Column],
        row: int,
    ) -> tuple[str, ...]:
        """Why `when` was true at a row: the evaluation once more, from before, up to there."""
        if row == len(time) - 1:
            return self._when.explain()
        again = self._when.program.start(before)
        upto = slice(0, row + 1)
        again.step(
            time[upto],
            {
                name: Column(
                    column.value[upto],
                    column.quality[upto],
                    None if column.age is None else column.age[upto],
                    column.texts,
                )
                for name, column in columns.items()
            },
        )
        return again.explain()

    def _say(
        self, time: int, because: tuple[str, ...], values: Column | None, row: int
    ) -> list[Said]:
        said: list[Said] = []
        notice, action = self._rule.finding, self._rule.propose
        if notice is not None:
            said.append(
                Finding(
                    title=notice.title,
                    time=time,
                    severity=notice.severity,
                    text=notice.text,
                    because=because,
                )
            )
        if action is not None:
            value = action.label if action.label is not None else action.value
            if values is not None:
                value = float(values.value[row])
                if not np.isfinite(value):
                    return said  # there is no value to propose
            said.append(
                Proposal(
                    command=action.command,
                    value=value,
                    change=action.change,
                    change_percent=action.change_percent,
                    title=action.title or f"{self._name}: {action.command}",
                    reason=action.reason or "; ".join(because),
                    effects=action.effects,
                    evidence=Evidence(window=(time, time), because=because),
                    source="reasoner",
                    proposed_by=self._name,
                    # The same row seen twice, as after a restart, is the same proposal.
                    id=make_id(self._name, "proposal", action.command, time),
                )
            )
        return said

    def state(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "when": self._when.state(),
            "value": self._value.state() if self._value is not None else None,
            "spoke": self._spoke,
        }
