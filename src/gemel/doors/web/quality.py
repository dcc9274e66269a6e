"""Quality: does the product hold its limits?"""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlencode

from gemel.client.asynchronous import Plain
from gemel.core.time import SECOND
from gemel.doors.web.control_chart import control_chart, histogram, short
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.lots import Lots
from gemel.doors.web.markup import Child, Html, figure, h, join, many, panel, table, words
from gemel.doors.web.pictures import Pictures
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_SPANS = (("1h", "1 hour"), ("8h", "8 hours"), ("24h", "24 hours"), ("7d", "7 days"))
_RENEW = 30 * SECOND
_ENOUGH = 1.33
"""The Cpk that is usually asked for."""


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    span = around.query.get("span", "8h")
    if span not in dict(_SPANS):
        span = "8h"
    lots = Lots(around)
    pictures = Pictures(around)
    items, *_ = await asyncio.gather(
        viewer.client.quality(f"-{span}"), lots.ask(f"-{span}"), pictures.ask()
    )
    shown = Part("quality", _all(viewer, items, span))
    shown_lots = Part("lots", lots.html())
    lots.act()

    asked_at = viewer.now

    async def look_at_lots() -> None:
        await lots.ask(f"-{span}")
        shown_lots.show(lots.html())

    async def look_again() -> None:
        # Days of history are read for it: a chart of hours need not be new every two seconds.
        nonlocal asked_at
        if viewer.now - asked_at < _RENEW:
            return
        asked_at = viewer.now
        shown.show(_all(viewer, await viewer.client.quality(f"-{span}"), span))

    viewer.refresh(look_at_lots)
    viewer.refresh(look_again)
    return join(pictures.html(), shown_lots.html, shown.html)


def _all(viewer: Viewer, items: list[Plain], span: str) -> Html:
    if not items:
        told = (
            "No signal is charted. Give one `role: quality`, or a `specification` with its limits, "
            "in the plant file."
        )
        return panel("Does the product hold its limits?", h("p", told, cls="empty"))
    spans = [
        h("a", name, href=f"/quality?span={key}", cls="on" if key == span else None)
        for key, name in _SPANS
    ]
    rows = [
        (
            h("a", f"{words(i['asset'])} · {i['title']}", href=f"#{i['signal']}"),
            _verdict(i),
            _index(i, "Cpk") or _index(i, "Ppk") or "—",
            f"{figure(short(i['mean']))} {i['unit']}" if "mean" in i else "—",
            figure(short(i["deviation"])) if "deviation" in i else "—",
            figure(i.get("values", 0)),
        )
        for i in items
    ]
    heads = ("Value", "Now", "Capability", "Mean", "Deviation", "Measured")
    over = panel("Does the product hold its limits?", table(heads, rows, numeric=(3, 4, 5)),
                 aside=h("span", spans, cls="spans"))  # fmt: skip
    return join(over, [_one(viewer, i) for i in items])


def _verdict(item: Plain) -> Html:
    if item["problem"]:
        return h("span", "not charted", cls="quiet")
    count = len(item["violations"])
    if not count:
        return h("span", "in control")
    return h("span", f"▲ {many(count, 'rule')} broken", cls="warn")


def _index(item: Plain, name: str) -> str:
    for index in (item.get("capability") or {}).get("indices", ()):
        if index["name"] == name:
            return f"{name} {index['value']:.2f} [{index['low']:.2f}, {index['high']:.2f}]"
    return ""


def _one(viewer: Viewer, item: Plain) -> Html:
    title = f"{words(item['asset'])} · {item['title']}" + (f", {item['unit']}" * bool(item["unit"]))
    link = h("a", "Trend", href=f"/trends?signal={quote(item['signal'], safe='')}")
    if item["problem"]:
        body: Child = h("p", item["problem"], cls="empty")
        return panel(title, body, aside=link, id=item["signal"])
    times = [viewer.clock(moment) for moment in item["points"]]
    marked = {i for v in item["violations"] for i in range(v["first"], v["last"] + 1)}
    location, spread = item["tracks"]
    passed = {
        i
        for i, (v, u) in enumerate(zip(spread["value"], spread["upper"], strict=True))
        if v is not None and u is not None and v > u
    }
    broken = [
        h(
            "li",
            f"{times[v['first']]}: {v['sentence']} ",
            h("a", "Which lots?", href=_suspects(item, v)),
        )
        for v in reversed(item["violations"])
    ]
    kinds = {"xbar-s": "subgroups of values that follow each other", "i-mr": "single values"}
    said = (
        f"{kinds[item['kind']]}; limits from the first {item['reference']} points, shaded; rules "
        "of Western Electric"
    )
    left = h(
        "div",
        h("p", location["statistic"], cls="quiet"),
        control_chart(location, times, marked, item["reference"]),
        h("p", spread["statistic"], cls="quiet"),
        control_chart(spread, times, passed, item["reference"], height=80),
        h("p", f"{times[0]} to {times[-1]} · {said}", cls="faint"),
        h("ul", broken[:6], cls="why") if broken else None,
    )
    right = h(
        "div", histogram(item), h("dl", _facts(item), cls="facts"),
        [h("p", note, cls="faint") for note in item["notes"]],
    )  # fmt: skip
    return panel(title, h("div", left, right, cls="chart-and-facts"), aside=link,
                 id=item["signal"])  # fmt: skip


def _suspects(item: Plain, violation: Plain) -> str:
    """Where lots are asked for that were there when a rule was broken, up to the next point."""
    points = item["points"]
    after = violation["last"] + 1
    end = points[after] if after < len(points) else item["end"]
    asked = {"asset": item["asset"], "start": points[violation["first"]], "end": end}
    return f"/quality?{urlencode(asked)}#suspects"


def _facts(item: Plain) -> list[tuple[Html, Html]]:
    able = item["capability"]
    rows: list[tuple[str, Child]] = [
        ("Mean", f"{figure(short(item['mean']))} {item['unit']}"),
        ("Standard deviation", f"{figure(short(item['deviation']))} {item['unit']}"),
    ]
    if able is not None:
        for index in able["indices"]:
            if index["name"] in ("Cp", "Cpk", "Pp", "Ppk"):
                band = f" [{index['low']:.2f}, {index['high']:.2f}]"
                low = index["name"] in ("Cpk", "Ppk") and index["high"] < _ENOUGH
                value = h("b", f"{index['value']:.2f}", cls="warn" if low else None)
                rows.append((index["name"], join(value, h("small", band))))
        ppm = able["outside_ppm"]
        rows.append(("Outside, counted", f"{figure(round(ppm['observed']))} ppm"))
        rows.append(("Outside, expected", f"{figure(round(ppm['expected'], 1))} ppm"))
    return [(h("dt", name), h("dd", value)) for name, value in rows]
