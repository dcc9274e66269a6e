"""What-if: what would come out of the line if it were otherwise?"""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Child, Html, figure, form, h, join, label, panel, table
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_TRIES = 4
_HOURS, _TIMES = 2.0, 10
_STATES = ("working", "set-up", "starved", "blocked", "down", "off")


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
    result = Part("result", await _played(viewer, chosen, [], _HOURS, _TIMES))

    async def play(told: Plain) -> str:
        tries = [text for i in range(_TRIES) if (text := told.get(f"try{i}", "").strip())]
        try:
            hours, times = float(told["hours"]), int(told["replications"])
        except ValueError:
            raise ConfigurationError("hours and replications must be numbers") from None
        result.show(await _played(viewer, chosen, tries, hours, times))
        return f"Played {figure(times)} times"

    viewer.on("play", play)
    return join(_question(lines, chosen), result.html)


def _question(lines: list[Plain], chosen: Plain) -> Html:
    others = [
        h("a", line["title"], href=f"/what-if?line={line['name']}",
          cls="on" if line is chosen else None)
        for line in lines
    ]  # fmt: skip
    first = chosen["stations"][-1]["name"]
    hints = (
        f"{first}.time*0.95", f"{first}.places=50", f"{first}.between*2", f"{first}.repair*0.5"
    )  # fmt: skip
    fields = [
        label(f"Alternative {i + 1}", f"try{i}", placeholder=hints[i], maxlength=400)
        for i in range(_TRIES)
    ]
    fields += [
        label(
            "Hours",
            "hours",
            f"{_HOURS:g}",
            type="number",
            min=0.1,
            max=8760,
            step="any",
            required=True,
        ),
        label(
            "Replications",
            "replications",
            f"{_TIMES}",
            type="number",
            min=1,
            max=1000,
            required=True,
        ),
    ]
    names = ", ".join(s["name"] for s in chosen["stations"])
    told = (
        f"Stations: {names}, or * for all. time, between (failures) and repair take a factor, "
        "places a number or none; several changes of one alternative have commas between them."
    )
    return panel(
        "What if?",
        h("p", told, cls="faint"),
        form("play", h("div", fields, cls="asked"), submit="Play it out", stay=True),
        aside=h("span", others, cls="spans") if len(lines) > 1 else chosen["title"],
    )


async def _played(
    viewer: Viewer, line: Plain, tries: list[str], hours: float, replications: int
) -> Html:
    found = await viewer.client.what_if(line["name"], tries, hours, replications)
    told = found["alternatives"]
    if not told:
        return panel("What comes out", h("p", "Nothing was finished in a minute: play it for "
                     "fewer hours, or fewer times.", cls="empty"))  # fmt: skip
    best = max(told, key=lambda one: float(one["good_parts_per_hour"]["value"]))
    sentence = _verdict(told, best)
    rows: list[tuple[Child, ...]] = [_row(one, told[0], best) for one in told]
    heads: tuple[str, ...] = ("Alternative", "Good parts per hour", "95 % interval", "Gain",
                              "Parts inside", "Lead time")  # fmt: skip
    energy = any(one.get("kwh_per_part") for one in told)
    if energy:
        heads += ("kWh per part",)
        rows = [
            (*row, figure(float(f"{one['kwh_per_part']:.3g}")))
            for row, one in zip(rows, told, strict=True)
        ]
    missing = "" if found["finished"] else " · not all were finished in a minute"
    said = (
        f"{figure(hours)} h played {figure(replications)} times on the same luck, the first "
        f"{100 * found['warm_up']:.0f} % not measured · simulator {found['simulator']}{missing}"
    )
    outcome = panel(
        "What comes out",
        h("p", sentence, cls="what"),
        table(heads, rows, numeric=(1, 2, 3, 4, 5, 6)),
        _bars(told),
        h("p", said, cls="faint"),
    )
    return join(outcome, _where(line, told[0], found["bottleneck"]))


def _verdict(told: list[Plain], best: Plain) -> str:
    if len(told) == 1:
        return "The line as it is. Write alternatives above to see them beside it."
    sure = best["best"]
    if sure >= 0.95:
        return f"Most comes out of: {best['alternative']}, {100 * min(sure, 0.999):.3g} % sure."
    return (
        f"Most comes out of: {best['alternative']}, but that is only {100 * sure:.0f} % sure; more "
        "replications tell them apart, or they do not differ."
    )


