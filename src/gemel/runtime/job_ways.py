"""Job orders of released plans on their way out, and what comes back.

Each way of a schedule has a task of its own, so that a business system which is down holds up no
machine. What is to be sent is in the outbox before a release is answered; what is sent is marked
there, and in the journal, before it leaves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gemel.core.envelope.job import JobRequest, JobSituation
from gemel.core.errors import GemelError, Refused, Unavailable
from gemel.core.job import BEGUN, OVER, JobCall, JobResponse
from gemel.parts.connectors.base import JOBS, JobReader, Outcome
from gemel.runtime.job_post import JobPost
from gemel.twin.decisions import JobOrders

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.runtime.outbox import Outbox
    from gemel.twin.planning.plans import Book, PlanSettings, Version
    from gemel.twin.planning.plans.jobs import Posted, PostState, Sending

__all__ = ["JobWays"]

log = logging.getLogger("gemel.job_orders")

LOOK_S: Final = 0.5
SHORTEST_S: Final = 0.5
LONGEST_S: Final = 60.0
MACHINE_S: Final = 1.0
_TOLD_AFTER: Final = 4


class JobWays(JobPost):
    """All ways of all schedules. Used in the event loop."""

    def __init__(self, daemon: Daemon, books: Mapping[str, Book]) -> None:
        super().__init__(daemon, books)
        self.held: dict[str, Version] = {}
        """The plans that hold, by schedule, each once it is on disk: nothing is sent before."""
        self._put: dict[tuple[str, str], int] = {}
        """Number of the plan whose job orders are in the outbox, by way."""
        self._troubles: dict[str, str] = {}
        """Why they are not, by schedule."""
        self._not_cleared: dict[str, bool] = {}
        """By call, each told once; True where the machine said no: it is not asked again."""
        self._ways: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._waits: dict[tuple[str, str], str] = {}
        """Why a way stands still."""
        decisions = daemon.rooms.decisions
        self._sender = JobOrders(decisions.ledger, daemon.clock, daemon.rooms.guard.send)

    # Life

    async def run(self) -> None:
        """Until cancelled: have a task for each way of the plan that runs."""
        try:
            while True:
                wanted = {(name, way) for name in self._books for way in self._settings(name).send}
                for key in set(self._ways) - wanted:
                    self._ways.pop(key).cancel()
                    self._put.pop(key, None)
                for key in wanted - set(self._ways):
                    self._ways[key] = asyncio.create_task(self._way(*key), name=f"jobs.{key}")
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._ways.values():
                task.cancel()
            await asyncio.gather(*self._ways.values(), return_exceptions=True)

    # What is to be sent

    async def put(self, name: str) -> None:
        """Have the job orders of the plan that holds sent; returns when that is on disk. Where it
        raises, the ways try again."""
        if not self._settings(name).send:
            return
        try:
            await self._put_held(name)
        except Exception as error:
            if self._troubles.get(name) != str(error):  # once, not at every try
                self._troubles[name] = str(error)
                log.error("job orders of '%s' are not on their way: %s", name, error)
            raise
        self._troubles.pop(name, None)

    async def _put_held(self, name: str) -> None:
        from gemel.twin.planning.plans.jobs import outdated, posted

        book, outbox, now = self._books[name], await self._open(), self._daemon.clock()
        history = list(book.history.items())
        over = [order for order, told in history if told.end is not None or told.start]
        changed: list[Posted] = []
        dropped: list[Posted] = []
        async with self._changing:
            held, sendings = self.held[name], self._settings(name).send
            for way, sending in sendings.items():
                known = {one.order.id: one for one in outbox.of(name, way)}
                more, less = posted(
                    name, way, sending, held, now, known, outbox.responses_of(name), over,
                    machine=self._takes(sending) == "machine",
                )  # fmt: skip
                changed, dropped = changed + more, dropped + less
            left = {one.key: one for one in (*outbox.of(name), *changed)}
            for one in dropped:
                del left[one.key]
            old, untold = outdated(held, left.values(), outbox.responses_of(name), now)
            await self._keep(outbox, changed, [*dropped, *old], [(name, job) for job in untold])
            self._put |= dict.fromkeys(((name, way) for way in sendings), held.number)

    # One way

    async def _way(self, name: str, way: str) -> None:
        pause, failures = SHORTEST_S, 0
        while True:
            settings = self._sending(name, way)
            if settings is not None:
                try:
                    await self._catch_up(name, way)
                    await self._visit(name, way, settings)
                    self._waits.pop((name, way), None)
                    pause, failures = SHORTEST_S, 0
                except GemelError as error:
                    failures += 1
                    if failures == _TOLD_AFTER:  # a connector that is just being opened is no news
                        log.warning("job orders of '%s' to '%s' wait: %s", name, way, error)
                    self._waits[name, way] = str(error)
                    pause = min(2 * pause, LONGEST_S)
                except Exception as error:
                    why = f"{type(error).__name__}: {error}"
                    if self._waits.get((name, way)) != why:  # once, not at every visit
                        log.exception("job orders of '%s' to '%s' failed", name, way)
                    self._waits[name, way] = why
                    pause = min(2 * pause, LONGEST_S)
            machine = settings is not None and self._takes(settings) == "machine"
            # To a machine that is not connected nothing is sent, so that it need not be spared.
            await asyncio.sleep(MACHINE_S if machine else pause)

    async def _catch_up(self, name: str, way: str) -> None:
        """After a start, and after a release that could not do it."""
        held = self.held.get(name)
        if held is not None and self._put.get((name, way)) != held.number:
            await self.put(name)

    async def _visit(self, name: str, way: str, sending: Sending) -> None:
        """Look what the peer has, and send what it has not."""
        from gemel.twin.planning.plans.jobs import call_of, to_clear, turn

        machine = self._takes(sending) == "machine"
        found = await self._look(name, way, sending) if machine else {}
        outbox = await self._open()
        for entry in sorted(outbox.of(name, way), key=turn):
            current = outbox.posted.get(entry.key)
            if current is None:
                continue  # another plan was released meanwhile
            call = call_of(current, sending)
            if call is None and machine:
                call = to_clear(current, sending, found.get(entry.order.id))
                if call is not None:
                    await self._clear(outbox, current, sending, call, found)
                    continue
            if call is not None:
                await self._send(outbox, current, sending, call, found, machine)

    async def _look(self, name: str, way: str, sending: Sending) -> Mapping[str, JobResponse]:
        from gemel.twin.planning.plans.jobs import read_back

        outbox, now = await self._open(), self._daemon.clock()
        reader, known = self._session(sending), outbox.responses_of(name)
        if not isinstance(reader, JobReader):
            raise Unavailable(f"connector '{sending.connector}' cannot be asked for job orders")
        entries = outbox.of(name, way)
        over = {job for job, one in known.items() if one.state in OVER and one.end is not None}
        wanted = {
            one.order.id for one in entries
            if one.state == "accepted" and one.wanted and one.order.id not in over
        }  # fmt: skip
        found = await reader.jobs(sending.receiver, wanted, over)
        async with self._changing:
            known = outbox.responses_of(name)
            changed = []
            for entry in entries:
                if outbox.posted.get(entry.key) != entry:
                    continue  # it was changed since the machine was asked: look again
                job, response = entry.order.id, found.get(entry.order.id)
                if response is None and job in known and known[job].state in BEGUN:
                    response = known[job]
                after = read_back(entry, response, now)
                if after != entry:
                    changed.append(after)
            book = self._books.get(name)
            held = set() if book is None or book.held is None else {
                row.operation for row in book.held.rows
            }  # fmt: skip
            ours = held | {one.order.id for one in entries}
            heard = [one.after(known.get(job)) for job, one in found.items() if job in ours]
            await self._hear(outbox, name, way, [o for o in heard if o != known.get(o.job)])
            await self._keep(outbox, changed)
        return found

    async def _send(
        self, outbox: Outbox, entry: Posted, sending: Sending, call: JobCall,
        found: Mapping[str, JobResponse], machine: bool,
    ) -> None:  # fmt: skip
        """One call, and what came of it. Raises `Unavailable` where the way is to wait."""
        self._session(sending)
        request = self._request(entry.schedule, entry.by, sending, call)
        async with self._changing:
            if outbox.posted.get(entry.key) != entry:
                return  # another plan was released meanwhile: the next visit says what holds now
            try:
                permit = self._sender.permit(request, self._situation(sending, request, found))
            except Refused as refused:
                after = entry.now("refused", self._daemon.clock(), str(refused))
                await self._keep(outbox, [after])
                return
            await self._keep(outbox, [entry.now("sent", self._daemon.clock(), entry.reason)])
        first = machine or not entry.reason
        try:
            outcome = await self._sender.send(permit, request, noted=first)
        except Refused as refused:
            outcome = Outcome(False, str(refused))
        except Unavailable as error:
            async with self._changing:
                current = outbox.posted.get(entry.key, entry)
                after = current.now("unconfirmed", self._daemon.clock(), str(error))
                await self._keep(outbox, [after])
            raise
        async with self._changing:
            await self._answered(outbox, entry, call, outcome)

    async def _answered(
        self, outbox: Outbox, entry: Posted, call: JobCall, outcome: Outcome
    ) -> None:
        now, current = self._daemon.clock(), outbox.posted.get(entry.key, entry)
        has = current.has
        if outcome.accepted:
            has = None if call.command == "Cancel" else call.order
        if current.version != entry.version:  # another plan was released meanwhile
            after = current.now("waiting", now, has=has)
        elif outcome.accepted:
            state: PostState = "cancelled" if call.command == "Cancel" else "accepted"
            after = current.now(state, now, has=has)
        else:
            after = current.now("refused", now, outcome.reason, has=has)
        await self._keep(outbox, [after])

    async def _clear(
        self, outbox: Outbox, entry: Posted, sending: Sending, call: JobCall,
        found: Mapping[str, JobResponse],
    ) -> None:  # fmt: skip
        request = self._request(entry.schedule, entry.by, sending, call)
        try:
            permit = self._sender.permit(request, self._situation(sending, request, found))
        except Refused as refused:
            if call.key not in self._not_cleared:
                log.info("%s is not cleared: %s", call.order.id, refused)
            self._not_cleared.setdefault(call.key, False)
            return
        if self._not_cleared.get(call.key):
            return
        try:
            outcome = await self._sender.send(permit, request)
        except Refused as refused:
            outcome = Outcome(False, str(refused))
        if not outcome.accepted:
            self._not_cleared[call.key] = True
            log.warning("%s is not cleared: %s", call.order.id, outcome.reason)
            return
        async with self._changing:
            current = outbox.posted.get(entry.key, entry)
            await self._keep(outbox, [replace(current, cleared=True)])

    # Small things

    def _settings(self, name: str) -> PlanSettings:
        return self._books[name].settings

    def _sending(self, name: str, way: str) -> Sending | None:
        """None if another plant file has no such way any more."""
        book = self._books.get(name)
        return None if book is None else book.settings.send.get(way)

    def _takes(self, sending: Sending) -> str:
        connector = self._daemon.plan.connectors.get(sending.connector)
        return "" if connector is None else type(connector).takes_jobs

    def _session(self, sending: Sending) -> Any:
        link = self._daemon.links.get(sending.connector)
        if link is None or link.session is None:
            why = "it is gone from the plant file" if link is None else link.reason
            raise Unavailable(f"connector '{sending.connector}' is not connected: {why}")
        return link.session

    def _request(
        self, name: str, by: str, sending: Sending, call: JobCall, person: bool = False
    ) -> JobRequest:
        seat = self._settings(name).machines.get(call.order.equipment)
        return JobRequest(
            self._sender.request_id(), seat.asset if seat is not None else "", sending.connector,
            sending.receiver + JOBS, call, by, person,
        )  # fmt: skip

    def _situation(
        self, sending: Sending, request: JobRequest, found: Mapping[str, JobResponse]
    ) -> JobSituation:
        response = found.get(request.call.order.id)
        machine = self._takes(sending) != "system"
        stopped = self._sender.stopped_at(self._places(sending, request.place))
        return JobSituation(
            self._daemon.clock(), sending.armed, machine, stopped,
            None if response is None else response.state or None, known=machine,
        )  # fmt: skip

    def _places(self, sending: Sending, place: str) -> list[str]:
        """Where nobody said which asset a machine is, it may be any that its connector brings."""
        assets = self._daemon.plan.plant.assets
        brought = [path for path, asset in assets.items() if asset.connector == sending.connector]
        return [place] if place else brought
