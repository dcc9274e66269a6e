"""Schedules beside CP-SAT and PyJobShop on public instances: gaps to the best known values.

    python -m benchmarks.scheduling [--part short|stratified|full] [--cores N] [--state FILE]

`short` takes some minutes, `stratified` at most 45 (instances of all sizes of each set, chosen by
their place in the list and not by what comes out), `full` all instances; it can be cut off and
goes on where it was, from the file given by `--state`. Every plan is checked by `check`, the
peers' by their value alone where they give no more. All run one after the other on the same
machine with the same number of threads.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gemel.core.errors import Unavailable
from gemel.parts.solvers.scheduling import SCHEDULERS, check, read
from gemel.parts.solvers.scheduling.base import Budget, Problem

SETS = {"jsp": (10.0, 60.0), "fjsp": (20.0,), "pfsp": (10.0,), "rcpsp": (20.0,)}
WANTED = {("jsp", 10.0): 1.5, ("jsp", 60.0): 0.8, ("pfsp", 10.0): 1.0}
SOLVERS = ("gemel", "search alone", "CP-SAT", "PyJobShop")
SEARCH = {"jsp": "tabu", "fjsp": "tabu", "pfsp": "flow_shop", "rcpsp": "annealing"}
PARTS = {
    "short": {"jsp": 3, "fjsp": 3, "pfsp": 3, "rcpsp": 3},
    "stratified": {"jsp": 7, "fjsp": 9, "pfsp": 8, "rcpsp": 6},
}


@dataclass(frozen=True)
class Instance:
    """One instance and what is known of it."""

    set: str
    name: str
    path: Path
    best: int
    known_optimal: bool

    def problem(self) -> Problem:
        return read(self.path.read_text(encoding="utf-8"))


def instances(data: Path, which: str) -> Iterator[Instance]:
    """All of a set, in the order of their number of operations, then of their names."""
    folder = data / which
    found = []
    with (folder / "best_known.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row["instance"]
            path = folder / "instances" / name if which == "jsp" else folder / name
            path = next(p for p in (path, *(Path(f"{path}{s}") for s in (".txt", ".rcp")))
                        if p.is_file())  # fmt: skip
            low, high = row["lower_bound"], int(row["upper_bound"])
            closed = bool(low) and float(low) == high
            found.append(Instance(which, name, path, high, closed))
    yield from sorted(found, key=lambda one: (len(one.problem()), one.name))


def chosen(data: Path, which: str, part: str) -> list[Instance]:
    """Those of a part: evenly over the list from small to large, the smallest third left out but
    for one where all solvers find the best at once."""
    whole = list(instances(data, which))
    if part == "full":
        return whole
    count = PARTS[part][which]
    return [whole[(2 * i + 1) * len(whole) // (2 * count)] for i in range(count)]


def ours(kind: str, cores: int) -> Callable[[Problem, float], dict[str, Any]]:
    """One of our schedulers; its plan is checked."""
    settings: dict[str, Any] = {"kind": kind}
    if kind in ("best", "tabu"):
        settings["lanes"] = cores
    if kind == "cp_sat":
        settings["workers"] = cores
    part = SCHEDULERS.build(settings)

    def run(problem: Problem, seconds: float) -> dict[str, Any]:
        begun, used = time.perf_counter(), time.process_time()
        try:
            plan = part.solve(problem, seed=1, budget=Budget(seconds), clock=time.perf_counter_ns)
        except Unavailable:
            return {"value": None, "bound": None}
        broken = check(problem, plan)
        assert not broken, broken[:3]
        return {
            "value": plan.value, "bound": plan.bound, "wall_s": time.perf_counter() - begun,
            "cpu_s": time.process_time() - used,
        }  # fmt: skip

    return run


def peer(cores: int) -> Callable[[Problem, float], dict[str, Any]] | None:
    """PyJobShop; None where it is not here. Needs the dependency group `peers`."""
    try:
        import pyjobshop
    except ModuleNotFoundError:
        return None

    def run(problem: Problem, seconds: float) -> dict[str, Any]:
        model = pyjobshop.Model()
        jobs = [model.add_job() for _ in problem.jobs]
        machines = [model.add_machine() for _ in problem.machines]
        scarce = [model.add_renewable(int(c)) for c in problem.capacity]
        tasks = [model.add_task(job=jobs[j]) for j in problem.job]
        for m, i in enumerate(problem.mode_of):
            needs = [(scarce[r], int(d)) for r, d in enumerate(problem.demand[m]) if d]
            if problem.machine[m] >= 0:
                needs.append((machines[problem.machine[m]], 0))
            model.add_mode(
                tasks[i], [one for one, _ in needs], int(problem.duration[m]),
                [amount for _, amount in needs],
            )  # fmt: skip
        for a, b in zip(problem.before, problem.after, strict=True):
            model.add_end_before_start(tasks[a], tasks[b])
        begun, used = time.perf_counter(), time.process_time()
        found = model.solve(time_limit=seconds, display=False, num_workers=cores, random_seed=1)
        there = found.objective < float("inf")
        return {
            "value": float(found.objective) if there else None,
            "bound": float(found.lower_bound) if there else None,
            "wall_s": time.perf_counter() - begun, "cpu_s": time.process_time() - used,
        }  # fmt: skip

    return run


def run(
    data: Path,
    part: str,
    cores: int,
    state: Path | None = None,
    sets: tuple[str, ...] = tuple(SETS),
) -> list[dict[str, Any]]:
    """Every run of a part, those that `state` has taken from there."""
    rows: list[dict[str, Any]] = []
    if state is not None and state.is_file():
        rows = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()]
    done = {(r["set"], r["instance"], r["solver"], r["seconds"], r["cores"]) for r in rows}
    for which in sets:
        solvers = {
            "gemel": ours("best", cores), "search alone": ours(SEARCH[which], cores),
            "CP-SAT": ours("cp_sat", cores), "PyJobShop": peer(cores),
        }  # fmt: skip
        warm = next(instances(data, which)).problem()
        for solver in solvers.values():
            if solver is not None:
                solver(warm, 1.0)
        for one in chosen(data, which, part):
            problem = one.problem()
            for seconds in SETS[which]:
                for name, solver in solvers.items():
                    key = (which, one.name, name, seconds, cores)
                    if solver is None or key in done or (which == "pfsp" and name == "PyJobShop"):
                        continue  # PyJobShop has no permutation flow shop that we could feed it
                    row = dict(zip(("set", "instance", "solver", "seconds", "cores"), key,
                                   strict=True))  # fmt: skip
                    row |= {"operations": len(problem), "best_known": one.best,
                            "closed": one.known_optimal, **solver(problem, seconds)}  # fmt: skip
                    rows.append(row)
                    print(json.dumps(row), flush=True)
                    if state is not None:
                        with state.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(row) + "\n")
    return rows


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean gap to the best known value by set, time and solver, over the same instances."""
    found = []
    for which, seconds in sorted({(r["set"], r["seconds"]) for r in rows}):
        mine = [r for r in rows if (r["set"], r["seconds"]) == (which, seconds)]
        names = [n for n in SOLVERS if any(r["solver"] == n for r in mine)]
        by = {n: {r["instance"]: r for r in mine if r["solver"] == n} for n in names}
        common = sorted(set.intersection(*(set(by[n]) for n in names)))
        for name in names:
            runs = [by[name][one] for one in common]
            solved = [r for r in runs if r["value"] is not None]
            gaps = [100 * (r["value"] / r["best_known"] - 1) for r in solved]
            found.append({
                "": f"{which}, {seconds:.0f} s: {name}", "instances": len(runs),
                "without a plan": len(runs) - len(solved),
                "mean gap %": round(sum(gaps) / len(gaps), 2) if gaps else None,
                "worst gap %": round(max(gaps), 2) if gaps else None,
                "at the best known": sum(r["value"] <= r["best_known"] for r in solved),
                "proved optimal": sum(r["bound"] >= r["value"] - 1e-6 for r in solved),
            })  # fmt: skip
    return found


