"""A plan as a picture: a row for each machine, a bar for each operation, time to the right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Final, TypeAlias

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, h

__all__ = ["gantt"]

Place: TypeAlias = Callable[[datetime], float]
"""Where a moment is, from the left."""

_WIDE: Final = 1_000
_LEFT: Final = 90
_ROW: Final = 34
_HOURS: Final = (1, 2, 4, 6, 12, 24, 48, 168)


def gantt(plan: Plain, shown: Plain, local: tzinfo, *, movable: bool) -> Html:
    """`plan` is a version, `shown` the schedule that it belongs to; with `movable`, bars that have
    not begun can be dragged, which is told as the action ``move``."""
    rows = plan["rows"]
    machines = sorted({row["machine"] for row in rows} | set(shown["machines"]))
    now = _time(shown["now"])
    begin = min([now, *(_time(row["start"]) for row in rows)])
    end = max([now + timedelta(hours=1), *(_time(row["end"]) for row in rows)])
    span = (end - begin).total_seconds() * 1.02

    def x(moment: datetime) -> float:
        return round(_LEFT + (moment - begin).total_seconds() / span * (_WIDE - _LEFT), 1)

    late = {one["order"] for one in plan["late"]}
    high = _ROW * len(machines) + 22
    drawn: list[Child] = [*_hours(begin, end, x, now, local, high)]
    for k, machine in enumerate(machines):
        y = _ROW * k
        drawn.append(h("text", machine, x=0, y=y + 21))
        drawn.append(h("line", x1=_LEFT, x2=_WIDE, y1=y + _ROW - 2, y2=y + _ROW - 2, cls="row"))
    for row in rows:
        if (ghost := row["ghost"]) is not None and ghost["machine"] in machines:
            a = _time(ghost["start"])
            wide = x(_time(row["end"])) - x(_time(row["start"]))
            y = _ROW * machines.index(ghost["machine"])
            drawn.append(h("rect", x=x(a), y=y + 3, width=round(max(wide, 2), 1), height=_ROW - 9,
                           cls="ghost"))  # fmt: skip
    drawn += [
        _bar(row, machines.index(row["machine"]), x, local, row["order"] in late, movable)
        for row in rows
    ]
    for down in plan["down"]:
        if down["machine"] in machines:
            a, b = max(_time(down["start"]), begin), _time(down["end"])
            y = _ROW * machines.index(down["machine"])
            drawn.append(
                h("rect", h("title", f"{down['machine']} is down"), x=x(a), y=y + 1,
                  width=round(max(x(b) - x(a), 2), 1), height=_ROW - 5, cls="down")
            )  # fmt: skip
    drawn.append(h("line", x1=x(now), x2=x(now), y1=0, y2=high - 16, cls="now"))
    return h(
        "svg", drawn, viewBox=f"0 0 {_WIDE} {high}", cls="gantt", role="img",
        aria_label="What is made where and when",
        data_gantt=movable or None, data_left=_LEFT, data_wide=_WIDE, data_row=_ROW,
        data_begin=begin.timestamp(), data_span=span, data_machines="\n".join(machines),
    )  # fmt: skip


def _bar(row: Plain, k: int, x: Place, local: tzinfo, late: bool, movable: bool) -> Html:
    a, b = _time(row["start"]), _time(row["end"])
    left, wide = x(a), max(x(b) - x(a), 2)
    said = (
        f"{row['operation']} {row['product']}: {a.astimezone(local):%a %H:%M} to "
        f"{b.astimezone(local):%a %H:%M}{', late' if late else ''}"
        f"{', has begun' if row['fixed'] else ''}"
    )
    moves = movable and not row["fixed"]
    words = f"{row['order']}{' ▲ late' if late else ''}"
    text = words if wide > 6.2 * len(words) + 6 else row["order"][: max(0, int((wide - 6) / 6.2))]
    name = "bar" + (" fixed" if row["fixed"] else "") + (" late" if late else "")
    return h(
        "g",
        h("title", said),
        h("rect", x=left, y=_ROW * k + 3, width=round(wide, 1), height=_ROW - 9, cls=name),
        h("text", text, x=left + 4, y=_ROW * k + 20, cls="in") if text else None,
        data_operation=row["operation"] if moves else None,
        cls="moves" if moves else None,
    )


def _hours(
    begin: datetime, end: datetime, x: Place, now: datetime, local: tzinfo, high: int
) -> list[Html]:
    hours = (end - begin).total_seconds() / 3_600
    step = next((s for s in _HOURS if hours / s <= 12), _HOURS[-1])
    at = begin.astimezone(local).replace(minute=0, second=0, microsecond=0)
    at = at.replace(hour=at.hour // min(step, 24) * min(step, 24))
    found = [h("text", "now", x=x(now), y=high - 4, text_anchor="middle")]
    while at <= end:
        if at >= begin:
            text = f"{at:%a %d}" if step >= 24 else f"{at:%H:%M}"
            if step < 24 and at.hour == 0:
                text = f"{at:%a %d}"
            found.append(h("line", x1=x(at), x2=x(at), y1=0, y2=high - 16, cls="hour"))
            if abs(x(at) - x(now)) > 45:
                found.append(h("text", text, x=x(at), y=high - 4, text_anchor="middle"))
        at += timedelta(hours=step)
    return found


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
