"""Closing a segment: DuckDB table → sorted Parquet, and checking and saving what was closed.

The Parquet file is written beside, flushed, renamed and only then entered in the manifest; a kill
at any instruction leaves either the DuckDB file or both, never neither. The manifest keeps a CRC-32
of every row group and a copy of the footer, so that damage costs the row groups that it hit.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from gemel.core.errors import Damaged

__all__ = [
    "SEALED_SCHEMA",
    "blocks_of",
    "damaged_blocks",
    "salvage",
    "sync_folder",
    "write_parquet",
]

MAGIC: Final = b"PAR1"
ROW_GROUP: Final = 131_072

SEALED_SCHEMA: Final = pa.schema(
    [
        ("signal", pa.int32()),
        ("time", pa.int64()),
        ("value", pa.float64()),
        ("quality", pa.int16()),
        ("commit", pa.int32()),
        ("late", pa.int32()),
    ]
)

Block = tuple[int, int, int]


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write sorted rows to `path`, durably: a temporary file, flush, rename, flush of the folder."""
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
            for batch in _regrouped(batches, schema):
                writer.write_table(batch, row_group_size=ROW_GROUP)
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


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def blocks_of(path: Path) -> tuple[tuple[Block, ...], bytes]:
    """(offset, length, crc32) of every row group, and the bytes after the last one."""
    metadata = pq.read_metadata(path)
    blocks: list[Block] = []
    end = 4  # after the magic number
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


def _first_byte(column: Any) -> int:
    if column.has_dictionary_page and column.dictionary_page_offset:
        return int(min(column.dictionary_page_offset, column.data_page_offset))
    return int(column.data_page_offset)


def damaged_blocks(path: Path, blocks: tuple[Block, ...], footer: bytes) -> list[int] | None:
    """Positions of the row groups that fail their check; None when everything is as written.

    An empty list means that only the start or end of the file is damaged.
    """
    bad = []
    with path.open("rb") as file:
        whole_start = file.read(4) == MAGIC
        for index, (offset, length, crc) in enumerate(blocks):
            file.seek(offset)
            if zlib.crc32(file.read(length)) != crc:
                bad.append(index)
        file.seek(sum(blocks[-1][:2]) if blocks else 4)
        whole_end = file.read() == footer
    return None if whole_start and whole_end and not bad else bad


def salvage(
    path: Path, quarantine: Path, blocks: tuple[Block, ...], footer: bytes, bad: list[int]
) -> pa.Table | None:
    """Move a damaged file to `quarantine` and give the rows of its sound row groups.

    Raises `Damaged` when nothing of it can be read.
    """
    quarantine.mkdir(exist_ok=True)
    moved = quarantine / path.name
    body = bytearray(path.read_bytes()[: sum(blocks[-1][:2]) if blocks else 4])
    path.rename(moved)
    sync_folder(quarantine)
    body[:4] = MAGIC
    body.extend(b"\0" * ((sum(blocks[-1][:2]) if blocks else 4) - len(body)))
    try:
        file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(bytes(body) + footer)))
        sound = [i for i in range(file.num_row_groups) if i not in bad]
        return file.read_row_groups(sound) if sound else None
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{moved}: nothing could be saved: {error}") from None
