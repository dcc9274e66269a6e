"""What read-back and watching say about a command: judgements without clock or I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gemel.core.envelope import Interlock, Setting, quantity
from gemel.core.errors import DataError, Refused
from gemel.core.quality import reason
from gemel.core.time import duration_text
from gemel.parts.reasoners.base import Proposal
from gemel.twin.decisions.command import Command, State
from gemel.twin.decisions.eyes import Reading
from gemel.twin.decisions.targets import Target
from gemel.twin.mirror.mirror import NEVER

__all__ = ["Watch", "read_back", "resolve", "shown"]


def resolve(proposal: Proposal, target: Target, reading: Reading) -> tuple[Setting, str]:
    """The value that a proposal means now, and its label. Raises `Refused`."""
    if proposal.value is not None:
        try:
            return target.encode(proposal.value)
        except DataError as error:
            raise Refused(str(error)) from None
    present = reading.value
    if target.type != "number" or isinstance(present, str):
        raise Refused(f"a change needs a number; {target.path} is of type {target.type}")
    if present is None or not reading.good:
        found = "not known" if present is None else reason(reading.quality)
        raise Refused(f"a change starts from the present value, which is {found}")
    if proposal.change is not None:
        value = present + proposal.change
    else:
        assert proposal.change_percent is not None, "a proposal has one form"  # noqa: S101 - narrows the type
        value = present * (1 + proposal.change_percent / 100)
    if not math.isfinite(value):
        raise Refused("the change leads to no number")
    # Nine digits: an integer node must not refuse 21600.000000000004.
    return float(f"{value:.9g}"), ""


def read_back(
    command: Command, target: Target, reading: Reading, now: int
) -> tuple[State, str] | None:
    """The state that the present reading brings a sent or unconfirmed command to, and why.

    Read-back confirms with a sample that is newer, by the source's own clock, than the one that was
    known when the command was sent, and that arrived afterwards: so a source whose clock is wrong
    confirms as well as any other. Where the value was there already, a sign of life is enough.
    """
    assert command.value is not None, "only what was checked is sent"  # noqa: S101 - narrows the type
    assert command.sent is not None, "only what was sent is read back"  # noqa: S101 - narrows the type
    assert command.deadline is not None, "what is sent has a deadline"  # noqa: S101 - narrows the type
    sent = command.sent
    matches = (
        reading.good
        and reading.value is not None
        and target.matches(reading.value, command.value, command.previous)
    )
    heard_since = reading.age is not None and now - reading.age > sent
    if matches:
        seen = NEVER if command.seen is None else command.seen
        newer = reading.time > seen and reading.received > sent
        if newer or (command.previous == command.value and heard_since):
            return "confirmed", f"read-back shows {shown(reading, target)}"
    wanted = _spoken(command.value, command.label, target)
    if command.state == "sent":
        if now < command.deadline:
            return None
        return "unconfirmed", (
            f"read-back did not show {wanted} within "
            f"{duration_text(target.settings.confirm_within)}; it shows {shown(reading, target)}"
        )
    patience = command.since + target.settings.confirm_within
    fresh = reading.age is not None and reading.age <= target.envelope.fresh_within
    if reading.good and fresh and heard_since and not matches and now >= patience:
        return "failed", f"read-back shows {shown(reading, target)} and not {wanted}"
    return None


def shown(reading: Reading, target: Target) -> str:
    """A reading in words."""
    if reading.value is None:
        return "nothing"
    text = _spoken(reading.value, target.label(reading.value), target)
    return text if reading.good else f"{text} ({reason(reading.quality)})"


def _spoken(value: Setting, label: str, target: Target) -> str:
    if label or isinstance(value, str):
        return f"'{label or value}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quantity(value, target.unit)


@dataclass(slots=True)
class Watch:
    """How long the watched expression has been known to be true.

    Only known time counts. False ends the watch at once; if it cannot be known for as long again as
    it should be watched, that ends it too: what nobody can see must not stay.
    """

    started: int
    duration: int
    fresh_within: int
    last: int = NEVER
    true_for: int = 0
    was_true: bool = False

    def look(self, found: Interlock, now: int) -> tuple[State, str] | None:
        """The state that the watched command comes to, and why; None while it is watched on."""
        fresh = found.age is not None and found.age <= self.fresh_within
        if found.holds is False:
            return "reverting", f"`{found.expression}` is no longer true: {found.because}"
        if self.was_true:
            self.true_for += now - self.last
        self.was_true, self.last = found.holds is True and fresh, now
        if self.true_for >= self.duration:
            return "kept", f"`{found.expression}` was true for {duration_text(self.duration)}"
        if now - self.started >= 2 * self.duration:
            return "reverting", (
                f"`{found.expression}` could not be watched for {duration_text(self.duration)}: "
                f"{found.because}"
            )
        return None
