"""Tables of experiments, for those of files and those of a running twin: from what both tell as
JSON, where a number that is not known is NaN or None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.table import Table

from gemel.doors.cli import telling
from gemel.doors.cli.telling import number
from gemel.twin.planning.experiments.measures import MEASURES
from gemel.twin.planning.experiments.settings import Measure

__all__ = ["differences", "effects", "half", "scenarios"]

_ALWAYS: Final[tuple[Measure, ...]] = ("good_parts_per_hour", "lead_time_s")
_SHOWN: Final = 15

Row = Mapping[str, Any]


def scenarios(record: Row) -> Table:
    """What each scenario gives, by how much more than the first, and what is said of it."""
    first, *_ = record["scenarios"]
    wanted = (*_ALWAYS, record["objective"], *record.get("limits", ()))
    shown = [m for m in MEASURES if m in wanted and m in first]
    table = telling.table(
        "scenario", *(MEASURES[m].title for m in shown), "gain", "95 % interval", "played", ""
    )
    for row in record["scenarios"]:
        cells = [_value(row[m]) for m in shown]
        cells += ["", ""] if row is first else [_signed(row["gain"]), _interval(row["gain"])]
        table.add_row(row["title"], *cells, str(row["replications"]), _verdict(record, row))
    return table


def differences(rows: Iterable[Row], first: str, second: str) -> Table:
    """The second of two experiments less the first."""
    table = telling.table("scenario", "measure", first, second, "difference", "95 % interval")
    for row in rows:
        found = row["difference"]
        table.add_row(
            row["scenario"], MEASURES[row["measure"]].title, _number(row["first"], half(found)),
            _number(row["second"], half(found)), _signed(found), _interval(found),
        )  # fmt: skip
    return table


def effects(record: Row) -> Table:
    """What the factors of a sweep do, the most first."""
    table = telling.table("effect", MEASURES[record["objective"]].title, "95 % interval", "what")
    for row in record["effects"][:_SHOWN]:
        note = "" if row["known"] or half(row) != half(row) else "may be nothing"
        if row.get("mixed_with"):
            note = f"mixed with {row['mixed_with']}"
        table.add_row(row["term"], _value(row), _interval(row), note)
    return table


def half(told: Row) -> float:
    """Half the width of an interval; NaN where it is not known."""
    if told["low"] is None or told["high"] is None:
        return float("nan")
    return float(told["high"] - told["low"]) / 2


def _verdict(record: Row, row: Row) -> str:
    if row["breaks_a_limit"]:
        return "breaks a limit"
    if row["scenario"] == record["best"]:
        return "best" if record["certain"] else "best so far"
    return "possible" if row["possible"] else "out"


def _number(value: float | None, scale: float) -> str:
    return "" if value is None else number(value, scale)


def _value(told: Row) -> str:
    return _number(told["value"], half(told))


def _signed(told: Row) -> str:
    text = _value(told)
    return text if text.startswith("-") or not text else f"+{text}"


def _interval(told: Row) -> str:
    scale = half(told)
    if scale != scale:
        return "not known"
    return f"{number(told['low'], scale)} to {number(told['high'], scale)}"