def reached(rows: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """The targets, each with whether it was reached."""
    found = []
    means = {row[""]: row["mean gap %"] for row in table(rows)}
    for (which, seconds), most in WANTED.items():
        mean = means.get(f"{which}, {seconds:.0f} s: gemel")
        if mean is not None:
            what = (
                f"{which} after {seconds:.0f} s: mean gap {mean:.2f} %; at most {most:g} % wanted"
            )
            found.append((what, mean <= most))
    for which, what in (("fjsp", "below"), ("rcpsp", "at most")):
        ours, theirs = (means.get(f"{which}, 20 s: {n}") for n in ("gemel", "PyJobShop"))
        if ours is not None and theirs is not None:
            good = ours < theirs if what == "below" else ours <= theirs
            found.append((f"{which} after 20 s: mean gap {ours:.2f} %; {what} PyJobShop's "
                          f"{theirs:.2f} % wanted", good))  # fmt: skip
    return found


def each(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per instance and time: value and bound of each solver."""
    found = []
    for key in dict.fromkeys((r["set"], r["instance"], r["seconds"]) for r in rows):
        mine = [r for r in rows if (r["set"], r["instance"], r["seconds"]) == key]
        told: dict[str, Any] = {
            "": f"{key[1]}, {key[2]:.0f} s",
            "best known": mine[0]["best_known"],
        }
        for r in mine:
            value = "none" if r["value"] is None else f"{r['value']:.0f}"
            bound = "" if r["bound"] is None else f" ≥ {r['bound']:.0f}"
            told[r["solver"]] = value + bound
        found.append(told)
    return found


def share(rows: list[dict[str, Any]]) -> float:
    """Of the processor time that the threads could have had, what they got."""
    whole = sum(r["wall_s"] * r["cores"] for r in rows if r.get("wall_s"))
    return sum(r["cpu_s"] for r in rows if r.get("wall_s")) / whole if whole else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--part", choices=("short", "stratified", "full"), default="stratified")
    parser.add_argument("--cores", type=int, default=2, help="threads of each solver")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=tuple(SETS))
    parser.add_argument("--state", type=Path, help="file of finished runs; goes on from there")
    parser.add_argument("--data", help="data folder; GEMEL_DATA or ../shared/data if not given")
    given = parser.parse_args()
    data = Path(given.data or os.environ.get("GEMEL_DATA", "../shared/data"))
    rows = run(data, given.part, given.cores, given.state, tuple(given.sets))
    for row in table(rows):
        print(row)


if __name__ == "__main__":
    main()
