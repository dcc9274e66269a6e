"""Lines learned from logs, held against later weeks that they had not seen.

    python -m benchmarks.learned_line [--quick]

Three kinds of logs: a real job shop, played lines whose truth is known, and the states and counters
of the virtual bottling line. Each period is told from what was known before it; then the next.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.public_data import digest, folder
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.closed import WEEK
from gemel.parts.simulators.base import STATES, Trial
from gemel.parts.simulators.events import logged
from gemel.runtime.line_logs import read_log
from gemel.twin.planning import simulator_for
from gemel.twin.planning.learned import Counts, Log, States, learn_from_history, validate
from gemel.twin.planning.learned.log import MONDAY, Numbers
from gemel.twin.planning.learned.validation import Judged, Validation, judged, together
from gemel.virtual.line import Line as VirtualLine
from gemel.virtual.packml import State
from gemel.virtual.scenario import Scenario
from gemel.virtual.signals import BOTTLES_PER_CASE

SHIFTS: Final = [{"name": "two", "start": "06:00", "end": "22:00"}]
_WORKING, _STARVED, _BLOCKED, _, _DOWN, _ = range(len(STATES))


def arrivals(mean: str) -> dict[str, Any]:
    return {"every": {"kind": "exponential", "mean": mean}, "rates": [SHIFTS[0] | {"rate": 1}]}


def on(station: dict[str, Any]) -> dict[str, Any]:
    return station | {"calendar": "two"}


PLAYED: Final[dict[str, dict[str, Any]]] = {
    "flow with rework": {
        "calendars": {"two": SHIFTS},
        "stations": {
            "cut": on({"time": {"mean": "20 min", "cv": 0.3}, "arrivals": arrivals("30 min")}),
            "mill": on({"time": {"mean": "45 min", "cv": 0.5}, "servers": 2, "scrap": 0.03}),
            "test": on({
                "time": {"kind": "gamma", "mean": "15 min", "cv": 0.8},
                "rework": {"share": 0.12, "to": "mill"},
            }),
            "pack": on({
                "time": {"mean": "10 min", "cv": 0.2}, "travel": {"mean": "1 h", "cv": 0.5},
            }),
        },
    },
    "job shop": {
        "calendars": {"two": SHIFTS},
        "stations": {
            "saw": on({"time": {"mean": "25 min", "cv": 0.5}, "arrivals": arrivals("45 min")}),
            "mill": on({"time": {"mean": "70 min", "cv": 0.6}, "servers": 3}),
            "drill": on({"time": {"kind": "weibull", "mean": "30 min", "cv": 0.7}}),
            "grind": on({
                "time": {"mean": "35 min", "cv": 0.4}, "travel": {"mean": "4 h", "cv": 1},
            }),
            "pack": on({"time": {"mean": "8 min", "cv": 0.3}}),
        },
        "products": {
            "x": {"share": 4, "route": [{"station": s} for s in ("saw", "mill", "grind", "pack")]},
            "y": {"share": 2, "route": [{"station": s} for s in ("saw", "drill", "mill", "pack")]},
            "z": {"route": [{"station": s} for s in
                            ("mill", "drill", "mill", "grind", "drill", "pack")]},
        },
    },
}  # fmt: skip


def row(log: str, what: str, unit: float, name: str, found: Judged) -> dict[str, Any]:
    return {
        "log": log,
        "what": what,
        "forecast": name,
        "told": found.count,
        "mean absolute error": round(found.error / unit, 3),
        "CRPS": round(found.crps / unit, 3),
        "coverage of 90 %": round(found.coverage, 3),
        "width of the band": round(found.width / unit, 2),
    }


def rows_of(log: str, found: Validation, unit: float, lead: str) -> list[dict[str, Any]]:
    return [
        row(log, "cases finished in a period", 1.0, "learned line", found.throughput),
        row(
            log, "cases finished in a period", 1.0, "mean of the last four", found.naive_throughput
        ),
        row(log, lead, unit, "learned line", found.lead),
        row(log, lead, unit, "lead times so far", found.naive_lead),
    ]


def real(path: Path, *, quick: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The job shop: the weeks from 6 February to 4 March, told from 5 to 8 weeks."""
    log, _ = read_log(path, {})
    rows, raw = [], {}
    for informed in (True, False):
        found = validate(
            log, until=9 * WEEK, periods=4, futures=10 if quick else 60, informed=informed
        )
        name = "job shop (public log)" + ("" if informed else ", unaware of who is finished")
        rows += rows_of(name, found, 86_400.0, "lead time, days")
        raw[name] = found.record()
    return rows, raw


