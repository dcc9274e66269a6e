"""Cells of text → values: missing words, numbers of every country, truth, texts.

Columns are Arrow string arrays. What Arrow can convert is converted in one call; the rest goes
through the distinct texts of the column, so that the cost of Python is paid once per text.

A missing cell is no sample. That covers empty cells and every word of `MISSING`, NaN included:
programs write NaN where they had nothing. An infinite number is a sample whose quality is bad.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "BAD_WORDS",
    "EXACT",
    "MISSING",
    "TRUTH",
    "cell_kind",
    "map_texts",
    "numbers",
    "parse_code",
    "parse_number",
    "truth",
    "unit_suffix",
]

MISSING_TEXTS: Final = (
    "", "NaN", "nan", "NAN", "-nan", "null", "NULL", "Null", "NA", "N/A", "n/a", "#N/A", "#NA",
    "<NA>", "None", "NaT",
)  # fmt: skip
"""Words that are no text either; in a column of texts the others may be meant."""
BAD_WORDS: Final = (
    "bad", "bad input", "bad data", "bad quality", "i/o timeout", "io timeout", "timeout", "error",
    "err", "fault", "fail", "failed", "failure", "invalid", "comm fail", "comm error", "no data",
    "nodata", "not connected", "disconnected", "offline", "out of service", "scan off",
    "scan timeout",
    "pt created", "shutdown", "configure", "under range", "over range", "underrange", "overrange",
    "overflow", "ovf", "overload", "over", "under", "arc off-line", "intf shut", "tag not found",
    "#value!", "#div/0!", "#ref!", "#name?", "#num!", "#null!", "unknown", "unavailable",
    "no good data", "[-11059] no good data for calculation", "sensor error", "open circuit",
    "short circuit",
)  # fmt: skip
_MISSING_NUMBERS: Final = (
    *(w.lower() for w in MISSING_TEXTS), *BAD_WORDS, "-", "--", "---", "----", "-----", ".", "..",
    "?", "??", "???", "n.a.", "n.a", "nil", "none", "void", "missing", "*", "**", "***", "****",
    "*****", "******", "#####", "######", "####", "###", "1.#qnan", "-1.#ind", "1.#ind", "-1.#qnan",
    "nan(ind)", "-nan(ind)", "–", "—", "na", "n a", "k.a.", "#",
)  # fmt: skip
MISSING: Final = frozenset(_MISSING_NUMBERS)
"""Words in lower case that stand for no number."""
MISSING_FAST: Final = tuple(
    sorted(
        {v for w in MISSING for v in (w, w.upper(), w.capitalize(), w.title())} | set(MISSING_TEXTS)
    )
)
"""`MISSING` in the usual spellings, for Arrow, which compares exactly."""

TRUTH: Final = {
    "true": 1.0, "on": 1.0, "yes": 1.0, "y": 1.0, "t": 1.0, "wahr": 1.0, "ein": 1.0, "ja": 1.0,
    "open": 1.0, "running": 1.0, "active": 1.0, "vrai": 1.0, "1": 1.0,
    "false": 0.0, "off": 0.0, "no": 0.0, "n": 0.0, "f": 0.0, "falsch": 0.0, "aus": 0.0,
    "nein": 0.0, "closed": 0.0, "stopped": 0.0, "inactive": 0.0, "faux": 0.0, "0": 0.0,
}  # fmt: skip
"""Truth in lower case; read only where a signal is declared boolean."""
_SURE_TRUTH: Final = frozenset(
    ("true", "false", "on", "off", "yes", "no", "wahr", "falsch", "ein", "aus", "ja", "nein",
     "vrai", "faux")
)  # fmt: skip
EXACT: Final = 2**53
"""Integers beyond this have no exact float; they travel as text."""

_DOT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d{1,3})?")
_COMMA = re.compile(r"[+-]?(?:\d+,?\d*|,\d+)(?:[eEdD][+-]?\d{1,3})?")
_GROUPED = {
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(?:([,'’ \u00a0\u202f\u2009_])\d{3})(?:\1\d{3})*(?:\.\d*)?"),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(?:([.'’ \u00a0\u202f\u2009_])\d{3})(?:\1\d{3})*(?:,\d*)?"),
}
_INFINITE = re.compile(r"[+-]?inf(?:inity)?|[+-]?1\.#inf0*|[+-]?∞", re.IGNORECASE)
_WITH_UNIT = re.compile(
    r"([+-]?[\d.,'’ \u00a0]*\d[.,]?(?:[eE][+-]?\d+)?)\s*([A-Za-zµμΩ°%‰/²³][^\d]{0,9})"
)


def parse_number(text: str, decimal: str = ".", suffix: str = "") -> float | None:
    """The number that a text is, None if it is none. `suffix` is a unit that may follow it.

    >>> parse_number("1,234.5"), parse_number("1.234,5", ","), parse_number("12 %", suffix="%")
    (1234.5, 1234.5, 12.0)
    """
    text = text.strip().replace("\u2212", "-")
    if suffix and text.endswith(suffix):
        text = text[: -len(suffix)].rstrip()
    plain = _DOT if decimal == "." else _COMMA
    if plain.fullmatch(text):
        return float(text.replace(",", ".").replace("D", "e").replace("d", "e"))
    match = _GROUPED[decimal].fullmatch(text)
    if match:
        return float(text.replace(match[1], "").replace(",", "."))
    if _INFINITE.fullmatch(text):
        return float("-inf") if text.startswith("-") else float("inf")
    return None


def parse_code(text: str) -> int | None:
    """A whole number, decimal or as 0x1F; None if the text is none."""
    stripped = text.strip().lower()
    if stripped.startswith("0x"):
        return int(stripped, 16) if re.fullmatch(r"0x[0-9a-f]{1,8}", stripped) else None
    value = parse_number(stripped)
    return int(value) if value is not None and abs(value) < EXACT else None


def unit_suffix(text: str) -> str:
    """The unit behind a number: ``kW`` of ``12.5 kW``; empty if there is no such thing."""
    match = _WITH_UNIT.fullmatch(text.strip())
    return match[2].strip() if match else ""


def truth(text: str) -> float | None:
    """1.0 or 0.0 if a text is a word of truth."""
    return TRUTH.get(text.strip().lower())


def cell_kind(text: str, decimal: str = ".") -> str:
    """``missing``, ``number``, ``boolean`` (a word) or ``text``."""
    low = text.strip().lower()
    if low in MISSING:
        return "missing"
    if parse_number(text, decimal) is not None:
        return "number"
    return "boolean" if low in _SURE_TRUTH else "text"


Convert = Callable[[str], float | None]


def map_texts(column: Any, convert: Convert) -> npt.NDArray[np.float64]:
    """`convert` applied to every distinct text, in the order in which they appear; NaN for missing
    cells and where it gives None."""
    coded = column.dictionary_encode()
    table = [convert(t) for t in coded.dictionary.to_pylist()]
    values = np.array([np.nan if v is None else v for v in table] + [np.nan], np.float64)
    codes = coded.indices.fill_null(len(table)) if coded.null_count else coded.indices
    picked: npt.NDArray[np.float64] = values[np.asarray(codes)]
    return picked


def numbers(
    column: Any, decimal: str, suffix: str, extra_missing: frozenset[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], list[str]]:
    """Values of a column of texts, where a cell is missing, and the first few texts that are no
    numbers. A text that is no number is neither missing nor finite: its value is NaN."""
    strange: list[str] = []
    missing_texts: set[str] = set()

    def convert(text: str) -> float | None:
        stripped = text.strip()
        if stripped.lower() in MISSING or stripped in extra_missing:
            missing_texts.add(text)
            return None
        value = parse_number(stripped, decimal, suffix)
        if value is None and stripped.lower() in _SURE_TRUTH:
            return TRUTH[stripped.lower()]
        if value is None:
            strange.append(text)
        return value

    values = map_texts(column, convert)
    missing = np.asarray(column.is_null())
    if missing_texts:
        words = pa.array(sorted(missing_texts), column.type)
        missing = missing | np.asarray(pc.is_in(column, value_set=words))
    return values, missing, strange
