"""Wide or long: a column per signal, or a row per value with the signal's name beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gemel.core.errors import ConfigurationError
from gemel.parts.connectors.files.cells import parse_code
from gemel.parts.connectors.files.format import Column, Format, Options
from gemel.parts.connectors.files.naming import slug

__all__ = ["with_layout"]

_NAMES: Final = frozenset(
    (
        "tag", "tagname", "tag_name", "tag_id", "tagid", "signal", "signal_name", "signalname",
        "name", "sensor", "sensor_id", "sensorid", "sensor_name", "sensorname", "point",
        "point_name", "pointname", "point_id", "variable", "variable_name", "varname", "var_name",
        "channel", "channel_name", "item", "item_id", "itemid", "node", "node_id", "nodeid",
        "measurement", "parameter", "parameter_name", "metric", "metric_name", "attribute",
        "key", "series", "field", "quantity", "id", "topic", "data_item", "dataitem",
        "dataitemid", "data_item_id", "messgroesse", "kanal", "signal_id", "browse_name",
        "display_name", "property", "kennzeichen", "iot_id",
    )
)  # fmt: skip
_VALUES: Final = (  # the best words first
    "value", "val", "values", "varvalue", "var_value", "reading", "wert", "messwert", "valor",
    "valeur", "measured_value", "measurement_value", "process_value", "numeric_value", "value_num",
    "float_value", "sensor_value", "actual_value", "pv", "v", "data", "result",
)  # fmt: skip
_QUALITIES: Final = frozenset(
    (
        "quality", "qual", "q", "status", "state_code", "statuscode", "status_code",
        "opc_quality", "good", "is_good", "valid", "is_valid", "quality_code", "validity",
        "qualitaet", "data_quality", "quality_flag", "flag", "value_quality",
    )
)  # fmt: skip


def with_layout(found: Format, options: Options) -> Format:
    """The format with its layout, and with the columns of name, value and quality if it is long.

    Raises `ConfigurationError` if it is to be long and cannot be.
    """
    if options.layout == "wide":
        return _with_pairs(found)
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
        named = [i for i in free if keys[i] in _VALUES and i != name]
        named = [i for i in named if found.columns[i].kind != "missing"] or named
        value = min(named, key=lambda i: _VALUES.index(keys[i]), default=-1)
    if not found.has_header and min(name, value) < 0 and len(found.columns) in (3, 4):
        name, value = _nameless(found, free)
    if quality < 0 and min(name, value) >= 0:
        quality = next((i for i in free if keys[i] in _QUALITIES and i not in (name, value)), -1)
        if quality < 0 and not found.has_header and len(free) == 3:
            quality = next(i for i in free if i not in (name, value))
    is_long = min(name, value) >= 0
    if options.layout == "auto" and is_long and not (options.name_column or options.value_column):
        others = [
            i for i in free
            if i not in (name, value, quality) and found.columns[i].kind == "number"
            and not re.search(r"id$|^index$|^row$|^no$|^nr$", keys[i])
        ]  # fmt: skip
        is_long = len(others) <= 2 and (
            bool(found.time.columns) or found.columns[name].kind == "text"
        )
    if options.layout == "long" and not is_long:
        what = "name" if name < 0 else "value"
        raise ConfigurationError(
            f"layout is long, and no column is called like a {what}; write `{what}_column`; "
            f"columns: {', '.join(c.name for c in found.columns[:12])}",
            str(found.path),
        )
    if not is_long:
        return _with_pairs(found)
    codes = options.quality_codes
    if quality >= 0 and not codes:
        codes, note = _quality_codes(found.columns[quality])
        if note:
            found = replace(found, notes=(*found.notes, note))
        if not codes:
            quality = -1
    return replace(
        found, layout="long", name=name, value=value, quality=quality, quality_codes=codes
    )


_PAIR: Final = re.compile(r"(.+)_(?:quality|qual|q|status|state_code|validity|quality_code)")


def _with_pairs(found: Format) -> Format:
    """A wide file with a column of qualities beside each signal: ``Temp`` and ``Temp Quality``.

    Only words such as *Good* and the codes of OPC DA count; a column of 0 and 1 may be anything.
    """
    columns = list(found.columns)
    by_key: dict[str, list[int]] = {}
    for i, column in enumerate(columns):
        for key in {slug(column.name), slug(column.title)}:
            by_key.setdefault(key, []).append(i)
    for i, column in enumerate(found.columns):
        match = _PAIR.fullmatch(slug(column.name))
        base = by_key.get(match[1], []) if match else []
        if len(base) != 1 or i in found.roles or base[0] in found.roles or base[0] == i:
            continue
        if all(_QUALITY_WORD.match(c) for c in column.cells if c):
            codes = "words"
        else:
            codes = _quality_codes(column)[0]
        filled = any(c for c in column.cells)
        if filled and codes in ("words", "opc_da"):
            columns[base[0]] = replace(columns[base[0]], quality=i, quality_codes=codes)
    return replace(found, columns=tuple(columns))


_QUALITY_WORD: Final = re.compile(r"(?i)good|bad|uncertain|ok$|questionable|substituted")


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
    values = [parse_code(c) for c in filled]
    numbers = [v for v in values if v is not None]
    if len(numbers) < len(values):
        words = any(
            re.match(r"(?i)good|bad|uncertain|ok|valid|invalid|true|false", c) for c in filled
        )
        return (
            ("words", "")
            if words
            else ("", f"'{column.name}' holds no known qualities; it is ignored")
        )
    if not numbers:
        return "", ""
    if any(64 <= n <= 255 for n in numbers):
        return "opc_da", ""
    if any(n > 255 or n < 0 for n in numbers):
        return "opc_ua", ""
    key = slug(column.name)
    if "validity" in key and 1 in numbers:
        return "one_good", ""
    if set(numbers) <= {0, 1} and (1 in numbers) and "status" not in key and "flag" not in key:
        return "one_good", f"'{column.name}': 1 is read as good and 0 as bad"
    return "zero_good", f"'{column.name}': 0 is read as good and everything else as bad"
