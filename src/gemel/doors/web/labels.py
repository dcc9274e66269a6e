"""Labels: was it so? What people said of findings, and how often detectors were wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, figure, h, join, panel, table, words
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_SHOWN = 12


class _Facts:
    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.labels: Plain = {}
        self.findings: list[Plain] = []
        self.detectors: list[Plain] = []

    async def ask(self) -> None:
        client = self.viewer.client
        self.labels, self.findings, self.detectors = await asyncio.gather(
            client.labels(), client.findings(start="-7d"), client.detectors()
        )

    def open(self) -> list[Plain]:
        """Findings that nobody has answered."""
        said = {item["finding"] for item in self.labels["items"]}
        return [f for f in self.findings if f["id"] not in said and f["cause"] not in said]


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    facts = _Facts(viewer)
    await facts.ask()
    shown: dict[str, Callable[[], Html]] = {
        "open": lambda: _open(viewer, facts.open()),
        "observed": lambda: _observed(facts),
        "said": lambda: _said(viewer, facts.labels["items"]),
    }
    parts = {name: Part(name, content()) for name, content in shown.items()}

    async def look_again() -> None:
        await facts.ask()
        for name, content in shown.items():
            parts[name].show(content())

    viewer.refresh(look_again)
    cards.act(viewer)
    return join(part.html for part in parts.values())


def _open(viewer: Viewer, findings: list[Plain]) -> Html:
    if not findings:
        told = "Every finding of the last seven days has its answer."
        return panel("Was it so?", h("p", told, cls="empty"))
    body = [cards.finding(viewer, f) for f in findings[:_SHOWN]]
    return panel("Was it so?", h("div", body, cls="cards"), aside=f"{len(findings)} not answered")


def _observed(facts: _Facts) -> Html:
    if not facts.labels["observed"]:
        return Html("")
    promised = {d["name"]: _promised(d.get("evidence") or {}) for d in facts.detectors}
    titles = {d["name"]: d["title"] for d in facts.detectors}
    rows = [
        (
            titles.get(o["detector"], o["detector"]),
            figure(o["findings"]),
            figure(o["right"]),
            figure(o["known"]),
            figure(o["wrong"]),
            figure(o["open"]),
            _rate(o),
            promised.get(o["detector"], ""),
        )
        for o in facts.labels["observed"]
    ]
    heads = ("Detector", "Findings", "Right", "Known", "Wrong", "Not answered",
             "False a day", "Promised")  # fmt: skip
    return panel("How often are detectors wrong?", table(heads, rows, numeric=range(1, 7)))


def _rate(observed: Plain) -> str:
    if observed["days"] < 1:
        return "too early to say"
    least, most = observed["false_per_day"]
    return figure(round(least, 2)) if least == most else f"{least:.2g} to {most:.2g}"


def _promised(evidence: Plain) -> str:
    for name in ("false_alarms", "rate", "alarm_rate"):
        if isinstance(evidence.get(name), (int, float)):
            return f"{100 * evidence[name]:.2g} % of rows above the limit"
    return "—"


def _said(viewer: Viewer, items: list[Plain]) -> Html:
    if not items:
        return Html("")
    rows = [
        (
            viewer.clock(item["time"]),
            words(item["asset"]),
            item["detector"],
            item["answer"],
            " · ".join(s for s in (item["cause"], item["note"]) if s),
            f"{item['actor']}, version {item['version']}",
        )
        for item in items
    ]
    heads = ("Finding of", "Asset", "Detector", "Answer", "Cause", "By")
    return panel("What was said", table(heads, rows), aside=f"{len(items)}")
