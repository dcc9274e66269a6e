"""Decisions while the disk is at work: together onto it, or taken back together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from commanded import ANNA, BEN, SPEED, World, by_rule, own

from gemel.core.errors import ConfigurationError, Unavailable
from gemel.twin.decisions import Decisions
from gemel.twin.decisions.journal import Draft, Entry
from gemel.twin.decisions.known import Used


class Disk:
    """The journal's disk: it can be held, and can fail."""

    def __init__(self, world: World) -> None:
        self.writes: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()
        self.broken = False
        self._append = world.journal.append

    def append(self, *drafts: Draft) -> list[Entry]:
        self.writes.append([draft.kind for draft in drafts])
        assert self.free.wait(30)
        if self.broken:
            raise Unavailable("the journal is not written: disk I/O error")
        return self._append(*drafts)


@pytest.fixture
def disk(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(world)
    monkeypatch.setattr(world.journal, "append", made.append)
    yield made
    made.free.set()


async def until_writing(disk: Disk, count: int) -> None:
    while len(disk.writes) < count:  # noqa: ASYNC110 - the other side is a thread
        await asyncio.sleep(0.001)


async def test_what_waits_for_the_disk_goes_there_together(world: World, disk: Disk) -> None:
    disk.free.clear()
    first = asyncio.ensure_future(world.decisions.propose(own(id="a"), ANNA))
    await until_writing(disk, 1)
    others = [
        asyncio.ensure_future(world.decisions.propose(own(value, id=name), ANNA))
        for name, value in (("b", 21500.0), ("c", 21400.0))
    ]
    while len(world.decisions.commands()) < 3:  # noqa: ASYNC110 - decided, not yet on disk
        await asyncio.sleep(0.001)
    assert not any(task.done() for task in (first, *others))
    assert not world.events, "nothing is told before it is on disk"
    disk.free.set()
    found = await asyncio.gather(first, *others)
    assert [command.state for command in found] == ["checked"] * 3
    assert disk.writes == [["proposed", "checked"], ["proposed", "checked"] * 2]
    assert [e.payload["command_id"] for e in world.events] == ["a", "a", "b", "b", "c", "c"]


async def test_the_same_wish_twice_is_one_command_on_disk_for_both(
    world: World, disk: Disk
) -> None:
    disk.free.clear()
    first = asyncio.ensure_future(world.decisions.propose(own(id="a"), ANNA))
    await until_writing(disk, 1)
    again = asyncio.ensure_future(world.decisions.propose(own(id="a"), ANNA))
    await asyncio.sleep(0.02)
    assert not again.done()
    disk.free.set()
    assert await first == await again
    assert world.kinds("a") == ["proposed", "checked"]


async def test_what_stands_on_a_failed_write_is_taken_back_with_it(
    world: World, disk: Disk
) -> None:
    before = await world.decisions.propose(own(21700.0, id="before"), ANNA)
    disk.free.clear()
    disk.broken = True
    first = asyncio.ensure_future(world.decisions.propose(own(id="a"), ANNA))
    await until_writing(disk, 2)
    approved = asyncio.ensure_future(world.decisions.approve("a", BEN))
    declined = asyncio.ensure_future(world.decisions.decline("before", BEN, "not now"))
    await asyncio.sleep(0.02)
    disk.free.set()
    for task in (first, approved, declined):
        with pytest.raises(Unavailable, match="disk I/O error"):
            await task
    assert await world.decisions.command("before") == before
    with pytest.raises(ConfigurationError):
        await world.decisions.command("a")
    assert world.decisions.ledger.sent_since(SPEED, 0) == 0
    assert not world.written
    assert world.kinds("a") == []

    disk.broken = False
    await world.decisions.propose(own(id="a"), ANNA)
    await world.decisions.approve("a", BEN)
    await world.decisions.settled()
    assert [write.command_id for write in world.written] == ["a"]
    assert world.decisions.ledger.problem == ""
    assert world.decisions.ledger.sent_since(SPEED, 0) == 1


async def test_nothing_leaves_before_it_is_on_disk(make_world) -> None:
    world = await make_world(approval="rule")
    held = Disk(world)
    world.journal.append = held.append
    held.free.clear()
    command = asyncio.ensure_future(world.decisions.propose(by_rule()))
    await until_writing(held, 1)
    assert [command.state for command in world.decisions.commands()] == ["sent"]
    await asyncio.sleep(0.02)
    assert not world.written
    held.free.set()
    assert (await command).state == "sent"
    await world.decisions.settled()
    assert len(world.written) == 1


async def test_a_new_wish_asks_no_disk_and_an_old_one_is_found_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.decisions.propose(own(id="a"), ANNA)
    await world.decisions.decline("a", BEN, "not now")
    asked: list[str] = []
    entries = world.journal.entries

    def counted(**wanted: Any) -> list[Entry]:
        asked.append(wanted["command_id"])
        return entries(**wanted)

    again = Decisions(
        world.targets, eyes=world.eyes, journal=world.journal, send=world.guard.send,
        emit=world.events.extend,
    )  # fmt: skip
    await again.restore()
    assert not again.commands(), "what has ended is not held in memory"
    monkeypatch.setattr(world.journal, "entries", counted)
    await again.propose(own(21700.0, id="b"), ANNA)
    assert asked == []
    assert (await again.propose(own(id="a"), ANNA)).state == "declined"
    assert asked == ["a"]
    await again.close()


def test_hardly_any_new_id_passes_for_a_used_one() -> None:
    used = Used(f"old{i}" for i in range(100_000))
    assert all(f"old{i}" in used for i in range(100_000))
    assert sum(f"new{i}" in used for i in range(100_000)) < 100


async def test_what_the_peer_took_is_written_with_the_next_look(make_world) -> None:
    world = await make_world(approval="rule")
    command = await world.decisions.propose(by_rule())
    await world.decisions.settled()
    assert world.kinds(command.id)[-1] == "sent"
    await world.decisions.tick()
    assert world.kinds(command.id)[-1] == "answered"


async def test_what_the_peer_took_is_written_at_the_end_too(make_world) -> None:
    world = await make_world(approval="rule")
    command = await world.decisions.propose(by_rule())
    await world.decisions.settled()
    await world.decisions.close()
    assert world.kinds(command.id)[-1] == "answered"
