"""How a detector is used in the twin, and what it notices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from gemel.core.event import Payload
from gemel.core.time import MINUTE, SECOND, Duration
from gemel.twin.learning.chosen import Looks
from gemel.twin.learning.detecting.settings import DetectorRenewal, EventCosts

__all__ = ["Contribution", "Finding", "Judged", "WatchSettings", "because"]


class Judged(Looks):
    """What findings are held against, what they cost, and when their model is renewed."""

    event: str = Field(
        "",
        description="Expression that is true while the asset really is in trouble, e.g. "
        "\"state == 'Aborted'\": what findings are held against, beside answers of people",
    )
    costs: EventCosts = Field(
        EventCosts(), description="What findings cost: by this models are compared"
    )
    renewal: DetectorRenewal = Field(
        DetectorRenewal(), description="When it is fitted again; only when a person asks if empty"
    )


class WatchSettings(Judged):
    """How a detector is used; written beside the detector's own settings."""

    learn: Duration = Field(
        30 * MINUTE, gt=0, description="Length of normal operation to learn from"
    )
    normal: str = Field(
        "", description="Expression that is true in normal operation, e.g. \"state == 'Execute'\""
    )
    hold: Duration = Field(
        10 * SECOND, ge=0, description="A finding opens after this long above the limit"
    )

    @property
    def looks(self) -> dict[str, Any]:
        """What a model depends on. The rest may change, and the model stays."""
        beside = {"title", "hold", "event", "costs", "renewal"}
        return self.model_dump(mode="json", exclude=beside)

    @classmethod
    def split(cls, settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """An entry of `detectors:` as (these settings, the detector's own)."""
        mine = {k: v for k, v in settings.items() if k in cls.model_fields}
        return mine, {k: v for k, v in settings.items() if k not in mine}


class Contribution(Payload):
    """How much a signal takes part, 0 to 1."""

    signal: str
    share: float


class Finding(Payload):
    """What was noticed. Kind ``finding``; subject is the asset."""

    title: str
    detector: str
    score: float
    limit: float
    highest: float
    contributions: tuple[Contribution, ...] = ()
    model: str = ""
    """Hash of the model that says so."""
    learned: tuple[int, int] | None = None
    """Data window of the model, ns UTC."""
    because: str = ""
    picture: str = ""
    """Of an inspection: hash of the picture that shows it best."""


def because(contributions: Sequence[Contribution], asset: str) -> str:
    """In words: which signals no longer go together as they did."""
    words = [f"{c.signal.removeprefix(asset + '/')} ({c.share:.0%})" for c in contributions[:3]]
    return "does not behave as learned: " + ", ".join(words) if words else ""
