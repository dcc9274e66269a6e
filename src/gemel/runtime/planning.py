"""The schedules of the plant file at work: what they ask of the twin, and what they tell it."""

from __future__ import annotations

import asyncio
import csv
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gemel.core import quality as q
from gemel.core.errors import GemelError, Unavailable, Unknown, did_you_mean
from gemel.core.event import Event
from gemel.core.job import JobResponse
from gemel.core.time import isoformat, zone
from gemel.runtime.job_orders import JobOrders
from gemel.runtime.line_history import Remembered
from gemel.runtime.live_lines import line_of, live_line
from gemel.runtime.schedules import read_description

if TYPE_CHECKING:
    from gemel.parts.solvers.scheduling import Description
    from gemel.runtime.daemon import Daemon
    from gemel.twin.planning.plans import Batch, Book, Pace, PlanSettings, Version
    from gemel.twin.planning.plans.making import Doing

__all__ = ["Planning"]

log = logging.getLogger("gemel.planning")

LOOK_S: Final = 1.0
_COLUMNS: Final = ("job_order", "product", "equipment", "start", "end", "operation")


class Planning:
    """All books. `run` looks at the machines until it is cancelled; searches run in `executor`, of
    one thread, so that one that is asked for meanwhile follows."""

    def __init__(self, daemon: Daemon, executor: Executor) -> None:
        self._daemon, self._executor = daemon, executor
        self._loop = asyncio.get_running_loop()
        self._begun: set[asyncio.Task[None]] = set()
        self._of: dict[str, PlanSettings] = {}
        self._troubles: dict[str, str] = {}
        self.books: dict[str, Book] = {}
        self._keeping = asyncio.Lock()
        self.jobs = JobOrders(daemon, self.books)
        """Job orders on their way out, and what comes back."""
        self.seen = Remembered(daemon.clock)
        """What was told of the past of lines, for a minute."""
        self.tried = ""
        """What was last played out with alternatives, in a sentence; empty if nothing was."""
        self.renew()

    def renew(self) -> None:
        """Make the books of the plan that runs; those whose settings are the same go on."""
        wanted = self._daemon.plan.schedules
        for name, settings in wanted.items():
            if self._of.get(name) != settings:
                self.books[name] = self._book(name, settings)
                self.jobs.tell(name, self.books[name])
        for name in set(self.books) - set(wanted):
            del self.books[name]
        self._of = dict(wanted)

    def book(self, name: str) -> Book:
        """Raises `Unknown`."""
        if name not in self.books:
            raise Unknown(f"no schedule '{name}'; {did_you_mean(name, self.books)}")
        return self.books[name]

    def _book(self, name: str, settings: PlanSettings) -> Book:
        from gemel.twin.planning.plans import Book  # compiled; most plants have no schedule

        book = Book(
            name, settings, self._daemon.clock,
            described=lambda now: self._described(settings, now),
            doing=lambda: self._doing(settings), paces=self._pace, emit=self._emit,
            time=time.perf_counter_ns,
        )  # fmt: skip
        if (kept := self._daemon.store.kept(f"plan/{name}")) is not None:
            book.restore(kept)
            if book.held is not None:
                self.jobs.held[name] = book.held
        return book

    async def run(self) -> None:
        """Until cancelled: follow orders and stops; plan again after a breakdown."""
        while True:
            if self._of != self._daemon.plan.schedules:
                self.renew()
            for name, book in self.books.items():
                try:
                    why = await asyncio.to_thread(book.tick)
                    if book.held is not None and self.jobs.held.get(name) is not book.held:
                        await self.keep(name)  # it was released, and could not be written then
                except GemelError as error:
                    if self._troubles.get(name) != str(error):  # once, not every second
                        self._troubles[name] = str(error)
                        log.error("schedule '%s' cannot be followed: %s", name, error)
                    continue
                self._troubles.pop(name, None)
                if why and book.held is not None:
                    begun = asyncio.create_task(self._again(name, why))
                    self._begun.add(begun)
                    begun.add_done_callback(self._begun.discard)
            await asyncio.sleep(LOOK_S)

    async def _again(self, name: str, why: str) -> None:
        try:
            await self.plan(name, "planning", why, near=True)
        except GemelError as error:
            log.warning("schedule '%s' was not planned again: %s", name, error)

    async def plan(self, name: str, by: str, why: str, **more: Any) -> Version:
        """See `Book.plan`."""
        book = self.book(name)
        found = await self._loop.run_in_executor(self._executor, lambda: book.plan(by, why, **more))
        await self.keep(name)
        return found

    async def release(self, name: str, number: int, by: str) -> Version:
        """What is proposed holds; its job orders are written into the data folder. Raises `Refused`
        if another plan is proposed by now; `Unavailable` if it holds, and has yet to be written."""
        held = self.book(name).release(number, by)
        await asyncio.to_thread(self._write, name, held)
        await self.keep(name)
        # After a crash in between, the ways begin with the plan that holds.
        try:
            await self.jobs.put(name)
        except GemelError as error:
            raise Unavailable(f"plan {number} holds, its job orders wait: {error}") from None
        return held

    async def respond(self, name: str, told: Sequence[JobResponse], by: str) -> None:
        """What a system says of job orders; see `JobOrders.respond`."""
        await self.jobs.respond(name, told, by)
        await self.keep(name)

    async def keep(self, name: str) -> None:
        """Keep the state of a book, on disk when it returns."""
        async with self._keeping:
            held, state = self.books[name].held, self.books[name].state()
            await asyncio.to_thread(self._daemon.store.keep, f"plan/{name}", state)
            if held is not None:
                self.jobs.held[name] = held

    def stop(self) -> None:
        """End all searches."""
        for book in self.books.values():
            book.stop()
        for begun in self._begun:
            begun.cancel()

    def _write(self, name: str, held: Version) -> None:
        folder = self._daemon.folder / "job-orders"
        folder.mkdir(exist_ok=True)
        local = zone(self._daemon.plan.plant.plant.time_zone)
        with _new(folder / f"{name}-{held.number}.csv").open(
            "w", encoding="utf-8", newline=""
        ) as f:
            writer = csv.writer(f)
            writer.writerow(_COLUMNS)
            for row in held.rows:
                begin, end = (isoformat(moment, local) for moment in (row.start, row.end))
                writer.writerow((row.order, row.product, row.machine, begin, end, row.operation))

    # What a book asks

    def _described(self, settings: PlanSettings, now: int) -> Description:
        plan = self._daemon.plan
        return read_description(plan.folder / settings.file, now, plan.plant.plant.time_zone)

    def _doing(self, settings: PlanSettings) -> Mapping[str, Doing]:
        from gemel.twin.planning.plans.making import Doing

        daemon = self._daemon
        shown = daemon.mirror.snapshot(daemon.clock())
        found = {}
        for machine, seat in settings.machines.items():
            done, order = None, ""
            number = daemon.numbers.get(seat.done)
            if number is not None and shown.quality[number] >= q.GOOD and shown.count[number]:
                done = float(shown.value[number])
            try:
                view = daemon.rooms.operations.machine(seat.asset)
                order = view.order
                state, since = view.state, view.since
            except Unknown:
                state, since = "", 0
            if seat.line:
                state, since = self._line_state(seat.line, state, since)
            found[machine] = Doing(state, since, order, done)
        return found

    def _line_state(self, line: str, state: str, since: int) -> tuple[str, int]:
        """A line has stopped where one of its stations has; the one that stands longest counts."""
        stopped = []
        for station in line_of(self._daemon, line).stations.values():
            try:
                view = self._daemon.rooms.operations.machine(station.asset)
            except Unknown:
                continue
            if view.state in ("fault", "stopped"):
                stopped.append((view.since, view.state))
            elif view.state == "production" and state in ("", "unknown"):
                state, since = "production", view.since
        return (min(stopped)[1], min(stopped)[0]) if stopped else (state, since)

    def _pace(self, line: str, batches: Sequence[Batch], changes: str) -> Pace | None:
        from gemel.twin.planning.plans import pace_of

        # A breakdown is planned around by its time; a line is simulated as if it ran.
        described = line_of(self._daemon, line)
        begun = live_line(self._daemon, line, dict.fromkeys(self._stopped(line), "0 s"))
        return pace_of(begun.snapshot.line(described), begun.snapshot, batches, changes)

    def _stopped(self, line: str) -> list[str]:
        found = []
        for name, station in line_of(self._daemon, line).stations.items():
            try:
                if self._daemon.rooms.operations.machine(station.asset).state in (
                    "fault", "stopped",
                ):  # fmt: skip
                    found.append(name)
            except Unknown:
                continue
        return found

    def _emit(self, event: Event) -> None:
        self._loop.call_soon_threadsafe(self._daemon.pipeline.emit, [event])


def _new(path: Path) -> Path:
    """A plan that was released is not written over."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
