"""Stock: stages in a row, a network played out, and what it takes beside plain ways.

Times are of the processor, in one thread, the best of the rounds, in which all take turns. What is
played is read back: units are counted in and out. ``python -m benchmarks.stock [--quick]``
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.scoring import seconds
from gemel.core.stock.draws import draw
from gemel.core.stock.network import Network
from gemel.core.stock.play import played
from gemel.parts.solvers.inventory.serial import Serial
from gemel.parts.solvers.maintenance import MAINTENANCE
from gemel.testing.inventory import played_by_hand

Values = npt.NDArray[np.float64]

ROW = {"stages": {
    "3": {"lead_time": "2 d", "holding_cost": 2},
    "2": {"after": "3", "lead_time": "1 d", "holding_cost": 4},
    "1": {"after": "2", "lead_time": "1 d", "holding_cost": 7, "backorder_cost": 37.12,
          "demand": {"kind": "normal", "mean": 5, "spread": 1}},
}}  # fmt: skip


def by_numpy(demand: Values, levels: tuple[float, float, float]) -> tuple[Values, Values]:
    """The row as a person would write it with NumPy: all replications at once, period by period.
    Units at hand, float64[r, 3], from the customer upwards, and owed, float64[r], on average."""
    replications, periods = demand.shape
    lead = (1, 1, 2)
    hand = np.tile(levels, (replications, 1))
    debt = np.zeros((replications, 3))  # of the customer's stage, to customers; of others, onwards
    pipe = [np.zeros((lag, replications)) for lag in lead]
    kept, owed = np.zeros((replications, 3)), np.zeros(replications)
    for t in range(periods):
        for j in range(3):
            hand[:, j] += pipe[j][t % lead[j]]
        # Base stock: what is wanted of one is ordered by it from the next.
        debt += demand[:, t, None]
        for j in (2, 1, 0):
            sent = np.minimum(hand[:, j], debt[:, j])
            hand[:, j] -= sent
            debt[:, j] -= sent
            if j:
                pipe[j - 1][t % lead[j - 1]] = sent
        pipe[2][t % 2] = demand[:, t]
        kept += hand
        owed += debt[:, 0]
    return kept / periods, owed / periods


def run(*, quick: bool) -> dict[str, Any]:
    """All figures."""
    network = Network.read(ROW)
    solver = Serial()
    plan = solver.plan(network)
    periods, replications = (1_000, 20) if quick else (10_000, 100)
    draws = draw(network, periods, replications, 1)
    rules = dict(plan.rules)
    own = {n: r.level or 0.0 for n, r in rules.items()}
    found = played(network, [rules], draws=draws, warm=0)
    kept, owed = by_numpy(draws.demand[..., 0], (own["1"], own["2"], own["3"]))
    at = [found.stages.index(n) for n in ("1", "2", "3")]
    apart = max(
        float(np.abs(found.columns["at_hand"][0][:, at] - kept).max()),
        float(np.abs(found.columns["owed"][0][:, at[0]] - owed).max()),
    )
    few = 300
    leads = {"1": [1] * few, "2": [1] * few, "3": [2] * few}
    works = {n: [True] * few for n in own}
    short = draws.demand[0, :few, 0].tolist()

    def plain() -> object:
        return played_by_hand(network, rules, {"1": short}, leads, works, few, 0)

    work = {
        "Gemel": lambda: played(network, [rules], draws=draws, warm=0),
        "Gemel, drawing included": lambda: played(
            network, [rules], periods=periods, warm=0, replications=replications, seed=1
        ),
        "NumPy, all replications at once": lambda: by_numpy(
            draws.demand[..., 0], (own["1"], own["2"], own["3"])
        ),
        "plain Python": plain,
    }
    took = seconds(work, 2 if quick else 5)
    cells = dict.fromkeys(work, 3 * periods * replications) | {"plain Python": 3 * few}
    rates = {name: cells[name] / took[name] for name in work}
    ways = {f"cells {c:,}": Serial(cells=c) for c in (500, 2_000, 8_000)}
    times = seconds({n: lambda s=s: s.plan(network) for n, s in ways.items()}, 3)  # type: ignore[misc]  # bound
    rows = {
        n: {"seconds": times[n], "cost": s.plan(network).cost, **s.echelon(network)}
        for n, s in ways.items()
    }
    # What went in came out: wanted is at once, or owed at the end, or served later.
    wanted = float(found.columns["wanted"][0, :, at[0]].sum()) * periods
    return {
        "node periods": cells["Gemel"], "seconds": took, "rates": rates, "apart": apart,
        "wanted": wanted, "drawn": float(draws.demand.sum()), "row": rows,
        "default": {"seconds": times["cells 2,000"], "cost": plan.cost},
        "played": found.figure().__repr__(), "maintenance": _maintenance(),
    }  # fmt: skip


def _maintenance() -> dict[str, float]:
    """Seconds to plan one asset, by policy."""
    from gemel.core.wear import Upkeep

    wear = {"kind": "gamma", "rate": 0.05, "spread": 0.1, "limit": 10}
    life = {"kind": "weibull", "shape": 2.5, "scale": "100 d"}
    costs = {"planned_cost": 100, "failure_cost": 1000, "inspection_cost": 10}
    assets = {
        "age": {"life": life}, "condition": {"wear": wear}, "markov": {"wear": wear},
        "condition, Wiener": {"wear": {**wear, "kind": "wiener", "spread": 0.25}},
    }  # fmt: skip
    work = {}
    for name, asset in assets.items():
        upkeep = Upkeep.read({"assets": {"a": {**costs, **asset}}})
        solver = MAINTENANCE.build({"kind": name.partition(",")[0]})
        work[name] = lambda s=solver, u=upkeep: s.plan(u, "a")  # type: ignore[misc]  # bound
    return seconds(work, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(json.dumps(run(quick=parser.parse_args().quick), indent=1))


if __name__ == "__main__":
    main()
