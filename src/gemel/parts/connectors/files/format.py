"""Finding out how one file is written. What a person has set wins over what is guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.parts.connectors.files.cells import EXACT, parse_number, unit_suffix
from gemel.parts.connectors.files.dialect import (
    encoding_of,
    find_delimiter,
    find_head,
    is_comment,
    split_row,
    tallies,
)
from gemel.parts.connectors.files.naming import (
    canonical,
    is_unit,
    slug,
    split_unit,
    unique_names,
)
from gemel.parts.connectors.files.sources import (
    Text,
    blocks,
    decode_text,
    kind_of,
    open_text,
    rows_of,
)
from gemel.parts.connectors.files.timeplan import Sample, TimePlan, best_text_format, find_time
from gemel.parts.connectors.files.times import is_format

__all__ = ["Column", "Format", "Options", "examine"]

_SAMPLE: Final = 1 << 20
_ROWS: Final = 5_000
_SEARCH: Final = 64 << 20
"""How far a file is read to find a date that tells day from month."""


class Options(Protocol):
    """The settings that say how a file is written; empty means to be found out."""

    @property
    def layout(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def decimal(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def header(self) -> str: ...
    @property
    def time_column(self) -> str: ...
    @property
    def time_format(self) -> str: ...
    @property
    def name_column(self) -> str: ...
    @property
    def value_column(self) -> str: ...
    @property
    def quality_column(self) -> str: ...
    @property
    def quality_codes(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    kind: str
    """``number``, ``boolean``, ``text``, ``time``, ``missing`` (no value seen), ``other``."""
    unit: str = ""
    title: str = ""
    decimal: str = "."
    suffix: str = ""
    """A unit written behind every number."""
    cells: tuple[str, ...] = ()
    """The first cells, for people and for guesses."""


@dataclass(frozen=True, slots=True)
class Format:
    """All that must be known to read one file."""

    path: Path
    kind: Literal["text", "parquet"]
    columns: tuple[Column, ...]
    time: TimePlan
    layout: Literal["wide", "long"]
    text: Text = Text()
    offset: int = 0
    """Of the first row of data, in the decompressed file."""
    line: int = 0
    has_header: bool = True
    has_comments: bool = False
    name: int = -1
    value: int = -1
    quality: int = -1
    quality_codes: str = ""
    notes: tuple[str, ...] = ()

    @property
    def roles(self) -> frozenset[int]:
        """Columns that are no signals: time, name, value and quality."""
        return frozenset((*self.time.columns, self.name, self.value, self.quality)) - {-1}

    def find(self, name: str) -> int:
        """Position of a column. Raises `ConfigurationError` with the nearest name."""
        names = [c.name for c in self.columns]
        wanted = name.strip().casefold()
        for index, known in enumerate(names):
            if known == name:
                return index
        for index, known in enumerate(names):
            if known.casefold() == wanted or split_unit(known).title.casefold() == wanted:
                return index
        raise ConfigurationError(f"no column '{name}'; {did_you_mean(name, names)}", str(self.path))


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
    found = _with_layout(found, options)
    large = [
        f"'{c.name}' has integers beyond 2^53; it is read as text"
        for i, c in enumerate(found.columns)
        if i not in found.roles and c.kind == "text" and _has_large(c.cells)
    ]
    found = replace(found, notes=(*found.notes, *large))
    return replace(found, notes=(*found.notes, *found.time.notes))


def _examine_text(path: Path, compression: str, options: Options) -> Format:
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
    text = Text(compression, encoding, newline, False)
    lines = [decode_text(x, encoding).lstrip("\ufeff").replace("\0", "") for x in head.split(newline)[:1000]]
    if not is_whole and len(lines) < 1000:
        lines = lines[:-1]
    delimiter = options.delimiter or find_delimiter(lines, where)
    quote = _is_quoted(lines, delimiter)
    text = replace(text, delimiter=delimiter, quote=quote)
    cut = rows_of(head, text, is_last=is_whole)
    n = min(len(cut.start), _ROWS)
    texts = [
        decode_text(head[cut.start[i] : cut.end[i]], encoding).strip("\ufeff\r\n").replace("\0", "")
        for i in range(n)
    ]
    comments = [is_comment(t) or bool(re.fullmatch(r'"?sep=."?', t.strip())) for t in texts]
    if sum(comments) > 0.5 * max(n, 1):
        comments = [False] * n
    rows = [split_row(t, delimiter, quote) for t in texts]
    top = find_head(rows, comments, texts, delimiter, quote, options.header, where)
    body = [r for i, r in enumerate(rows) if i >= top.first and len(r) == top.width and not comments[i]]
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
                piece = stream.read1(_SAMPLE - size)  # type: ignore[attr-defined]
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
    except (OSError, EOFError, ValueError) as error:
        if not pieces:
            raise ConfigurationError(f"cannot be read: {error}", where) from None
    return b"".join(pieces)


def _is_quoted(lines: Sequence[str], delimiter: str) -> bool:
    mark = re.escape(delimiter) if delimiter.strip() else r"\s"
    return any(re.search(rf'(?:^|{mark})\s*"', line) for line in lines)


def _columns(
    names: Sequence[str], units: Sequence[str], body: Sequence[Sequence[str]], width: int,
    options: Options, delimiter: str,
) -> tuple[tuple[Column, ...], list[str]]:  # fmt: skip
    notes: list[str] = []
    counted = tallies(body, width)
    comma = sum(t.comma for t in counted)
    dot = sum(t.dot for t in counted)
    decimal = options.decimal or ("," if comma > dot or (comma == dot > 0 and delimiter == ";") else ".")
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
        unit = canonical(units[i]) if units and is_unit(units[i]) else split.unit or canonical(suffix)
        is_trailing = names and not names[i] and kind == "missing"
        columns.append(
            Column(name, "other" if is_trailing else kind, unit, split.title, own, suffix, cells)
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
    return any(
        len(c) >= 16 and c.lstrip("+-").isdecimal() and abs(int(c)) > EXACT for c in cells
    )


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
    if not options.time_column:
        plan = find_time(sample)
        if options.time_format and plan.columns:
            plan = replace(plan, format=options.time_format, notes=())
        if "open in every date" in " ".join(plan.notes) and found.kind == "text":
            plan = _decide_later(found, plan)
        return replace(found, time=plan)
    names = [c.name for c in columns]
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
    if len(indices) > 1 or options.time_format or not plan.columns:
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
        if len(indices) == 2 and all((parse_number(c) is not None) for c in columns[indices[1]].cells[:50]):
            clock = "elapsed_h"
        plan = TimePlan(indices, form, clock, plan.is_utc, () if options.time_format else plan.notes)
    else:
        plan = replace(plan, columns=tuple(indices[i] for i in plan.columns))
    return replace(found, time=plan)


def _decide_later(found: Format, plan: TimePlan) -> TimePlan:
    """Read on until a date tells day from month."""
    column = plan.columns[0]
    cells: dict[str, None] = {}
    for block in blocks(found.path, found.text, found.offset):
        if block.offset > _SEARCH:
            break
        for start, end in zip(block.rows.start[::50].tolist(), block.rows.end[::50].tolist(), strict=True):
            row = split_row(decode_text(block.data[start:end], found.text.encoding),
                            found.text.delimiter, found.text.quote)  # fmt: skip
            if len(row) > column and row[column]:
                cells[row[column]] = None
        form, notes = best_text_format(list(cells)) if cells else ("", ())
        if form and "open in every date" not in " ".join(notes):
            return replace(plan, format=form, notes=notes)
    return plan


_NAMES: Final = frozenset(
    "tag tagname tag_name tag_id tagid signal signal_name signalname name sensor sensor_id sensorid "
    "sensor_name sensorname point point_name pointname point_id variable variable_name varname channel "
    "channel_name item item_id itemid node node_id nodeid measurement parameter parameter_name metric "
    "metric_name attribute key series field quantity id topic data_item dataitem dataitemid data_item_id "
    "messgroesse kanal signal_id browse_name display_name property kennzeichen iot_id".split()
)  # fmt: skip
_VALUES: Final = frozenset(
    "value val values reading wert messwert valor valeur measured_value measurement_value v data "
    "result process_value pv numeric_value value_num float_value sensor_value actual_value".split()
)
_QUALITIES: Final = frozenset(
    "quality qual q status state_code statuscode status_code opc_quality good is_good valid is_valid "
    "quality_code validity qualitaet data_quality quality_flag flag value_quality".split()
)


def _with_layout(found: Format, options: Options) -> Format:
    if options.layout == "wide":
        return found
    name = found.find(options.name_column) if options.name_column else -1
    value = found.find(options.value_column) if options.value_column else -1
    quality = found.find(options.quality_column) if options.quality_column else -1
    keys = [slug(c.name) for c in found.columns]
    free = [i for i in range(len(keys)) if i not in found.time.columns]
    if name < 0:
        named = [i for i in free if keys[i] in _NAMES and i != value and _repeats(found.columns[i])]
        texts = [i for i in named if found.columns[i].kind in ("text", "time")]
        name = (texts or named or [-1])[0]
    if value < 0:
        value = next((i for i in free if keys[i] in _VALUES and i != name), -1)
    if not found.has_header and min(name, value) < 0 and len(found.columns) in (3, 4):
        name, value = _nameless(found, free)
    if quality < 0 and min(name, value) >= 0:
        quality = next((i for i in free if keys[i] in _QUALITIES and i not in (name, value)), -1)
        if quality < 0 and not found.has_header and len(free) == 3:
            quality = next(i for i in free if i not in (name, value))
    is_long = min(name, value) >= 0
    if options.layout == "auto" and is_long and not (options.name_column or options.value_column):
        others = [i for i in free if i not in (name, value, quality) and found.columns[i].kind == "number"
                  and not re.search(r"id$|^index$|^row$|^no$|^nr$", keys[i])]  # fmt: skip
        is_long = len(others) <= 2 and (bool(found.time.columns) or found.columns[name].kind == "text")
    if options.layout == "long" and not is_long:
        what = "name" if name < 0 else "value"
        raise ConfigurationError(
            f"layout is long, and no column is called like a {what}; write `{what}_column`; "
            f"columns: {', '.join(c.name for c in found.columns[:12])}",
            str(found.path),
        )
    if not is_long:
        return found
    codes = options.quality_codes
    if quality >= 0 and not codes:
        codes, note = _quality_codes(found.columns[quality])
        if note:
            found = replace(found, notes=(*found.notes, note))
        if not codes:
            quality = -1
    return replace(found, layout="long", name=name, value=value, quality=quality, quality_codes=codes)


def _repeats(column: Column) -> bool:
    filled = [c for c in column.cells if c]
    return bool(filled) and (len(set(filled)) <= 0.8 * len(filled) or len(filled) < 10)


def _nameless(found: Format, free: Sequence[int]) -> tuple[int, int]:
    """Name and value of a table without header that has time, name, value and perhaps quality."""
    texts = [i for i in free if found.columns[i].kind == "text" and _repeats(found.columns[i])]
    values = [i for i in free if found.columns[i].kind == "number"]
    if len(found.time.columns) != 1 or not texts or not values or len(found.columns[0].cells) < 4:
        return -1, -1
    return texts[0], values[0]


def _quality_codes(column: Column) -> tuple[str, str]:
    """How qualities are written, and a note if that had to be assumed."""
    filled = {c.strip() for c in column.cells if c.strip()}
    values = [parse_number(c) if not c.lower().startswith("0x") else int(c, 16) for c in filled]
    numbers = [int(v) for v in values if v is not None]
    if len(numbers) < len(values):
        words = any(re.match(r"(?i)good|bad|uncertain|ok|valid|invalid|true|false", c) for c in filled)
        return ("words", "") if words else ("", f"'{column.name}' holds no known qualities; it is ignored")
    if not numbers:
        return "", ""
    if any(64 <= n <= 255 for n in numbers):
        return "opc_da", ""
    if any(n > 255 or n < 0 for n in numbers):
        return "opc_ua", ""
    key = slug(column.name)
    if set(numbers) <= {0, 1} and (1 in numbers) and "status" not in key and "flag" not in key:
        return "one_good", f"'{column.name}': 1 is read as good and 0 as bad"
    return "zero_good", f"'{column.name}': 0 is read as good and everything else as bad"
