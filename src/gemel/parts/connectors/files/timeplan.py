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
from gemel.parts.connectors.files.times import LINEAR, cells_of, decode
from gemel.parts.connectors.files.timetext import best_text_format, looks_like_time

__all__ = [
    "Sample",
    "TimePlan",
    "find_format",
    "find_time",
    "is_time_name",
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
        "relative_time", "rel_time", "seconds", "sec", "secs", "x_time", "time_axis", "x_value",
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
    if numeric is not None:
        return numeric
    for index, name in enumerate(sample.names):
        filled = _filled(sample.cells[index])
        if is_time_name(name) == 2 and sample.is_text[index] and filled:
            note = f"'{name}' looks like a time, but '{filled[0]}' is not understood"
            return TimePlan(notes=(f"{note}; write `time_format`",))
    return TimePlan()


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
