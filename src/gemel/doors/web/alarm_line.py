"""The line on top of every page: the most urgent alarm that nobody has taken on."""

from __future__ import annotations

from typing import Any

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Html, form, h, label, words
from gemel.doors.web.viewer import Viewer

__all__ = [
    "PRIORITIES",
    "act",
    "answer",
    "aside",
    "controls",
    "priority",
    "show",
    "standing",
    "waiting",
]

PRIORITIES = ("critical", "high", "medium", "low")


def standing(alarms: Plain | None) -> list[Plain]:
    """Alarms that are in the operator's list, most urgent first."""
    return sorted(
        (alarms or {}).get("items", []), key=lambda item: (not waiting(item), _rank(item))
    )


def aside(alarms: Plain | None) -> list[Plain]:
    """Alarms that are put aside, for a time or by design."""
    return list((alarms or {}).get("aside", []))


def answer(viewer: Viewer, item: Plain) -> str:
    """Until when somebody must have acted."""
    by = item.get("respond_by")
    if not by:
        return ""
    return f"answer {'was due' if item.get('overdue') else 'due'} {viewer.clock(by)}"


def waiting(item: Plain) -> bool:
    """Whether nobody has taken it on."""
    return "unacknowledged" in item["state"]


def _rank(item: Plain) -> int:
    word = item["priority"]
    return PRIORITIES.index(word) if word in PRIORITIES else len(PRIORITIES)


def priority(word: str) -> Html:
    """The word of a priority, with its colour and its shape."""
    known = word if word in PRIORITIES else "low"
    return h("span", word.capitalize(), cls=f"priority {known}")


def show(viewer: Viewer, alarms: Plain | None) -> Html:
    """The line; nothing for a plant without alarms."""
    if alarms is None:
        return Html("")
    items = standing(alarms)
    first = next((item for item in items if waiting(item)), None)
    if first is None:
        said = f"{len(items)} acknowledged" if items else "none active"
        return h("div", "No alarm waits for an answer · ", said, cls="alarm-line none")
    more = sum(1 for item in items if waiting(item)) - 1
    facts: list[Any] = [
        words(str(first.get("asset") or "")),
        f"since {viewer.clock(first['since'])}",
        *(first.get("why") or [])[:1],
        answer(viewer, first),
        f"{more} more wait" if more > 0 else None,
    ]
    return h(
        "div",
        priority(first["priority"]),
        h("span", h("b", first["title"] or first["name"]), " · ".join(f for f in facts if f),
          cls="text"),
        controls(viewer, first),
        cls=f"alarm-line {first['priority']}",
        role="alert",
    )  # fmt: skip


def controls(viewer: Viewer, item: Plain) -> Html:
    """What one can do with an alarm now."""
    if not viewer.may("operator"):
        return Html("")
    if item["state"] == "shelved":
        return form("unshelve", h("button", "Bring back", type="submit"), alarm=item["id"])
    if item["state"] in ("suppressed by design", "out of service"):
        return Html("")
    parts: list[Html] = []
    if waiting(item):
        parts.append(form("acknowledge", h("button", "Acknowledge", type="submit"),
                          alarm=item["id"]))  # fmt: skip
    if item["state"] == "latched acknowledged":
        parts.append(form("reset", h("button", "Reset", type="submit"), alarm=item["id"]))
    shelve = form(
        "shelve",
        label("Minutes", "minutes", 60, type="number", min=1, max=1440, required=True),
        label("Reason", "reason", "", required=True, maxlength=200),
        submit="Shelve",
        alarm=item["id"],
    )
    parts.append(h("details", h("summary", "Shelve", cls="button"), h("div", shelve, cls="popup")))
    return Html("".join(parts))


def act(viewer: Viewer) -> None:
    """Actions on alarms, for every page."""

    async def acknowledge(told: Plain) -> str:
        await viewer.client.acknowledge(told["alarm"])
        return "Acknowledged"

    async def shelve(told: Plain) -> str:
        await viewer.client.shelve(told["alarm"], float(told["minutes"]), told["reason"])
        return f"Shelved for {told['minutes']} min"

    async def unshelve(told: Plain) -> str:
        await viewer.client.unshelve(told["alarm"])
        return "Back in the list"

    async def reset(told: Plain) -> str:
        await viewer.client.reset(told["alarm"])
        return "Reset"

    viewer.on("acknowledge", acknowledge)
    viewer.on("shelve", shelve)
    viewer.on("unshelve", unshelve)
    viewer.on("reset", reset)
