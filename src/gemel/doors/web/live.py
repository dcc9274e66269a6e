"""Live: is the line all right, and what wants a decision?"""

from __future__ import annotations

import asyncio
from typing import Any

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.alarm_line import standing
from gemel.doors.web.asset import asset_panel
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.line import Line, choose, groups, picture
from gemel.doors.web.markup import Html, data, figure, h, join, words
from gemel.doors.web.mimic import mimic
from gemel.doors.web.tiles import tiles
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_MOST = 24
"""Assets on one picture."""
_SPANS = (("10 min", 600), ("2 h", 7_200), ("8 h", 28_800), ("24 h", 86_400))


class _Facts:
    """What the page shows, and asks for again."""

    def __init__(self, around: Surroundings, wanted: str | None) -> None:
        self.around = around
        self.viewer: Viewer = around.viewer
        self.wanted = wanted
        self.kpis: Plain | None = None
        self.findings: list[Plain] = []
        self.machines: list[Plain] = []
        self.lines: list[str] = []
        self.name: str | None = None
        self.line = Line("")

    async def ask_plant(self) -> None:
        """The line with its machines; it changes only with the plant file."""
        known, found = await self.viewer.once("lines", self._lines)
        self.lines = list(found)
        self.name = choose(found, self.wanted)
        if self.name is None:
            return
        members = [asset["path"] for asset in found[self.name]][:_MOST]
        beside = [p for p in known if p.rpartition("/")[0] == self.name and p not in members]
        around = [path for path in (self.name, *beside[:_MOST]) if path in known]
        paths = [*members, *around]
        details = await self.viewer.once(
            ("line", self.name), lambda: self.viewer.client.descriptions(paths)
        )
        title = known[self.name]["title"] if self.name in known else words(self.name) or "Line"
        pointed = [c["signal"] for f in self.open_findings() for c in _contributions(f)]
        self.line = picture(title, details[: len(members)], details[len(members) :], pointed)

    async def _lines(self) -> tuple[dict[str, Plain], dict[str, list[Plain]]]:
        """The assets by path, and the machines by the line that they are part of."""
        assets = (await self.viewer.client.assets())["items"]
        return {asset["path"]: asset for asset in assets}, groups(assets)

    async def ask(self) -> None:
        """What changes from minute to minute."""
        client = self.viewer.client
        self.kpis, self.findings, self.machines = await asyncio.gather(
            client.kpis(), client.findings(start="-24h"), client.machines()
        )

    def open_findings(self) -> list[Plain]:
        """Findings that have not ended, newest first."""
        return [f for f in self.findings if f["end"] is None]

    def drawing(self) -> Html:
        """The mimic with what is abnormal now."""
        paths = {machine.path for machine in self.line.machines}
        abnormal: dict[str, str] = {}
        for item in reversed(standing(self.around.alarms)):
            abnormal |= {p: item["priority"] for p in paths if _about(item.get("asset"), p)}
        noticed = {
            p: str(f["payload"].get("title") or "not as usual")
            for f in self.open_findings()
            for p in paths
            if _about(f["subject"], p)
        }
        return h("div", mimic(self.line, abnormal, noticed), self._slow(), cls="mimic")

    def _slow(self) -> Html:
        """Which machine stands or holds the line up, since when and why; else a finding."""
        lines = [self._stop(m) for m in self.machines if m.get("stop")][:2]
        slow = [m for m in self.machines if m.get("slow")]
        if slow:
            lines.append(self._slowest(max(slow, key=lambda m: float(m["slow"]["share"]))))
        found = self.open_findings()
        if not lines and found:
            said = f"{words(found[0]['subject'])}: {found[0]['payload'].get('title')}"
            lines.append(h("p", f"{said}, since {self._since(found[0])}", cls="quiet"))
        return h("div", lines or h("p", "No open finding.", cls="quiet"))

    def _stop(self, machine: Plain) -> Html:
        stop = machine["stop"]
        said = f" stands since {self.viewer.clock(stop['since'])} · {stop['reason'] or 'unknown'}"
        return h("p", h("b", words(machine["asset"])), said, cls="quiet")

    def _slowest(self, machine: Plain) -> Html:
        slow = machine["slow"]
        said = f" slow since {self.viewer.clock(slow['since'])}"
        said += f" · {100 * float(slow['share']):.0f} % below its setpoint"
        if slow.get("lost"):
            said += f", {figure(round(slow['lost']))} pieces lost"
        if why := ", ".join(words(w["signal"]) for w in slow["why"][:2]):
            said += f" · moved with it: {why}"
        return h("p", h("b", words(machine["asset"])), said, cls="quiet")

    def _since(self, finding: Plain) -> str:
        return self.viewer.clock(finding["payload"].get("since") or finding["time"])

    def first_signal(self) -> Plain | None:
        """The signal worth drawing first: what an alarm or a finding points at, else quality."""
        machines = self.line.machines
        troubled = [item.get("asset") for item in standing(self.around.alarms)]
        for machine in sorted(machines, key=lambda m: m.path not in troubled):
            for signal in machine.values:
                if machine.path in troubled or signal["role"] == "quality":
                    return pick(machine.title, signal)
        for machine in machines:
            for shown in (*machine.values, machine.speed):
                if shown is not None:
                    return pick(machine.title, shown)
        return None


