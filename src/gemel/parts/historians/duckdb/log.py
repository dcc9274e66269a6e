"""The log: the file of a segment that is still open. It only grows, by whole commits.

    commit   a header, the rows column by column, and what else is told, in JSON
    header   64 bytes: magic, checksums of itself and of the rest, lengths, number, times
    columns  signal int32, quality int16, time int64, value double: the rows in order, then the late

All numbers are little-endian, and everything begins at a multiple of 8 bytes. The first commit is
the head: the state of every signal when the segment was made, and where it begins. `append` returns
when a commit is on disk; what a kill leaves of one is no commit, and is overwritten after the next
start. A damaged commit costs its rows: those after it are found by their magic.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import Damaged
from gemel.core.frame import Frame

__all__ = ["COLUMNS", "COMMIT", "HEADER", "Commits", "Log", "columns_of", "sync_folder"]

MAGIC: Final = b"GMLc"
HEADER: Final = struct.Struct("<4sIIIQQqqqq")
"""magic, CRC-32 of what follows it in the header, CRC-32 of the rest, bytes of JSON, rows in order,
late rows, number, known, least and greatest source time."""
_CHECKED: Final = 8
COLUMNS: Final[Mapping[str, np.dtype[Any]]] = {
    "signal": np.dtype("<i4"), "quality": np.dtype("<i2"), "time": np.dtype("<i8"),
    "value": np.dtype("<f8"),
}  # fmt: skip
COMMIT: Final = np.dtype(
    [
        ("offset", np.int64), ("end", np.int64), ("ordered", np.int64), ("late", np.int64),
        ("number", np.int64), ("known", np.int64), ("low", np.int64), ("high", np.int64),
    ]
)  # fmt: skip
"""Where a commit lies in the file, and what its header says."""
_NO_TIME: Final = (int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min))
_PIECE: Final = 8 * 1024 * 1024

Commits = npt.NDArray[Any]
"""Of dtype `COMMIT`."""


class Log:
    """One log. One thread appends, any may read."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        """Open a log, and look at every commit. Raises `Damaged` if it has no head."""
        self.path = path
        self.damage: list[str] = []
        """What could not be read, in sentences."""
        self.told: dict[str, Any] = {}
        """What the head tells; `positions` are those of the last commit."""
        self._table = np.zeros(64, COMMIT)
        self._count = 0
        self._desk = _Desk()
        self._file = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        try:
            self._look()
            if writable:
                os.ftruncate(self._file, self.end)
        except BaseException:
            os.close(self._file)
            raise

    @classmethod
    def create(cls, path: Path, head: Frame, known: int, told: Mapping[str, Any]) -> Log:
        """Make a log that begins so, complete or not at all."""
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(_Desk().make_up([head], len(head), -1, known, told)[0])
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        sync_folder(path.parent)
        return cls(path, writable=True)

    def close(self) -> None:
        """Close the file; what was appended is on disk already."""
        os.close(self._file)

    # What is in it

    @property
    def commits(self) -> Commits:
        """Those after the head that can be read, in order; what is there never changes."""
        return self._table[1 : self._count]

    @property
    def head(self) -> Commits:
        """The head, as a commit."""
        return self._table[:1]

    @property
    def end(self) -> int:
        """Bytes of all commits."""
        return int(self._table["end"][self._count - 1])

    def pieces(self, commits: Commits) -> Iterator[tuple[Commits, bytes]]:
        """Neighbours among some commits, together with the bytes of the file that they lie in, from
        where their offsets are counted. Raises `OSError`."""
        first = 0
        while first < len(commits):
            start, stop = int(commits["offset"][first]), first + 1
            while (
                stop < len(commits)
                and commits["offset"][stop] == commits["end"][stop - 1]
                and commits["end"][stop] - start <= _PIECE
            ):
                stop += 1
            piece = commits[first:stop].copy()
            piece["offset"] -= start
            yield piece, self._read(start, int(commits["end"][stop - 1]) - start)
            first = stop

    # Writing

    def append(
        self,
        number: int,
        known: int,
        ordered: Sequence[Frame],
        late: Frame,
        told: Mapping[str, Any] | None,
    ) -> None:
        """Append a commit, on disk when it returns. Raises `OSError`: then it is not in the log."""
        rows, end = sum(map(len, ordered)), self.end
        data, (low, high) = self._desk.make_up([*ordered, late], rows, number, known, told)
        try:
            _write(self._file, data, end)
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, end)
            raise
        self._enter((end, end + len(data), rows, len(late), number, known, low, high))

    def _enter(self, commit: tuple[int, ...]) -> None:
        if self._count == len(self._table):
            self._table = np.concatenate([self._table, np.zeros(self._count, COMMIT)])
        self._table[self._count] = commit
        self._count += 1

    # Reading

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._file, length, offset)
        if len(data) < length:
            raise Damaged(f"{self.path} is shorter than it was")
        return data

    def _look(self) -> None:
        """Enter every commit that can be read."""
        size, offset, number = os.fstat(self._file).st_size, 0, -2
        while offset + HEADER.size <= size:
            found = self._header(offset)
            if found is None or found.number <= number:
                after = self._next(offset, size, number)
                if after is None:
                    break
                self.damage.append(f"{after - offset} bytes at {offset} could not be read")
                offset = after
                continue
            end = offset + HEADER.size + found.body
            if end > size:
                break  # a kill while it was written: nobody was told that it is stored
            if self._sound(offset + HEADER.size, found):
                self._take(offset, end, found)
            else:
                rows = found.ordered + found.late
                self.damage.append(f"commit {found.number} with {rows} rows failed its check")
            offset, number = end, found.number
            if not self._count:
                break
        if not self._count:
            raise Damaged(f"{self.path} has no head")

    def _header(self, offset: int) -> _Header | None:
        data = os.pread(self._file, HEADER.size, offset)
        return _Header.of(data) if len(data) == HEADER.size else None

    def _next(self, offset: int, size: int, number: int) -> int | None:
        """Where the next commit after some that cannot be read begins."""
        place = offset + 8
        while place < size:
            data = os.pread(self._file, _PIECE + HEADER.size, place)
            found = data.find(MAGIC)
            while 0 <= found < _PIECE:
                header = _Header.of(data[found : found + HEADER.size])
                if (place + found) % 8 == 0 and header is not None and header.number > number:
                    return place + found
                found = data.find(MAGIC, found + 1)
            place += _PIECE
        return None

    def _sound(self, offset: int, header: _Header) -> bool:
        check, left = 0, header.body
        while left:
            data = self._read(offset, min(left, _PIECE))
            check = zlib.crc32(data, check)
            offset, left = offset + len(data), left - len(data)
        return check == int(header.check)

    def _take(self, offset: int, end: int, header: _Header) -> None:
        self._enter(
            (offset, end, header.ordered, header.late, header.number, header.known, header.low,
             header.high)
        )  # fmt: skip
        if not header.told:
            return
        told = json.loads(self._read(end - _filled(header.told), header.told))
        if self._count == 1:
            self.told = told
        else:
            self.told["positions"] |= told["positions"]


class _Header:
    """The header of a commit."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        _, _, self.check, self.told, self.ordered, self.late, self.number = values[:7]
        self.known, self.low, self.high = values[7:]

    @classmethod
    def of(cls, data: bytes) -> _Header | None:
        """None if it is none."""
        if len(data) < HEADER.size or data[:4] != MAGIC:
            return None
        values = HEADER.unpack(data)
        return cls(values) if values[1] == zlib.crc32(data[_CHECKED:]) else None

    @property
    def body(self) -> int:
        """Bytes that follow."""
        return int(columns_of(self.ordered + self.late)[-1]) + _filled(self.told)


