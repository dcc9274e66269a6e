"""Schedule: what is made where and when, will it be in time, and what if a machine breaks?"""

from __future__ import annotations

import re

from gemel.client.asynchronous import Plain
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.gantt import gantt
from gemel.doors.web.job_orders import job_orders
from gemel.doors.web.markup import (
    Child,
    Html,
    button,
    figure,
    form,
    h,
    join,
    label,
    lasts,
    many,
    panel,
    table,
)
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    known = await viewer.client.schedules()
    if not known:
        told = (
            "The plant file names no schedule. Describe orders, machines and calendars in a file "
            "as for gemel schedule, and name it under `schedules`."
        )
        return panel("What is made when?", h("p", told, cls="empty"))
    names = [one["name"] for one in known]
    name = around.query.get("name", "")
    name = name if name in names else names[0]
    assumed = {}
    if around.query.get("line") and around.query.get("changes"):
        assumed = {around.query["line"]: around.query["changes"]}
    first = await viewer.client.schedule(name)
    shown = Part("schedule", _all(viewer, known, first))

    async def look_again() -> None:
        shown.show(_all(viewer, known, await viewer.client.schedule(name)))

    async def plan(told: Plain) -> str:
        lines = {key[5:]: text for key, text in told.items() if key.startswith("line:")}
        await viewer.client.plan(name, seconds=float(told["seconds"]), assumed=lines)
        return "A plan is proposed"

    async def down(told: Plain) -> str:
        found = await viewer.client.machine_down(name, told["machine"], told["takes"])
        return "A plan around it is proposed" if found["proposed"] else "Noted"

    async def move(told: Plain) -> str:
        await viewer.client.move(name, told["operation"], told["machine"], told["start"])
        return "A plan with it there is proposed"

    async def release(told: Plain) -> str:
        await viewer.client.release_plan(name, int(told["number"]))
        return "The plan holds; its job orders are out"

    async def discard(told: Plain) -> str:
        await viewer.client.discard_plan(name, int(told["number"]))
        return "Thrown away"

    async def again(_: Plain) -> str:
        return f"{await viewer.client.send_again(name)} go out again"

    for action, handler in (
        ("plan", plan), ("down", down), ("move", move), ("release", release), ("discard", discard),
        ("again", again),
    ):  # fmt: skip
        viewer.on(action, handler)
    viewer.refresh(look_again)
    if not viewer.may("operator"):
        return shown.html
    return join(shown.html, _questions(first, assumed))


def _all(viewer: Viewer, known: list[Plain], shown: Plain) -> Html:
    others = [
        h("a", one["title"], href=f"/schedule?name={one['name']}",
          cls="on" if one["name"] == shown["name"] else None)
        for one in known
    ]  # fmt: skip
    aside = h("span", others, cls="spans") if len(known) > 1 else shown["title"]
    parts: list[Child] = []
    if shown["searching"]:
        parts.append(h("p", f"A plan is being looked for: {shown['searching']} …", cls="what"))
    if shown["trouble"]:
        parts.append(h("p", f"No plan was found: {shown['trouble']}", cls="what"))
    for machine, told in shown["down"].items():
        said = "said" if told["said"] else "taken"
        parts.append(
            h("p", f"{machine} is down since {viewer.clock(told['since'])}; {said} to run again at "
              f"{viewer.clock(told['until'])}.", cls="what")
        )  # fmt: skip
    held, proposed = shown["held"], shown["proposed"]
    panels: list[Child] = []
    if proposed is not None:
        panels.append(_proposed(viewer, shown, proposed, held))
    if held is not None:
        panels.append(
            panel(f"Plan {held['number']} holds", _measures(viewer, held),
                  gantt(held, shown, viewer.zone, movable=viewer.may("operator")
                        and proposed is None),
                  _orders(viewer, shown, held), _late(held), job_orders(viewer, shown),
                  aside=f"{held['why']} · {held['by']} · {viewer.clock(held['made'])}")
        )  # fmt: skip
    if held is None and proposed is None:
        parts.append(h("p", "Nothing is planned yet: make a plan below.", cls="empty"))
    return join(panel("What is made when?", *parts, aside=aside), *panels)


def _proposed(viewer: Viewer, shown: Plain, plan: Plain, held: Plain | None) -> Html:
    number = plan["number"]
    acts = None
    if viewer.may("operator"):
        acts = h(
            "div", button("Release", "release", first=True, number=number),
            button("Throw away", "discard", number=number), cls="buttons",
        )  # fmt: skip
    stage = (
        " · what held, only put off; a better one is being looked for"
        if (plan["stage"] == "put off")
        else ""
    )
    return panel(
        f"Plan {number} is proposed",
        h("p", f"{plan['why'][:1].upper()}{plan['why'][1:]}{stage}.", cls="what"),
        _measures(viewer, plan, held),
        gantt(plan, shown, viewer.zone, movable=False),
        acts,
        _orders(viewer, shown, plan) if held is None else None,
        _late(plan),
        aside=f"{plan['by']} · {viewer.clock(plan['made'])}",
    )


