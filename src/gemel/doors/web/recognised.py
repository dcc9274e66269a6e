"""What is it? What the cards of a task `fault` show: the class, how sure, why, and when before."""

from __future__ import annotations

from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.doors.web.chances import percent
from gemel.doors.web.markup import Child, Html, figure, h, join, words
from gemel.doors.web.viewer import Viewer

__all__ = ["recognised"]

_SHOWN = 4
_ALIKE = 0.7
_LEAST = 0.02
"""Shares and probabilities below this are not shown."""


def recognised(viewer: Viewer, task: Plain, old: Html | None) -> Html:
    """What the newest rows are like; `old` says of what age they are, where that is to be said."""
    last = task["last"]
    why = last["why"] or {}
    new, cause = why.get("new"), why.get("cause") or "not known"
    what, sure, far = (f"/trends?signal={quote(p, safe='')}" for p in task["outputs"])
    told: Child
    if new:
        told = h("span", f"{figure(_short(why['novelty']))} times as far from what is known as it "
                 f"may be; the nearest is {why['nearest']}", cls="quiet")  # fmt: skip
    else:
        told = h("span", percent(why["probability"]) if why.get("cause") else "", cls="quiet")
    links = [h("a", "Trend", href=what), " · ", h("a", "how sure", href=sure), " · ",
             h("a", "how unlike", href=far)]  # fmt: skip
    near = [a for a in why.get("alike", []) if a["alike"] >= _ALIKE]
    return join(
        h("p", h("b", cause, cls="big"), " ", told, old, cls="what"),
        h("p", links, cls="what"),
        None if new else _classes(why),
        _reasons(task, why),
        h("p", "Most like ", "; ".join(
            f"{a['cause']} of {viewer.clock(a['time'])} ({100 * a['alike']:.0f} %)" for a in near
        ), cls="why") if near else None,
    )  # fmt: skip


def _classes(why: Plain) -> Html | None:
    """What else it may be."""
    likely = [one for one in why.get("classes", [])[:_SHOWN] if one["probability"] >= _LEAST]
    if len(likely) < 2:
        return None
    rows: list[Child] = [
        (h("dt", one["name"]), h("dd", percent(one["probability"]),
           h("small", f" {100 * one['low']:.0f} to {100 * one['high']:.0f} % row by row")))
        for one in likely
    ]  # fmt: skip
    return h("dl", rows, cls="facts")


def _reasons(task: Plain, why: Plain) -> Html | None:
    every = sum(abs(s["share"]) for s in why.get("shares", [])) or 1.0
    shares = [s for s in why.get("shares", []) if abs(s["share"]) >= _LEAST * every][:_SHOWN]
    if not shares or (why.get("cause") == "normal" and not why.get("new")):
        return None
    rows: list[Child] = []
    for share in shares:
        name = share["name"]
        path = name if name.startswith(task["asset"] + "/") else f"{task['asset']}/{name}"
        seen, _, towards = share["said"].partition(": ")
        rows.append(
            (
                h("dt", h("a", words(name), href=f"/trends?signal={quote(path, safe='')}"),
                  f" {seen.removeprefix(name)}"),
                h("dd", f"{towards} ", h("small", f"{100 * abs(share['share']) / every:.0f} %")),
            )
        )  # fmt: skip
    return h("dl", rows, cls="facts")


def _short(value: float) -> float:
    return float(f"{value:.2g}")
