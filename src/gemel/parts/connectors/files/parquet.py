"""Parquet files → columns and tables, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gemel.core.errors import ConfigurationError, DataError
from gemel.parts.connectors.files.format import Column, Format
from gemel.parts.connectors.files.naming import split_unit
from gemel.parts.connectors.files.tables import Place, Table
from gemel.parts.connectors.files.values import is_text

__all__ = ["examine_parquet", "parquet_tables", "row_count"]

_SHOWN: Final = 5_000
_UNIT_KEYS: Final = (b"unit", b"units", b"Unit", b"engineering_unit", b"uom")


def _open(path: Path) -> Any:
    try:
        return pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        first = str(error).partition("\n")[0][:120]
        raise ConfigurationError(
            f"is a damaged Parquet file ({first}); write it again", str(path)
        ) from None


def _kind(kind: Any) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return "time"
    if is_text(kind):
        return "text"
    return "missing" if pa.types.is_null(kind) else "other"


def examine_parquet(path: Path) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns of a Parquet file, and notes. Raises `ConfigurationError`."""
    with _open(path) as file:
        schema = file.schema_arrow
        if file.metadata.num_rows == 0:
            raise ConfigurationError("has columns but no rows", str(path))
        head = next(file.iter_batches(_SHOWN), None)
        columns = []
        nested = []
        for position, field in enumerate(schema):
            kind = _kind(field.type)
            metadata = field.metadata or {}
            unit = next((metadata[k].decode() for k in _UNIT_KEYS if k in metadata), "")
            split = split_unit(field.name)
            cells: tuple[str, ...] = ()
            if kind == "other":
                nested.append(f"'{field.name}' ({field.type})")
            elif head is not None:
                cells = _cells(head.column(position))
            columns.append(Column(field.name, kind, unit or split.unit, split.title, cells=cells))
    notes = (
        (f"columns of a kind that is no signal are left out: {', '.join(nested)}",)
        if nested
        else ()
    )
    return tuple(columns), notes


def _cells(values: Any) -> tuple[str, ...]:
    """The first values as texts, for guesses only."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_boolean(values.type):
        return tuple("" if v is None else str(v).lower() for v in values.to_pylist())
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        naive = values.cast(pa.timestamp("us"), safe=False)
        return tuple(
            "" if v is None else v for v in pc.strftime(naive, "%Y-%m-%dT%H:%M:%S").to_pylist()
        )
    return tuple("" if v is None else str(v) for v in values.to_pylist())


def parquet_tables(
    found: Format, needed: Sequence[int], place: Place, rows: int
) -> Iterator[Table]:
    """The columns `needed` of all rows behind `place.row`. Raises `DataError` if it is damaged."""
    with _open(found.path) as file:
        group, before = 0, 0
        sizes = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
        while group < len(sizes) and before + sizes[group] <= place.row:
            before += sizes[group]
            group += 1
        schema = file.schema_arrow
        names = [schema.field(i).name for i in needed]
        try:
            for batch in file.iter_batches(
                min(max(rows, 1), 65_536), row_groups=range(group, len(sizes)), columns=names
            ):
                skip = min(max(place.row - before, 0), batch.num_rows)
                n = batch.num_rows - skip
                if n:
                    part = batch.slice(skip)
                    number = before + skip + 1 + np.arange(n)
                    by_name = {name: part.column(k) for k, name in enumerate(part.schema.names)}
                    columns = {i: _flat(by_name[schema.field(i).name]) for i in needed}
                    yield Table(columns, n, before + batch.num_rows, number, number, number)
                before += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            first = str(error).partition("\n")[0][:120]
            raise DataError(f"{found.path}: damaged after row {before} ({first})") from None


def _flat(values: Any) -> Any:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if is_text(values.type) and not pa.types.is_string(values.type):
        values = values.cast(pa.string())
    return values


def row_count(path: Path) -> int:
    """How many rows a Parquet file has, without reading them."""
    with _open(path) as file:
        return int(file.metadata.num_rows)
