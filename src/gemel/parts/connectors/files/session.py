"""The running connection: files one after the other, at their own pace or as fast as possible."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Generator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final, Protocol

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.frame import Frame
from gemel.core.time import SECOND, zone
from gemel.parts.connectors.base import Counters, Door, Outcome, Write
from gemel.parts.connectors.files.batch import ROWS, Batch
from gemel.parts.connectors.files.examine import examine
from gemel.parts.connectors.files.format import Format, Options
from gemel.parts.connectors.files.localtime import LocalTime, RowTimes
from gemel.parts.connectors.files.reading import Reader
from gemel.parts.connectors.files.sources import BLOCK, fingerprint
from gemel.parts.connectors.files.tables import Place
from gemel.parts.connectors.files.values import Converter

__all__ = ["DEFAULT_START", "FileSession", "Replay"]

DEFAULT_START: Final = 946_684_800 * SECOND
"""2000-01-01T00:00:00Z: where times begin in a file that only counts rows or seconds, so that two
replays of one file are the same."""
_LONGEST_SLEEP_S: Final = 1.0


class Replay(Options, Protocol):
    """The settings that a session needs."""

    @property
    def time_zone(self) -> str: ...
    @property
    def step(self) -> int | None: ...
    @property
    def speed(self) -> float | str: ...
    @property
    def group_column(self) -> str: ...
    @property
    def missing(self) -> str: ...
    @property
    def missing_words(self) -> tuple[str, ...]: ...


class FileSession:
    """Files as if a machine sent them; see `gemel.parts.connectors.base.Session`."""

    def __init__(
        self, settings: Replay, door: Door, files: Sequence[Path], start: int | None,
        rows: int = ROWS, size: int = BLOCK,
    ) -> None:  # fmt: skip
        self.counters = Counters()
        self._settings = settings
        self._door = door
        self._files = list(files)
        self._start = start
        self._rows = rows
        self._size = size
        self._zone: tzinfo = zone(settings.time_zone)
        self._formats: dict[Path, Format] = {}
        self._ignored: dict[str, None] = {}
        self._met: set[str] = set()
        self._batches: Generator[Batch] | None = None
        self._pending: asyncio.Task[Batch | None] | None = None
        self._converter = Converter(
            self.counters, door.encode, frozenset(settings.missing_words),
            settings.missing == "bad",
        )  # fmt: skip

    def prepare(self) -> None:
        """Find out how every file is written and which addresses there are.

        Called in a thread. Raises `ConfigurationError` for a file that is no table.
        """
        names: dict[str, None] = {}
        is_long = False
        for path in self._files:
            found = self._format(path)
            is_long = is_long or found.layout == "long"
            names.update(dict.fromkeys(c.name for i, c in enumerate(found.columns)
                                       if i not in found.roles and c.kind != "other"))  # fmt: skip
            if found.layout == "wide":
                self._met |= self._reader(found).found_addresses()
        if not is_long:
            self._report_unmet(list(names))

    def _report_unmet(self, names: Sequence[str]) -> None:
        for wanted in self._door.wanted:
            if wanted.address not in self._met:
                hint = did_you_mean(wanted.address, names)
                self.counters.bad_items[wanted.path] = (
                    f"no column or signal '{wanted.address}'; {hint}"
                )

    def _format(self, path: Path) -> Format:
        known = self._formats.get(path)
        if known is None:
            known = examine(path, self._settings)
            if not known.time.columns and self._settings.step is None:
                shown = ", ".join(c.name for c in known.columns[:12])
                hint = known.time.notes[0] if known.time.notes else f"columns: {shown}"
                raise ConfigurationError(
                    f"no column holds times; {hint}; write `time_column`, or `step`, the time "
                    "between two rows, e.g. step: '1 s'",
                    str(path),
                )
            self._formats[path] = known
        return known

    def _reader(self, found: Format) -> Reader:
        settings = self._settings
        start = DEFAULT_START if self._start is None else self._start
        times = RowTimes(
            found.time, LocalTime(self._zone, self.counters), start, settings.step or 0
        )
        group = found.find(settings.group_column) if settings.group_column else -1
        return Reader(
            found, self._door.wanted, times, self._converter, self.counters, self._door.name,
            self._size, group,
        )  # fmt: skip

    def ignored(self) -> tuple[str, ...]:
        """Columns or signals of the files that nobody wants, as far as they were read."""
        return tuple(self._ignored)

    async def frames(self) -> AsyncIterator[Frame]:
        """See `Session.frames`. The next block is read while the last one is used."""
        self._batches = batches = self._read_all()
        speed = self._settings.speed
        pace = None if isinstance(speed, str) else _Pace(self._door, speed)
        try:
            self._read_next()
            while self._pending is not None and (batch := await self._pending) is not None:
                self._read_next()
                if pace is None:
                    for frame in batch.frames(0, batch.rows, self._rows):
                        yield frame
                    continue
                async for start, stop in pace.steps(batch):
                    for frame in batch.frames(start, stop, self._rows):
                        yield frame
        finally:
            await self.close()
            batches.close()

    def _read_next(self) -> None:
        self._pending = asyncio.create_task(asyncio.to_thread(self._next), name="read file")

    def _next(self) -> Batch | None:
        return None if self._batches is None else next(self._batches, None)

    async def close(self) -> None:
        """End reading; the file is closed when the thread is done with its block."""
        pending, self._pending = self._pending, None
        if pending is not None:
            await asyncio.wait([pending])
            pending.exception()
        if self._batches is not None:
            await asyncio.to_thread(self._batches.close)

    def _read_all(self) -> Generator[Batch]:
        """Batches of all files behind the door's position; runs in threads, one step at a time."""
        position = self._position()
        names: dict[str, None] = {}
        is_long = False
        for path in self._from(position):
            reader = self._reader(self._format(path))
            origin, place, state = self._origin(path, reader.found, position)
            found = reader.found
            is_long = is_long or found.layout == "long"
            try:
                yield from reader.batches(place, state, origin)
            except DataError as error:
                self.counters.lose(str(error), 1)
            self._count_ignored(reader)
            self._met |= reader.seen_addresses()
            names.update(dict.fromkeys([*reader.unknown, *self._met]))
        if is_long and not position.get("file"):
            self._report_unmet(list(names))

    def _count_ignored(self, reader: Reader) -> None:
        for name in reader.plan.ignored:
            if name not in self._ignored:
                self._ignored[name] = None
                self.counters.note("columns that no signal reads")
        for name, rows in reader.unknown.items():
            self._ignored[name] = None
            self.counters.note("rows of signals that are not in the plant file", rows)

    def _position(self) -> dict[str, Any]:
        if self._door.position is None:
            return {}
        try:
            known = json.loads(self._door.position)
        except ValueError:
            known = None
        if not isinstance(known, dict) or not isinstance(known.get("file"), str):
            self.counters.note(
                "the saved position is of another kind; files are read from the start"
            )
            return {}
        return known

    def _from(self, position: dict[str, Any]) -> list[Path]:
        """The files that are not yet done."""
        if not position:
            return self._files
        written = [p.as_posix() for p in self._files]
        if position["file"] in written:
            return self._files[written.index(position["file"]) :]
        same = [i for i, p in enumerate(self._files) if p.name == Path(position["file"]).name]
        if len(same) == 1:
            return self._files[same[0] :]
        self.counters.note(
            f"'{position['file']}' of the saved position is gone; all files are read"
        )
        return self._files

    def _origin(
        self, path: Path, found: Format, position: dict[str, Any]
    ) -> tuple[dict[str, Any], Place, list[int]]:
        """What a position says of this file, and where to go on in it."""
        hashed, size = fingerprint(path)
        origin = {
            "file": path.as_posix(),
            "size": path.stat().st_size,
            "hash": hashed,
            "hashed": size,
        }
        fresh = Place(0, found.offset, found.line)
        if position.get("file") is None or Path(position["file"]).name != path.name:
            return origin, fresh, []
        if position["file"] != path.as_posix() and position["file"] in [
            p.as_posix() for p in self._files
        ]:
            return origin, fresh, []
        before = fingerprint(path, int(position.get("hashed", 0)))
        if before != (position.get("hash"), position.get("hashed")):
            self.counters.note(f"'{path.name}' was replaced; it is read from the start")
            return origin, fresh, []
        place = Place(int(position["row"]), int(position["offset"]), int(position["line"]))
        return origin, place, list(position.get("state", []))

    async def committed(self, position: str) -> None:
        """Nothing to do: files stay where they are."""

    async def history(
        self, start: int, end: int, signals: Sequence[int] | None = None, *, bound: bool = False
    ) -> AsyncIterator[Frame]:
        """Not asked of files: a position brings back all that was missed."""
        return
        yield

    async def send(self, write: Write) -> Outcome:
        """See `Session.send`: a file takes no commands."""
        return Outcome(False, "recorded data cannot be written")


class _Pace:
    """Rows when they are due: source time since the first row, divided by the speed."""

    def __init__(self, door: Door, speed: float) -> None:
        self._clock = door.clock
        self._speed = speed
        self._origin: tuple[int, int] | None = None
        if speed <= 0:
            raise ConfigurationError(f"speed is {speed}, must be greater than 0 or 'max'")

    async def steps(self, batch: Batch) -> AsyncIterator[tuple[int, int]]:
        """Pieces [start, stop) of a batch, each when its last row is due."""
        row = 0
        while row < batch.rows:
            if self._origin is None:
                self._origin = (int(batch.row_time[row]), self._clock())
            first, began = self._origin
            due = first + int((self._clock() - began) * self._speed)
            stop = int(batch.row_time.searchsorted(due, "right"))
            if stop > row:
                yield row, stop
                row = stop
                continue
            wait_s = (int(batch.row_time[row]) - due) / self._speed / SECOND
            await asyncio.sleep(min(max(wait_s, 0.001), _LONGEST_SLEEP_S))
