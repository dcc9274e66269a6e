"""Pictures in the running twin when something goes wrong around them."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.camera import good, set_up, trained
from tests.runtime.picture_twin import (
    PATIENCE_S,
    Running,
    Twin,
    all_told,
    patiently,
    stored,
    troubled,
    write,
)

from gemel.core.time import SECOND
from gemel.runtime.pictures.ledger import Picture
from gemel.runtime.reloading import read_again


async def test_a_share_that_is_away_for_a_while_brings_no_picture_twice(tmp_path: Path) -> None:
    camera = tmp_path / "camera"
    camera.mkdir()
    set_up(tmp_path, folder="camera", every="100 ms", settle="1 s")
    for number in range(3):
        write(camera / f"{number}.png", good(number), age=50 - number)
    async with Running(tmp_path) as twin:
        found = await twin.until(["good"] * 3)
        tools = twin.daemon.pictures._tools
        assert tools is not None

        async def files(count: int) -> bool:
            return len(tools.ledger.files("surface")) == count

        # Its mount point is an empty folder meanwhile.
        camera.rename(tmp_path / "share")
        camera.mkdir()
        await patiently(lambda: files(0))
        camera.rmdir()
        (tmp_path / "share").rename(camera)
        await patiently(lambda: files(3))
        write(camera / "3.png", good(3), age=0)
        assert (await twin.until(["good"] * 4))[:3] == found
        (report,) = await twin.get()
        assert (report["received"], report["good"], report["problem"]) == (4, 4, "")


async def test_a_picture_whose_bytes_are_gone_fails_and_the_next_is_looked_at(
    tmp_path: Path,
) -> None:
    set_up(tmp_path)
    async with Running(tmp_path) as twin:
        tools = twin.daemon.pictures._tools
        assert tools is not None
        now = tools.clock()
        lost = Picture(0, "surface", "api", "lost", now, now, f"{7:064x}", "image/png", 10)
        await asyncio.to_thread(tools.ledger.add, lost)
        await twin.send(good(0))
        failed, _ = await twin.until(["failed", "good"])
        assert failed["note"] == "no artifact '0000000000000000' is kept any more"
        (report,) = await twin.get()
        assert (report["failed"], report["good"], report["problem"]) == (1, 1, "")


class Watched:
    """A lock that says when somebody wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.wanted = threading.Event()

    def __enter__(self) -> None:
        self.wanted.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def held(self) -> bool:
        return self._lock.locked()


async def test_what_is_sent_again_while_it_is_removed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(tmp_path, keep_bytes=1)
    async with Running(tmp_path) as twin:
        tools = twin.daemon.pictures._tools
        assert tools is not None
        await twin.send(good(0), name="first")
        (first,) = await twin.until(["good"])
        await patiently(lambda: all_told(twin))
        monkeypatch.setattr(tools.artifacts, "naming", lock := Watched())
        remove, threads = tools.artifacts.remove, list[threading.Thread]()

        def slow(names: Collection[str]) -> None:
            """The ledger knows no more of the picture, whose bytes are still there."""
            if not threads:
                assert lock.held()
                lock.wanted.clear()
                now = tools.clock()
                new = Picture(0, "surface", "api", "again", now, now, "", "image/png", 10)
                work = twin.daemon.pictures.task("surface")
                threads.append(threading.Thread(target=work._keep, args=(new, good(0), True)))
                threads[0].start()
                lock.wanted.wait(PATIENCE_S)
            remove(names)

        monkeypatch.setattr(tools.artifacts, "remove", slow)
        await asyncio.to_thread(twin.daemon.pictures._keep_house)
        (thread,) = threads
        await asyncio.to_thread(thread.join)
        (again,) = await twin.get("/surface")
        assert (again["name"], again["hash"]) == ("again", first["hash"])
        assert tools.artifacts.get(again["hash"]) == good(0)


async def with_another_model(twin: Twin, folder: Path) -> tuple[str, asyncio.Task[Any]]:
    """Begin to look with another model; the name of the former."""
    work = twin.daemon.pictures.task("surface")
    (folder / "plates.model").write_text(trained("patches"))
    return work.task.model_id, asyncio.create_task(read_again(twin.daemon, "eva"))


