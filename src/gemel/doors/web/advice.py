"""Advice: what is proposed, what was decided, and what would you do?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import ui

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, data, figure, form, h, label, panel, table, words
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]


class _Facts:
    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.findings: list[Plain] = []
        self.journal: Plain | None = None
        self.commands: list[tuple[str, Plain]] = []

    async def ask(self) -> None:
        client = self.around.viewer.client
        self.findings, self.journal = await asyncio.gather(
            client.events("finding", start="-24h", limit=20), client.journal()
        )

    async def ask_commands(self) -> None:
        """Commands of all assets; they change only with the plant file."""
        client = self.around.viewer.client
        assets = (await client.assets(limit=200))["items"]
        details = await asyncio.gather(*(client.asset(a["path"]) for a in assets))
        self.commands = [
            (f"{d['path']}/{key}", command)
            for d in details
            for key, command in d["commands"].items()
        ]


async def build(around: Surroundings) -> Callable[[], None]:
    """See `gemel.doors.web.pages.Build`."""
    facts = _Facts(around)
    await facts.ask()
    await facts.ask_commands()
    return lambda: _draw(facts)


def _draw(facts: _Facts) -> None:
    viewer, around = facts.around.viewer, facts.around
    with ui.element("div").classes("columns"):
        with ui.element("div").classes("stack"):
            waiting = Part("waiting", _waiting(viewer, around.proposals))
            ui.html(_own(viewer, around.proposals, facts.commands), sanitize=False)
        with ui.element("div").classes("stack"):
            noticed = Part("noticed", _findings(viewer, facts.findings))
            decided = Part("decided", _decided(viewer, around.proposals))
    journal = Part("journal", _journal(viewer, facts.journal))

    async def look_again() -> None:
        await facts.ask()
        waiting.show(_waiting(viewer, around.proposals))
        noticed.show(_findings(viewer, facts.findings))
        decided.show(_decided(viewer, around.proposals))
        journal.show(_journal(viewer, facts.journal))

    async def command(told: Plain) -> str:
        answer = await viewer.client.command(told["command"], float(told["value"]), told["reason"])
        return str(answer.get("sentence") or "Proposed; it waits for its approval")

    viewer.refresh(look_again)
    viewer.on("command", command)
    cards.act(viewer)


def _waiting(viewer: Viewer, proposals: Plain | None) -> Html:
    if proposals is None:
        told = (
            "This Gemel proposes nothing yet: name reasoners in the plant file, and arm commands."
        )
        return panel("Proposals", h("p", told, cls="empty"))
    items = [p for p in proposals["items"] if p["state"] == "proposed"]
    body = [cards.proposal(viewer, p) for p in items] or [
        h("p", "Nothing waits for a decision.", cls="empty")
    ]
    return panel("Proposals", body, aside=f"{len(items)} wait")


def _own(viewer: Viewer, proposals: Plain | None, commands: list[tuple[str, Plain]]) -> Html:
    if not commands:
        return panel("A value of your own", h("p", "The plant file has no commands.", cls="empty"))
    armed = [name for name, command in commands if command["armed"]]
    if not viewer.may("operator"):
        return panel("A value of your own", h("p", "This needs the role operator.", cls="empty"))
    options = [
        h("option", f"{name} ({_limits(command)})" + ("" if command["armed"] else ", disarmed"),
          value=name, disabled=not command["armed"])
        for name, command in commands
    ]  # fmt: skip
    if proposals is None or not armed:
        told = (
            f"{len(commands)} commands are known and all are disarmed: nothing can be sent. "
            "Arm one in the plant file, with its envelope."
            if not armed
            else "Decisions are not running in this Gemel."
        )
        listed = [h("li", h("code", name), " ", h("span", _limits(c), cls="quiet"))
                  for name, c in commands]  # fmt: skip
        return panel("A value of your own", h("p", told, cls="empty"), h("ul", listed))
    fields = h(
        "div",
        h("label", "Command", h("select", options, name="command")),
        label("Value", "value", type="number", step="any", required=True),
        label("Reason", "reason", required=True, maxlength=200),
        cls="fields",
    )
    told = "It goes the same way as every proposal: envelope, approval, read-back, watch."
    return panel("A value of your own", form("command", fields, submit="Propose", stay=True),
                 h("p", told, cls="why quiet", style="margin-top:8px"))  # fmt: skip


def _limits(command: Plain) -> str:
    envelope = command["envelope"]
    low, high = envelope.get("low"), envelope.get("high")
    if low is None or high is None:
        return "no envelope"
    return f"{figure(low)} to {figure(high)}"


def _findings(viewer: Viewer, findings: list[Plain]) -> Html:
    shown = [cards.finding(viewer, f) for f in findings[:6]]
    body = shown or [h("p", "Nothing was noticed in the last 24 hours.", cls="empty")]
    return panel("Findings", body, aside="24 h")


def _decided(viewer: Viewer, proposals: Plain | None) -> Html:
    items = [p for p in (proposals or {}).get("items", []) if p["state"] != "proposed"]
    if not items:
        return Html("")
    return panel("Decided", [cards.proposal(viewer, p) for p in items[:6]])


def _journal(viewer: Viewer, journal: Plain | None) -> Html:
    if journal is None:
        return Html("")
    rows = [
        (
            viewer.clock(entry.get("time")),
            str(entry.get("kind") or entry.get("step") or ""),
            h("span", words(str(entry.get("asset") or entry.get("subject") or ""))),
            _said(entry),
            str(entry.get("actor") or entry.get("by") or ""),
            h("code", str(entry.get("hash") or "")[:12]),
        )
        for entry in journal.get("items", [])
    ]
    intact = journal.get("verified")
    said = (
        "hash chain verified"
        if intact
        else "hash chain not checked"
        if intact is None
        else "HASH CHAIN BROKEN: entries were changed"
    )
    body = (
        table(("Time", "Step", "Asset", "What", "By", "Hash"), rows)
        if rows
        else h("p", "Nothing was decided yet.", cls="empty")
    )
    return panel("Journal", body, aside=said)


def _said(entry: Plain) -> Any:
    for name in ("sentence", "text", "title"):
        if entry.get(name):
            return str(entry[name])
    payload = entry.get("payload")
    return data(payload) if payload else ""
