"""What is around every page: header, navigation, alarm line, story, and the line that speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from gemel.client.asynchronous import Plain
from gemel.doors.web import alarm_line, sources
from gemel.doors.web.markup import Html, data, h, join
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["NAVIGATION", "Surroundings", "frame"]

NAVIGATION = (
    ("/", "Live"),
    ("/trends", "Trends"),
    ("/alarms", "Alarms"),
    None,
    ("/health", "Health"),
    ("/quality", "Quality"),
    ("/models", "Models"),
    ("/labels", "Labels"),
    ("/line", "Line"),
    ("/what-if", "What-if"),
    ("/schedule", "Schedule"),
    ("/maintenance", "Maintenance"),
    ("/supply", "Supply"),
    ("/advice", "Advice"),
    None,
    ("/connections", "Connections"),
    ("/plant-file", "Plant file"),
)


class Surroundings:
    """What the frame shows of the plant; pages use it too, so that it is asked for once."""

    def __init__(self, viewer: Viewer, query: Mapping[str, str]) -> None:
        self.viewer = viewer
        self.query = query
        self.status: Plain = {}
        self.alarms: Plain | None = None
        self.proposals: Plain | None = None
        self.story: Plain | None = None
        self.order: Html = Html("")

    async def ask(self) -> None:
        """Bring it up to date."""
        client = self.viewer.client
        self.status, self.alarms, self.proposals, self.story = await asyncio.gather(
            client.status(), client.alarms(), client.proposals(), client.story()
        )
        self.viewer.now = int(self.status["now"])

    async def ask_order(self) -> None:
        """Find the signals that say which order runs."""
        self.order = await self.viewer.once("order", self._find_order)

    async def _find_order(self) -> Html:
        client = self.viewer.client
        orders = (await client.signals(role="order", limit=1))["items"]
        if not orders:
            return Html("")
        asset = orders[0]["path"].rpartition("/")[0]
        products, beside = await asyncio.gather(
            client.signals(role="product", limit=1),
            client.find("/api/asset", {"path": asset}),  # a key with a slash has none
        )
        known = (beside or {}).get("signals", [])
        return _order(orders[0]["path"], products["items"], known)

    def counts(self) -> dict[str, str]:
        """What stands beside the names in the navigation."""
        now = int(self.status["now"])
        alarms = alarm_line.standing(self.alarms)
        unseen = sum(1 for item in alarms if alarm_line.waiting(item))
        proposals = (self.proposals or {}).get("items", [])
        waits = sum(1 for p in proposals if p.get("waiting"))
        troubled = sum(1 for c in self.status["connectors"] if sources.troubled(c, now))
        problems = len(self.status["problems"])
        return {
            "/alarms": f"{unseen} · {len(alarms)}" if alarms else "",
            "/health": str(problems or ""),
            "/advice": str(waits or ""),
            "/connections": str(troubled or ""),
        }


def frame(around: Surroundings, active: str, content: Html) -> Html:
    """The page around its content; keeps itself up to date."""
    viewer = around.viewer
    strip = Part("sources", sources.strip(around.status))
    navigation = Part("navigation", _navigation(active, around.counts()))
    story = Part("story", _story(around.story))
    line = Part("alarm-line", alarm_line.show(viewer, around.alarms))
    drawn = around.status.get("plan")

    async def look_again() -> None:
        await around.ask()
        if around.status.get("plan") != drawn and active != "/plant-file":
            # What is drawn belongs to another plant file; who edits it must not lose the text.
            ui.navigate.reload()
            return
        strip.show(sources.strip(around.status))
        navigation.show(_navigation(active, around.counts()))
        story.show(_story(around.story))
        line.show(alarm_line.show(viewer, around.alarms))

    viewer.first(look_again)
    alarm_line.act(viewer)
    viewer.listen()
    left = h("div", _left(viewer, around.order), cls="start")
    right = h("div", strip.html, h("div", _right(viewer), cls="who"), cls="end")
    lost = h("div", cls="g-lost hidden", role="alert")
    page = h(
        "div",
        h("div", h("header", left, right), cls="g-head"),
        h("div", navigation.html, cls="g-nav"),
        h("main", lost, story.html, line.html, content, cls="g-main"),
        cls="g-frame",
        data_zone=viewer.plant["time_zone"],
    )
    return join(page, h("div", cls="g-said hidden", role="status"))


def _left(viewer: Viewer, order: Html) -> Html:
    place = [viewer.plant[key] for key in ("enterprise", "site", "area") if viewer.plant.get(key)]
    parts: list[Any] = []
    for i, name in enumerate(place):
        parts += [h("i", "/") if i else None, h("b" if i == len(place) - 1 else "span", name)]
    return Html(
        h("a", "Gemel", href="/", cls="name")
        + h("span", parts, cls="g-place")
        + h("span", order, cls="g-order")
    )


def _right(viewer: Viewer) -> Html:
    shifts = data(viewer.plant.get("shifts", []))
    who = viewer.name if viewer.name == viewer.role else f"{viewer.name}, {viewer.role}"
    return Html(
        h("span", data_clock=shifts, cls="nowrap")
        + h("span", who)
        + h("button", "Dark", type="button", cls="plain", data_theme_switch=True)
        + h("button", "Log out", type="button", cls="plain", data_log_out=True)
    )


def _order(order: str, products: list[Plain], beside: list[Plain]) -> Html:
    """The order that runs, its product, and how much of it is done, where signals say so."""
    asset = order.rpartition("/")[0]
    paths = {signal["path"] for signal in beside}
    done, planned = f"{asset}/done_quantity", f"{asset}/planned_quantity"
    share = product = None
    if {done, planned} <= paths:
        share = h("span", " · ", h("span", data_signal=done, data_of=planned, data_format="share"))
    if products:
        path = products[0]["path"]
        product = h("span", " · ", h("span", "—", data_signal=path), cls="long")
    return h("span", "Order ", h("span", "—", data_signal=order), product, share)


def _navigation(active: str, counts: dict[str, str]) -> Html:
    links = []
    for entry in NAVIGATION:
        if entry is None:
            links.append(h("hr"))
            continue
        path, name = entry
        here = "page" if path == active else None
        links.append(h("a", name, h("span", counts.get(path, "")), href=path, aria_current=here))
    return h("nav", links, aria_label="Pages")


def _story(story: Plain | None) -> Html:
    steps = (story or {}).get("steps") or []
    if not steps:
        return Html("")
    now = (story or {}).get("now")
    here = next((s for s in steps if s.get("key") == now), steps[0])
    marks = [
        h("li", step["title"], cls="now" if step is here else "done" if step.get("done") else None)
        for step in steps
    ]
    link = h("a", "Show", href=here["link"]) if _inside(here.get("link")) else None
    evidence = h("span", here.get("evidence"), cls="quiet")
    told = h("p", here["text"], " ", evidence, " ", link)
    return h("section", h("ol", marks), told, cls="story", aria_label="Story")


def _inside(link: Any) -> bool:
    """Whether a link stays on this host."""
    return isinstance(link, str) and link.startswith("/") and not link.startswith("//")