def played(name: str, *, quick: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Ten weeks of a line that is known, each with its own luck; the last three are told."""
    line, found = Line.read(PLAYED[name]), []
    for seed in range(1 if quick else 3):
        journal = logged(line, Trial(horizon_s=10 * WEEK, warm_up=0, seed=100 + seed))
        log = Log.of(
            [str(p) for p in journal.part], journal.station, np.array(journal.start) + MONDAY,
            np.array(journal.end) + MONDAY, until=10 * WEEK + MONDAY,
        )  # fmt: skip
        # One week is left behind the last that is told, so that its cases are seen to their end.
        found.append(validate(log, until=9 * WEEK, periods=3, futures=10 if quick else 40))
    whole = Validation(
        *(together([getattr(v, what) for v in found])
          for what in ("throughput", "naive_throughput", "lead", "naive_lead")),
        tuple(p for v in found for p in v.periods), WEEK, found[0].futures, 0,
        sum(v.unfinished for v in found),
    )  # fmt: skip
    return rows_of(f"{name} (played)", whole, 3_600.0, "lead time, h"), whole.record()


def recorded(hours: int) -> tuple[list[str], States, Counts, Values]:
    """The virtual line, second by second: states, counters, bottles on its conveyors."""
    ordinary = Scenario("ordinary", stops_per_hour=6.0)
    start = int(MONDAY) * 10**9
    line = VirtualLine(np.random.default_rng(7), start, ordinary, step_s=0.25)
    machines = list(line.machines.values())
    seconds = 3_600 * hours
    told, fills = np.zeros((seconds, len(machines), 5), np.int64), np.zeros(seconds)
    for i in range(seconds):
        line.advance(start + (i + 1) * 10**9)
        for j, m in enumerate(machines):
            s = m.state
            told[i, j] = s.packml, s.starved, s.blocked, s.stop_reason, s.produced
        fills[i] = sum(c.level for c in line.conveyors)
    time = MONDAY + np.arange(1.0, seconds + 1)
    states = np.concatenate([codes(told[:, j]) for j in range(len(machines))])
    station = np.repeat(np.arange(len(machines)), seconds)
    cause = np.where(states == _DOWN, told[:, :, 3].T.ravel(), -1)
    whole = np.tile(time, len(machines))
    counts = Counts(whole, station, told[:, :, 4].T.ravel().astype(np.float64))
    return list(line.machines), States(whole, station, states, cause), counts, fills


def codes(rows: Numbers) -> Numbers:
    """States from those of PackML; one that comes back from waiting has waited still."""
    packml, starved, blocked = rows[:, 0], rows[:, 1] > 0, rows[:, 2] > 0
    waiting = np.isin(packml, (State.SUSPENDING, State.SUSPENDED, State.UNSUSPENDING))
    states = np.where(packml == State.EXECUTE, _WORKING, _DOWN)
    states[waiting & starved] = _STARVED
    states[waiting & blocked] = _BLOCKED
    told = np.where(waiting & ~starved & ~blocked, 0, np.arange(len(states)))
    return np.asarray(states[np.maximum.accumulate(told)], np.int64)


def virtual(*, quick: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Bottles in a shift of four hours and their mean time in the line, shift after shift."""
    shift, many = (1, 6) if quick else (4, 15)
    told = 2 if quick else 6
    names, states, counts, fills = recorded(shift * many)
    length = 3_600.0 * shift
    last = counts.count[counts.station == len(names) - 1] * BOTTLES_PER_CASE
    ends = last[(np.arange(1, many + 1) * length).astype(int) - 1]
    made = np.diff(np.append(0.0, ends))
    # By Little's law: bottles in the line over bottles an hour.
    lead = fills.reshape(many, -1).mean(axis=1) / made * length
    flows, naive, leads, past = [], [], [], []
    for k in range(many - told, many):
        until = MONDAY + k * length
        learned = learn_from_history(
            names, *(type(c)(*(getattr(c, n)[c.time <= until] for n in c.__slots__))
                     for c in (states, counts)),
            parts_per_count=[1.0] * (len(names) - 1) + [float(BOTTLES_PER_CASE)], until=until,
        )  # fmt: skip
        trial = Trial(horizon_s=1.5 * length, warm_up=1 / 3, replications=20 if quick else 40)
        run = simulator_for(learned.line)[1].run(learned.line, trial)
        flows.append(judged(run.throughput[0] * length, made[k : k + 1]))
        naive.append(judged(made[1:k], made[k : k + 1]))
        leads.append(judged(run.lead[0], lead[k : k + 1]))
        past.append(judged(lead[1:k], lead[k : k + 1]))
    log = "virtual line (states and counters)"
    rows = [
        row(log, "bottles in a shift", 1.0, "learned line", together(flows)),
        row(log, "bottles in a shift", 1.0, "shifts so far", together(naive)),
        row(log, "mean lead time, s", 1.0, "learned line", together(leads)),
        row(log, "mean lead time, s", 1.0, "shifts so far", together(past)),
    ]
    return rows, {"bottles": made.tolist(), "lead_s": lead.tolist()}


def run(*, quick: bool) -> dict[str, Any]:
    path = folder() / "production_log" / "production.csv"
    rows, raw = real(path, quick=quick)
    for name in PLAYED:
        more, one = played(name, quick=quick)
        rows, raw = rows + more, raw | {name: one}
    more, one = virtual(quick=quick)
    return {"rows": rows + more, "raw": raw | {"virtual line": one}, "hash": digest([path])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(json.dumps(run(quick=parser.parse_args().quick), indent=1))


if __name__ == "__main__":
    main()
