"""Job orders as people and systems see them: what became of each, and what they say of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gemel.core.errors import Refused, Unknown, did_you_mean
from gemel.core.job import JobCall, JobCommand, JobOrder, JobResponse
from gemel.runtime.job_ways import JobWays

__all__ = ["JobOrders"]


class JobOrders(JobWays):
    """The ways, and what is asked of them. Used in the event loop."""

    async def command(
        self, name: str, job: str, command: JobCommand, by: str, reason: str
    ) -> JobResponse | None:
        """A person's own command about one job order; what the machine has of it afterwards.

        Raises `Unknown` if no machine has it, `Refused` with the reason of envelope or machine,
        `Unavailable` if it is not known whether it arrived.
        """
        if not reason.strip():
            raise Refused(f"{command} needs a reason")
        ways = {way: s for way, s in self._settings(name).send.items()
                if self._takes(s) == "machine"}  # fmt: skip
        known: dict[str, JobResponse] = {}
        for way, sending in ways.items():
            found = await self._look(name, way, sending)
            known |= found
            if job not in found:
                continue
            order = self._order(name, way, job)
            call = JobCall(f"{name}/{job}/{self._daemon.clock()}", command, order, comment=reason)
            request = self._request(name, by, sending, call, person=True)
            permit = self._sender.permit(request, self._situation(sending, request, found))
            outcome = await self._sender.send(permit, request)
            if not outcome.accepted:
                raise Refused(f"{job}: {outcome.reason}")
            return (await self._look(name, way, sending)).get(job)
        raise Unknown(f"no machine has a job order '{job}'; {did_you_mean(job, known)}")

    async def respond(self, name: str, told: Sequence[JobResponse], by: str) -> None:
        """Responses that a system has sent; on disk when it returns. Raises `Unknown` with the job
        orders that are none, and takes nothing then."""
        book = self._books[name]
        outbox = await self._open()
        ours = {one.order.id for one in outbox.of(name)}
        if book.held is not None:
            ours |= {row.operation for row in book.held.rows}
        if strange := [one.job for one in told if one.job not in ours]:
            raise Unknown(
                f"no job order '{strange[0]}' of '{name}'; {did_you_mean(strange[0], ours)}"
            )
        async with self._changing:
            known = outbox.responses_of(name)
            await self._hear(outbox, name, by, [one.after(known.get(one.job)) for one in told])

    async def send_again(self, name: str, by: str) -> int:
        """What was refused goes out once more, as another version; how many that are. Who asked for
        it is in the journal before. Raises `Unavailable`."""
        outbox, now = await self._open(), self._daemon.clock()
        async with self._changing:
            again = [
                one.now("waiting", now, version=one.version + 1)
                for one in outbox.of(name)
                if one.state == "refused"
            ]
            if again:
                keys = sorted({f"{name}/{one.order.id}/{one.version}" for one in again})
                await self._sender.asked_again(name, by, keys)
            await self._keep(outbox, again)
        return len(again)

    def problems(self) -> list[str]:
        """What people must know of: job orders that are not even in the outbox."""
        return [
            f"job orders of '{name}' are not on their way: {why}"
            for name, why in self._troubles.items()
            if name in self._books
        ]

    async def report(self, name: str) -> dict[str, dict[str, Any]]:
        """What became of each job order, by id: how it was sent by each way, and its response."""
        from gemel.twin.planning.plans.jobs import shown

        if self._outbox is None and not self._settings(name).send:
            return {}
        outbox = await self._open()
        responses = outbox.responses_of(name)
        found: dict[str, dict[str, Any]] = {
            job: {"sent": [], "response": one} for job, one in responses.items()
        }
        for entry in outbox.of(name):
            told = found.setdefault(entry.order.id, {"sent": [], "response": None})
            word, reason = shown(entry, told["response"])
            if entry.open and not reason:
                reason = self._waits.get((name, entry.way), "")
            told["sent"].append(
                {"way": entry.way, "word": word, "state": entry.state, "reason": reason,
                 "version": entry.version, "plan": entry.plan, "wanted": entry.wanted,
                 "since": entry.since, "machine": entry.order.equipment}
            )  # fmt: skip
        return found

    def _order(self, name: str, way: str, job: str) -> JobOrder:
        from gemel.twin.planning.plans.jobs import orders_of

        outbox = self._outbox
        if outbox is not None and (entry := outbox.posted.get((name, way, job))) is not None:
            return entry.order
        held = self._books[name].held
        planned = None if held is None else orders_of(held).get(job)
        return planned[0] if planned is not None else JobOrder(job, "", 0, 0, "")
