"""The commands as the journal tells them: decided in memory, told and acted upon once on disk.

The ledger is all that decisions remember. It changes in one way: `write` takes entries, which hold
at once for what is decided next, and returns when they are on disk; then they are told as Events.
What waits while the disk is at work goes there together, with one wait for the platter. If it
cannot be written, everything since the last written entry is taken back, as if it had never been.
Used in the event loop; the disk is waited for in a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from gemel.core.errors import Damaged, GemelError, Unavailable
from gemel.core.event import Event, Payload
from gemel.core.time import HOUR
from gemel.twin.decisions.command import FINAL, SIDE, Command, follow
from gemel.twin.decisions.journal import Draft, Entry, Journal
from gemel.twin.decisions.known import Known, Used
from gemel.twin.decisions.people import SYSTEM

__all__ = ["CommandEvent", "KillSwitchEvent", "Ledger", "Steps"]

log = logging.getLogger("gemel.decisions")

_ALL: Final = 1_000_000
_SWITCHES: Final = ("killed", "released")


class CommandEvent(Payload):
    """A command in one of its states. Kind ``command``; subject is the command's path.

    Each state is an Event that supersedes the one before; `sequence` and `head` are those of the
    journal entry, so that history bears witness of the journal.
    """

    command_id: str
    command: str
    state: str
    since: int
    actor: str
    reason: str
    title: str
    why: str
    source: str
    proposed_by: str
    proposed: int
    expires: int
    value: float | bool | str | None
    previous: float | bool | str | None
    label: str
    unit: str
    within: str
    effects: tuple[dict[str, Any], ...]
    evidence: dict[str, Any]
    approvals: tuple[str, ...]
    sent: int | None
    deadline: int | None
    reverts: str
    steps: int
    sequence: int
    head: str


class KillSwitchEvent(Payload):
    """A kill switch was set or released. Kind ``kill_switch``; subject is where, '' the plant."""

    set: bool
    actor: str
    reason: str
    sequence: int
    head: str


class Steps:
    """Entries that belong together: they are written together, or not at all.

    Each is tried on the command as the entries before it left it, so that what cannot follow is
    found here (`DataError`) and never reaches the journal.
    """

    def __init__(self, ledger: Ledger, now: int) -> None:
        self.now = now
        self.drafts: list[Draft] = []
        self.commands: list[Command | None] = []
        """The command as each entry leaves it; None where the entry is about something else."""
        self._ledger = ledger
        self._moved: dict[str, Command] = {}

    def begin(self, draft: Draft) -> Command:
        """A new command."""
        return self._put(None, draft)

    def add(
        self, command: Command, kind: str, actor: str = SYSTEM, reason: str = "", **payload: Any
    ) -> Command:
        """The command after one more entry."""
        content = {"reason": reason, **payload}
        draft = Draft(self.now, actor, kind, command.path, command.id, content)
        return self._put(self._moved.get(command.id, command), draft)

    def note(self, kind: str, subject: str, actor: str, reason: str, **payload: Any) -> None:
        """An entry about something else than a command."""
        self.drafts.append(Draft(self.now, actor, kind, subject, "", {"reason": reason, **payload}))
        self.commands.append(None)

    def get(self, command_id: str) -> Command | None:
        """A command as these steps leave it."""
        return self._moved.get(command_id, self._ledger.commands.get(command_id))

    def open(self) -> list[Command]:
        """The open commands as these steps leave them."""
        known = {command.id: command for command in self._ledger.open()} | self._moved
        return [command for command in known.values() if command.open]

    def _put(self, command: Command | None, draft: Draft) -> Command:
        moved = follow(command, draft)
        self.drafts.append(draft)
        self.commands.append(moved)
        self._moved[moved.id] = moved
        return moved


@dataclass(slots=True, eq=False)
class _Waiting:
    """Steps on their way to disk."""

    steps: Steps
    done: asyncio.Future[None]
    before: dict[str, Command | None] = field(default_factory=dict)
    """The commands that they changed, as they were."""


class _Past(NamedTuple):
    """What the journal says at the start.

    head      its head
    ids       of all commands
    commands  the entries of each open one
    switches  entries about kill switches, in order
    sent      when commands were sent, by path: the last hour, and always the last
    """

    head: str
    ids: list[str]
    commands: list[list[Entry]]
    switches: list[Entry]
    sent: dict[str, list[int]]


class Ledger:
    """All open commands, the last ended ones, and the kill switches."""

    def __init__(self, journal: Journal, emit: Callable[[Iterable[Event]], None]) -> None:
        self.stopped: dict[str, str] | None = None
        """Where kill switches are set, and why; None until the journal was read."""
        self.problem = ""
        """Why the journal could not be written the last time; empty if it could."""
        self.began = ""
        """The journal's head when this run began: ids of two runs never meet."""
        self._known = Known()
        self._used: Used | None = None
        """Ids of all commands that ever were; None until the journal was read."""
        self._journal = journal
        self._emit = emit
        self._events: dict[str, str] = {}
        self._sent: dict[str, list[int]] = {}
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        # Two: a question must not wait until what is being written has reached the platter.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="gemel.journal")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="gemel.journal.read")

    async def close(self) -> None:
        """Wait for what is being written, and end the thread. The journal stays open."""
        await self.on_disk()
        self._writer.shutdown()
        self._reader.shutdown()

    # What is known

    @property
    def commands(self) -> Mapping[str, Command]:
        """The open commands and the last ended ones, by id."""
        return self._known.all

    def stopped_at(self, path: str) -> tuple[str, ...] | None:
        """Where kill switches are set that hold for a path; None if that is not known."""
        if self.stopped is None:
            return None
        return tuple(p for p in self.stopped if not p or path == p or path.startswith(f"{p}/"))

    def stop(self, place: str, reason: str) -> None:
        """Set a kill switch at once; writing it down comes after."""
        self.stopped = {**(self.stopped or {}), place: reason}

    def last_sent(self, path: str) -> int | None:
        """When a command of this class was sent last."""
        times = self._sent.get(path)
        return times[-1] if times else None

    def sent_since(self, path: str, since: int) -> int:
        """How many of this class were sent since a time; at most an hour is known."""
        return sum(time > since for time in self._sent.get(path, ()))

    def open(self) -> list[Command]:
        """Commands that have not ended, oldest first."""
        return self._known.open()

    async def find(self, command_id: str) -> Command | None:
        """A command, from the journal if it ended long ago."""
        if command_id in self.commands:
            return self.commands[command_id]
        if self._used is not None and command_id not in self._used:
            return None
        entries = await _in_thread(
            self._reader, lambda: self._journal.entries(command_id=command_id, limit=_ALL)
        )
        return _followed(entries)

    # Writing

    async def write(self, steps: Steps) -> None:
        """Decide: the steps hold from now on. Returns when they are on disk.

        They are taken before anything is waited for: between looking and this call nothing else can
        have been decided. Raises `Unavailable` if they are not known to be on disk: then they, and
        what was decided upon them, are taken back.
        """
        if not steps.drafts:
            return
        waiting = _Waiting(steps, asyncio.get_running_loop().create_future())
        for draft, command in zip(steps.drafts, steps.commands, strict=True):
            if command is not None:
                waiting.before.setdefault(command.id, self.commands.get(command.id))
                self._known.put(command)
                if draft.kind == "proposed" and self._used is not None:
                    self._used.add(command.id)
                if draft.kind == "sent":
                    self._count_sent(command.path, draft.time)
        self._waiting.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="journal")
        await asyncio.shield(waiting.done)

    async def on_disk(self) -> None:
        """Wait until everything decided so far is on disk, or taken back."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            drafts = [draft for waiting in group for draft in waiting.steps.drafts]
            try:
                entries = await _in_thread(self._writer, partial(self._journal.append, *drafts))
            except Exception as error:  # noqa: BLE001 - whatever it is, all who wait are told
                # What was decided meanwhile stands on what is not on disk: it goes as well.
                self._take_back([*group, *self._waiting], error)
                self._waiting = []
                continue
            self.problem = ""
            commands = [command for waiting in group for command in waiting.steps.commands]
            told = [self._tell(*pair) for pair in zip(entries, commands, strict=True)]
            self._emit([event for event in told if event is not None])
            for waiting in group:
                waiting.done.set_result(None)
            self._known.forget(lambda command_id: self._events.pop(command_id, None))

    def _take_back(self, group: Sequence[_Waiting], error: Exception) -> None:
        if not isinstance(error, GemelError):
            log.error("the journal failed", exc_info=error)
            error = Unavailable(f"the journal failed: {type(error).__name__}: {error}")
        self.problem = str(error)
        for waiting in reversed(group):
            for command_id, before in waiting.before.items():
                if before is None:
                    self._known.drop(command_id)
                else:
                    self._known.put(before)
            for draft in waiting.steps.drafts:
                if draft.kind == "sent":
                    self._sent[draft.subject].pop()
            waiting.done.set_exception(error)
            waiting.done.exception()  # nobody may be waiting any more

    def _count_sent(self, path: str, time: int) -> None:
        times = self._sent.setdefault(path, [])
        times.append(time)
        while times[0] <= time - HOUR:
            del times[0]

    def _tell(self, entry: Entry, command: Command | None) -> Event | None:
        """None for a note that whoever wrote it tells of himself."""
        draft = entry.draft
        chain = {"sequence": entry.sequence, "head": str(entry.head)}
        if command is None and draft.kind not in _SWITCHES:
            return None
        if command is None:
            self._switch(draft)
            switch = KillSwitchEvent.model_validate(
                {
                    "set": draft.kind == "killed",
                    "actor": draft.actor,
                    "reason": str(draft.payload.get("reason", "")),
                    **chain,
                }
            )
            return _event("kill_switch", draft, draft.time, switch, entry)
        payload = CommandEvent.model_validate({**command.report(), **chain})
        event = _event(
            "command", draft, command.proposed, payload, entry,
            supersedes=self._events.get(command.id), end=None if command.open else draft.time,
            cause=self._events.get(command.reverts),
        )  # fmt: skip
        self._events[command.id] = event.id
        return event

    def _switch(self, draft: Draft) -> None:
        stopped = self.stopped if self.stopped is not None else {}
        if draft.kind == "killed":
            stopped[draft.subject] = str(draft.payload.get("reason", ""))
        elif draft.kind == "released":
            stopped.pop(draft.subject, None)
        self.stopped = stopped

    # Starting again

    async def restore(self, now: int) -> None:
        """What the journal says of open commands, kill switches and the last hour.

        A journal that cannot be read leaves unknown what was sent and stopped: the kill switch of
        the plant is then set, until a person releases it.
        """
        try:
            past = await _in_thread(self._reader, lambda: self._read(now))
        except Damaged as error:
            await self._stop_all(now, str(error))
            return
        self.began, self._used = past.head, Used(past.ids)
        set_before, self.stopped, self._sent = self.stopped or {}, {}, past.sent
        for entry in past.switches:
            self._switch(entry.draft)
        self.stopped |= set_before
        troubles = []
        for mine in past.commands:
            try:
                command = _followed(mine)
            except (GemelError, KeyError, TypeError) as error:
                troubles.append(f"command {mine[0].draft.command_id}: {error}")
                continue
            if command is not None:
                self._known.put(command)
                last = mine[-1]
                self._events[command.id] = _event(
                    "command", last.draft, command.proposed, None, last
                ).id
        if self._journal.set_aside is not None and not any(
            entry.draft.payload.get("set_aside") for entry in past.switches
        ):
            aside = self._journal.set_aside.name
            reason = f"the journal could not be read; it was set aside as {aside}"
            await self._stop_all(now, reason, set_aside=aside)
        if troubles:
            await self._stop_all(now, "the journal was altered: " + "; ".join(troubles))

    async def _stop_all(self, now: int, reason: str, **payload: str) -> None:
        self.stop("", reason)
        steps = Steps(self, now)
        steps.note("killed", "", SYSTEM, reason, **payload)
        await self.write(steps)

    def _read(self, now: int) -> _Past:
        journal = self._journal
        wanted = journal.open_commands(sorted(FINAL), SIDE)
        # The revert of a command tells how that command ends, even if it has ended itself.
        wanted += [revert_id(i) for i in wanted if revert_id(i) not in wanted]
        found = [journal.entries(command_id=i, limit=_ALL) for i in wanted]
        switches = sorted(
            journal.entries(kind="killed", limit=_ALL)
            + journal.entries(kind="released", limit=_ALL),
            key=lambda entry: entry.sequence,
        )
        entries = [mine for mine in found if mine]
        sent = journal.times("sent", now - HOUR)
        return _Past(str(journal.head()), journal.commands(), entries, switches, sent)


async def _in_thread(executor: Executor, function: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(executor, function)


def revert_id(command_id: str) -> str:
    """The id of the command that takes another one back."""
    return f"{command_id}.revert"


def _followed(entries: Sequence[Entry]) -> Command | None:
    command = None
    for entry in entries:
        command = follow(command, entry)
    return command


def _event(
    kind: str, draft: Draft, time: int, payload: Payload | None, entry: Entry, **more: Any
) -> Event:
    content: Mapping[str, Any] = payload.model_dump(mode="json") if payload is not None else {}
    return Event(
        kind, draft.subject, time, "decisions", draft.time, payload=content,
        sequence=entry.sequence, **more,
    )  # fmt: skip
