"""One connector under supervision: it comes back by itself, and says what is true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from gemel.core.errors import StorageFull, Unavailable
from gemel.core.frame import Frame
from gemel.parts.historians.base import Receipt
from gemel.runtime.configuration import load
from gemel.runtime.daemon import Daemon

PLANT = """\
format: 1
connectors:
  push: {kind: http}
assets:
  m: {connector: push, signals: {x: {}}}
"""


def body(value: float) -> bytes:
    return json.dumps({"signal": "m/x", "time": int(value), "value": value}).encode()


@pytest.mark.faults
async def test_a_full_disk_is_told_to_the_sender_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only request under way is refused: its sender must hear of it, and can send again."""
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT)
    full = True
    async with Daemon(load(plant), tmp_path / "data").run() as daemon:
        real = daemon.store.commit

        def commit(frames: Sequence[Frame]) -> Receipt:
            if full and any(len(f) for f in frames):
                raise StorageFull("no room")
            return real(frames)

        monkeypatch.setattr(daemon.store, "commit", commit)

        async def push(value: float) -> int:
            async with asyncio.timeout(120):
                while True:
                    try:
                        told = await daemon.receive("push", body(value), "application/x-ndjson")
                    except Unavailable as error:
                        if "not connected" not in str(error) and "starting" not in str(error):
                            raise
                        await asyncio.sleep(0.05)
                    else:
                        return told.stored

        with pytest.raises(Unavailable, match="not stored"):
            await push(1)
        with pytest.raises(Unavailable, match="not stored"):
            await push(2)
        assert "no room" in " ".join(daemon.status()["problems"])
        full = False
        assert await push(1) == 1
        assert await push(2) == 1
        assert daemon.store.report()["rows"] == 2
        assert daemon.links["push"].report()["sessions"] >= 2


async def test_what_is_pushed_to_a_signal_without_connector_is_good(tmp_path: Path) -> None:
    plant = tmp_path / "plant.yaml"
    plant.write_text(
        "format: 1\nconnectors: {push: {kind: http}}\nassets:\n  lab: {signals: {ph: {}}}\n"
    )
    line = b'{"signal": "lab/ph", "time": "2026-03-01T06:00:00Z", "value": 7.1}'
    async with Daemon(load(plant), tmp_path / "data").run() as daemon:
        async with asyncio.timeout(120):
            while daemon.links["push"].session is None:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
        told = await daemon.receive("push", line, "application/x-ndjson")
        assert told.stored == 1
        shown = daemon.mirror.snapshot(daemon.clock())
        number = daemon.numbers["lab/ph"]
        assert (shown.value[number], shown.quality[number]) == (7.1, 0)


async def test_a_recording_ends_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("time,x\n2026-03-01T06:00:00Z,1\n2026-03-01T06:00:01Z,2\n")
    plant = tmp_path / "plant.yaml"
    plant.write_text(
        "format: 1\nconnectors:\n  file: {kind: files, paths: [data.csv]}\n"
        "assets:\n  m: {connector: file, signals: {x: {address: x}}}\n"
    )
    async with Daemon(load(plant), tmp_path / "history").run() as daemon:
        async with asyncio.timeout(120):
            while daemon.links["file"].state != "stopped":  # noqa: ASYNC110 - nothing tells when it is so
                await asyncio.sleep(0.02)
        report = daemon.links["file"].report()
        assert (report["state"], report["reason"]) == ("stopped", "at its end")
        assert daemon.status()["state"] == "good"
        assert daemon.store.report()["rows"] == 2
