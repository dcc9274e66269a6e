"""Models: what has been learned, which model speaks, and is there a better one?"""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.chances import chances
from gemel.doors.web.detectors import detectors as shown_detectors
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import (
    Child,
    Html,
    ago,
    button,
    figure,
    form,
    h,
    join,
    label,
    lasts,
    many,
    moment,
    panel,
    table,
    words,
)
from gemel.doors.web.recognised import recognised
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build", "estimate"]

_STEPS = 30
_ENOUGH = 20
"""Intervals of which it is told how many held."""
_STATES = {
    "waiting": "waits",
    "fitting": "is being fitted",
    "telling": "tells",
    "shadow": "tells; a new model is in shadow",
}


class _Facts:
    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.models: Plain = {}

    async def ask(self) -> None:
        self.models = await self.viewer.client.models()


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    facts = _Facts(viewer)
    await facts.ask()
    proposals = Part("proposals", _proposals(viewer, facts.models))
    tasks = Part("tasks", _tasks(viewer, facts.models["tasks"]))
    detectors = Part("detectors", shown_detectors(viewer, facts.models["detectors"]))
    steps = Part("steps", _steps(viewer, facts.models["steps"]))

    async def look_again() -> None:
        await facts.ask()
        proposals.show(_proposals(viewer, facts.models))
        tasks.show(_tasks(viewer, facts.models["tasks"]))
        detectors.show(shown_detectors(viewer, facts.models["detectors"]))
        steps.show(_steps(viewer, facts.models["steps"]))

    viewer.refresh(look_again)
    _act(viewer)
    return join(proposals.html, tasks.html, detectors.html, steps.html)


def estimate(viewer: Viewer, task: Plain) -> Html:
    """What a task tells now, with its interval, its trend and its reasons."""
    last = task["last"]
    if last is None:
        told = task["reason"] or "nothing yet"
        return h("p", told, cls="empty")
    age = (viewer.now - last["time"]) / 1e9
    old = h("span", f", {ago(age)} old", cls="stale") if age > 120 else None
    if "chances" in last:
        return join(chances(task), old, _reasons(last.get("why"), task["unit"]))
    if "novelty" in last:
        return recognised(viewer, task, old)
    unit = task["unit"]
    value = f"{figure(_round(last['value'], last))} {unit}".strip()
    band = f"[{figure(_round(last['low'], last))}, {figure(_round(last['high'], last))}]"
    path, low, high = task["outputs"]
    spark = h("svg", data_spark=path, data_band=f"{low}|{high}", data_span="-30m",
              viewBox="0 0 90 20", preserveAspectRatio="none", cls="spark",
              style="width:100%;height:60px")  # fmt: skip
    shown = [task["continues"]] if task["continues"] else task["outputs"]
    link = h("a", "Trend", href="/trends?" + "&".join(f"signal={quote(p, safe='')}"
                                                      for p in shown))  # fmt: skip
    ending = " left" if task["task"] == "remaining_life" else ""
    return join(
        h("p", h("b", f"{value}{ending}", cls="big"), " ", h("span", band, cls="quiet"), old,
          " · ", link, cls="what"),
        _held(last.get("band")),
        spark,
        _reasons(last.get("why"), unit),
    )  # fmt: skip


def _held(band: Plain | None) -> Html | None:
    """How often the interval held what came."""
    if band is None or band["of"] < _ENOUGH:
        return None
    told = f"held {band['held']:.0%} of the last {band['of']:,}, {band['promised']:.0%} promised"
    if abs(band["factor"] - 1) >= 0.05:
        told += f"; made {band['factor']:.2g} times as wide as the model says"
    return h("p", told, cls="faint")


def _round(value: float, last: Plain) -> float:
    """No more digits than the interval bears."""
    width = abs(last["high"] - last["low"])
    if width <= 0:
        return value
    digits = 0
    while width < 20 and digits < 6:
        width, digits = width * 10, digits + 1
    return round(value, digits)


