"""The rooms of the twin, made for one daemon: learning, alarms, operations, decisions.

Each gets what it needs through the door: clock, mirror, history, the guard. Their states are kept
in the ledger every few seconds and taken up again at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gemel.core.errors import ConfigurationError, GemelError
from gemel.core.event import Event
from gemel.core.time import DAY, SECOND, Clock
from gemel.parts.historians.base import Store
from gemel.parts.reasoners.base import Proposal
from gemel.runtime.configuration import Plan
from gemel.runtime.guard import Guard
from gemel.runtime.maker import Maker
from gemel.runtime.pipeline import Pipeline
from gemel.runtime.supervisor import Link
from gemel.runtime.watching import Watcher
from gemel.twin.alarms import Alarms
from gemel.twin.decisions import Adviser, Connection, Decisions, Eyes, Journal, targets
from gemel.twin.learning import DetectorWatch
from gemel.twin.mirror import Mirror
from gemel.twin.operations import Operations

__all__ = ["Rooms", "connectors_of", "told_alarms"]

log = logging.getLogger("gemel.rooms")

LOOK_S: Final = 0.02
"""Open commands are looked at this often."""
KEEP: Final = 5 * SECOND


@dataclass(slots=True)
class Rooms:
    """What the twin does beyond mirroring and storing."""

    watches: dict[str, DetectorWatch]
    alarms: Alarms
    operations: Operations
    decisions: Decisions
    journal: Journal
    advisers: dict[str, Adviser]
    maker: Maker

    @classmethod
    async def open(
        cls,
        plan: Plan,
        folder: Path,
        *,
        numbers: Mapping[str, int],
        store: Store,
        mirror: Mirror,
        pipeline: Pipeline,
        links: Mapping[str, Link],
        clock: Clock,
        executor: Executor,
        complete: Callable[[], bool],
        sending: bool,
    ) -> Rooms:
        """Make all rooms and take up their states. `sending` is False for replay: then the guard
        has no way to a machine, and detectors learn from what passes."""
        numbers = dict(numbers)
        loop = asyncio.get_running_loop()

        def submit(proposal: Proposal) -> None:
            loop.call_soon_threadsafe(_propose, decisions, proposal)

        maker = Maker(store, mirror, clock, executor, complete, submit, replayed=not sending)
        watches = {name: maker.watch(plan, numbers, name) for name in plan.watches}
        alarms = maker.alarms(plan)
        alarms.restore(store.kept("alarms") or {}, told_alarms(store, clock()))
        operations = maker.operations(plan)
        if (kept := store.kept("operations")) is not None:
            operations.restore(kept)
        journal = await asyncio.to_thread(Journal, folder / "journal.sqlite")
        eyes = Eyes(
            clock=clock,
            look=mirror.snapshot,
            connection=lambda name: _connection(links[name]),
            connectors=connectors_of(plan, numbers),
            catalogue=store.catalogue,
        )
        guard = Guard(links if sending else None, clock)
        decisions = Decisions(
            targets(plan.plant, plan.signals, numbers),
            eyes=eyes,
            journal=journal,
            send=guard.send,
            emit=pipeline.emit,
        )
        await decisions.restore()
        advisers = {
            name: maker.adviser(plan, numbers, name, store.kept(f"reasoner/{name}"))
            for name in plan.reasoners
        }
        rooms = cls(watches, alarms, operations, decisions, journal, advisers, maker)
        pipeline.watchers.add(*rooms.watchers())
        return rooms

    def watchers(self) -> list[Watcher]:
        """What looks at every sample, in this order."""
        first: list[Watcher] = [self.alarms, self.operations]
        return [*first, *self.watches.values(), *self.advisers.values()]

    async def keep_house(self, store: Store, clock: Clock) -> None:
        """Until cancelled: look at open commands, and keep the states of the rooms."""
        next_keep = clock() + KEEP
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.decisions.tick()
                if clock() >= next_keep:
                    next_keep = clock() + KEEP
                    await asyncio.to_thread(self.keep, store)
            except GemelError as error:
                log.error("the rooms cannot be kept: %s", error)

    def keep(self, store: Store) -> None:
        """Keep the states, on disk when it returns."""
        if self.alarms.changed:
            store.keep("alarms", self.alarms.state())
        store.keep("operations", self.operations.state())
        for name, adviser in self.advisers.items():
            store.keep(f"reasoner/{name}", adviser.state())

    async def close(self, store: Store) -> None:
        """End all commands' waiting, and keep the states."""
        await self.decisions.close()
        await asyncio.to_thread(self.keep, store)
        self.journal.close()


def told_alarms(store: Store, now: int) -> Sequence[Event]:
    """What was said of alarms lately; blocks on the disk."""
    return store.events("alarm", start=now - 30 * DAY, limit=10_000)


def connectors_of(plan: Plan, numbers: Mapping[str, int]) -> dict[int, str]:
    """Name of the connector of each signal that has one."""
    return {numbers[s.path]: s.connector for s in plan.signals if s.connector}


def _connection(link: Link) -> Connection:
    return Connection(
        open=link.session is not None,
        since=link.opening or link.since,
        heard=link.last_received,
        reason=link.reason,
    )


def _propose(decisions: Decisions, proposal: Proposal) -> None:
    task = asyncio.ensure_future(decisions.propose(proposal))
    _PROPOSING.add(task)
    task.add_done_callback(_proposed)


_PROPOSING: set[asyncio.Future[Any]] = set()


def _proposed(task: asyncio.Future[Any]) -> None:
    _PROPOSING.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        level = logging.WARNING if isinstance(error, ConfigurationError) else logging.ERROR
        log.log(level, "a proposal was not taken: %s", error)
