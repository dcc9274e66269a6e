"""Connections: does every source deliver, and what is missing?"""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web import sources
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, ago, figure, h, join, many, moment, panel, table
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_STATES = {
    "starting": "not connected, trying",
    "active": "connected",
    "degraded": "connected, some signals cannot be had",
    "stopped": "stopped",
}


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    gaps = await viewer.client.events("gap", limit=200)
    links = Part("links", _links(viewer, around.status))
    missing = Part("gaps", _gaps(viewer, gaps))

    async def look_again() -> None:
        links.show(_links(viewer, around.status))
        missing.show(_gaps(viewer, await viewer.client.events("gap", limit=200)))

    viewer.refresh(look_again)
    return join(links.html, missing.html)


def _links(viewer: Viewer, status: Plain) -> Html:
    links = status["connectors"]
    if not links:
        told = "The plant file names no sources yet. `gemel discover ADDRESS` writes them."
        return panel("Sources", h("p", told, cls="empty"))
    now = int(status["now"])
    return h("div", [_link(viewer, link, now) for link in links], cls="stack")


def _link(viewer: Viewer, link: Plain, now: int) -> Html:
    kind, said = sources.truth(link, now)
    last = link["last_received"]
    facts = [
        ("State", _STATES[link["state"]]),
        ("Since", f"{viewer.clock(link['since'])}, {ago((now - link['since']) / 1e9)}"),
        ("Reason", link["reason"] or "—"),
        ("Last sample arrived", "never" if last is None else f"{ago((now - last) / 1e9)} ago"),
        ("Behind its source", "unknown" if link["lag"] is None else ago(link["lag"] / 1e9)),
    ]
    counts = [
        ("Signals", link["signals"]),
        ("Samples received", link["received"]),
        ("Rejected", link["rejected"]),
        ("Lost before they arrived", link["lost"]),
        ("Refilled from the source", link["refilled"]),
        ("Times connected", link["sessions"]),
    ]
    left = h("dl", [(h("dt", n), h("dd", v)) for n, v in facts], cls="facts")
    right = h("dl", [(h("dt", n), h("dd", figure(v))) for n, v in counts], cls="facts")
    wrong = [*link["bad_items"].items()]
    rejected = [*link["reasons"].items()]
    odd = [(what, figure(times)) for what, times in link["notes"].items()]
    return panel(
        join(sources.dot(kind), link["name"]),
        h("div", left, right, cls="columns"),
        _listed("Signals that cannot be had", wrong) if wrong else None,
        _listed("Why samples were rejected", [(r, f"{figure(n)} samples") for r, n in rejected])
        if rejected
        else None,
        _listed("What was odd, and cost no sample", odd) if odd else None,
        aside=said,
    )


def _listed(title: str, rows: list[tuple[str, str]]) -> Html:
    more = len(rows) - 50
    body = h("dl", [(h("dt", a), h("dd", b)) for a, b in rows[:50]], cls="facts")
    tail = h("p", f"and {more} more", cls="quiet") if more > 0 else None
    return h("div", h("h3", title, cls="quiet"), body, tail, style="margin-top:12px")


def _gaps(viewer: Viewer, gaps: list[Plain]) -> Html:
    rows = [
        (
            gap["subject"],
            viewer.clock(gap["time"]),
            _length(viewer, gap),
            "refilled" if gap["payload"].get("refilled") else "missing",
            figure(gap["payload"].get("rows", 0)),
            gap["payload"].get("reason", ""),
        )
        for gap in gaps
    ]
    body = (
        table(("Source", "From", "Length", "Now", "Samples", "Reason"), rows, numeric=(2, 4))
        if rows
        else h("p", "Nothing is missing.", cls="empty")
    )
    lost = sum(1 for g in gaps if not g["payload"].get("refilled"))
    return panel(
        "Gaps", body, aside=f"{many(len(gaps), 'gap')}, {lost} not refilled" if gaps else None
    )


def _length(viewer: Viewer, gap: Plain) -> str:
    start, end = moment(gap["time"]), moment(gap["end"])
    if start is None:
        return "—"
    if end is None:
        return f"{ago((viewer.now - start) / 1e9)}, lasts"
    return ago((end - start) / 1e9)
