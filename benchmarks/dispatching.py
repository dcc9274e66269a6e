"""Learned dispatching beside every rule, and beside plans that know what comes.

    python -m benchmarks.dispatching [--quick]

A policy is trained on generated lines and tried on lines and luck that it has not seen: its search,
its choice and its test have episodes of their own. Costs are means over test episodes with 95 %
intervals, differences are paired. One thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scheduling import instances
from gemel.core.errors import Unavailable
from gemel.core.line import Line, Snapshot
from gemel.core.line.statistics import Estimate
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import Decide, decided
from gemel.parts.solvers.scheduling import SCHEDULERS, Draft, Way, check
from gemel.parts.solvers.scheduling.base import Budget, Objective, Problem
from gemel.twin.planning.dispatching import Effort, Policy, of_line, rule, rules_for, train

SHOP = {"machines": 5, "jobs": 50, "families": 3, "setup": 8, "gap": 15.5}
PUBLIC = ("ft06", "la01", "la03", "la05", "ft10", "ta01", "ta03")
STATIC_RULES = ("fifo", "spt", "mwkr", "lwkr", "winq")
_TEST = 2_000_000  # where `train` begins its test


# Generated shops: jobs come over time, each with its own route, due date and family


@lru_cache(4_096)
def generated(number: int) -> tuple[Line, tuple[int, ...]]:
    """A shop, and when its jobs come: five machines in any order, 1 to 20 s each, set-ups between
    three families; due after 1.5 to 4 times the job's work."""
    chance = np.random.default_rng([47, number])
    m, n = int(SHOP["machines"]), int(SHOP["jobs"])
    comes = np.cumsum(chance.exponential(SHOP["gap"], n)).astype(int)
    products = {}
    for j in range(n):
        times = chance.integers(1, 21, m)
        products[f"j{j}"] = {
            "family": f"f{chance.integers(SHOP['families'])}",
            "due": f"{int(times.sum() * chance.uniform(1.5, 4))} s",
            "route": [
                {"station": f"m{k}", "time": f"{t} s"}
                for k, t in zip(chance.permutation(m), times, strict=True)
            ],
        }
    station = {"time": "10 s", "after": [], "setup": {"time": f"{SHOP['setup']} s"}}
    stations = {f"m{k}": dict(station) for k in range(m)}
    stations["m0"]["arrivals"] = {"at": [f"{t} s" for t in comes]}
    line = Line.read({"stations": stations, "products": products, "sequence": list(products)})
    return line, tuple(comes.tolist())


def play_shop(decide: Decide, episode: int) -> float:
    """Mean tardiness of the jobs of a generated shop, s."""
    line, comes = generated(episode)
    found = decided(line, Trial(parts=len(comes), warm_up=0.0, keep=()), decide)
    return found.late_s / len(comes)


def known(line: Line, comes: Sequence[int]) -> Problem:
    """The same with everything known from the beginning."""
    draft = Draft()
    for name in line.names:
        draft.machine(name)
    names = sorted({p.family for p in line.products.values()})
    for k in range(len(line.names)):
        for a in names:
            for b in names:
                draft.setup(k, a, b, int(SHOP["setup"]) if a != b else 0)
    for (name, product), came in zip(line.products.items(), comes, strict=True):
        due = product.due.mean_s if product.due is not None else 0.0
        job, before = draft.job(name, came, came + int(due)), list[int]()
        for step in product.route:
            way = Way(line.names.index(step.stations[0]), int(step.time.mean_s if step.time else 0))
            before = [draft.operation(job, [way], after=before, family=product.family)]
    return draft.build(Objective(makespan=0.0, tardiness=1.0))


def in_hindsight(kind: str, problem: Problem, seconds: float) -> tuple[float, float]:
    """Value and bound of a plan that is checked; NaN where none was found."""
    settings = {"kind": kind, ("lanes" if kind == "best" else "workers"): 1}
    part = SCHEDULERS.build(settings)
    try:
        plan = part.solve(problem, seed=1, budget=Budget(seconds), clock=time.perf_counter_ns)
    except Unavailable:
        return float("nan"), 0.0
    assert not check(problem, plan)
    return plan.value, plan.bound


# One crew for three machines


def crewed() -> Line:
    """Three machines side by side; one fitter sets up and repairs them all."""
    machine: dict[str, Any] = {
        "after": [], "setup": {"time": {"kind": "gamma", "mean": "18 s", "cv": 0.5},
                               "crew": "fitter"},
        "failures": {"jam": {
            "every": {"kind": "exponential", "mean": "15 min"},
            "repair": {"kind": "exponential", "mean": "90 s"}, "crew": "fitter",
        }},
    }  # fmt: skip
    gaps = {"fast": 45, "middle": 70, "slow": 120}
    work = {"fast": 20, "middle": 32, "slow": 55}
    stations = {
        name: {
            **machine, "time": {"kind": "gamma", "mean": f"{work[name]} s", "cv": 0.4},
            "arrivals": {"every": {"kind": "exponential", "mean": f"{gap} s"}},
        }
        for name, gap in gaps.items()
    }  # fmt: skip
    due = {"a": 4, "b": 8, "c": 20}
    products = {name: {"due": f"{minutes} min"} for name, minutes in due.items()}
    return Line.read({
        "stations": stations, "products": products, "crews": {"fitter": {"number": 1}},
    })  # fmt: skip


# Public instances: all jobs are there at the beginning, nothing is left to chance


