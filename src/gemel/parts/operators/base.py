"""The interface of operators: they shape data in motion.

An operator is settings; `start` gives a `Step`, which is called with Frames and returns Frames. A
step is pure: it does no I/O, reads no clock, draws no chance and leaves its input untouched. How
the stream is cut into Frames never changes what comes out in total; `state` is a JSON-able value
with which `start` continues as if it had never stopped.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Protocol

from gemel.core.frame import Frame
from gemel.core.kind import Part

__all__ = ["Operator", "Step"]


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