def _measures(viewer: Viewer, plan: Plain, held: Plain | None = None) -> Html:
    ends = max(row["end"] for row in plan["rows"])
    orders = len({row["order"] for row in plan["rows"]})
    late = len(plan["late"])
    told = [
        f"{many(orders, 'order')}, the last is done {_minute(viewer, ends)}",
        f"{late or 'none'} late"
        + ("" if held is None else f" ({len(held['late']) or 'none'} before)"),
    ]
    if plan["moved"]:
        told.append(f"{many(plan['moved'], 'operation')} moved (outlined: where they stood)")
    if plan["value"] > 0:
        gap = max(0.0, 1 - plan["bound"] / plan["value"])
        told.append("proved best" if gap < 1e-6 else f"at most {100 * gap:.0f} % above the best")
    told += [f"counts on {line}: {changes}" for line, changes in plan["assumed"].items() if changes]
    return h("p", " · ".join(told), cls="faint")


def _orders(viewer: Viewer, shown: Plain, plan: Plain) -> Html:
    late = {one["order"]: one for one in plan["late"]}
    first: dict[str, Plain] = {}
    last: dict[str, Plain] = {}
    for row in sorted(plan["rows"], key=lambda row: str(row["start"])):
        first.setdefault(row["order"], row)
        if row["order"] not in last or row["end"] > last[row["order"]]["end"]:
            last[row["order"]] = row
    rows = []
    for order, row in first.items():
        due, chance = plan["due"].get(order), plan["on_time"].get(order)
        actual = shown["orders"].get(order)
        done = (
            ""
            if actual is None
            else (
                f"runs since {viewer.clock(actual['start'])}"
                if actual["end"] is None
                else f"done {viewer.clock(actual['end'])}"
            )
        )
        if actual is not None and actual["done"]:
            done += f", {figure(actual['done'])} good"
        verdict: Child
        if order in late:
            verdict = h("b", f"▲ {lasts(late[order]['late_ns'])} late")
        else:
            verdict = "in time" if due else ""
        sure = "" if chance is None else f"{100 * min(chance, 0.99):.0f} %"
        rows.append(
            (order, row["product"], row["machine"], _minute(viewer, row["start"]),
             _minute(viewer, last[order]["end"]), _minute(viewer, due) if due else "", verdict,
             sure, done)
        )  # fmt: skip
    heads = ("Order", "Product", "Machine", "Begins", "Done", "Due", "", "Sure", "What happens")
    return table(heads, rows, numeric=(7,))


def _minute(viewer: Viewer, moment: str) -> str:
    """A time without its seconds: plans have none."""
    return re.sub(r"(\d\d:\d\d):\d\d", r"\1", viewer.clock(moment))


def _late(plan: Plain) -> Html | None:
    if not plan["late"]:
        return None
    items = [h("li", f"{one['order']}: {one['why']}.") for one in plan["late"][:8]]
    return join(h("p", "Why they are late", cls="what"), h("ul", items))


def _questions(shown: Plain, assumed: dict[str, str]) -> Html:
    machines = sorted(
        {row["machine"] for plan in (shown["held"], shown["proposed"]) if plan for row in
         plan["rows"]} | set(shown["machines"])
    )  # fmt: skip
    held = shown["held"] or shown["proposed"]
    counted = {**(held["assumed"] if held else {}), **assumed}
    lines = sorted({seat["line"] for seat in shown["machines"].values() if seat["line"]})
    fields: list[Child] = [
        label("Look for, s", "seconds", 10, type="number", min=0.1, max=600, step="any",
              required=True)
    ]  # fmt: skip
    fields += [
        label(f"Counting on, for line {line}", f"line:{line}", counted.get(line, ""),
              placeholder="as it is, or e.g. filler.time*0.95", maxlength=400)
        for line in lines
    ]  # fmt: skip
    new = form("plan", h("div", fields, cls="asked"), submit="Make a plan", stay=True)
    options = [h("option", machine, value=machine) for machine in machines]
    broken: list[Child] = [
        h("label", "Machine", h("select", options, name="machine", aria_label="Machine")),
        label("It takes", "takes", placeholder="e.g. 40 min; 0 s: it runs again", maxlength=40),
    ]
    down = form("down", h("div", broken, cls="asked"), submit="Plan around it", stay=True)
    return join(panel("Plan anew", new), panel("A machine is down", down))
