"""What-if: what would come out of the line if it were otherwise?"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError
from gemel.doors.web.experiment import build_one
from gemel.doors.web.experiments import build_asking
from gemel.doors.web.experiments_compared import build_compared
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, figure, form, h, join, label, panel
from gemel.doors.web.outcome import best_of, outcome
from gemel.doors.web.viewer import Part

__all__ = ["build"]

_TRIES = 4
_HOURS, _TIMES = 2.0, 20
_STOPPED = ("fault", "stopped")
_VIEWS = {
    "": "A quick look", "best": "Find the best", "sweep": "Sweep over factors",
    "design": "A new line", "kept": "Kept",
}  # fmt: skip


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    lines = await viewer.client.lines()
    if not lines:
        told = (
            "The plant file describes no line. Write one under `lines`: its stations with their "
            "times, the places between them and what stops them."
        )
        return panel("What if?", h("p", told, cls="empty"))
    names = [line["name"] for line in lines]
    chosen = lines[names.index(name) if (name := around.query.get("line")) in names else 0]
    machines = {machine["asset"]: machine for machine in await viewer.client.machines()}
    seen = any(station["asset"] in machines for station in chosen["stations"])
    view = _view(around.query)
    tabs = _views(lines, chosen, view)
    if view == "one":
        return join(tabs, await build_one(viewer, chosen, int(around.query["experiment"])))
    if view == "compared":
        numbers = [int(n) for n in around.query["compare"].split(",") if n.isdigit()]
        return join(tabs, await build_compared(viewer, chosen, numbers))
    if view:
        stopped = _stopped(chosen, machines)
        others = [line for line in lines if line is not chosen]
        return join(tabs, await build_asking(viewer, chosen, others, view, seen, stopped))
    first = await viewer.client.what_if(chosen["name"], [], _HOURS, _TIMES, now=seen)
    result = Part("result", outcome(chosen, first, _HOURS, _TIMES))
    planned = bool(await viewer.client.schedules())

    async def play(told: Plain) -> str:
        tries = [text for i in range(_TRIES) if (text := told.get(f"try{i}", "").strip())]
        try:
            hours, times = float(told["hours"]), int(told["replications"])
        except ValueError:
            raise ConfigurationError("hours and replications must be numbers") from None
        now = "now" in told
        repairs = {
            station["name"]: text
            for station in chosen["stations"]
            if now and (text := told.get(f"repair:{station['name']}", "").strip())
        }
        found = await viewer.client.what_if(
            chosen["name"], tries, hours, times, now=now, repairs=repairs
        )
        more = [_plan_with(chosen, found, bool(tries)) if planned else None, _watch(chosen, found)]
        result.show(outcome(chosen, found, hours, times, more))
        return f"Played {figure(times)} times"

    viewer.on("play", play)
    return join(tabs, _question(chosen, machines, seen), result.html)


def _view(query: Mapping[str, str]) -> str:
    if query.get("experiment", "").isdigit():
        return "one"
    if query.get("compare"):
        return "compared"
    return query["view"] if query.get("view") in _VIEWS else ""


def _views(lines: list[Plain], chosen: Plain, view: str) -> Html:
    """The ways to ask, and the lines that can be asked."""
    links = [
        h("a", title, href=f"/what-if?line={quote(chosen['name'])}" + (key and f"&view={key}"),
          aria_current="page" if key == view else None)
        for key, title in _VIEWS.items()
    ]  # fmt: skip
    others = [
        h("a", line["title"], href=f"/what-if?line={quote(line['name'])}"
          + ((view in _VIEWS and view and f"&view={view}") or ""),
          cls="on" if line is chosen else None)
        for line in lines
    ]  # fmt: skip
    named = h("span", others, cls="spans") if len(lines) > 1 else None
    return h("nav", h("span", links), named, cls="views", aria_label="Ways to ask")


def _stopped(chosen: Plain, machines: dict[str, Plain]) -> list[Plain]:
    return [s for s in chosen["stations"] if machines.get(s["asset"], {}).get("state") in _STOPPED]


def _plan_with(chosen: Plain, found: Plain, tried: bool) -> Html | None:
    """The way to a plan that counts on the best alternative."""
    if not found["alternatives"] or not tried:
        return None
    best = best_of(found["alternatives"])
    if best is found["alternatives"][0]:
        return None
    where = urlencode({"line": chosen["name"], "changes": best["alternative"]})
    return h("p", h("a", "Plan with it", href=f"/schedule?{where}"))


def _watch(chosen: Plain, found: Plain) -> Html | None:
    """The way to a film of the best alternative."""
    if not found["alternatives"]:
        return None
    best = best_of(found["alternatives"])
    first = best is found["alternatives"][0]
    where = urlencode({"line": chosen["name"], "changes": "" if first else best["alternative"]})
    return h("p", h("a", "Watch it on the line", href=f"/line?{where}"))


def _question(chosen: Plain, machines: dict[str, Plain], seen: bool) -> Html:
    first = chosen["stations"][-1]["name"]
    caps = chosen["caps"]
    cap = next(iter(caps), "line")
    hints = (
        f"{first}.time*0.95",
        f"{first}.places=50",
        f"{first}.repair*0.5",
        f"caps.{cap}.most=40",
    )
    fields = [
        label(f"Alternative {i + 1}", f"try{i}", placeholder=hints[i], maxlength=400)
        for i in range(_TRIES)
    ]
    fields += [
        label("Hours", "hours", f"{_HOURS:g}", type="number", min=0.1, max=8760, step="any",
              required=True),
        label("Replications", "replications", f"{_TIMES}", type="number", min=1, max=1000,
              required=True),
    ]  # fmt: skip
    if seen:
        fields.append(
            label("Begin with the line as it is now", "now", "on", type="checkbox", checked=True)
        )
    fields += [
        label(f"Repair of {station['title']} still takes", f"repair:{station['name']}",
              placeholder="as usual, or e.g. 40 min", maxlength=40)
        for station in _stopped(chosen, machines)
    ]  # fmt: skip
    names = ", ".join(s["name"] for s in chosen["stations"])
    now = ", ".join(f"{name}: {most or 'no limit'}" for name, most in caps.items())
    now = f" ({now})" if now else ""
    told = (
        f"Stations: {names}, or * for all. time, between (failures) and repair take a factor, "
        f"places a number or none, and caps.{cap}.most the parts at once in the line{now}. "
        "Several changes of one alternative have commas between them."
    )
    return panel(
        "What if?",
        h("p", told, cls="faint"),
        form("play", h("div", fields, cls="asked"), submit="Play it out", stay=True),
        aside=chosen["title"],
    )