def _reasons(why: Plain | None, unit: str) -> Html | None:
    unit = (why or {}).get("unit") or unit
    shares = [s for s in (why or {}).get("shares", []) if abs(s["share"]) > 0][:5]
    if not shares:
        return None
    rows: list[Child] = [
        (h("dt", f"{words(s['name'])} = {s['value']}"), h("dd", _share(s["share"], unit)))
        for s in shares
    ]
    mean = f"added to {figure(_short((why or {})['mean']))} {unit}"
    return join(h("dl", rows, cls="facts"), h("p", mean, cls="faint"))


def _share(share: float, unit: str) -> str:
    return f"{'+' if share > 0 else ''}{figure(_short(share))} {unit}"


def _short(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")


def _proposals(viewer: Viewer, models: Plain) -> Html:
    waiting = [p for p in models["proposals"] if p["waiting"]]
    if not waiting:
        return Html("")
    return panel("A better model?", [_proposal(viewer, p) for p in waiting])


def _proposal(viewer: Viewer, item: Plain) -> Html:
    request = item["request"]
    decide = None
    if viewer.may("engineer"):
        decline = form("decline-model", label("Reason", "reason", required=True, maxlength=200),
                       submit="Keep the present one", promotion=item["id"])  # fmt: skip
        decide = h(
            "div",
            button("Make it champion", "approve-model", first=True, promotion=item["id"]),
            h("details", h("summary", "Decline", cls="button"), decline),
            cls="buttons",
        )
    return h(
        "article",
        h("div", h("span", f"{words(request['asset'])} · proposed {viewer.clock(item['time'])}"),
          h("span", "needs an engineer"), cls="top"),
        h("p", h("b", request["title"]), " · model ", h("code", request["model"][:8]),
          " in the place of ", h("code", request["former"][:8]), cls="what"),
        h("p", request["reason"], cls="why"),
        decide,
        cls="card",
    )  # fmt: skip


def _tasks(viewer: Viewer, tasks: list[Plain]) -> Html:
    if not tasks:
        told = (
            "The plant file has no tasks. A task names what is to be told, and from which signals."
        )
        return panel("What is learned?", h("p", told, cls="empty"))
    cards = [_task(viewer, task) for task in tasks]
    return panel("What is learned?", h("div", cards, cls="cards wide"), aside=f"{len(tasks)}")


def _task(viewer: Viewer, task: Plain) -> Html:
    champion = task["champion"] or {}
    rows: list[tuple[str, Child]] = []
    if champion:
        rows.append(("Champion", _model(champion)))
    if task["candidate"]:
        rows.append(("In shadow", _model(task["candidate"])))
        rows.append(("Beside the champion", (task["shadow"] or {}).get("sentence", "")))
    if task["former"]:
        rows.append(("Before", _model(task["former"])))
        rows.append(("Beside the champion", (task["watched"] or {}).get("sentence", "")))
    rows.append(("Errors", _drift(viewer, task["drift"])))
    renewal = task["renewal"]
    often = [f"every {lasts(renewal['every'])}"] if renewal["every"] else []
    often += ["on drift"] if renewal["on_drift"] else []
    who = "asks a person" if renewal["promote"] == "ask" else "promotes alone"
    rows.append(("Renewed", f"{' and '.join(often) or 'never'}; {who}"))
    state = _STATES.get(task["state"], task["state"])
    return h(
        "article",
        h("div", h("span", f"{words(task['asset'])} · {task['task'].replace('_', ' ')}"),
          h("span", state), cls="top"),
        h("p", h("b", task["title"]), f" · {task['reason']}" if task["reason"] else None,
          cls="what"),
        estimate(viewer, task) if champion else None,
        h("dl", [(h("dt", name), h("dd", value)) for name, value in rows], cls="facts"),
        _figures(champion.get("evidence") or {}),
        _cases(viewer, champion.get("evidence") or {}),
        _wishes(viewer, task),
        cls="card",
    )  # fmt: skip


def _model(about: Plain) -> Html:
    evidence = about.get("evidence") or {}
    rows = evidence.get("rows")
    told = f", fitted on {figure(rows)} rows" if rows is not None else ""
    return join(h("code", about["model"][:8]), told, about.get("problem"))


def _drift(viewer: Viewer, drift: Plain) -> str:
    if drift["state"] == "drifted":
        return f"have changed since {viewer.clock(drift['since'])}"
    if drift["state"] == "not watched":
        return "not watched: the truth is known at the end only, or too few rows were held out"
    return "as when it was fitted"


def _figures(evidence: Plain) -> Html | None:
    plain = [(k, v) for k, v in evidence.items() if isinstance(v, (str, int, float))]
    if not plain:
        return None
    rows = [(h("dt", words(str(k))), h("dd", figure(v))) for k, v in plain]
    return h("details", h("summary", "Evidence", cls="link"), h("dl", rows, cls="facts"))


def _cases(viewer: Viewer, evidence: Plain) -> Html | None:
    """What a task of faults has learned from, where it is one."""
    if not evidence.get("cases"):
        return None
    known = Counter(case["cause"] for case in evidence["cases"])
    newest = {case["cause"]: case["end"] for case in evidence["cases"]}
    rows: list[Child] = [
        (h("dt", cause), h("dd", f"{many(count, 'case')}, the last {viewer.clock(newest[cause])}"))
        for cause, count in known.items()
    ]
    more = [f"{cause}: {why}" for cause, why in evidence.get("left out", {}).items()]
    more += evidence.get("without rows", [])
    return h("details", h("summary", "Known faults", cls="link"), h("dl", rows, cls="facts"),
             [h("p", f"Not learned: {said}", cls="faint") for said in more])  # fmt: skip


def _wishes(viewer: Viewer, task: Plain) -> Html | None:
    if not viewer.may("engineer"):
        return None
    return h(
        "div",
        button("Stop the fit", "stop-fit", task=task["name"])
        if task["state"] == "fitting"
        else button("Fit again", "fit", task=task["name"]),
        cards.another_model(task["name"]),
        cls="buttons",
    )


def _steps(viewer: Viewer, steps: list[Plain]) -> Html:
    if not steps:
        return Html("")
    rows = [
        (
            viewer.clock(s["time"]),
            s.get("title") or s.get("task") or s.get("detector") or s["source"],
            s.get("step") or "fitted",
            h("code", str(s.get("model", ""))[:16]),
            s.get("reason", ""),
            s.get("actor", ""),
        )
        for s in sorted(steps, key=lambda s: -(moment(s["time"]) or 0))[:_STEPS]
    ]
    heads = ("Time", "Of", "Step", "Model", "Why", "By")
    lineage = h("a", "Lineage (OpenLineage)", href="/api/models/lineage", download=True,
                cls="button")  # fmt: skip
    return panel("Who was champion when?", table(heads, rows), h("div", lineage, cls="buttons"),
                 aside="kept for good")  # fmt: skip


def _act(viewer: Viewer) -> None:
    client = viewer.client

    async def approve(told: Plain) -> str:
        await client.approve_model(told["promotion"])
        return "It is champion; the one before is asked beside it"

    async def decline(told: Plain) -> str:
        await client.decline_model(told["promotion"], told["reason"])
        return "Declined; the reason is kept"

    async def fit(told: Plain) -> str:
        await client.fit(told["task"], told.get("because", ""))
        return "It is being fitted; the new model goes into shadow"

    async def stop(told: Plain) -> str:
        await client.stop_fit(told["task"])
        return "The fit stops at its next step"

    async def champion(told: Plain) -> str:
        await client.make_champion(told["task"], told["model"], told["reason"])
        return "It is champion; the one before is asked beside it"

    actions: dict[str, Any] = {
        "approve-model": approve, "decline-model": decline, "fit": fit, "stop-fit": stop,
        "make-champion": champion,
    }  # fmt: skip
    for name, handler in actions.items():
        viewer.on(name, handler)
    cards.act(viewer)
