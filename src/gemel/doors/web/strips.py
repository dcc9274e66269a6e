"""What stations did over the last hours: a strip each, with the bottleneck of the moment."""

from __future__ import annotations

from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.line_drawing import WORDS
from gemel.doors.web.markup import Child, Html, ago, h, many, panel, table
from gemel.doors.web.viewer import Viewer

__all__ = ["limits", "methods", "sentence", "strips"]

_LEGEND: Final = ("working", "set-up", "starved", "blocked", "down", "off", "unknown")
_LEAST_GAIN: Final = 0.005
"""Of 5 % at one station: a line in which none gives a tenth of it is in balance."""


def limits(found: Plain) -> bool:
    """Whether one station, or one of several, limits; else the line is in balance."""
    return bool(max(found["replay"]["gain"].values()) >= _LEAST_GAIN)


def sentence(found: Plain, titles: dict[str, str]) -> str:
    """What limits, how sure that is, and which method says otherwise."""
    replay = found["replay"]
    if not limits(found):
        return "No station alone limits: 5 % faster at any of them gives less than 0.5 %."
    first = replay["found"][0]
    if len(replay["found"]) > 1:
        names = " or ".join(titles[name] for name in replay["found"][:4])
        return f"{names} limits; which of them is not known."
    said = (
        f"{titles[first]} limits, {100 * replay['sure'][first]:.0f} % sure: 5 % faster gives "
        f"{100 * replay['gain'][first]:+.1f} %."
    )
    others = [m for m in found["methods"] if len(m["found"]) == 1 and m["found"] != [first]]
    if others:
        said += " " + "; ".join(
            f"by {m['method']} it is {titles[m['found'][0]]}" for m in others
        ) + "."  # fmt: skip
    return said


def methods(found: Plain, titles: dict[str, str]) -> Html:
    """All methods beside each other."""
    replay = found["replay"]
    by_name = {m["method"]: m for m in found["methods"]}
    heads = ["Station", "5 % faster gives", "Sure"]
    for name in by_name:
        heads += [name.capitalize(), f"Sure by {name}"]

    def cell(method: Plain, station: str) -> tuple[Child, Child]:
        score = f"{100 * method['score'][station]:.1f} %"
        if method["method"] == "turning point":
            score = "here" if method["score"][station] else ""
        mine = method["found"] == [station]
        return h("b", score) if mine else score, f"{100 * method['sure'][station]:.0f} %"

    rows = []
    for name, title in titles.items():
        marked = limits(found) and replay["found"] == [name]
        row: list[Child] = [
            h("b", f"{title} ▲") if marked else title, f"{100 * replay['gain'][name]:+.2f} %",
            f"{100 * replay['sure'][name]:.0f} %",
        ]  # fmt: skip
        for method in by_name.values():
            row += cell(method, name)
        rows.append(row)
    return table(heads, rows, numeric=range(1, len(heads)))


def strips(found: Plain, titles: dict[str, str], viewer: Viewer) -> Html:
    """A strip per station; below it, when it was the bottleneck of the moment."""
    over = found["over_time"]
    moments = over["moments"]
    rows: list[Child] = []
    used = set()
    for name, title in titles.items():
        parts: list[Child] = []
        for begin, end, state in over["states"][name]:
            used.add(state)
            parts.append(h("rect", h("title", WORDS.get(state, state)), x=begin, y=0,
                           width=end - begin, height=14, cls=f"state {state}"))  # fmt: skip
        parts += [
            h("rect", h("title", f"{title} limits at the moment"), x=begin, y=15.5,
              width=end - begin, height=4.5, cls="moment")
            for begin, end in over["limits"][name]
        ]  # fmt: skip
        rows.append(h("span", title, cls="who"))
        rows.append(
            h("svg", parts, viewBox=f"0 0 {moments} 20", preserveAspectRatio="none", role="img",
              aria_label=f"What {title} did")
        )  # fmt: skip
        rows.append(
            h("span", f"alone {100 * found['sole'][name]:.0f} %, "
              f"shifting {100 * found['shifting'][name]:.0f} %", cls="quiet")
        )  # fmt: skip
    middle = 1e9 * (over["start_s"] + over["end_s"]) / 2
    axis = h("span", h("span", viewer.clock(found["start"])), h("span", viewer.clock(int(middle))),
             h("span", viewer.clock(found["end"])), cls="axis")  # fmt: skip
    legend: list[Child] = [
        h("span", h("i", cls=f"state {state}"), WORDS.get(state, state), cls="key")
        for state in _LEGEND
        if state in used
    ]
    legend.append(h("span", h("i", cls="moment"), "bottleneck of the moment", cls="key"))
    last = over["now"]
    names = " and ".join(titles[name] for name in last["stations"])
    several = len(last["stations"]) > 1
    lasts = f"active for {ago(last['active_s'])} without a break"
    now = None
    if several:
        now = h("p", f"{names} are {lasts}: none is the bottleneck of the moment.", cls="what")
    elif names:
        now = h("p", f"{names} is the bottleneck of the moment: {lasts}.", cls="what")
    short = many(moments, "moment")
    told = (
        f"What limits at the moment is what has been active longest without a break (working, set "
        f"up or repaired); where two such times overlap it shifts. Drawn in {short}, each as what "
        "filled most of it."
    )
    return panel(
        "When did it limit?", now, h("div", rows, h("span"), axis, cls="strips"),
        h("p", legend, cls="legend"), h("p", told, cls="faint"),
    )  # fmt: skip
