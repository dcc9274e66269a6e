"""A weather station that speaks lines over TCP. One file, and not a part of Gemel.

The station says once which quantities it has, and then a line per measurement:

    hello temperature humidity
    2026-03-02T06:00:00.25Z temperature 21.4

The upper half of this file turns lines into samples and has no socket; the lower half owns the
socket and nothing else.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError, Unavailable
from gemel.core.frame import Frame
from gemel.core.time import SECOND, Duration, duration_text, parse_time
from gemel.parts.connectors.base import (
    Connector,
    Counters,
    Delivery,
    Door,
    Outcome,
    Session,
    Write,
)

__all__ = ["WeatherStation", "read_hello", "read_line"]

LONGEST_LINE = 256


class WeatherStation(Connector):
    """Listen to a weather station. A signal's address is the name of the quantity."""

    # The station forgets what nobody heard: what was missed is missed, and shown as a gap.
    delivery: ClassVar[Delivery] = "live-only"

    host: str = Field("127.0.0.1", description="Name or address of the station")
    port: int = Field(7010, gt=0, le=65_535, description="TCP port of the station")
    connect_timeout: Duration = Field(
        2 * SECOND, gt=0, description="Longest time to reach the station"
    )
    silence: Duration = Field(
        10 * SECOND, gt=0, description="A station that says nothing for longer counts as lost"
    )

    @asynccontextmanager
    async def open(self, door: Door) -> AsyncIterator[Session]:
        """One connection. Who opens it, closes it: here, and nowhere else."""
        try:
            async with asyncio.timeout(self.connect_timeout / SECOND):
                reader, writer = await asyncio.open_connection(
                    self.host, self.port, limit=LONGEST_LINE
                )
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"{self.host}:{self.port} does not answer: {error}") from None
        try:
            session = WeatherSession(door, reader, self.silence)
            await session.start()
            yield session
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


# From lines to samples


def read_hello(line: str) -> tuple[str, ...]:
    """The quantities that a station has.

    >>> read_hello("hello temperature humidity")
    ('temperature', 'humidity')
    """
    word, *names = line.split()
    if word != "hello":
        raise ConfigurationError(f"'{line}' is not the greeting of a weather station")
    return tuple(names)


def read_line(line: str) -> tuple[str, int, float]:
    """Name, source time (ns UTC) and value. Raises `DataError`, which costs this line only.

    >>> read_line("1970-01-01T00:00:01Z temperature 21.4")
    ('temperature', 1000000000, 21.4)
    """
    try:
        time, name, value = line.split()
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(value)
        return name, parse_time(time), number
    except (ValueError, ConfigurationError):
        raise DataError("a line is not 'TIME NAME VALUE'") from None


# The connection


class WeatherSession:
    """One open connection; see `gemel.parts.connectors.base.Session`."""

    def __init__(self, door: Door, reader: asyncio.StreamReader, silence: int) -> None:
        self.counters = Counters()
        self._door = door
        self._reader = reader
        self._silence = silence
        self._numbers = {wanted.address: wanted.number for wanted in door.wanted}

    async def start(self) -> None:
        """Read the greeting: a signal that the station does not have is told, the others work."""
        has = read_hello(await self._line())
        for wanted in self._door.wanted:
            if wanted.address not in has:
                known = ", ".join(has)
                self.counters.bad_items[wanted.path] = f"no '{wanted.address}'; it has {known}"

    async def frames(self) -> AsyncIterator[Frame]:
        """A Frame per line; a source with more than some hundred lines a second puts many in one.

        While nobody asks, nothing is read, and TCP makes the station wait: memory is bounded.
        """
        while True:
            line = await self._line()
            self.counters.received += 1
            try:
                name, time, value = read_line(line)
            except DataError as error:
                self.counters.reject(str(error))
                continue
            number = self._numbers.get(name)
            if number is None:
                self.counters.reject(f"no signal has the address '{name}'")
                continue
            yield Frame.of(number, time, value, received=self._door.clock(), source=self._door.name)

    async def _line(self) -> str:
        try:
            async with asyncio.timeout(self._silence / SECOND):
                line = await self._reader.readline()
        except TimeoutError:
            # A pulled cable is not told to anybody: silence is the only sign.
            raise Unavailable(f"silent for {duration_text(self._silence)}") from None
        except ValueError:
            raise Unavailable(f"a line has more than {LONGEST_LINE} bytes") from None
        except OSError as error:
            raise Unavailable(str(error)) from None
        if not line.endswith(b"\n"):
            raise Unavailable("the station closed the connection")
        return line.decode("utf-8", "replace").strip()

    async def committed(self, position: str) -> None:
        """Nothing to tell: the station does not wait for us."""

    def history(
        self, start: int, end: int, signals: Sequence[int] | None = None, *, bound: bool = False
    ) -> AsyncIterator[Frame]:
        """Never asked, since delivery is not 'resumable'."""
        raise Unavailable("a weather station has no history")

    async def send(self, write: Write) -> Outcome:
        """The weather takes no orders."""
        return Outcome(False, "a weather station takes no commands")
