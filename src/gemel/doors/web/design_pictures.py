"""Pictures of a line that does not exist yet: what it will make, how it comes to its pace, and what
a good part costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, log10
from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.experiment_pictures import WIDE, axis, drawing, short
from gemel.doors.web.markup import Child, Html, h

__all__ = ["capacity_picture", "cost_picture", "ramp_picture"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 22, 24
_HIGH: Final = 220
_TICKS: Final = 5

Scale = Callable[[float], float]


def capacity_picture(result: Plain) -> Html:
    """With which probability it makes at least so much, with its band. What lies above the curve,
    up to the demand, is as large as what is missing on average."""
    points, demand = result["capacity"], result["demand_per_hour"]
    if len(points) < 2:
        return Html("")
    rates = [p["good_parts_per_hour"] for p in points]
    reach = rates[-1] - rates[0]
    x = _scale(rates[0] - 0.03 * reach, rates[-1] + 0.03 * reach, _LEFT, WIDE - _RIGHT)
    y = _scale(1.0, 0.0, _TOP, _HIGH - _BOTTOM)

    def curve(key: str, some: Sequence[Plain]) -> list[tuple[float, float]]:
        return [(x(p["good_parts_per_hour"]), y(p[key])) for p in some]

    band = curve("low", points) + curve("high", points)[::-1]
    below = [p for p in points if p["good_parts_per_hour"] <= demand]
    missing = [*curve("value", below), (x(demand), y(1)), (x(rates[0]), y(1))]
    at = below[-1]
    left = x(demand) > WIDE / 2
    told = result["shortfall_per_hour"]["mean"]
    drawn: list[Child] = [
        _grid([(y(share), f"{100 * share:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1)]),
        h("polygon", points=_path(missing), cls="short") if told > 0 else None,
        h("polygon", points=_path(band), cls="band"),
        h("polyline", points=_path(curve("value", points)), cls="value"),
        h("line", x1=x(demand), x2=x(demand), y1=_TOP - 8, y2=_HIGH - _BOTTOM, cls="limit"),
        h("text", f"wanted {short(demand)}", x=x(demand) + (-6 if left else 6), y=_TOP - 10,
          text_anchor="end" if left else "start"),
        h("line", x1=x(demand), x2=x(demand), y1=y(at["low"]), y2=y(at["high"]), cls="whisker"),
        h("circle", cx=x(demand), cy=y(at["value"]), r=4, cls="dot"),
        h("text", f"{100 * at['value']:.0f} %", x=x(demand) + (-8 if left else 8),
          y=min(y(at["value"]) + 16, _HIGH - _BOTTOM - 4), cls="said",
          text_anchor="end" if left else "start"),
        *axis(_ticks(rates[0], rates[-1]), x, _HIGH),
    ]  # fmt: skip
    return drawing(
        drawn, _HIGH, "Probability that it makes at least so many good parts per hour, with its "
        f"95 % band; {short(demand)} are wanted"
    )  # fmt: skip


def ramp_picture(result: Plain) -> Html:
    """Good parts per hour in each week, from the 5 % to the 95 % quantile, and what is wanted."""
    weeks, demand = result["ramp_up"], result["demand_per_hour"]
    if len(weeks) < 2:
        return Html("")
    ends = [demand, *(w["low"] for w in weeks), *(w["high"] for w in weeks)]
    reach = (max(ends) - min(ends)) or 1.0
    least = max(0.0, min(ends) - 0.06 * reach)
    x = _scale(1, weeks[-1]["week"], _LEFT + 8, WIDE - _RIGHT - 8)
    y = _scale(max(ends) + 0.06 * reach, least, _TOP, _HIGH - _BOTTOM)

    def curve(key: str) -> list[tuple[float, float]]:
        return [(x(w["week"]), y(w[key])) for w in weeks]

    step = -(-len(weeks) // 12)
    drawn: list[Child] = [
        _grid([(y(tick), short(tick)) for tick in _ticks(least, max(ends))]),
        h("polygon", points=_path(curve("low") + curve("high")[::-1]), cls="band"),
        h("polyline", points=_path(curve("good_parts_per_hour")), cls="value"),
        [h("circle", cx=cx, cy=cy, r=3, cls="dot") for cx, cy in curve("good_parts_per_hour")],
        h("line", x1=_LEFT, x2=WIDE - _RIGHT, y1=y(demand), y2=y(demand), cls="limit"),
        h("text", f"wanted {short(demand)}", x=_LEFT + 8, y=round(y(demand) - 5, 1)),
        [h("text", f"week {w['week']}" if not i else w["week"], x=x(w["week"]), y=_HIGH - 6,
           text_anchor="middle") for i, w in enumerate(weeks) if i % step == 0],
    ]  # fmt: skip
    return drawing(drawn, _HIGH, "Good parts per hour in each week of the ramp-up, and wanted ones")


def cost_picture(result: Plain) -> Html:
    """What a good part costs: half of the lines in the box, nine of ten on the line."""
    told = result["cost_per_part"]
    if not told.get("q95"):
        return Html("")
    reach = told["q95"] - told["q05"] or abs(told["q95"])
    x = _scale(told["q05"] - 0.1 * reach, told["q95"] + 0.1 * reach, _LEFT, WIDE - _RIGHT)
    drawn: list[Child] = [
        h("line", x1=x(told["q05"]), x2=x(told["q95"]), y1=22, y2=22, cls="whisker"),
        h("rect", x=x(told["q25"]), width=max(1.0, round(x(told["q75"]) - x(told["q25"]), 1)),
          y=13, height=18, cls="box"),
        h("line", x1=x(told["q50"]), x2=x(told["q50"]), y1=10, y2=34, cls="median"),
        *axis([told[key] for key in _apart(told, x)], x, 52),
    ]  # fmt: skip
    return drawing(drawn, 52, "Cost of a good part: 5 %, 25 %, 50 %, 75 % and 95 % of the lines")


def _apart(told: Plain, x: Scale) -> list[str]:
    """The ends and the middle, where their numbers do not stand on each other."""
    wide = x(told["q50"]) - x(told["q05"]) > 60 and x(told["q95"]) - x(told["q50"]) > 60
    return ["q05", "q50", "q95"] if wide else ["q05", "q95"]


def _scale(least: float, most: float, begin: float, end: float) -> Scale:
    reach = (most - least) or 1.0
    return lambda value: round(begin + (value - least) / reach * (end - begin), 1)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{px},{py}" for px, py in points)


def _grid(rows: Sequence[tuple[float, str]]) -> list[Child]:
    return [
        [h("line", x1=_LEFT, x2=WIDE - _RIGHT, y1=y, y2=y, cls="grid"),
         h("text", text, x=_LEFT - 6, y=y + 4, text_anchor="end")]
        for y, text in rows
    ]  # fmt: skip


def _ticks(least: float, most: float) -> list[float]:
    """Round numbers between two."""
    if most <= least:
        return [least]
    rough = (most - least) / _TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first = -(-least // step)
    return [step * (first + i) for i in range(int((most - step * first) // step) + 1)]
