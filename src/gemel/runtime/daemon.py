"""The daemon: one plant, one data folder, everything that runs on them.

This page is the whole system: what is made, in which order, and what is closed. Doors get a
`Daemon` and ask it; they make nothing themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError, Unavailable, Unknown, did_you_mean
from gemel.core.event import Event
from gemel.core.plant import PlantSignal
from gemel.core.time import Clock, zone
from gemel.parts.connectors.base import Accepted, Receiver
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Store
from gemel.runtime.clock import system_clock
from gemel.runtime.comparing import PlanChange
from gemel.runtime.configuration import Plan
from gemel.runtime.experimenting import Experimenting
from gemel.runtime.links import Links, log_failure
from gemel.runtime.pictures.room import Pictures
from gemel.runtime.pipeline import Pipeline
from gemel.runtime.planning import Planning
from gemel.runtime.reloading import deadbands, declare, last_known, limit, reload
from gemel.runtime.rooms import Rooms
from gemel.runtime.supervisor import AT_ITS_END, Link
from gemel.runtime.supplying import Supplying
from gemel.runtime.upkeeping import Upkeeping
from gemel.twin.mirror import Mirror

__all__ = ["Daemon", "declare"]

log = logging.getLogger("gemel")

Listener = Callable[[Sequence[Event]], None]


class Daemon:
    """A running twin. Use `async with Daemon(plan, folder).run() as daemon`."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        clock: Clock = system_clock,
        historian: dict[str, Any] | None = None,
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.changing = asyncio.Lock()
        """Held by whoever changes the plant file."""
        self.clock = clock
        self.started = clock()
        self.mirror = Mirror()
        self.numbers: dict[str, int] = {}
        """Number of every signal of the plan, by path."""
        self.planned: dict[str, PlantSignal] = {}
        self.signals_of: dict[str, list[PlantSignal]] = {}
        self.asset_paths: list[str] = []
        self.signal_paths: list[str] = []
        self.paths_of_role: dict[str, list[str]] = {}
        self.take(plan, {})
        self.recent: deque[Event] = deque(maxlen=1_000)
        """The last Events, newest last, for pages that have just been opened."""
        self.token = secrets.token_urlsafe(32)
        """Of the local command line; written to run.json, which only the owner can read."""
        self._historian = {"kind": "duckdb"} | (historian or {})
        retention = plan.plant.retention
        if self._historian["kind"] == "duckdb":
            if retention.age is not None:
                self._historian.setdefault("keep_age", f"{retention.age} ns")
            if retention.bytes is not None:
                self._historian.setdefault("keep_bytes", retention.bytes)
        self._listeners: set[Listener] = set()
        self._executor = ThreadPoolExecutor(1, "gemel.fit")
        self._asker = ThreadPoolExecutor(1, "gemel.ask")
        self._planner = ThreadPoolExecutor(1, "gemel.plan")
        self._looker = ThreadPoolExecutor(1, "gemel.look")
        self._inspector = ThreadPoolExecutor(1, "gemel.inspect")
        self.upkeeping = Upkeeping(self, self._looker)
        self.supplying = Supplying(self, self._looker)
        self._tasks: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()
        self._stopping = False

    store: Store
    pipeline: Pipeline
    rooms: Rooms
    planning: Planning
    experimenting: Experimenting
    pictures: Pictures
    connectors: Links
    """Their life."""

    @property
    def links(self) -> dict[str, Link]:
        """The connectors under supervision, by name."""
        return self.connectors.all

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of the open history."""
        return self.store.catalogue

    @asynccontextmanager
    async def run(self, *, connect: bool = True) -> AsyncIterator[Daemon]:
        """Open the history, mirror what it knows, and connect. Leaving stores what has arrived."""
        warm = asyncio.create_task(asyncio.to_thread(Mirror.warm_up))
        historian = HISTORIANS.build(self._historian, "historian")
        with historian.open(self.folder, self.clock) as store:
            self.store = store
            self.numbers = declare(self.plan.signals, store.catalogue, self.clock())
            self.keep_plan()
            self._restore()
            self.pipeline = Pipeline(store, self.mirror, self.clock)
            self.pipeline.thinner.set(deadbands(self.plan.signals, self.numbers))
            self.pipeline.on_events = self._publish
            self.pipeline.on_committed = self._acknowledge
            self.connectors = Links(
                self.folder, store, self.mirror, self.pipeline, self.clock,
                zone(self.plan.plant.plant.time_zone),
            )  # fmt: skip
            self.connectors.make(self.plan, self.numbers, self.plan.connectors)
            self.rooms = await Rooms.open(
                self.plan, self.folder, numbers=self.numbers, store=store, mirror=self.mirror,
                pipeline=self.pipeline, links=self.links, clock=self.clock,
                executor=self._executor, asker=self._asker, complete=self.history_complete,
                sending=connect,
            )  # fmt: skip
            await warm
            self.pipeline.start()
            self._begin(self.rooms.keep_house(store, self.clock), "rooms")
            self.planning = Planning(self, self._planner)
            self._begin(self.planning.run(), "planning")
            self.experimenting = await asyncio.to_thread(Experimenting, self)
            self._begin(self.experimenting.run(), "experiments")
            self.pictures = Pictures(self, self._inspector)
            if connect:
                self.connect()
                self._begin(self.pictures.run(), "pictures")
                self._begin(self.planning.jobs.run(), "job orders")
            try:
                yield self
            finally:
                await self._stop()

    def connect(self) -> None:
        """Start all connectors."""
        self.connectors.start(self.links)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(log_failure)
        self._tasks.append(task)

    async def _stop(self) -> None:
        async with self._reloading:  # a reload comes to its end, and none begins any more
            self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self.connectors.stop(), return_exceptions=True)
        await self.pictures.stop()
        await self.pipeline.stop()
        await self.pictures.close()
        await self.rooms.close(self.store)
        self.planning.stop()
        self.planning.jobs.close()
        self.upkeeping.stop()
        self.supplying.stop()
        for executor in (self._executor, self._asker, self._planner, self._looker):
            await asyncio.to_thread(executor.shutdown, cancel_futures=True)

    # Making

    def _restore(self) -> None:
        """Limits of every signal, and the last values that history knows."""
        self.mirror.grow(len(self.catalogue))
        for planned in self.plan.signals:
            limit(self.mirror, self.numbers[planned.path], planned.signal)
        if known := last_known(self.store, self.numbers.values()):
            self.mirror.restore(*known)
        # A signal without connector is pushed to: no way to it can be cut.
        ways = [self.numbers[planned.path] for planned in self.plan.signals if planned.connector]
        self.mirror.cut(np.array(ways, np.int32), True)

    def keep_plan(self) -> None:
        """Keep what a history that nobody runs must know of its plan; blocks on the disk."""
        zone_name = self.plan.plant.plant.time_zone
        self.store.keep("plan", {"hash": self.plan.hash, "time_zone": zone_name})

    def history_complete(self) -> bool:
        """Whether every source that can be asked for its past has been."""
        return not any(
            link.refilling or (link.connector.delivery == "resumable" and link.session is None)
            for link in self.links.values()
        )

    # Another plan

    async def reload(self, plan: Plan, actor: str) -> PlanChange:
        """Let another plan hold from now on, without a restart; what it changed.

        What is equal keeps running, and no sample of it is lost or stored twice. Raises `Refused`
        with the sentence that names what takes a restart, and any error of making what is new; the
        plan that runs then goes on untouched. One reload waits for another.
        """
        # To its end, even if whoever asked goes away: half a plan is none.
        return await asyncio.shield(asyncio.ensure_future(self._reload(plan, actor)))

    async def _reload(self, plan: Plan, actor: str) -> PlanChange:
        async with self._reloading:
            if self._stopping:
                raise Unavailable("Gemel is stopping")
            return await reload(self, plan, actor)

    def take(self, plan: Plan, numbers: dict[str, int]) -> None:
        """What doors ask is answered by this plan from now on."""
        self.plan, self.numbers = plan, numbers
        self.planned = {s.path: s for s in plan.signals}
        self.signals_of = {}
        for planned in plan.signals:
            self.signals_of.setdefault(planned.asset, []).append(planned)
        self.asset_paths = sorted(plan.plant.assets)
        self.signal_paths = sorted(self.planned)
        self.paths_of_role = {}
        for path in self.signal_paths:
            if (role := self.planned[path].signal.role) is not None:
                self.paths_of_role.setdefault(role, []).append(path)

    # Events

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` in the event loop with new Events; call the result to end that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _publish(self, events: Sequence[Event]) -> None:
        self.recent.extend(events)
        if told := self.rooms.lots.goes_on(events):
            self.pipeline.emit(told)
        for listener in tuple(self._listeners):
            listener(events)

    def _acknowledge(self, positions: dict[str, str]) -> None:
        for name, position in positions.items():
            if (link := self.links.get(name)) is not None:
                link.committed(position)

    # What doors ask

    async def receive(
        self, connector: str, body: bytes | memoryview, content_type: str
    ) -> Accepted:
        """Samples pushed to a connector; returns when they are on disk."""
        link = self.links.get(connector)
        if link is None:
            hint = did_you_mean(connector, self.links)
            raise Unknown(f"no connector named '{connector}'; {hint}")
        if link.session is None:
            raise Unavailable(f"connector '{connector}' is {link.state}: {link.reason}")
        if not isinstance(link.session, Receiver):
            raise ConfigurationError(f"connector '{connector}' takes no pushed samples")
        return await link.session.accept(body, content_type)

    def status(self) -> dict[str, Any]:
        """The truth about health: what every stage has counted, and what is wrong now."""
        links = [link.report() for link in self.links.values()]
        live, durable = self.pipeline.backlog()
        report = self.store.report()
        problems = [
            f"connector '{r['name']}' is {r['state']}: {r['reason']}"
            for r in links
            if r["state"] in ("starting", "degraded")
            or (r["state"] == "stopped" and r["reason"] not in (AT_ITS_END, "stopped"))
        ]
        if self.pipeline.storage_problem:
            problems.append(f"history is not written: {self.pipeline.storage_problem}")
        failed = {**self.pipeline.shapers.failed, **self.pipeline.watchers.failed}
        problems += [f"{name} has failed: {why}" for name, why in failed.items()]
        problems += self.pictures.problems()
        problems += self.planning.jobs.problems()
        problems += [f"segment {d['segment']}: {d['what']}" for d in report["damaged"]]
        return {
            "state": "good" if not problems else "impaired",
            "problems": problems,
            "plant": str(self.plan.path),
            "plan": self.plan.hash,
            "started": self.started,
            "now": self.clock(),
            "connectors": links,
            "thinned": self.pipeline.thinner.left_out,
            "features": {
                "made": self.pipeline.shapers.made,
                "left_out": self.pipeline.shapers.report(),
            },
            "live": _counters(self.pipeline.live) | {"waiting": live},
            "history": _counters(self.pipeline.history) | {"waiting": durable} | report,
        }

    def announce(self, url: str) -> contextlib.AbstractContextManager[None]:
        """Let the local command line find this daemon, while the context lasts."""
        return _announced(self.folder / "run.json", url, self.token)


def _counters(stage: Any) -> dict[str, int]:
    return {name: getattr(stage, name) for name in stage.__slots__}


@contextlib.contextmanager
def _announced(path: Path, url: str, token: str) -> Iterator[None]:
    content = json.dumps({"url": url, "token": token, "pid": os.getpid()})
    temporary = path.with_suffix(".tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
    temporary.rename(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
