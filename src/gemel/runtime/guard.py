"""The guard: the only place that sends anything to a machine, and only with a Permit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gemel.core.envelope import Permit, is_intact
from gemel.core.errors import Refused, Unavailable
from gemel.core.time import Clock
from gemel.parts.connectors.base import Outcome, Write

__all__ = ["Guard", "Sender"]


class Sender(Protocol):
    """What the guard sends through: a connector under supervision."""

    async def send(self, write: Write) -> Outcome:
        """Write one value. Raises `Unavailable` if it is not known whether it arrived."""
        ...


class Guard:
    """Turns a Permit into one write, once. Called from the event loop.

    `senders` are the connectors by name, asked at each call. Without them (replay, what-if) nothing
    leaves: `withheld` has what would have been sent.
    """

    def __init__(self, senders: Mapping[str, Sender] | None, clock: Clock) -> None:
        self.withheld: list[Write] = []
        self._senders = senders
        self._clock = clock
        self._used: set[str] = set()

    async def send(self, permit: Permit) -> Outcome:
        """Write what is permitted, and say what the peer answered.

        Raises `Refused` when nothing was written: the permit is not one, has ended, or its command
        was sent before. Raises `Unavailable` when it is not known; it is never tried again, since
        a second write could act twice.
        """
        if not is_intact(permit):
            raise Refused("this is not a permit that the envelope made")
        if self._clock() >= permit.expires:
            raise Refused(f"the permit of command {permit.command_id} has ended")
        if permit.command_id in self._used:
            raise Refused(f"command {permit.command_id} was sent before")
        self._used.add(permit.command_id)
        write = Write(permit.command_id, permit.address, permit.value)
        if self._senders is None:
            self.withheld.append(write)
            return Outcome(True, "withheld: nothing leaves a guard without connectors")
        sender = self._senders.get(permit.connector)
        if sender is None:
            raise Refused(f"there is no connector '{permit.connector}'")
        try:
            return await sender.send(write)
        except OSError as error:
            raise Unavailable(str(error)) from None
