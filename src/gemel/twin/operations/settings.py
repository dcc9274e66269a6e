"""What a person writes about operations: closed days, breaks, and what machines' states mean."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from gemel.core.plant import Shift
from gemel.core.settings import Settings
from gemel.core.time import DAY, HOUR, MINUTE, SECOND, Duration

__all__ = [
    "AssetOperations",
    "Closed",
    "OperationsSettings",
    "SlowSettings",
    "StateWord",
]

StateWord: TypeAlias = Literal[
    "production", "set-up", "starved", "blocked", "fault", "stopped", "idle", "planned", "unknown"
]

_LOCAL = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?")


def _check_local(text: str) -> str:
    if text and not _LOCAL.fullmatch(text):
        raise ValueError(f"'{text}' is not a local day or time; write '2026-12-25' or '… 14:00'")
    return text


LocalTime: TypeAlias = Annotated[str, AfterValidator(_check_local)]


class Closed(Settings):
    """A time in which nothing is planned: a holiday, a shutdown, a planned maintenance."""

    name: str
    start: LocalTime = Field(
        description="Local day or time, e.g. '2026-12-24' or '2026-12-24 14:00'"
    )
    end: LocalTime = Field(
        "", description="Local day (included) or time; the day of `start` if empty"
    )


class AssetOperations(Settings):
    """What the signals of one asset mean for its machine states and counts."""

    states: dict[str, StateWord] = Field(
        {}, description="Meaning of labels of the state signal, beyond PackML"
    )
    starved: str = Field("", description="Boolean signal: nothing comes; 'starved' where it exists")
    blocked: str = Field("", description="Boolean signal: no room after it; 'blocked' if it exists")
    reason: str = Field("", description="Enumeration signal with the reason of a stop")
    lot: str = Field(
        "", description="Text signal with the lot that is there; role 'lot', or 'lot' if it exists"
    )
    remains: Duration | None = Field(
        None,
        ge=0,
        description="A tank, mixer or buffer: something of a lot is there for so long "
        "after it has gone, and may be in the lots that come then",
    )
    reasons: dict[str, StateWord] = Field({}, description="Meaning of labels of the reason signal")
    count_includes_rejects: bool = Field(
        True, description="Whether the count is of all pieces, or of good ones"
    )
    counter_top: float | None = Field(
        None, gt=0, description="Value at which counters start again from 0, e.g. 65536"
    )
    pieces: float = Field(1.0, gt=0, description="Pieces per count and per unit of speed")
    ideal_rate: float | None = Field(
        None, gt=0, description="Planned run rate, counts per hour; that of the asset if not given"
    )


class SlowSettings(Settings):
    """When a machine counts as slow."""

    below: float = Field(0.03, gt=0, lt=1, description="Share by which speed is below its setpoint")
    lasting: Duration = Field(60 * SECOND, gt=0, description="It must be so for this long")
    settle: Duration = Field(
        30 * SECOND, ge=0, description="After a start, of its own or next to it, it may be slow"
    )
    step: Duration = Field(SECOND, gt=0, description="Distance of the values that are compared")
    look_back: Duration = Field(HOUR, gt=0, description="How far back the beginning is looked for")


class OperationsSettings(Settings):
    """The section ``operations`` of a plant file; every field has a sensible default."""

    closed: tuple[Closed, ...] = Field((), description="Holidays and other times without plan")
    breaks: tuple[Shift, ...] = Field((), description="Weekly times without plan inside shifts")
    minor_below: Duration = Field(5 * MINUTE, gt=0, description="Shorter stops are minor stops")
    most_missing: float = Field(
        0.05, ge=0, lt=1, description="A KPI is unknown when more of its window is missing"
    )
    slow: SlowSettings = SlowSettings()
    lots_back: Duration = Field(
        30 * DAY, gt=0, description="How far back lots are looked for, if nobody says since when"
    )
    assets: dict[str, AssetOperations] = Field({}, description="By path of the asset")
