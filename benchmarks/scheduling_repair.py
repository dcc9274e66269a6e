"""A machine breaks down: how soon there is a valid plan, and how good it is after a second.

    python -m benchmarks.scheduling_repair

A plan is made, then at 30 % of it the machine that is at work breaks down for 10 % of its length.
What has begun stays. The whole answer is made from a problem and a plan that are held: the plan put
off, judged by all rules, measured, and what moved. What could be reached is the better of what the
search and `best`, which has CP-SAT beside it, find in 20 s.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scheduling import instances
from gemel.parts.solvers.scheduling import (
    SCHEDULERS,
    Draft,
    Standing,
    Way,
    check,
    frozen,
    right_shift,
    steady,
)
from gemel.parts.solvers.scheduling.base import Budget, Problem, Schedule

INSTANCES = ("la37", "ta21", "ta41")


def last_begun(plan: Schedule, now: int) -> int:
    """The operation that began last before a tick."""
    return int(np.where(plan.start < now, plan.start, -1).argmax())


def broken(problem: Problem, old: Schedule) -> Problem:
    """The problem when the machine that began last before 30 % of the plan breaks down."""
    now, span = int(0.3 * old.parts["makespan"]), int(0.1 * old.parts["makespan"])
    machine = int(problem.machine[old.mode[last_begun(old, now)]])
    return frozen(problem, old, now, [(machine, now, now + span)])


def random_shop(operations: int, machines: int) -> Problem:
    """Jobs of ten operations, each on another machine."""
    random, draft = np.random.default_rng(0), Draft()
    numbers = [draft.machine(f"M{k}") for k in range(machines)]
    for j in range(operations // 10):
        job, last = draft.job(f"J{j}"), []
        for k in random.permutation(numbers)[:10]:
            way = Way(int(k), int(random.integers(1, 100)))
            last = [draft.operation(job, [way], after=last)]
    return draft.build()


def speed() -> list[dict[str, Any]]:
    """Time of the whole answer, of twenty."""
    found = []
    part = SCHEDULERS.build({"kind": "tabu", "lanes": 1})
    for operations, machines in ((1_000, 20), (10_000, 50)):
        problem = random_shop(operations, machines)
        old = part.solve(problem, seed=1, budget=Budget(2.0), clock=time.perf_counter_ns)
        at, span = int(0.3 * old.parts["makespan"]), int(0.1 * old.parts["makespan"])
        down = [(int(problem.machine[old.mode[last_begun(old, at)]]), at, at + span)]
        standing = Standing(problem, old)
        answer, with_problem, slow = [], [], []
        for _ in range(20):
            begun = time.process_time()
            repair = standing.repair(at, down)
            answer.append(time.process_time() - begun)
            now = repair.problem
            with_problem.append(time.process_time() - begun)
            begun = time.process_time()
            words = check(now, repair.schedule)
            slow.append(time.process_time() - begun)
            assert repair.holds
            assert not words
        found.append({
            "": f"{operations:,} operations", "whole answer ms": 1e3 * min(answer),
            "whole answer ms, median": 1e3 * float(np.median(answer)),
            "whole answer ms per 1,000": 1e6 * float(np.median(answer)) / operations,
            "with the problem for a search ms": 1e3 * min(with_problem),
            "judge in words ms": 1e3 * min(slow), "moved": int(repair.moved.sum()),
        })  # fmt: skip
    return found


def better(data: Path) -> list[dict[str, Any]]:
    """What the search makes of the plan that was put off, in 0.1, 0.5, 1 and 20 seconds, and `best`
    in 20."""
    found = []
    part = SCHEDULERS.build({"kind": "tabu", "lanes": 1})
    every = SCHEDULERS.build({"kind": "best"})
    for one in instances(data, "jsp"):
        if one.name not in INSTANCES:
            continue
        problem = one.problem()
        old = part.solve(problem, seed=1, budget=Budget(5.0), clock=time.perf_counter_ns)
        now = broken(problem, old)
        shifted = right_shift(now, old)
        asked = steady(now, shifted)
        start = replace(shifted, value=asked.objective.value(shifted.parts))
        values = {}
        for seconds in (0.1, 0.5, 1.0, 20.0):
            plan = part.solve(
                asked, seed=1, budget=Budget(seconds), clock=time.perf_counter_ns, start=start
            )
            assert not check(asked, plan)
            values[seconds] = plan
        other = every.solve(
            asked, seed=1, budget=Budget(20.0), clock=time.perf_counter_ns, start=start
        )
        assert not check(asked, other)
        gain = start.value - min(values[20.0].value, other.value)
        found.append({
            "": one.name, "plan": old.value, "put off": shifted.parts["makespan"],
            **{f"after {s:g} s": p.parts["makespan"] for s, p in values.items()},
            "best, 20 s": other.parts["makespan"],
            "moved, put off": shifted.parts["moved"], "moved, 1 s": values[1.0].parts["moved"],
            "moved, best": other.parts["moved"],
            # Where nobody finds a better plan, nothing is left to gain.
            "share of what 20 s gain, 1 s":
                (start.value - values[1.0].value) / gain if gain > 0 else 1.0,
            "proved": other.status == "optimal",
        })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", help="data folder; GEMEL_DATA or ../shared/data if not given")
    given = parser.parse_args()
    data = Path(given.data or os.environ.get("GEMEL_DATA", "../shared/data"))
    for row in (*speed(), *better(data)):
        print(row)


if __name__ == "__main__":
    main()
