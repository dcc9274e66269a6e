"""Advice: what is proposed, what was decided, and what would you do?"""

from __future__ import annotations

import asyncio

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards, commands
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, figure, h, join, panel, table, words
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]


class _Facts:
    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.findings: list[Plain] = []
        self.journal: Plain | None = None

    async def ask(self) -> None:
        client = self.around.viewer.client
        self.findings, self.journal = await asyncio.gather(
            client.findings(start="-24h", limit=20), client.journal()
        )


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    facts = _Facts(around)
    await facts.ask()
    viewer = around.viewer
    waiting = Part("waiting", _waiting(viewer, around.proposals))
    stopping = Part("switch", commands.switch(viewer, around.proposals))
    noticed = Part("noticed", _findings(viewer, facts.findings))
    decided = Part("decided", _decided(viewer, around.proposals))
    journal = Part("journal", _journal(viewer, facts.journal))

    async def look_again() -> None:
        await facts.ask()
        waiting.show(_waiting(viewer, around.proposals))
        stopping.show(commands.switch(viewer, around.proposals))
        noticed.show(_findings(viewer, facts.findings))
        decided.show(_decided(viewer, around.proposals))
        journal.show(_journal(viewer, facts.journal))

    viewer.refresh(look_again)
    cards.act(viewer)
    commands.act(viewer)
    own = h("div", commands.own(viewer, around.proposals))
    left = h("div", waiting.html, own, stopping.html, cls="stack")
    right = h("div", noticed.html, decided.html, cls="stack")
    return join(h("div", left, right, cls="columns"), journal.html)


def _waiting(viewer: Viewer, proposals: Plain | None) -> Html:
    if proposals is None:
        told = "This Gemel proposes nothing: name reasoners in the plant file, and arm commands."
        return panel("Proposals", h("p", told, cls="empty"))
    items = [p for p in proposals["items"] if p["waiting"]]
    body = [cards.proposal(viewer, p) for p in items] or [
        h("p", "Nothing waits for a decision.", cls="empty")
    ]
    problem = h("p", proposals["problem"], cls="why") if proposals.get("problem") else None
    return panel("Proposals", problem, body, aside=f"{len(items)} wait")


def _findings(viewer: Viewer, findings: list[Plain]) -> Html:
    shown = [cards.finding(viewer, f) for f in findings[:6]]
    body = shown or [h("p", "Nothing was noticed in the last 24 hours.", cls="empty")]
    return panel("Findings", body, aside="24 h")


def _decided(viewer: Viewer, proposals: Plain | None) -> Html:
    items = [p for p in (proposals or {}).get("items", []) if not p["waiting"]]
    if not items:
        return Html("")
    return panel("Decided", [cards.proposal(viewer, p) for p in items[:6]])


def _journal(viewer: Viewer, journal: Plain | None) -> Html:
    if journal is None:
        return Html("")
    rows = [
        (
            viewer.clock(entry["time"]),
            entry["kind"],
            entry["subject"],
            _said(entry["payload"]),
            entry["actor"],
            h("code", entry["hash"][:12]),
        )
        for entry in journal["items"]
    ]
    faults = journal.get("faults") or []
    intact = journal["verified"]
    said = "hash chain verified" if intact else "HASH CHAIN BROKEN: entries were changed"
    body = (
        table(("Time", "Step", "About", "What", "By", "Hash"), rows)
        if rows
        else h("p", "Nothing was decided yet.", cls="empty")
    )
    return panel("Journal", h("ul", [h("li", fault) for fault in faults]), body, aside=said)


def _said(payload: Plain) -> str:
    """What an entry carries, in a line: the words first, then the numbers."""
    inner = payload.get("proposal")
    merged = {**inner, **payload} if isinstance(inner, dict) else payload
    parts = [
        str(merged[name]) for name in ("title", "reason", "note", "within") if merged.get(name)
    ]
    value = merged.get("value")
    if value is not None:
        parts.insert(1, f"{figure(value)} {merged.get('unit') or ''}".strip())
    if parts:
        return " · ".join(parts)
    plain = [(k, v) for k, v in merged.items() if isinstance(v, (str, int, float)) and v != ""]
    return ", ".join(f"{words(k)} {figure(v)}" for k, v in plain[:4])
