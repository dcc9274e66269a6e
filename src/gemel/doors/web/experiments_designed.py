"""A line that does not exist yet: how it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError
from gemel.doors.web.experiments_fields import as_text, factors_of, files, number, said, select
from gemel.doors.web.markup import Child, Html, form, h, label, panel

__all__ = ["ask_design", "design_asked"]

_TOLERANCES = 4
_HOURS, _SAMPLES, _MINUTES = "8", "300", "10"
_LEARNING = (
    ("time", "First week: times, factor"), ("failures", "First week: failures, factor"),
    ("repair", "First week: repairs, factor"), ("rate", "Left when weeks have doubled"),
)  # fmt: skip
_HINT = (
    "new:\n  demand: 3000 per hour\n  tolerances:\n    filler.time: {from: 980 ms, to: 1.08 s}\n"
    "  ramp_up: {weeks: 6, time: 1.2, failures: 3, rate: 0.8}"
)


def design_asked(told: Plain, lines: Mapping[str, str]) -> Plain:
    """What the form says, as a file of an experiment does; `lines` are files that were chosen.
    Raises `ConfigurationError`."""
    text = bool(said(told, "text"))
    new: dict[str, Any] = {}
    if demand := said(told, "demand"):
        new["demand"] = {"per_hour": number(demand, "Good parts per hour wanted")}
    elif not text:
        raise ConfigurationError("say how many good parts per hour are wanted")
    if tolerances := factors_of(told, _TOLERANCES):
        new["tolerances"] = tolerances
    if samples := said(told, "samples") or ("" if text else _SAMPLES):
        new["samples"] = int(number(samples, "Lines between them"))
    if weeks := said(told, "weeks"):
        learning = {"weeks": int(number(weeks, "Weeks of ramp-up"))}
        more = {key: number(value, name) for key, name in _LEARNING if (value := said(told, key))}
        new["ramp_up"] = learning | more
    found: dict[str, Any] = {"new": new} if new else {}
    if line := next(iter(lines), said(told, "line")):
        found["line"] = line
    if hours := said(told, "hours") or ("" if text else _HOURS):
        found["play"] = {"horizon": f"{number(hours, 'Hours'):g} h"}
    cost = {key: number(value, key) for key in ("investment", "per_hour")
            if (value := said(told, key))}  # fmt: skip
    if cost:
        found["cost"] = cost
    if material := said(told, "material"):
        found["prices"] = {"material": number(material, "Material of a part")}
    return found


def ask_design(line: Plain, others: list[Plain]) -> Html:
    """The form."""
    station = line["stations"][0]["name"]
    hints = ((f"{station}.time", "*0.95", "*1.1"), (f"{station}.repair", "*0.5", "*2"))
    rows: list[Child] = []
    for i in range(_TOLERANCES):
        path, least, most = hints[i] if i < len(hints) else ("", "", "")
        rows += [
            label(f"Not known for sure {i + 1}", f"path{i}", placeholder=path, maxlength=100),
            label("From", f"from{i}", placeholder=least, maxlength=40),
            label("To", f"to{i}", placeholder=most, maxlength=40),
        ]
    options = [("", line["title"]),
               *((one["name"], one["title"]) for one in others)]  # fmt: skip
    top = [
        select("Its line is like", "line", options, "Its line is like"),
        files("Or as in a file of a line", "lines"),
        _number("Good parts per hour wanted", "demand", "e.g. 3000"),
    ]
    ramp = [
        _number("Weeks of ramp-up", "weeks", "none", least=1, most=520),
        *(_number(name, key, "0.85" if key == "rate" else "1") for key, name in _LEARNING),
    ]
    fields = [
        _number("Lines between them", "samples", _SAMPLES, least=20),
        _number("Hours that each is played", "hours", _HOURS),
        _number("Investment", "investment", "0"),
        _number("Cost per hour", "per_hour", "people, rent"),
        _number("Material of a part", "material", "0"),
        label("At most so long, min", "minutes", _MINUTES, type="number", min=0.1, step="any"),
        label("Title", "title", placeholder="for the list below", maxlength=200),
    ]
    told = (
        "What is not known for sure lies between two values: numbers, times, or factors such as "
        "*0.9. Lines anywhere between them are played, each with luck of its own: what share of "
        "them makes what is wanted, how they come to their pace, what a good part costs."
    )
    more = "YAML, as for gemel whatif design; a line in it goes before the present one"
    return panel(
        "What will a line do that does not exist yet?",
        h("p", told, cls="faint"),
        form("design", h("div", top, cls="limits"), h("div", rows, cls="limits"),
             h("div", ramp, cls="asked"), h("div", fields, cls="asked"), as_text(more, _HINT),
             submit="Play it", stay=True),
        aside=line["title"],
    )  # fmt: skip


def _number(
    text: str, name: str, hint: str, *, least: float = 0, most: float | None = None
) -> Html:
    return label(text, name, type="number", min=least, max=most, step="any", placeholder=hint)
