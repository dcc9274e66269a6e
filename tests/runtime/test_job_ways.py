"""The outbox under more than one change at once; nothing is connected, so that nothing leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.job_peers import DAY, PLANT, machine, until

from gemel.core.errors import Unavailable
from gemel.core.job import JobResponse
from gemel.parts.connectors.base import JobReader
from gemel.parts.connectors.opcua import OpcUa
from gemel.parts.connectors.opcua.jobs import Jobs
from gemel.runtime.configuration import load
from gemel.runtime.daemon import Daemon
from gemel.runtime.outbox import Outbox
from gemel.testing.connectors import door_for
from gemel.twin.planning.plans import Version
from gemel.twin.planning.plans.jobs import Posted

RECEIVER = "/Press/JobOrderControl"
PEERS = {"PRESS": "opc.tcp://127.0.0.1:1", "ERP": "http://127.0.0.1:1/"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_ERP", "secret")
    text = PLANT
    for name, url in PEERS.items():
        text = text.replace(name, url, 1)
    (tmp_path / "plant.yaml").write_text(text)
    (tmp_path / "day.yaml").write_text(DAY)
    return tmp_path


@asynccontextmanager
async def twin(folder: Path) -> AsyncIterator[Daemon]:
    async with Daemon(load(folder / "plant.yaml"), folder / "data").run(connect=False) as daemon:
        yield daemon


async def release(daemon: Daemon) -> Version:
    made = await daemon.planning.plan("day", "anna", "asked")
    return await daemon.planning.release("day", made.number, "anna")


def outbox(folder: Path) -> closing[Outbox]:
    """As it is on disk, while no twin runs."""
    return closing(Outbox(folder / "data" / "job-orders" / "outbox.sqlite"))


def entry(folder: Path, job: str, way: str = "erp") -> Posted:
    with outbox(folder) as found:
        return found.posted["day", way, job]


async def test_who_comes_first_opens_the_outbox_and_all_have_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    class Counted(Outbox):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr("gemel.runtime.outbox.Outbox", Counted)
    async with twin(folder) as daemon:
        await asyncio.gather(*(daemon.planning.jobs.report("day") for _ in range(4)))
    assert len(opened) == 1


async def test_of_two_changes_at_once_none_is_lost(folder: Path) -> None:
    async with twin(folder) as daemon:
        await release(daemon)
    first = entry(folder, "L-1/make")
    with outbox(folder) as found:
        past = replace(first, order=replace(first.order, id="OLD/make"), state="accepted", since=1)
        heard = JobResponse("OLD/make", "Ended", start=1, end=2)
        found.put([first.now("refused", 1, "full"), past], responses=[("day", heard)])
    fewer = DAY.replace("L-1, product: lid, quantity: 900", "L-1, product: lid, quantity: 800")
    (folder / "day.yaml").write_text(fewer)
    async with twin(folder) as daemon:
        jobs, planning = daemon.planning.jobs, daemon.planning
        await jobs.report("day")
        made = await planning.plan("day", "anna", "fewer")
        planning.book("day").release(made.number, "anna")
        await planning.keep("day")
        again, _ = await asyncio.gather(jobs.send_again("day", "bob"), jobs.put("day"))
        noted = daemon.rooms.journal.entries(kind="job orders sent again")
    after = entry(folder, "L-1/make")
    assert again == 1
    [draft] = [one.draft for one in noted]
    assert (draft.actor, draft.payload["keys"]) == ("bob", ["day/L-1/make/2"])
    with outbox(folder) as found:
        assert "OLD/make" not in {job for *_, job in found.posted} | {j for _, j in found.responses}
    assert (after.version, after.order.quantity, after.state) == (3, 800, "waiting")


async def test_a_book_that_is_made_anew_knows_what_a_machine_said(folder: Path) -> None:
    async with twin(folder) as daemon:
        planning = daemon.planning
        await release(daemon)
        book = planning.book("day")
        assert book.held is not None
        start = next(row.start for row in book.held.rows if row.order == "L-1")
        await planning.respond("day", [JobResponse("L-1/make", "NotAllowedToStart")], "hand")
        text = (folder / "plant.yaml").read_text()
        (folder / "plant.yaml").write_text(text.replace("search: 200 ms", "search: 300 ms"))
        await daemon.reload(load(folder / "plant.yaml"), "anna")
        planning.renew()
        anew = planning.book("day")
        assert anew is not book
        assert planning.jobs._order("day", "machine", "L-1/make").equipment == "hand", "not sent"
        assert "L-1" not in anew._known(start + 1), "it has not begun, whatever was planned"


async def test_what_a_release_could_not_put_is_put_when_that_works_again(folder: Path) -> None:
    blocked = folder / "data" / "job-orders" / "outbox.sqlite"
    blocked.mkdir(parents=True)
    async with Daemon(load(folder / "plant.yaml"), folder / "data").run() as daemon:
        with pytest.raises(Unavailable, match="plan 1 holds, its job orders wait: the outbox"):
            await release(daemon)
        [problem] = [p for p in daemon.status()["problems"] if "job orders" in p]
        assert problem.startswith("job orders of 'day' are not on their way: the outbox ")
        blocked.rmdir()

        async def put() -> bool:
            return not [p for p in daemon.status()["problems"] if "job orders" in p]

        await until(put)
        assert "L-1/make" in await daemon.planning.jobs.report("day")


async def test_the_end_of_a_job_order_is_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    response = Jobs._response

    async def counted(self: Jobs, receiver: Any, types: Any, job: str) -> JobResponse | None:
        asked.append(job)
        return await response(self, receiver, types, job)

    monkeypatch.setattr(Jobs, "_response", counted)
    async with machine() as (url, control):
        await control.follow("X-1", "box", "X-1", 40, datetime(2026, 3, 1, tzinfo=UTC))
        opcua = OpcUa(url=url, security="None")
        async with opcua.open(door_for(tmp_path, ())) as session:
            assert isinstance(session, JobReader)
            for _ in range(2):
                assert (await session.jobs(RECEIVER, []))["X-1"].state == "Running"
            await control.end("X-1")
            first, again = [(await session.jobs(RECEIVER, []))["X-1"] for _ in range(2)]
    assert (first.state, first.quantity) == ("Ended", 40)
    assert again == first
    assert asked == ["X-1"] * 3, "twice while it ran, and its end"
