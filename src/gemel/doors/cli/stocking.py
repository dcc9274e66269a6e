"""`gemel plan stock`: read a network, plan it in every way that covers it, play it out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from gemel.core.errors import ConfigurationError, Refused
from gemel.core.stock.network import Network
from gemel.core.time import duration_text
from gemel.doors.cli import describing, telling
from gemel.doors.cli.telling import number, plain
from gemel.parts.solvers.inventory import Plan
from gemel.twin.planning.stocks import TODAY, Answer, Option, answered, names_of

__all__ = ["stock"]

_EXAMPLE = "such a file has `stages`, each with demand, lead_time and costs"


def stock(file: Path, periods: int, replications: int, seed: int, *, as_json: bool) -> None:
    """See `gemel plan stock --help`."""
    document = describing.document_of(file, _EXAMPLE)
    network = describing.settings_of(document, Network)
    answers = []
    for part in network.parts():
        try:
            answers.append(answered(part, periods, replications, seed))
        except Refused as error:
            where = document.where(("stages", next(iter(part.stages))))
            raise ConfigurationError(str(error), where) from None
    if as_json:
        told = {
            "currency": network.currency, "period": duration_text(network.period),
            "networks": [_json(a) for a in answers],
            "sentence": " ".join(_sentence(a) for a in answers),
        }  # fmt: skip
        typer.echo(json.dumps(plain(told), indent=2))
        return
    console = telling.console()
    for answer in answers:
        console.print(_table(answer))
        if answer.exposures:
            console.print(_risks(answer))
        notes = list(answer.options[0].plan.notes) if answer.options[0].plan else []
        if any(o.cost is not None for o in answer.options):
            notes.append(
                f"played: {replications} replications of {periods} periods on the same chance, "
                "intervals hold the mean with 95 %"
            )
        telling.say(console, _sentence(answer), notes)


# For people


def _table(answer: Answer) -> Any:
    network = answer.network
    per = f"per {duration_text(network.period)}"
    table = telling.table(
        f"{names_of(network)}, {network.currency} {per}".replace(",  ", ", "), "computed", "played",
        "95 % interval", "served at once", "what",
    )  # fmt: skip
    for option in answer.options:
        cost = option.cost
        scale = 0.0 if cost is None else (cost.high - cost.low) / 2
        known = [f.value for f in option.fill.values()] or (
            list(option.plan.fill.values()) if option.plan else []
        )
        table.add_row(
            option.name,
            number(option.plan.cost) if option.plan else "",
            number(cost.value, scale) if cost else "",
            f"{number(cost.low, scale)} … {number(cost.high, scale)}" if cost else "",
            f"{100 * min(known):.1f} %" if known else "",
            _what(option),
        )
    return table


def _what(option: Option) -> str:
    if option.plan is not None and option.plan.orders:
        orders = next(iter(option.plan.orders.values()))
        found = [f"{q:g} in {i}" for i, q in enumerate(orders, 1) if q]
        return "order " + ", ".join(found[:6]) + (" …" if len(found) > 6 else "")
    if len(option.rules) == 1:
        return str(next(iter(option.rules.values())))
    shown = [f"{name}: {rule}" for name, rule in list(option.rules.items())[:4]]
    more = len(option.rules) - len(shown)
    return "; ".join(shown) + (f" and {more} more" if more else "")


def _risks(answer: Answer) -> Any:
    table = telling.table("fails", "survives", "recovers", "missing units", "risk exposure", "what")
    for one in answer.exposures[:10]:
        enough = one.recover is None or one.survive >= one.recover
        table.add_row(
            one.stage,
            _time(one.survive, answer.network),
            "" if one.recover is None else _time(one.recover, answer.network),
            f"{sum(one.missing.values()):.4g}",
            "" if one.index is None else f"{one.index:.2f}",
            "" if enough else "recovers later than stock lasts",
        )
    return table


def _time(periods: float, network: Network) -> str:
    if periods == float("inf"):
        return "always"
    return describing.time_text(periods * network.period)


def _sentence(answer: Answer) -> str:
    best, network = answer.options[0], answer.network
    assert best.plan is not None  # noqa: S101 - there is a plan, and plans come first
    cost = best.plan.cost if best.cost is None else best.cost.value
    money = f"{number(cost)} {network.currency}".strip() + f" per {duration_text(network.period)}"
    text = f"{names_of(network)}: {_what(best)} ({best.name}), {money}"
    today = next((o for o in answer.options if o.name == TODAY and o.cost), None)
    if today is not None and today.cost is not None and best.cost is not None:
        less = today.cost.value - best.cost.value
        share = 100 * less / today.cost.value if today.cost.value else 0.0
        word = "less" if less >= 0 else "more"
        text += f", {abs(share):.0f} % {word} than today"
    return text + "."


def _json(answer: Answer) -> dict[str, Any]:
    return {
        "stages": list(answer.network.stages),
        "options": [
            {
                "name": o.name,
                "rules": {n: r.model_dump(exclude_none=True) for n, r in o.rules.items()},
                "plan": None if o.plan is None else _plan_json(o.plan),
                "played": None if o.cost is None else asdict(o.cost),
                "fill": {n: asdict(f) for n, f in o.fill.items()},
            }
            for o in answer.options
        ],
        "uncovered": {n: list(r) for n, r in answer.uncovered.items()},
        "exposures": [asdict(e) for e in answer.exposures],
        "sentence": _sentence(answer),
    }


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "cost": plan.cost, "parts": dict(plan.parts), "fill": dict(plan.fill),
        "stock": dict(plan.stock), "exact": plan.exact,
        "orders": None if plan.orders is None else {n: list(o) for n, o in plan.orders.items()},
        "promises": None if plan.promises is None else dict(plan.promises),
        "notes": list(plan.notes),
    }  # fmt: skip
