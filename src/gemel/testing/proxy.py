"""A TCP proxy that misbehaves: what networks and machines do to a connection, on demand."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

__all__ = ["MisbehavingProxy"]

_CHUNK = 16_384


class MisbehavingProxy:
    """Stands between a connector and its peer.

    Use it with `async with`; `port` is then where the connector connects to. It forwards faithfully
    until told otherwise; each trick lasts until `heal`.

    cut         end all connections with a reset, refuse new ones
    half_open   keep connections open and forward nothing, as after a pulled cable
    delay       hold every chunk back for some seconds
    throttle    let no more than so many bytes per second through
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refuses = False
        self._delay_s = 0.0
        self._bytes_per_s = 0.0
        self.port = 0
        self.connections = 0
        """How many were accepted so far."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self._reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End all connections at once, and refuse new ones until `heal`."""
        self._refuses = True
        self._reset_all()

    def half_open(self) -> None:
        """Forward nothing more, in either direction, and keep everything open."""
        self._flowing.clear()

    def delay(self, seconds: float) -> None:
        """Hold every chunk back for this long."""
        self._delay_s = seconds

    def throttle(self, bytes_per_s: float) -> None:
        """Let no more through than this, per connection and direction."""
        self._bytes_per_s = bytes_per_s

    def heal(self) -> None:
        """Behave again. Connections that were half open go on where they stopped."""
        self._refuses = False
        self._delay_s = 0.0
        self._bytes_per_s = 0.0
        self._flowing.set()

    def _reset_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await self._flowing.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, far_writer))
                group.create_task(self._forward(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                self._writers.discard(end)
                end.transport.abort()

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if self._bytes_per_s:
                    await asyncio.sleep(len(data) / self._bytes_per_s)
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
