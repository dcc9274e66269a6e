"""The way of a command, running: from a proposal through people and the envelope to read-back.

    propose ─▶ checked by the envelope ─▶ approve ─▶ checked again ─▶ journal ─▶ send ─▶ tick …

Nothing happens that is not on disk before: *sent* is in the journal before the write leaves, and so
a process that dies in between finds it there, calls it unconfirmed, lets read-back decide, and
sends nothing again. A command that waits, is refused or fails needs nothing to stay safe: the
machine's own control goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable, Mapping
from typing import Any, Final, TypeVar

from gemel.core.envelope import Permit
from gemel.core.errors import (
    ConfigurationError,
    GemelError,
    Refused,
    Unavailable,
    Unknown,
    did_you_mean,
)
from gemel.core.event import Event, make_id
from gemel.parts.connectors.base import Outcome
from gemel.parts.reasoners.base import Proposal
from gemel.twin.decisions.checking import Checker
from gemel.twin.decisions.command import Command, may_follow
from gemel.twin.decisions.eyes import Eyes
from gemel.twin.decisions.journal import Journal
from gemel.twin.decisions.ledger import Ledger, Steps
from gemel.twin.decisions.moves import Moves
from gemel.twin.decisions.people import Actor, must
from gemel.twin.decisions.targets import Target

__all__ = ["Decisions", "Send"]

log = logging.getLogger("gemel.decisions")

Send = Callable[[Permit], Awaitable[Outcome]]
"""How a permit becomes a write: `Guard.send` of the runtime. Raises `Refused` if nothing was
written, `Unavailable` if that is not known."""

T = TypeVar("T")

_STOPPED: Final = "the twin stopped before"


class Decisions:
    """All commands of a plant on their way. Every call comes from the event loop, and none blocks
    it: the disk is waited for in a thread. Each looks, decides and gives its steps to the ledger
    without waiting in between, so that decisions never cross; waiting for the disk, and for
    machines, holds up nobody else. `restore` first, then `tick` many times a second, `close` at
    the end.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        *,
        eyes: Eyes,
        journal: Journal,
        send: Send,
        emit: Callable[[Iterable[Event]], None],
    ) -> None:
        self.targets = dict(targets)
        self.ledger = Ledger(journal, emit)
        self._eyes = eyes
        self._send = send
        self._checker = Checker(eyes, self.ledger, self.targets.values())
        self._moves = Moves(eyes, self._checker)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changes: set[asyncio.Task[Any]] = set()
        self._answered: list[str] = []
        """Commands that the peer took: written down at the next look, with what that finds."""
        self._given = 0

    # What people and reasoners ask

    async def propose(self, proposal: Proposal, actor: Actor | None = None) -> Command:
        """Check a proposal, and send it if its class may act alone; returns once that is on disk.

        `actor` is the person whose own wish it is; without one it is a reasoner's. The same id
        twice is one command. What the envelope has no room for comes back in state *refused*, with
        the reason. Raises `Refused` if the person may not propose or gives no reason,
        `Unknown` if there is no such command, `Unavailable` if the journal cannot be
        written.
        """
        return await self._whole(self._propose(proposal, actor))

    async def approve(self, command_id: str, actor: Actor, reason: str = "") -> Command:
        """Approve; with the last approval that is needed it is checked again and sent.

        Returns when that is on disk, without waiting for the machine. Raises `Refused` if this
        person may not, or the command is past approval.
        """
        return await self._whole(self._approve(command_id, actor, reason))

    async def decline(self, command_id: str, actor: Actor, reason: str) -> Command:
        """Say no. Raises `Refused` without a reason, or if the command is past approval."""
        return await self._whole(self._withdraw(command_id, "declined", actor, reason))

    async def cancel(self, command_id: str, actor: Actor, reason: str = "") -> Command:
        """Withdraw a command that was not sent yet; nothing that was sent can be called back."""
        return await self._whole(self._withdraw(command_id, "cancelled", actor, reason))

    async def kill(self, place: str, actor: Actor, reason: str = "") -> None:
        """Stop all commands of an asset and what is below it, or of the plant (``""``).

        In force at once, before it is written down, and whatever the network does. What was not
        sent yet is refused for good. Raises `Unavailable` if it could not be written down: it is in
        force nevertheless.
        """
        must(actor, "operator", "set a kill switch")
        self._known_place(place)
        reason = reason or f"set by {actor.name}"
        self.ledger.stop(place, reason)
        await self._whole(self._kill(place, actor, reason))

    async def release(self, place: str, actor: Actor, reason: str) -> None:
        """Release a kill switch. Takes an engineer and a reason."""
        must(actor, "engineer", "release a kill switch")
        if not reason.strip():
            raise Refused("releasing a kill switch needs a reason")
        if place not in (self.ledger.stopped or {}):
            raise Refused(f"no kill switch is set at '{place or 'the plant'}'")
        await self._whole(self._release(place, actor, reason))

    def commands(self) -> list[Command]:
        """The open commands and the last ended ones, newest first."""
        return sorted(self.ledger.commands.values(), key=lambda c: c.proposed, reverse=True)

    async def command(self, command_id: str) -> Command:
        """One command, however old. Raises `Unknown` if there is none of this id."""
        found = await self.ledger.find(command_id)
        if found is None:
            raise Unknown(f"there is no command '{command_id}'")
        return found

    # What the runtime calls

    @property
    def waiting(self) -> Mapping[str, str]:
        """Why a revert cannot go yet, by its id."""
        return self._moves.waiting

    async def restore(self) -> None:
        """Take up what the journal says, before anything else is called.

        What was sent, and not known to have arrived, becomes *unconfirmed*.
        """
        now = self._eyes.look().now
        await self.ledger.restore(now)
        steps = Steps(self.ledger, now)
        for command in self.ledger.open():
            if command.state == "sent":
                steps.add(
                    command, "unconfirmed", reason="the twin stopped before its end was known"
                )
        await self.ledger.write(steps)

    def follow(
        self, targets: Mapping[str, Target], connectors: Mapping[int, str], kept: Container[str]
    ) -> None:
        """Another plant file holds: the next look of any command is by it. `kept` are the paths of
        commands that it leaves as they are; `connectors` as in `Eyes`."""
        self.targets = dict(targets)
        self._eyes.follow(connectors)
        self._checker.follow(targets.values(), kept)
        for command in self.ledger.open():
            if command.path not in kept:
                self._moves.forget(command.id)

    async def tick(self) -> None:
        """Look at all open commands: expiry, read-back, watches. Call it many times a second."""
        await self._whole(self._tick())

    async def settled(self) -> None:
        """Wait until every write that is on its way has been answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Wait for what is being written down, and give up waiting for machines."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._changes, return_exceptions=True)
        steps = Steps(self.ledger, self._eyes.look().now)
        self._take_answers(steps)
        try:
            await self.ledger.write(steps)
        except GemelError as error:
            log.error("what was answered last is not written: %s", error)
        await self.ledger.close()

    # Proposing and approving

    async def _propose(self, proposal: Proposal, actor: Actor | None) -> Command:
        self._commanded(proposal)
        if actor is not None:
            must(actor, "operator", "propose a command")
            if not proposal.reason.strip():
                raise Refused("a person's own command needs a reason")
            update = {"source": "person", "proposed_by": actor.name}
        else:
            if proposal.source != "reasoner" or not proposal.proposed_by:
                raise Refused("a proposal without a person needs a reasoner's name")
            update = {}
        known = await self.ledger.find(proposal.id) if proposal.id else None
        known = self.ledger.commands.get(proposal.id, known)  # it may have come meanwhile
        target = self._commanded(proposal)  # another plant file may hold by now
        view = self._eyes.look()
        update["id"] = proposal.id or self._new_id(target, view.now)
        proposal = proposal.model_copy(update=update)
        if known is not None:
            if known.proposal != proposal:
                raise Refused(f"the id '{proposal.id}' belongs to another command")
            await self.ledger.on_disk()
            return self.ledger.commands.get(known.id, known)
        steps = Steps(self.ledger, view.now)
        expires = view.now + target.envelope.time_to_live
        expires = min(expires, proposal.expires or expires)
        command = self._moves.begin(steps, proposal, expires)
        permit = self._moves.check(steps, command, target, view)
        await self.ledger.write(steps)
        self._deliver(permit)
        return self.ledger.commands[command.id]

    async def _approve(self, command_id: str, actor: Actor, reason: str) -> Command:
        command = await self.command(command_id)
        target = self._target(command)
        must(actor, target.envelope.approver, "approve this command")
        if actor.name in command.approvals:
            if command.state != "checked":
                await self.ledger.on_disk()
                return await self.command(command_id)  # told twice
            raise Refused(f"a second person must approve; {actor.name} has approved already")
        if command.state != "checked":
            raise Refused(f"the command is {command.state}: {command.reason or 'too late'}")
        view = self._eyes.look()
        steps = Steps(self.ledger, view.now)
        permit = None
        if view.now >= command.expires:
            steps.add(command, "expired", reason="its time to live ended")
        elif target.envelope.approval == "two persons" and not command.approvals:
            steps.add(command, "approval", actor.name, reason, role=actor.role)
        else:
            by = [*command.approvals, actor.name]
            command = steps.add(command, "approved", actor.name, reason, by=by, role=actor.role)
            permit = self._moves.release(steps, command, target, view)
        await self.ledger.write(steps)
        self._deliver(permit)
        return self.ledger.commands[command.id]

    async def _withdraw(self, command_id: str, kind: str, actor: Actor, reason: str) -> Command:
        must(actor, "operator", "decide on a command")
        if kind == "declined" and not reason.strip():
            raise Refused("declining needs a reason, so that the next proposal can be better")
        command = await self.command(command_id)
        if command.state == kind:
            await self.ledger.on_disk()
            return await self.command(command_id)
        if not may_follow(command.state, kind):
            raise Refused(f"the command is {command.state}; it cannot be {kind} any more")
        steps = Steps(self.ledger, self._eyes.look().now)
        steps.add(command, kind, actor.name, reason, role=actor.role)
        await self.ledger.write(steps)
        return self.ledger.commands[command.id]

    # Sending

    def _deliver(self, *permits: Permit | None) -> None:
        for permit in permits:
            if permit is not None:
                task = asyncio.create_task(self._write(permit), name=f"send.{permit.command_id}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _write(self, permit: Permit) -> None:
        """Send once, and write down what came of it."""
        if self.ledger.stopped_at(permit.command):
            kind, reason = "refused", "the kill switch was set; nothing was written"
        else:
            try:
                outcome = await self._send(permit)
            except Refused as refused:
                kind, reason = "refused", f"{refused}; nothing was written"
            except Unavailable as error:
                kind, reason = "unconfirmed", str(error)
            except Exception as error:
                log.exception("sending command %s failed", permit.command_id)
                kind, reason = "unconfirmed", f"{type(error).__name__}: {error}"
            else:
                if outcome.accepted:
                    self._answered.append(permit.command_id)
                    return
                kind, reason = "rejected", outcome.reason or "rejected by the peer"
        command = self.ledger.commands[permit.command_id]
        if not may_follow(command.state, kind):
            return  # read-back was quicker, and knows better
        steps = Steps(self.ledger, self._eyes.look().now)
        steps.add(command, kind, reason=reason)
        try:
            await self.ledger.write(steps)
        except GemelError as error:
            log.error("what became of command %s is not written: %s", command.id, error)

    def _take_answers(self, steps: Steps) -> list[str]:
        answered, self._answered = self._answered, []
        for command_id in answered:
            if (command := steps.get(command_id)) is not None:
                steps.add(command, "answered", reason="accepted by the peer")
        return answered

    # Watching over time

    async def _tick(self) -> None:
        view = self._eyes.look()
        self._checker.sample(view)
        steps = Steps(self.ledger, view.now)
        answered = self._take_answers(steps)
        permits = []
        for known in self.ledger.open():
            command = steps.get(known.id) or known  # another one's move may have ended it
            if (target := self.targets.get(command.path)) is not None:
                permits.append(self._moves.look(steps, command, target, view))
            else:
                self._moves.orphaned(steps, command)
        had = self.ledger.problem
        try:
            await self.ledger.write(steps)
        except GemelError as error:
            self._answered = answered + self._answered
            if not had:
                log.error("decisions stand still: %s", error)
            return
        self._deliver(*permits)

    # Kill switches

    async def _kill(self, place: str, actor: Actor, reason: str) -> None:
        steps = Steps(self.ledger, self._eyes.look().now)
        steps.note("killed", place, actor.name, reason, role=actor.role)
        for command in self.ledger.open():
            stopped = place in (self.ledger.stopped_at(command.path) or ())
            if stopped and command.state in ("proposed", "checked", "approved"):
                end = f"the kill switch of {place or 'the plant'} was set by {actor.name}"
                steps.add(command, "refused", actor.name, end)
                self._moves.waiting.pop(command.id, None)
        await self.ledger.write(steps)

    async def _release(self, place: str, actor: Actor, reason: str) -> None:
        steps = Steps(self.ledger, self._eyes.look().now)
        steps.note("released", place, actor.name, reason, role=actor.role)
        await self.ledger.write(steps)

    def _known_place(self, place: str) -> None:
        places = {""}
        for path in self.targets:
            parts = path.split("/")
            places |= {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
        if place not in places:
            raise ConfigurationError(f"nothing to stop at '{place}'; {did_you_mean(place, places)}")

    # Small things

    def _target(self, command: Command) -> Target:
        target = self.targets.get(command.path)
        if target is None:
            raise Refused(f"the plant file no longer has a command '{command.path}'")
        return target

    def _commanded(self, proposal: Proposal) -> Target:
        target = self.targets.get(proposal.command)
        if target is None:
            hint = did_you_mean(proposal.command, self.targets)
            raise Unknown(f"no command '{proposal.command}'; {hint}")
        return target

    def _new_id(self, target: Target, now: int) -> str:
        self._given += 1
        return make_id(self.ledger.began, "command", target.path, now, self._given)[:16]

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """To its end, even if the caller goes away: what is on disk as sent must be sent."""
        task = asyncio.create_task(work)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)
