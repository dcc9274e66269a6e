"""What the envelope judges: a request, the situation it meets, and the words for both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from gemel.core.quality import BAD
from gemel.core.time import SECOND, duration_text

__all__ = [
    "Interlock",
    "Request",
    "Room",
    "Setting",
    "Situation",
    "ago",
    "quantity",
    "span",
    "works",
]

Setting: TypeAlias = float | bool | str
"""What can be written: a number (or the code of an enumeration), a truth, or a text."""


@dataclass(frozen=True, slots=True)
class Request:
    """One value that somebody wants to write.

    command_id  identity of this command; a permit is for it alone
    command     path of the command in the plant, e.g. ``line2/filler/speed``
    connector   who would write it
    address     where it would be written
    value       what would be written
    expires     ns UTC; never sent at or after this time
    unit        of the value, for sentences
    label       the enumeration's word for the value, if it has one
    revert      takes back the last step of this command, to the value before it
    """

    command_id: str
    command: str
    connector: str
    address: str
    value: Setting
    expires: int
    unit: str = ""
    label: str = ""
    revert: bool = False


@dataclass(frozen=True, slots=True)
class Interlock:
    """What an interlock says at the moment: `holds` is None where it is not known.

    `age` is how long ago the least recent of its inputs was heard of, None if never.
    """

    expression: str
    holds: bool | None
    age: int | None
    because: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the envelope judges by. Left at its defaults, it permits nothing.

    now             ns UTC
    armed           the plant file lets this command be sent
    stopped         where a kill switch is set above or at this command ('' is the plant); None if
                    that is not known
    connected       the connector has an open session
    connection      why not, if not
    value           present value of the signal that would be written; None if there never was one
    quality         of it, as the mirror believes it now
    age             time since it was last heard of; None if never
    interlocks      what each interlock says
    last_sent       when a command of this class was sent last; None if never
    sent_last_hour  how many of this class were sent in the last hour
    on_its_way      id of another command for the same signal whose end is not known yet
    """

    now: int
    armed: bool = False
    stopped: tuple[str, ...] | None = None
    connected: bool = False
    connection: str = "not known"
    value: Setting | None = None
    quality: int = BAD
    age: int | None = None
    interlocks: tuple[Interlock, ...] = ()
    last_sent: int | None = None
    sent_last_hour: int = 0
    on_its_way: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """How much room a request leaves: what could be sent now, and how far the end still is.

    `left` is the share of the span from `low` to `high` between the value and the end that it moves
    towards, in percent; None for what is not a number.
    """

    low: float | None = None
    high: float | None = None
    left: float | None = None

    def __str__(self) -> str:
        return "within" if self.left is None else f"within, {self.left:.0f} % left"


def quantity(value: float, unit: str = "") -> str:
    """A number for people: six digits, thousands apart, with its unit.

    >>> quantity(21375.0, "1/h"), quantity(0.125, "mm")
    ('21 375 1/h', '0.125 mm')
    """
    digits = f"{value:,.6g}" if 1e-4 <= abs(value) < 1e15 else f"{value:.6g}"
    if "e" in digits and abs(value) < 1e15 and value == round(value):
        digits = f"{value:,.0f}"
    return f"{digits.replace(',', ' ')} {unit}".strip()


def works(low: float, high: float, value: float, unit: str) -> str:
    """What would work in place of a value outside of what is possible now."""
    if low > high:
        return "no value is possible from here in one step"
    if value > high:
        return f"at most {quantity(_inwards(high, -1), unit)} now"
    return f"at least {quantity(_inwards(low, 1), unit)} now"


def _inwards(bound: float, direction: int) -> float:
    """A bound rounded to the six digits that are shown, so that what is shown is permitted."""
    shown = float(f"{bound:.6g}")
    if (shown - bound) * direction >= 0 or bound == 0:
        return shown
    return float(f"{bound + direction * 10 ** (math.floor(math.log10(abs(bound))) - 5):.6g}")


def ago(nanoseconds: int) -> str:
    """How long ago, for people."""
    return f"{span(nanoseconds)} ago"


def span(nanoseconds: int) -> str:
    """How long, for people: in seconds, tenths of them below ten."""
    unit = SECOND if nanoseconds >= 10 * SECOND else SECOND // 10
    return duration_text(-(-nanoseconds // unit) * unit) if nanoseconds > 0 else "0 s"
