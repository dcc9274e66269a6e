"""Health: can the numbers be believed, and what behaves differently?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, ago, figure, h, join, many, panel, table, words
from gemel.doors.web.models import estimate
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_COUNTERS = (
    ("received", "Received", "samples that entered this stage"),
    ("accepted", "Accepted", "used in order of time"),
    ("late", "Late", "older than the newest of their signal; kept too"),
    ("repeated", "Repeated", "known already; recognised, not stored twice"),
    ("rejected", "Rejected", "unusable: no such signal"),
    ("refused", "Refused", "could not be stored; a gap names them"),
    ("waiting", "Waiting", "in front of this stage now"),
)
_WORST = 40
_OF_LIFE = {"remaining_life": "remaining life", "failure": "chance of failure"}


class _Facts:
    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.findings: list[Plain] = []
        self.signals: list[Plain] = []
        self.detectors: list[Plain] = []
        self.tasks: list[Plain] = []

    async def ask(self) -> None:
        client = self.around.viewer.client
        self.findings, state, models = await asyncio.gather(
            client.findings(start="-7d"),
            client.state(["**"]),
            client.models(),
        )
        self.detectors, self.tasks = models["detectors"], models["tasks"]
        self.signals = state["signals"]


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    facts = _Facts(around)
    if around.viewer.plant["signals"]:
        await facts.ask()
    viewer = around.viewer
    parts: dict[str, Callable[[], Html]] = {
        "problems": lambda: _problems(around.status),
        "faults": lambda: _faults(viewer, facts.tasks),
        "life": lambda: _life(viewer, facts.tasks),
        "quality": lambda: _quality(facts.signals),
        "findings": lambda: _findings(viewer, facts.findings),
        "detectors": lambda: _detectors(facts.detectors),
        "stages": lambda: _stages(around.status),
        "history": lambda: _history(viewer, around.status),
    }
    shown = {name: Part(name, content()) for name, content in parts.items()}

    async def look_again() -> None:
        if viewer.plant["signals"]:
            await facts.ask()
        for name, content in parts.items():
            shown[name].show(content())

    viewer.refresh(look_again)
    cards.act(viewer)
    *above, stages, history = (part.html for part in shown.values())
    return join(above, h("div", stages, history, cls="columns"))


def _problems(status: Plain) -> Html:
    if not status["problems"]:
        return panel("Now", h("p", "Everything works.", cls="empty"))
    return panel("Now", h("ul", [h("li", problem) for problem in status["problems"]]),
                 aside=many(len(status["problems"]), "problem"))  # fmt: skip


def _quality(signals: list[Plain]) -> Html:
    good = sum(1 for s in signals if s["good"])
    worst = sorted(
        (s for s in signals if not s["good"] or (s["score"] or 0) < 0.99),
        key=lambda s: (s["good"], s["score"] if s["score"] is not None else -1, s["path"]),
    )
    rows = [
        (
            h("a", s["path"], href=f"/trends?signal={quote(s['path'], safe='')}"),
            s["quality"],
            "—" if s["score"] is None else f"{100 * s['score']:.1f} %",
            "never" if s["age"] is None else f"{ago(s['age'])} ago",
        )
        for s in worst[:_WORST]
    ]
    more = f"; the {_WORST} worst are shown" if len(worst) > _WORST else ""
    body = (
        table(("Signal", "Quality now", "Good so far", "Last sample"), rows, numeric=(2, 3))
        if rows
        else h("p", "Every signal is good, and was.", cls="empty")
    )
    said = f"{figure(good)} of {figure(len(signals))} signals are good now{more}"
    return panel("Can the numbers be believed?", body, aside=said)


def _findings(viewer: Viewer, findings: list[Plain]) -> Html:
    if not findings:
        told = "Nothing was noticed in the last seven days. Detectors are named in the plant file."
        return panel("What behaves differently?", h("p", told, cls="empty"))
    shown = [cards.finding(viewer, f) for f in findings[:12]]
    return panel("What behaves differently?", h("div", shown, cls="cards"),
                 aside=f"{len(findings)} in seven days")  # fmt: skip


def _faults(viewer: Viewer, tasks: list[Plain]) -> Html:
    """Which of the known faults it is, what is not normal first."""
    mine = [t for t in tasks if t["task"] == "fault"]
    if not mine:
        return Html("")
    mine.sort(key=lambda t: ((t["last"] or {}).get("why") or {}).get("cause", "") == "normal")
    shown = [_card(viewer, t, "known faults") for t in mine]
    return panel("What is it?", h("div", shown, cls="cards"))


def _card(viewer: Viewer, task: Plain, of: str) -> Html:
    return h(
        "article",
        h("div", h("span", f"{words(task['asset'])} · {of}"),
          h("span", h("a", f"model {task['champion']['model'][:8]}", href="/models"))
          if task["champion"] else h("span", "no model yet"), cls="top"),
        h("p", h("b", task["title"]), cls="what"), estimate(viewer, task), cls="card")  # fmt: skip


def _life(viewer: Viewer, tasks: list[Plain]) -> Html:
    """Remaining life and chances of failure, the most pressing first."""
    mine = [t for t in tasks if t["task"] in _OF_LIFE]
    if not mine:
        return Html("")
    mine.sort(key=_pressing)
    shown = [_card(viewer, t, _OF_LIFE[t["task"]]) for t in mine]
    return panel("How long is left?", h("div", shown, cls="cards"))


def _pressing(task: Plain) -> tuple[float, float]:
    """Ends of life by the lower end of the interval, chances behind them by the highest."""
    last = task["last"] or {}
    if "chances" in last:
        return 1, -max(one["chance"] for one in last["chances"])
    return 0 if last else 2, last.get("low", 0.0)


def _detectors(detectors: list[Plain]) -> Html:
    if not detectors:
        return Html("")
    rows = [
        (
            d["title"],
            d["asset"],
            d["state"] + (f": {d['reason']}" if d.get("reason") else ""),
            figure(len(d["signals"])),
            _score(d.get("last"))
            if not d.get("score")
            else h(
                "a",
                _score(d.get("last")),
                href=f"/trends?signal={quote(d['score'], safe='')}",
            ),
            join(
                h("code", str(d.get("model") or "")[:8]),
                h("a", " another in shadow", href="/models") if d.get("candidate") else None,
            ),
        )
        for d in detectors
    ]
    heads = ("Detector", "Asset", "State", "Signals", "Score, limit", "Model")
    return panel("What watches?", table(heads, rows, numeric=(3, 4)), aside=f"{len(rows)}")


def _score(last: Any) -> str:
    """Score and limit of the newest row, where there is one."""
    numbers = [v for v in last or () if isinstance(v, (int, float))]
    return ", ".join(figure(v) for v in numbers[-2:]) or "—"


def _stages(status: Plain) -> Html:
    rows: list[tuple[Any, ...]] = [
        (name, figure(status["live"].get(key)), figure(status["history"].get(key)),
         h("span", said, cls="quiet"))
        for key, name, said in _COUNTERS
    ]  # fmt: skip
    return panel("The way of a sample",
                 table(("", "State now", "History", ""), rows, numeric=(1, 2)),
                 aside="every sample is in exactly one line")  # fmt: skip


def _history(viewer: Viewer, status: Plain) -> Html:
    history = status["history"]
    segments = history.get("segments") or {}
    facts = [
        ("Samples stored", figure(history.get("rows"))),
        ("Size", _bytes(history.get("bytes"))),
        ("Free on disk", _bytes(history.get("free"))),
        ("Signals ever known", figure(history.get("signals"))),
        ("Segments", f"{segments.get('closed', 0)} closed, {segments.get('open', 0)} open"),
        ("Damaged segments", figure(len(history.get("damaged") or []))),
        ("Running since", viewer.clock(status["started"])),
    ]
    rows = [(h("dt", name), h("dd", value)) for name, value in facts]
    return panel("History on disk", h("dl", rows, cls="facts"))


def _bytes(size: Any) -> str:
    if not isinstance(size, (int, float)):
        return "unknown"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1_000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1_000
    return f"{value:.1f} TB"
