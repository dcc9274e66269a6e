"""kill -9 while a command is on its way: unconfirmed afterwards, never sent again, then settled."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from commanded import START, World, by_rule
from forks import Forks

from gemel.core.time import SECOND

CHILD = """
folder, hang, run = Path(arguments[0]), arguments[1] == "hang", arguments[2]

class Recording(World):
    async def send(self, write):
        say(folder / "written", write.command_id)
        if hang:
            await asyncio.sleep(3600)
        return await super().send(write)

async def main():
    world = Recording(folder, approval="rule", dead_time="0 s")
    await world.decisions.restore()
    for number in range(100_000):
        command = await world.decisions.propose(by_rule(id=f"{run}-{number}"))
        if hang:
            await asyncio.sleep(3600)
        await world.after(1, speed=command.value, state=6)
        world.show(speed=22500)
        world.now += 1_000_000_000

asyncio.run(main())
"""


def _wait_for(path: Path, lines: int = 1) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline, f"{path.name} has not {lines} lines"
        time.sleep(0.001)


def _written(folder: Path) -> list[str]:
    path = folder / "written"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.faults
@pytest.mark.parametrize("arrived", [True, False])
async def test_killed_between_sent_and_confirmed(
    tmp_path: Path, forks: Forks, arrived: bool
) -> None:
    forks.start(CHILD, str(tmp_path), "hang", "x")
    _wait_for(tmp_path / "written")
    forks.kill()
    world = World(tmp_path, approval="rule")
    world.now = START + 60 * SECOND
    await world.decisions.restore()
    command = await world.decisions.command("x-0")
    assert command.state == "unconfirmed"
    assert command.reason == "the twin stopped before its end was known"
    assert [e.payload["state"] for e in world.events] == ["unconfirmed"]
    assert (await world.decisions.propose(by_rule(id="x-0"))).state == "unconfirmed"
    for _ in range(15):
        await world.after(1, speed=21600 if arrived else 22500)
    command = await world.decisions.command("x-0")
    assert command.state == ("kept" if arrived else "failed")
    assert _written(tmp_path) == ["x-0"]
    assert not world.written
    assert world.journal.verify() == []
    await world.close()


@pytest.mark.faults
async def test_killed_at_any_moment_nothing_is_sent_twice_or_without_a_trace(
    tmp_path: Path, forks: Forks
) -> None:
    for turn in range(20):
        forks.start(CHILD, str(tmp_path), "go", str(turn))
        _wait_for(tmp_path / "written", turn + 1)
        time.sleep(0.0007 * turn)  # noqa: ASYNC251 - the loop is to wait
        forks.kill()
        world = World(tmp_path, approval="rule")
        await world.decisions.restore()
        assert world.journal.verify() == []
        sent = {e.draft.command_id for e in world.journal.entries(kind="sent", limit=100_000)}
        written = _written(tmp_path)
        assert set(written) <= sent
        assert max(Counter(written).values(), default=1) == 1
        assert not world.written
        assert not [c for c in world.decisions.commands() if c.state in ("sent", "approved")]
        await world.close()
    assert len(_written(tmp_path)) >= 20
