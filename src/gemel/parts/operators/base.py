"""The interface of operators: they shape data in motion.

An operator is settings; `start` gives a `Step`, which is called with Frames and returns Frames. A
step is pure: it does no I/O, reads no clock, draws no chance and leaves its input untouched. How
the stream is cut into Frames never changes what comes out in total; `state` is a JSON-able value
with which `start` continues as if it had never stopped.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar, Protocol

from pydantic import Field

from gemel.core.frame import Frame
from gemel.core.kind import Part
from gemel.core.time import Duration

__all__ = ["Feature", "Operator", "Step"]


class Step(Protocol):
    """A running operator."""

    def __call__(self, frame: Frame) -> Frame:
        """What comes out for the samples that came in; possibly nothing."""
        ...

    def flush(self) -> Frame:
        """What is still held back, at the end of a stream; a Frame without origin.

        A step that holds samples back ties a Frame's position to its `state`: the position may be
        acknowledged only together with it.
        """
        ...

    def state(self) -> dict[str, Any]:
        """A JSON-able value, with the version of its form."""
        ...


class Operator(Part):
    """Settings of an operator."""

    api: ClassVar[int] = 1

    @abstractmethod
    def start(self, state: dict[str, Any] | None = None) -> Step:
        """Run, from the beginning or from a state of the same settings."""


class Feature(Operator):
    """Settings of an operator that tells a few numbers of each window of a fast signal.

    In the plant file it stands under `features`, where signals have paths instead of numbers.
    """

    named: ClassVar[tuple[str, ...]] = ()
    """Fields that are the number of another signal."""

    window: Duration = Field(gt=0, description="Length of a window")
    outputs: dict[int, dict[str, int]] = Field(
        description="For each signal, by number, what is told of it and the numbers of its signals"
    )

    @abstractmethod
    def names(self) -> Collection[str]:
        """What can be told."""

    @property
    @abstractmethod
    def reach(self) -> int:
        """How far back, ns, samples before the newest one may still matter."""

    def unit(self, name: str, unit: str) -> str:
        """Unit of what is told, of a signal with this unit."""
        return unit
