"""Job orders on their way to a machine or a business system: permitted, journaled, then sent.

People decide when they release a plan; here each call that follows from it is checked by the
envelope and written down, on disk, before it leaves. What becomes of it is written down, too.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from gemel.core.envelope import Permit
from gemel.core.envelope.job import JobRequest, JobSituation, permit_job
from gemel.core.errors import GemelError, Unavailable
from gemel.core.time import Clock
from gemel.parts.connectors.base import Outcome
from gemel.twin.decisions.ledger import Ledger, Steps
from gemel.twin.decisions.people import SYSTEM

__all__ = ["JobOrders"]

log = logging.getLogger("gemel.decisions")


class JobOrders:
    """Sends calls, one permit each. Used in the event loop."""

    def __init__(
        self, ledger: Ledger, clock: Clock, send: Callable[[Permit], Awaitable[Outcome]]
    ) -> None:
        self._ledger, self._clock, self._send = ledger, clock, send
        self._count = 0

    def stopped_at(self, places: Iterable[str]) -> tuple[str, ...] | None:
        """Where kill switches are set that hold for one of these assets, or for the plant; None if
        that is not known."""
        found: dict[str, None] = {}
        for place in ("", *places):
            if (stopped := self._ledger.stopped_at(place)) is None:
                return None
            found |= dict.fromkeys(stopped)
        return tuple(found)

    def permit(self, request: JobRequest, situation: JobSituation) -> Permit:
        """Raises `Refused` with everything that stands in the way."""
        return permit_job(request, situation)

    def request_id(self) -> str:
        """An id for one attempt, never given before."""
        self._count += 1
        return f"job-{self._clock()}-{self._count}"

    async def send(self, permit: Permit, request: JobRequest, *, noted: bool = True) -> Outcome:
        """Write it down, send it, and write down what was answered.

        Without `noted` nothing is written: the same call to a business system that is tried again.
        Raises `Unavailable` if it is not known whether it arrived, or if the journal cannot be
        written: then nothing was sent.
        """
        call = request.call
        if noted:
            await self._note(request, "job order sent", request.by, call.comment)
        try:
            outcome = await self._send(permit)
        except Unavailable as error:
            if noted:
                await self._told(request, "job order unconfirmed", str(error))
            raise
        kind = "job order accepted" if outcome.accepted else "job order refused"
        await self._told(request, kind, outcome.reason)
        return outcome

    async def asked_again(self, schedule: str, by: str, keys: Sequence[str]) -> None:
        """Write down who has what was refused sent once more. Raises `Unavailable`."""
        steps = Steps(self._ledger, self._clock())
        steps.note("job orders sent again", schedule, by, "", keys=list(keys))
        await self._ledger.write(steps)

    async def _told(self, request: JobRequest, kind: str, reason: str) -> None:
        try:
            await self._note(request, kind, SYSTEM, reason)
        except GemelError as error:
            log.error("what became of job order %s is not written: %s", request.call.key, error)

    async def _note(self, request: JobRequest, kind: str, actor: str, reason: str) -> None:
        steps, call = Steps(self._ledger, self._clock()), request.call
        more: dict[str, Any] = {"start": call.order.start, "end": call.order.end}
        steps.note(
            kind, f"{request.place}/{call.order.id}" if request.place else call.order.id, actor,
            reason, call=call.command, key=call.key, connector=request.connector,
            work_master=call.order.work_master, equipment=call.order.equipment, **more,
        )  # fmt: skip
        await self._ledger.write(steps)
