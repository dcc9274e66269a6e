"""Blocks of a text file → columns. Arrow parses whole blocks; rows that do not fit are taken out,
counted, and named by their line, and the rest of the block is parsed as if they were not there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from gemel.parts.connectors.base import Counters
from gemel.parts.connectors.files.cells import MISSING_FAST
from gemel.parts.connectors.files.dialect import is_comment, split_row
from gemel.parts.connectors.files.format import Format
from gemel.parts.connectors.files.rows import NEWLINE_IN_CELL, decode_text
from gemel.parts.connectors.files.sources import BLOCK, Block, blocks

__all__ = ["Place", "Table", "text_tables"]

_BLANKS: Final = re.compile(rb"[ \t]+")
_PADDED: Final = re.compile(rb"[ \t]*\n[ \t]*")
_MARK: Final = NEWLINE_IN_CELL.encode()


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on: behind `row` rows of data."""

    row: int = 0
    offset: int = 0
    line: int = 0


@dataclass(slots=True)
class Table:
    """Some rows of a file as columns: numbers as Arrow floats, all else as Arrow strings (or, from
    Parquet, as they are)."""

    columns: dict[int, Any]
    rows: int
    seen: int
    """Rows of the file behind this table, those that did not fit included."""
    number: npt.NDArray[np.int64]
    """Number of each row in the file, from 1. Rows that did not fit count too: they took time."""
    end: npt.NDArray[np.int64]
    """Place behind each row in the decompressed file."""
    line: npt.NDArray[np.int64]
    """Line of each row, from 1."""


def text_tables(
    found: Format, needed: Sequence[int], numeric: set[int], counters: Counters, place: Place,
    size: int = BLOCK,
) -> Iterator[Table]:  # fmt: skip
    """The columns `needed` of all rows behind `place`.

    Columns in `numeric` come as floats while Arrow can read them; one that it cannot leaves the set
    for good. Raises `DataError` behind the last readable row of a damaged file.
    """
    parser = _Parser(found, needed, numeric, counters)
    row = place.row
    for block in blocks(found.path, found.text, place.offset, place.line, size):
        table = parser.parse(block, row)
        row = table.seen
        if table.rows:
            yield table


