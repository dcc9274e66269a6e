"""One pass over the beginning of a file, or all of it: what its signals are like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gemel.core.catalogue import SignalType
from gemel.core.errors import DataError
from gemel.core.time import zone
from gemel.parts.connectors.base import Counters
from gemel.parts.connectors.files.cells import EXACT
from gemel.parts.connectors.files.dialect import tallies
from gemel.parts.connectors.files.format import Column, Format
from gemel.parts.connectors.files.localtime import LocalTime, RowTimes
from gemel.parts.connectors.files.naming import slug
from gemel.parts.connectors.files.sources import open_text
from gemel.parts.connectors.files.tables import Place, Table, text_tables
from gemel.parts.connectors.files.values import is_text

__all__ = ["Scan", "Seen", "scan"]

_BYTES: Final = 64 << 20
_TAIL: Final = 256 << 10
_DISTINCT: Final = 1_000
_MACHINES: Final = re.compile(
    r"machine|maschine|unit|engine|asset|device|equipment|station|experiment|robot|pump|motor|turbine"
    r"|vehicle|line|cell|run|module|node|tool_id|serial|plant|anlage|tag$"
)


@dataclass(slots=True)
class Seen:
    """What was seen of one column or signal."""

    cells: int = 0
    missing: int = 0
    distinct: set[str] = field(default_factory=set)
    """At most a thousand different texts."""
    sample: list[str] = field(default_factory=list)
    first: int | None = None
    intervals: list[int] = field(default_factory=list)

    def add(self, column: Any) -> None:
        """Take note of more cells."""
        coded = column.dictionary_encode()
        texts = ["" if t is None else str(t).strip() for t in coded.dictionary.to_pylist()]
        codes = np.asarray(coded.indices.fill_null(len(texts)))
        counts = np.bincount(codes, minlength=len(texts) + 1)
        self.cells += len(column)
        empty = {i for i, t in enumerate(texts) if _is_missing(t)}
        self.missing += int(counts[len(texts)]) + sum(int(counts[i]) for i in empty)
        for i, text in enumerate(texts):
            if len(self.distinct) > _DISTINCT:
                break
            if i not in empty:
                self.distinct.add(text)
        if len(self.sample) < 2_000:
            self.sample += [t for i, t in enumerate(texts[:2_000]) if i not in empty]

    @property
    def is_constant(self) -> bool:
        """There is one value only, in more than a few cells."""
        return len(self.distinct) == 1 and self.cells - self.missing > 2

    @property
    def is_zero_one(self) -> bool:
        """All cells are 0 or 1, and both occur."""
        return self.distinct == {"0", "1"}


def _is_missing(text: str) -> bool:
    return tallies([[text]], 1)[0].missing == 1


@dataclass(slots=True)
class Scan:
    """What was seen of a file."""

    columns: dict[str, Seen]
    """By column (wide) or signal (long)."""
    rows: int = 0
    is_estimate: bool = False
    first: int | None = None
    last: int | None = None
    interval: int | None = None
    regular: float = 0.0
    """Share of intervals within 1 % of the median."""
    backward: int = 0
    repeated: int = 0
    group: str = ""
    groups: list[str] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    damage: str = ""


def type_of(column: Column, seen: Seen) -> SignalType:
    """The type that fits all cells seen."""
    if column.kind in ("text", "time", "boolean"):
        return "boolean" if column.kind == "boolean" else "text"
    if seen.is_zero_one and seen.cells >= 20:
        return "boolean"
    return "number"


def type_of_texts(seen: Seen) -> SignalType:
    """The type of a signal of a long file, by its cells."""
    kind = tallies([[t] for t in seen.sample], 1)[0].kind
    large = any(
        len(t) >= 16 and t.lstrip("+-").isdecimal() and abs(int(t)) > EXACT for t in seen.sample
    )
    if kind in ("boolean", "number") and not large:
        return (
            "boolean" if kind == "boolean" or (seen.is_zero_one and seen.cells >= 20) else "number"
        )
    return "number" if kind == "missing" else "text"


def scan(found: Format, time_zone: str, start: int, step: int) -> Scan:
    """Read the beginning and the end of a file. Raises nothing: damage is told in the result."""
    result = Scan({})
    times = RowTimes(found.time, LocalTime(zone(time_zone), result.counters), start, step)
    all_times: list[npt.NDArray[np.int64]] = []
    groups = _group_candidates(found)
    codes: dict[int, list[Any]] = {i: [] for i in groups}
    names: list[Any] = []
    read = 0
    try:
        for table in _tables(found, result.counters):
            time, ok, _ = times.of(table.columns, table.number)
            if not ok.all():
                result.counters.note("rows without a time", int((~ok).sum()))
            all_times.append(time[ok])
            keep = None if ok.all() else pa.array(ok)
            for i in groups:
                column = _texts(table.columns[i])
                codes[i].append(column if keep is None else column.filter(keep))
            _look(found, table, result)
            if found.layout == "long":
                column = _texts(table.columns[found.name])
                names.append(column if keep is None else column.filter(keep))
            result.rows = table.seen
            read = int(table.end[-1]) - found.offset
            if read > _BYTES or (found.kind == "parquet" and table.seen > 2_000_000):
                _estimate(found, result, times, read)
                break
    except DataError as error:
        result.damage = str(error)
    time = np.concatenate(all_times) if all_times else np.zeros(0, np.int64)
    if len(time):
        result.first = int(time.min())
        last = int(time.max())
        result.last = last if result.last is None else max(last, result.last)
    if found.layout == "long":
        _pace_long(result, time, names)
    else:
        _pace(result, time)
        _find_group(found, result, time, codes)
    return result


def _tables(found: Format, counters: Counters) -> Iterator[Table]:
    needed = [i for i, c in enumerate(found.columns) if c.kind != "other"]
    place = Place(0, found.offset, found.line)
    if found.kind == "parquet":
        from gemel.parts.connectors.files.parquet import parquet_tables

        return parquet_tables(found, needed, place, 65_536)
    return text_tables(found, needed, set(), counters, place)


def _texts(column: Any) -> Any:
    return column if is_text(column.type) else column.cast(pa.string())


def _look(found: Format, table: Table, result: Scan) -> None:
    if found.layout == "long":
        name = _texts(table.columns[found.name]).fill_null("").dictionary_encode()
        values = _texts(table.columns[found.value])
        codes = np.asarray(name.indices)
        order = np.argsort(codes, kind="stable")
        edges = np.searchsorted(codes[order], np.arange(len(name.dictionary) + 1))
        for k, text in enumerate(name.dictionary.to_pylist()):
            rows = order[edges[k] : edges[k + 1]]
            if text.strip():
                seen = result.columns.setdefault(text.strip(), Seen())
                seen.add(values.take(pa.array(rows)))
        return
    for i, column in enumerate(found.columns):
        if i in table.columns and i not in found.roles:
            cells = table.columns[i]
            if not is_text(cells.type) and pa.types.is_boolean(cells.type):
                cells = cells.cast(pa.string())
            result.columns.setdefault(column.name, Seen()).add(cells)


def _estimate(found: Format, result: Scan, times: RowTimes, read: int) -> None:
    """Rows and last time of a file that is too large to be read now."""
    result.is_estimate = True
    if found.kind == "parquet":
        from gemel.parts.connectors.files.parquet import row_count

        result.rows = row_count(found.path)
        return
    if found.text.compression or found.text.encoding.startswith(("utf-16", "utf-32")):
        return
    size = found.path.stat().st_size
    result.rows = round(result.rows * (size - found.offset) / max(read, 1))
    with open_text(found.path, "", found.text.encoding, size - _TAIL) as stream:
        head = stream.read(_TAIL)
    offset = size - _TAIL + head.find(found.text.newline) + 1
    needed = list(found.time.columns)
    place = Place(result.rows, offset, 0)
    for table in text_tables(found, needed, set(), Counters(), place):
        time, ok, _ = times.of(table.columns, table.number)
        if ok.any():
            result.last = max(int(time[ok].max()), result.last or -(2**63))


def _pace(result: Scan, time: npt.NDArray[np.int64]) -> None:
    steps = np.diff(time[:1_000_000])
    result.backward = int((steps < 0).sum())
    result.repeated = int((steps == 0).sum())
    forward = steps[steps > 0]
    if len(forward):
        result.interval = int(np.median(forward))
        result.regular = float((np.abs(forward - result.interval) <= 0.01 * result.interval).mean())


def _pace_long(result: Scan, time: npt.NDArray[np.int64], names: Sequence[Any]) -> None:
    result.backward = int((np.diff(time) < 0).sum())
    if not names:
        return
    coded = pa.chunked_array(names).combine_chunks().fill_null("").dictionary_encode()
    codes = np.asarray(coded.indices)
    order = np.lexsort((time, codes))
    steps = np.diff(time[order])
    inside = (np.diff(codes[order]) == 0) & (steps > 0)
    if inside.any():
        result.interval = int(np.median(steps[inside]))
        result.regular = float(
            (np.abs(steps[inside] - result.interval) <= 0.01 * result.interval).mean()
        )


def _group_candidates(found: Format) -> list[int]:
    if found.layout == "long":
        return []
    return [
        i for i, c in enumerate(found.columns)
        if (i not in found.roles and c.kind in ("text", "number") and _MACHINES.search(slug(c.name))
        and len(set(c.cells)) >= 2 and len(set(c.cells)) <= 200)
        or (i not in found.roles and c.kind in ("text", "number") and _MACHINES.search(slug(c.name))
            and len(set(c.cells)) == 1)
    ]  # fmt: skip


def _find_group(
    found: Format, result: Scan, time: npt.NDArray[np.int64], codes: dict[int, list[Any]]
) -> None:
    """A column that tells machines apart: times go back or stand still over the whole table, but
    not among the rows of one of its values."""
    if not found.time.columns or result.backward + result.repeated == 0:
        return
    for index, pieces in codes.items():
        coded = pa.chunked_array(pieces).combine_chunks().fill_null("").dictionary_encode()
        texts = [t.strip() for t in coded.dictionary.to_pylist()]
        if not 2 <= len(texts) <= 200 or "" in texts or any("/" in t for t in texts):
            continue
        group = np.asarray(coded.indices)
        order = np.argsort(group, kind="stable")
        inside = np.diff(group[order]) == 0
        stuck = int(((np.diff(time[order]) <= 0) & inside).sum())
        if stuck <= 0.01 * (result.backward + result.repeated):
            result.group, result.groups = found.columns[index].name, texts
            steps = np.diff(time[order])[inside]
            forward = steps[steps > 0]
            if len(forward):
                result.interval = int(np.median(forward))
                near = np.abs(forward - result.interval) <= 0.01 * result.interval
                result.regular = float(near.mean())
            return