def pick(asset: str, signal: Plain) -> Plain:
    """What the chart must know of a signal."""
    kept = {name: signal[name] for name in ("path", "unit", "type", "labels")}
    return {**kept, "asset": asset, "title": words(signal["path"])}


def _contributions(finding: Plain) -> list[Plain]:
    return list(finding["payload"].get("contributions") or [])


def _about(subject: Any, path: str) -> bool:
    return isinstance(subject, str) and (subject == path or subject.startswith(path + "/"))


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    facts = _Facts(around, around.query.get("line"))
    await facts.ask()
    await facts.ask_plant()
    viewer = facts.viewer
    figures = Part("tiles", tiles(facts.kpis))
    drawing = Part("mimic", facts.drawing())
    opened = Part("asset", Html(""))
    advice = Part("advice", cards.advice(viewer, facts.around.proposals, facts.findings))

    async def look_again() -> None:
        await facts.ask()
        figures.show(tiles(facts.kpis))
        drawing.show(facts.drawing())
        advice.show(cards.advice(viewer, facts.around.proposals, facts.findings))

    async def show_asset(told: Plain) -> None:
        detail = await viewer.client.asset(told["path"])
        opened.show(asset_panel(viewer, detail))

    async def close_asset(_: Plain) -> None:
        opened.show(Html(""))

    viewer.refresh(look_again)
    viewer.on("asset", show_asset)
    viewer.on("close", close_asset)
    cards.act(viewer)
    line = h("section", h("div", _title(facts), cls="title"), drawing.html, cls="panel")
    left = h("div", line, opened.html, _chart(facts), cls="stack")
    return join(figures.html, h("div", left, advice.html, cls="live"))


def _title(facts: _Facts) -> Html:
    others = [
        h("a", words(name) or "plant", href=f"/?line={name}")
        for name in facts.lines[:8]
        if name != facts.name
    ]
    also = h("span", "also ", [(h("span", link), " ") for link in others]) if others else None
    return Html(h("h2", facts.line.title) + h("span", also, cls="end"))


def _chart(facts: _Facts) -> Html:
    limits = [
        {**limit, "priority": item["priority"]}
        for item in standing(facts.around.alarms)
        for limit in item.get("limits") or []
    ]
    spans = [
        h("button", name, type="button", data_chart_span=1_000 * seconds, cls="plain",
          aria_pressed="true" if seconds == _SPANS[0][1] else "false")
        for name, seconds in _SPANS
    ]  # fmt: skip
    return h(
        "section",
        h(
            "div",
            h("h2", "No signal", data_chart_title=True),
            h("span", data_chart_unit=True, cls="quiet"),
            h("span", h("button", "Follow", type="button", cls="hidden", data_chart_follow=True),
              spans, cls="end"),
            cls="title",
        ),
        h("div", cls="chart", data_chart=data(facts.first_signal()), data_limits=data(limits),
          data_span=1_000 * _SPANS[0][1]),
        cls="panel",
    )  # fmt: skip
