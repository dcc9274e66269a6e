"""What decisions need of whatever has a champion: a task that learns, or a detector at work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from gemel.core.event import Event

if TYPE_CHECKING:
    from gemel.twin.learning.live.registry import Registry
    from gemel.twin.learning.tasks.base import Fitted

__all__ = ["Renewed"]


class Renewed(Protocol):
    """Something whose model is renewed. All but the properties is called in the compute thread."""

    name: str

    @property
    def title(self) -> str:
        """Name for people."""
        ...

    @property
    def asset(self) -> str:
        """What it is about."""
        ...

    @property
    def champion(self) -> str:
        """The model that speaks, by its hash; empty before the first."""
        ...

    @property
    def registry(self) -> Registry:
        """Where its models are. Raises `Refused` where none is renewed."""
        ...

    def unfit(self, fitted: Fitted) -> str:
        """Why a model of the registry cannot be its champion; empty if it can."""
        ...

    def promote(
        self, model: str, actor: str, reason: str, now: int, *,
        returned: bool = False, evidence: Mapping[str, Any] | None = None,
    ) -> list[Event]:  # fmt: skip
        """Another champion; the one before is asked beside it for a while."""
        ...

    def drop(
        self, model: str, actor: str, reason: str, now: int,
        evidence: Mapping[str, Any] | None = None,
    ) -> list[Event]:  # fmt: skip
        """The candidate is not wanted."""
        ...

    def want(self, reason: str, because: str = "") -> None:
        """Fit again, as soon as it goes. `because` is what a person says of what has changed."""
        ...

    def stop_fitting(self) -> None:
        """Give up the fit that runs."""
        ...

    def report(self) -> dict[str, Any]:
        """For pages."""
        ...
