"""Experiments with a line: how they are asked, and those that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from nicegui import ui

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError
from gemel.doors.web.experiment import STATES, asked_by, progress_of
from gemel.doors.web.experiment_pictures import MEASURES
from gemel.doors.web.experiments_designed import ask_design, design_asked
from gemel.doors.web.experiments_fields import (
    as_text,
    chosen,
    common,
    factors_of,
    files,
    how,
    number,
    said,
    select,
    with_text,
)
from gemel.doors.web.markup import Child, Html, form, h, join, label, panel, table
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build_asking"]

_TRIES, _LIMITS, _FACTORS = 6, 2, 3
_MORE = "YAML; costs, prices, more scenarios. Its line and start are left out"
_HINT = "scenarios:\n  new filler:\n    cost: 240000\n    changes: {filler.time: -5 %}"
_NAMES = {"best": "Best of alternatives", "sweep": "Sweep", "design": "New line"}
_DESIGNS = (
    ("latin_hypercube", "Latin hypercube"), ("factorial", "All levels"),
    ("fractional", "Few runs, two levels"), ("sobol", "Sobol"),
)  # fmt: skip


async def build_asking(
    viewer: Viewer, line: Plain, others: list[Plain], view: str, seen: bool, stopped: list[Plain]
) -> Html:
    """The page that asks for the best, for a sweep, for a line that does not exist yet, or shows
    what is kept. `others` are the other lines of the plant file."""
    name = line["name"]
    found = await viewer.client.experiments(name)
    kept = Part("kept", _kept(viewer, found))
    running = Part("running", await _running(viewer, name, found))

    async def look() -> None:
        nonlocal found
        found = await viewer.client.experiments(name)
        kept.show(_kept(viewer, found))
        running.show(await _running(viewer, name, found))

    async def often() -> None:
        if any(one["state"] == "running" for one in found):
            await look()

    async def best(told: Plain) -> str:
        told = with_text(told)
        tries = [text for i in range(_TRIES) if (text := said(told, f"try{i}"))]
        texts = chosen(told, "layouts")
        layouts = [*texts, *(one["name"] for one in others if f"layout:{one['name']}" in told)]
        return await _begin(viewer, name, told, "best", _best(told), tries, layouts, texts)

    async def sweep(told: Plain) -> str:
        told = with_text(told)
        return await _begin(viewer, name, told, "sweep", _sweep(told))

    async def design(told: Plain) -> str:
        told = with_text(told)
        texts = chosen(told, "lines")
        return await _begin(viewer, name, told, "design", design_asked(told, texts), files=texts)

    async def compare(told: Plain) -> str:
        numbers = [key[1:] for key in told if key[:1] == "c" and key[1:].isdecimal()]
        if len(numbers) < 2:
            raise ConfigurationError("choose two or more to compare")
        several = ",".join(sorted(numbers, key=int))
        ui.navigate.to(f"/what-if?line={quote(name)}&compare={several}")
        return ""

    handlers = (("best", best), ("sweep", sweep), ("design", design), ("compare", compare))
    for action, handler in handlers:
        viewer.on(action, handler)
    viewer.refresh(look)
    viewer.watch(often)
    asked = None
    if viewer.may("operator"):
        if view == "best":
            asked = _ask_best(line, others, seen, stopped)
        elif view == "sweep":
            asked = _ask_sweep(line, seen, stopped)
        elif view == "design":
            asked = ask_design(line, others)
    return join(asked, running.html, kept.html)


async def _begin(
    viewer: Viewer, line: str, told: Plain, kind: str, experiment: Plain,
    tries: Sequence[str] = (), layouts: Sequence[str] = (), files: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    now = "now" in told
    repairs = {
        key.removeprefix("repair:"): text
        for key in told
        if now and key.startswith("repair:") and (text := said(told, key))
    }
    minutes = said(told, "minutes")
    found = await viewer.client.begin_experiment(
        line, experiment, tries, kind=kind, title=said(told, "title"), now=now, repairs=repairs,
        within=f"{minutes} min" if minutes else None, text=told.get("text", ""),
        name=told["named"], layouts=layouts, files=files,
    )  # fmt: skip
    ui.navigate.to(f"/what-if?line={quote(line)}&experiment={found['number']}")
    return "Asked"


def _best(told: Plain) -> Plain:
    found = common(told)
    if text := said(told, "confidence"):
        found["confidence"] = number(text, "Sure, %") / 100
    limits = {}
    for i in range(_LIMITS):
        if text := said(told, f"bound{i}"):
            limits[told[f"limit{i}"]] = {told[f"side{i}"]: number(text, "a limit")}
    if limits:
        found["limits"] = limits
    if text := said(told, "difference"):
        found["difference"] = number(text, "What matters")
    if text := said(told, "order"):
        found["order"] = int(number(text, "Good parts wanted"))
    return found


def _sweep(told: Plain) -> Plain:
    factors = factors_of(told, _FACTORS)
    if not factors and not said(told, "text"):
        raise ConfigurationError("say which factor goes from where to where")
    found = common(told)
    if factors:
        found["sweep"] = {
            "factors": factors, "design": told["design"],
            "points": int(number(told["points"], "Combinations")),
            "replications": int(number(told["replications"], "Replications")),
        }  # fmt: skip
    return found


# What is drawn


def _ask_best(line: Plain, others: list[Plain], seen: bool, stopped: list[Plain]) -> Html:
    first = line["stations"][-1]["name"]
    hints = (
        f"{first}.time*0.95", f"{first}.places=50", f"{first}.between*2", f"{first}.repair*0.5",
        f"{first}.servers=2", "several with commas between them",
    )  # fmt: skip
    tries = [
        label(f"Alternative {i + 1}", f"try{i}", placeholder=hints[i], maxlength=400)
        for i in range(_TRIES)
    ]
    layouts = [
        files("Other layouts: files of lines", "layouts", multiple=True),
        *(label(f"As {one['title']} is", f"layout:{one['name']}", "on", type="checkbox")
          for one in others),
    ]  # fmt: skip
    limits: list[Child] = []
    for i in range(_LIMITS):
        sides = [("most", "at most"), ("least", "at least")]
        limits += [
            select("Must keep", f"limit{i}",
                   [(k, v) for k, v in MEASURES.items() if k != "in_time"],
                   f"Limit {i + 1}: what"),
            select("", f"side{i}", sides, f"Limit {i + 1}: which side"),
            label("", f"bound{i}", type="number", step="any", placeholder="no limit",
                  aria_label=f"Limit {i + 1}: number"),
        ]  # fmt: skip
    fields = [
        *how(seen, stopped),
        label("Less does not matter", "difference", type="number", min=0, step="any",
              placeholder="1 % of the line as it is"),
        label("Sure, %", "confidence", type="number", min=51, max=99.9, step="any",
              placeholder="95"),
        label("Good parts wanted", "order", type="number", min=1, placeholder="only for: in time"),
    ]  # fmt: skip
    told = (
        "Alternatives are played until one is the best for sure; those that are clearly behind are "
        "not played any more. It goes on beside the twin, and can be stopped and continued."
    )
    return panel(
        "Which is the best?",
        h("p", told, cls="faint"),
        form("best", h("div", tries, cls="limits"), h("div", layouts, cls="limits"),
             h("div", limits, cls="limits"),
             h("div", fields, cls="asked"), as_text(_MORE, _HINT),
             submit="Find the best", stay=True),
        aside=line["title"],
    )  # fmt: skip


def _ask_sweep(line: Plain, seen: bool, stopped: list[Plain]) -> Html:
    first, last = line["stations"][0]["name"], line["stations"][-1]["name"]
    hints = (
        (f"{last}.time", "0.9", "1.1"), (f"{last}.places", "2", "40"),
        (f"{first}.repair", "0.5, 1, 2", ""),
    )  # fmt: skip
    rows: list[Child] = []
    for i, (path, least, most) in enumerate(hints):
        rows += [
            label(f"Factor {i + 1}", f"path{i}", placeholder=path, maxlength=100),
            label("From, or a list", f"from{i}", placeholder=least, maxlength=200),
            label("To", f"to{i}", placeholder=most or "of a list: empty", maxlength=40),
        ]
    fields = [
        select("Design", "design", _DESIGNS, "Design"),
        label("Combinations", "points", "200", type="number", min=2, max=100_000, required=True),
        label("Replications of each", "replications", "10", type="number", min=1, max=1000,
              required=True),
        *how(seen, stopped),
    ]  # fmt: skip
    told = (
        "Every combination is played on the same luck. time, between (failures) and repair take "
        "factors; places and servers numbers; a list has commas between its values."
    )
    return panel(
        "What do factors do?",
        h("p", told, cls="faint"),
        form("sweep", h("div", rows, cls="limits"), h("div", fields, cls="asked"),
             as_text(_MORE, _HINT), submit="Play all of it", stay=True),
        aside=line["title"],
    )  # fmt: skip


async def _running(viewer: Viewer, line: str, found: list[Plain]) -> Html:
    for one in found:
        if one["state"] == "running":
            whole = await viewer.client.experiment(line, one["number"])
            said = whole["sentence"]
            return panel(
                f"{one['number']} is played",
                h("p", f"{said[:1].upper()}{said[1:]}.", cls="what") if said else None,
                progress_of(whole),
                aside=h("a", "Watch it", href=_link(one)),
            )  # fmt: skip
    return Html("")


def _kept(viewer: Viewer, found: list[Plain]) -> Html:
    if not found:
        return panel("Kept", h("p", "No experiment was asked yet.", cls="empty"))
    rows = []
    for one in found:
        number = one["number"]
        name = one["title"] or _NAMES[one["kind"]]
        chosen = h("input", type="checkbox", name=f"c{number}", aria_label=f"Compare {number}")
        # While it is played only the panel above changes, or a choice made here would be lost.
        said = one["sentence"] if one["state"] not in ("waiting", "running") else ""
        rows.append(
            (chosen, h("a", f"{number} · {name}", href=_link(one)), said,
             STATES[one["state"]], asked_by(viewer, one))
        )  # fmt: skip
    heads = ("", "Experiment", "What it says", "State", "Asked")
    shown: Child = table(heads, rows)
    if len(found) > 1:
        shown = form("compare", shown, submit="Compare", stay=True)
    return panel("Kept", shown)


def _link(one: Plain) -> str:
    return f"/what-if?line={quote(one['line'])}&experiment={one['number']}"
