"""One task at work: pictures are taken from its folder, looked at one by one, and told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np

from gemel.core.errors import DataError, GemelError, Unavailable
from gemel.core.event import Event, Payload
from gemel.core.frame import Frame
from gemel.core.time import MINUTE, SECOND, Clock
from gemel.parts.historians.base import Store
from gemel.runtime.images import decode_image
from gemel.runtime.links import log_failure
from gemel.runtime.pictures.artifacts import Artifacts
from gemel.runtime.pictures.folder import Folder, Found
from gemel.runtime.pictures.ledger import Ledger, Picture
from gemel.runtime.pictures.looking import Looked, look, verdict_of
from gemel.runtime.pictures.task import PictureTask
from gemel.runtime.pipeline import Pipeline
from gemel.twin.learning.live.rejects import Rejects

__all__ = ["AtWork", "Counters", "PictureTold", "Tools"]

log = logging.getLogger("gemel.pictures")

T = TypeVar("T")

REST_S: Final = 1.0
"""How long is waited after what may mend itself, and between looks at findings."""
_LONGEST_S: Final = 10.0
_AHEAD: Final = MINUTE
"""A picture that claims to be taken so much later than now has a wrong clock."""
_AT_ONCE: Final = 50
"""So many files are taken between two looks at the rest of the world."""


class PictureTold(Payload):
    """What was said of a picture. Kind ``picture``; the subject is the asset."""

    task: str
    picture: str
    """Hash of its content, under which it is kept for a while."""
    name: str
    state: str
    """good, rejected or failed."""
    score: float | None
    limit: float | None
    over: float | None
    """Score in units of its limit."""
    model: str
    note: str
    finding: str


@dataclass(slots=True)
class Counters:
    """Since the task began, in this process."""

    received: int = 0
    repeated: int = 0
    """Sent again, and recognised."""
    refused: int = 0
    """Not taken: no picture, or no room; whoever sent it was told."""
    good: int = 0
    rejected: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Tools:
    """What all tasks share."""

    store: Store
    pipeline: Pipeline
    ledger: Ledger
    artifacts: Artifacts
    executor: Executor
    """Looks at pictures, one after the other."""
    receiver: Executor
    """Unpacks what is sent: in threads of its own, as all else waits for the common ones."""
    clock: Clock


class AtWork:
    """`begin` in the event loop, `stop` there, too."""

    def __init__(self, task: PictureTask, number: int, tools: Tools) -> None:
        self.task, self.counters = task, Counters()
        self.problem = ""
        """What keeps it from its work now."""
        self.last: Picture | None = None
        self.waiting = 0
        self._number, self._tools = number, tools
        use = task.use
        self._rejects = Rejects(task.name, task.title, use.asset, task.model_id, use.join)
        self._folder: Folder | None = None
        self._room = asyncio.Event()
        self._new = asyncio.Event()
        self._submitted: set[asyncio.Future[None]] = set()
        """Samples that are on the way to history."""
        self._told: list[int] = []
        self._running: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start."""
        self._running = [
            asyncio.create_task(self._run(), name=f"gemel.pictures.{self.task.name}")
        ]  # fmt: skip
        self._running[0].add_done_callback(log_failure)

    async def stop(self) -> list[Event]:
        """Come to rest; what is still to be said if the task ends for good."""
        for one in self._running:
            one.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        return self._rejects.end(self._tools.clock())

    async def arrived(self) -> None:
        """After `stop`, while the pipeline runs: wait for what is on the way to history, and note
        it. Another model would look again at what is not noted."""
        if self._submitted:
            await asyncio.wait(self._submitted)
        await self.note()

    @property
    def left(self) -> int:
        """New files that are still in the folder."""
        return 0 if self._folder is None else self._folder.left

    # What is sent

    async def take(
        self, body: bytes, name: str, time: int | None
    ) -> tuple[Picture, bool]:  # fmt: skip
        """Take a picture that somebody sends; it is on disk when this returns, with whether it is
        new. Raises `DataError` for what is no picture, `Unavailable` when too many wait."""
        tools, counters = self._tools, self.counters
        now = tools.clock()
        try:
            if time is not None and time > now + _AHEAD:
                raise DataError("the picture claims to be of the future; is the clock right?")
            most = self.task.use.backlog
            if self.waiting >= most:
                raise Unavailable(
                    f"{self.waiting:,} pictures of task '{self.task.name}' wait already, at most "
                    f"{most:,} do; send it again later"
                )
            where = f"'{name}'" if name else "the picture"
            loop = asyncio.get_running_loop()
            _, media = await loop.run_in_executor(tools.receiver, decode_image, body, where)
            new = Picture(
                0, self.task.name, "api", name, now if time is None else time, now, "", media,
                len(body),
            )  # fmt: skip
            number, fresh = await asyncio.to_thread(
                self._keep, replace(new), body, time is not None
            )
        except GemelError:
            counters.refused += 1
            raise
        if fresh:
            counters.received += 1
            self.waiting += 1
            self._new.set()
        else:
            counters.repeated += 1
        picture = await asyncio.to_thread(tools.ledger.get, self.task.name, number)
        return picture, fresh

    def _keep(self, new: Picture, body: bytes, timed: bool) -> tuple[int, bool]:
        with self._tools.artifacts.naming:
            kept = replace(new, hash=self._tools.artifacts.put(body))
            return self._tools.ledger.add(kept, timed=timed)

    # What a camera writes

    async def _run(self) -> None:
        ledger, name = self._tools.ledger, self.task.name
        await self._patiently(self._restore)
        self.waiting = await asyncio.to_thread(ledger.count, name, "waiting")
        if self.task.folder is not None:
            taken = await asyncio.to_thread(ledger.files, name)
            self._folder = Folder(self.task.folder, taken, self.task.use.settle)
        async with asyncio.TaskGroup() as group:
            if self._folder is not None:
                group.create_task(self._gather(self._folder))
            group.create_task(self._inspect())
            group.create_task(self._settle())

    async def _patiently(self, work: Callable[[], T]) -> T:
        """Do something in a thread, again and again until the disk lets it happen."""
        while True:
            try:
                return await _whole(asyncio.to_thread(work))
            except GemelError as error:
                self._trouble(str(error))
                await asyncio.sleep(REST_S)

    async def _gather(self, folder: Folder) -> None:
        """Take what a camera writes, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            room = min(self.task.use.backlog - self.waiting, _AT_ONCE)
            began, taken, fresh = loop.time(), 0, 0
            try:
                taken, fresh = await asyncio.to_thread(self._look, folder, room)
                self._trouble(folder.unread)
            except GemelError as error:
                self._trouble(str(error))
            if fresh:
                self.counters.received += fresh
                self.waiting = await asyncio.to_thread(
                    self._tools.ledger.count, self.task.name, "waiting"
                )
                self._new.set()
            # A folder of 100,000 files takes a while to list: most of the time nothing is done.
            rest = 3 * (loop.time() - began)
            full = self.waiting >= self.task.use.backlog
            await asyncio.sleep(max(rest, 0.1 if taken and not full else self._every))

    @property
    def _every(self) -> float:
        return self.task.use.every / SECOND

    def _look(self, folder: Folder, room: int) -> tuple[int, int]:
        """Files that were taken, and how many of them are pictures that were not there before."""
        tools, now = self._tools, self._tools.clock()
        found, gone = folder.look(room, now)
        if gone:
            tools.ledger.gone(self.task.name, gone)
        fresh = 0
        for one in found:
            fresh += self._take_file(one, now)
            folder.taken[one.name] = one.seen
        return len(found), fresh

    def _take_file(self, one: Found, now: int) -> bool:
        size, changed = one.seen
        # A share may have a clock of its own, and no picture is of the future.
        new = Picture(
            0, self.task.name, "folder", one.name, min(changed, now), now, "", one.media, size,
            note=one.problem,
        )  # fmt: skip
        with self._tools.artifacts.naming:
            if not one.problem:
                new = replace(new, hash=self._tools.artifacts.put(one.body))
            return self._tools.ledger.add(new, one.seen)[1]

    # What is looked at

    async def _inspect(self) -> None:
        """Look at what waits, for ever."""
        loop, ledger = asyncio.get_running_loop(), self._tools.ledger
        while True:
            self._new.clear()
            picture = await self._patiently(lambda: ledger.next(self.task.name))
            if picture is None:
                self.waiting = 0
                with contextlib.suppress(TimeoutError):
                    # Now and then without being told: a former task may have taken one at its end.
                    await asyncio.wait_for(self._new.wait(), _LONGEST_S)
                continue
            try:
                looked = await loop.run_in_executor(self._tools.executor, self._judge, picture)
            except Unavailable as error:  # the disk cannot be read; the picture waits
                self._trouble(str(error))
                await asyncio.sleep(REST_S)
                continue
            await self._tell(looked)

    def _judge(self, picture: Picture) -> Looked:
        return look(picture, self.task, self._tools.artifacts)

    async def _tell(self, looked: Looked) -> None:
        """Say it: as an Event, as a finding, as a sample; then it is done with."""
        tools, now = self._tools, self._tools.clock()
        events, finding = list[Event](), ""
        if looked.verdict is not None:
            events, finding = self._rejects.take(looked.verdict, now)
        picture = await self._patiently(lambda: self._judged(looked, finding))
        self.last, self.waiting = picture, max(self.waiting - 1, 0)
        setattr(self.counters, picture.state, getattr(self.counters, picture.state) + 1)
        tools.pipeline.emit([*events, self._event(picture, now)])
        value = np.nan if picture.over is None else picture.over
        frame = Frame.of(
            np.array([self._number], np.int32), np.array([picture.time], np.int64),
            np.array([value]), received=now, source=f"task {self.task.name}",
        )  # fmt: skip
        done = await tools.pipeline.submit(frame)
        self._submitted.add(done)
        done.add_done_callback(lambda future: self._stored(picture.id, future))

    def _judged(self, looked: Looked, finding: str) -> Picture:
        artifacts = self._tools.artifacts
        with artifacts.naming:
            view, heat = (
                artifacts.put(body, durable=False) if body else ""
                for body in (looked.view, looked.heat)
            )
            picture = replace(looked.picture, finding=finding, view=view, heat=heat)
            self._tools.ledger.judged(picture)
        return picture

    def _event(self, picture: Picture, now: int) -> Event:
        told = PictureTold(
            task=self.task.name, picture=picture.hash, name=picture.name, state=picture.state,
            score=picture.score, limit=picture.bound, over=picture.over, model=picture.model,
            note=picture.note, finding=picture.finding,
        )  # fmt: skip
        return Event(
            "picture", self.task.use.asset, picture.time, self.task.name, now, picture.time,
            told.model_dump(mode="json"), sequence=picture.id,
        )  # fmt: skip

    def _stored(self, id: int, done: asyncio.Future[None]) -> None:
        self._submitted.discard(done)
        if not done.cancelled() and done.exception() is None:
            self._told.append(id)

    async def _settle(self) -> None:
        """For ever: note what has reached history, and end findings to which nothing comes."""
        while True:
            await asyncio.sleep(REST_S)
            await self.note()
            if not self.waiting:
                self._tools.pipeline.emit(self._rejects.tick(self._tools.clock()))

    async def note(self) -> None:
        """Note which pictures have reached history."""
        told, self._told = self._told, []
        if told:
            try:
                await asyncio.to_thread(self._tools.ledger.told, told)
            except GemelError as error:
                self._told += told
                self._trouble(str(error))

    def _restore(self) -> None:
        """Take up what was not told, and the finding that was open when the twin stopped."""
        tools, name = self._tools, self.task.name
        tools.ledger.again(name)
        asset, now = self.task.use.asset, tools.clock()
        told = tools.store.events("finding", asset, start=now, limit=1_000)
        opened = next((e for e in told if e.source == name and e.lasts), None)
        if opened is None:
            return
        rows = tools.ledger.listed(name, 10_000, finding=opened.id)
        self._rejects.go_on(opened, [verdict_of(row, "") for row in rows], now)

    def _trouble(self, said: str) -> None:
        if said and said != self.problem:
            log.error("task '%s': %s", self.task.name, said)
        self.problem = said

    # What is asked

    def report(self, kept: tuple[int, int]) -> dict[str, Any]:
        """JSON-able; `kept` are pictures and bytes in the data folder."""
        use = self.task.use
        return {
            "task": self.task.name, "title": self.task.title, "asset": use.asset,
            "signal": self.task.signal, "folder": use.folder, "model": self.task.model_id,
            "waiting": self.waiting, "backlog": use.backlog, "left_in_folder": self.left,
            **asdict(self.counters), "kept": kept[0], "kept_bytes": kept[1],
            "problem": self.problem,
        }  # fmt: skip

    def problems(self) -> Iterable[str]:
        """What is wrong now, in sentences."""
        if any(one.done() for one in self._running):
            yield (
                f"task '{self.task.name}': has failed, the log says why; no picture is looked at "
                "until the twin is started again"
            )
        if self.problem:
            yield f"task '{self.task.name}': {self.problem}"
        if self.last is not None and self.last.state == "failed":
            name = self.last.name or self.last.id
            yield f"task '{self.task.name}': the last picture, {name}, failed: {self.last.note}"


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Await it, to its end also when cancelled: what a thread writes later, others overlook."""
    running = asyncio.create_task(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise
