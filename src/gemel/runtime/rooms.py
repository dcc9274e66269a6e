"""The rooms of the twin, made for one daemon: learning, alarms, operations, decisions.

Each gets what it needs through the door: clock, mirror, history, the guard. Their states are kept
in the ledger every few seconds and taken up again at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gemel.core.errors import ConfigurationError, GemelError
from gemel.core.event import Event
from gemel.core.frame import Frame
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
from gemel.twin.decisions import (
    Adviser,
    Connection,
    Decisions,
    Eyes,
    Journal,
    Lots,
    Promotions,
    targets,
)
from gemel.twin.learning import DetectorWatch
from gemel.twin.mirror import Mirror
from gemel.twin.operations import Operations

if TYPE_CHECKING:
    from gemel.twin.learning.live.learner import Learner
    from gemel.twin.learning.live.renewed import Renewed
    from gemel.twin.learning.live.request import Request
    from gemel.twin.mirror.features import Shaper

__all__ = ["Rooms", "connectors_of", "renewed", "told_alarms"]

log = logging.getLogger("gemel.rooms")

LOOK_S: Final = 0.02
"""Open commands are looked at this often."""
KEEP: Final = 5 * SECOND


@dataclass(slots=True)
class Rooms:
    """What the twin does beyond mirroring and storing."""

    shapers: dict[str, Shaper]
    watches: dict[str, DetectorWatch]
    learners: dict[str, Learner]
    alarms: Alarms
    operations: Operations
    decisions: Decisions
    promotions: Promotions
    lots: Lots
    journal: Journal
    advisers: dict[str, Adviser]
    maker: Maker
    guard: Guard

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
        asker: Executor,
        complete: Callable[[], bool],
        sending: bool,
    ) -> Rooms:
        """Make all rooms and take up their states. `sending` is False for replay: then the guard
        has no way to a machine, and detectors learn from what passes."""
        numbers = dict(numbers)
        loop = asyncio.get_running_loop()

        def submit(proposal: Proposal) -> None:
            loop.call_soon_threadsafe(_begin, decisions.propose(proposal))

        def request(asked: Request) -> None:
            loop.call_soon_threadsafe(_begin, promotions.take(asked))

        def tell(frame: Frame) -> None:
            loop.call_soon_threadsafe(_begin, pipeline.submit(frame))

        maker = Maker(
            store, mirror, clock, executor, asker, folder, complete, submit, tell, request,
            replayed=not sending,
        )  # fmt: skip
        shapers = {name: maker.shaper(plan, numbers, name) for name in plan.features}
        for shaper in shapers.values():
            await asyncio.to_thread(shaper.warm, store, clock())
        pipeline.shapers.put([*shapers.values()])
        watches = {name: maker.watch(plan, numbers, name) for name in plan.watches}
        # A replay goes faster than models are fitted: tasks learn from files there.
        learners = {name: maker.learner(plan, numbers, name) for name in plan.tasks if sending}
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
        promotions = Promotions(
            renewed(watches, learners), decisions.ledger, clock, pipeline.between, pipeline.emit
        )
        lots = Lots(journal, clock, pipeline.emit)
        await lots.restore()
        advisers = {
            name: maker.adviser(plan, numbers, name, store.kept(f"reasoner/{name}"))
            for name in plan.reasoners
        }
        rooms = cls(
            shapers, watches, learners, alarms, operations, decisions, promotions, lots, journal,
            advisers, maker, guard,
        )  # fmt: skip
        pipeline.watchers.add(*rooms.watchers())
        return rooms

    def watchers(self) -> list[Watcher]:
        """What looks at every sample, in this order."""
        first: list[Watcher] = [self.alarms, self.operations]
        return [*first, *self.watches.values(), *self.learners.values(), *self.advisers.values()]

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
        for learner in self.learners.values():
            learner.end()
        await self.decisions.close()
        await asyncio.to_thread(self.keep, store)
        self.journal.close()


def renewed(
    watches: Mapping[str, DetectorWatch], learners: Mapping[str, Learner]
) -> dict[str, Renewed]:
    """All whose models people decide about. A task goes before a detector of the same name."""
    return {**watches, **learners}


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


def _begin(work: Coroutine[Any, Any, Any]) -> None:
    task = asyncio.ensure_future(work)
    _BEGUN.add(task)
    task.add_done_callback(_ended)


_BEGUN: set[asyncio.Future[Any]] = set()


def _ended(task: asyncio.Future[Any]) -> None:
    _BEGUN.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        level = logging.WARNING if isinstance(error, ConfigurationError) else logging.ERROR
        log.log(level, "what a part said was not taken: %s", error)
