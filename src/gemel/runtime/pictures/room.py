"""All tasks that look at pictures: made by the plan that runs, and asked by doors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from gemel.core.errors import GemelError, Unavailable, Unknown, did_you_mean

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.runtime.pictures.at_work import AtWork, Tools
    from gemel.runtime.pictures.ledger import Picture
    from gemel.runtime.pictures.task import PictureTask

__all__ = ["Pictures"]

log = logging.getLogger("gemel.pictures")

LOOK_S: Final = 0.5
HOUSE_S: Final = 60.0
"""How often old pictures are removed."""
_RECEIVED_AT_ONCE: Final = 8
"""So many pictures are received at one time: each may have 64 MB."""
_UNPACKED_AT_ONCE: Final = 2
"""So many of them are unpacked: each may take 200 MB."""


class Pictures:
    """`run` until cancelled, then `stop`. A plant without such a task costs nothing."""

    def __init__(self, daemon: Daemon, executor: ThreadPoolExecutor) -> None:
        self._daemon, self._executor = daemon, executor
        self._tools: Tools | None = None
        self._changing = asyncio.Lock()
        self._active = False
        """Not in a replay."""
        self._receiving = 0
        self._removed, self._swept = 0.0, False
        self._problem = ""
        """What kept the housekeeping from its work the last time."""
        self.tasks: dict[str, AtWork] = {}

    async def run(self) -> None:
        """Until cancelled: what the plan says is at work."""
        loop = asyncio.get_running_loop()
        self._active = True
        while True:
            try:
                await self.renew()
                if self._tools is not None and loop.time() - self._removed >= HOUSE_S:
                    self._removed = loop.time()
                    await asyncio.to_thread(self._keep_house)
                    self._problem = ""
            except GemelError as error:
                if str(error) != self._problem:
                    log.error("pictures: %s", error)
                self._problem = str(error)
            await asyncio.sleep(LOOK_S)

    async def renew(self) -> None:
        """Make what the plan has: at once by whoever changes it, or soon after. Tasks that are
        equal go on, what ended tells what it has to."""
        async with self._changing:
            wanted = self._daemon.plan.pictures
            running = {name: one.task for name, one in self.tasks.items()}
            if not self._active or wanted == running:
                return
            tools = await asyncio.to_thread(self._open)
            for name in [n for n, task in running.items() if wanted.get(n) != task]:
                ended = self.tasks.pop(name)
                tools.pipeline.emit(await ended.stop())
                await ended.arrived()
            for name, task in wanted.items():
                if name not in self.tasks:
                    self._begin(name, task, tools)

    def _begin(self, name: str, task: PictureTask, tools: Tools) -> None:
        from gemel.runtime.pictures.at_work import AtWork

        self.tasks[name] = AtWork(task, self._daemon.numbers[task.signal], tools)
        self.tasks[name].begin()

    async def stop(self) -> None:
        """Come to rest; what is open goes on at the next start."""
        self._active = False
        for one in self.tasks.values():
            await one.stop()

    async def close(self) -> None:
        """After the pipeline has ended: note what has reached history, and close the files."""
        if self._tools is None:
            return
        for one in self.tasks.values():
            await one.note()
        for executor in (self._executor, self._tools.receiver):
            await asyncio.to_thread(executor.shutdown, cancel_futures=True)
        await asyncio.to_thread(self._tools.ledger.close)

    def _open(self) -> Tools:
        if self._tools is None:
            from gemel.runtime.pictures.artifacts import Artifacts
            from gemel.runtime.pictures.at_work import Tools
            from gemel.runtime.pictures.ledger import Ledger

            daemon = self._daemon
            self._tools = Tools(
                daemon.store, daemon.pipeline, Ledger(daemon.folder / "pictures.sqlite"),
                Artifacts(daemon.folder / "pictures"), self._executor,
                ThreadPoolExecutor(_UNPACKED_AT_ONCE, "gemel.unpack"), daemon.clock,
            )  # fmt: skip
        return self._tools

    def _keep_house(self) -> None:
        """Remove what is too old or too much; blocks on the disk."""
        from gemel.twin.learning.live.forms.inspection import InspectionUse

        assert self._tools is not None  # noqa: S101 - `run` looks first
        tools, wanted = self._tools, self._daemon.plan.pictures
        if not self._swept:
            with tools.artifacts.naming:
                tools.artifacts.sweep(tools.ledger.hashes())
            self._swept = True
        usual = InspectionUse(asset="", model="")
        for name in tools.ledger.tasks():
            use = wanted[name].use if name in wanted else usual
            before = tools.clock() - use.keep
            while old := tools.ledger.old(name, before, use.keep_bytes):
                with tools.artifacts.naming:
                    tools.artifacts.remove(tools.ledger.remove(old))

    # What doors ask

    def task(self, name: str) -> AtWork:
        """Raises `Unknown`, or `Unavailable` in a replay and in the first moment."""
        if name in self.tasks:
            return self.tasks[name]
        wanted = self._daemon.plan.pictures
        if name in wanted:
            raise Unavailable(f"task '{name}' is not at work now; ask again in a moment")
        raise Unknown(f"no task '{name}' that looks at pictures; {did_you_mean(name, wanted)}")

    async def reports(self) -> list[dict[str, Any]]:
        """Of all tasks, JSON-able."""
        ledger = self._tools.ledger if self._tools else None
        return [
            one.report((0, 0) if ledger is None else await asyncio.to_thread(ledger.size, name))
            for name, one in list(self.tasks.items())
        ]

    async def listed(
        self, name: str, limit: int, before: int | None, state: str, finding: str
    ) -> list[Picture]:
        """The newest first; see `Ledger.listed`."""
        ledger = self._of(name).ledger
        return await asyncio.to_thread(ledger.listed, name, limit, before, state, finding)

    async def picture(self, name: str, id: str) -> Picture:
        """One picture, by its number or the hash of its content. Raises `Unknown`."""
        return await asyncio.to_thread(self._of(name).ledger.get, name, id)

    async def content(self, hash: str) -> bytes:
        """What is kept under a hash. Raises `Unknown`."""
        if self._tools is None:
            raise Unknown("no picture is kept")
        return await asyncio.to_thread(self._tools.artifacts.get, hash)

    def _of(self, name: str) -> Tools:
        self.task(name)
        assert self._tools is not None  # noqa: S101 - a task at work has them
        return self._tools

    @contextlib.contextmanager
    def receiving(self) -> Iterator[None]:
        """A place to receive a picture in. Raises `Unavailable` where all are taken."""
        if self._receiving >= _RECEIVED_AT_ONCE:
            raise Unavailable(
                f"{_RECEIVED_AT_ONCE} pictures are being received now; send it again in a moment"
            )
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    def problems(self) -> list[str]:
        """What is wrong now."""
        mine = [f"pictures: {self._problem}"] if self._problem else []
        return mine + [said for one in self.tasks.values() for said in one.problems()]
