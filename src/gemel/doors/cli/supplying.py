"""`gemel supply`: read a network, forecast, plan, play out, and say what comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from gemel.core.errors import ConfigurationError, Refused
from gemel.core.time import duration_text, parse_time
from gemel.doors.cli import telling
from gemel.doors.cli.telling import plain
from gemel.runtime.clock import system_clock
from gemel.runtime.supply_files import Described, read_supply
from gemel.runtime.supply_outlooks import forecast_supply
from gemel.twin.planning.supply import Effort, SupplyPlan, supply_plan
from gemel.twin.planning.supply.told import (
    date_of,
    keeps_stock,
    record_of,
    rule_words,
    sentences_of,
    units_text,
)

__all__ = ["supply"]

_SHOWN = 20


def supply(
    file: Path, start: str | None, periods: int, replications: int, seed: int, *, as_json: bool
) -> None:
    """See `gemel supply --help`."""
    read = read_supply(file)
    now = _now(read, start)
    described, outlooks = forecast_supply(read, now)
    effort = Effort(periods, replications, seed=seed)
    try:
        plan = supply_plan(described, outlooks, read.chains, now, effort)
    except Refused as error:
        raise ConfigurationError(str(error), read.document.where(("stages",))) from None
    if as_json:
        typer.echo(json.dumps(plain(record_of(plan)), indent=2))
        return
    console = telling.console()
    console.print(_stages(plan))
    if plan.risks:
        console.print(_risks(plan))
    if plan.moves is not None:
        console.print(_departures(plan))
    for subject, told in sentences_of(plan).items():
        if told:
            telling.say(console, subject[0].upper() + subject[1:], told)
    telling.say(console, "How it was found", _how(plan))


def _now(read: Described, start: str | None) -> int:
    """In local time, as the tables have it."""
    if start is not None:
        return parse_time(start)
    return system_clock() if read.end is None else read.end


def _stages(plan: SupplyPlan) -> Any:
    supply = plan.supply
    table = telling.table(
        f"from {date_of(plan, 0)}", "at hand", "on order", f"wanted per {_period(plan)}",
        "runs out", "on", "order now", "served", "what",
    )  # fmt: skip
    orders = {order.stage: order.quantity for order in plan.orders}
    wanted = supply.throughput()
    for name, stage in supply.stages.items():
        come, keeps = plan.ahead[name], keeps_stock(plan, name)
        on_order = sum(a.quantity for a in stage.on_order)
        table.add_row(
            stage.title or name, units_text(stage.at_hand),
            units_text(on_order) if on_order else "",
            units_text(wanted[name]), f"{100 * come.out.value:.0f} %" if keeps else "",
            date_of(plan, come.first[1]) if keeps and come.first is not None else "",
            units_text(orders[name]) if name in orders else "",
            f"{100 * plan.service.fill[name].value:.1f} %" if stage.sells else "",
            rule_words(plan.rules[name]),
        )  # fmt: skip
    return table


def _risks(plan: SupplyPlan) -> Any:
    table = telling.table(
        "fails", "works", f"within {duration_text(plan.supply.looks)}", "90 % interval",
        "within a year", "survives", "recovers", "lost then", "risk exposure",
    )  # fmt: skip
    period = plan.supply.period
    for risk in plan.risks[:_SHOWN]:
        chance = risk.chance
        table.add_row(
            plan.supply.stages[risk.stage].title or risk.stage,
            "" if risk.up is None else f"{100 * risk.up:.1f} %",
            "" if chance is None else f"{100 * chance.value:.2g} %",
            "" if chance is None or chance.low is None or chance.high is None
            else f"{100 * chance.low:.2g} … {100 * chance.high:.2g} %",
            "" if risk.yearly is None else f"{100 * risk.yearly.value:.2g} %",
            _time(risk.survive * period), "" if risk.recover is None
            else _time(risk.recover * period),
            "" if risk.cost is None else units_text(risk.cost),
            "" if risk.index is None else f"{risk.index:.2f}",
        )  # fmt: skip
    return table


def _departures(plan: SupplyPlan) -> Any:
    assert plan.moves is not None  # noqa: S101 - the caller looked
    table = telling.table("leaves", "from", "to", "vehicles", "full", "what")
    for one in plan.moves.departures[:_SHOWN]:
        units = ", ".join(f"{units_text(u)} {n}" for n, u in one.units.items())
        table.add_row(
            date_of(plan, one.period), one.origin, one.target, str(one.vehicles),
            f"{100 * one.load / one.room:.0f} %", units,
        )  # fmt: skip
    more = len(plan.moves.departures) - _SHOWN
    if more > 0:
        table.add_row(f"and {more} more")
    return table


def _how(plan: SupplyPlan) -> list[str]:
    told = []
    for name, outlook in plan.outlooks.items():
        text = f"demand of {name}: {outlook.how}"
        if outlook.coverage is not None:
            text += f"; {100 * outlook.coverage:.0f} % of the held-out periods in the 90 % band"
        told.append(text)
    for answer in plan.answers:
        tried = ", ".join(o.name for o in answer.options)
        stages = ", ".join(answer.network.stages)
        told.append(f"rules of {stages}: {answer.options[0].name}, of {tried}, by playing them out")
    cost = plan.service.cost
    told.append(
        f"{units_text(cost.value)} {plan.supply.currency} a year [{units_text(cost.low)}, "
        f"{units_text(cost.high)}], played for {plan.effort.replications} × {plan.effort.periods} "
        f"periods with disruptions and spread lead times; from now on {plan.effort.ahead} times"
    )
    if plan.moves is not None and plan.moves.how == "mixed_integer":
        gap = max(0.0, plan.moves.cost - plan.moves.bound) / max(plan.moves.cost, 1e-9)
        told.append(f"transport: mixed_integer, at most {100 * gap:.1f} % above the best")
    elif plan.moves is not None:
        told.append("transport: last_moment; pip install 'gemel[plan]' finds better")
    return told


def _period(plan: SupplyPlan) -> str:
    return duration_text(plan.supply.period)


def _time(nanoseconds: float) -> str:
    from gemel.doors.cli.describing import time_text

    return "always" if nanoseconds == float("inf") else time_text(nanoseconds)
