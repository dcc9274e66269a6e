"""Logs of lines from files: which columns hold what, and their times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.frame import Values
from gemel.core.table import Column, Table
from gemel.parts.connectors.files.times import cells_of, decode
from gemel.parts.connectors.files.timetext import best_text_format
from gemel.runtime.tables import read_table
from gemel.twin.planning.learned import Log

__all__ = ["COLUMNS", "find_columns", "read_log"]

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "case": (
        "case", "caseid", "caseconceptname", "part", "partid", "serial", "serialnumber", "lot",
        "lotid", "job", "jobid", "order", "orderid", "ordernumber", "workorder", "unit",
    ),
    "station": (
        "station", "activity", "operation", "conceptname", "workcenter", "workcentre", "machine",
        "process", "task", "step", "stage",
    ),
    "start": (
        "start", "starttimestamp", "starttime", "started", "begin", "begintime", "began", "from",
        "startdate",
    ),
    "end": (
        "end", "endtimestamp", "endtime", "ended", "completetimestamp", "completed", "finished",
        "finish", "finishtime", "timestamp", "timetimestamp", "time", "until", "enddate",
    ),
    "resource": (
        "resource", "orgresource", "machineid", "worker", "workerid", "equipment", "operator",
    ),
    "product": ("product", "productid", "variant", "producttype", "parttype", "material", "sku"),
}  # fmt: skip
"""Usual names of columns, without what is no letter, by what they hold."""

_NEEDED: Final = ("case", "station", "end")
_TRUE: Final = frozenset({"1", "true", "yes", "done", "finished", "closed", "completed"})
_EPOCHS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Numbers above the first count so many to the second since 1970."""


def find_columns(table: Table, named: Mapping[str, str | None]) -> dict[str, str]:
    """The column of each kind in `COLUMNS`, and of `done`: as named, or by its usual name.

    Raises `ConfigurationError` for a name that is not there, and where one that is needed is not
    found.
    """
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in list(table.columns)[::-1]}
    found: dict[str, str] = {}
    for kind, given in named.items():
        if given is not None:
            if given not in table.columns:
                raise ConfigurationError(
                    f"{table.where}: --{kind} {given}: there is no such column; "
                    f"{did_you_mean(given, table.columns)}"
                )
            found[kind] = given
    for kind, usual in COLUMNS.items():
        if kind not in found:
            for name in usual:
                if name in plain and plain[name] not in found.values():
                    found[kind] = plain[name]
                    break
    for kind in _NEEDED:
        if kind not in found:
            there = ", ".join(f"'{name}'" for name in list(table.columns)[:12])
            raise ConfigurationError(
                f"{table.where}: which column holds the {kind} of each row? Name it with --{kind}; "
                f"there are: {there}"
            )
    return found


def read_log(path: Path, named: Mapping[str, str | None]) -> tuple[Log, dict[str, str]]:
    """The log in a CSV or Parquet file, and the columns that were taken. Times without an offset
    are those of the clock on the wall; of others, UTC is.

    Raises `ConfigurationError` for missing files and columns, `DataError` for unusable rows.
    """
    table = read_table(path)
    found = find_columns(table, named)
    start = _times(table, found["start"]) if "start" in found else None
    try:
        log = Log.of(
            _texts(table[found["case"]]),
            _texts(table[found["station"]]),
            start,
            _times(table, found["end"]),
            resource=_texts(table[found["resource"]]) if "resource" in found else None,
            product=_texts(table[found["product"]]) if "product" in found else None,
            done=_flags(table[found["done"]]) if "done" in found else None,
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return log, found


def _texts(column: Column) -> list[str]:
    if column.dtype.kind == "f":
        return ["" if v != v else f"{v:.15g}" for v in column.tolist()]
    return [text.strip() for text in column.tolist()]


def _flags(column: Column) -> list[bool]:
    return [text.lower() in _TRUE for text in _texts(column)]


def _times(table: Table, name: str) -> Values:
    """Seconds since 1970, NaN where a cell is empty."""
    column = table[name]
    if column.dtype.kind == "f":
        largest = float(np.nanmax(np.abs(column), initial=0.0))
        scale = next((s for least, s in _EPOCHS if largest > least), 1.0)
        return np.asarray(column / scale, np.float64)
    texts = [text.strip() for text in column.tolist()]
    some = [text for text in texts if text][:2_000]
    form, _ = best_text_format(some) if some else ("", ())
    if not form:
        shown = f", e.g. '{some[0]}'" if some else ""
        raise DataError(f"{table.where}: column '{name}' holds no times{shown}")
    read = decode(cells_of(pa.array(texts, pa.string())), form)
    there = np.array([bool(text) for text in texts])
    odd = np.flatnonzero(there & ~read.ok)
    if len(odd):
        more = f", and {len(odd) - 1} more" if len(odd) > 1 else ""
        raise DataError(
            f"{table.where}: column '{name}', row {odd[0] + 1}: '{texts[odd[0]]}' is no time as "
            f"the others are{more}"
        )
    return np.where(read.ok, read.time / 1e9, np.nan)
