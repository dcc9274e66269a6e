"""Maintenance: what is replaced when, what does that cost, and when does the line have time?"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.drawn import cost_curve, span
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.gantt import gantt
from gemel.doors.web.markup import Child, Html, figure, h, join, many, panel, table
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_WIDTHS: Final = 80
"""A bar is at least this part of the picture wide: work of hours is nothing beside months."""


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    known = await viewer.client.maintained()
    if not known:
        told = (
            "The plant file names no maintenance. Describe how things fail and what acting costs "
            "in a file as for gemel plan maintenance, and name it under `maintenance`."
        )
        return panel("What is replaced when?", h("p", told, cls="empty"))
    names = [one["name"] for one in known]
    name = around.query.get("name", "")
    name = name if name in names else names[0]
    shown = Part("maintenance", await _all(viewer, known, name))

    async def look_again() -> None:
        shown.show(await _all(viewer, known, name))

    viewer.refresh(look_again)
    return shown.html


async def _all(viewer: Viewer, known: list[Plain], name: str) -> Html:
    told = await viewer.client.maintenance(name)
    others = [
        h("a", one["title"], href=f"/maintenance?name={one['name']}",
          cls="on" if one["name"] == name else None)
        for one in known
    ]  # fmt: skip
    aside = h("span", others, cls="spans") if len(known) > 1 else told["title"]
    found = told["found"]
    parts: list[Child] = []
    if told["trouble"]:
        parts.append(h("p", f"It could not be worked out: {told['trouble']}", cls="what"))
    if found is None:
        if not told["trouble"]:
            parts.append(h("p", "It is being worked out …", cls="empty"))
        return panel("What is replaced when?", *parts, aside=aside)
    schedule = None
    if told["schedule"]:
        schedule = await viewer.client.schedule(told["schedule"])
    made = viewer.clock(told["made"])
    return join(
        panel("What is replaced when?", *parts, _table(viewer, found),
              h("p", f"Worked out at {made}; again when a prognostic, a file or the schedule says "
                "something else.", cls="faint"), aside=aside),
        panel("What waiting costs", _curves(found)),
        _visits(viewer, told, found),
        _room(viewer, told, found, schedule),
    )  # fmt: skip


def _money(found: Plain, value: float | None) -> str:
    if value is None:
        return ""
    return f"{figure(float(f'{value:.4g}'))} {found['currency']}".strip()


def _table(viewer: Viewer, found: Plain) -> Html:
    rows: list[tuple[Child, ...]] = []
    for one in found["assets"].values():
        if "trouble" in one:
            rows.append((one["title"], one["trouble"], "", "", "", "", "", ""))
            continue
        saves, waits = one["saves"], one["to_failure"]
        share = "" if not saves or not waits else f"{100 * saves / waits:.0f} %"
        rows.append(
            (h("b", one["title"]), _capital(one["what"]),
             _when(viewer, one["due"]) if one["due"] else "",
             _money(found, one["cost"]), _money(found, waits), share, span(one["age"]),
             _band(one["prognosis"]))
        )  # fmt: skip
    heads = ("Asset", "What to do", "Due", f"Costs per {_one(found['period'])}", "Run to failure",
             "Saves", "Age", "Remaining life, 90 %")  # fmt: skip
    return table(heads, rows, numeric=(3, 4, 5, 6))


def _one(period: str) -> str:
    """'1 d' as 'day': a cost per period reads better so."""
    one = period.removeprefix("1 ")
    return {"d": "day", "h": "hour", "w": "week"}.get(one, one)


def _minute(viewer: Viewer, moment: str) -> str:
    """A time without its seconds: plans have none."""
    return re.sub(r"(\d\d:\d\d):\d\d", r"\1", viewer.clock(moment))


def _when(viewer: Viewer, moment: str) -> str:
    """Days for what is weeks away, minutes for what is near."""
    text = _minute(viewer, moment)
    day, _, hours = text.rpartition(" ")
    return day if day and ":" in hours else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _band(prognosis: Plain | None) -> str:
    if prognosis is None:
        return ""
    ends = f"[{span(prognosis['low'])}, {span(prognosis['high'])}]"
    return f"{span(prognosis['life'])} {ends} · {prognosis['told_by']}"


def _curves(found: Plain) -> Html:
    drawings: list[Child] = []
    for one in found["assets"].values():
        if "trouble" in one:
            continue
        picture = cost_curve(one, f"per {_one(found['period'])}")
        if picture is None:
            continue
        notes = "; ".join(one["notes"])
        drawings.append(
            h("div", h("p", h("b", one["title"]), f" · {one['what']} ({one['policy']})"), picture,
              h("p", notes, cls="faint") if notes else None)
        )  # fmt: skip
    if not drawings:
        return h("p", "No asset is replaced at an age or a moment.", cls="empty")
    per = f"{found['currency']} per {_one(found['period'])}".strip()
    words = f"{per} in the long run, by the time of replacement; blue: when it will probably fail."
    return join(h("p", words, cls="faint"), h("div", drawings, cls="drawings"))


def _visits(viewer: Viewer, told: Plain, found: Plain) -> Html | None:
    visits = found["visits"]
    if visits is None:
        return None
    now = datetime.fromisoformat(told["now"])
    last = max(datetime.fromisoformat(v["start"]) for v in visits["visits"])
    least = (max(last - now, timedelta(days=1))) / _WIDTHS
    rows = []
    for k, visit in enumerate(visits["visits"], 1):
        start = datetime.fromisoformat(visit["start"])
        for work in visit["work"]:
            title = found["assets"][work["asset"]]["title"]
            lasts = timedelta(microseconds=work["lasts"] / 1_000)
            rows.append({
                "operation": f"Visit {k}, {span(work['lasts'])}:", "order": f"Visit {k}",
                "product": title, "machine": title, "start": visit["start"],
                "end": (start + max(lasts, least)).isoformat(), "fixed": False, "ghost": None,
            })  # fmt: skip
    plan = {"rows": rows, "late": [], "down": []}
    shown = {"now": told["now"], "machines": {}}
    saved = (
        f"{many(len(rows), 'replacement')} in {many(len(visits['visits']), 'visit')}: "
        f"{_money(found, visits['saved'])} less than each by itself."
    )
    left = [found["assets"][n]["title"] for n in visits["left_out"]]
    beside = f" Not planned for a time: {', '.join(left)}." if left else ""
    return panel("What is done together", h("p", saved + beside, cls="what"),
                 gantt(plan, shown, viewer.zone, movable=False))  # fmt: skip


def _room(viewer: Viewer, told: Plain, found: Plain, schedule: Plain | None) -> Html | None:
    """Between which orders the work fits."""
    wanted = {n: o for n, o in found["assets"].items() if o.get("windows")}
    if schedule is None or not (schedule["held"] or schedule["proposed"]):
        if not told["schedule"]:
            return None
        words = "No plan holds: make one on the page Schedule, and the line's gaps are shown here."
        return panel("When the line has time", h("p", words, cls="empty"))
    plan = dict(schedule["held"] or schedule["proposed"])
    if not wanted:
        words = "Nothing that needs the line to stand is due before the plan ends."
        return panel("When the line has time", h("p", words, cls="empty"))
    items, rows = [], list(plan["rows"])
    for one in wanted.values():
        first = one["windows"][0]
        items.append(h("li", h("b", one["title"]), f": {_said(viewer, one, first)}"))
        rows.append({
            "operation": one["title"], "order": one["title"], "product": "", "machine":
            f"{one['machine']} stands", "start": first["start"], "end": first["end"],
            "fixed": True, "ghost": None,
        })  # fmt: skip
    machines: Plain = {one["machine"]: {} for one in wanted.values()}
    plan["rows"] = [r for r in rows if r["machine"] in machines or r["machine"].endswith(" stands")]
    plan["rows"] = [r | {"ghost": None} for r in plan["rows"]]
    shown = {"now": told["now"], "machines": machines}
    return panel("When the line has time", h("ul", items, cls="told"),
                 gantt(plan, shown, viewer.zone, movable=False),
                 aside=f"plan {plan['number']}, page Schedule")  # fmt: skip


def _said(viewer: Viewer, one: Plain, window: Plain) -> str:
    place = f"after {window['after']}" if window["after"] else "now, before anything runs"
    text = f"{place}, at {_minute(viewer, window['start'])}, for {span(one['lasts'])}"
    if window["before"] and window["pushed"]:
        text += f"; {window['before']} begins {span(window['pushed'])} later"
    late = f"orders are {span(window['late'])} later than they should be" if window["late"] else ""
    text += f"; {late}" if late else "; no order is late for it"
    if not one["in_time"]:
        text = f"it will probably fail before the line has time. Stop it now, or at best {text}"
    others = one["windows"][1:]
    if others:
        times = ", ".join(_minute(viewer, w["start"]) for w in others)
        text += f". Else: {times}"
    return text + "."
