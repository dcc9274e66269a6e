"""The tools for tests: a clock one can turn, a proxy that misbehaves."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from gemel.core.time import SECOND, parse_time
from gemel.testing.clock import TurnableClock
from gemel.testing.proxy import MisbehavingProxy


def test_clock_stands_until_it_is_turned():
    clock = TurnableClock("2026-03-01T06:00:00Z")
    start = clock()
    assert start == clock() == parse_time("2026-03-01T06:00:00Z")
    clock.turn("90 s")
    assert clock() - start == 90 * SECOND
    clock.turn("-1 min")
    assert clock() - start == 30 * SECOND
    clock.turn(-30 * SECOND)
    assert clock() == start
    assert clock.tick() == start + SECOND


@asynccontextmanager
async def echo():
    """A server that sends back what it gets; gives its port."""

    async def answer(reader, writer):
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@asynccontextmanager
async def connected():
    async with echo() as port, MisbehavingProxy("127.0.0.1", port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        yield proxy, reader, writer
        writer.transport.abort()


async def test_proxy_forwards_faithfully():
    async with connected() as (proxy, reader, writer):
        writer.write(b"hello")
        assert await asyncio.wait_for(reader.readexactly(5), 30) == b"hello"
        assert proxy.connections == 1


async def test_proxy_cuts():
    async with connected() as (proxy, reader, writer):
        writer.write(b"x")
        await asyncio.wait_for(reader.readexactly(1), 30)
        proxy.cut()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 30)
        proxy.heal()
        again, other = await asyncio.open_connection("127.0.0.1", proxy.port)
        other.write(b"y")
        assert await asyncio.wait_for(again.readexactly(1), 5) == b"y"
        other.transport.abort()


async def test_proxy_half_open_then_healed():
    async with connected() as (proxy, reader, writer):
        writer.write(b"x")
        await asyncio.wait_for(reader.readexactly(1), 30)
        proxy.half_open()
        writer.write(b"y")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.3)
        proxy.heal()
        assert await asyncio.wait_for(reader.readexactly(1), 30) == b"y"


async def test_proxy_delays_and_throttles():
    async with connected() as (proxy, reader, writer):
        proxy.delay(0.2)
        began = time.monotonic()
        writer.write(b"x")
        await asyncio.wait_for(reader.readexactly(1), 30)
        assert time.monotonic() - began >= 0.39
        proxy.heal()
        proxy.throttle(1000)
        began = time.monotonic()
        writer.write(b"x" * 200)
        await asyncio.wait_for(reader.readexactly(200), 30)
        assert time.monotonic() - began >= 0.39
