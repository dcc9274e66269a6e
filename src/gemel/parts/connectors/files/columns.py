"""Some columns of one file as arrays, for questions that need no times: quality data in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.parts.connectors.base import Counters
from gemel.parts.connectors.files import Files
from gemel.parts.connectors.files.cells import numbers
from gemel.parts.connectors.files.examine import examine
from gemel.parts.connectors.files.format import Column
from gemel.parts.connectors.files.parquet import parquet_tables
from gemel.parts.connectors.files.tables import Place, Table, text_tables
from gemel.parts.connectors.files.values import is_text

__all__ = ["Columns", "read_columns"]

_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns in the order in which they were asked for.

    numbers     float64[n] each, NaN where a cell is empty or stands for no value
    labels      n texts each, empty where a cell is
    line        int64[n]   of each row in the file, from 1; of a Parquet file the number of the row
    notes       what was left out, in sentences
    """

    numbers: tuple[Values, ...]
    labels: tuple[tuple[str, ...], ...]
    line: npt.NDArray[np.int64]
    notes: tuple[str, ...]


def read_columns(path: Path, numeric: Sequence[str], labels: Sequence[str] = ()) -> Columns:
    """Read columns by name from a CSV or Parquet file; how it is written is found out.

    Raises `ConfigurationError` if it is no table, has no such column (with the nearest name), or a
    column of numbers holds a text (with its line).
    """
    found = examine(path, Files(layout="wide", time_format="row"))
    wanted = [found.find(name) for name in numeric]
    named = [found.find(name) for name in labels]
    needed = sorted({*wanted, *named})
    counters = Counters()
    tables: list[Table]
    if found.kind == "parquet":
        tables = list(parquet_tables(found, needed, Place(), _ROWS))
    else:
        start = Place(0, found.offset, found.line)
        tables = list(text_tables(found, needed, set(), counters, start))
    if not tables:
        raise ConfigurationError("has columns but no rows", str(path))
    return Columns(
        tuple(
            np.concatenate([_numbers(t, i, found.columns[i], path) for t in tables]) for i in wanted
        ),
        tuple(tuple(x for t in tables for x in _texts(t.columns[i])) for i in named),
        np.concatenate([t.line for t in tables]),
        tuple(f"{reason}: {rows} rows left out" for reason, rows in counters.reasons.items()),
    )


def _numbers(table: Table, index: int, column: Column, path: Path) -> Values:
    cells = table.columns[index]
    if not is_text(cells.type):
        kind = cells.type
        if pa.types.is_boolean(kind):
            cells = cells.cast(pa.int8())
        elif not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_null(kind)
        ):
            raise ConfigurationError(
                f"column '{column.name}' is of type {kind}; a column of numbers is needed",
                str(path),
            )
        return np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    value, missing, _ = numbers(cells, column.decimal, column.suffix, frozenset())
    odd = np.flatnonzero(np.isnan(value) & ~missing)
    if len(odd):
        row = int(odd[0])
        shown = str(cells[row].as_py()).strip()[:40]
        more = f", and {len(odd) - 1} more such cells" if len(odd) > 1 else ""
        raise ConfigurationError(
            f"column '{column.name}' holds '{shown}', which is no number{more}; mend the file, or "
            "name another column",
            f"{path}:{int(table.line[row])}",
        )
    return value


def _texts(cells: Any) -> list[str]:
    if not is_text(cells.type):
        if pa.types.is_floating(cells.type):
            return ["" if v is None or v != v else f"{v:g}" for v in cells.to_pylist()]
        cells = cells.cast(pa.string())
    return ["" if v is None else v.strip() for v in cells.to_pylist()]
