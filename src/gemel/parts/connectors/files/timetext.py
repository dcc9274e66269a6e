"""How the texts of a column write a time: the shape of the date, and what comes first in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from gemel.parts.connectors.files.times import Decoded, cells_of, decode

__all__ = ["best_text_format", "looks_like_time"]

_LOOKS: Final = re.compile(
    r"\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?(?:"
    r"(?:\d{1,4}[-/. ](?:\d{1,2}|[^\W\d_]{3,9}\.?)[-/. ,]+\d{1,4}|[A-Za-z]{3,9}\.? +\d{1,2},? \d{4}"
    r"|\d{1,2}-?[A-Za-z]{3}-?\d{2,4}|\d{8})"
    r"(?:\s*[T\s_,;:-]\s*(?:\d{1,2}:\d\d?(?::\d\d?(?:[.,:]\d+)?)?|\d{4,6}(?:[.,]\d+)?)"
    r"(?:\s*[AaPp]\.?[Mm]\.?)?)?"
    r"|\d{1,3}:\d\d?(?::\d\d?(?:[.,:]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?|\d{1,2}\.\d\d\.\d\d"
    r"|[A-Za-z]{3} +\d{1,2} \d\d:\d\d:\d\d \d{4})"
    r"(?:\s*(?:Z|[A-Z]{3,4})?(?:[+-]\d\d:?\d{0,2})?)\s*"
)


def looks_like_time(text: str) -> bool:
    """A quick look at one cell: could it be a date or a time of day?"""
    return _LOOKS.fullmatch(text) is not None and not text.strip().isdecimal()


def best_text_format(cells: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The format that fits nearly all cells; between day-first and month-first, the one whose dates
    exist, else the one that makes the column move least."""
    array = pa.array([c.strip() for c in cells], pa.string())
    column = cells_of(array)
    # A format that fails on the beginning needs no look at all of it.
    short = cells_of(array.slice(0, 200))
    best: list[tuple[float, str, Decoded]] = []
    for form in _candidates(cells):
        if decode(short, form).ok.mean() < 0.8:
            continue
        decoded = decode(column, form)
        share = float(decoded.ok.mean())
        if share >= 0.9:
            best.append((share, form, decoded))
    if not best:
        return "", ()
    top = max(share for share, _, _ in best)
    tied = [(form, decoded) for share, form, decoded in best if share >= top - 1e-9]
    if len(tied) == 1:
        return tied[0][0], ()
    travel = [float(np.abs(np.diff(d.time.astype(np.float64))).sum()) for _, d in tied]
    least = min(travel)
    chosen = [form for (form, _), way in zip(tied, travel, strict=True) if way <= least * 1.0001]
    form = chosen[0]
    if len(chosen) > 1 and form.startswith("%d."):
        return form, ()  # dots are written day first wherever they are written
    if len(chosen) > 1:
        is_american = any(re.search(r"[AaPp]\.?[Mm]\.?$", c.strip()) for c in cells[:50])
        month_first = [f for f in chosen if f.startswith("%m")]
        if is_american and month_first:
            form = month_first[0]
        said = (
            "month first"
            if form.startswith("%m")
            else "day first"
            if form.startswith("%d")
            else form
        )
        return form, (f"the order of day and month is open in every date seen; read {said}",)
    if {"%d", "%m"} <= {f[:2] for f, _ in tied}:
        said = "month first" if form.startswith("%m") else "day first"
        return form, (f"dates are read {said}, because the times are in order that way",)
    return form, ()


def _candidates(cells: Sequence[str]) -> list[str]:
    text = next((c.strip() for c in cells if c.strip()), "")
    if re.match(r"\d{4}[-/.]\d{1,2}[-/.]\d", text):
        return ["iso"]
    if re.match(r"\d{1,3}:\d\d?(:|$)", text):
        return ["clock"]
    if all(re.fullmatch(r"\d{1,2}\.\d\d\.\d\d", c.strip()) for c in cells[:100] if c.strip()):
        last = {c.strip()[-2:] for c in cells}
        months = all(int(c.strip()[-5:-3]) <= 12 for c in cells if c.strip())
        return (
            ["%d.%m.%y"] if months and len(last) == 1 and last != {"00"} else ["clock", "%d.%m.%y"]
        )
    match = re.match(r"\d{1,2}([-/. ])\d{1,2}\1(\d{4}|\d{2})", text)
    if match:
        a, year = match[1], "%Y" if len(match[2]) == 4 else "%y"
        forms = [f"%d{a}%m{a}{year}", f"%m{a}%d{a}{year}"]
        forms += [f"%y{a}%m{a}%d"] if year == "%y" else []
        return [f + _tail(text[match.end() :]) for f in forms]
    match = re.match(r"\d{1,2}([-/. ]?)\s*[^\W\d_]{3,9}\.?([-/., ]*)(\d{4}|\d\d)", text)
    if match:
        year = "%Y" if len(match[3]) == 4 else "%y"
        return [f"%d{match[1]}%b{match[2]}{year}{_tail(text[match.end() :])}"]
    match = re.match(r"(\d{4})([-/. ])[A-Za-z]{3,9}\.?[-/. ]\d", text)
    if match:
        return [f"%Y{match[2]}%b{match[2]}%d{_tail(text[match.end() :])}"]
    match = re.match(r"[A-Za-z]{3,9}\.? \d{1,2}(,?) \d{4}", text)
    if match:
        return [f"%b %d{match[1]} %Y{_tail(text[match.end() :])}"]
    if re.match(r"[A-Za-z]{3,9},? \d{1,2} [A-Za-z]{3}", text):
        return ["%a, %d %b %Y %H:%M:%S" if "," in text else "%a %d %b %Y %H:%M:%S"]
    if re.match(r"[A-Za-z]{3} [A-Za-z]{3} +\d{1,2} \d", text):
        return ["%a %b %d %H:%M:%S %Y"]
    if re.match(r"\d{8}", text):
        tail = text[8:]
        joint = (
            "T" if tail[:1] == "T" else "_" if tail[:1] == "_" else " " if tail[:1] == " " else ""
        )
        if ":" in tail:
            return [f"%Y%m%d{joint}%H:%M:%S"]
        digits = re.split(r"\D", tail[len(joint) :], maxsplit=1)[0]
        clock = {0: "", 4: "%H%M", 6: "%H%M%S"}.get(len(digits))
        if clock is None:
            clock = "%H%M%S%f"
        return [f"%Y%m%d{joint}{clock}"]
    return ["iso"]


def _tail(text: str) -> str:
    """The pattern of the time of day behind a date."""
    if not re.search(r"\d:\d", text):
        return ""
    joint = "T" if text[:1] == "T" else " "
    seconds = ":%S" if text.count(":") >= 2 else ""
    half = " %p" if re.search(r"[AaPp]\.?[Mm]\.?\s*$", text) else ""
    return f"{joint}{'%I' if half else '%H'}:%M{seconds}{half}"
