"""Finding out how one file is written. What a person has set wins over what is guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gemel.core.errors import ConfigurationError
from gemel.parts.connectors.files.cells import EXACT, parse_number, unit_suffix
from gemel.parts.connectors.files.dialect import (
    encoding_of,
    find_delimiter,
    find_head,
    is_comment,
    split_row,
    tallies,
)
from gemel.parts.connectors.files.format import Column, Format, Options
from gemel.parts.connectors.files.layout import with_layout
from gemel.parts.connectors.files.naming import canonical, is_unit, split_unit, unique_names
from gemel.parts.connectors.files.rows import Text, decode_text, rows_of
from gemel.parts.connectors.files.sources import blocks, kind_of, open_text
from gemel.parts.connectors.files.timeplan import (
    Sample,
    TimePlan,
    find_format,
    find_time,
)
from gemel.parts.connectors.files.times import is_format
from gemel.parts.connectors.files.timetext import best_text_format

__all__ = ["examine"]

_SAMPLE: Final = 1 << 20
_ROWS: Final = 5_000
_CELLS: Final = 60_000
_LINES: Final = 64 << 10
_SEARCH: Final = 64 << 20
"""How far a file is read to find a date that tells day from month."""


def examine(path: Path, options: Options) -> Format:
    """How a file is written. Raises `ConfigurationError` if it is no table, or a setting does not
    fit it; the message names the file, what was found and what would work."""
    kind, compression = kind_of(path)
    if kind == "parquet":
        from gemel.parts.connectors.files.parquet import examine_parquet

        columns, notes = examine_parquet(path)
        found = Format(path, "parquet", columns, TimePlan(), "wide", notes=notes)
    else:
        found = _examine_text(path, compression, options)
    found = _with_time(found, options)
    found = with_layout(found, options)
    large = [
        f"'{c.name}' has integers beyond 2^53; it is read as text"
        for i, c in enumerate(found.columns)
        if i not in found.roles and c.kind == "text" and _has_large(c.cells)
    ]
    found = replace(found, notes=(*found.notes, *large))
    return replace(found, notes=(*found.notes, *found.time.notes))


@dataclass(frozen=True, slots=True)
class _Opening:
    """The beginning of a text file; `is_whole` if it ends there."""

    head: bytes
    is_whole: bool
    text: Text
    lines: Sequence[str]


def _opening(path: Path, compression: str, options: Options) -> _Opening:
    """Read the beginning, and find out its encoding and how its lines end."""
    where = str(path)
    head = _beginning(path, compression, "utf-8", where)
    if not head:
        raise ConfigurationError("is empty; a table with a line per row is expected", where)
    encoding = options.encoding.lower() or encoding_of(head, where)
    if encoding in ("utf-16", "utf-32"):
        encoding = encoding_of(head, where)
    if encoding.startswith(("utf-16", "utf-32")):
        head = _beginning(path, compression, encoding, where)
    try:
        decode_text(b"", encoding)
    except LookupError:
        raise ConfigurationError(
            f"encoding '{options.encoding}' is not known; write e.g. 'utf-8' or 'latin-1'", where
        ) from None
    is_whole = len(head) < _SAMPLE
    newline = b"\n" if b"\n" in head or b"\r" not in head else b"\r"
    lines = [
        decode_text(x, encoding).lstrip("\ufeff").replace("\0", "")
        for x in head.split(newline)[:1000]
    ]
    if not is_whole and len(lines) < 1000:
        lines = lines[:-1]
    return _Opening(head, is_whole, Text(compression, encoding, newline), lines)


def _delimiter(opening: _Opening, where: str) -> str:
    text = opening.text

    def rows_for(delimiter: str) -> list[str]:
        part = opening.head[:_LINES]
        is_last = len(part) < _LINES and opening.is_whole
        cut = rows_of(part, replace(text, delimiter=delimiter), is_last)
        spans = zip(cut.start[:400].tolist(), cut.end[:400].tolist(), strict=True)
        rows = [decode_text(part[a:b], text.encoding).strip("\ufeff\r\n") for a, b in spans]
        return [r for r in rows if not is_comment(r)] or rows

    has_breaks = any(line.count('"') & 1 for line in opening.lines)
    return find_delimiter(opening.lines, where, rows_for if has_breaks else None)


def _examine_text(path: Path, compression: str, options: Options) -> Format:
    where = str(path)
    opening = _opening(path, compression, options)
    head, lines = opening.head, opening.lines
    delimiter = options.delimiter or _delimiter(opening, where)
    text = replace(opening.text, delimiter=delimiter)
    cut = rows_of(head, text, is_last=opening.is_whole)
    cells_per_row = max((line.count(delimiter or ",") for line in lines[-20:]), default=0) + 1
    n = min(len(cut.start), _ROWS, max(500, _CELLS // cells_per_row))
    spans = zip(cut.start[:n].tolist(), cut.end[:n].tolist(), strict=True)
    texts = [
        decode_text(head[a:b], text.encoding).strip("\ufeff\r\n").replace("\0", "")
        for a, b in spans
    ]
    comments = [is_comment(t) or bool(re.fullmatch(r'"?sep=."?', t.strip())) for t in texts]
    if sum(comments) > 0.5 * max(n, 1):
        comments = [False] * n
    rows = [split_row(t, delimiter, text.quote) for t in texts]
    top = find_head(rows, comments, texts, delimiter, text.quote, options.header, where)
    body = [
        r for i, r in enumerate(rows) if i >= top.first and len(r) == top.width and not comments[i]
    ]
    body = [r for r in body if r[:3] != top.names[:3]] or body  # a header may come again
    notes = list(top.notes)
    columns, drop_notes = _columns(top.names, top.units, body, top.width, options, delimiter)
    notes += drop_notes
    odd = sum(1 for i, r in enumerate(rows) if i >= top.first and any(r) and len(r) != top.width
              and not comments[i])  # fmt: skip
    if odd:
        notes.append(f"{odd} of the first {n} rows have not {top.width} cells; they are left out")
    if cut.joined:
        notes.append("some cells hold line breaks")
    return Format(
        path, "text", columns, TimePlan(), "wide",
        text=replace(text, width=top.width),
        offset=int(cut.start[top.first]), line=int(cut.line[top.first]),
        has_header=bool(top.names), has_comments=any(comments), notes=tuple(notes),
    )  # fmt: skip


def _beginning(path: Path, compression: str, encoding: str, where: str) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        with open_text(path, compression, encoding) as stream:
            while size < _SAMPLE:
                piece = stream.read1(_SAMPLE - size)  # type: ignore[attr-defined]  # BinaryIO lacks it, all readers have it
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
    except (OSError, EOFError, ValueError) as error:
        if not pieces:
            raise ConfigurationError(f"cannot be read: {error}", where) from None
    return b"".join(pieces)


def _columns(
    names: Sequence[str], units: Sequence[str], body: Sequence[Sequence[str]], width: int,
    options: Options, delimiter: str,
) -> tuple[tuple[Column, ...], list[str]]:  # fmt: skip
    notes: list[str] = []
    counted = tallies(body, width)
    comma = sum(t.comma for t in counted)
    dot = sum(t.dot for t in counted)
    decimal = options.decimal or (
        "," if comma > dot or (comma == dot > 0 and delimiter == ";") else "."
    )
    if not names:
        notes.append("there is no header; the columns are called c1, c2, …")
        chosen = [f"c{i + 1}" for i in range(width)]
    else:
        blank = "index" if not names[0] and counted[0].kind == "number" else ""
        chosen = [n or (blank if i == 0 and blank else f"c{i + 1}") for i, n in enumerate(names)]
    chosen, doubled = unique_names(chosen)
    if doubled:
        shown = ", ".join(dict.fromkeys(doubled))
        notes.append(f"columns with the same name were numbered: {shown}")
    columns = []
    for i, (name, tally) in enumerate(zip(chosen, counted, strict=True)):
        cells = tuple(row[i] for row in body)
        own = decimal
        if not options.decimal and tally.comma != tally.dot:
            own = "," if tally.comma > tally.dot else "."
        kind, suffix = tally.kind, ""
        if kind == "text":
            suffix = _common_suffix(cells, own)
            kind = "number" if suffix else kind
        if kind == "number" and _has_large(cells):
            kind = "text"
        split = split_unit(name)
        unit = (
            canonical(units[i]) if units and is_unit(units[i]) else split.unit or canonical(suffix)
        )
        is_trailing = names and not names[i] and kind == "missing"
        columns.append(
            Column(
                name, "other" if is_trailing else kind, unit, split.title, own, suffix, cells=cells
            )
        )
    return tuple(columns), notes


def _common_suffix(cells: Sequence[str], decimal: str) -> str:
    filled = [c for c in cells if c.strip()]
    suffixes = Counter(unit_suffix(c) for c in filled[:200])
    if not suffixes:
        return ""
    suffix, count = suffixes.most_common(1)[0]
    if not suffix or not is_unit(suffix) or count < 0.9 * min(len(filled), 200):
        return ""
    fits = sum(parse_number(c, decimal, suffix) is not None for c in filled[:200])
    return suffix if fits >= 0.9 * min(len(filled), 200) else ""


def _has_large(cells: Sequence[str]) -> bool:
    return any(len(c) >= 16 and c.lstrip("+-").isdecimal() and abs(int(c)) > EXACT for c in cells)


def _is_whole(cells: Sequence[str]) -> bool:
    return all(c.lstrip("+-").isdecimal() for c in cells if c)


def _with_time(found: Format, options: Options) -> Format:
    if options.time_format and not is_format(options.time_format) and options.time_format != "row":
        raise ConfigurationError(
            f"time_format '{options.time_format}' is not known; write 'iso', 'epoch_ms', "
            "'elapsed_s', 'excel', 'row' or a pattern such as '%d.%m.%Y %H:%M:%S'"
        )
    if options.time_format == "row":
        return replace(found, time=TimePlan())
    columns = found.columns
    sample = Sample(
        [c.name for c in columns],
        [c.cells for c in columns],
        [c.kind in ("text", "time") and not _is_whole(c.cells) for c in columns],
    )
    plan = _named_time if options.time_column else _found_time
    return replace(found, time=plan(found, sample, options))


def _found_time(found: Format, sample: Sample, options: Options) -> TimePlan:
    """The times of a file, whichever column they are in."""
    if options.time_format:
        plan = find_format(sample, options.time_format)
        if not plan.columns:
            raise ConfigurationError(
                f"no column holds times written as '{options.time_format}'; write "
                f"`time_column`, one of: {', '.join(sample.names[:12])}",
                str(found.path),
            )
        return plan
    plan = find_time(sample)
    if "open in every date" in " ".join(plan.notes) and found.kind == "text":
        plan = _decide_later(found, plan)
    return plan


def _named_time(found: Format, sample: Sample, options: Options) -> TimePlan:
    """The times of the column that a person has named, or of two: 'Date + Time'."""
    columns, names = found.columns, sample.names
    chosen = [options.time_column]
    if options.time_column not in names and " + " in options.time_column:
        chosen = options.time_column.split(" + ")
    indices = tuple(found.find(name) for name in chosen)
    alone = Sample(
        [f"time {names[i]}" if len(chosen) == 1 else names[i] for i in indices],
        [columns[i].cells for i in indices],
        [sample.is_text[i] for i in indices],
    )
    plan = find_time(alone)
    if len(indices) == 1 and not options.time_format and plan.columns:
        return replace(plan, columns=tuple(indices[i] for i in plan.columns))
    form = options.time_format or plan.format
    if form == "row":
        form = best_text_format([c for c in columns[indices[0]].cells if c])[0]
    if not form:
        shown = ", ".join(f"'{c}'" for c in columns[indices[0]].cells[:3])
        raise ConfigurationError(
            f"column '{options.time_column}' holds no times that are understood, e.g. {shown}; "
            "write `time_format`",
            str(found.path),
        )
    clock = plan.clock if len(plan.columns) == 2 else "clock"
    if len(indices) == 2 and all(
        (parse_number(c) is not None) for c in columns[indices[1]].cells[:50]
    ):
        clock = "elapsed_h"
    return TimePlan(indices, form, clock, plan.is_utc, () if options.time_format else plan.notes)


def _decide_later(found: Format, plan: TimePlan) -> TimePlan:
    """Read on until a date tells day from month."""
    column = plan.columns[0]
    cells: dict[str, None] = {}
    for block in blocks(found.path, found.text, found.offset):
        if block.offset > _SEARCH:
            break
        for start, end in zip(
            block.rows.start[::50].tolist(), block.rows.end[::50].tolist(), strict=True
        ):
            row = split_row(decode_text(block.data[start:end], found.text.encoding),
                            found.text.delimiter, found.text.quote)  # fmt: skip
            if len(row) > column and row[column]:
                cells[row[column]] = None
        form, notes = best_text_format(list(cells)) if cells else ("", ())
        if form and "open in every date" not in " ".join(notes):
            return replace(plan, format=form, notes=notes)
    return plan
