"""The interface of reasoners: they propose what to do.

A reasoner is settings; `start` gives a `Reasoning`, which is fed rows of its names (see
`gemel.core.expression`) and says `Proposal`s and `Finding`s. It is pure: it does no I/O, reads no
clock, draws no chance and leaves its input untouched. How the rows are cut into calls never changes
what it says; `state` is a JSON value with which `start` continues as if it had never stopped.

A proposal is typed, and does nothing by itself: it becomes a command only by way of
`gemel.twin.decisions`, through people and the operating envelope. A person's own write is a
`Proposal` too.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from gemel.core.expression import Column, Resolve
from gemel.core.frame import Times
from gemel.core.kind import Part
from gemel.core.settings import Settings

__all__ = ["Effect", "Evidence", "Finding", "Proposal", "Reasoner", "Reasoning", "Said", "Severity"]

Severity: TypeAlias = Literal["low", "medium", "high", "critical"]


class Effect(Settings):
    """One thing that is expected of an action: from what to what, and how sure that is."""

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    text: str = Field(min_length=1, description="What changes, e.g. 'OEE of the line, next 2 h'")
    start: float | None = Field(None, alias="from", description="What it is now")
    to: float | None = Field(None, description="What is expected")
    low: float | None = Field(None, description="Lower end of the interval of what is expected")
    high: float | None = Field(None, description="Upper end of the interval")
    unit: str = Field("", description="Unit of these numbers")


class Evidence(Settings):
    """What a proposal rests on."""

    findings: tuple[str, ...] = Field((), description="Ids of findings")
    window: tuple[int, int] | None = Field(None, description="Data window, ns UTC")
    model: str = Field("", description="Model and its version")
    because: tuple[str, ...] = Field((), description="What was found, in sentences with values")


class Proposal(Settings):
    """A typed wish to write one value: an absolute one, or a change of the present one."""

    command: str = Field(description="Path of the command, e.g. 'line2/filler/speed_setpoint'")
    value: float | bool | str | None = Field(None, description="Absolute value, or a label")
    change: float | None = Field(None, description="Change of the present value, in its unit")
    change_percent: float | None = Field(None, description="Change of the present value, percent")
    title: str = Field("", description="The action in a few words")
    reason: str = Field("", description="Why; a person must give one")
    effects: tuple[Effect, ...] = Field((), description="What is expected of it")
    evidence: Evidence = Field(Evidence(), description="What it rests on")
    source: Literal["person", "reasoner"] = Field("person", description="Who proposes")
    proposed_by: str = Field("", description="Name of the person or reasoner")
    expires: int | None = Field(
        None, description="ns UTC; never sent from then on. The envelope may end it earlier"
    )
    id: str = Field(
        "", max_length=64, pattern=r"^[\w.:-]*$",
        description="Identity: the same one twice acts once. Given out where it is empty",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_form(self) -> Proposal:
        given = [self.value is not None, self.change is not None, self.change_percent is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of value, change and change_percent")
        return self


class Finding(Settings):
    """Something worth knowing that was noticed. It goes to the engineer's inbox."""

    title: str = Field(min_length=1)
    time: int = Field(description="Source time of the row at which it was found, ns UTC")
    severity: Severity = "low"
    text: str = ""
    because: tuple[str, ...] = Field((), description="What was found, in sentences with values")


Said: TypeAlias = Proposal | Finding


class Reasoning(Protocol):
    """A running reasoner. Used by one thread at a time; never blocks."""

    inputs: tuple[str, ...]
    """The names that it reads, as they are written in its settings."""

    def __call__(self, time: Times, columns: Mapping[str, Column]) -> Sequence[Said]:
        """What there is to say about rows, which follow those of the last call."""
        ...

    def state(self) -> dict[str, Any]:
        """A JSON value, with the version of its form."""
        ...


class Reasoner(Part):
    """Settings of a reasoner."""

    api: ClassVar[int] = 1

    asset: str = Field("", description="Asset from which names are looked up; the plant if empty")

    @abstractmethod
    def start(
        self,
        name: str,
        resolve: Resolve,
        state: Mapping[str, Any] | None = None,
        *,
        known: tuple[str, ...] = (),
    ) -> Reasoning:
        """Run under the name of the plant file, from the beginning or from a state of the same
        settings. `resolve` gives the type of each name, `known` are those to suggest.

        Raises `ConfigurationError` if the settings do not fit the plant, `DataError` if the state
        is not one of these settings.
        """