async def told_once(twin: Twin) -> str:
    """By which model the only picture was told, when it is in history, and nothing is said of it
    any more."""
    await patiently(lambda: stored(twin, 1))
    await patiently(lambda: all_told(twin))
    await twin.send(good(1), name="last")
    first, _ = await twin.until(["good", "good"])
    await patiently(lambda: stored(twin, 2))
    told = twin.daemon.store.events("picture", "line/press", order="oldest")
    assert [e.payload["name"] for e in told] == ["", "last"]
    assert told[0].payload["model"] == first["model"]
    return str(first["model"])


async def test_what_is_on_the_way_to_history_is_not_looked_at_by_the_next_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(tmp_path)
    async with Running(tmp_path) as twin:
        store, release = twin.daemon.store, threading.Event()
        commit = store.commit

        def slow(frames: Any) -> Any:
            release.wait(PATIENCE_S)
            return commit(frames)

        monkeypatch.setattr(store, "commit", slow)
        work = twin.daemon.pictures.task("surface")
        await twin.send(good(0))

        async def submitted() -> bool:
            return work.counters.good == 1

        async def stopped() -> bool:
            return "surface" not in twin.daemon.pictures.tasks

        await patiently(submitted)
        former, reading = await with_another_model(twin, tmp_path)
        await patiently(stopped)
        release.set()
        await reading
        assert await told_once(twin) == former


async def test_what_a_stopped_task_could_not_tell_is_told_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(tmp_path)
    async with Running(tmp_path) as twin:
        tools, work = twin.daemon.pictures._tools, twin.daemon.pictures.task("surface")
        assert tools is not None
        judged, begun, release = tools.ledger.judged, threading.Event(), threading.Event()

        def slow(picture: Picture) -> None:
            judged(picture)
            begun.set()
            release.wait(PATIENCE_S)

        monkeypatch.setattr(tools.ledger, "judged", slow)
        await twin.send(good(0))
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        former, reading = await with_another_model(twin, tmp_path)

        async def cancelled() -> bool:
            return any(one.cancelling() for one in work._running)

        await patiently(cancelled)
        release.set()
        await reading
        assert await told_once(twin) not in ("", former)


async def test_a_clock_that_is_set_holds_up_no_folder(tmp_path: Path) -> None:
    camera = tmp_path / "camera"
    camera.mkdir()
    set_up(tmp_path, folder="camera", every="100 ms", settle="1 s")
    async with Running(tmp_path) as twin:
        work = twin.daemon.pictures.task("surface")
        hours = itertools.count()
        clock = work._tools.clock
        work._tools = replace(work._tools, clock=lambda: clock() + next(hours) * 3_600 * SECOND)
        for number in range(2):
            write(camera / f"{number}.png", good(number), age=10)
            await twin.until(["good"] * (number + 1))


async def test_a_task_that_dies_by_a_fault_of_ours_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_up(tmp_path)
    async with Running(tmp_path) as twin:
        work = twin.daemon.pictures.task("surface")
        monkeypatch.setattr(work, "_judge", lambda _: 1 / 0)
        await twin.send(good(0))
        await patiently(lambda: troubled(twin, "task 'surface': has failed, the log says why"))
        assert "gemel.pictures.surface has failed" in caplog.text
        assert "ZeroDivisionError" in caplog.text


async def test_housekeeping_that_fails_is_told_and_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gemel.runtime.pictures.room.HOUSE_S", 0.1)
    set_up(tmp_path)
    lost = tmp_path / "data" / "pictures" / "ab" / "lost"
    lost.mkdir(parents=True)  # what is a folder cannot be removed as a file
    os.utime(lost, (0, 0))
    async with Running(tmp_path) as twin:
        await patiently(lambda: troubled(twin, f"pictures: {lost} cannot be removed: Is a dir"))
        lost.rmdir()
        lost.write_bytes(b"never named")
        os.utime(lost, (0, 0))

        async def swept() -> bool:
            return not lost.exists() and not await troubled(twin, "pictures:")

        await patiently(swept)
