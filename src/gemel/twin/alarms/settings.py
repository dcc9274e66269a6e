"""What a person writes about alarms: the master alarm database of ISA-18.2 (clause 6.3)."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import Field, model_validator

from gemel.core.settings import Settings
from gemel.core.time import DAY, HOUR, MINUTE, SECOND, Duration

__all__ = ["PRIORITIES", "AlarmRules", "AlarmSettings", "Priority"]

Priority: TypeAlias = Literal["critical", "high", "medium", "low"]

PRIORITIES: Final[tuple[Priority, ...]] = ("critical", "high", "medium", "low")
"""From the most to the least urgent; lists are sorted so."""


class AlarmSettings(Settings):
    """One rationalised alarm: when it is raised, what happens if nobody acts, and what to do.

    ``alarms: {filler_level: {asset: line2/filler, when: "level > 502.5", on_delay: 30 s, …}}``
    """

    asset: str = Field(description="Path of the asset it is about; names in `when` start there")
    when: str = Field(description="Expression that is true in the abnormal condition")
    clear: str = Field("", description="Expression that ends it; not true `when` if empty")
    deadband: float | None = Field(
        None, gt=0, description="It ends only this far back from the limit, in the signal's unit"
    )
    on_delay: Duration = Field(0, ge=0, description="`when` must be true for this long")
    off_delay: Duration = Field(0, ge=0, description="It must have ended for this long")
    priority: Priority = Field("medium", description="critical, high, medium or low")
    title: str = Field("", description="What is abnormal, for people; the name where it is empty")
    consequence: str = Field("", description="What happens if nobody acts")
    response: str = Field("", description="What the operator does")
    respond_within: Duration | None = Field(
        None, gt=0, description="After this long the response comes too late"
    )
    latch: bool = Field(False, description="It stays after the condition ended, until it is reset")
    suppress_when: str = Field(
        "", description="Suppressed by design while true, e.g. \"state != 'Execute'\""
    )
    out_of_service: bool = Field(False, description="Taken out, e.g. for maintenance")
    shelve_at_most: Duration = Field(
        8 * HOUR, ge=0, description="Longest time for which it may be shelved; 0 s forbids it"
    )
    unknown_after: Duration = Field(
        30 * SECOND, ge=0, description="'Cannot be evaluated' when inputs are bad for this long"
    )
    operator: str = Field("", description="Position that answers it, e.g. 'line 2'; rates are per")
    group: str = Field("", description="First-out is marked within it; the asset where empty")
    classes: tuple[str, ...] = Field((), description="Alarm classes, e.g. 'quality', 'environment'")

    @model_validator(mode="after")
    def _consistent(self) -> AlarmSettings:
        if self.clear and self.deadband is not None:
            raise ValueError("has both `clear` and `deadband`; one of them says when it ends")
        return self


class AlarmRules(Settings):
    """What counts as too much, from ISA-18.2 clause 16 and EEMUA 191."""

    flood_above: int = Field(10, gt=0, description="A flood begins above this many in 10 min")
    flood_below: int = Field(5, gt=0, description="A flood ends below this many in 10 min")
    chatter_at: int = Field(3, gt=1, description="Chattering: raised this often in `chatter_in`")
    chatter_in: Duration = Field(MINUTE, gt=0, description="Time in which chatter is counted")
    shelve_chatter_for: Duration = Field(
        HOUR, gt=0, description="How long it is proposed to shelve a chattering alarm"
    )
    stale_after: Duration = Field(DAY, gt=0, description="Stale when active for longer than this")
