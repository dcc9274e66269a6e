"""Recorded data: CSV and Parquet files, compressed or not, wide or long.

*Wide* has one column per signal and one for the time; *long* has one row per value with the columns
signal, time, value and perhaps quality. What is not said is found out from the file's beginning and
can be seen with `gemel discover FILE`. Delivery is confirmed: the position is (file, row), and a
file that grew is read on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Frame
from gemel.core.time import Clock, Duration
from gemel.parts.connectors.base import (
    Connector,
    Counters,
    Delivery,
    Door,
    Found,
    Outcome,
    Progress,
    Session,
    Write,
)

__all__ = ["Files"]

Layout = Literal["auto", "wide", "long"]


class Files(Connector):
    """Read files as if a machine sent them."""

    delivery: ClassVar[Delivery] = "confirmed"

    paths: tuple[str, ...] = Field(
        (), description="Files or globs, relative to the plant file; `gemel replay` gives its own"
    )
    layout: Layout = Field("auto", description="wide: a column per signal; long: a row per value")
    delimiter: str = Field("", max_length=1, description="Between columns; found out if empty")
    decimal: Literal["", ".", ","] = Field("", description="Decimal mark; found out if empty")
    time_column: str = Field("", description="Column of the time; found out if empty")
    time_format: str = Field(
        "",
        description="How times are written: 'iso', 'epoch_s', 'epoch_ms', 'epoch_us', 'epoch_ns', "
        "'excel', 'row', or a strptime pattern such as '%d.%m.%Y %H:%M:%S'; found out if empty",
    )
    time_zone: str = Field("UTC", description="Zone in which times without offset are read")
    start: str = Field(
        "", description="Time of the first row if the file has only a row number or seconds"
    )
    step: Duration | None = Field(None, gt=0, description="Time between rows without time column")
    speed: float | Literal["max"] = Field(
        "max", description="How many times faster than recorded; 'max' as fast as possible"
    )

    @asynccontextmanager
    async def open(self, door: Door) -> AsyncIterator[Session]:
        """See `Connector.open`."""
        yield FileSession(self, door)

    @classmethod
    async def discover(cls, target: str, clock: Clock, progress: Progress) -> Found:
        """See `Connector.discover`."""
        from gemel.parts.connectors.files.discovery import discover_file

        return await asyncio.to_thread(discover_file, Path(target), clock())


