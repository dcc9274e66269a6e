"""Tables from files: CSV, also compressed, and Parquet."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.table import Table

__all__ = ["read_table"]

_DELIMITERS = ",;\t|"
_SUFFIXES = (".csv", ".txt", ".tsv", ".parquet")


def read_table(path: Path) -> Table:
    """The table in a file. Times become seconds since 1970 (UTC), true and false 1 and 0.

    Raises `ConfigurationError` if there is no such file, `DataError` if it is not a table.
    """
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix in _SUFFIXES)[:5]
        there = f"; in that folder: {', '.join(near)}" if near else ""
        raise ConfigurationError(f"{path}: no such file{there}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        found = parquet.read_table(path) if path.suffix == ".parquet" else _read_csv(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a table: {str(error).splitlines()[0]}") from None
    names = found.column_names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: column '{twice[0]}' is there twice")
    if not found.num_rows:
        raise DataError(f"{path}: there are no rows below the header")
    columns = {name: _numpy(found.column(name)) for name in names}
    return Table(columns, digest, str(path))


def _read_csv(path: Path) -> Any:
    with pa.input_stream(path, compression="detect") as stream:
        head = stream.read(64 * 1024).split(b"\n")[0].decode("utf-8", "replace")
    delimiter = max(_DELIMITERS, key=head.count)
    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    )


def _numpy(column: Any) -> Any:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        whole = column.cast(pa.timestamp("ns")).cast(pa.int64())
        return _numbers(whole) / 1e9
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(column)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    text = pc.fill_null(column.cast(pa.string()), "")
    return np.array(text.to_pylist(), dtype=np.str_)


def _numbers(column: Any) -> Any:
    found = column.cast(pa.float64(), safe=False).to_numpy()
    return np.where(np.isfinite(found), found, np.nan).astype(np.float64)
