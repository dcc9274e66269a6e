"""Samples that are pushed: Arrow IPC and JSON lines, answered when they are on disk.

The session has no socket of its own: the daemon's web server takes the request, checks who asks,
and hands the body to `accept`, which returns when the rows are stored. So a 2xx means *stored*, and
a sender that repeats what was not answered loses nothing; repeats are recognised.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from gemel.core import quality as q
from gemel.core.errors import ConfigurationError, DataError, Unavailable
from gemel.core.frame import Frame
from gemel.core.time import parse_time
from gemel.core.wire import from_table
from gemel.parts.connectors.base import (
    Accepted,
    Connector,
    Counters,
    Delivery,
    Door,
    Outcome,
    Session,
    Write,
)

__all__ = ["Http"]

ARROW = "application/vnd.apache.arrow.stream"
LINES = "application/x-ndjson"
PIECE = 262_144
"""Rows that are handed on at a time: 5 ms of the compute thread."""


class Http(Connector):
    """Take samples by POST to /api/connectors/NAME/samples."""

    delivery: ClassVar[Delivery] = "confirmed"

    largest: int = Field(64 * 1024 * 1024, gt=0, description="Largest body, in bytes")
    waiting: int = Field(64, gt=0, description="Most requests that wait for the disk at a time")

    @asynccontextmanager
    async def open(self, door: Door) -> AsyncIterator[Session]:
        """See `Connector.open`."""
        session = HttpSession(self, door)
        try:
            yield session
        finally:
            session.close()


class HttpSession:
    """Requests in, Frames out; each Frame's position is the number of its request."""

    def __init__(self, settings: Http, door: Door) -> None:
        self.counters = Counters()
        self._settings = settings
        self._door = door
        self._queue: asyncio.Queue[Frame] = asyncio.Queue(settings.waiting)
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._numbers = {w.path: w.number for w in door.wanted}
        self._types = {w.number: w for w in door.wanted}
        self._limit = max(self._types, default=-1) + 1
        """Numbers from here on are nobody's, as far as this session knows."""
        self._turn = asyncio.Lock()
        self._next = 1

    async def frames(self) -> AsyncIterator[Frame]:
        """See `Session.frames`."""
        while True:
            yield await self._queue.get()

    async def committed(self, position: str) -> None:
        """Answer every request up to this one."""
        done = int(position)
        for number in [n for n in self._pending if n <= done]:
            waiting = self._pending.pop(number)
            if not waiting.done():
                waiting.set_result(None)

    async def accept(self, body: bytes | memoryview, content_type: str) -> Accepted:
        """See `Receiver.accept`."""
        if len(body) > self._settings.largest:
            raise DataError(
                f"the body has {len(body)} bytes, at most {self._settings.largest}; "
                "send it in parts"
            )
        if len(self._pending) >= self._settings.waiting:
            raise Unavailable("too many requests wait for the disk; try again")
        kind = content_type.partition(";")[0].strip().lower()
        if kind == ARROW:
            frame, rejected = self._read_arrow(body)
        elif kind in (LINES, "application/json", "application/jsonl"):
            frame, rejected = self._read_lines(body)
        else:
            raise DataError(f"content type '{kind}' is not known; send {ARROW} or {LINES}")
        self.counters.received += len(frame) + sum(rejected.values())
        for reason, rows in rejected.items():
            self.counters.reject(reason, rows)
        if len(frame):
            await self._stored(frame)
        return Accepted(len(frame), rejected)

    async def _stored(self, frame: Frame) -> None:
        number = self._next
        self._next += 1
        waiting = asyncio.get_running_loop().create_future()
        self._pending[number] = waiting
        stamped = Frame(
            frame.signal, frame.time, frame.value, frame.quality,
            self._door.clock(), self._door.name, str(number),
        )  # fmt: skip
        # One request after the other: a position acknowledges everything before it.
        async with self._turn:
            for piece in stamped.pieces(PIECE):
                await self._queue.put(piece)
        await waiting

    def close(self) -> None:
        """Requests that are not on disk are told so."""
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(Unavailable("not stored; send it again"))
                waiting.exception()
        self._pending.clear()

    def history(
        self, start: int, end: int, signals: Sequence[int] | None = None, *, bound: bool = False
    ) -> AsyncIterator[Frame]:
        """What is pushed has no history to ask."""
        raise Unavailable("an HTTP source has no history")

    async def send(self, write: Write) -> Outcome:
        """Nothing can be written to a sender."""
        return Outcome(False, "an HTTP source takes no commands")

    # Reading bodies

    def _number(self, path: str) -> int:
        number = self._numbers.get(path)
        if number is None:
            if self._door.resolve is None:
                raise ConfigurationError(f"no signal '{path}'")
            number = self._numbers[path] = self._door.resolve(path)
            self._limit = max(self._limit, number + 1)
        return number

    def _read_arrow(self, body: bytes | memoryview) -> tuple[Frame, dict[str, int]]:
        try:
            with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
                table = reader.read_all()
            table.validate()
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"not an Arrow stream: {error}") from None
        if "signal" not in table.schema.names:
            raise DataError(f"no column 'signal'; found {', '.join(table.schema.names) or 'none'}")
        rejected: dict[str, int] = {}
        column = table.column("signal")
        if not pa.types.is_integer(column.type):
            table = self._with_numbers(table, rejected)
        values = table.column("value") if "value" in table.schema.names else None
        if values is not None and pa.types.is_string(values.type):
            table = self._with_codes(table)
        frame = from_table(table)
        if len(frame):
            known = (frame.signal >= 0) & (frame.signal < self._limit)
            unknown = len(frame) - int(np.count_nonzero(known))
            if unknown:
                rejected["no signal has this number"] = unknown
                frame = frame[known]
        return frame, rejected

    def _with_numbers(self, table: Any, rejected: dict[str, int]) -> Any:
        """Paths → numbers, looked up once per distinct path."""
        column = table.column("signal")
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        numbers = np.empty(len(column.dictionary) + 1, np.int32)
        numbers[-1] = -1
        problems: dict[int, str] = {}
        for index, path in enumerate(column.dictionary.to_pylist()):
            try:
                numbers[index] = self._number(str(path))
            except ConfigurationError as error:
                numbers[index] = -1
                problems[index] = error.message
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        signal = numbers[codes]
        for index, reason in problems.items():
            rejected[reason] = int(np.count_nonzero(codes == index))
        position = table.schema.get_field_index("signal")
        table = table.set_column(position, "signal", pa.array(signal))
        return table.filter(pa.array(signal >= 0)) if (signal < 0).any() else table

    def _with_codes(self, table: Any) -> Any:
        signals = table.column("signal").to_pylist()
        texts = table.column("value").to_pylist()
        values = [self._value(s, t)[0] for s, t in zip(signals, texts, strict=True)]
        position = table.schema.get_field_index("value")
        return table.set_column(position, "value", pa.array(values, pa.float64()))

    def _value(self, number: int, value: Any) -> tuple[float, int]:
        """A value as number and quality."""
        wanted = self._types.get(number)
        if value is None:
            return float("nan"), q.NOT_A_NUMBER
        if isinstance(value, str):
            if wanted is not None and wanted.type == "enumeration":
                for code, label in wanted.labels:
                    if label == value:
                        return float(code), q.GOOD
                raise DataError(f"'{value}' is not a label of '{wanted.path}'")
            if wanted is not None and wanted.type != "text":
                raise DataError(f"'{wanted.path}' is a {wanted.type}, found text")
            index = self._door.encode(number, value)
            return (float("nan"), q.TEXT_OVERFLOW) if index is None else (float(index), q.GOOD)
        if isinstance(value, bool | int | float):
            return float(value), q.GOOD
        raise DataError(f"a value is a number, text, true or false; found {type(value).__name__}")

    def _read_lines(self, body: bytes | memoryview) -> tuple[Frame, dict[str, int]]:
        rows = _Rows()
        for index, line in enumerate(bytes(body).split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                self._read_line(line, rows)
            except (DataError, ConfigurationError) as error:
                reason = str(error)
            except (ValueError, RecursionError, OverflowError) as error:
                reason = f"line {index} is not JSON: {error}"
            else:
                continue
            rows.reject(reason)
        return Frame.of(rows.signal, rows.time, rows.value, rows.quality), rows.rejected

    def _read_line(self, line: bytes, rows: _Rows) -> None:
        if len(line) > 65_536:
            raise DataError("a line has more than 65536 bytes")
        item = json.loads(line)
        if not isinstance(item, dict) or not {"signal", "time", "value"} <= item.keys():
            raise DataError('a line is an object with "signal", "time" and "value"')
        signal, time = item["signal"], item["time"]
        number = self._number(signal) if isinstance(signal, str) else signal
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < self._limit:
            raise DataError("no signal has this number")
        if isinstance(time, str):
            time = parse_time(time, self._door.naive)
        if not isinstance(time, int) or isinstance(time, bool) or abs(time) >= 2**63:
            raise DataError('"time" is ISO 8601 text, or whole nanoseconds since 1970')
        value, quality = self._value(number, item["value"])
        told = item.get("quality", quality)
        if not isinstance(told, int) or not -0x8000 <= told < 0x8000:
            raise DataError('"quality" is a whole number from -32768 to 32767')
        rows.signal.append(number)
        rows.time.append(time)
        rows.value.append(value)
        rows.quality.append(told if quality == q.GOOD else quality)


@dataclass(slots=True)
class _Rows:
    signal: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str) -> None:
        # A flood of different reasons must not become a flood of memory.
        if reason not in self.rejected and len(self.rejected) >= 32:
            reason = "other reasons"
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
