"""A control chart and a histogram as drawings: limits dashed, what is out of them with a mark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, figure, h

__all__ = ["control_chart", "histogram", "short"]

_WIDE = 640
_LABEL = 74
_EDGE = 8


def control_chart(
    track: Plain, times: Sequence[str], marked: Iterable[int], reference: int, height: int = 150
) -> Html:
    """One track; at `marked` points a rule was broken, the first `reference` ones set limits."""
    values: list[float | None] = track["value"]
    known = [v for v in values if v is not None]
    limits = [v for name in ("lower", "upper") for v in track[name] if v is not None]
    low, high = min([*known, *limits]), max([*known, *limits])
    reach = (high - low) or 1.0
    low, high = low - 0.06 * reach, high + 0.06 * reach
    step = (_WIDE - _LABEL) / max(len(values) - 1, 1)

    def y(value: float) -> float:
        return float(round(_EDGE + (high - value) / (high - low) * (height - 2 * _EDGE), 1))

    def line(name: str, cls: str) -> Html:
        path = " ".join(
            f"{i * step:.1f},{y(v)}" for i, v in enumerate(track[name]) if v is not None
        )
        return h("polyline", points=path, cls=cls)

    out = set(marked)
    dots: list[Child] = []
    for i, value in enumerate(values):
        if value is None:
            continue
        x, beyond = round(i * step, 1), i in out
        said = h("title", f"{times[i]}: {figure(short(value))}" + (" · out of control" * beyond))
        size = 4 if beyond else 2
        mark = f"M{x} {y(value) - size}l{size} {size}l{-size} {size}l{-size} {-size}z"
        dots.append(h("path", said, d=mark, cls="out" if beyond else "in"))
    ends = [
        h("text", f"{name} {figure(short(v))}", x=_WIDE - _LABEL + 6, y=y(v) + 3.5)
        for name, v in (
            ("UCL", track["upper"][-1]),
            ("CL", track["centre"][-1]),
            ("LCL", track["lower"][-1]),
        )
        if v is not None
    ]
    until = max(reference - 1, 0) * step
    return h(
        "svg",
        h("rect", x=0, y=0, width=round(until, 1), height=height, cls="reference"),
        line("upper", "limit"), line("lower", "limit"), line("centre", "centre"),
        line("value", "value"), dots, ends,
        viewBox=f"0 0 {_WIDE} {height}", cls="control", role="img",
        aria_label=f"Control chart of {track['statistic']}, {len(out)} points out of control",
    )  # fmt: skip


def histogram(item: Plain, height: int = 120, wide: int = 260) -> Html:
    """How values are spread, with the limits of the specification."""
    counts, edges = item["histogram"]["count"], item["histogram"]["edges"]
    asked = item["specification"] or {}
    marks = [(n, asked[n]) for n in ("lower", "target", "upper") if asked.get(n) is not None]
    low, high = min([edges[0], *(v for _, v in marks)]), max([edges[-1], *(v for _, v in marks)])
    reach = (high - low) or 1.0
    low, high = low - 0.04 * reach, high + 0.04 * reach
    most = max(counts) or 1

    def x(value: float) -> float:
        return float(round((value - low) / (high - low) * wide, 1))

    def outside(left: float, right: float) -> bool:
        middle = (left + right) / 2
        return any(
            (name == "lower" and middle < value) or (name == "upper" and middle > value)
            for name, value in marks
        )

    top, ground = 14, height - 16
    bars = [
        h("rect", x=x(edges[i]), y=round(ground - count / most * (ground - top), 1),
          width=max(round(x(edges[i + 1]) - x(edges[i]) - 0.6, 1), 0.6),
          height=round(count / most * (ground - top), 1),
          cls="bar beyond" if outside(edges[i], edges[i + 1]) else "bar")
        for i, count in enumerate(counts)
    ]  # fmt: skip
    lines = [
        _mark(x(value), wide, top - 6, ground, f"{word} {figure(short(value))}", name == "target")
        for name, value in marks
        for word in ({"lower": "LSL", "upper": "USL", "target": "T"}[name],)
    ]
    return h(
        "svg", h("line", x1=0, x2=wide, y1=ground, y2=ground, cls="centre"), bars, lines,
        viewBox=f"0 0 {wide} {height}", cls="control", role="img",
        aria_label="Histogram with the limits of the specification",
    )  # fmt: skip


def _mark(x: float, wide: int, top: float, ground: float, text: str, faint: bool) -> Html:
    """A vertical line with its name under it."""
    anchor = "start" if x < wide / 5 else "end" if x > wide * 4 / 5 else "middle"
    return h(
        "g",
        h("line", x1=x, x2=x, y1=top, y2=ground, cls="centre" if faint else "limit"),
        h("text", text, x=x, y=ground + 12, text_anchor=anchor),
    )


def short(value: float) -> float:
    """Four digits."""
    return float(f"{value:.4g}")
