"""Experiments beside each other: what alternatives differ by, or what factors do in each."""

from __future__ import annotations

from urllib.parse import quote

from gemel.client.asynchronous import Plain
from gemel.doors.web.design_pictures import capacity_picture
from gemel.doors.web.design_told import design_table
from gemel.doors.web.experiment import asked_by
from gemel.doors.web.experiment_pictures import effects_picture, short, title_of
from gemel.doors.web.markup import Child, Html, h, join, panel, table
from gemel.doors.web.viewer import Viewer

__all__ = ["build_compared"]

_WORDS = {
    "lines": "the line", "beside": "what is changed", "scenarios": "the alternatives",
    "seed": "the luck", "horizon_ns": "the time that is played", "start": "where it begins",
    "gemel": "the version of Gemel", "parts": "the parts that are played", "line": "the line",
    "factors": "the factors", "points": "the combinations", "costs": "costs",
    "prices": "prices", "order": "the order", "warm_up": "the warm-up",
}  # fmt: skip


async def build_compared(viewer: Viewer, line: Plain, numbers: list[int]) -> Html:
    """The page."""
    found = await viewer.client.compared_experiments(line["name"], numbers)
    told = found["experiments"]
    heads = [
        (h("a", f"{one['number']} · {one['title'] or 'no title'}",
           href=f"/what-if?line={quote(line['name'])}&experiment={one['number']}"),
         one["sentence"], asked_by(viewer, one))
        for one in told
    ]  # fmt: skip
    first = told[0]["number"]
    differ: list[Child] = [
        h("p", f"What differs in {first} and {other['number']}: {_differing(other)}.", cls="faint")
        for other in found["others"]
    ]
    top = panel("Beside each other", table(("Experiment", "What it says", "Asked"), heads), differ,
                aside=line["title"])  # fmt: skip
    if found["kind"] == "sweep":
        return join(top, _sweeps(found))
    if found["kind"] == "design":
        return join(top, _designs(told))
    return join(top, [_best(told[0], other, told) for other in found["others"]])


def _differing(other: Plain) -> str:
    return ", ".join(_WORDS.get(key, key) for key in other["differing"]) or "nothing"


def _best(first: Plain, other: Plain, told: list[Plain]) -> Html:
    second = next(one for one in told if one["number"] == other["number"])
    wanted = {first["objective"], second["objective"], "good_parts_per_hour", "lead_time_s"}
    rows = []
    for row in other["scenarios"]:
        if row["measure"] not in wanted:
            continue
        gap = row["difference"]
        sure = gap["low"] is not None and (gap["low"] > 0 or gap["high"] < 0)
        shown = short(gap["value"])
        rows.append(
            (row["scenario"], title_of(row["measure"]), short(row["first"]), short(row["second"]),
             h("b", shown) if sure else shown,
             "not known" if gap["low"] is None else f"{short(gap['low'])} to {short(gap['high'])}")
        )  # fmt: skip
    heads = ("Alternative", "Measure", f"In {first['number']}", f"In {other['number']}",
             "Difference", "95 % interval")  # fmt: skip
    luck = (
        "On the same luck, replication by replication; bold: certain."
        if other["paired"] else "On luck of their own: intervals are wider; bold: certain."
    )  # fmt: skip
    alone = other["only_in_one"]
    return panel(
        f"{other['number']} less {first['number']}",
        table(heads, rows, (2, 3, 4, 5)) if rows
        else h("p", "They have no alternative in common.", cls="empty"),
        h("p", luck, cls="faint"),
        h("p", f"Only in one of them: {', '.join(alone)}.", cls="faint") if alone else None,
    )  # fmt: skip


def _designs(told: list[Plain]) -> Html:
    pictures = [
        h("div", h("h3", f"{one['number']} · makes at least so many per hour"),
          capacity_picture(one["result"]))
        for one in told if (one["result"] or {}).get("samples")
    ]  # fmt: skip
    return panel(
        "What is expected of each", design_table(told), h("div", pictures, cls="drawings large")
    )


def _sweeps(found: Plain) -> Html:
    told = found["experiments"]
    rows = [
        (row["term"], *(
            "" if one is None else f"{short(one['value'])}"
            + ("" if one["low"] is None else f" [{short(one['low'])}, {short(one['high'])}]")
            for one in row["told"]
        ))
        for row in found["effects"][:20]
    ]  # fmt: skip
    pictures = []
    for i, one in enumerate(told):
        effects = [
            {"term": row["term"], **row["told"][i]}
            for row in found["effects"]
            if row["told"][i] is not None
        ]
        effects.sort(key=lambda e: -abs(e["value"]))
        title = f"{one['number']} · {title_of(one['objective'])}"
        pictures.append(h("div", h("h3", title), effects_picture(effects, one["objective"])))
    heads = ("Effect", *(f"In {one['number']} [95 %]" for one in told))
    return panel(
        "What factors do in each", h("div", pictures, cls="drawings"),
        table(heads, rows, range(1, len(heads))),
    )  # fmt: skip