def shop_of(times: Sequence[Sequence[tuple[int, int]]]) -> tuple[Line, Snapshot]:
    """A job shop as a line: (machine, ticks) of each job; its parts wait at their first machine."""
    machines = 1 + max(m for job in times for m, _ in job)
    route = [[{"station": f"m{m}", "time": f"{t} s"} for m, t in job] for job in times]
    stations: dict[str, Any] = {f"m{m}": {"time": "50 s", "after": []} for m in range(machines)}
    stations["m0"]["arrivals"] = {"at": ["10000 h"]}  # a line with routes has some: after the end
    line = Line.read({
        "stations": stations,
        "products": {f"j{j}": {"route": one} for j, one in enumerate(route)},
    })  # fmt: skip
    waiting: dict[str, list[dict[str, Any]]] = {}
    for j, job in enumerate(times):
        waiting.setdefault(f"m{job[0][0]}", []).append({"product": f"j{j}", "step": 0})
    return line, Snapshot.read(
        {"stations": {name: {"waiting": lots} for name, lots in waiting.items()}}
    )


def makespan(line: Line, begun: Snapshot, decide: Decide) -> float:
    trial = Trial(parts=begun.parts, warm_up=0.0, keep=(), start=begun)
    return decided(line, trial, decide).end


@lru_cache(4_096)
def static(number: int) -> tuple[Line, Snapshot]:
    """Ten jobs on ten machines, 1 to 99 s, as Taillard draws them."""
    chance = np.random.default_rng([53, number])
    return shop_of([
        [(int(m), int(chance.integers(1, 100))) for m in chance.permutation(10)] for _ in range(10)
    ])  # fmt: skip


def play_static(decide: Decide, episode: int) -> float:
    return makespan(*static(episode), decide)


def of_problem(problem: Problem) -> list[list[tuple[int, int]]]:
    return [
        [(int(problem.machine[i]), int(problem.duration[i]))
         for i in np.flatnonzero(problem.job == j)]
        for j in range(len(problem.jobs))
    ]  # fmt: skip


def public(policy: Policy, data: Path, seconds: float) -> list[dict[str, Any]]:
    """Makespans of the instances, and how much above the best known ones."""
    rows = []
    for one in instances(data, "jsp"):
        if one.name not in PUBLIC:
            continue
        problem = one.problem()
        line, begun = shop_of(of_problem(problem))
        found = {name: makespan(line, begun, rule(name)) for name in STATIC_RULES}
        learned = makespan(line, begun, policy)
        planned, bound = in_hindsight("cp_sat", problem, seconds)
        rows.append({
            "instance": one.name, "best known": one.best, "learned": learned, **found,
            "CP-SAT": planned, "bound": bound,
        })  # fmt: skip
    ways = ("learned", *STATIC_RULES, "CP-SAT")
    above = {w: float(np.mean([100 * (r[w] / r["best known"] - 1) for r in rows])) for w in ways}
    return [*rows, {"instance": "mean % above best known", "best known": 0.0, **above, "bound": ""}]


def shown(who: str, found: Estimate, more: Estimate | None) -> dict[str, Any]:
    row: dict[str, Any] = {"": who, "s": found.value, "low": found.low, "high": found.high}
    return row | {
        "more than best rule, low": "" if more is None else more.low,
        "more than best rule, high": "" if more is None else more.high,
    }


def learned(play: Any, rules: Any, unit: float, effort: Effort) -> dict[str, Any]:
    """Trains, and sets all side by side on the test."""
    begun = time.process_time()
    policy, tried = train(play, rules, unit, seed=1, effort=effort)
    best = ", ".join(policy.rules)
    rows = [
        shown(name, tried.of(name), None if name == best else tried.more(name, best))
        for name in sorted(tried.names, key=lambda n: tried.of(n).value)
    ]
    return {
        "rows": rows, "policy": policy, "best": best, "cpu_s": time.process_time() - begun,
        "more": tried.more("learned", best), "tried": tried,
    }  # fmt: skip


def run(data: Path, *, quick: bool) -> dict[str, Any]:
    effort = Effort(2, 6, 2, 3, 6) if quick else Effort(10, 16, 4, 10, 40)
    seconds = 1.0 if quick else 10.0
    dynamic = learned(play_shop, rules_for(generated(0)[0]), 10.0, effort)
    plans = []
    for e in range(2 if quick else 5):
        line, comes = generated(_TEST + e)
        value, bound = in_hindsight("best", known(line, comes), seconds)
        plans.append((value / len(comes), bound / len(comes)))
    told, n = np.array(plans), len(plans)
    tried = dynamic["tried"]
    same = {name: float(tried.costs[i, :n].mean()) for i, name in enumerate(tried.names)}
    beside = [
        {"": "plan in hindsight", "s": float(told[:, 0].mean())},
        {"": "its bound", "s": float(told[:, 1].mean())},
        {"": "learned", "s": same["learned"]},
        {"": dynamic["best"], "s": same[dynamic["best"]]},
    ]
    line = crewed()
    crew = learned(
        of_line(line, Trial(parts=250, seed=6, keep=()), "tardiness"), rules_for(line), 30.0, effort
    )
    fixed = learned(play_static, (STATIC_RULES, ("first",)), 50.0, effort)
    return {
        "shop": dynamic, "hindsight": {"rows": beside},
        "crew": crew, "static": fixed, "public": public(fixed["policy"], data, seconds),
    }  # fmt: skip


def raw(found: dict[str, Any]) -> dict[str, Any]:
    """JSON-able."""
    told = {
        name: {"rows": found[name]["rows"], "cpu_s": found[name]["cpu_s"],
               "policy": found[name]["policy"].document()}
        for name in ("shop", "crew", "static")
    }  # fmt: skip
    return told | {"hindsight": found["hindsight"]["rows"], "public": found["public"]}


def main() -> None:
    from benchmarks.run import data

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(json.dumps(raw(run(data(), quick=parser.parse_args().quick)), indent=1))


if __name__ == "__main__":
    main()
