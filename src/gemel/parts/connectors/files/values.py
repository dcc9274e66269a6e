"""Columns of a table → values, qualities and which cells hold a sample at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gemel.core.quality import (
    BAD,
    GOOD,
    NO_COMMUNICATION,
    NO_COMMUNICATION_LAST_USABLE,
    NOT_A_NUMBER,
    TEXT_OVERFLOW,
    UNCERTAIN,
)
from gemel.core.time import isoformat
from gemel.parts.connectors.base import Counters, Wanted
from gemel.parts.connectors.files.cells import (
    EXACT,
    MISSING,
    MISSING_TEXTS,
    map_texts,
    numbers,
    parse_code,
    parse_number,
    truth,
)
from gemel.parts.connectors.files.format import Column
from gemel.parts.connectors.files.rows import NEWLINE_IN_CELL

__all__ = ["Converted", "Converter", "qualities"]

Encode = Callable[[int, str], int | None]


class Converted(NamedTuple):
    """One column: values, qualities (None = all good), and where there is a sample."""

    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.int16] | None
    present: npt.NDArray[np.bool_]


class Converter:
    """Turns columns into what a signal wants; counts what cannot be used."""

    def __init__(
        self, counters: Counters, encode: Encode, extra_missing: frozenset[str], keep_missing: bool
    ) -> None:
        self._counters = counters
        self._encode = encode
        self._missing = extra_missing
        self._keep_missing = keep_missing

    def convert(self, values: Any, column: Column, wanted: Wanted, line: str) -> Converted:
        """Cells of `column` for one signal; `line` says where the cells stand."""
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if wanted.type == "text":
            result = self._texts(values, wanted)
        elif is_text(values.type):
            result = self._from_texts(values, column, wanted, line)
        else:
            result = self._from_numbers(values, wanted)
        if self._keep_missing and not result.present.all():
            quality = np.zeros(len(result.value), np.int16)
            if result.quality is not None:
                quality[:] = result.quality
            quality[~result.present] = NOT_A_NUMBER
            return Converted(result.value, quality, np.ones_like(result.present))
        return result

    def _from_numbers(self, values: Any, wanted: Wanted) -> Converted:
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        valid = np.asarray(values.is_valid()) if values.null_count else None
        if pa.types.is_integer(values.type):
            raw = np.asarray(values.fill_null(0))
            self._note_large(raw)
            value = raw.astype(np.float64)
            if valid is not None:
                value[~valid] = np.nan
        else:
            value = np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
        present = ~np.isnan(value)
        return self._finished(value, present, wanted)

    def _note_large(self, raw: npt.NDArray[Any]) -> None:
        if raw.dtype.itemsize == 8 and len(raw):
            large = int(((raw > EXACT) | (raw < -EXACT)).sum())
            if large:
                self._counters.note("integers beyond 2^53, which a number rounds", large)

    def _finished(
        self, value: npt.NDArray[np.float64], present: npt.NDArray[np.bool_], wanted: Wanted
    ) -> Converted:
        quality = None
        infinite = np.isinf(value)
        if infinite.any():
            quality = np.where(infinite, np.int16(NOT_A_NUMBER), np.int16(0)).astype(np.int16)
        if wanted.type == "boolean":
            value = np.where(np.isfinite(value), (value != 0).astype(np.float64), value)
        return Converted(value, quality, present)

    def _from_texts(self, values: Any, column: Column, wanted: Wanted, line: str) -> Converted:
        if wanted.type == "number":
            value, missing, strange = numbers(values, column.decimal, column.suffix, self._missing)
        else:
            value, missing, strange = self._words(values, column, wanted)
        odd = np.isnan(value) & ~missing
        if odd.any():
            again = [t for t in strange if t.strip() == column.name]
            if again:
                repeats = np.asarray(pc.is_in(values, value_set=pa.array(again, values.type)))
                self._counters.note(
                    "cells of a header in the middle of the data", int(repeats.sum())
                )
                odd &= ~repeats
            count = int(odd.sum())
            if count:
                shown = next(t for t in strange if t not in again)[:40]
                what = f"column '{column.name}': text where a {wanted.type} is wanted"
                self.reject(what, f"'{shown}', {line}", count)
        return self._finished(value, ~np.isnan(value), wanted)

    def reject(self, what: str, first: str, rows: int = 1) -> None:
        """Count samples that cannot be used; the reason tells of the first of its kind."""
        known = next((r for r in self._counters.reasons if r.startswith(f"{what} (")), None)
        self._counters.received += rows
        self._counters.reject(known or f"{what} (first: {first})", rows)

    def _words(
        self, values: Any, column: Column, wanted: Wanted
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], list[str]]:
        """Truth, or an enumeration by label or number."""
        labels = {label.casefold(): float(code) for code, label in wanted.labels}
        strange: list[str] = []
        missing_texts: list[str] = []

        def convert(text: str) -> float | None:
            stripped = text.strip()
            value = labels.get(stripped.casefold())
            if value is None and wanted.type == "boolean":
                value = truth(stripped)
            if value is None:
                value = parse_number(stripped, column.decimal, column.suffix)
            if value is None and (stripped.lower() in MISSING or stripped in self._missing):
                missing_texts.append(text)
            elif value is None:
                strange.append(text)
            return value

        value = map_texts(values, convert)
        missing = np.asarray(values.is_null())
        if missing_texts:
            missing = missing | np.asarray(
                pc.is_in(values, value_set=pa.array(missing_texts, values.type))
            )
        return value, missing, strange

    def _texts(self, values: Any, wanted: Wanted) -> Converted:
        overflow: list[str] = []
        kind = values.type
        if not is_text(kind):
            values = _as_text(values)

        def convert(text: str) -> float | None:
            stripped = text.strip().replace(NEWLINE_IN_CELL, "\n")
            if stripped in MISSING_TEXTS or stripped in self._missing:
                return None
            code = self._encode(wanted.number, stripped)
            if code is None:
                overflow.append(text)
            return code

        value = map_texts(values, convert)
        present = ~np.isnan(value)
        if not overflow:
            return Converted(value, None, present)
        full = np.asarray(pc.is_in(values, value_set=pa.array(overflow, values.type)))
        quality = np.where(full, np.int16(TEXT_OVERFLOW), np.int16(0)).astype(np.int16)
        return Converted(value, quality, present | full)


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is one of texts."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _as_text(values: Any) -> Any:
    """Typed values as a person would write them."""
    if pa.types.is_timestamp(values.type):
        ticks = values.cast(pa.timestamp("ns", values.type.tz)).cast(pa.int64()).to_pylist()
        return pa.array([None if t is None else isoformat(t) for t in ticks], pa.string())
    if pa.types.is_floating(values.type):
        items = values.to_pylist()
        return pa.array(
            [None if v is None or v != v else repr(int(v) if v.is_integer() else v) for v in items],
            pa.string(),
        )
    return values.cast(pa.string())


_OPC_DA: Final = {  # OPC DA 2.05 6.8: substatus of bad and uncertain → the code of OPC UA
    0x04: 0x8089, 0x08: 0x808A, 0x0C: 0x808B, 0x10: 0x808C, 0x14: 0x8031, 0x18: 0x8031,
    0x1C: 0x808D, 0x20: 0x8032, 0x44: 0x4090, 0x50: 0x4093, 0x54: 0x4094, 0x58: 0x4095,
}  # fmt: skip
_GOOD_WORDS: Final = re.compile(r"(?:good|ok|valid|true|g|normal|1|192|snapshot)", re.IGNORECASE)
_UNCERTAIN_WORDS: Final = re.compile(
    r"uncertain|questionable|substitut|estimat|interpolat|stale|suspect|manual|doubt", re.IGNORECASE
)


def qualities(values: Any, codes: str) -> npt.NDArray[np.int16]:
    """Qualities of a column of them. `codes` is ``words``, ``opc_da`` (192 is good), ``opc_ua``
    (status codes, 0 is good), ``one_good`` or ``zero_good``. A missing one is good."""

    def convert(text: str) -> float:
        stripped = text.strip()
        if stripped.lower() in ("", "nan", "null", "none", "na", "n/a"):
            return float(GOOD)
        number = parse_code(stripped)
        if number is None or codes == "words":
            return float(_word_quality(stripped))
        return float(_code_quality(number, codes))

    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
        kind = values.type
    texts = values if is_text(kind) else _as_text(values)
    return np.nan_to_num(map_texts(texts, convert), nan=float(GOOD)).astype(np.int16)


def _word_quality(word: str) -> int:
    low = word.lower().lstrip(".-_ ")
    if low.startswith(("not ", "invalid")):
        return BAD
    if low.startswith("good") or _GOOD_WORDS.fullmatch(low):
        return GOOD
    if re.search(r"no.?comm|comm.*(?:fail|err|lost)|timeout|offline|disconnect", low):
        return NO_COMMUNICATION_LAST_USABLE if low.startswith("uncertain") else NO_COMMUNICATION
    if _UNCERTAIN_WORDS.search(low):
        return UNCERTAIN
    return BAD


def _code_quality(code: int, codes: str) -> int:
    if codes == "one_good":
        return GOOD if code == 1 else BAD
    if codes == "zero_good":
        return GOOD if code == 0 else BAD
    if codes == "opc_ua":
        upper = (code & 0xFFFFFFFF) >> 16
        return upper - 0x10000 if upper & 0x8000 else upper
    major = code & 0xC0
    if major == 0xC0:
        return GOOD
    known = _OPC_DA.get(code & 0xFC)
    if known is not None:
        return known - 0x10000 if known & 0x8000 else known
    return UNCERTAIN if major == 0x40 else BAD
