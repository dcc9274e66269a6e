"""Pictures of maintenance and supply: cost over time, stock over time, a network with its risks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, figure, h

__all__ = ["cost_curve", "network", "span", "stock"]

_HOUR: Final = 3_600_000_000_000
_DAY: Final = 24 * _HOUR


def span(nanoseconds: float) -> str:
    """A computed time as people say it.

    >>> span(90 * 60_000_000_000), span(40 * 86_400_000_000_000)
    ('90 min', '40 days')
    """
    for size, word in ((_DAY, "days"), (_HOUR, "h"), (_HOUR / 60, "min")):
        if nanoseconds >= 2 * size:
            return f"{nanoseconds / size:.3g} {word}"
    return f"{nanoseconds / 1e9:.3g} s"


def cost_curve(one: Plain, per: str, wide: int = 560, high: int = 170) -> Html | None:
    """What a period costs if it is replaced after so long; the best moment, run to failure, and the
    band in which it will probably fail."""
    curve, prognosis = one["curve"], one["prognosis"]
    if curve is None:
        return None
    points = [(t, c) for t, c in zip(curve["time"], curve["cost"], strict=True) if c is not None]
    if len(points) < 2:
        return None
    last = max(t for t, _ in points)
    waits = one["to_failure"]
    least = min(c for _, c in points)
    # A price that soars at one end would flatten the valley that matters.
    most = min(max(c for _, c in points), 3 * max(least, waits or least))
    most = max(most, waits or most) * 1.08
    floor = max(0.0, least - 0.4 * (most - least))
    left, ground = 46, high - 20

    def x(time: float) -> float:
        return float(round(left + min(max(time / last, 0.0), 1.0) * (wide - left - 8), 1))

    def y(cost: float) -> float:
        share = (cost - floor) / ((most - floor) or 1.0)
        return float(round(ground - min(max(share, 0.0), 1.0) * (ground - 18), 1))

    drawn: list[Child] = []
    if prognosis is not None:
        a, b = x(prognosis["low"]), x(prognosis["high"])
        words = f"It will probably fail between {span(prognosis['low'])} and "
        drawn.append(h("rect", h("title", words + span(prognosis["high"])), x=a, y=14,
                       width=max(b - a, 1), height=ground - 14, cls="band"))  # fmt: skip
        if prognosis["life"] <= last:
            at = x(prognosis["life"])
            drawn.append(h("line", x1=at, x2=at, y1=14, y2=ground, cls="grid"))
    drawn += [
        h("line", x1=left, x2=wide - 8, y1=ground, y2=ground, cls="axis"),
        h("text", figure(float(f"{most:.3g}")), x=left - 6, y=18, text_anchor="end"),
        h("text", figure(float(f"{floor:.3g}")), x=left - 6, y=ground, text_anchor="end"),
    ]
    if waits is not None:
        drawn.append(h("line", x1=left, x2=wide - 8, y1=y(waits), y2=y(waits), cls="limit"))
        drawn.append(h("text", "run to failure", x=wide - 10, y=y(waits) - 4, text_anchor="end"))
    shown = [(t, c) for t, c in points if c <= most]
    path = " ".join(f"{x(t)},{y(c)}" for t, c in shown)
    drawn.append(h("polyline", points=path, cls="cost"))
    if curve["best"] is not None:
        cost = min(points, key=lambda p: abs(p[0] - curve["best"]))[1]
        drawn.append(h("circle", cx=x(curve["best"]), cy=y(cost), r=4.5, cls="mark"))
    for share in (0, 0.25, 0.5, 0.75, 1):
        words = "now" if share == 0 else span(share * last)
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        drawn.append(h("text", words, x=x(share * last), y=high - 5, text_anchor=anchor))
    return h(
        "svg", drawn, viewBox=f"0 0 {wide} {high}", cls="drawn", role="img",
        aria_label=f"{one['title']}: cost {per} by time of replacement",
    )  # fmt: skip


def stock(one: Plain, dates: Sequence[str], wide: int = 360, high: int = 130) -> Html:
    """What will be at hand: the middle and the 90 % band."""
    low, middle, top = (one["stock"][k] for k in ("low", "middle", "high"))
    most = max([one["at_hand"], *top, 1e-9]) * 1.06
    left, ground = 44, high - 18
    count = len(middle)

    def x(period: float) -> float:
        return round(left + (period + 1) / count * (wide - left - 6), 1)

    def y(units: float) -> float:
        return float(round(ground - max(units, 0.0) / most * (ground - 20), 1))

    there = [(-1, one["at_hand"])]
    upper = [*there, *enumerate(top)]
    lower = [*there, *enumerate(low)]
    outline = " ".join(f"{x(t)},{y(v)}" for t, v in [*upper, *reversed(lower)])
    line = " ".join(f"{x(t)},{y(v)}" for t, v in [*there, *enumerate(middle)])
    ends = [(0, "start"), (count // 2, "middle"), (count - 1, "end")]
    return h(
        "svg",
        h("text", one["title"], x=0, y=11, cls="name"),
        h("polygon", points=outline, cls="band"),
        h("line", x1=left, x2=wide - 6, y1=ground, y2=ground, cls="axis"),
        h("polyline", points=line, cls="middle"),
        h("text", _count(most / 1.06), x=left - 5, y=y(most / 1.06) + 4, text_anchor="end"),
        h("text", "0", x=left - 5, y=ground, text_anchor="end"),
        [h("text", dates[t], x=x(t - 0.5), y=high - 4, text_anchor=anchor) for t, anchor in ends],
        viewBox=f"0 0 {wide} {high}", cls="drawn", role="img",
        aria_label=f"{one['title']}: stock to come with its 90 % band",
    )  # fmt: skip


def network(
    stages: Mapping[str, Plain], risks: Mapping[str, Plain], period: float, wide: int = 1_000
) -> Html:
    """Who supplies whom, from left to right, and for how long what is there lasts (`period` in
    ns); a bar under each stage shows its risk exposure."""
    depth: dict[str, int] = {}

    def deep(name: str) -> int:
        if name not in depth:
            before = [deep(s) for s in stages[name]["after"]]
            depth[name] = 1 + max(before, default=-1)
        return depth[name]

    for name in stages:
        deep(name)
    columns: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=0))]
    for name in stages:
        columns[depth[name]].append(name)
    box, row, gap = 186, 74, 16
    tallest = max(len(c) for c in columns)
    high = tallest * (row + gap)
    step = (wide - box - 2) / max(len(columns) - 1, 1)
    place = {}
    for i, column in enumerate(columns):
        top = (high - len(column) * (row + gap) + gap) / 2
        for k, name in enumerate(column):
            place[name] = (1 + i * min(step, 420), top + k * (row + gap))
    drawn: list[Child] = []
    for name, stage in stages.items():
        for supplier in stage["after"]:
            (a, b), (c, d) = place[supplier], place[name]
            x1, y1, x2, y2 = a + box, b + row / 2, c, d + row / 2
            bend = (x2 - x1) / 2
            drawn.append(
                h("path", cls="way", d=f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} "
                  f"{x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}")
            )  # fmt: skip
    drawn += [_stage(place[n], s, risks.get(n), period, box, row) for n, s in stages.items()]
    return h(
        "svg", drawn, viewBox=f"0 0 {wide} {high:.0f}", cls="drawn", role="img",
        aria_label="Who supplies whom, and where the risk is",
    )  # fmt: skip


def _stage(
    at: tuple[float, float], one: Plain, risk: Plain | None, period: float, box: float, row: float
) -> Html:
    x, y = at
    lasts = one["at_hand"] / one["wanted"] if one["wanted"] else 0.0
    words = f"{_count(one['at_hand'])} at hand, for {span(lasts * period)}"
    out = one["out"]
    second = "" if not one["keeps"] else "does not run out"
    if one["keeps"] and out["value"] >= 0.05 and out["date"]:
        second = f"▲ short {100 * out['value']:.0f} %, {out['date']}"
    said = one["title"]
    bar: list[Child] = []
    if risk is not None and risk["index"] is not None:
        share = risk["index"]
        said = f"{one['title']}: risk exposure {share:.2f} of the worst"
        bar = [
            h("rect", x=x + 10, y=y + row - 11, width=box - 20, height=5, cls="track"),
            h("rect", x=x + 10, y=y + row - 11, width=round((box - 20) * share, 1), height=5,
              cls="risk"),
        ]  # fmt: skip
    return h(
        "g", h("title", said),
        h("rect", x=x, y=y, width=box, height=row, cls="stage"),
        h("text", one["title"], x=x + 10, y=y + 18, cls="name"),
        h("text", words, x=x + 10, y=y + 35),
        h("text", second, x=x + 10, y=y + 51) if second else None,
        bar,
    )  # fmt: skip


def _count(value: float) -> str:
    """Units in few letters."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e6 if letter == 'M' else 1e3):.3g} {letter}"
    return figure(float(f"{value:.3g}"))
