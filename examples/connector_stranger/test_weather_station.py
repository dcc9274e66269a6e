"""The connector keeps what every connector promises, and what its own protocol says."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from weather_station import WeatherStation, read_hello, read_line

from gemel.core.errors import ConfigurationError, DataError, Unavailable
from gemel.parts.connectors.base import Wanted, Write
from gemel.testing.connectors import ConnectorSuite, Peer, collect, door_for


class Station(Peer):
    """The other side: a small station that one can start, kill and make talk."""

    good = (
        Wanted(0, "hall/temperature", "temperature"),
        Wanted(0, "hall/humidity", "humidity"),
    )
    bad = Wanted(0, "hall/pressure", "pressure")

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._came = asyncio.Event()
        self._said = 0

    def connector(self) -> WeatherStation:
        # Before the first start any port where nobody listens will do.
        return WeatherStation.read({"port": self.port or 1, "silence": "1 s"})

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._greet, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        await self.kill()

    async def kill(self) -> None:
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            client.transport.abort()
        self._clients.clear()
        self._came.clear()

    async def produce(self, samples: int) -> None:
        await asyncio.wait_for(self._came.wait(), 10)
        start = datetime.now(UTC)
        for i in range(samples):
            self._said += 1
            name = "temperature" if self._said % 2 else "humidity"
            moment = start + timedelta(microseconds=i)
            await self.say(f"{moment.isoformat()} {name} {20 + i / 10}")

    async def say(self, line: str) -> None:
        for client in tuple(self._clients):
            client.write(f"{line}\n".encode())

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello temperature humidity\n")
        self._clients.add(writer)
        self._came.set()
        try:
            await reader.read()  # a listener says nothing; this ends when it goes
        except OSError:
            pass
        finally:
            self._clients.discard(writer)
            if not self._clients:
                self._came.clear()
            writer.close()


class TestWeatherStation(ConnectorSuite):
    """Everything that `gemel.testing.connectors` asks of a connector."""

    def make_peer(self, folder: Path) -> Peer:
        return Station()


def test_reads_lines() -> None:
    assert read_hello("hello a b") == ("a", "b")
    assert read_line("1970-01-01T00:00:01Z wind 3.1") == ("wind", 1_000_000_000, 3.1)
    for broken in ("", "temperature 21.4", "now temperature 21.4", "1970-01-01 temperature warm"):
        with pytest.raises(DataError):
            read_line(broken)
    with pytest.raises(ConfigurationError):
        read_hello("220 mail.example ready")


@pytest.mark.asyncio
async def test_a_broken_line_is_counted_and_costs_no_other(tmp_path: Path) -> None:
    station = Station()
    await station.start()
    async with station.connector().open(door_for(tmp_path / "door", station.good)) as session:
        await station.say("2026-03-02T06:00:00Z temperature warm")
        await station.say("2026-03-02T06:00:00Z wind 3.1")
        await station.say("2026-03-02T06:00:01Z temperature 21.4")
        (frame,) = await collect(session.frames(), 1, 5)
        assert frame.value.tolist() == [21.4]
        assert session.counters.received == 3
        assert session.counters.reasons == {
            "a line is not 'TIME NAME VALUE'": 1,
            "no signal has the address 'wind'": 1,
        }
        assert not (await session.send(Write("1", "temperature", 20.0))).accepted
    await station.stop()


@pytest.mark.asyncio
async def test_silence_counts_as_lost(tmp_path: Path) -> None:
    station = Station()
    await station.start()
    async with station.connector().open(door_for(tmp_path / "door", station.good)) as session:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="silent for 1 s"):
            await collect(session.frames(), 1, 5)
        assert time.monotonic() - began < 4
    await station.stop()
