"""A stock network planned in every way that covers it, and played out: which rules to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gemel.core.errors import Refused
from gemel.core.stock.network import Network, Rule
from gemel.core.stock.play import Figure, Played, played
from gemel.core.stock.survive import Exposure, exposures
from gemel.parts.solvers.inventory import INVENTORY, Plan

__all__ = ["TODAY", "Answer", "Option", "answered", "names_of", "warm_up"]

TODAY = "as today"


@dataclass(slots=True)
class Option:
    """One way to do it."""

    name: str
    rules: Mapping[str, Rule]
    plan: Plan | None
    cost: Figure | None = None
    fill: dict[str, Figure] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """Of stages that belong together; the first option is the one to take."""

    network: Network
    options: list[Option]
    uncovered: dict[str, tuple[str, ...]]
    exposures: list[Exposure]


def answered(network: Network, periods: int, replications: int, seed: int) -> Answer:
    """Every way that covers a network of stages that belong together; what is played out was played
    on the same chance. Raises `Refused` where none covers it, with the reasons.
    """
    options, uncovered = [], {}
    for name in INVENTORY.files():
        solver = INVENTORY.build({"kind": name})
        if reasons := solver.uncovered(network):
            uncovered[name] = reasons
            continue
        plan = solver.plan(network)
        options.append(Option(name, plan.rules, plan))
    if not options:  # of a stage by itself, theory may know nothing
        solver = INVENTORY.build({"kind": "by_simulation", "alone": True})
        if not solver.uncovered(network):
            plan = solver.plan(network)
            options.append(Option("by_simulation", plan.rules, plan))
    today = {n: s.today for n, s in network.stages.items() if s.today is not None}
    if len(today) == len(network.stages):
        options.append(Option(TODAY, today, None))
    elif today:
        missing = sorted(set(network.stages) - set(today))
        raise Refused(f"`today` is said of some stages and not of {', '.join(missing[:5])}")
    if not any(o.plan for o in options):
        why = "; ".join(f"{name}: {reasons[0]}" for name, reasons in uncovered.items())
        raise Refused(f"no policy covers {names_of(network)}. {why}")
    playable = [o for o in options if set(o.rules) == set(network.stages)]
    found: Played | None = None
    if playable and not network.knows_future():
        found = played(
            network, [o.rules for o in playable], periods=periods, warm=warm_up(network, periods),
            replications=replications, seed=seed,
        )  # fmt: skip
        for i, option in enumerate(playable):
            _note(option, found, i, network)
    ranked = sorted((o for o in options if o.plan), key=lambda o: _rank(o, network))
    _exact_first(ranked, playable, found)
    ranked += [o for o in options if not o.plan]
    stocked = {n: s.at_hand for n, s in network.stages.items()}
    recovers = any(s.recovery is not None for s in network.stages.values())
    return Answer(network, ranked, uncovered, exposures(network, stocked) if recovers else [])


def warm_up(network: Network, periods: int) -> int:
    """Long enough that the start is forgotten: a few times the longest way."""
    longest = sum(network.periods(s.lead_time) for s in network.stages.values())
    return min(int(50 + 5 * longest), 10 * periods)


def _note(option: Option, found: Played, place: int, network: Network) -> None:
    option.cost = found.figure(place)
    for name, stage in network.stages.items():
        if stage.sells:
            option.fill[name] = found.fill(name, place)


def _rank(option: Option, network: Network) -> tuple[bool, float]:
    """Whether less is served than is wanted, then cost: as played where that was done."""
    assert option.plan is not None  # noqa: S101 - only plans are ranked
    short = any(
        stage.service is not None and name in option.fill
        and option.fill[name].high < stage.service
        for name, stage in network.stages.items()
    )  # fmt: skip
    return short, option.plan.cost if option.cost is None else option.cost.value


def _exact_first(ranked: list[Option], playable: list[Option], found: Played | None) -> None:
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


def names_of(network: Network) -> str:
    """Stages that belong together, for people."""
    names = list(network.stages)
    return f"'{names[0]}'" if len(names) == 1 else f"{len(names)} stages with '{names[0]}'"