def columns_of(rows: Any) -> list[Any]:
    """Where the columns of so many rows (a number, or an array) begin after the header, in bytes,
    and where the last one ends."""
    starts = [0]
    for kind in COLUMNS.values():
        starts.append(starts[-1] + _filled(kind.itemsize * rows))
    return starts


class _Desk:
    """Where commits are made up before they are written: the same memory again and again."""

    def __init__(self) -> None:
        self._room = np.zeros(0, np.uint8)

    def make_up(
        self,
        frames: Sequence[Frame],
        ordered: int,
        number: int,
        known: int,
        told: Mapping[str, Any] | None,
    ) -> tuple[memoryview, tuple[int, int]]:
        """A commit as it is written, valid until the next; its least and greatest source time."""
        filled = [frame for frame in frames if len(frame)]
        low = min((int(frame.time.min()) for frame in filled), default=_NO_TIME[0])
        high = max((int(frame.time.max()) for frame in filled), default=_NO_TIME[1])
        text = json.dumps(told, separators=(",", ":")).encode() if told else b""
        rows = sum(map(len, filled))
        starts = [HEADER.size + int(start) for start in columns_of(rows)]
        whole = self._space(starts[-1] + _filled(len(text)))
        for (name, kind), start, stop in zip(COLUMNS.items(), starts, starts[1:], strict=False):
            end, place = start + rows * kind.itemsize, 0
            column = whole[start:end].view(kind)
            for frame in filled:
                column[place : place + len(frame)] = getattr(frame, name)
                place += len(frame)
            whole[end:stop] = 0
        whole[starts[-1] :] = np.frombuffer(text.ljust(_filled(len(text))), np.uint8)
        # One call for all of it: after each the interpreter has to be waited for.
        check = zlib.crc32(whole[HEADER.size :].data)
        counts = len(text), ordered, rows - ordered, number, known, low, high
        header = HEADER.pack(MAGIC, 0, check, *counts)
        own = zlib.crc32(header[_CHECKED:])
        whole[: HEADER.size] = np.frombuffer(HEADER.pack(MAGIC, own, check, *counts), np.uint8)
        return whole.data, (low, high)

    def _space(self, size: int) -> npt.NDArray[np.uint8]:
        if len(self._room) < size:
            self._room = np.zeros(size + size // 4, np.uint8)
        return self._room[:size]


def _filled(length: int) -> int:
    return (length + 7) // 8 * 8


def _write(file: int, data: memoryview, offset: int) -> None:
    """All of it: the system may take less than it is given."""
    while data:
        taken = os.pwrite(file, data, offset)
        data, offset = data[taken:], offset + taken


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
