"""Tables → Frames: rows in the order of the file, all signals of a row together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gemel.core.quality import NOT_A_NUMBER
from gemel.parts.connectors.base import Counters, Wanted
from gemel.parts.connectors.files.batch import Batch, Names
from gemel.parts.connectors.files.dialect import is_comment
from gemel.parts.connectors.files.format import Format
from gemel.parts.connectors.files.localtime import RowTimes
from gemel.parts.connectors.files.sources import BLOCK
from gemel.parts.connectors.files.tables import Place, Table, text_tables
from gemel.parts.connectors.files.values import Converted, Converter, is_text, qualities

__all__ = ["Plan", "Reader"]


@dataclass(slots=True)
class Plan:
    """Which columns of a file feed which signals."""

    signals: list[tuple[int, Wanted]] = field(default_factory=list)
    """(column, signal) of a wide file."""
    groups: dict[str, list[int]] = field(default_factory=dict)
    """Numbers per value of the group column, beside `signals`; -1 = not wanted there."""
    ignored: list[str] = field(default_factory=list)
    """Columns that nobody wants."""


class Reader:
    """Reads one file, from a place on, into Batches. Used by one thread."""

    def __init__(
        self, found: Format, wanted: Sequence[Wanted], times: RowTimes, converter: Converter,
        counters: Counters, source: str, size: int = BLOCK, group: int = -1,
    ) -> None:  # fmt: skip
        self.found = found
        self._wanted = wanted
        self._times = times
        self._converter = converter
        self._counters = counters
        self._source = source
        self._size = size
        self._group = group
        self.plan = Plan()
        self._names: dict[str, list[int]] = {}
        self._fed: dict[str, list[int]] = {}
        self._by_form: dict[str, list[int]] = {}
        for i, signal in enumerate(wanted if found.layout == "long" else ()):
            for key in {signal.address, _folded(signal.address)}:
                self._by_form.setdefault(key, []).append(i)
        self.unknown: dict[str, int] = {}
        """Rows of a long file by name, of names that nobody wants."""
        if found.layout == "wide" and group < 0:
            self._plan_wide()
        elif found.layout == "wide":
            self._plan_groups()

    def _plan_wide(self) -> None:
        columns = self.found.columns
        names = [c.name for i, c in enumerate(columns)
                 if i not in self.found.roles and c.kind != "other"]  # fmt: skip
        used = set()
        known = Names(names)
        for wanted in self._wanted:
            name = known.find(wanted.address)
            if name is not None:
                index = next(i for i, c in enumerate(columns) if c.name == name)
                self.plan.signals.append((index, wanted))
                used.add(name)
        self.plan.signals.sort(key=lambda pair: pair[0])
        paired = {columns[i].name for i in self.found.paired}
        self.plan.ignored = [n for n in names if n not in used | paired]

    def _plan_groups(self) -> None:
        columns = self.found.columns
        names = [
            c.name for i, c in enumerate(columns)
            if i not in self.found.roles and i != self._group and c.kind != "other"
        ]  # fmt: skip
        slots: dict[tuple[int, str], int] = {}
        used = set()
        known = Names(names)
        for wanted in self._wanted:
            group, mark, address = wanted.address.partition("/")
            name = known.find(address) if mark else None
            if name is None:
                continue
            used.add(name)
            index = next(i for i, c in enumerate(columns) if c.name == name)
            slot = slots.setdefault((index, wanted.type), len(slots))
            if slot == len(self.plan.signals):
                self.plan.signals.append((index, wanted))
            self.plan.groups.setdefault(group, []).append(slot)
            self._names.setdefault(f"{group}\0{slot}", []).append(wanted.number)
        width = len(self.plan.signals)
        for group, taken in self.plan.groups.items():
            row = [-1] * width
            for slot in taken:
                row[slot] = self._names[f"{group}\0{slot}"][0]
            self.plan.groups[group] = row
        self.plan.ignored = [n for n in names if n not in used]

    def found_addresses(self) -> set[str]:
        """Addresses that this file feeds, as far as its header tells."""
        if self._group >= 0:
            return {w.address for w in self._wanted if "/" in w.address}
        return {wanted.address for _, wanted in self.plan.signals}

    def batches(self, place: Place, state: list[int], origin: dict[str, Any]) -> Iterator[Batch]:
        """All rows behind `place`. `origin` is the part of the position that names the file."""
        self._times.restore(state)
        found = self.found
        if found.layout == "wide" and not self.plan.signals:
            return
        for table in self._tables(place):
            batch = self._long(table) if found.layout == "long" else self._wide(table)
            batch.position = self._position(table, origin)
            batch.source = self._source
            self._counters.received += len(batch.signal)
            yield batch

    def _position(self, table: Table, origin: dict[str, Any]) -> Callable[[int], str]:
        def position(row: int) -> str:
            known = {
                **origin, "row": int(table.number[row]), "offset": int(table.end[row]),
                "line": int(table.line[row]),
            }  # fmt: skip
            state = self._times.state(row)
            if state:
                known["state"] = state
            return json.dumps(known, separators=(",", ":"))

        return position

    def _tables(self, place: Place) -> Iterator[Table]:
        found = self.found
        needed = set(found.time.columns)
        if found.layout == "long":
            needed |= {found.name, found.value} | ({found.quality} - {-1})
            numeric = {found.value} if all(w.type == "number" for w in self._wanted) else set()
            numeric = {i for i in numeric if found.columns[i].kind == "number"}
        else:
            needed |= {i for i, _ in self.plan.signals}
            texts = {i for i, w in self.plan.signals if w.type != "number"}
            numeric = {
                i for i, _ in self.plan.signals
                if i not in texts and i not in found.time.columns and not found.columns[i].suffix
            }  # fmt: skip
            paired = {found.columns[i].quality for i, _ in self.plan.signals} - {-1}
            needed |= paired
            numeric -= paired
            if self._group >= 0:
                needed.add(self._group)
                numeric.discard(self._group)
        if found.kind == "parquet":
            from gemel.parts.connectors.files.parquet import parquet_tables

            return parquet_tables(found, sorted(needed), place, max(self._size // 64, 1))
        return text_tables(found, sorted(needed), numeric, self._counters, place, self._size)

    def _rows(self, table: Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Times of the rows, and which rows can be used."""
        time, ok, there = self._times.of(table.columns, table.number)
        if ok.all():
            return time, ok
        lost = np.flatnonzero(there & ~ok)
        if len(lost):
            index = self.found.time.columns[0]
            texts = [str(t) for t in table.columns[index].take(pa.array(lost)).to_pylist()]
            name = self.found.columns[index].name
            said = [t.strip() == name or is_comment(t) for t in texts]
            if any(said):
                self._counters.note("comments and headers in the middle of the data", sum(said))
            odd = [i for i, is_said in enumerate(said) if not is_said]
            if odd:
                line = f"{self.found.path.name} line {int(table.line[lost[odd[0]]])}"
                first = f"'{texts[odd[0]][:40]}', {line}"
                self._converter.reject("time is not understood", first, len(odd))
        return time, ok

    def _without_time(self, ok: npt.NDArray[np.bool_], table: Table, filled: Any) -> None:
        """Count rows without a time: empty ones are only noted."""
        column = table.columns.get(self.found.time.columns[0]) if self.found.time.columns else None
        if column is None:
            return
        missing = ~ok & ~self._times_there(column)
        if not missing.any():
            return
        empty = int((missing & ~filled).sum())
        if empty:
            self._counters.note("empty rows", empty)
        rows = np.flatnonzero(missing & filled)
        if len(rows):
            line = f"{self.found.path.name} line {int(table.line[rows[0]])}"
            self._converter.reject("row has no time", line, len(rows))

    def _times_there(self, column: Any) -> npt.NDArray[np.bool_]:
        if is_text(column.type):
            length = pc.utf8_length(pc.utf8_trim_whitespace(column)).fill_null(0)
            there: npt.NDArray[np.bool_] = np.asarray(length) > 0
            return there
        return np.asarray(column.is_valid(), np.bool_)

    def _line(self, table: Table) -> str:
        return f"{self.found.path.name} from line {int(table.line[0])}"

    def _wide(self, table: Table) -> Batch:
        n, width = table.rows, len(self.plan.signals)
        time, ok = self._rows(table)
        value = np.empty((n, width), np.float64)
        quality = np.zeros((n, width), np.int16)
        present = np.empty((n, width), np.bool_)
        line = self._line(table)
        done: dict[tuple[int, str], Converted] = {}
        for j, (index, wanted) in enumerate(self.plan.signals):
            key = (index, wanted.type)
            result = done.get(key) if wanted.type in ("number", "boolean") else None
            if result is None:
                column = self.found.columns[index]
                result = self._converter.convert(table.columns[index], column, wanted, line)
                done[key] = result
            value[:, j], present[:, j] = result.value, result.present
            if result.quality is not None:
                quality[:, j] = result.quality
            self._pair(table, index, value[:, j], quality[:, j], present[:, j])
        if not ok.all():
            self._without_time(ok, table, present.any(axis=1))
            present &= ok[:, None]
        numbers = np.array([w.number for _, w in self.plan.signals], np.int32)
        signal = np.broadcast_to(numbers, (n, width))
        if self._group >= 0:
            signal = self._grouped(table.columns[self._group], width)
            present &= signal >= 0
        times = np.broadcast_to(time[:, None], (n, width))
        counts = present.sum(axis=1)
        first = np.concatenate([[0], np.cumsum(counts)])
        row_time = _latest(time, ok)
        if present.all():
            return Batch(
                signal.ravel().astype(np.int32), times.ravel(), value.ravel(), quality.ravel(),
                first, row_time, str,
            )  # fmt: skip
        return Batch(
            signal[present].astype(np.int32), times[present], value[present], quality[present],
            first, row_time, str,
        )  # fmt: skip

    def _pair(
        self,
        table: Table,
        index: int,
        value: npt.NDArray[np.float64],
        quality: npt.NDArray[np.int16],
        present: npt.NDArray[np.bool_],
    ) -> None:
        """Take the qualities from the column beside this one, if there is such a column. A bad
        sample may have no value."""
        column = self.found.columns[index]
        if column.quality < 0:
            return
        given = qualities(table.columns[column.quality], column.quality_codes)
        quality[:] = np.where(quality == 0, given, quality)
        present |= (given < 0) & np.isnan(value)

    def _grouped(self, column: Any, width: int) -> npt.NDArray[np.int32]:
        texts = column if is_text(column.type) else column.cast(pa.string())
        coded = texts.fill_null("").dictionary_encode()
        nobody = [-1] * width
        table = [self.plan.groups.get(t.strip(), nobody) for t in coded.dictionary.to_pylist()]
        numbers = np.array(table, np.int32).reshape(-1, width)
        signal: npt.NDArray[np.int32] = numbers[np.asarray(coded.indices)]
        return signal

    def _long(self, table: Table) -> Batch:
        time, ok = self._rows(table)
        if not ok.all():
            self._without_time(ok, table, np.ones(table.rows, np.bool_))
        parts = [
            self._samples(table, item, ok) for item in self._items(table.columns[self.found.name])
        ]
        rows = np.concatenate([part[0] for part in parts])
        order = np.argsort(rows, kind="stable") if len(parts) > 1 else slice(None)
        rows, signal, value, quality = (
            np.concatenate([part[k] for part in parts])[order] for k in range(4)
        )
        first = np.searchsorted(rows, np.arange(table.rows + 1))
        return Batch(signal, time[rows], value, quality, first, _latest(time, ok), str)

    def _samples(
        self, table: Table, item: npt.NDArray[np.int64], ok: npt.NDArray[np.bool_]
    ) -> tuple[Any, Any, Any, Any]:
        """Rows, signals, values and qualities of the samples of a table."""
        found = self.found
        keep = ok & (item >= 0)
        value = np.full(table.rows, np.nan)
        quality = np.zeros(table.rows, np.int16)
        present = np.zeros(table.rows, np.bool_)
        cells = table.columns[found.value]
        column, line = found.columns[found.value], self._line(table)
        is_number = np.array([w.type == "number" for w in self._wanted] + [False])
        parts = []
        if (is_number[item] & keep).any():
            wanted = self._wanted[int(np.flatnonzero(is_number)[0])]
            parts.append((wanted, is_number[item] & keep))
        others = np.unique(item[keep & ~is_number[item]]).tolist()
        parts += [(self._wanted[i], (item == i) & keep) for i in others]
        for wanted, chosen in parts:
            rows = np.flatnonzero(chosen)
            some = cells if len(rows) == table.rows else cells.take(pa.array(rows))
            result = self._converter.convert(some, column, wanted, line)
            value[rows], present[rows] = result.value, result.present
            if result.quality is not None:
                quality[rows] = result.quality
        if found.quality >= 0:
            given = qualities(table.columns[found.quality], found.quality_codes)
            quality = np.where(quality == 0, given, quality)
            present |= keep & (given != 0)  # a bad sample may have no value
            quality[np.isnan(value) & (quality >= 0)] = NOT_A_NUMBER
        rows = np.flatnonzero(keep & present)
        numbers = np.array([w.number for w in self._wanted] or [0], np.int32)
        return rows, numbers[item[rows]], value[rows], quality[rows]

    def _items(self, column: Any) -> list[npt.NDArray[np.int64]]:
        """Position in `wanted` of the signal of each row, -1 if nobody wants it; one array more for
        each further signal that the same name feeds."""
        texts = column if is_text(column.type) else column.cast(pa.string())
        coded = texts.fill_null("").dictionary_encode()
        indices = np.asarray(coded.indices)
        names = [t.strip() for t in coded.dictionary.to_pylist()]
        fed = []
        for name in names:
            if name not in self._fed:
                self._fed[name] = sorted(
                    {i for key in (name, _folded(name)) for i in self._by_form.get(key, ())}
                )
            fed.append(self._fed[name])
        if any(not f for f in fed):
            counts = np.bincount(indices, minlength=len(names))
            for k, name in enumerate(names):
                if not fed[k]:
                    self.unknown[name] = self.unknown.get(name, 0) + int(counts[k])
        depth = max((len(f) for f in fed), default=1) or 1
        tables = [
            np.array([f[d] if d < len(f) else -1 for f in fed], np.int64) for d in range(depth)
        ]
        return [table[indices] if len(table) else indices.astype(np.int64) for table in tables]

    def seen_addresses(self) -> set[str]:
        """Addresses of a long file that were met."""
        return {self._wanted[i].address for fed in self._fed.values() for i in fed}


def _folded(name: str) -> str:
    return f"\0{name.strip().casefold()}"


def _latest(time: npt.NDArray[np.int64], ok: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    if not len(time):
        return time
    return np.maximum.accumulate(np.where(ok, time, np.iinfo(np.int64).min))