class _Parser:
    def __init__(
        self, found: Format, needed: Sequence[int], numeric: set[int], counters: Counters
    ) -> None:
        self._found = found
        self._needed = sorted(needed)
        self._numeric = numeric
        self._counters = counters
        self._names = [str(i) for i in range(len(found.columns))]
        self._is_blank = found.text.delimiter == " "
        self._commas = {c.decimal for i, c in enumerate(found.columns) if i in numeric}
        self._decimal = "," if self._commas == {","} else "."

    def parse(self, block: Block, before: int) -> Table:
        """The rows of one block; what does not fit is counted."""
        cut = block.rows
        counts = self._filled(block)
        keep = self._closed(block, counts)
        data = self._normal(block, keep)
        bad: list[int] = []
        table = self._read(data, bad) if len(keep) else None
        if table is not None and (bad or table.num_rows != len(keep)):
            # Arrow may join lines where quotes stand oddly; then each row is cut by itself.
            is_odd = table.num_rows + len(bad) != len(keep)
            suspects = range(len(keep)) if is_odd else sorted(bad)
            repaired = self._repair(block, keep, suspects, counts)
            data = self._join(repaired)
            keep = np.array(sorted(repaired), np.int64)
            table = self._read(data, []) if len(keep) else None
        columns: dict[int, Any] = {}
        if table is None:
            keep = keep[:0]
        else:
            for position, i in enumerate(self._needed):
                columns[i] = table.column(position).combine_chunks()
        number = before + np.cumsum(counts)
        return Table(
            columns, len(keep), int(number[-1]) if len(number) else before, number[keep],
            block.offset + cut.end[keep], block.line + cut.line[keep] + 1,
        )  # fmt: skip

    def _filled(self, block: Block) -> npt.NDArray[np.bool_]:
        """Which rows are not empty lines."""
        cut = block.rows
        length = cut.end - cut.start
        filled = np.ones(len(length), np.bool_)
        for row in np.flatnonzero(length <= (3 if not self._is_blank else 256)).tolist():
            filled[row] = bool(block.data[cut.start[row] : cut.end[row]].strip())
        return filled

    def _closed(self, block: Block, filled: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Rows that can be parsed; those with an open quote are counted and left out."""
        if not block.rows.broken:
            return np.flatnonzero(filled)
        keep = filled.copy()
        for row in sorted(block.rows.broken):
            keep[row] = False
            self._reject("a quote is never closed", block, row)
        return np.flatnonzero(keep)

    def _reject(self, what: str, block: Block, row: int) -> None:
        reason = what
        known = next((r for r in self._counters.reasons if r.startswith(f"{what} (")), None)
        if known is not None:
            reason = known
        else:
            line = block.line + int(block.rows.line[row]) + 1
            reason = f"{what} (first: {self._found.path.name} line {line})"
        self._counters.received += 1
        self._counters.reject(reason)

    def _normal(self, block: Block, keep: npt.NDArray[np.int64]) -> bytes:
        """The block with one row per line, in UTF-8, with one delimiter between cells."""
        if len(keep) < len(block.rows.start) or block.rows.joined:
            return self._join({int(i): self._row(block, int(i)) for i in keep})
        return self._clean(block.data)

    def _row(self, block: Block, row: int) -> bytes:
        raw = block.data[block.rows.start[row] : block.rows.end[row]]
        newline = self._found.text.newline
        raw = raw.removesuffix(newline).removesuffix(b"\r")
        return raw.replace(b"\r\n", _MARK).replace(newline, _MARK)

    def _join(self, rows: dict[int, bytes]) -> bytes:
        newline = self._found.text.newline
        return self._clean(newline.join(rows[i] for i in sorted(rows)) + newline)

    def _clean(self, data: bytes) -> bytes:
        text = self._found.text
        if text.newline == b"\r":
            data = data.replace(b"\r", b"\n")
        elif b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
            data = re.sub(rb"\r+\n", b"\n", data).replace(b"\r", b" ")
        if not text.encoding.startswith("utf-"):
            data = decode_text(data, text.encoding).encode()
        elif not data.isascii():
            try:
                data.decode()
            except UnicodeDecodeError:
                data = decode_text(data, "utf-8").encode()
                self._counters.note("text that is not UTF-8 was read as Windows-1252")
        if b"\0" in data:
            data = data.replace(b"\0", b"")
            self._counters.note("zero bytes were left out")
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
        if self._is_blank:
            data = _PADDED.sub(b"\n", _BLANKS.sub(b" ", data.replace(b"\r", b""))).strip(b" ")
        mark = text.delimiter.encode() + b' "'
        if text.quote and not self._is_blank and mark in data:  # a, "b, c"
            # Whole cells are looked at: within quotes, the same three characters are content.
            begin = re.escape(mark[:-2])
            quoted = rb'("[^"]*+(?:""[^"]*+)*+")'
            data = re.sub(
                b"(?:(?<=" + begin + b") +|(?<![^\n" + begin + b"]))" + quoted, rb"\1", data
            )
        return data

    def _read(self, data: bytes, bad: list[int]) -> Any:
        def skip(row: Any) -> str:
            bad.append(row.number - 1)
            return "skip"

        if not data.strip():
            return None
        found = self._found
        chosen = [self._names[i] for i in self._needed]
        while True:
            types = {
                self._names[i]: pa.float64()
                if i in self._numeric and found.columns[i].decimal == self._decimal
                else pa.string()
                for i in self._needed
            }
            try:
                return pacsv.read_csv(
                    pa.BufferReader(data),
                    pacsv.ReadOptions(
                        use_threads=False, block_size=len(data) + 1, column_names=self._names
                    ),
                    pacsv.ParseOptions(
                        delimiter=found.text.delimiter or "\x1f",
                        quote_char='"' if found.text.quote else False,
                        invalid_row_handler=skip,
                    ),
                    pacsv.ConvertOptions(
                        column_types=types, include_columns=chosen, null_values=MISSING_FAST,
                        strings_can_be_null=False, decimal_point=self._decimal, check_utf8=False,
                    ),
                )  # fmt: skip
            except pa.ArrowInvalid as error:
                match = re.search(r"CSV column #(\d+)", str(error))
                if match is None:
                    raise
                bad.clear()
                # Once odd, a column stays one of texts: to try again would cost every block twice.
                self._numeric.discard(int(match[1]))

    def _repair(
        self,
        block: Block,
        keep: npt.NDArray[np.int64],
        suspects: Iterable[int],
        counts: npt.NDArray[np.bool_],
    ) -> dict[int, bytes]:
        """The rows that fit, the suspects written anew. One with empty cells too many is made to
        fit; comments are skipped."""
        text = self._found.text
        width = len(self._found.columns)
        rows = {int(i): self._row(block, int(i)) for i in keep}
        for position in suspects:
            row = int(keep[position])
            line = decode_text(rows[row], text.encoding).replace("\0", "")
            cells = split_row(line, text.delimiter, text.quote)
            n = len(cells)
            if n == width or (n > width and not any(cells[width:])):
                rows[row] = self._written(cells[:width])
                continue
            if is_comment(line) or not any(cells):
                self._counters.note("comment lines" if any(cells) else "empty lines")
                counts[row] = False
            else:
                self._reject(f"row has {n} cell{'s' * (n != 1)}, not {width}", block, row)
            del rows[row]
        return rows

    def _written(self, cells: Sequence[str]) -> bytes:
        encoding = self._found.text.encoding
        out = io.StringIO()
        csv.writer(out, delimiter=self._found.text.delimiter or ",", lineterminator="").writerow(
            cells
        )
        return out.getvalue().encode(
            "utf-8" if encoding.startswith("utf-") else encoding, "replace"
        )
