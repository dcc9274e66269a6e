"""How likely a failure is within each horizon: what the cards of a task `failure` show."""

from __future__ import annotations

from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Html, figure, h, join

__all__ = ["chances", "percent"]


def chances(task: Plain) -> Html:
    """A line for each horizon: the chance, its trend, and whether it is warned."""
    told, rows = task["last"]["chances"], []
    for one, path in zip(told, task["outputs"][: len(told)], strict=True):
        within = f"within {figure(one['horizon'])} {one['unit']}"
        # All on one scale: a trend of its own would make much of a chance that stays small.
        spark = h(
            "svg", data_spark=path, data_scale="0|1", data_span="-30m", viewBox="0 0 90 20",
            preserveAspectRatio="none", cls="spark",
        )  # fmt: skip
        rows.append(
            (
                h("b", percent(one["chance"])),
                h("span", h("a", within, href=f"/trends?signal={quote(path, safe='')}"),
                  h("span", " warned", cls="warn") if one["warns"] else None),
                spark,
            )
        )  # fmt: skip
    return join(
        h("div", rows, cls="chances"),
        h("p", "They stand on the life that is told, which is made of:", cls="faint"),
    )


def percent(chance: float) -> str:
    """A chance as people read it; none is said to be none or sure.

    >>> percent(0.314), percent(0.0004), percent(0.9999)
    ('31 %', 'below 1 %', 'above 99 %')
    """
    if chance < 0.01:
        return "below 1 %"
    return "above 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"
