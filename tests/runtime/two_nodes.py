"""A Ray cluster of two nodes on this machine, and the same experiment on one thread, on three and
on the cluster. Prints JSON; run by `test_workers.py` in a process of its own, which Ray's children
leave with it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}

from ray.cluster_utils import Cluster

from gemel.parts.solvers.scheduling import SCHEDULERS, several
from gemel.parts.solvers.scheduling.base import Budget
from gemel.runtime.experiments import tried
from gemel.runtime.lines import read_line
from gemel.runtime.schedules import read_problem
from gemel.runtime.workers import workers
from gemel.twin.planning.experiments.comparing import Compared, compare
from gemel.twin.planning.experiments.settings import Experiment
from gemel.twin.planning.experiments.sweeping import Memory, grid, sweep

ORDERS = Path(__file__).parents[2] / "examples" / "schedule" / "workshop.yaml"
LINE = Path(__file__).parents[2] / "examples" / "line.yaml"
NODE: dict[str, Any] = {
    "num_cpus": 1, "object_store_memory": 80 * 1024 * 1024, "include_dashboard": False,
}  # fmt: skip
SWEEP: dict[str, Any] = {
    "line": "line.yaml",
    "play": {"parts": 100},
    "sweep": {
        "points": 100, "replications": 2,
        "factors": {"filler.time": {"from": 0.9, "to": 1.1}, "filler.scrap": [0.0, 0.1]},
    },
}  # fmt: skip


def node_of(_number: int) -> str:
    """Where a task runs; it waits a moment, so that one worker cannot have all."""
    import ray

    time.sleep(0.2)
    return str(ray.get_runtime_context().get_node_id())


def bits(compared: Compared) -> dict[str, list[str]]:
    return {m: [v.tobytes().hex() for v in vs] for m, vs in sorted(compared.values.items())}


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    try:
        cluster.add_node(**NODE)
        plan = tried(
            read_line(LINE),
            ["capper.time*0.95", "filler.places=20", "filler.failures.valve.repair*0.5"],
            {"play": {"parts": 500, "most": 15}},
        )
        plan_of_sweep = grid(Experiment.read(SWEEP), read_line(LINE))
        told: dict[str, Any] = {}
        for who in ("threads:1", "threads:3", f"ray:{cluster.address}"):
            with workers(who) as found:
                compared = compare(plan, executor=found.executor, workers=found.count)
                swept = Memory()
                sweep(plan_of_sweep, swept, executor=found.executor, workers=found.count)
                scheduler = several(
                    SCHEDULERS.build({"kind": "annealing"}), 4, found.executor, found.count
                )  # fmt: skip
                plan_of_orders = scheduler.solve(
                    read_problem(ORDERS).problem, seed=1, budget=Budget(None, 300),
                    clock=time.perf_counter_ns,
                )  # fmt: skip
                told[who.partition(":")[0] + str(found.count)] = {
                    **bits(compared),
                    "schedule": [
                        getattr(plan_of_orders, column).tobytes().hex()
                        for column in ("mode", "start", "end", "left")
                    ],
                    "value": plan_of_orders.value,
                    "sweep": swept.get(1, 1, "good_parts_per_hour").tobytes().hex(),
                }
                if found.executor is not None and who.startswith("ray"):
                    nodes: set[str] = set()
                    for _ in range(20):  # a worker may take its time to start
                        nodes |= set(found.executor.map(node_of, range(12)))
                        if len(nodes) == 2:
                            break
                    told["nodes"] = len(nodes)
    finally:
        cluster.shutdown()
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
