"""Line: what limits it, where and how sure; now, over the last hours, and in a simulated course."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlencode

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError, GemelError
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.line_drawing import Capped, drawing
from gemel.doors.web.line_learned import learned
from gemel.doors.web.markup import Child, Html, button, data, figure, form, h, join, label, panel
from gemel.doors.web.strips import limits, methods, sentence, strips
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_SPANS: Final = (("1 h", "-1h"), ("8 h", "-8h"), ("24 h", "-24h"))
_HOURS: Final = 2.0
_PATIENCE_S: Final = 0.8
"""A page is shown after so long, whether or not it is known what limits."""
_AGAIN_S: Final = 60.0


class _Facts:
    """What the page shows; what takes seconds is asked for beside it."""

    def __init__(self, viewer: Viewer, line: Plain, start: str) -> None:
        self.viewer, self.line, self.start = viewer, line, start
        self.titles = {s["name"]: str(s["title"]) for s in line["stations"]}
        self.states: dict[str, str] = {}
        self.under: dict[str, int] = {}
        self.found: Plain | None = None
        self.trouble = ""
        self._asked = 0.0
        self._task: asyncio.Task[None] | None = None

    async def ask(self) -> None:
        """What machines do now; and what limits, if that was asked a minute ago or more."""
        machines = {m["asset"]: m["state"] for m in await self.viewer.client.machines()}
        self.states = {
            s["name"]: machines.get(s["asset"], "unknown") for s in self.line["stations"]
        }
        if self.line["caps"]:
            self.under = (await self.viewer.client.line_now(self.line["name"]))["under_caps"]
        now = asyncio.get_running_loop().time()
        if (self._task is None or self._task.done()) and now - self._asked > _AGAIN_S:
            self._asked = now or 1.0
            self._task = asyncio.create_task(self._limits(), name="what limits")
            await asyncio.wait({self._task}, timeout=_PATIENCE_S)

    async def _limits(self) -> None:
        try:
            self.found = await self.viewer.client.limits(self.line["name"], self.start)
            self.trouble = ""
        except GemelError as error:
            self.found, self.trouble = None, str(error)

    def caps(self) -> list[Capped]:
        """Stretches that hold only so many parts, and how many are in them."""
        waiting = {s["name"]: s["waiting"] for s in self.line["stations"]}
        found = []
        for name, most in self.line["caps"].items():
            inside = self.line["stretches"][name]
            counted = all(waiting[station] for station in inside[1:])
            # A machine that tells nothing is taken to run where a simulation begins; not here.
            seen = all(self.states.get(station, "unknown") != "unknown" for station in inside)
            held = self.under.get(name) if seen else None
            found.append(Capped(name, most, tuple(inside), held, counted))
        return found

    def picture(self) -> Html:
        """The line as it is now, with what limits it."""
        marks: dict[str, str] = {}
        said: Child = "What limits is being worked out …"
        if self.trouble:
            said = f"What limits is not known: {self.trouble}."
        elif self.found is not None:
            replay = self.found["replay"]
            if limits(self.found):
                marks = {n: f"{100 * replay['sure'][n]:.0f} % sure" for n in replay["found"][:4]}
            said = sentence(self.found, self.titles)
        return join(
            h("p", said, cls="what"),
            h(
                "div",
                drawing(self.line["stations"], self.states, marks, caps=self.caps()),
                cls="mimic line-drawing",
            ),
        )

    def past(self) -> Html:
        """Methods side by side, and over time."""
        if self.found is None:
            return Html("")
        replayed = self.found["replayed"]
        line = (
            "the line as it was learned from these hours"
            if replayed["line"] == "learned"
            else f"the line as the plant file describes it ({replayed['why']})"
        )
        told = (
            f"5 % faster: {line}, played with 5 % less time at each station in turn on the same "
            f"luck ({replayed['said']}). Utilisation, active period and turning point are of what "
            "the stations did. Sure: the share of bootstrap samples in which the station is it."
        )
        missing = ", ".join(self.titles[name] for name in self.found["missing"])
        return join(
            strips(self.found, self.titles, self.viewer),
            panel(
                "What do the methods say?",
                methods(self.found, self.titles),
                h("p", told, cls="faint"),
                h("p", f"Nothing is known of: {missing}.", cls="faint") if missing else None,
            ),
        )


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    lines = await viewer.client.lines()
    if not lines:
        told = (
            "The plant file describes no line. Write one under `lines`: its stations with their "
            "assets and times, the places between them and what stops them."
        )
        return panel("What limits the line?", h("p", told, cls="empty"))
    names = [line["name"] for line in lines]
    line = lines[names.index(name) if (name := around.query.get("line")) in names else 0]
    spans = dict(_SPANS)
    span = around.query.get("span", "")
    span = span if span in spans else _SPANS[1][0]
    facts = _Facts(viewer, line, spans[span])
    await facts.ask()
    picture, past = Part("line-now", facts.picture()), Part("line-past", facts.past())
    film, taught = Part("film", Html("")), Part("learned", Html(""))

    async def look_again() -> None:
        await facts.ask()
        picture.show(facts.picture())
        past.show(facts.past())

    async def play(told: Plain) -> str:
        try:
            hours = float(told["hours"])
        except ValueError:
            raise ConfigurationError("hours must be a number") from None
        changes = [text] if (text := told.get("changes", "").strip()) else []
        found = await viewer.client.film(line["name"], changes, hours, now="now" in told)
        film.show(_film(line, found))
        return "Played out once"

    async def learn(_: Plain) -> str:
        found = await viewer.client.learned_line(line["name"], facts.start)
        taught.show(learned(found, facts.titles))
        return "Learned"

    viewer.on("film", play)
    viewer.on("learn", learn)
    viewer.refresh(look_again)
    seen = any(state != "unknown" for state in facts.states.values())
    return join(
        panel("What limits the line?", picture.html, aside=_choices(lines, line, span)),
        past.html,
        _question(around.query.get("changes", ""), seen),
        film.html,
        panel(
            "What is the line, by what it did?",
            h("p", "States and counters of the stations tell their times, stops and the places "
              "between them.", cls="faint"),
            h("div", button(f"Learn from the last {span}", "learn"), cls="buttons"),
        ),
        taught.html,
    )  # fmt: skip


def _choices(lines: list[Plain], line: Plain, span: str) -> Html:
    others = [
        h("a", one["title"], href="/line?" + urlencode({"line": one["name"], "span": span}),
          cls="on" if one is line else None)
        for one in lines
        if len(lines) > 1
    ]  # fmt: skip
    spans = [
        h("a", name, href="/line?" + urlencode({"line": line["name"], "span": name}),
          cls="on" if name == span else None)
        for name, _ in _SPANS
    ]  # fmt: skip
    return h("span", others, spans, cls="spans")


def _question(changes: str, seen: bool) -> Html:
    fields = [
        label("Changes, none for the line as it is", "changes", changes, maxlength=400,
              placeholder="filler.time*0.95, capper.places=300"),
        label("Hours", "hours", f"{_HOURS:g}", type="number", min=0.1, max=168, step="any",
              required=True),
    ]  # fmt: skip
    if seen:
        fields.append(label("Begin with the line as it is now", "now", "on", type="checkbox",
                            checked=True))  # fmt: skip
    return panel(
        "What would it look like?",
        form("film", h("div", fields, cls="asked"), submit="Play it out once", stay=True),
        h("p", "One course of many, on luck of its own; how many parts to expect, and how sure "
          "that is, the page What-if says.", cls="faint"),
    )  # fmt: skip


def _film(line: Plain, found: Plain) -> Html:
    stations = line["stations"]
    most = [max(column) for column in zip(*found["waiting"], strict=True)]
    full = {
        s["name"]: float(s["places"] if s["places"] is not None else m)
        for s, m in zip(stations, most, strict=True)
    }
    frames = {k: found[k] for k in ("stations", "states", "times", "waiting", "shares", "left")}
    changed = ", ".join(found["changes"]) or "as it is"
    return panel(
        "One course of the line",
        h(
            "div",
            h(
                "div",
                h("button", "Play", type="button", data_film_play=True, cls="first"),
                h("input", type="range", min=0, max=len(found["times"]) - 1, step="any", value=0,
                  data_film_at=True, aria_label="Moment"),
                h("span", data_film_told=True, cls="quiet"),
                cls="film-bar",
            ),
            h("div", drawing(stations, {}, {}, full), cls="mimic line-drawing"),
            data_film=data(frames),
        ),
        [h("p", f"Not known: {remark}.", cls="faint") for remark in found["remarks"]],
        aside=f"{changed} · {figure(round(found['times'][-1] / 3_600, 2))} h",
    )  # fmt: skip
