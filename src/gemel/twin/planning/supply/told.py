"""A supply plan as plain data, and in words."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from gemel.core.frame import Values
from gemel.core.stock.disruption import Chance
from gemel.core.stock.network import Rule
from gemel.core.time import DAY, SECOND, duration_text
from gemel.twin.planning.supply.making import SupplyPlan
from gemel.twin.planning.supply.risk import Remedy, Risk

__all__ = [
    "date_of", "keeps_stock", "record_of", "rule_words", "sentences_of", "units_text",
]  # fmt: skip

_LIKELY = 0.05
"""What runs out with less than this chance is not worth a sentence."""


def date_of(plan: SupplyPlan, period: int) -> str:
    """When a period from now begins, in local time, e.g. 'Tue 6 Jan'."""
    supply = plan.supply
    begin = plan.now // supply.period * supply.period if supply.period <= DAY else plan.now
    moment = datetime.fromtimestamp((begin + period * supply.period) / SECOND, UTC)
    day = f"{moment:%a} {moment.day} {moment:%b}"
    return day if supply.period % DAY == 0 else f"{day} {moment:%H:%M}"


def keeps_stock(plan: SupplyPlan, name: str) -> bool:
    """Whether its rule means something to be at hand as a rule: who keeps nothing makes others wait
    on purpose, and to say so would be no news. Who sells is always meant to."""
    supply, rule = plan.supply, plan.rules[name]
    point = rule.level if rule.kind == "base_stock" else rule.reorder
    return supply.stages[name].sells or (point or 0.0) >= (
        supply.throughput()[name] * supply.exposure(name)
    )


def record_of(plan: SupplyPlan) -> dict[str, Any]:
    """JSON-able, infinity and NaN apart; `date` is the beginning of a period in words."""
    supply = plan.supply
    wanted = supply.throughput()
    orders = {order.stage: order for order in plan.orders}
    stages = {}
    for name, stage in supply.stages.items():
        come, outlook, order = plan.ahead[name], plan.outlooks.get(name), orders.get(name)
        stages[name] = {
            "title": stage.title or name, "site": supply.site_of(name), "after": dict(stage.after),
            "sells": stage.sells, "at_hand": stage.at_hand,
            "on_order": sum(a.quantity for a in stage.on_order), "wanted": wanted[name],
            "rule": plan.rules[name].model_dump(exclude_none=True),
            "rule_words": rule_words(plan.rules[name]), "keeps": keeps_stock(plan, name),
            "stock": {"low": _list(come.low), "middle": _list(come.middle),
                      "high": _list(come.high)},
            "out": asdict(come.out) | {
                "first": None if come.first is None else come.first[0],
                "usual": None if come.first is None else come.first[1],
                "date": None if come.first is None else date_of(plan, come.first[1]),
                "missed": come.missed,
            },
            "order": None if order is None else order.quantity,
            "demand": None if outlook is None else {
                "mean": _list(outlook.mean), "low": _list(outlook.low),
                "high": _list(outlook.high), "how": outlook.how, "coverage": outlook.coverage,
                "ordered": _list(outlook.firm),
            },
            "lead": [asdict(f) for f in plan.service.lead[name]],
            "fill": asdict(plan.service.fill[name]) if stage.sells else None,
            "lost": asdict(plan.service.lost[name]) if stage.sells else None,
        }  # fmt: skip
    periods = len(next(iter(plan.ahead.values())).middle)
    return {
        "currency": supply.currency, "unit": supply.unit, "period": duration_text(supply.period),
        "dates": [date_of(plan, t) for t in range(periods)],
        "stages": stages, "cost": asdict(plan.service.cost),
        "orders": [_order(plan, o.stage, o.quantity) for o in plan.orders],
        "risks": [_risk(r) for r in plan.risks],
        "moves": _moves(plan),
        "policies": [
            {"stages": list(a.network.stages), "name": a.options[0].name,
             "tried": [o.name for o in a.options]} for a in plan.answers
        ],
        "sentences": sentences_of(plan),
    }  # fmt: skip


def _list(values: Values) -> list[float]:
    return [float(v) for v in values]


def _order(plan: SupplyPlan, name: str, quantity: float) -> dict[str, Any]:
    stage = plan.supply.stages[name]
    price = stage.price
    for step in sorted(stage.breaks, key=lambda b: b.quantity):
        price = step.price if quantity >= step.quantity else price
    return {
        "stage": name, "title": stage.title or name, "quantity": quantity,
        "of": list(stage.after) or None,
        "cost": None if price is None else price * quantity + stage.order_cost,
        "arrives": date_of(plan, -(-stage.lead_time // plan.supply.period)),
    }  # fmt: skip


def _risk(risk: Risk) -> dict[str, Any]:
    told = asdict(risk)
    told["survive"] = risk.survive if isfinite(risk.survive) else None
    return told


def _moves(plan: SupplyPlan) -> dict[str, Any] | None:
    if plan.moves is None:
        return None
    told = asdict(plan.moves)
    for rows in (told["departures"], told["handled"]):
        for row in rows:
            row["date"] = date_of(plan, row["period"])
    return told


# In words


def sentences_of(plan: SupplyPlan) -> dict[str, list[str]]:
    """What runs out, what to order, what is the risk, what moves; each by its subject."""
    return {
        "runs out": _out(plan), "order now": _orders(plan), "risk": _risks(plan),
        "moves": _moving(plan),
    }  # fmt: skip


def _out(plan: SupplyPlan) -> list[str]:
    supply = plan.supply
    told = []
    likely = sorted(plan.ahead.items(), key=lambda one: -one[1].out.value)
    for name, come in likely:
        stage = supply.stages[name]
        if come.out.value < _LIKELY or come.first is None or not keeps_stock(plan, name):
            continue
        what = "runs out" if stage.sells else "cannot give all that is wanted of it"
        text = (
            f"{stage.title or name} {what} within {_horizon(plan)} with {_chance(come.out)}, "
            f"typically on {date_of(plan, come.first[1])}"
        )
        if stage.sells and come.missed >= 0.5:
            how = "lost" if stage.lost_sale_cost is not None else "late"
            text += f"; on average {units_text(come.missed)} {supply.unit} are {how}"
        told.append(text + ".")
    if not told:
        told.append(f"Nothing is likely to run out within {_horizon(plan)}.")
    return told


def _orders(plan: SupplyPlan) -> list[str]:
    told = []
    for order in plan.orders:
        row = _order(plan, order.stage, order.quantity)
        source = f" from {' and '.join(row['of'])}" if row["of"] else ""
        cost = "" if row["cost"] is None else f", {_money(plan, row['cost'])}"
        count, position = units_text(order.quantity), units_text(order.position)
        told.append(
            f"Order {count} {plan.supply.unit} of {row['title']}{source}{cost}: the position is "
            f"{position}, the rule says {rule_words(order.rule)}; there by {row['arrives']}."
        )
    return told or ["Nothing needs to be ordered now."]


def _risks(plan: SupplyPlan) -> list[str]:
    told = []
    for risk in plan.risks[:3]:
        if risk.chance is None or risk.yearly is None:
            continue
        stage, period = plan.supply.stages[risk.stage], plan.supply.period
        text = (
            f"{stage.title or risk.stage} fails within {_horizon(plan)} with {_chance(risk.chance)}"
        )
        recover = None if risk.recover is None else _time(risk.recover * period)
        if not isfinite(risk.survive):
            text += "; customers never notice"
        elif recover is not None:
            text += (
                f"; customers are served for {_time(risk.survive * period)}, and it takes {recover}"
                " to recover"
            )
        if risk.cost:
            text += f": {_money(plan, risk.cost)} would be lost"
        told.append(text + ".")
        title = stage.title or risk.stage
        told += [_remedy(plan, title, remedy) for remedy in risk.remedies if remedy.cost.high < 0]
        if risk.remedies and not any(r.cost.high < 0 for r in risk.remedies):
            told.append(
                f"Neither a second source nor more stock of {title} would surely save more than it "
                "costs."
            )
    return told


def _remedy(plan: SupplyPlan, title: str, remedy: Remedy) -> str:
    what = f"A second source of {title}"
    if remedy.units:
        what = f"{units_text(remedy.units)} {plan.supply.unit} more of {title}"
    save, least, most = (-v for v in (remedy.cost.value, remedy.cost.high, remedy.cost.low))
    text = (
        f"{what} would save {_money(plan, save)} a year [{units_text(least)}, {units_text(most)}]"
    )
    if not remedy.units:
        text += ": that is the most it may cost"
    return text + "."


def _moving(plan: SupplyPlan) -> list[str]:
    moves = plan.moves
    if moves is None:
        return []
    trips = sum(d.vehicles for d in moves.departures)
    text = (
        f"{trips} vehicles leave within {_time(float(plan.supply.plans))} for "
        f"{_money(plan, moves.vehicles)}"
    )
    if moves.by_hand > moves.cost * (1 + 1e-6):
        more = 100 * (moves.by_hand / moves.cost - 1)
        text += (
            f"; sending each load at the last moment would cost {more:.0f} % more, with what early "
            "and late loads cost"
        )
    told = [text + "."]
    if moves.late > 1e-6:
        told.append(
            f"A load of {units_text(moves.late)} leaves later than it should: no vehicle leaves in "
            "time, or waiting costs less."
        )
    return told


def _horizon(plan: SupplyPlan) -> str:
    return _time(float(plan.supply.looks))


def _time(nanoseconds: float) -> str:
    days = nanoseconds / DAY
    if days >= 2:
        return f"{days:.3g} days"
    hours = days * 24
    return f"{hours:.3g} hours" if hours >= 2 else f"{hours * 60:.3g} minutes"


def _chance(chance: Chance) -> str:
    text = f"{_percent(chance.value)} probability"
    if chance.low is None or chance.high is None:
        return text
    return f"{text} [{_percent(chance.low)}, {_percent(chance.high)}]"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def rule_words(rule: Rule) -> str:
    """When how much is ordered, with numbers as people write them."""
    level, reorder = (units_text(v or 0.0) for v in (rule.level, rule.reorder))
    match rule.kind:
        case "base_stock":
            return f"order up to {level}"
        case "r_q":
            return f"at {reorder} order {units_text(rule.quantity or 0.0)}"
    return f"at {reorder} order up to {level}"


def units_text(value: float) -> str:
    """A count for people: whole, or three digits where it is small."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _money(plan: SupplyPlan, value: float) -> str:
    return f"{units_text(value)} {plan.supply.currency}".strip()
