"""Pictures of experiments: alternatives with their intervals, and what factors do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, figure, h

__all__ = [
    "MEASURES", "WIDE", "axis", "drawing", "effects_picture", "short", "standing_picture",
    "title_of",
]  # fmt: skip

MEASURES: Final = {
    "good_parts_per_hour": "Good parts per hour", "lead_time_s": "Lead time, s",
    "parts_in_line": "Parts inside", "cost_per_part": "Cost of a good part",
    "kwh_per_part": "kWh of a good part", "kg_co2_per_part": "kg CO₂ of a good part",
    "scrap": "Share of scrap", "lost": "Share lost", "in_time": "In time, share",
}  # fmt: skip
_NAME: Final = 200
WIDE: Final = 640
_SHOWN: Final = 12


def title_of(measure: str) -> str:
    """A measure for people."""
    return MEASURES.get(measure, measure)


def short(value: float | None) -> str:
    """Four digits, or a dash."""
    return "—" if value is None else figure(float(f"{value:.4g}"))


def standing_picture(result: Plain) -> Html:
    """Each alternative with its interval; those that are out are pale."""
    aim, rows = result["objective"], result["scenarios"]
    told = [(row, row[aim]) for row in rows if row[aim]["value"] is not None]
    ends = [end for _, e in told for end in (e["low"], e["value"], e["high"]) if _is(end)]
    if not ends:
        return Html("")
    reach = (max(ends) - min(ends)) or max(abs(max(ends)), 1.0)
    low, high = min(ends) - 0.12 * reach, max(ends) + 0.12 * reach

    def x(value: float) -> float:
        return float(round(_NAME + (value - low) / (high - low) * (WIDE - _NAME - 10), 1))

    height = 22 * len(told) + 26
    base = x(told[0][1]["value"])
    drawn: list[Child] = [h("line", x1=base, x2=base, y1=2, y2=height - 22, cls="limit")]
    for i, (row, e) in enumerate(told):
        y = 14 + 22 * i
        cls = "out" if not row["possible"] else None
        best = "best" if row["scenario"] == result["best"] else ""
        drawn.append(h("text", str(row["title"])[:32], x=0, y=y + 4, cls=best or cls))
        if _is(e["low"]):
            drawn.append(h("line", x1=x(e["low"]), x2=x(e["high"]), y1=y, y2=y,
                           cls=f"whisker {cls or ''}"))  # fmt: skip
        drawn.append(h("circle", cx=x(e["value"]), cy=y, r=4, cls=f"dot {cls or ''}"))
    drawn += axis([low + 0.12 * (high - low), high - 0.12 * (high - low)], x, height)
    return drawing(drawn, height, f"{title_of(aim)} of each alternative, with 95 % intervals")


def effects_picture(effects: Sequence[Plain], aim: str) -> Html:
    """How far the objective goes with each factor, the greatest first; what may be nothing is
    pale."""
    shown = list(effects)[:_SHOWN]
    ends = [end for e in shown for end in (e["low"], e["value"], e["high"]) if _is(end)] + [0.0]
    low, high = min(ends), max(ends)
    if high <= low:
        return Html("")
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)

    def x(value: float) -> float:
        return float(round(_NAME + (value - low) / (high - low) * (WIDE - _NAME - 10), 1))

    height = 24 * len(shown) + 26
    drawn: list[Child] = []
    for i, e in enumerate(shown):
        y, at = 4 + 24 * i, sorted((x(0), x(e["value"])))
        cls = "known" if e["known"] else "unknown"
        drawn.append(h("text", str(e["term"])[:32], x=0, y=y + 12))
        drawn.append(h("rect", x=at[0], width=max(1, round(at[1] - at[0], 1)), y=y, height=14,
                       cls=f"effect {cls}"))  # fmt: skip
        if _is(e["low"]):
            drawn.append(h("line", x1=x(e["low"]), x2=x(e["high"]), y1=y + 7, y2=y + 7,
                           cls="span"))  # fmt: skip
    drawn.append(h("line", x1=x(0), x2=x(0), y1=0, y2=height - 22, cls="axis"))
    marks = [end for end in (min(ends), 0.0, max(ends)) if end == 0 or abs(x(end) - x(0)) > 60]
    drawn += axis(marks, x, height)
    return drawing(drawn, height, f"What each factor does to: {title_of(aim)}, with 95 % intervals")


def axis(marks: Sequence[float], x: Callable[[float], float], height: int) -> list[Child]:
    """Numbers below a picture."""
    return [
        h("text", short(mark), x=x(mark), y=height - 6, text_anchor="middle") for mark in marks
    ]  # fmt: skip


def drawing(drawn: Child, height: int, label: str) -> Html:
    """A picture, and what it shows for those who do not see it."""
    return h("svg", drawn, viewBox=f"0 0 {WIDE} {height}", cls="control outcome", role="img",
             aria_label=label)  # fmt: skip


def _is(value: float | None) -> bool:
    return value is not None and isfinite(value)
