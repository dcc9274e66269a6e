"""The operating envelope: what a command may do at most, whoever proposes it.

It knows nothing of models, and is the only maker of a `Permit`. It is not a safety function: those
stay in the safety controller (IEC 61511, ISO 13849), whose tags are never writable.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gemel.core.settings import Settings
from gemel.core.time import SECOND, Duration

__all__ = ["Envelope"]


class Envelope(Settings):
    """Limits of one command. Without `low` and `high` nothing is ever sent."""

    low: float | None = Field(None, description="Lowest value that may be sent")
    high: float | None = Field(None, description="Highest value that may be sent")
    max_step_percent: float | None = Field(
        None, gt=0, description="Largest change of one command, in percent of the present value"
    )
    max_step: float | None = Field(
        None, gt=0, description="Largest change of one command, in the signal's unit"
    )
    dead_time: Duration = Field(
        10 * SECOND, ge=0, description="Least time between two commands of the same kind"
    )
    fresh_within: Duration = Field(
        5 * SECOND, gt=0, description="Present value and interlocks must be younger than this"
    )
    interlocks: tuple[str, ...] = Field(
        (), description="Expressions that must all be true, e.g. \"filler.state == 'Execute'\""
    )
    time_to_live: Duration = Field(
        60 * SECOND, gt=0, description="A command not sent within this time is never sent"
    )
    approval: Literal["person", "two persons", "rule"] = Field(
        "person", description="Who must approve; 'rule' lets this class act alone"
    )
