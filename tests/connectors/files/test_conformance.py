"""The promises of every connector, kept by files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gemel.parts.connectors.base import Connector, Wanted
from gemel.parts.connectors.files import Files
from gemel.testing.connectors import ConnectorSuite, Peer, collect, door_for


class Recording(Peer):
    """A file that is there from the start: a recording has nothing more to come."""

    good = (Wanted(0, "press/force", "force"), Wanted(1, "press/on", "on", "boolean"),
            Wanted(2, "press/lot", "lot", "text"))  # fmt: skip
    bad = Wanted(3, "press/nothing", "nothing")
    can_die = False

    def __init__(self, folder: Path) -> None:
        self.path = folder / "press.csv"
        rows = "".join(
            f"2024-01-01 00:{i // 60:02}:{i % 60:02},{i}.5,{i % 2},L{i // 9}\n"
            for i in range(2_000)
        )
        self.path.write_text(f"time,force,on,lot\n{rows}")

    def connector(self) -> Connector:
        return Files.read({"paths": [str(self.path)]})

    async def start(self) -> None:
        """It is there."""

    async def stop(self) -> None:
        """It stays."""

    async def kill(self) -> None:
        """It cannot die."""

    async def produce(self, samples: int) -> None:
        """All samples are in the file."""


class TestFiles(ConnectorSuite):
    def make_peer(self, folder):
        return Recording(folder)

    async def test_gives_values_with_time_and_quality(self, tmp_path):
        """As in the suite, but for the time of arrival: recorded samples have none, so that the
        twin does not take a recording of tomorrow for a clock that is wrong."""
        async with self.running(tmp_path) as peer:
            door = door_for(tmp_path / "door", peer.good)
            async with peer.connector().open(door) as session:
                found = await collect(session.frames(), 6_000, self.patience_s)
        assert {f.received for f in found} == {0}
        assert {f.source for f in found} == {"suite"}
        assert all(np.isfinite(f.value).all() and (f.time > 0).all() for f in found)
        assert found[-1].position is not None

    async def test_memory_is_bounded_when_nobody_reads(self, tmp_path):
        """A recording ends; see `test_stream.test_memory_is_bounded`."""
