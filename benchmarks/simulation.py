"""Lines played out: the recursion, the list of events, and peers, on the same random numbers.

    python -m benchmarks.simulation [--quick]

Ten machines, nine buffers of five places, saturated, blocking after service, log-normal times
(mean 1 s, cv 0.5), failures from work (mean 100 s between, 10 s to repair, exponential), 10,000
parts. SimPy has a process per machine and a store per buffer, and is given the same times; so are
salabim and Ciw where they are installed, once, since they take ten times as long.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.simulation_peers import others, simpy_departures
from gemel.core.frame import Values
from gemel.core.line import Draws, Line
from gemel.core.line.luck import failures_in_operation
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Scenarios, Trial

FAILURE = {
    "every": {"kind": "exponential", "mean": "100 s"},
    "repair": {"kind": "exponential", "mean": "10 s"},
}


def the_line(machines: int = 10) -> Line:
    station = {"time": {"mean": "1 s", "cv": 0.5}, "places": 5, "failures": {"stop": FAILURE}}
    return Line.read({"stations": {f"m{i}": station for i in range(machines)}})


def spent(line: Line, replication: int, parts: int, factor: Values | None = None) -> Values:
    """Seconds of each part at each machine, repairs in them, float64[m, parts]."""
    draws, rows = Draws(0), []
    for i, name in enumerate(line.names):
        f = 1.0 if factor is None else factor[i]
        work = draws.times(replication, (name, "time"), parts, line.stations[name].time)
        worked = np.cumsum(work)
        at, repair = failures_in_operation(
            line.stations[name], name, draws, replication, float(worked[-1]) * f
        )
        extra = np.zeros(parts)
        part = np.searchsorted(worked, at / f)
        np.add.at(extra, part[part < parts], repair[part < parts])
        rows.append(f * work + extra)
    return np.array(rows)


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    found = call()
    return time.process_time() - begun, found


def run(*, quick: bool = False) -> dict[str, Any]:
    """Processor seconds; all take turns in each round, ratios round by round, median."""
    parts, many, fresh, rounds = (2_000, 256, 20, 1) if quick else (10_000, 2_048, 100, 5)
    line = the_line()
    flow, events = (SIMULATORS.build({"kind": k}) for k in ("flow_line", "events"))
    random = np.random.default_rng(0)
    same = Scenarios.same(line, many)
    speeds = replace(same, time=random.uniform(0.9, 1.1, same.time.shape))
    layouts = replace(speeds, places=random.integers(1, 14, same.places.shape))
    one = Trial(parts=parts, keep=())
    kept = Trial(parts=parts, keep=("departures",))
    for scenarios in (None, speeds.part(0, 64), layouts.part(0, 64)):  # compiled before
        flow.run(line, Trial(parts=50), scenarios)
    expected = [spent(line, r, parts).tolist() for r in range(2)]
    wanted: dict[str, list[float]] = {}
    last: list[float] = []
    for _ in range(rounds):
        took, last = seconds(lambda: simpy_departures(expected[0], 5))
        for name, call, times in (
            ("scenarios, other speeds", lambda: flow.run(line, one, speeds), many),
            ("scenarios, speeds and places", lambda: flow.run(line, one, layouts), many),
            (
                "scenarios, speeds, with states",
                lambda: flow.run(line, replace(one, keep=("states",)), speeds),
                many,
            ),
            (
                "replications, fresh luck",
                lambda: flow.run(line, replace(one, replications=fresh)),
                fresh,
            ),
            ("one event after the other", lambda: events.run(line, one), 1),
        ):
            wanted.setdefault(name, []).append(seconds(call)[0] / times)
        wanted.setdefault("SimPy", []).append(took)
    peers: dict[str, float] = {}
    for name, play in others().items():
        took, left = seconds(lambda play=play: play(expected[0], 5))
        wanted[name] = [took]
        peers[name] = float(np.abs(np.array(left) - np.array(last)).max())
    ratios = {
        # Those that were run once stand beside the last round, which was just before.
        name: median(s / t for s, t in zip(wanted["SimPy"][-len(took) :], took, strict=True))
        for name, took in wanted.items()
    }
    return {
        "parts": parts, "scenarios": many, "replications": fresh, "rounds": rounds,
        "seconds": {name: min(took) for name, took in wanted.items()},
        "ratio": ratios,
        "peers apart": peers,
        "differences": differences(line, flow, events, kept, speeds, last, expected[1]),
        "exact": exact(quick),
    }  # fmt: skip


def differences(
    line: Line, flow: Any, events: Any, kept: Trial, speeds: Scenarios, simpy: list[float],
    other: list[list[float]],
) -> dict[str, float]:  # fmt: skip
    """Greatest difference of departure times, seconds, read back part by part."""

    def apart(run: Any, expected: list[float]) -> float:
        return float(np.abs(run.departures[0, -1] - np.array(expected)).max())

    second = simpy_departures(other, 5)
    third = simpy_departures(spent(line, 0, kept.parts or 0, speeds.time[70]).tolist(), 5)
    several = flow.run(line, kept, speeds.part(0, 128))
    return {
        "flow_line": apart(flow.run(line, kept), simpy),
        "events": apart(events.run(line, kept), simpy),
        "flow_line, second replication": apart(flow.run(line, replace(kept, first=1)), second),
        "flow_line, 71st scenario of 128": float(
            np.abs(several.departures[70, 0] - np.array(third)).max()
        ),
    }


def exact(quick: bool) -> list[dict[str, Any]]:
    """Saturated exponential lines beside their exact throughput."""
    flow = SIMULATORS.build({"kind": "flow_line"})
    rows = []
    for rates, places, value in (
        ((1.0, 1.0), 0, 2 / 3), ((1.0,) * 3, 0, 22 / 39), ((1.0,) * 5, 0, 0.485798),
        ((1.0, 1.0), 5, 7 / 8), ((1.0,) * 4, 1, 0.631153), ((1.0, 1.2, 0.9), 2, 0.746666),
    ):  # fmt: skip
        stations = {
            f"m{i}": {
                "time": {"kind": "exponential", "mean": f"{round(1e9 / r)} ns"}, "places": places,
            }
            for i, r in enumerate(rates)
        }  # fmt: skip
        trial = Trial(parts=10_000 if quick else 200_000, replications=10, keep=())
        found = flow.run(Line.read({"stations": stations}), trial).throughput[0]
        rows.append(
            {
                "rates": ", ".join(f"{r:g}" for r in rates), "places": places, "exact": value,
                "simulated": float(found.mean()),
                "standard errors apart": float(
                    abs(found.mean() - value) / (found.std(ddof=1) / np.sqrt(len(found)))
                ),
            }
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(json.dumps(run(quick=parser.parse_args().quick), indent=1))


if __name__ == "__main__":
    main()
