"""Which columns hold the time of a row, and how it is written, found out from the beginning of a
file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gemel.core.time import DAY
from gemel.parts.connectors.files.cells import MISSING, parse_number
from gemel.parts.connectors.files.naming import slug, split_unit
from gemel.parts.connectors.files.times import LINEAR, Decoded, cells_of, decode

__all__ = [
    "Sample",
    "TimePlan",
    "best_text_format",
    "find_format",
    "find_time",
    "is_time_name",
    "looks_like_time",
]

_EXACT_NAMES: Final = frozenset(
    (
        "timestamp", "datetime", "date_time", "time_stamp", "time", "ts", "t", "date",
        "zeitstempel", "zeitpunkt", "zeit", "datum", "uhrzeit", "fecha", "hora", "fecha_hora",
        "horodatage", "date_heure", "data_ora", "tijd", "epoch", "unix_time", "unixtime",
        "utc", "timestamp_utc", "utc_timestamp", "time_utc", "utc_time", "utctime",
        "datetime_utc", "local_time", "localtime", "date_and_time", "event_time",
        "sample_time", "sampletime", "recorded_at", "created_at", "source_timestamp",
        "sourcetimestamp", "sourcetime", "read_time", "timestamps", "times", "datetimes", "dt",
        "tstamp", "measurement_time", "_time", "time_s", "elapsed", "elapsed_time",
        "relative_time", "rel_time", "seconds", "sec", "secs", "x_time", "time_axis",
    )
)  # fmt: skip
_WORDS: Final = frozenset(
    (
        "time", "timestamp", "datetime", "date", "zeit", "zeitstempel", "datum", "uhrzeit",
        "ts", "utc", "epoch", "unix", "stamp", "fecha", "hora", "elapsed",
    )
)  # fmt: skip
_LATER: Final = frozenset(
    (
        "end", "stop", "finish", "finished", "complete", "completed", "start", "begin",
        "modified", "due",
    )
)  # fmt: skip
_LOOKS: Final = re.compile(
    r"\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?(?:"
    r"(?:\d{1,4}[-/. ](?:\d{1,2}|[^\W\d_]{3,9}\.?)[-/. ,]+\d{1,4}|[A-Za-z]{3,9}\.? +\d{1,2},? \d{4}"
    r"|\d{1,2}-?[A-Za-z]{3}-?\d{2,4}|\d{8})"
    r"(?:\s*[T\s_,;:-]\s*(?:\d{1,2}:\d\d?(?::\d\d?(?:[.,:]\d+)?)?|\d{4,6}(?:[.,]\d+)?)"
    r"(?:\s*[AaPp]\.?[Mm]\.?)?)?"
    r"|\d{1,3}:\d\d?(?::\d\d?(?:[.,:]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?|\d{1,2}\.\d\d\.\d\d"
    r"|[A-Za-z]{3} +\d{1,2} \d\d:\d\d:\d\d \d{4})"
    r"(?:\s*(?:Z|UTC|GMT)?(?:[+-]\d\d:?\d{0,2})?)\s*"
)
_UNIT_FORMATS: Final = {
    "s": "s", "ms": "ms", "µs": "us", "ns": "ns", "min": "min", "h": "h", "d": "d",
}  # fmt: skip
_EPOCHS: Final = (  # 1990 to 2100, so that counters and codes are rarely taken for times
    (6.3e8, 4.2e9, "epoch_s"), (6.3e11, 4.2e12, "epoch_ms"), (6.3e14, 4.2e15, "epoch_us"),
    (6.42e17, 4.2e18, "epoch_ns"), (6.2e17, 6.42e17, "ticks"), (1.25e17, 1.6e17, "filetime"),
)  # fmt: skip
_PARTS: Final = {
    "year": ("year", "yr", "yyyy", "jahr"), "month": ("month", "mon", "mm", "monat", "mo"),
    "day": ("day", "dd", "tag", "mday", "dom"), "hour": ("hour", "hr", "hh", "stunde", "hours"),
    "minute": ("minute", "min", "mi", "minuten"), "second": ("second", "sec", "ss", "sekunde"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimePlan:
    """Where the time of a row is and how it is written.

    `columns` are positions: none = a row number; one; two = date and time of day, of `clock`
    format; three to six = year, month, day, hour …
    """

    columns: tuple[int, ...] = ()
    format: str = "row"
    clock: str = "clock"
    is_utc: bool = False
    """The name says UTC, whatever the plant's zone is."""
    notes: tuple[str, ...] = ()

    @property
    def needs_start(self) -> bool:
        """Times are only known from a start on."""
        return self.format in ("row", "clock") or self.format.startswith("elapsed_")


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a table, column by column."""

    names: Sequence[str]
    cells: Sequence[Sequence[str]]
    is_text: Sequence[bool]
    """Columns that are neither numbers nor empty."""


def is_time_name(name: str) -> int:
    """2 if a column's name says that it is the time of the row, 1 if it speaks of time."""
    title, unit = split_unit(name)
    keys = {slug(name), slug(title)}
    if keys & _EXACT_NAMES or slug(re.sub(r"\(.*?\)|\[.*?\]", "", name)) in _EXACT_NAMES:
        return 2
    tokens = set(re.split(r"[_\d]+", slug(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))))
    if tokens & _WORDS and (tokens <= _WORDS | {"local", "of", "and", "s", "ms", "day", "sample"}):
        return 2 if not unit else 1
    return 1 if tokens & _WORDS else 0


