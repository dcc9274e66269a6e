"""The grammar of a text table, found out from its beginning: encoding, delimiter, decimal mark, and
which lines are preamble, header, units and data."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gemel.core.errors import ConfigurationError
from gemel.parts.connectors.files.cells import cell_kind, parse_number
from gemel.parts.connectors.files.naming import is_unit
from gemel.parts.connectors.files.timeplan import is_time_name
from gemel.parts.connectors.files.timetext import looks_like_time

__all__ = ["Head", "Tally", "encoding_of", "find_delimiter", "find_head", "split_row", "tallies"]

DELIMITERS: Final = ("\t", ";", "|", ",", " ")
_COMMENT: Final = re.compile(r"\s*(#(?!N/A|NA\b|VALUE!|REF!|DIV/0!|NUM!|NAME\?|NULL!|#)|%|//|!)")
_CONTROL: Final = frozenset(range(1, 32)) - {9, 10, 12, 13, 27, 30}


def encoding_of(head: bytes, where: str) -> str:
    """The encoding of a text file's first bytes.

    Raises `ConfigurationError` if they are no text. A file that is not UTF-8 is read as
    Windows-1252, which holds all of Latin-1 that people type.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):  # fmt: skip
        if head.startswith(mark):
            return name
    if len(head) >= 4:
        even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
        if odd > 0.4 and even < 0.1:
            return "utf-16-le"
        if even > 0.4 and odd < 0.1:
            return "utf-16-be"
    start = head[:65_536]
    strange = sum(1 for byte in start if byte in _CONTROL)
    if strange > 0.02 * len(start) or start[:100].count(0) > 0.1 * len(start[:100]):
        raise ConfigurationError("is a binary file; a CSV or Parquet file is expected", where)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def split_row(text: str, delimiter: str, quote: bool) -> list[str]:
    """The cells of one row, blanks around them cut off."""
    if delimiter == " ":
        if not quote or '"' not in text:
            return text.split()
        return next(csv.reader([" ".join(text.split())], delimiter=" "), [])
    if not delimiter:
        return [text.strip().strip('"')]
    if quote and '"' in text:
        lines = text.splitlines(keepends=True)
        cells = next(csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t"), [])
    else:
        cells = text.split(delimiter)
    return [c.strip() for c in cells]


def is_comment(text: str) -> bool:
    """Whether a line starts as comments do."""
    return _COMMENT.match(text) is not None


def _kind(cell: str) -> str:
    kind = cell_kind(cell)
    if kind == "text" and parse_number(cell, ",") is not None:
        return "number"
    return "time" if kind == "text" and looks_like_time(cell) else kind


def find_delimiter(
    lines: Sequence[str], where: str, rows_for: Callable[[str], Sequence[str]] | None = None
) -> str:
    """The delimiter that cuts most lines into equally many cells that mean something; empty for a
    table of one column. `rows_for` gives the rows that lines make up if a delimiter is the right
    one, where quoted cells hold line breaks. Raises `ConfigurationError` if there is no table."""
    hint = (
        re.fullmatch(r'"?sep=([!-/:-@|\t])"?', lines[0].strip(), re.IGNORECASE) if lines else None
    )
    if hint:
        return hint[1]
    useful = [line for line in lines if line.strip()]
    spoken = [line for line in useful if not is_comment(line)]
    has_values = any(_kind(c) in ("number", "time") for line in useful for c in line.split())
    if not useful or not (spoken or has_values):
        raise ConfigurationError("has no rows; only comments or empty lines were found", where)
    useful = spoken if len(spoken) >= 0.5 * len(useful) else useful
    start = lines[0].strip()[:40]
    if all(line.lstrip().startswith(("{", "}", "[", "]", '"')) for line in useful[:5]) and re.match(
        r"[\[{]", useful[0].lstrip()
    ):
        raise ConfigurationError("is JSON; a CSV or Parquet file is expected", where)
    best, best_score = "", 0.0
    for delimiter in DELIMITERS:
        rows = useful if rows_for is None else rows_for(delimiter)
        score = _score([r for r in rows if r.strip()], delimiter)
        if score > best_score + 1e-9:
            best, best_score = delimiter, score
    if best_score >= 0.3:
        return best
    body = useful[len(useful) // 4 :] if len(useful) > 4 else useful[1:] or useful
    plain = sum(
        _kind(line.strip().strip('"')) in ("number", "missing", "boolean", "time") for line in body
    )
    if body and plain >= 0.8 * len(body) and all(len(line) < 80 for line in useful[:20]):
        return ""
    raise ConfigurationError(
        f"is not a table: its lines have no columns in common; it begins with '{start}'; a file "
        "with one row per line and cells between ',', ';', tab, '|' or blanks is expected; if it "
        "is one, write `delimiter`",
        where,
    )


def _score(lines: Sequence[str], delimiter: str) -> float:
    rows = [split_row(line, delimiter, quote=True) for line in lines[:400]]
    tail = rows[len(rows) // 4 :] if len(rows) >= 8 else rows
    counts = Counter(map(len, tail))
    width, _ = max(counts.items(), key=lambda item: (item[1], item[0]))
    if width < 2:
        return 0.0
    first = next(i for i, row in enumerate(rows) if len(row) == width)
    after = rows[first:]
    even = sum(len(row) == width for row in after) / len(after)
    even *= 0.7 + 0.3 * len(after) / len(rows)  # a header has as many cells as the data
    after = after[1:] or after  # without the header, if there is one
    cells = [cell for row in after[-100:] if len(row) == width for cell in row]
    if not cells:
        return 0.0
    known = sum(_kind(cell) != "text" for cell in cells) / len(cells)
    if delimiter == " ":  # prose is cut into words as well
        return 0.0 if known < 0.4 or even < 0.5 else 0.95 * even * (0.3 + 0.7 * known)
    return even * (0.5 + 0.5 * known) if even >= 0.5 else 0.0


@dataclass(slots=True)
class Tally:
    """What the cells of one column are."""

    missing: int = 0
    number: int = 0
    comma: int = 0
    dot: int = 0
    boolean: int = 0
    time: int = 0
    text: int = 0
    large: int = 0

    @property
    def filled(self) -> int:
        """Cells with something in them."""
        return self.number + self.boolean + self.time + self.text

    @property
    def kind(self) -> str:
        """``number``, ``boolean``, ``time``, ``text``, or ``missing`` if there is nothing."""
        if not self.filled:
            return "missing"
        for kind in ("number", "boolean", "time"):
            if getattr(self, kind) >= 0.7 * self.filled:
                return kind
        return "text"


_COMMA_ONLY = re.compile(r"[+-]?\d*,\d*(?:[eE][+-]?\d+)?")
_DOT_ONLY = re.compile(r"[+-]?\d*\.\d*(?:[eE][+-]?\d+)?")
_GROUP = re.compile(r"[+-]?[1-9]\d{0,2}(?:([.,])\d{3})+")


def tallies(rows: Sequence[Sequence[str]], width: int) -> list[Tally]:
    """Count what the cells of every column are."""
    found = [Tally() for _ in range(width)]
    for row in rows:
        for tally, cell in zip(found, row, strict=False):
            kind = _kind(cell)
            setattr(tally, kind, getattr(tally, kind) + 1)
            if kind != "number":
                continue
            if _COMMA_ONLY.fullmatch(cell):
                # 1,234 may be a thousand; 0,234 and 1,2345 may not
                tally.comma += 1 if _GROUP.fullmatch(cell) else 1000
            elif _DOT_ONLY.fullmatch(cell):
                tally.dot += 1 if _GROUP.fullmatch(cell) else 1000
            elif "," in cell and "." in cell:
                if cell.rfind(",") > cell.rfind("."):
                    tally.comma += 1000
                else:
                    tally.dot += 1000
    return found


@dataclass(slots=True)
class Head:
    """What stands above the data."""

    first: int
    """Number of the first row of data."""
    width: int
    names: list[str] = field(default_factory=list)
    """Empty if there is no header."""
    units: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_head(
    rows: Sequence[Sequence[str]], comments: Sequence[bool], texts: Sequence[str], delimiter: str,
    quote: bool, header: str, where: str,
) -> Head:  # fmt: skip
    """Where the data begin and what the columns are called.

    `header` is ``auto``, ``yes`` or ``no``. Raises `ConfigurationError` if there are no data.
    """
    usable = [i for i, row in enumerate(rows) if not comments[i] and any(row)]
    if not usable:
        raise ConfigurationError("has no rows; only comments or empty lines were found", where)
    tail = usable[len(usable) // 4 :] if len(usable) >= 8 else usable
    counts = Counter(len(rows[i]) for i in tail)
    width = max(counts.items(), key=lambda item: (item[1], item[0]))[0]
    full = [i for i in usable if len(rows[i]) == width]
    top = rows[full[0]]
    late = full[len(full) // 4 :] if len(full) >= 8 else full[-max(len(full) // 2, 1) :]
    body = [i for i in late if rows[i] != top] or late
    kinds = [t.kind for t in tallies([rows[i] for i in body[:1000]], width)]
    first = _first_data(rows, full, kinds, header)
    head = Head(first if first is not None else len(rows), width)
    above = [
        i for i in usable
        if i < head.first
        and (0 <= len(rows[i]) - width <= 1 or (len(rows[i]) == width - 1 and i == head.first - 1))
    ]  # fmt: skip
    if header != "no" and above:
        _read_names(head, rows, above, kinds)
    if not head.names and header != "no":
        _names_in_comment(head, texts, comments, delimiter, quote)
    if first is None or first >= len(rows):
        names = ", ".join(c for c in rows[usable[-1]][:5] if c)
        raise ConfigurationError(
            f"has a header ({names}) but no data; at least one row below it is expected", where
        )
    return head


def _first_data(
    rows: Sequence[Sequence[str]], full: Sequence[int], kinds: Sequence[str], header: str
) -> int | None:
    """The first row that looks like those further down."""
    if header == "no":
        return full[0] if full else None
    typed = [c for c, kind in enumerate(kinds) if kind in ("number", "time", "boolean")]
    if not typed or (len(full) == 1 and not _fits(rows[full[0]], typed, kinds)):
        is_header = header == "yes" or _could_be_names(rows[full[0]], rows, full)
        return (full[1] if len(full) > 1 else None) if is_header else full[0]
    for position, i in enumerate(full):
        if position == 0 and (header == "yes" or _counts_columns(rows, full)):
            continue
        if _fits(rows[i], typed, kinds):
            return i
    return None


def _fits(row: Sequence[str], typed: Sequence[int], kinds: Sequence[str]) -> bool:
    fit = miss = 0
    for column in typed:
        kind = _kind(row[column])
        is_only_unit = kind == "text" and kinds[column] != "time" and is_unit(row[column])
        if kind == "missing" or is_only_unit:
            continue
        if kind == kinds[column] or {kind, kinds[column]} <= {"number", "boolean"}:
            fit += 1
        elif kinds[column] == "time" or kinds[column] == "boolean":
            return False
        else:
            miss += 1
    if fit == 0:
        return False
    return miss <= 0.3 * (fit + miss)


def _could_be_names(row: Sequence[str], rows: Sequence[Sequence[str]], full: Sequence[int]) -> bool:
    filled = [c for c in row if c]
    if len(set(filled)) < len(filled) or len(filled) < 0.5 * len(row):
        return False
    below = {c for i in full[1:200] for c in rows[i]}
    return not below & set(filled)


def _counts_columns(rows: Sequence[Sequence[str]], full: Sequence[int]) -> bool:
    """A header of 0, 1, 2, … as programs write it for nameless columns: all whole numbers in a row
    over columns that are not all whole."""
    cells = [c for c in rows[full[0]] if c]
    if (
        len(cells) < 3
        or len(cells) < len(rows[full[0]]) - 1
        or not all(c.isdecimal() for c in cells)
    ):
        return False
    start = int(cells[0])
    if start > 1 or [int(c) for c in cells] != list(range(start, start + len(cells))):
        return False
    return any("." in c or "," in c for i in full[1:50] for c in rows[i])


def _read_names(
    head: Head, rows: Sequence[Sequence[str]], above: Sequence[int], kinds: Sequence[str]
) -> None:
    """Pick the row of names among those above the data, and one of units."""

    def worth(i: int) -> float:
        row = rows[i]
        filled = [c for c in row if c]
        if not filled:
            return -1.0
        named = max((is_time_name(c) for c in filled), default=0)
        units = sum(is_unit(c) for c in filled) / len(filled)
        units += sum(_kind(c) in ("time", "number") for c in filled) / len(filled)
        return (
            len(filled) / head.width + len(set(filled)) / len(filled) + named
            - (1.5 * units if len(filled) > 1 or (is_time_name(filled[0]) == 0 and units) else 0.0)
            - 0.5 * abs(len(row) - head.width)
        )  # fmt: skip

    best = max(above, key=lambda i: (worth(i), i))
    if all(is_unit(c) for c in rows[best] if c) and len(above) == 1 and head.width > 1:
        filled = [c for c in rows[best] if c]
        if len(filled) < head.width / 2:
            return
    names = list(rows[best])
    if len(names) == head.width - 1:  # R leaves out the name of the first column, which has no name
        names = ["", *names] if kinds[-1] != "missing" else [*names, ""]
    head.names = [" ".join(n.split()).lstrip("\ufeff") for n in names[: head.width]]
    if head.names and head.names[0].startswith("# "):
        head.names[0] = head.names[0][2:]
    for i in (i for i in above if i > best and len(rows[i]) == head.width):
        filled = [c for c in rows[i] if c]
        if filled and sum(is_unit(c) for c in filled) >= 0.5 * len(filled) and not head.units:
            head.units = list(rows[i])
            head.notes.append("the row below the header holds units")
        elif filled:
            head.notes.append(
                f"a row between header and data was left out: {', '.join(filled[:4])}"
            )


def _names_in_comment(
    head: Head, texts: Sequence[str], comments: Sequence[bool], delimiter: str, quote: bool
) -> None:
    """A header written as a comment, as numerical programs do."""
    for i in range(min(head.first, len(texts)) - 1, -1, -1):
        if not comments[i]:
            continue
        bare = _COMMENT.sub("", texts[i], count=1).strip()
        cells = split_row(bare, delimiter, quote)
        if len(cells) == head.width and not all(_kind(c) == "number" for c in cells):
            head.names = cells
            return
