"""A line that was learned from what it did, beside what the plant file says of it."""

from __future__ import annotations

from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Child, Html, figure, h, panel, table

__all__ = ["learned"]

_WHAT: Final = {
    "time": "time of work", "places": "places in front", "between stops": "work between stops",
    "stop": "length of a stop",
}  # fmt: skip


def learned(found: Plain, titles: dict[str, str]) -> Html:
    """The numbers side by side, how well they tell what came, and the text to take over."""
    rows: list[tuple[Child, ...]] = []
    before = ""
    for one in found["beside"]:
        name, places = one["station"], one["what"] == "places"
        show = _count if places else _span
        low, high = one["low"], one["high"]
        known = low is not None and high is not None
        rows.append((
            h("b", titles.get(name, name)) if name != before else "", _WHAT[one["what"]],
            show(one["learned"]), f"{show(low)} to {show(high)}" if known else "",
            show(one["described"]),
        ))  # fmt: skip
        before = name
    return panel(
        "The line, as it was seen",
        h("p", _told(found), cls="what"),
        table(("Station", "Number", "Learned", "95 % interval", "Plant file"), rows,
              numeric=(2, 3, 4)),
        [h("p", f"{note[:1].upper()}{note[1:]}.", cls="faint") for note in found["notes"]],
        h("details", h("summary", "The line as text for the plant file", cls="link"),
          h("pre", found["yaml"], cls="yaml")),
        aside=f"{figure(found['finished'])} parts",
    )  # fmt: skip


def _told(found: Plain) -> str:
    fit = found["fit"]
    if fit is None:
        return f"Not held against later time: {found['not_fitted']}."
    low, high = (figure(round(fit[key])) for key in ("low", "high"))
    inside = fit["low"] <= fit["made"] <= fit["high"]
    return (
        f"The last {_span(fit['span_s'])}, told from the time before: {figure(round(fit['mean']))} "
        f"parts, nine of ten times {low} to {high}. Made were {figure(round(fit['made']))}, "
        f"{'inside' if inside else 'outside'} of that; the pace so far says "
        f"{figure(round(fit['so_far']))}."
    )


def _count(value: float | None) -> str:
    return "no limit" if value is None else figure(round(value))


def _span(value: float | None) -> str:
    """Seconds as people say them, with three digits.

    >>> _span(0.1602), _span(14.2), _span(905.0)
    ('160 ms', '14.2 s', '15.1 min')
    """
    if value is None:
        return "—"
    for size, unit in ((3_600.0, "h"), (60.0, "min"), (1.0, "s")):
        if value >= 1.5 * size:
            return f"{value / size:.3g} {unit}"
    return f"{1e3 * value:.3g} ms"
