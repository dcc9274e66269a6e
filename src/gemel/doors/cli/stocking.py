"""`gemel plan stock`: read a network, plan it in every way that covers it, play it out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import typer

from gemel.core.errors import ConfigurationError, Refused
from gemel.core.stock.network import Network, Rule
from gemel.core.stock.play import Figure, Played, played
from gemel.core.stock.survive import Exposure, exposures
from gemel.core.time import duration_text
from gemel.doors.cli import describing, telling
from gemel.doors.cli.telling import number, plain
from gemel.parts.solvers.inventory import INVENTORY, Plan

__all__ = ["stock"]

_EXAMPLE = "such a file has `stages`, each with demand, lead_time and costs"
_TODAY = "as today"


@dataclass(slots=True)
class _Option:
    """One way to do it."""

    name: str
    rules: Mapping[str, Rule]
    plan: Plan | None
    cost: Figure | None = None
    fill: dict[str, Figure] = field(default_factory=dict)


@dataclass(slots=True)
class _Answer:
    """Of stages that belong together; the first option is the one to take."""

    network: Network
    options: list[_Option]
    uncovered: dict[str, tuple[str, ...]]
    exposures: list[Exposure]


def stock(file: Path, periods: int, replications: int, seed: int, *, as_json: bool) -> None:
    """See `gemel plan stock --help`."""
    document = describing.document_of(file, _EXAMPLE)
    network = describing.settings_of(document, Network)
    answers = []
    for part in network.parts():
        try:
            answers.append(_answered(part, periods, replications, seed))
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


def _answered(network: Network, periods: int, replications: int, seed: int) -> _Answer:
    options, uncovered = [], {}
    for name in INVENTORY.files():
        solver = INVENTORY.build({"kind": name})
        if reasons := solver.uncovered(network):
            uncovered[name] = reasons
            continue
        plan = solver.plan(network)
        options.append(_Option(name, plan.rules, plan))
    today = {n: s.today for n, s in network.stages.items() if s.today is not None}
    if len(today) == len(network.stages):
        options.append(_Option(_TODAY, today, None))
    elif today:
        missing = sorted(set(network.stages) - set(today))
        raise Refused(f"`today` is said of some stages and not of {', '.join(missing[:5])}")
    if not any(o.plan for o in options):
        why = "; ".join(f"{name}: {reasons[0]}" for name, reasons in uncovered.items())
        raise Refused(f"no policy covers {_names(network)}. {why}")
    playable = [o for o in options if set(o.rules) == set(network.stages)]
    found: Played | None = None
    if playable and not network.knows_future():
        found = played(
            network, [o.rules for o in playable], periods=periods, warm=_warm(network, periods),
            replications=replications, seed=seed,
        )  # fmt: skip
        for i, option in enumerate(playable):
            _note(option, found, i, network)
    ranked = sorted((o for o in options if o.plan), key=lambda o: _rank(o, network))
    _exact_first(ranked, playable, found)
    ranked += [o for o in options if not o.plan]
    stocked = {n: s.at_hand for n, s in network.stages.items()}
    recovers = any(s.recovery is not None for s in network.stages.values())
    return _Answer(network, ranked, uncovered, exposures(network, stocked) if recovers else [])


def _warm(network: Network, periods: int) -> int:
    """Long enough that the start is forgotten: a few times the longest way."""
    longest = sum(network.periods(s.lead_time) for s in network.stages.values())
    return min(int(50 + 5 * longest), 10 * periods)


def _note(option: _Option, found: Played, place: int, network: Network) -> None:
    option.cost = found.figure(place)
    for name, stage in network.stages.items():
        if stage.sells:
            option.fill[name] = found.fill(name, place)


def _rank(option: _Option, network: Network) -> tuple[bool, float]:
    """Whether less is served than is wanted, then cost: as played where that was done."""
    assert option.plan is not None  # noqa: S101 - only plans are ranked
    short = any(
        stage.service is not None and name in option.fill
        and option.fill[name].high < stage.service
        for name, stage in network.stages.items()
    )  # fmt: skip
    return short, option.plan.cost if option.cost is None else option.cost.value


def _exact_first(ranked: list[_Option], playable: list[_Option], found: Played | None) -> None:
    """What was best by luck of what was played gives way to what is proved best of its kind, where
    the difference between them may be none."""
    best = ranked[0]
    if found is None or best not in playable or (best.plan is not None and best.plan.exact):
        return
    for option in ranked[1:]:
        if option.plan is not None and option.plan.exact and option in playable:
            apart = found.difference(playable.index(option), playable.index(best))
            if apart.low <= 0:
                ranked.remove(option)
                ranked.insert(0, option)
                return


# For people


def _names(network: Network) -> str:
    names = list(network.stages)
    return f"'{names[0]}'" if len(names) == 1 else f"{len(names)} stages with '{names[0]}'"


def _table(answer: _Answer) -> Any:
    network = answer.network
    per = f"per {duration_text(network.period)}"
    table = telling.table(
        f"{_names(network)}, {network.currency} {per}".replace(",  ", ", "), "computed", "played",
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


def _what(option: _Option) -> str:
    if option.plan is not None and option.plan.orders:
        orders = next(iter(option.plan.orders.values()))
        found = [f"{q:g} in {i}" for i, q in enumerate(orders, 1) if q]
        return "order " + ", ".join(found[:6]) + (" …" if len(found) > 6 else "")
    if len(option.rules) == 1:
        return str(next(iter(option.rules.values())))
    shown = [f"{name}: {rule}" for name, rule in list(option.rules.items())[:4]]
    more = len(option.rules) - len(shown)
    return "; ".join(shown) + (f" and {more} more" if more else "")


def _risks(answer: _Answer) -> Any:
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


def _sentence(answer: _Answer) -> str:
    best, network = answer.options[0], answer.network
    assert best.plan is not None  # noqa: S101 - there is a plan, and plans come first
    cost = best.plan.cost if best.cost is None else best.cost.value
    money = f"{number(cost)} {network.currency}".strip() + f" per {duration_text(network.period)}"
    text = f"{_names(network)}: {_what(best)} ({best.name}), {money}"
    today = next((o for o in answer.options if o.name == _TODAY and o.cost), None)
    if today is not None and today.cost is not None and best.cost is not None:
        less = today.cost.value - best.cost.value
        share = 100 * less / today.cost.value if today.cost.value else 0.0
        word = "less" if less >= 0 else "more"
        text += f", {abs(share):.0f} % {word} than today"
    return text + "."


def _json(answer: _Answer) -> dict[str, Any]:
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
