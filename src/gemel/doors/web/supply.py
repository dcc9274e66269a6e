"""Supply: what runs out when, what is to be ordered, where is the risk, and what is shipped?"""

from __future__ import annotations

from typing import Final

from gemel.client.asynchronous import Plain
from gemel.doors.web.drawn import network, span, stock
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Child, Html, figure, h, join, panel, table
from gemel.doors.web.viewer import Part, Viewer

__all__ = ["build"]

_SHOWN: Final = 12
_UNITS: Final = {"h": 3_600e9, "d": 86_400e9, "min": 60e9, "s": 1e9}


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`."""
    viewer = around.viewer
    known = await viewer.client.supplies()
    if not known:
        told = (
            "The plant file names no supply network. Describe what is kept where in a file as for "
            "gemel supply, and name it under `supply`."
        )
        return panel("What runs out when?", h("p", told, cls="empty"))
    names = [one["name"] for one in known]
    name = around.query.get("name", "")
    name = name if name in names else names[0]
    first = await viewer.client.supply(name)
    shown = Part("supply", _all(viewer, known, first))
    last = first["made"], first["working"], first["trouble"]

    async def look_again() -> None:
        nonlocal last
        told = await viewer.client.supply(name)
        now = told["made"], told["working"], told["trouble"]
        if now != last:  # pictures of weeks are not drawn anew every two seconds
            last = now
            shown.show(_all(viewer, known, told))

    viewer.refresh(look_again)
    return shown.html


def _all(viewer: Viewer, known: list[Plain], told: Plain) -> Html:
    others = [
        h("a", one["title"], href=f"/supply?name={one['name']}",
          cls="on" if one["name"] == told["name"] else None)
        for one in known
    ]  # fmt: skip
    aside = h("span", others, cls="spans") if len(known) > 1 else told["title"]
    found = told["found"]
    parts: list[Child] = []
    if told["trouble"]:
        parts.append(h("p", f"It could not be worked out: {told['trouble']}", cls="what"))
    if told["working"]:
        words = "It is being worked out: demand is forecast, rules are played out …"
        parts.append(h("p", words, cls="faint" if found else "empty"))
    if found is None:
        return panel("What runs out when?", *parts, aside=aside)
    sentences = found["sentences"]
    cost = found["cost"]
    money = f"{_short(cost['value'])} {found['currency']}".strip()
    made = (
        f"Worked out at {viewer.clock(told['made'])} · {money} a year in the long run "
        f"[{_short(cost['low'])}, {_short(cost['high'])}]"
    )
    return join(
        panel("What runs out when?", *parts, _listed(sentences["runs out"]),
              h("div", [stock(one, found["dates"]) for one in found["stages"].values()],
                cls="drawings"),
              h("p", "Blue line: what will be at hand in the middle of all that may come; band: "
                "90 % of it, if the rules below are followed.", cls="faint"),
              h("p", made, cls="faint"), aside=aside),
        panel("What is to be ordered now", _orders(found)),
        panel("Where is the risk?", _listed(sentences["risk"]),
              network(found["stages"], {r["stage"]: r for r in found["risks"]},
                      _period(found["period"])),
              h("p", "The bar in a stage is its risk exposure: what its failure costs, times the "
                "chance of one within a year, beside the worst stage.", cls="faint"),
              _risks(found)),
        _moves(found),
        panel("Rules and forecasts", _rules(found)),
    )  # fmt: skip


def _listed(sentences: list[str]) -> Html:
    return h("ul", [h("li", text) for text in sentences], cls="told")


def _short(value: float) -> str:
    return figure(float(f"{value:.3g}"))


def _orders(found: Plain) -> Html:
    if not found["orders"]:
        return h("p", "Nothing.", cls="empty")
    rows = [
        (h("b", one["title"]), figure(one["quantity"]),
         ", ".join(found["stages"][s]["title"] for s in one["of"] or ()) or "supplier",
         "" if one["cost"] is None else f"{_short(one['cost'])} {found['currency']}",
         one["arrives"], found["stages"][one["stage"]]["rule_words"])
        for one in found["orders"]
    ]  # fmt: skip
    heads = ("What", f"How many, {found['unit']}", "From", "Costs", "There by", "Rule")
    return table(heads, rows, numeric=(1, 3))


def _risks(found: Plain) -> Html | None:
    if not found["risks"]:
        return h("p", "Nobody said how stages fail: give `disruption` or `recovery`.", cls="empty")
    period = _period(found["period"])
    rows = []
    for one in found["risks"]:
        chance, yearly = one["chance"], one["yearly"]
        rows.append(
            (h("b", found["stages"][one["stage"]]["title"]),
             "" if one["up"] is None else f"{100 * one['up']:.1f} %", _chance(chance),
             "" if yearly is None else f"{100 * yearly['value']:.0f} %",
             "always" if one["survive"] is None else span(one["survive"] * period),
             "" if one["recover"] is None else span(one["recover"] * period),
             "" if not one["cost"] else f"{_short(one['cost'])} {found['currency']}",
             _remedy(one, "a second source"), _remedy(one, "more stock"))
        )  # fmt: skip
    heads = ("Stage", "Works", "Fails in this time", "Within a year", "Customers served for",
             "Recovers in", "Lost then", "A second source saves a year",
             "More stock saves a year")  # fmt: skip
    return table(heads, rows, numeric=(1, 2, 3, 4, 5, 6, 7, 8))


def _chance(chance: Plain | None) -> str:
    if chance is None:
        return ""
    text = f"{100 * chance['value']:.2g} %"
    if chance["low"] is None:
        return text
    return f"{text} [{100 * chance['low']:.2g}, {100 * chance['high']:.2g}]"


def _remedy(risk: Plain, what: str) -> str:
    for one in risk["remedies"]:
        if one["what"] == what:
            cost = one["cost"]
            return f"{_short(-cost['value'])} [{_short(-cost['high'])}, {_short(-cost['low'])}]"
    return ""


def _period(text: str) -> float:
    number, _, unit = text.partition(" ")
    return float(number) * _UNITS.get(unit, 86_400e9)


def _moves(found: Plain) -> Html | None:
    moves = found["moves"]
    if moves is None:
        return None
    titles = {name: one["title"] for name, one in found["stages"].items()}
    rows = [
        (one["date"], one["origin"], one["target"], figure(one["vehicles"]),
         f"{100 * one['load'] / one['room']:.0f} %",
         ", ".join(f"{_short(u)} {titles[n]}" for n, u in one["units"].items()))
        for one in moves["departures"][:_SHOWN]
    ]  # fmt: skip
    more = len(moves["departures"]) - _SHOWN
    busy = [r for r in moves["handled"] if r["hours"] is not None]
    hours = None
    if busy:
        top = max(busy, key=lambda r: r["hours"])
        hours = h("p", f"Most hands are needed at {top['site']} on {top['date']}: "
                  f"{top['hours']:.2g} h of loading and unloading.", cls="faint")  # fmt: skip
    heads = ("Leaves", "From", "To", "Vehicles", "Full", "What")
    return panel("What is shipped", _listed(found["sentences"]["moves"]),
                 table(heads, rows, numeric=(3, 4)),
                 h("p", f"and {more} more", cls="faint") if more > 0 else None, hours)  # fmt: skip


def _rules(found: Plain) -> Html:
    policy = {name: p["name"] for p in found["policies"] for name in p["stages"]}
    rows = []
    for name, one in found["stages"].items():
        demand, lead = one["demand"], one["lead"]
        told = ""
        if demand is not None:
            told = demand["how"]
            if demand["coverage"] is not None:
                told += f"; {100 * demand['coverage']:.0f} % within the 90 % band"
        fill = "" if one["fill"] is None else f"{100 * one['fill']['value']:.1f} %"
        lasts = "" if lead[0]["value"] is None else (
            f"{lead[0]['value']:.3g} · {lead[1]['value']:.3g} · {lead[2]['value']:.3g}"
        )  # fmt: skip
        rows.append((h("b", one["title"]), one["rule_words"], policy.get(name, ""), fill, lasts,
                     told))  # fmt: skip
    heads = ("Stage", "Rule", "Found by", "Served at once",
             f"Lead time, {found['period']}: median · 90 % · 99 %", "Demand")  # fmt: skip
    return table(heads, rows, numeric=(3, 4))
