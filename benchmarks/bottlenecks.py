"""What limits a line, told from the log of its parts: how often that is right.

    python -m benchmarks.bottlenecks [--quick]

150 random serial lines of eight machines. The truth is the machine whose 5 % shorter work gives
most throughput on 100,000 parts that are independent of the log; repairs stay with their parts.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from gemel.core.frame import Values
from gemel.core.line import Draws, Line
from gemel.core.line.luck import failures_in_operation
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.flow_line import replay
from gemel.twin.planning.bottleneck import FASTER, from_log, turning_point

MACHINES = 8


def random_line(seed: int) -> Line:
    """Mean times ± 15 %, cv 0.2 to 1, 1 to 8 places, 2 to 12 % of the time down."""
    random = np.random.default_rng([seed, 17])
    stations = {}
    for i in range(MACHINES):
        down, repair = random.uniform(0.02, 0.12), random.uniform(5, 20)
        stations[f"m{i}"] = {
            "time": {"mean": f"{random.uniform(850, 1150):.0f} ms", "cv": random.uniform(0.2, 1)},
            "places": int(random.integers(1, 9)),
            "failures": {
                "stop": {
                    "every": {"kind": "exponential", "mean": f"{repair * (1 - down) / down:.3f} s"},
                    "repair": {"kind": "exponential", "mean": f"{repair:.3f} s"},
                }
            },
        }
    return Line.read({"stations": stations})


def logged(line: Line, parts: int, seed: int, replication: int = 0) -> tuple[Values, Values]:
    """Work and repairs of each part at each machine, as a line would log them."""
    draws, work, rest = Draws(seed), [], []
    for name, station in line.stations.items():
        times = draws.times(replication, (name, "time"), parts, station.time)
        worked = np.cumsum(times)
        at, repair = failures_in_operation(station, name, draws, replication, float(worked[-1]))
        part = np.searchsorted(worked, at)
        extra = np.zeros(parts)
        np.add.at(extra, part[part < parts], repair[part < parts])
        work.append(times)
        rest.append(extra)
    return np.array(work), np.array(rest)


def one(seed: int, lengths: tuple[int, ...], truth_parts: int) -> dict[str, Any]:
    """Gains of every machine, and what each method says at each length of the log."""
    line = random_line(seed)
    flow = SIMULATORS.build({"kind": "flow_line"})
    places = np.array([s.places for s in line.stations.values()], np.int64)
    factors = np.ones((MACHINES + 1, MACHINES))
    factors[np.arange(1, MACHINES + 1), np.arange(MACHINES)] -= FASTER
    end = replay(*logged(line, truth_parts, seed, replication=1), places, factors)[:, -1]
    told: dict[str, Any] = {"gain": (end[0] / end[1:] - 1).tolist()}
    for parts in lengths:
        work, rest = logged(line, parts, seed)
        found = from_log(line.names, work, rest, places)
        run = flow.run(line, Trial(parts=parts, seed=seed, warm_up=0.0))
        if run.states is None:
            raise AssertionError("states are kept")
        working, starved, blocked, _, down, _ = run.states[0, 0].T
        turn = turning_point(starved, blocked)
        idle = int(np.argmin(starved + blocked))
        told[str(parts)] = {
            "replay": int(np.argmax(found.gain)),
            "known": found.known,
            "utilisation": int(np.argmax(working + down)),
            "turning point": idle if turn is None else turn,
        }
    return told


def run(*, quick: bool = False) -> dict[str, Any]:
    lines, lengths = (10, (200, 1_000)) if quick else (150, (200, 1_000, 5_000))
    found = [one(seed, lengths, 10_000 if quick else 100_000) for seed in range(lines)]
    best = [int(np.argmax(f["gain"])) for f in found]
    rows = []
    for parts in lengths:
        for method in ("utilisation", "turning point", "replay"):
            said = [f[str(parts)][method] for f in found]
            rows.append(row(parts, method, found, best, said, [True] * lines))
        sure = [f[str(parts)]["known"] for f in found]
        said = [f[str(parts)]["replay"] for f in found]
        rows.append(row(parts, "replay, where it says it knows", found, best, said, sure))
    return {"lines": lines, "rows": rows, "each": found if quick else None}


def row(
    parts: int, method: str, found: list[dict[str, Any]], best: list[int], said: list[int],
    asked: list[bool],
) -> dict[str, Any]:  # fmt: skip
    chosen = [i for i, yes in enumerate(asked) if yes]
    return {
        "parts in the log": parts,
        "method": method,
        "lines": len(chosen),
        "right": float(np.mean([said[i] == best[i] for i in chosen])) if chosen else None,
        "share of the best gain": float(
            np.sum([found[i]["gain"][said[i]] for i in chosen])
            / np.sum([found[i]["gain"][best[i]] for i in chosen])
        ) if chosen else None,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(json.dumps(run(quick=parser.parse_args().quick), indent=1))


if __name__ == "__main__":
    main()
