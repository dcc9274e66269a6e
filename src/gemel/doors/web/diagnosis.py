"""What a finding is, in a few lines on its card: what moved, what is behind it, seen before?"""

from __future__ import annotations

from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, figure, h, words
from gemel.doors.web.viewer import Viewer

__all__ = ["behind", "shown", "what"]

_SHOWN = 3
_ALIKE = 0.7
_ANSWERS = {"wrong": "a false alarm", "known": "known, no fault", "right": "right, no cause said"}


def shown(viewer: Viewer, told: Plain | None) -> Html | None:
    """The diagnosis of a finding; None where there is none yet."""
    if told is None:
        return None
    lines: list[Child] = [h("p", line, cls="why") for line in (what(told), behind(told)) if line]
    moved = [_moved(d) for d in told["deviations"][:_SHOWN]]
    near = [
        h("li", f"{viewer.clock(a['time'])}: {_said(a)}, {100 * a['alike']:.0f} % alike")
        for a in told["alike"]
        if a["alike"] >= _ALIKE
    ]
    more = [h("ul", near)] if near else []
    more += [h("p", note, cls="faint") for note in told["notes"]]
    return h(
        "div",
        lines,
        h("dl", moved, cls="facts") if moved else None,
        h("details", h("summary", "Seen before" if near else "Note", cls="link"), more)
        if more
        else None,
        cls="diagnosis",
    )


def what(told: Plain) -> str:
    """What it is, by what people said of findings like it."""
    if told["new"]:
        return "It looks like none of the findings before: new."
    if not told["known"]:
        return ""
    first = told["known"][0]
    done = f" {first['said'].capitalize()}." if first["said"] else ""
    sure, low, high = (f"{100 * first[name]:.0f}" for name in ("probability", "low", "high"))
    band = f", {low} to {high} %" if low != high else ""
    return f"Probably {first['name']} ({sure} %{band}), as people said of findings like it.{done}"


def behind(told: Plain) -> str:
    """Whether it comes from upstream."""
    if told["itself"]:
        return "It arises here: what happens upstream does not explain it."
    likely = [c for c in told["upstream"] if c["probability"] >= 0.05][:_SHOWN]
    if not likely:
        return ""
    names = ", ".join(
        f"{c['name'].rpartition('/')[0].rpartition('/')[2]} {words(c['name'])} "
        f"({100 * c['probability']:.0f} %)"
        for c in likely
    )
    return f"Upstream, behind it is most likely: {names}."


def _moved(deviation: Plain) -> tuple[Html, Html]:
    path, sigmas = deviation["signal"], deviation["sigmas"]
    usual, now = (figure(_short(deviation[name])) for name in ("usual", "now"))
    far = f"{'+' if sigmas > 0 else ''}{figure(round(sigmas, 1))} σ"
    return (
        h("dt", h("a", words(path), href=f"/trends?signal={quote(path, safe='')}")),
        h("dd", f"{usual} → {now} {deviation['unit']} ", h("small", far)),
    )


def _said(alike: Plain) -> str:
    if alike["cause"]:
        return str(alike["cause"])
    return {
        "wrong": "a false alarm",
        "known": "known, no fault",
        "right": "right, no cause said",
    }.get(alike["answer"], "not answered")


def _short(value: float) -> float:
    return float(f"{value:.4g}")
