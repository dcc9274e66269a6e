"""Lots of thousands of variants on parallel lines: sequence and batches together, beside rules.

    python -m benchmarks.scheduling_lots [--part short|stratified|full] [--state FILE]

Instances are generated (seeds 1, 2 and 3): each lot is a variant of one of the families, takes 5
to 30 minutes on the average line, lines differ by up to 25 %, a change of family takes 10 to 40
minutes by where it comes from, due dates lie evenly over the time that the work alone takes and a
fifth more: with set-ups there is too little time for all. To be small: weighted lateness,
and with a tenth of its weight set-up time. Every plan passes the judge of all rules; the bound is
the scheduler's own. On 30 and 60 lots CP-SAT has 30 s.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from gemel.core.errors import Unavailable
from gemel.parts.solvers.scheduling import SCHEDULERS, Draft, Way, check
from gemel.parts.solvers.scheduling.base import Budget, Objective, Problem

SIZES = {
    "short": ((30, 2, 5, 5.0), (1_000, 4, 40, 5.0)),
    "stratified": ((30, 2, 5, 10.0), (60, 3, 8, 10.0), (5_000, 4, 100, 10.0),
                   (5_000, 4, 100, 30.0)),
    "full": ((30, 2, 5, 10.0), (60, 3, 8, 10.0), (1_000, 4, 40, 30.0), (5_000, 4, 100, 10.0),
             (5_000, 4, 100, 60.0), (20_000, 8, 200, 60.0)),
}  # fmt: skip
"""Lots, lines, families, seconds of the search."""
SEEDS = {"short": (1,), "stratified": (1, 2), "full": (1, 2, 3)}
RULES = ("fifo", "edd", "spt", "atcs", "family")
GOAL = Objective(0.0, tardiness=1.0, setup=0.1)


def instance(lots: int, lines: int, families: int, seed: int, goal: Objective = GOAL) -> Problem:
    """Minutes; lots in the order in which they were asked for."""
    random = np.random.default_rng(seed)
    draft = Draft(tick=60 * 10**9)
    names = [f"F{f}" for f in range(families)]
    for k in range(lines):
        draft.machine(f"line {k + 1}", initial=names[int(random.integers(families))])
    change = random.integers(10, 41, (families, families))
    for k in range(lines):
        for a in range(families):
            for b in range(families):
                if a != b:
                    draft.setup(k, names[a], names[b], int(change[a, b]))
    length = random.integers(5, 31, lots)
    speed = random.uniform(0.8, 1.25, (lots, lines))
    span = float(length.sum()) / lines
    due = random.uniform(0.05, 1.2, lots) * span
    weight = random.choice([1.0, 2.0, 5.0], lots, p=[0.6, 0.3, 0.1])
    family = random.choice(families, lots, p=_shares(families))
    for i in range(lots):
        job = draft.job(f"variant {i}", due=int(due[i]), weight=float(weight[i]))
        ways = [Way(k, max(1, round(length[i] * speed[i, k]))) for k in range(lines)]
        draft.operation(job, ways, family=names[int(family[i])])
    return draft.build(goal)


def _shares(families: int) -> Any:
    """Few families make most of the lots."""
    shares = 1.0 / np.arange(1, families + 1) ** 0.7
    return shares / shares.sum()


def solve(kind: dict[str, Any], problem: Problem, seconds: float) -> dict[str, Any]:
    part = SCHEDULERS.build(kind)
    begun, used = time.perf_counter(), time.process_time()
    try:
        plan = part.solve(problem, seed=1, budget=Budget(seconds), clock=time.perf_counter_ns)
    except Unavailable:
        return {"value": None, "bound": 0.0, "wall_s": time.perf_counter() - begun}
    took = time.perf_counter() - begun
    broken = check(problem, plan)
    if broken:
        raise AssertionError(f"{kind}: {broken[:3]}")
    return {
        "value": plan.value, "bound": plan.bound, "late_jobs": plan.parts["late_jobs"],
        "tardiness": plan.parts["tardiness"], "setup": plan.parts["setup"],
        "makespan": plan.parts["makespan"], "wall_s": took, "cpu_s": time.process_time() - used,
    }  # fmt: skip


def run(part: str, state: Path | None = None) -> list[dict[str, Any]]:
    """Every run of a part; those that `state` has are taken from there."""
    rows: list[dict[str, Any]] = []
    if state is not None and state.is_file():
        rows = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()]
    done = {(r["lots"], r["lines"], r["seconds"], r["seed"], r["solver"]) for r in rows}
    for lots, lines, families, seconds in SIZES[part]:
        for seed in SEEDS[part]:
            problem = None
            solvers: dict[str, tuple[dict[str, Any], float]] = {
                rule: ({"kind": "dispatch", "rule": rule}, 1.0) for rule in RULES
            }
            solvers["campaigns"] = ({"kind": "campaigns"}, seconds)
            if lots <= 5_000:
                solvers["annealing"] = ({"kind": "annealing"}, seconds)
            if lots <= 60:
                solvers["CP-SAT"] = ({"kind": "cp_sat", "workers": 2}, 30.0)
            for name, (kind, limit) in solvers.items():
                if (lots, lines, seconds, seed, name) in done:
                    continue
                problem = problem or instance(lots, lines, families, seed)
                solve(kind, instance(5, 2, 2, 1), 0.1)  # compiles
                row = {"lots": lots, "lines": lines, "families": families, "seconds": seconds,
                       "seed": seed, "solver": name, **solve(kind, problem, limit)}  # fmt: skip
                rows.append(row)
                print(json.dumps(row), flush=True)
                if state is not None:
                    with state.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
    return rows


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each size, time and solver: means over the seeds."""
    found = []
    for key in dict.fromkeys((r["lots"], r["lines"], r["seconds"]) for r in rows):
        mine = [r for r in rows if (r["lots"], r["lines"], r["seconds"]) == key]
        bound: dict[int, float] = {}
        for r in mine:
            bound[r["seed"]] = max(r["bound"], bound.get(r["seed"], 0.0))
        for name in dict.fromkeys(r["solver"] for r in mine):
            every = [r for r in mine if r["solver"] == name]
            runs = [r for r in every if r["value"] is not None]
            title = f"{key[0]:,} lots, {key[1]} lines, {key[2]:.0f} s: {name}"
            if not runs:
                found.append({"": title, "seeds": len(every), "value": "no plan"})
                continue
            count = len(runs)
            found.append({
                "": title, "seeds": count,
                "value": round(sum(r["value"] for r in runs) / count),
                "bound": round(sum(bound[r["seed"]] for r in runs) / count),
                "late lots": round(sum(r["late_jobs"] for r in runs) / count),
                "weighted lateness, h": round(sum(r["tardiness"] for r in runs) / count / 60),
                "set-ups, h": round(sum(r["setup"] for r in runs) / count / 60),
                "seconds": round(sum(r["wall_s"] for r in runs) / count, 2),
            })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--part", choices=SIZES, default="stratified")
    parser.add_argument("--state", type=Path, help="file of finished runs; goes on from there")
    given = parser.parse_args()
    for row in table(run(given.part, given.state)):
        print(row)


if __name__ == "__main__":
    main()
