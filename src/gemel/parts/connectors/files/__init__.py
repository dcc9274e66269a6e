"""Recorded data: CSV and Parquet files, compressed or not, wide or long.

*Wide* has one column per signal and one for the time; *long* has one row per value with the columns
signal, time, value and perhaps quality. What is not said is found out from the file's beginning and
can be seen with `gemel discover FILE`. The address of a signal is its column (wide), its name
(long), or ``group/column`` where `group_column` tells several machines in one file apart.

Delivery is confirmed: the position is (file, row), and a file that grew is read on from there. A
row that cannot be used is counted with the line of the first of its kind, and costs no other row.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gemel.core.errors import ConfigurationError
from gemel.core.time import Clock, Duration, parse_time, zone
from gemel.parts.connectors.base import (
    Connector,
    Delivery,
    Door,
    Found,
    Progress,
    Session,
)

__all__ = ["Files"]


class Files(Connector):
    """Read files as if a machine sent them."""

    delivery: ClassVar[Delivery] = "confirmed"
    suffixes: ClassVar[tuple[str, ...]] = ("",)

    paths: tuple[str, ...] = Field(
        (), description="Files or globs, read in natural order of their names"
    )
    layout: Literal["auto", "wide", "long"] = Field(
        "auto", description="wide: a column per signal; long: a row per value"
    )
    delimiter: str = Field(
        "", max_length=1, description="Between cells; ' ' is any run of blanks; found out if empty"
    )
    decimal: Literal["", ".", ","] = Field("", description="Decimal mark; found out if empty")
    encoding: str = Field("", description="e.g. 'utf-8' or 'latin-1'; found out if empty")
    header: Literal["auto", "yes", "no"] = Field(
        "auto", description="Whether the first row names the columns; without, they are c1, c2, …"
    )
    time_column: str = Field(
        "", description="Column of the time, or 'Date + Time' for two; found out if empty"
    )
    time_format: str = Field(
        "",
        description="How times are written: 'iso', 'clock' (time of day), 'epoch_s', 'epoch_ms', "
        "'epoch_us', 'epoch_ns', 'elapsed_s' (ms, us, ns, min, h, d), 'excel', 'matlab', 'ticks', "
        "'filetime', 'row', or a strptime pattern such as '%d.%m.%Y %H:%M:%S'; found out if empty",
    )
    time_zone: str = Field("UTC", description="Zone in which times without offset are read")
    start: str = Field(
        "",
        description="Time of the first row if the file has only row numbers, seconds or times of "
        "day; 2000-01-01T00:00:00Z if empty",
    )
    step: Duration | None = Field(None, gt=0, description="Time between rows without time column")
    name_column: str = Field("", description="Column of the signal's name in a long file")
    value_column: str = Field("", description="Column of the value in a long file")
    quality_column: str = Field("", description="Column of the quality in a long file")
    quality_codes: Literal["", "words", "opc_da", "opc_ua", "one_good", "zero_good"] = Field(
        "",
        description="How qualities are written: words, 192 is good, status codes, or a flag",
    )
    group_column: str = Field(
        "", description="Column of a wide file that names the machine; addresses are 'group/column'"
    )
    missing: Literal["skip", "bad"] = Field(
        "skip", description="A missing cell is no sample, or a sample of bad quality"
    )
    missing_words: tuple[str, ...] = Field(
        (), description="Further words or numbers for a missing cell, e.g. '-9999'"
    )
    speed: float | Literal["max"] = Field(
        "max", description="How many times faster than recorded; 'max' as fast as possible"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Files:
        if not self.delimiter.isascii():
            raise ValueError(f"delimiter '{self.delimiter}' is not ASCII; write e.g. ';'")
        if not isinstance(self.speed, str) and self.speed <= 0:
            raise ValueError(f"speed is {self.speed}, must be greater than 0 or 'max'")
        try:
            zone(self.time_zone)
            self._start()
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self

    def open(self, door: Door) -> AbstractAsyncContextManager[Session]:
        """See `Connector.open`. Looks at the beginning of every file first, so that what is wrong
        with one is told before any row is read."""
        return self._open(door)

    def located(self, folder: Path) -> Files:
        """See `Connector.located`."""
        return self.model_copy(update={"paths": tuple(str(folder / p) for p in self.paths)})

    @asynccontextmanager
    async def _open(self, door: Door) -> AsyncIterator[Session]:
        from gemel.parts.connectors.files.session import FileSession
        from gemel.parts.connectors.files.sources import find_files

        files = await asyncio.to_thread(find_files, self.paths)
        session = FileSession(self, door, files, self._start())
        await asyncio.to_thread(session.prepare)
        try:
            yield session
        finally:
            await session.close()

    def _start(self) -> int | None:
        return parse_time(self.start, zone(self.time_zone)) if self.start else None

    @classmethod
    async def discover(cls, target: str, clock: Clock, progress: Progress) -> Found:
        """See `Connector.discover`. `target` is a file; of a glob, the first one is looked at."""
        from gemel.parts.connectors.files.discovery import discover_file

        return await asyncio.to_thread(discover_file, cls(paths=(target,)))
