"""A line as boxes and what waits between them: live, or in a film of a simulated course.

It is drawn twice, lying for a screen and standing for a phone; the style sheet shows one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, figure, h

__all__ = ["WORDS", "Capped", "drawing"]

WORDS: Final = {
    "production": "running", "working": "running", "fault": "repaired", "down": "repaired",
    "planned": "off",
}  # fmt: skip
"""What a state is called on a box, where it has another name elsewhere."""
_W, _H, _GAP, _TOP, _BAND = 116, 54, 98, 30, 118
_TANK, _TANK_H = 66, 16
_ACROSS: Final = 6
_BRACKET: Final = 24


@dataclass(frozen=True, slots=True)
class Capped:
    """A stretch of the line that holds `most` parts at once, None without a limit.

    inside   its stations
    held     parts in it now, None where nobody knows
    counted  all that may wait in it is counted; else there are at least so many
    """

    name: str
    most: int | None
    inside: tuple[str, ...]
    held: int | None
    counted: bool

    @property
    def said(self) -> str:
        """How many are in it, of how many."""
        now = "" if self.held is None else f"{'' if self.counted else 'at least '}{self.held} in it"
        most = "no limit" if self.most is None else f"at most {figure(self.most)}"
        return f"{self.name}: {now + ', ' if now else ''}{most}"


def drawing(
    stations: list[Plain], states: Mapping[str, str], marks: Mapping[str, str],
    full: Mapping[str, float] | None = None, caps: Sequence[Capped] = (),
) -> Html:  # fmt: skip
    """Both drawings, with a bracket for each cap. `states` and `marks` are by station; a mark is
    what is said of the one that limits. With `full` it is for a film, and that is the stock at
    which a buffer is full."""
    layers = _layers(stations)
    return Html(
        _lying(stations, layers, states, marks, full, caps)
        + _standing(stations, states, marks, full, caps)
    )


def _layers(stations: list[Plain]) -> list[list[Plain]]:
    """Stations by how far down the flow they are; what is fed from behind does not count."""
    depth: dict[str, int] = {}
    for station in stations:
        before = [depth[name] + 1 for name in station["after"] if name in depth]
        depth[station["name"]] = max(before, default=0)
    found: list[list[Plain]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for station in stations:
        found[depth[station["name"]]].append(station)
    return [layer for layer in found if layer]


def _lying(
    stations: list[Plain], layers: list[list[Plain]], states: Mapping[str, str],
    marks: Mapping[str, str], full: Mapping[str, float] | None, caps: Sequence[Capped],
) -> Html:  # fmt: skip
    rows = ceil(len(layers) / _ACROSS)
    across = ceil(len(layers) / rows)
    place: dict[str, tuple[int, int]] = {}
    top, under = _TOP, dict[str, float]()
    for row in range(rows):
        part = layers[row * across : (row + 1) * across]
        for column, layer in enumerate(part):
            for index, station in enumerate(layer):
                # A row that is not the first has room before it for what waits there.
                x = column * (_W + _GAP) + (_GAP if row else 2)
                place[station["name"]] = (x, top + index * _BAND)
        deep = _BAND * max(len(layer) for layer in part)
        bottom = top + deep - _BAND + _H + 14
        under |= {s["name"]: bottom for layer in part for s in layer}
        top += deep + _BRACKET * max(0, len(caps) - 1)
    width = max(x for x, _ in place.values()) + _W + 16
    drawn: list[Child] = []
    for station in stations:
        x, y = place[station["name"]]
        middle = y + _H / 2
        tank = x - 16 - _TANK
        for feeder in station["after"]:
            x0, y0 = place[feeder]
            from_, on = x0 + _W, y0 + _H / 2
            turn = from_ + 8
            path = f"M{from_} {on}H{tank}"
            if on != middle or from_ > tank:
                path = f"M{from_} {on}H{turn}V{middle}H{tank}"
            if from_ > tank:  # the flow goes on in the next row, or back
                below = y - 22
                path = f"M{from_} {on}h8V{below}H{tank - 8}V{middle}H{tank}"
            drawn.append(_pipe(path, feeder, states.get(feeder, "")))
        if station["after"]:
            drawn.append(
                _pipe(f"M{tank + _TANK} {middle}H{x}", station["name"],
                      states.get(station["name"], ""))
            )  # fmt: skip
            drawn.append(_tank(station, tank, middle - _TANK_H / 2, full))
            drawn.append(_count(station, tank + _TANK / 2, middle + 26, "middle", full))
        drawn.append(_box(station, x, y, states, marks, marks_at=(x + _W / 2, y - 9, "middle")))
    drawn += [_bracket(cap, i, place, under) for i, cap in enumerate(caps)]
    height = max(under.values()) - 2 + (_BRACKET * len(caps) + 8 if caps else 0)
    return h("svg", drawn, cls="wide", viewBox=f"0 0 {width} {height}", role="group",
             style=f"max-width:{round(width * 1.3)}px", aria_label="The line")  # fmt: skip


def _bracket(
    cap: Capped, number: int, place: Mapping[str, tuple[int, int]], under: Mapping[str, float]
) -> list[Child]:
    """Below the stretch, in each row that it goes through; said in the first."""
    drawn: list[Child] = []
    for row in sorted({under[name] for name in cap.inside}):
        ends = [place[name][0] for name in cap.inside if under[name] == row]
        left, right, y = min(ends), max(ends) + _W, row + _BRACKET * number
        drawn.append(h("path", d=f"M{left} {y}v5H{right}v-5", cls="cap"))
        if len(drawn) == 1:
            drawn.append(h("text", cap.said, x=(left + right) / 2, y=y + 17, cls="key quiet",
                           text_anchor="middle"))  # fmt: skip
    return drawn


def _standing(
    stations: list[Plain], states: Mapping[str, str], marks: Mapping[str, str],
    full: Mapping[str, float] | None, caps: Sequence[Capped],
) -> Html:  # fmt: skip
    drawn: list[Child] = []
    at: dict[str, float] = {}
    y = 6
    for station in stations:
        name = station["name"]
        if station["after"]:
            source = station["after"][0]
            x = 60
            drawn.append(_pipe(f"M{x} {y - 6}V{y + 10}", source, states.get(source, "")))
            drawn.append(_pipe(f"M{x} {y + 26}V{y + 42}", name, states.get(name, "")))
            drawn.append(_tank(station, x - _TANK / 2, y + 10, full))
            drawn.append(_count(station, x + _TANK / 2 + 12, y + 22, "start", full))
            y += 42
        drawn.append(
            _box(station, 2, y, states, marks, marks_at=(_W + 14, y + _H / 2 + 4, "start"))
        )
        at[name] = y
        y += _H + 6
    for i, cap in enumerate(caps):
        first, last = min(at[name] for name in cap.inside), max(at[name] for name in cap.inside)
        x, middle = 222 + 34 * i, (first + last + _H) / 2
        drawn.append(h("path", d=f"M{x} {first}h5V{last + _H}h-5", cls="cap"))
        drawn.append(h("text", cap.said, x=x + 20, y=middle, cls="key quiet", text_anchor="middle",
                       transform=f"rotate(-90 {x + 20} {middle})"))  # fmt: skip
    return h("svg", drawn, cls="narrow", viewBox=f"0 0 340 {y}", aria_label="The line")


def _pipe(path: str, source: str, state: str) -> Html:
    """What leaves `source`; parts move on it while that runs."""
    moves = WORDS.get(state, state) == "running"
    return h("g", h("path", d=path, cls="pipe-line"), h("path", d=path, cls="parts"),
             cls="moves" if moves else None, data_from=source)  # fmt: skip


def _most(station: Plain, full: Mapping[str, float] | None) -> float:
    if full is not None:
        return max(full[station["name"]], 1.0)
    return float(station["places"] or 0)


def _tank(station: Plain, x: float, y: float, full: Mapping[str, float] | None) -> Html:
    most = _most(station, full)
    live: dict[str, Child] = {}
    if full is None and station["waiting"] and most:
        live = {"data_signal": station["waiting"], "data_format": "fill", "data_low": 0,
                "data_high": most}  # fmt: skip
    return h(
        "g",
        h("rect", x=x, y=y, width=_TANK, height=_TANK_H, cls="tank"),
        h("rect", x=x, y=y, width=0, height=_TANK_H, cls="full", data_full=_TANK,
          data_most=most, data_stock=station["name"], **live),
    )  # fmt: skip


def _count(
    station: Plain, x: float, y: float, anchor: str, full: Mapping[str, float] | None
) -> Html:
    count = h("tspan", "—", data_count=station["name"]) if full is not None else (
        h("tspan", "—", data_signal=station["waiting"]) if station["waiting"]
        else h("tspan", "not counted")
    )  # fmt: skip
    places = station["places"]
    most = f" / {figure(places)}" if places is not None and (full or station["waiting"]) else ""
    return h("text", count, most, x=x, y=y, text_anchor=anchor, cls="key quiet")


def _box(
    station: Plain, x: float, y: float, states: Mapping[str, str], marks: Mapping[str, str],
    marks_at: tuple[float, float, str],
) -> Html:  # fmt: skip
    name = station["name"]
    word = WORDS.get(states.get(name, "unknown"), states.get(name, "unknown"))
    mark = marks.get(name)
    at_x, at_y, anchor = marks_at
    return h(
        "g",
        h("title", station["title"]),
        h("rect", x=x, y=y, width=_W, height=_H, cls="box"),
        h("text", str(station["title"])[:16], x=x + _W / 2, y=y + 22, text_anchor="middle",
          cls="name"),
        h("text", word, x=x + _W / 2, y=y + 41, text_anchor="middle", cls="word",
          data_word=name),
        h("text", f"▲ {mark}", x=at_x, y=at_y, text_anchor=anchor, cls="limits") if mark else None,
        cls=f"machine station {word}", data_station=name,
    )  # fmt: skip
