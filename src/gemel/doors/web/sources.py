"""How each source is doing, in words: connected is not fresh."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Html, ago, figure, h

__all__ = ["dot", "strip", "troubled", "truth"]

BEHIND_S = 10.0
"""A source whose newest sample came later than this is behind."""
SILENT_S = 30.0
"""A source that is connected and has sent nothing for this long is not fresh."""


def truth(link: Plain, now: int) -> tuple[str, str]:
    """``good``, ``waiting`` or ``wrong``, and the words for it."""
    state = link["state"]
    if state == "stopped" and link["reason"] in ("at its end", "stopped"):
        return "waiting", link["reason"]
    if state in ("starting", "stopped"):
        return "wrong", f"not connected for {ago((now - link['since']) / 1e9)}"
    if link["last_received"] is None:
        return "waiting", "nothing received yet"
    silent = (now - link["last_received"]) / 1e9
    lag = (link["lag"] or 0) / 1e9
    if state == "degraded":
        return "wrong", f"{len(link['bad_items'])} of {link['signals']} signals missing"
    if silent > SILENT_S:
        return "wrong", f"nothing for {ago(silent)}"
    if lag > BEHIND_S:
        return "wrong", f"{ago(lag)} behind"
    return "good", "fresh" if lag < 1 else f"{ago(lag)} behind"


def troubled(link: Plain, now: int) -> bool:
    """Whether somebody should look at the source."""
    return truth(link, now)[0] == "wrong"


def dot(kind: str) -> Html:
    """The shape of a state: full when good, hollow while waiting, a diamond when wrong."""
    cls = {"good": "dot", "waiting": "dot hollow", "wrong": "dot wrong"}[kind]
    return h("span", cls=cls)


def strip(status: Plain) -> Html:
    """The sources in the header."""
    now = int(status["now"])
    links = status["connectors"]
    shown = []
    for link in sorted(links, key=lambda c: not troubled(c, now))[:4]:
        kind, said = truth(link, now)
        text = f"{link['name']} {figure(link['signals'])} signals · {said}"
        shown.append(h("a", dot(kind), text, href="/connections", cls="g-source",
                       title=link["reason"] or None))  # fmt: skip
    if len(links) > 4:
        shown.append(h("a", f"and {len(links) - 4} more", href="/connections", cls="g-source"))
    return h("div", shown, cls="g-sources")