def _row(one: Plain, first: Plain, best: Plain) -> tuple[Child, ...]:
    rate, gain = one["good_parts_per_hour"], one["gain"]
    name = one["alternative"]
    return (
        h("b", name) if one is best else name,
        figure(_short(rate["value"])),
        f"{figure(_short(rate['low']))} to {figure(_short(rate['high']))}",
        "" if one is first else
        f"{100 * gain['value']:+.2f} % [{100 * gain['low']:+.2f}, {100 * gain['high']:+.2f}]",
        figure(_short(one["parts_in_line"])),
        f"{figure(_short(one['lead_time_s']))} s",
    )  # fmt: skip


def _bars(told: list[Plain], wide: int = 640) -> Html:
    """Throughput of each alternative with its interval, from near the lowest on."""
    ends = [(o["good_parts_per_hour"]["low"], o["good_parts_per_hour"]["high"]) for o in told]
    known = [end for pair in ends for end in pair if end == end] or [0.0, 1.0]
    low, high = min(known), max(known)
    reach = (high - low) or max(abs(high), 1.0)
    low, high = low - 0.15 * reach, high + 0.15 * reach

    def x(value: float) -> float:
        return float(round(200 + (value - low) / (high - low) * (wide - 210), 1))

    rows: list[Child] = []
    for i, one in enumerate(told):
        y, rate = 14 + 22 * i, one["good_parts_per_hour"]
        rows.append(h("text", str(one["alternative"])[:34], x=0, y=y + 4))
        if rate["low"] == rate["low"]:
            rows.append(h("line", x1=x(rate["low"]), x2=x(rate["high"]), y1=y, y2=y, cls="whisker"))
        rows.append(h("circle", cx=x(rate["value"]), cy=y, r=4, cls="dot"))
    base = x(told[0]["good_parts_per_hour"]["value"])
    height = 22 * len(told) + 8
    return h(
        "svg", h("line", x1=base, x2=base, y1=2, y2=height - 2, cls="limit"), rows,
        viewBox=f"0 0 {wide} {height}", cls="control outcome", role="img",
        aria_label="Good parts per hour of each alternative, with 95 % intervals",
    )  # fmt: skip


def _where(line: Plain, first: Plain, limit: Plain | None) -> Html:
    """What every station does, and which one limits."""
    states = first.get("states")
    if states is None:
        return Html("")
    titles = {s["name"]: s["title"] for s in line["stations"]}
    shown = [s for s in _STATES if any(shares.get(s, 0) > 0.0005 for shares in states.values())]
    rows = []
    for name, shares in states.items():
        parts, at = [], 0.0
        for state in shown:
            wide = 100 * shares.get(state, 0.0)
            parts.append(h("rect", h("title", f"{state} {wide:.1f} %"), x=round(at, 2), y=0,
                           width=round(wide, 2), height=10, cls=f"state {state}"))  # fmt: skip
            at += wide
        bar = h("svg", parts, viewBox="0 0 100 10", preserveAspectRatio="none", cls="shares",
                role="img", aria_label=f"States of {name}")  # fmt: skip
        gain = "" if limit is None else f"{100 * limit['gain'][name]:+.2f} %"
        sure = "" if limit is None else f"{100 * limit['sure'][name]:.0f} %"
        limits = limit is not None and name in limit["found"]
        rows.append(
            (h("b", f"{titles[name]} ▲") if limits else titles[name], bar,
             *(f"{100 * shares.get(s, 0.0):.1f}" for s in shown), gain, sure)
        )  # fmt: skip
    heads = ("Station", "Time", *(f"{s} %" for s in shown), "5 % faster", "It limits")
    said = "" if limit is None else _limits([titles[n] for n in limit["found"]], limit)
    return panel(
        "What limits it?",
        h("p", said, cls="what") if said else None,
        table(heads, rows, numeric=range(2, len(heads))),
        aside="the line as it is",
    )


def _limits(found: list[str], limit: Plain) -> str:
    if max(limit["gain"].values()) < 0.001:
        return "No station limits: 5 % faster anywhere gives nothing."
    if len(found) == 1:
        return f"{found[0]} limits: the more comes out, the faster it is."
    return f"{' or '.join(found[:4])} limits; which of them is not known: play it more often."


def _short(value: float) -> float:
    return float(f"{value:.4g}")
