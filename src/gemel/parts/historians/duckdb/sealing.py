"""Closed segments: logs → sorted Parquet, and checking and saving what was closed.

The Parquet file is written beside, flushed, renamed and only then entered in the manifest; a kill
at any instruction leaves either the log or both, never neither. The manifest keeps a CRC-32
of every row group and a copy of the footer, so that damage costs the row groups that it hit.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from gemel.core.errors import Damaged
from gemel.core.wire import SCHEMA
from gemel.parts.historians.duckdb.engine import Engine
from gemel.parts.historians.duckdb.ledger import Sealed
from gemel.parts.historians.duckdb.live import EVER, Live
from gemel.parts.historians.duckdb.log import sync_folder
from gemel.parts.historians.duckdb.scan import SCHEMA as ROWS

__all__ = ["Files", "damaged_blocks", "repair", "seal"]

MAGIC: Final = b"PAR1"
ROW_GROUP: Final = 131_072

Block = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files of segments lie."""

    folder: Path

    @property
    def segments(self) -> Path:
        """Their folder."""
        return self.folder / "segments"

    def log(self, id: int) -> Path:
        """The segment before it is closed."""
        return self.segments / f"{id:06d}.log"

    def rows(self, id: int) -> Path:
        """The rows, sorted."""
        return self.segments / f"{id:06d}.parquet"

    def head(self, id: int) -> Path:
        """The state of every signal with which the segment begins."""
        return self.segments / f"{id:06d}.head.parquet"

    @property
    def quarantine(self) -> Path:
        """What failed its check."""
        return self.folder / "quarantine"


def seal(
    engine: Engine, live: Live, files: Files, now: int, going_on: Callable[[], bool]
) -> Sealed | None:
    """Write a segment as Parquet, and give its manifest entry.

    None when `going_on` says no: then it is done again at the next start.
    """
    _write(files.head(live.id), SCHEMA, live.head().cast(SCHEMA).to_batches())
    path = files.rows(live.id)
    sorted_rows = f"select * from {live.name} order by signal, time, commit, late"
    with engine.asking(sorted_rows, {live.name: live.read(None, *EVER)}) as found:
        batches = found.to_arrow_reader(ROW_GROUP)
        _write(path, ROWS, itertools.takewhile(lambda _: going_on(), batches))
    if not going_on():
        return None
    blocks, footer = _blocks_of(path)
    first_time, last_time = live.times() or (None, None)
    return Sealed(
        id=live.id,
        rows=live.rows + live.late,
        late=live.late,
        size=path.stat().st_size,
        first_time=first_time,
        last_time=last_time,
        head_last=live.head_last,
        first_commit=live.first_commit,
        known=live.known(),
        blocks=blocks,
        footer=footer,
        closed=now,
    )


def _write(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write rows to `path`, durably: a temporary file, flush, rename, flush of the folder."""
    temporary = path.with_suffix(".tmp")
    # Sorted whole numbers shrink to a few bits by their differences; values of real sensors are
    # rounded, so that a dictionary serves them better than splitting their bytes.
    plain = [name for name in ("value", "quality") if name in schema.names]
    deltas = {name: "DELTA_BINARY_PACKED" for name in schema.names if name not in plain}
    with temporary.open("wb") as file:
        with pq.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=plain,
            column_encoding=deltas,
            write_page_checksum=True,
            version="2.6",
        ) as writer:
            for table in _regrouped(batches, schema):
                writer.write_table(table, row_group_size=ROW_GROUP)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)


def _regrouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of `ROW_GROUP` rows."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += len(batch)
        while rows >= ROW_GROUP:
            table = pa.Table.from_batches(held, schema)
            yield table.slice(0, ROW_GROUP)
            held = table.slice(ROW_GROUP).to_batches()
            rows -= ROW_GROUP
    if rows:
        yield pa.Table.from_batches(held, schema)


def _blocks_of(path: Path) -> tuple[tuple[Block, ...], bytes]:
    """(offset, length, crc32) of every row group, and the bytes after the last one."""
    metadata = pq.read_metadata(path)
    blocks: list[Block] = []
    end = len(MAGIC)
    with path.open("rb") as file:
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            columns = [group.column(c) for c in range(group.num_columns)]
            start = min(_first_byte(c) for c in columns)
            length = sum(c.total_compressed_size for c in columns)
            file.seek(start)
            blocks.append((start, length, zlib.crc32(file.read(length))))
            end = start + length
        file.seek(end)
        return tuple(blocks), file.read()


def _first_byte(column: pq.ColumnChunkMetaData) -> int:
    if column.has_dictionary_page and column.dictionary_page_offset:
        return int(min(column.dictionary_page_offset, column.data_page_offset))
    return int(column.data_page_offset)


def damaged_blocks(path: Path, segment: Sealed) -> list[int] | None:
    """Positions of the row groups that fail their check; None when everything is as written.

    An empty list means that only the start or the end of the file is damaged.
    """
    bad = []
    with path.open("rb") as file:
        whole_start = file.read(len(MAGIC)) == MAGIC
        for index, (offset, length, crc) in enumerate(segment.blocks):
            file.seek(offset)
            if zlib.crc32(file.read(length)) != crc:
                bad.append(index)
        file.seek(_body(segment))
        whole_end = file.read() == segment.footer
    return None if whole_start and whole_end and not bad else bad


def _body(segment: Sealed) -> int:
    """Length of a file without its footer."""
    return sum(segment.blocks[-1][:2]) if segment.blocks else len(MAGIC)


def repair(segment: Sealed, files: Files) -> Sealed | None:
    """Set a damaged file aside and keep its sound row groups; None when it is sound after all."""
    path = files.rows(segment.id)
    sound: pa.Table | None = None
    if path.exists():
        bad = damaged_blocks(path, segment)
        if bad is None:
            return None
        with contextlib.suppress(Damaged):
            sound = _salvage(segment, path, files.quarantine, bad)
    table = sound if sound is not None else ROWS.empty_table()
    _write(path, ROWS, table.cast(ROWS).to_batches())
    blocks, footer = _blocks_of(path)
    lost = segment.rows - table.num_rows
    return replace(
        segment,
        rows=table.num_rows,
        size=path.stat().st_size,
        blocks=blocks,
        footer=footer,
        damaged=f"{lost} of {segment.rows} rows failed their check and were set aside",
    )


def _salvage(segment: Sealed, path: Path, quarantine: Path, bad: list[int]) -> pa.Table | None:
    """Move the file to `quarantine` and read its sound row groups, with the kept footer."""
    quarantine.mkdir(exist_ok=True)
    moved = quarantine / path.name
    length = _body(segment)
    body = bytearray(path.read_bytes()[:length])
    path.rename(moved)
    sync_folder(quarantine)
    body[: len(MAGIC)] = MAGIC
    body.extend(b"\0" * (length - len(body)))
    try:
        file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(bytes(body) + segment.footer)))
        sound = [i for i in range(file.num_row_groups) if i not in bad]
        return file.read_row_groups(sound) if sound else None
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{moved}: nothing could be saved: {error}") from None
