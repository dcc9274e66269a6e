"""A policy is learned by playing the line, chosen on other luck, and tried on luck of its own.

The search is the cross-entropy method (Rubinstein and Kroese, 2004): weights are drawn around those
of the best rule, all are played on the same luck, and the best of them say where the next are
drawn. Whether the result acts is decided by a paired test on episodes that neither the search nor
the choice of the best rule has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.statistics import Estimate, estimate
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import Decide, decided
from gemel.twin.planning.dispatching.policy import ASK_TERMS, PART_TERMS, Policy, start
from gemel.twin.planning.dispatching.rules import rule

__all__ = ["OBJECTIVES", "Compared", "Effort", "Objective", "Play", "compare", "of_line", "train"]

Objective: TypeAlias = Literal["tardiness", "lead_time", "makespan"]
OBJECTIVES: Final = get_args(Objective)

Play: TypeAlias = Callable[[Decide, int], float]
"""Cost of one episode, by its number; the same number is the same luck, whoever decides."""

Told: TypeAlias = Callable[[int, int, float], Any]
"""Is given the generation, of how many, and the mean cost of its best candidate."""

_CHOICE: Final = 1_000_000
_TEST: Final = 2_000_000
_SPREAD: Final = 0.4
_LEAST_SPREAD: Final = 0.02
_SMOOTH: Final = 0.7


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is played: `generations` of `population` candidates, on `episodes` each; then
    `choice` episodes for the best rule and candidate, and `test` for the verdict."""

    generations: int = 15
    population: int = 20
    episodes: int = 4
    choice: int = 12
    test: int = 40

    def __post_init__(self) -> None:
        if min(self.generations, self.episodes) < 1 or self.population < 4:
            raise ConfigurationError(
                "training needs at least one generation and episode, and 4 candidates"
            )
        if min(self.choice, self.test) < 2:
            raise ConfigurationError("a choice and a test need at least 2 episodes each")


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Costs of deciders on common luck: `names`, and float64[deciders, episodes]."""

    names: tuple[str, ...]
    costs: Values

    @property
    def best(self) -> str:
        """The one with the least mean."""
        return self.names[int(np.argmin(self.costs.mean(axis=1)))]

    def of(self, name: str) -> Estimate:
        """Mean cost with its 95 % interval."""
        return estimate(self.costs[self.names.index(name)])

    def more(self, name: str, than: str) -> Estimate:
        """How much more a decider costs than another, paired by luck, with its 95 % interval."""
        one, other = self.names.index(name), self.names.index(than)
        return estimate(self.costs[one] - self.costs[other])


def of_line(line: Line, trial: Trial, objective: Objective) -> Play:
    """Episodes of a line. Costs are seconds: mean tardiness and mean lead time by part that came
    (parts that are still there count as far as they have come), or the end of the episode.

    Raises `ConfigurationError` for tardiness where nothing is ever due.
    """
    if objective not in OBJECTIVES:
        raise ConfigurationError(f"objective '{objective}' is none of {', '.join(OBJECTIVES)}")
    if objective == "tardiness" and all(p.due is None for p in line.products.values()):
        raise ConfigurationError(
            "no product of the line has a `due`: nothing is ever late; take lead_time"
        )

    def play(decide: Decide, episode: int) -> float:
        found = decided(line, trial, decide, episode)
        if objective == "makespan":
            return found.end
        area = found.late_s if objective == "tardiness" else found.inside_s
        return area / max(found.parts, 1)

    return play


def compare(play: Play, deciders: Mapping[str, Decide], episodes: int, first: int) -> Compared:
    """All deciders on the same episodes, from number `first` on."""
    costs = [[play(d, first + e) for e in range(episodes)] for d in deciders.values()]
    return Compared(tuple(deciders), np.array(costs))


def train(
    play: Play,
    rules: tuple[tuple[str, ...], tuple[str, ...]],
    unit_s: float,
    *,
    seed: int = 0,
    effort: Effort | None = None,
    told: Told | None = None,
) -> tuple[Policy, Compared]:
    """A policy with its verdict, and the costs of all rules and of the policy on the test.

    `rules` are those of `rules_for`, `unit_s` is what counts as one, such as the mean time of the
    stations. The same arguments give the same policy.
    """
    effort = Effort() if effort is None else effort
    part, crew = _best_rules(play, rules, effort)
    ways = ("learned", f"{part}, {crew}")
    first = Policy(*start(part, crew), unit_s, (part, crew))
    alone = len(rules[1]) < 2
    candidates = _search(play, first, fixed_crew=alone, seed=seed, effort=effort, told=told)
    chosen = compare(play, {str(i): c for i, c in enumerate(candidates)}, effort.choice, _CHOICE)
    policy = candidates[int(chosen.best)]
    deciders: dict[str, Decide] = {ways[1]: rule(part, crew)}
    deciders |= {f"{p}, {crew}": rule(p, crew) for p in rules[0]}
    deciders |= {f"{part}, {c}": rule(part, c) for c in rules[1]}
    tried = compare(play, {**deciders, ways[0]: policy}, effort.test, _TEST)
    more = tried.more(*ways)
    record = {
        "seed": seed, "effort": {n: getattr(effort, n) for n in Effort.__slots__},
        "learned": _told(tried.of(ways[0])), "best_rule": _told(tried.of(ways[1])),
        "more_than_best_rule": _told(more),
    }  # fmt: skip
    return replace(policy, acts=bool(more.high < 0), record=record), tried


def _told(found: Estimate) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high, "count": found.count}


def _best_rules(
    play: Play, rules: tuple[tuple[str, ...], tuple[str, ...]], effort: Effort
) -> tuple[str, str]:
    """The best rule for parts while crews serve who asked first, then the best for crews."""
    parts = compare(play, {p: rule(p) for p in rules[0]}, effort.choice, _CHOICE)
    crews = compare(play, {c: rule(parts.best, c) for c in rules[1]}, effort.choice, _CHOICE)
    return parts.best, crews.best


def _search(
    play: Play, first: Policy, *, fixed_crew: bool, seed: int, effort: Effort, told: Told | None
) -> list[Policy]:
    """The first policy, and the middle of each of the last generations."""
    chance = np.random.default_rng(seed)
    split = len(PART_TERMS)
    middle = np.concatenate([first.part, first.crew])
    spread = np.full(split + len(ASK_TERMS), _SPREAD)
    if fixed_crew:
        spread[split:] = 0.0
    found = [first]
    elite = max(2, effort.population // 4)
    for generation in range(effort.generations):
        drawn = chance.standard_normal((effort.population, len(middle)))
        drawn[0] = 0.0  # the middle itself
        weights = middle + spread * drawn
        costs = compare(
            play,
            {str(i): replace(first, part=w[:split], crew=w[split:]) for i, w in enumerate(weights)},
            effort.episodes, generation * effort.episodes,
        ).costs.mean(axis=1)  # fmt: skip
        best = weights[np.argsort(costs, kind="stable")[:elite]]
        middle = _SMOOTH * best.mean(axis=0) + (1 - _SMOOTH) * middle
        narrow = np.maximum(best.std(axis=0), _LEAST_SPREAD)
        spread = np.where(spread > 0, _SMOOTH * narrow + (1 - _SMOOTH) * spread, 0.0)
        if 2 * generation >= effort.generations - 1:
            found.append(replace(first, part=middle[:split], crew=middle[split:]))
        if told is not None:
            told(generation + 1, effort.generations, float(costs.min()))
    return found