def looks_like_time(text: str) -> bool:
    """A quick look at one cell: could it be a date or a time of day?"""
    return _LOOKS.fullmatch(text) is not None and not text.strip().isdecimal()


def find_time(sample: Sample) -> TimePlan:
    """The most convincing time of a table; an empty plan if there is none."""
    parts = _split_parts(sample)
    if parts is not None:
        return parts
    text = _text_plans(sample)
    numeric = _numeric_plan(sample)
    dated = [p for p in text if p[1].format != "clock"]
    if dated:
        best = max(dated, key=lambda p: p[0])[1]
        best = _with_clock(sample, best, [p[1] for p in text if p[1].format == "clock"])
        others = [sample.names[p.columns[0]] for _, p in dated if p.columns[0] not in best.columns]
        if others:
            note = f"time is read from {_name(sample, best)}; also times: {', '.join(others[:5])}"
            best = _noted(best, note)
        return best
    if numeric is not None and numeric.format.startswith(
        ("epoch", "ticks", "file", "excel", "mat")
    ):
        return numeric
    if text:
        plan = max(text, key=lambda p: p[0])[1]
        return _noted(plan, f"'{sample.names[plan.columns[0]]}' has a time of day but no date")
    return numeric or TimePlan()


def find_format(sample: Sample, form: str) -> TimePlan:
    """The column whose cells are written as `form`; an empty plan if there is none."""
    best: tuple[tuple[float, ...], int] | None = None
    for index, name in enumerate(sample.names):
        filled = _filled(sample.cells[index])
        if not filled:
            continue
        decoded = decode(cells_of(pa.array(filled, pa.string())), form)
        rank = is_time_name(name)
        if decoded.ok.mean() < 0.9 or (form in LINEAR and not rank):
            continue
        score = (float(rank), _order(decoded.time[decoded.ok]), -float(index))
        if best is None or score > best[0]:
            best = (score, index)
    if best is None:
        return TimePlan()
    return _with_clock(sample, TimePlan((best[1],), form), [p[1] for p in _text_plans(sample)
                                                           if p[1].format == "clock"])  # fmt: skip


def _name(sample: Sample, plan: TimePlan) -> str:
    return " and ".join(f"'{sample.names[c]}'" for c in plan.columns)


def _noted(plan: TimePlan, note: str) -> TimePlan:
    return TimePlan(plan.columns, plan.format, plan.clock, plan.is_utc, (*plan.notes, note))


def _filled(cells: Sequence[str]) -> list[str]:
    return [c for c in cells if c.strip().lower() not in MISSING]


def _text_plans(sample: Sample) -> list[tuple[tuple[float, ...], TimePlan]]:
    found: list[tuple[tuple[float, ...], TimePlan]] = []
    for index, name in enumerate(sample.names):
        filled = _filled(sample.cells[index])
        rank = is_time_name(name)
        probe = filled[:40]
        looks = sum(map(looks_like_time, probe)) / max(len(probe), 1)
        compact = rank and all(
            re.fullmatch(r"\d{8}(\d{4}|\d{6})?(\.\d+)?", c.strip()) for c in probe
        )
        if (
            not probe
            or (looks < 0.8 and not compact)
            or (not compact and not sample.is_text[index])
        ):
            continue
        form, notes = best_text_format(filled)
        if not form:
            continue
        decoded = decode(cells_of(pa.array(filled, pa.string())), form)
        order = _order(decoded.time[decoded.ok])
        words = set(slug(name).split("_"))
        score = (float(rank) - 0.5 * bool(words & _LATER), order, -float(index))
        is_utc = bool(re.search(r"(?:^|_)(?:utc|gmt)(?:_|$)", slug(name)))
        found.append((score, TimePlan((index,), form, "clock", is_utc, notes)))
    return found


