"""Bytes → rows: line ends, quotes that hold line ends, quotes that are never closed, encodings."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["NEWLINE_IN_CELL", "Rows", "Text", "decode_text", "rows_of"]

NEWLINE_IN_CELL: Final = "\x1e"
"""Stands for a line break within a quoted cell, so that a row is always one line further on."""
_LINES_PER_ROW: Final = 50
_BYTES_PER_ROW: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Text:
    """How the bytes of a text file become lines."""

    compression: str = ""
    encoding: str = "utf-8"
    newline: bytes = b"\n"
    quote: bool = True
    delimiter: str = ","
    width: int | None = None
    """Cells per row, which tells a cell with a line break from a quote that is never closed."""


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """A byte that is not UTF-8 in a UTF-8 file: somebody pasted a line of Windows text."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("gemel-cp1252", _as_cp1252)


def decode_text(data: bytes, encoding: str) -> str:
    """The text of bytes from `open_text`; never fails."""
    if encoding.startswith(("utf-16", "utf-32")):
        encoding = "utf-8"
    errors = "gemel-cp1252" if encoding.startswith("utf-8") else "replace"
    return data.decode(encoding, errors)


@dataclass(slots=True)
class Rows:
    """Where the rows of a block begin and end (after the line break), and which are broken."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]
    """Line breaks of the block before the row."""
    broken: set[int] = field(default_factory=set)
    """Rows with a quote that is never closed."""
    joined: bool = False
    """Some row spans several lines."""
    used: int = 0
    """Bytes of the block that belong to these rows; the rest needs more bytes to be understood."""


def rows_of(data: bytes, text: Text, is_last: bool) -> Rows:
    """Cut bytes into rows. The result for a row never depends on where the block ends."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw == text.newline[0]).astype(np.int64) + 1
    if is_last and len(data) and (len(ends) == 0 or ends[-1] < len(data)):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    lines = np.arange(len(ends), dtype=np.int64)
    used = int(ends[-1]) if len(ends) else 0
    if not text.quote or b'"' not in data:
        return Rows(starts, ends, lines, used=used)
    quotes = np.flatnonzero(raw == ord('"'))
    until = np.searchsorted(quotes, ends)
    per_line = np.diff(until, prepend=0)
    if not (per_line & 1).any():
        return Rows(starts, ends, lines, used=used)
    return _join_lines(data, text, is_last, starts, ends, per_line)


def _join_lines(
    data: bytes, text: Text, is_last: bool, starts: Any, ends: Any, quotes: Any
) -> Rows:
    """Rows where a quoted cell may hold line breaks, or a quote is stray."""
    kept_start: list[int] = []
    kept_end: list[int] = []
    kept_line: list[int] = []
    broken: set[int] = set()
    joined = False
    line, n = 0, len(ends)
    odd = np.flatnonzero(quotes & 1).tolist()
    odd_set = set(odd)
    used = int(ends[-1]) if n else 0
    while line < n:
        last = line
        if line in odd_set and _quoting(data[starts[line] : ends[line]], text) == "open":
            last = _closing_line(data, text, starts, ends, line, odd_set)
            if last < 0:  # more bytes are needed to know
                if not is_last:
                    used = int(starts[line])
                    break
                last = line
            if last == line:
                broken.add(len(kept_end))
            joined = joined or last > line
        kept_start.append(int(starts[line]))
        kept_end.append(int(ends[last]))
        kept_line.append(line)
        line = last + 1
    return Rows(
        np.array(kept_start, np.int64),
        np.array(kept_end, np.int64),
        np.array(kept_line, np.int64),
        broken,
        joined,
        used,
    )


def _closing_line(data: bytes, text: Text, starts: Any, ends: Any, line: int, odd: set[int]) -> int:
    """The line on which the quote opened on `line` closes; `line` itself if it never does, -1 if
    that cannot be known yet."""
    for last in range(line + 1, min(line + _LINES_PER_ROW, len(ends))):
        if ends[last] - starts[line] > _BYTES_PER_ROW:
            return line
        if last not in odd:
            continue
        whole = data[starts[line] : ends[last]]
        state = _quoting(whole, text)
        if state != "open":
            fits = text.width is None or len(_cells(whole, text)) == text.width
            return last if state == "closed" and fits else line
    if line + _LINES_PER_ROW <= len(ends) or len(data) - starts[line] > _BYTES_PER_ROW:
        return line
    return -1


def _cells(row: bytes, text: Text) -> list[str]:
    source = io.StringIO(row.decode("latin-1"), newline="")
    return next(csv.reader(source, delimiter=text.delimiter or ","), [])


def _quoting(row: bytes, text: Text) -> str:
    """Whether a quote is ``open`` at the end of a row, all are ``closed``, or they are ``odd``."""
    try:
        source = io.StringIO(row.decode("latin-1").rstrip("\r\n"), newline="")
        for _ in csv.reader(source, delimiter=text.delimiter or ",", strict=True):
            pass
    except csv.Error as error:
        return "open" if "end of data" in str(error) else "odd"
    return "closed"
