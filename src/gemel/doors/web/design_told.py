"""What an experiment with a line that does not exist yet says."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web.design_pictures import capacity_picture, cost_picture, ramp_picture
from gemel.doors.web.experiment_pictures import effects_picture, short
from gemel.doors.web.markup import Child, Html, figure, h, table

__all__ = ["design_table", "design_told"]


def design_told(result: Plain) -> list[Child]:
    """Capacity, ramp-up, cost, and what of it matters."""
    if not result["samples"]:
        return []
    short_of = result["shortfall_per_hour"]
    missing = (
        f"Grey, above the curve: {short(short_of['mean'])} parts/h are missing on average, "
        f"{short(short_of['q95'])} and more in one line of twenty."
        if short_of["mean"] else "Nothing is missing in any of them."
    )  # fmt: skip
    drawn: list[Child] = [_drawing(
        "Makes at least so many good parts per hour", capacity_picture(result), missing
    )]  # fmt: skip
    if result["ramp_up"]:
        drawn.append(_drawing("Good parts per hour as it comes to its pace", ramp_picture(result),
                              _ramp(result)))  # fmt: skip
    if cost := cost_picture(result):
        told = result["cost_per_part"]
        drawn.append(_drawing(
            "Cost of a good part", cost,
            f"Half of the lines in the box, nine of ten on the line; {short(told['mean'])} on "
            "average.",
        ))  # fmt: skip
    if result["matters"]:
        effects = [
            {"term": path, **e, "known": e["low"] > 0 or e["high"] < 0}
            for path, e in result["matters"].items()
        ]
        drawn.append(_drawing(
            "What is not known, and what its whole width does, parts/h",
            effects_picture(effects, "good_parts_per_hour"),
            "Pale: it may be nothing.",
        ))  # fmt: skip
    length = (
        f"{figure(result['horizon_s'] / 3600)} h" if result["horizon_s"]
        else f"{figure(result['parts'])} parts"
    )  # fmt: skip
    return [
        h("div", drawn, cls="drawings large"),
        _weeks(result),
        h("p", f"{figure(result['samples'])} lines between their tolerances, {length} of each with "
          f"luck of its own, seed {result['seed']}, simulator {result['simulator']}.", cls="faint"),
    ]  # fmt: skip


def design_table(told: list[Plain]) -> Html:
    """Several beside each other."""
    results = [one["result"] or {} for one in told]
    rows: list[list[Child]] = [
        ["Wanted, parts/h", *(short(r.get("demand_per_hour")) for r in results)],
        ["Reached with", *(_share(r.get("reaches")) for r in results)],
        ["Good parts per hour [5 %, 95 %]",
         *(_spread(r.get("good_parts_per_hour")) for r in results)],
        ["Missing per hour [5 %, 95 %]", *(_spread(r.get("shortfall_per_hour")) for r in results)],
        ["Cost of a good part [5 %, 95 %]",
         *(_spread(_some(r.get("cost_per_part"))) for r in results)],
        ["Lines", *(figure(r.get("samples")) for r in results)],
    ]  # fmt: skip
    heads = ("", *(f"In {one['number']}" for one in told))
    return table(heads, rows, range(1, len(heads)))


def _drawing(title: str, picture: Html, said: str) -> Html:
    return h("div", h("h3", title), picture, h("p", said, cls="faint"))


def _ramp(result: Plain) -> str:
    weeks = result["ramp_up"]
    late = next((w["week"] for w in weeks if w["reaches"] >= 0.5), None)
    there = (
        f"Half of them are there in week {late}. " if late
        else f"Fewer than half of them are there in week {weeks[-1]['week']}. "
    )  # fmt: skip
    last = weeks[-1]
    behind = max(0.0, last["wanted"] - last["made"])
    return (
        f"{there}By the end of week {last['week']}, {short(last['made'])} of "
        f"{short(last['wanted'])} wanted parts are made, {short(behind)} fewer than wanted."
    )


def _weeks(result: Plain) -> Html | None:
    if not result["ramp_up"]:
        return None
    rows = [
        (w["week"], short(w["good_parts_per_hour"]), f"{short(w['low'])} to {short(w['high'])}",
         f"{100 * w['reaches']:.0f} %", short(w["made"]), short(w["wanted"]))
        for w in result["ramp_up"]
    ]  # fmt: skip
    heads = ("Week", "Parts/h", "5 % to 95 %", "Reached by", "Made until then", "Wanted until then")
    shown = table(heads, rows, range(1, len(heads)))
    return h("details", h("summary", "Week by week", cls="link"), shown)


def _share(told: Plain | None) -> str:
    if not told or told["value"] is None:
        return "—"
    return f"{100 * told['value']:.0f} % [{100 * told['low']:.0f}, {100 * told['high']:.0f}]"


def _some(told: Plain | None) -> Plain | None:
    """Costs, if anything costs."""
    return told if told and told.get("q95") else None


def _spread(told: Plain | None) -> str:
    if not told or told.get("q50") is None:
        return "—"
    return f"{short(told['q50'])} [{short(told['q05'])}, {short(told['q95'])}]"