def _order(time: npt.NDArray[np.int64]) -> float:
    """Share of steps that do not go back, in tenths: small differences mean nothing."""
    if len(time) < 2:
        return 1.0
    return round(float((np.diff(time) >= 0).mean()), 1)


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
        clock = {0: "", 4: "%H%M", 6: "%H%M%S"}.get(len(re.match(r"\d*", tail[len(joint) :])[0]))  # type: ignore[index]
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


def _with_clock(sample: Sample, plan: TimePlan, clocks: Sequence[TimePlan]) -> TimePlan:
    """Add the column with the time of day to one that has only dates."""
    date = plan.columns[0]
    decoded = decode(cells_of(pa.array(sample.cells[date], pa.string())), plan.format)
    if not decoded.ok.any() or (decoded.time[decoded.ok] % DAY != 0).any():
        return plan
    if clocks:
        near = min(clocks, key=lambda c: (-is_time_name(sample.names[c.columns[0]]),
                                          abs(c.columns[0] - date)))  # fmt: skip
        return TimePlan((date, near.columns[0]), plan.format, "clock", plan.is_utc, plan.notes)
    for index, name in enumerate(sample.names):
        if slug(name) in _PARTS["hour"] or slug(name) == "hour_of_day":
            values = [parse_number(c) for c in _filled(sample.cells[index])]
            if values and all(v is not None and 0 <= v <= 24 for v in values):
                return TimePlan((date, index), plan.format, "elapsed_h", plan.is_utc, plan.notes)
    return plan


def _split_parts(sample: Sample) -> TimePlan | None:
    keys = [slug(n) for n in sample.names]
    found: list[int] = []
    for words in _PARTS.values():
        index = next((keys.index(w) for w in words if w in keys), None)
        if index is None:
            break
        values = [parse_number(c) for c in _filled(sample.cells[index])]
        if not values or any(v is None or v % 1 for v in values):
            break
        found.append(index)
    if len(found) < 3:
        return None
    years = [parse_number(c) or 0 for c in _filled(sample.cells[found[0]])]
    if not all(1900 <= y <= 2200 for y in years):
        return None
    form = "%Y-%m-%d" + (" %H:%M:%S" if len(found) > 3 else "")
    return TimePlan(tuple(found), form)


def _numeric_plan(sample: Sample) -> TimePlan | None:
    best: tuple[tuple[float, ...], TimePlan] | None = None
    for index, name in enumerate(sample.names):
        rank = is_time_name(name)
        if sample.is_text[index]:
            continue
        unit = split_unit(name).unit
        values = [parse_number(c, "," if "," in c else ".") for c in _filled(sample.cells[index])]
        known = [v for v in values if v is not None]
        if len(known) < max(1, 0.9 * len(values)) or not known:
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.diff(np.array(known, np.float64))
        forward = float((steps >= 0).mean()) if len(steps) else 1.0
        is_still = not len(steps) or not (steps > 0).any()
        form = _numeric_format(known, rank, unit, forward, slug(name))
        is_absolute = form.startswith(("epoch", "ticks", "filetime"))
        if not form or (is_still and not is_absolute):
            continue
        score = (float(rank), forward, -float(index))
        if best is None or score > best[0]:
            best = (score, TimePlan((index,), form))
    return best[1] if best else None


def _numeric_format(values: list[float], rank: int, unit: str, forward: float, key: str) -> str:
    low, high = min(values), max(values)
    if rank or forward >= 0.99:
        for least, most, form in _EPOCHS:
            if least <= low and high <= most and (rank or (forward >= 0.99 and len(values) > 5)):
                return form
    if not rank or forward < 0.9:
        return ""
    has_fraction = any(v % 1 for v in values)
    if has_fraction and low >= 20_000 and high <= 80_000 and unit != "s" and high - low < 20_000:
        steps = (high - low) / max(len(values) - 1, 1)
        if steps < 1.5 and re.search("date|stamp|datum|^time$|^ts$", key):
            return "excel"
    if has_fraction and low >= 7.2e5 and high <= 7.6e5:
        return "matlab"
    if rank < 2 and unit not in _UNIT_FORMATS:
        return ""
    return f"elapsed_{_UNIT_FORMATS.get(unit, 's')}"
