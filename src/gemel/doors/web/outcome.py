"""What came out of a what-if: alternatives side by side, over time, and what limits."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, figure, h, join, panel, table

__all__ = ["best_of", "outcome"]

_STATES = ("working", "set-up", "starved", "blocked", "down", "off")


def best_of(told: list[Plain]) -> Plain:
    """The alternative of which most comes out."""
    return max(told, key=lambda one: float(one["good_parts_per_hour"]["value"]))


def outcome(line: Plain, found: Plain, hours: float, replications: int, *more: Child) -> Html:
    """The panels; `more` stands below the sentence that says which is best."""
    told = found["alternatives"]
    if not told:
        return panel("What comes out", h("p", "Nothing was finished in a minute: play it for "
                     "fewer hours, or fewer times.", cls="empty"))  # fmt: skip
    best = best_of(told)
    rows: list[tuple[Child, ...]] = [_row(one, told[0], best) for one in told]
    heads: tuple[str, ...] = ("Alternative", "Good parts per hour", "95 % interval", "Gain",
                              "Parts inside", "Lead time")  # fmt: skip
    if any(one.get("kwh_per_part") for one in told):
        heads += ("kWh per part",)
        rows = [
            (*row, figure(float(f"{one['kwh_per_part']:.3g}")))
            for row, one in zip(rows, told, strict=True)
        ]
    missing = "" if found["finished"] else " · not all were finished in a minute"
    begun = (
        f"beginning with the {figure(found['parts_at_start'])} parts that stand in it now"
        if "parts_at_start" in found
        else f"the first {100 * found['warm_up']:.0f} % not measured"
    )
    said = (
        f"{figure(hours)} h played {figure(replications)} times on the same luck, {begun} · "
        f"simulator {found['simulator']}{missing}"
    )
    remarks = [h("p", f"Not known: {remark}.", cls="faint") for remark in found.get("remarks", ())]
    result = panel(
        "What comes out",
        h("p", _verdict(told, best), cls="what"),
        more,
        table(heads, rows, numeric=(1, 2, 3, 4, 5, 6)),
        _bars(told),
        h("p", said, cls="faint"),
        remarks,
    )
    return join(
        result, _over_time(told, found.get("made")), _where(line, told[0], found["bottleneck"])
    )


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


def _over_time(told: list[Plain], made: Plain | None, wide: int = 640, high: int = 150) -> Html:
    """How many more good parts each alternative has made by when, than the line as it is; alone,
    what it has made."""
    if made is None:
        return Html("")
    several = len(told) > 1
    middle, low, top = made["ahead"] if several else (made["mean"], made["low"], made["high"])
    rows = range(1 if several else 0, len(told))
    ends = [value for row in rows for value in (*low[row], *top[row])] + [0.0]
    least, most = min(ends), max(ends)
    if most <= least:
        return Html("")
    hours = [t / 3_600 for t in made["times"]]

    def x(hour: float) -> float:
        return float(round(50 + hour / hours[-1] * (wide - 230), 1))

    def y(value: float) -> float:
        return float(round(8 + (most - value) / (most - least) * (high - 30), 1))

    best = best_of(told)
    drawn: list[Child] = [
        h("line", x1=x(0), x2=x(hours[-1]), y1=y(0), y2=y(0), cls="limit"),
        h("text", "0", x=44, y=y(0) + 4, text_anchor="end"),
        h("text", figure(_short(most)), x=44, y=y(most) + 8, text_anchor="end"),
        h("text", "now", x=x(0), y=high - 2),
        h("text", f"in {figure(_short(hours[-1]))} h", x=x(hours[-1]), y=high - 2,
          text_anchor="end"),
    ]  # fmt: skip
    if least < 0:
        drawn.append(h("text", figure(_short(least)), x=44, y=y(least), text_anchor="end"))
    taken: list[float] = []
    for row in rows:
        upper = [f"{x(t)},{y(v)}" for t, v in zip(hours, top[row], strict=True)]
        lower = [f"{x(t)},{y(v)}" for t, v in zip(hours, low[row], strict=True)]
        if told[row] is best or not several:
            drawn.insert(0, h("polygon", points=" ".join([*upper, *reversed(lower)]),
                              cls="reference"))  # fmt: skip
        line = " ".join(f"{x(t)},{y(v)}" for t, v in zip(hours, middle[row], strict=True))
        drawn.append(h("polyline", points=line, cls="value" if told[row] is best else "centre"))
        at = y(middle[row][-1]) + 4
        while any(abs(at - other) < 13 for other in taken):
            at += 13
        taken.append(at)
        drawn.append(h("text", str(told[row]["alternative"])[:30], x=x(hours[-1]) + 6, y=at))
    title = (
        "More good parts than as it is, by when" if several else "Good parts from now on, by when"
    )
    return panel(
        title,
        h("svg", drawn, viewBox=f"0 0 {wide} {high}", cls="control outcome", role="img",
          aria_label=title),
        aside="nine of ten replications lie in the band",
    )  # fmt: skip
