"""How a task is used in the twin: its entry in a plant file, beside the task's own settings."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gemel.core.settings import Settings
from gemel.core.time import HOUR, MINUTE, SECOND, Duration
from gemel.twin.learning.chosen import Looks

__all__ = ["Renewal", "TaskUse"]


class Renewal(Settings):
    """When a model is fitted again, and what a new one has to show before it speaks."""

    every: Duration | None = Field(None, gt=0, description="Fit again so often; never if not given")
    on_drift: bool = Field(True, description="Fit again when the model's errors have changed")
    shadow: Duration = Field(
        30 * MINUTE, gt=0, description="A new model is asked beside the champion for so long"
    )
    promote: Literal["ask", "alone"] = Field(
        "ask",
        description="Whether a person decides on a better model, or Gemel does within this file",
    )
    watch: Duration = Field(
        24 * HOUR, gt=0, description="So long the model before is asked beside a new champion"
    )


class TaskUse(Looks):
    """Where the rows of a task come from, and what is done with what it says."""

    when: str = Field("", description="Expression that is true in rows that count; all if empty")
    failed: str = Field(
        "",
        description="remaining_life, failure: expression that is true when the unit has failed",
    )
    renewed: str = Field(
        "",
        description="remaining_life, failure: expression that becomes true when a new unit begins",
    )
    interval: Duration | None = Field(
        None, gt=0, description="forecast: distance of its steps; the grid's if not given"
    )
    window: Duration = Field(72 * HOUR, gt=0, description="History that a model is fitted on")
    least: Duration = Field(
        10 * MINUTE, gt=0, description="Rows that count must cover so much before the first fit"
    )
    every: Duration = Field(10 * SECOND, gt=0, description="How often it is asked")
    adapt: bool = Field(
        True,
        description="quality, forecast: an interval is made wider or narrower by how often it held "
        "what came",
    )
    renewal: Renewal = Field(Renewal(), description="When and how the model is renewed")

    @classmethod
    def split(cls, settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """An entry of `tasks:` as (these settings, the task's own)."""
        mine = {k: v for k, v in settings.items() if k in cls.model_fields}
        return mine, {k: v for k, v in settings.items() if k not in mine}
