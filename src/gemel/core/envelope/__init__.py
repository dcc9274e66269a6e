"""The operating envelope: what a command may do at most, whoever proposes it.

It knows nothing of models, reads no clock and does no I/O: everything that it judges by comes in as
a `Situation`. It is the only maker of a `Permit`, without which nothing is sent. It denies by
default: what is not known counts against the command. It is not a safety function: those stay in
the safety controller (IEC 61511, ISO 13849), whose tags are never writable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field, model_validator

from gemel.core.envelope.permits import Permit, is_intact, seal
from gemel.core.envelope.situation import (
    Interlock,
    Request,
    Room,
    Setting,
    Situation,
    ago,
    quantity,
    span,
    works,
)
from gemel.core.errors import Refused
from gemel.core.quality import reason, word
from gemel.core.role import Approver
from gemel.core.settings import Settings
from gemel.core.time import HOUR, SECOND, Duration, duration_text

__all__ = [
    "Envelope",
    "Interlock",
    "Permit",
    "Request",
    "Room",
    "Setting",
    "Situation",
    "is_intact",
    "quantity",
]

_ROUNDING: Final = 1e-9
"""A step that is exactly the largest one must not fail by the last bit of its division."""


class Envelope(Settings):
    """Limits of one command. Without `low` and `high` (or `allowed`) nothing is ever sent."""

    low: float | None = Field(None, description="Lowest value that may be sent")
    high: float | None = Field(None, description="Highest value that may be sent")
    allowed: tuple[str, ...] = Field(
        (), description="Words that may be sent, where the signal is an enumeration or text"
    )
    max_step_percent: float | None = Field(
        None, gt=0, description="Largest change of one command, in percent of the present value"
    )
    max_step: float | None = Field(
        None, gt=0, description="Largest change of one command, in the signal's unit"
    )
    dead_time: Duration = Field(
        10 * SECOND, ge=0, description="Least time between two commands of the same kind"
    )
    max_per_hour: int | None = Field(
        None, gt=0, description="Most commands of the same kind within one hour"
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
    approver: Approver = Field("operator", description="Least role of a person who approves")

    @model_validator(mode="after")
    def _consistent(self) -> Envelope:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low is {self.low:g} and high is {self.high:g}: nothing is between")
        return self

    def permit(self, request: Request, situation: Situation) -> Permit:
        """Leave to send what is asked for, in this situation. Raises `Refused`.

        Called by decisions at the moment before sending, and by nobody else. The permit ends with
        the request, and at the latest when the situation would no longer count as fresh.
        """
        self.judge(request, situation)
        expires = min(request.expires, situation.now + self.fresh_within)
        return seal(
            request.command_id, request.command, request.connector, request.address,
            request.value, expires,
        )  # fmt: skip

    def judge(self, request: Request, situation: Situation) -> Room:
        """How much room is left. Raises `Refused` with every bound that stands in the way, what
        was found, and what would work. A judgement is not a permit."""
        objections = [*self._circumstances(request, situation)]
        room = Room()
        try:
            room = self._bounds(request, situation)
        except Refused as refused:
            objections.append(str(refused))
        if objections:
            raise Refused("; ".join(objections))
        return room

    def _circumstances(self, request: Request, situation: Situation) -> Iterator[str]:
        """What stands in the way whatever the value is."""
        now = situation.now
        if situation.stopped is None:
            yield "it is not known whether a kill switch is set"
        for place in situation.stopped or ():
            yield f"the kill switch of {place or 'the plant'} is set; release it first"
        if not situation.armed:
            yield "the command is disarmed; 'armed: true' in the plant file arms it"
        if now >= request.expires:
            yield f"it expired {ago(now - request.expires)}; propose it again"
        if not situation.connected:
            yield f"connector '{request.connector}' is not connected: {situation.connection}"
        if situation.on_its_way and not request.revert:
            yield f"command {situation.on_its_way} is on its way to this signal; await its end"
        if situation.value is None:
            yield "the present value is not known"
        elif word(situation.quality) != "good":
            yield f"the present value is {reason(situation.quality)}; it must be good"
        elif old := self._too_old(situation.age):
            yield f"the present value {old}"
        yield from self._interlocked(situation)
        # A revert is not held up: it takes back what was permitted, when that did not go well.
        if not request.revert:
            yield from self._too_soon(situation)

    def _interlocked(self, situation: Situation) -> Iterator[str]:
        found = {interlock.expression: interlock for interlock in situation.interlocks}
        for expression in self.interlocks:
            interlock = found.get(expression)
            if interlock is None or interlock.holds is None:
                because = f": {interlock.because}" if interlock and interlock.because else ""
                yield f"it is not known whether the interlock `{expression}` holds{because}"
            elif not interlock.holds:
                because = f": {interlock.because}" if interlock.because else ""
                yield f"the interlock `{expression}` does not hold{because}"
            elif old := self._too_old(interlock.age):
                yield f"the interlock `{expression}` {old}"

    def _too_soon(self, situation: Situation) -> Iterator[str]:
        if situation.last_sent is not None:
            wait = situation.last_sent + self.dead_time - situation.now
            if wait > 0:
                yield (
                    f"the last command of this kind was sent {ago(self.dead_time - wait)}, the "
                    f"dead time is {duration_text(self.dead_time)}; possible in {span(wait)}"
                )
        if self.max_per_hour is not None and situation.sent_last_hour >= self.max_per_hour:
            yield (
                f"{situation.sent_last_hour} commands of this kind were sent within "
                f"{duration_text(HOUR)}, at most {self.max_per_hour} are allowed"
            )

    def _too_old(self, age: int | None) -> str:
        if age is None:
            return "was never heard of"
        if age > self.fresh_within:
            return f"was last heard of {ago(age)}; {duration_text(self.fresh_within)} is the most"
        return ""

    def _bounds(self, request: Request, situation: Situation) -> Room:
        """The room of the value itself. Raises `Refused`."""
        value, unit = request.value, request.unit
        spoken = request.label or (value if isinstance(value, str) else "")
        if isinstance(value, str) or self.allowed:
            if not self.allowed:
                raise Refused("no words are allowed; list them in `allowed` of the envelope")
            if spoken not in self.allowed:
                raise Refused(f"'{spoken or value}' is not among {', '.join(self.allowed)}")
            if isinstance(value, str):
                return Room()
        if not math.isfinite(value):
            raise Refused(f"{value} is not a value that can be sent")
        if self.low is None or self.high is None:
            if self.allowed:
                return Room()
            raise Refused("the envelope has no limits; nothing is sent without `low` and `high`")
        low, high, step = self.low, self.high, None
        present = situation.value
        known = isinstance(present, int | float) and math.isfinite(present)
        if known and not request.revert:
            assert isinstance(present, int | float)  # noqa: S101 - it is known
            step = self.step(present)
            if step is not None:
                low, high = max(low, present - step), min(high, present + step)
        elif not request.revert and (self.max_step is not None or self.max_step_percent):
            raise Refused("the largest step cannot be judged without a present value")
        if low <= value <= high:
            return self._room(value, present if known else None, low, high)
        instead = works(low, high, value, unit)
        if not self.low <= value <= self.high:
            end, bound = ("above the highest", self.high) if value > self.high else (
                "below the lowest", self.low
            )  # fmt: skip
            raise Refused(
                f"{quantity(value, unit)} is {end} value that may be sent, "
                f"{quantity(bound, unit)}; {instead}"
            )
        assert isinstance(present, int | float)  # noqa: S101 - only then there is a step
        raise Refused(f"{self._too_far(float(value), float(present), unit)}; {instead}")

    def step(self, present: float) -> float | None:
        """The largest change of one command from a present value; None where none is set."""
        steps = [] if self.max_step is None else [self.max_step]
        if self.max_step_percent is not None:
            steps.append(abs(present) * self.max_step_percent / 100)
        return min(steps) * (1 + _ROUNDING) if steps else None

    def _too_far(self, value: float, present: float, unit: str) -> str:
        change = abs(value - present)
        percent = self.max_step_percent
        if percent is not None and (
            self.max_step is None or abs(present) * percent / 100 <= self.max_step
        ):
            if not present:
                return f"the present value is 0, of which {percent:g} % is nothing; set `max_step`"
            share = 100 * change / abs(present)
            return f"{share:.3g} % is more than the {percent:g} % that one command may change"
        assert self.max_step is not None  # noqa: S101 - the caller asked
        return (
            f"a change of {quantity(change, unit)} is more than the "
            f"{quantity(self.max_step, unit)} that one command may change"
        )

    @staticmethod
    def _room(value: float, present: Setting | None, low: float, high: float) -> Room:
        whole = high - low
        upwards = not isinstance(present, int | float) or value >= present
        left = 100 * ((high - value) if upwards else (value - low)) / whole if whole > 0 else 0.0
        return Room(low, high, left)
