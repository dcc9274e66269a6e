"""Experiments of the running twin: asked, played one after the other by a process beside it, kept
in the data folder, and going on after a restart.

Each has a folder ``experiments/NUMBER``: `what-if.yaml`, which `gemel whatif` takes as it is,
`about.json`, and what was played (`results.json` or `runs/`). What was finished is in it whatever
ends, the process, the twin, or the computer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gemel.core.errors import ConfigurationError, Damaged, Refused, Unavailable, Unknown
from gemel.runtime.experiments_held import Held, Kind, State, read_held, replace_file
from gemel.runtime.live_lines import line_of, live_line

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon

__all__ = ["Experimenting", "Held"]

log = logging.getLogger("gemel.experiments")

MOST_WAITING: Final = 50
_LINE_BYTES: Final = 64 * 1024 * 1024
_GRACE_S: Final = 20.0
"""So long one that is stopped may take for what it is at; it is ended then, and loses that."""
_LAST_S: Final = 3.0
"""The same when the twin itself ends."""
_OVER: Final = ("stopped", "out of time", "failed")


class Experimenting:
    """All experiments. `run` plays those that wait until it is cancelled."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._folder = daemon.folder / "experiments"
        self._wake, self._disk = asyncio.Event(), asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None
        self._ending: State | None = None
        self._heard = False
        self._over = asyncio.Event()
        """Set when what is played now is over."""
        self.all: dict[int, Held] = {}
        for path in sorted(self._folder.glob("*/about.json")):
            try:
                held = read_held(path)
            except Damaged as error:
                log.error("%s", error)
                continue
            if held.state == "running":
                held.state, held.restarted = "waiting", True
            self.all[held.number] = held
        if any(held.state == "waiting" for held in self.all.values()):
            self._wake.set()

    # What doors ask

    def of(self, line: str | None = None) -> list[Held]:
        """All, or those of a line, the newest first. Raises `Unknown`."""
        found = [h for h in self.all.values() if line is None or h.line == line]
        if line is not None and not found:
            line_of(self._daemon, line)
        return sorted(found, key=lambda held: -held.number)

    def one(self, line: str, number: int) -> Held:
        """Raises `Unknown`."""
        held = self.all.get(number)
        if held is None or held.line != line:
            line_of(self._daemon, line)
            known = ", ".join(str(h.number) for h in self.of(line)[:10]) or "none"
            raise Unknown(f"line '{line}' has no experiment {number}; there are: {known}")
        return held

    def folder(self, held: Held) -> Path:
        """Where all of it is."""
        return self._folder / str(held.number)

    async def begin(
        self, line: str, kind: Kind, by: str, asked: Mapping[str, Any],
        tries: Sequence[str] = (), *, title: str = "", now: bool = False,
        repairs: Mapping[str, str] | None = None, within_s: float | None = None,
        layouts: Sequence[str] = (), files: Mapping[str, str] | None = None,
    ) -> Held:  # fmt: skip
        """Ask one; it waits until those before it are over. `now`: from what stands in the line,
        with `repairs` as `live_line` takes them; else from an empty line. `layouts` are
        alternatives, too: names of `files`, which are texts of lines, or of other lines of the
        plant file. Raises `ConfigurationError` for what cannot be played."""
        waiting = sum(held.state == "waiting" for held in self.all.values())
        if waiting >= MOST_WAITING:
            raise Refused(f"{waiting} experiments wait; stop or delete some of them first")
        described = line_of(self._daemon, line)
        if repairs and not now:
            raise ConfigurationError("repairs are of a line as it is now; ask it from now on")

        def make() -> tuple[str, int | None, tuple[str, ...]]:
            from gemel.runtime.experiments_asked import check, experiment_text  # compiled
            from gemel.runtime.layouts import Layouts

            written: dict[str, Any] | None = None
            parts: int | None = None
            remarks: tuple[str, ...] = ()
            if now:
                begun = live_line(self._daemon, line, repairs)
                written, parts, remarks = begun.written, begun.snapshot.parts, begun.remarks
            text = experiment_text(
                described, asked, tries, kind=kind, title=title, snapshot=written,
                layouts=layouts, known=Layouts(files or {}, self._daemon.plan.lines),
            )  # fmt: skip
            check(text, kind)
            return text, parts, remarks

        text, parts, remarks = await asyncio.to_thread(make)
        async with self._disk:
            number = await asyncio.to_thread(self._number)
        held = Held(
            number, line, kind, title, by, self._daemon.clock(), self._daemon.plan.hash,
            parts, remarks, within_s,
        )  # fmt: skip
        self.all[held.number] = held
        try:
            await asyncio.to_thread(self._write_new, held, text)
        except Unavailable:
            del self.all[held.number]
            raise
        self._wake.set()
        return held

    def _number(self) -> int:
        """One that no experiment had: what somebody has noted never means another."""
        last = (self._daemon.store.kept("experiments") or {}).get("last", 0)
        number = 1 + max([int(last), *self.all])
        self._daemon.store.keep("experiments", {"last": number})
        return number

    async def stop(self, held: Held) -> None:
        """End it with what is finished; returns when it is over."""
        if held.state == "waiting":
            held.state, held.ended = "stopped", self._daemon.clock()
            await self._keep(held)
        elif held.state == "running":
            self._end("stopped")
            await self._over.wait()

    async def go_on(
        self, held: Held, within_s: float | None = None, most: int | None = None
    ) -> None:
        """Let one that was ended go on, for as long again as it had, or for `within_s`; with
        `most`, to so many replications of each alternative, also where its own are spent."""
        self._may_go_on(held, most)
        if most is not None:
            async with self._disk:
                await asyncio.to_thread(self._give_more, held, most)
        held.within_s = within_s if within_s is not None else held.within_s
        held.state, held.spent_s, held.ended, held.trouble = "waiting", 0.0, 0, ""
        if held.record is not None:  # else one that is stopped before it says more would be done
            held.record = {**held.record, "finished": False}
        held.restarted = False
        await self._keep(held)
        self._wake.set()

    def _may_go_on(self, held: Held, most: int | None) -> None:
        if held.state not in _OVER and not held.spent:
            word = "is over" if held.state == "done" else f"is {held.state}"
            raise Refused(
                f"experiment {held.number} {word}; only what was stopped, or has spent its "
                "replications, goes on"
            )
        if held.spent and most is None:
            raise Refused(
                f"experiment {held.number} is over: its replications are spent; say `most`, how "
                "many each alternative may have altogether"
            )
        if most is not None and held.kind != "best":
            raise ConfigurationError("is for a choice of the best; leave it out", "most")

    def _give_more(self, held: Held, most: int) -> None:
        from gemel.runtime.experiments_asked import FILE, with_most  # compiled

        path = self.folder(held) / FILE
        try:
            replace_file(path, with_most(path.read_text(encoding="utf-8"), most))
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error}") from None

    async def delete(self, held: Held) -> None:
        """Stop it, and remove all of it."""
        await self.stop(held)
        async with self._disk:
            self.all.pop(held.number, None)
            await asyncio.to_thread(shutil.rmtree, self.folder(held), ignore_errors=True)

    # Playing

    async def run(self) -> None:
        """Until cancelled: play what waits, in order of numbers."""
        while True:
            waiting = [h for h in self.all.values() if h.state == "waiting"]
            if not waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._play(min(waiting, key=lambda held: held.number))

    async def _play(self, held: Held) -> None:
        held.state, held.progress, self._ending = "running", None, None
        held.since, over = time.monotonic(), asyncio.Event()
        self._over = over
        await self._keep(held)
        ends: State = "failed"
        try:
            ends = await self._played(held)
        except OSError as error:
            held.trouble = f"its process did not start: {error}"
        except asyncio.CancelledError:  # the twin ends; the next one goes on
            held.rest()
            over.set()
            self._write(held)
            raise
        held.rest()
        held.state, held.ended = ends, self._daemon.clock()
        over.set()
        await self._keep(held)

    async def _played(self, held: Held) -> State:
        """The state it ends in; cancelled, all that is finished is kept."""
        child = self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gemel.runtime.experiment_process",
            str(self.folder(held).absolute()), held.kind,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, limit=_LINE_BYTES,
        )  # fmt: skip
        if child.stdin is None or child.stdout is None or child.stderr is None:
            raise AssertionError("pipes were asked for")
        self._heard = False
        if self._ending:  # meanwhile
            self._end(self._ending)
        last = asyncio.create_task(_tail(child.stderr))
        timer = None
        if held.within_s is not None:
            left = max(0.0, held.within_s - held.spent_s)
            timer = asyncio.get_running_loop().call_later(left, self._end, "out of time")
        try:
            async for line in child.stdout:
                self._heard = True
                self._take(held, line)
            await child.wait()
        finally:
            if timer is not None:
                timer.cancel()
            if child.returncode is None:
                await _leave(child)
            self._child = None
            said = await last
        if held.trouble:
            return "failed"
        if child.returncode and self._ending is None:
            held.trouble = said or f"its process ended with {child.returncode}"
            return "failed"
        return self._ending if self._ending and not (held.record or {}).get("finished") else "done"

    def _take(self, held: Held, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return  # a library that writes where it should not
        if "progress" in told:
            held.progress = told["progress"]
        elif "wrong" in told:
            held.trouble = str(told["wrong"])
        else:
            record = told.get("done") or told["standing"]
            held.record = record | {"finished": record["finished"] and "done" in told}

    def _end(self, why: State) -> None:
        """Let what is played end; not at once, but with what is finished."""
        self._ending = self._ending or why
        child = self._child
        if child is None or child.stdin is None:
            return
        child.stdin.close()

        def insist() -> None:
            if child.returncode is None:
                child.kill()

        # One that still starts has nothing to lose.
        asyncio.get_running_loop().call_later(_GRACE_S if self._heard else 0.0, insist)

    # The disk

    async def _keep(self, held: Held) -> None:
        async with self._disk:
            await asyncio.to_thread(self._write, held)

    def _write_new(self, held: Held, text: str) -> None:
        folder = self.folder(held)
        try:
            folder.mkdir(parents=True)
            (folder / "what-if.yaml").write_text(text, encoding="utf-8")
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written: {error}") from None
        self._write(held)

    def _write(self, held: Held) -> None:
        path = self.folder(held) / "about.json"
        if held.number not in self.all:
            return  # deleted meanwhile
        try:
            replace_file(path, json.dumps(held.kept()))
        except OSError as error:
            log.error("what became of experiment %s cannot be written: %s", held.number, error)


async def _tail(stream: asyncio.StreamReader) -> str:
    """The last line that was written."""
    last = ""
    while line := await stream.readline():
        last = line.decode(errors="replace").strip() or last
    return last


async def _leave(child: asyncio.subprocess.Process) -> None:
    """The twin ends: let the process end with what is finished, but not for long."""
    if child.stdin is not None:
        child.stdin.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(child.wait()), _LAST_S)
    if child.returncode is None:
        child.kill()
        await child.wait()
