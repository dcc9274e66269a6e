"""Alarms: what must somebody do now, and how good is the alarm system itself?"""

from __future__ import annotations

from typing import Any

from gemel.client.asynchronous import Plain
from gemel.doors.web import alarm_line
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, figure, h, join, panel, table
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    history = await viewer.client.events("alarm", start="-7d", limit=200)
    active = Part("active", _active(viewer, around.alarms))
    kpis = Part("alarm-kpis", _kpis(around.alarms))
    past = Part("past", _history(viewer, history))

    async def look_again() -> None:
        active.show(_active(viewer, around.alarms))
        kpis.show(_kpis(around.alarms))
        past.show(_history(viewer, await viewer.client.events("alarm", start="-7d", limit=200)))

    viewer.refresh(look_again)
    return join(active.html, kpis.html, past.html)


def _active(viewer: Viewer, alarms: Plain | None) -> Html:
    if alarms is None:
        return panel(
            "Active alarms",
            h("p", "This plant has no alarms yet. Write them under 'alarms' in the ",
              h("a", "plant file", href="/plant-file"),
              ": what is abnormal, what happens if nobody acts, and what to do.", cls="empty"),
        )  # fmt: skip
    items = alarm_line.standing(alarms)
    aside = alarm_line.aside(alarms)
    rows = [_row(viewer, item) for item in [*items, *aside]]
    body = (
        table(("Priority", "Alarm", "Since", "State", "What to do", ""), rows)
        if rows
        else h("p", "No alarm is active.", cls="empty")
    )
    unseen = sum(1 for item in items if alarm_line.waiting(item))
    said = f"{unseen} wait, {len(items)} active, {len(aside)} put aside"
    return panel("Active alarms", body, aside=said)


def _row(viewer: Viewer, item: Plain) -> tuple[Any, ...]:
    marks = [
        word
        for word, on in (
            ("first out", item.get("first_out")),
            ("chattering", item.get("chattering")),
            ("active for more than a day", item.get("stale")),
            ("cannot be evaluated", item.get("evaluable") is False),
        )
        if on
    ]
    what = [
        h("div", h("b", item["title"] or item["name"]), f" {' · '.join(marks)}"),
        h("div", item.get("asset"), cls="quiet"),
        [h("div", why, cls="quiet") for why in item.get("why") or []],
    ]
    state = [h("div", item["state"])]
    if item.get("acknowledged_by"):
        state.append(h("div", f"by {item['acknowledged_by']}", cls="quiet"))
    if item.get("shelved_until"):
        state.append(h("div", f"until {viewer.clock(item['shelved_until'])}", cls="quiet"))
    todo = [
        h("div", item.get("response") or "—"),
        h("div", f"else: {item['consequence']}", cls="quiet") if item.get("consequence") else None,
        h("div", alarm_line.answer(viewer, item), cls="quiet"),
    ]
    act = h("div", alarm_line.controls(viewer, item), cls="buttons", style="margin:0")
    return (alarm_line.priority(item["priority"]), what, viewer.clock(item["since"]), state, todo,
            act)  # fmt: skip


_KPIS = (
    ("annunciated", "Alarms in 24 h", 1, ""),
    ("rate", "In ten minutes, per operator", 1, "; the target is 1, the bound 2"),
    ("peak", "Most in ten minutes", 1, ""),
    ("flood_share", "Time in a flood", 100, " %"),
    ("top_share", "Share of the ten most frequent", 100, " %"),
    ("acknowledge_seconds", "Mean time until acknowledged", 1, " s"),
    ("acknowledged", "Acknowledged", 1, ""),
)


def _kpis(alarms: Plain | None) -> Html:
    """How good the alarm system itself is."""
    found = (alarms or {}).get("kpis") or {}
    rows = []
    for name, title, factor, unit in _KPIS:
        if name in found:
            value = found[name]
            text = "unknown" if value is None else f"{figure(value * factor)}{unit}"
            rows.append((h("dt", title), h("dd", text)))
    flooded = (alarms or {}).get("flooded") or []
    if flooded:
        rows.insert(0, (h("dt", "Flooded now"), h("dd", ", ".join(o or "all" for o in flooded))))
    if not rows:
        return Html("")
    return panel("The alarm system itself", h("dl", rows, cls="facts"), aside="ISA-18.2")


def _history(viewer: Viewer, events: list[Plain]) -> Html:
    rows = [
        (
            viewer.clock(event["time"]),
            alarm_line.priority(str(event["payload"].get("priority", "low"))),
            [h("b", event["payload"].get("title") or event["subject"]), " ",
             h("span", event["subject"], cls="quiet")],
            " → ".join(
                str(event["payload"][k]) for k in ("before", "state") if event["payload"].get(k)
            ) or ("ended" if event["end"] else "active"),
            event["payload"].get("actor") or "",
            event["payload"].get("reason") or "; ".join(event["payload"].get("because") or []),
        )
        for event in events
    ]  # fmt: skip
    body = (
        table(("Time", "Priority", "Alarm", "Change", "By", "Why"), rows)
        if rows
        else h("p", "Nothing in the last seven days.", cls="empty")
    )
    return panel("History, 7 days", body, aside=f"{len(rows)} changes")
