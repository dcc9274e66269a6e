"""SKAB and the Tennessee Eastman process through the whole twin, judged by what it stored.

    python -m benchmarks.detection_twin [--data DIR] [--json FILE]

Each run is replayed as `gemel replay PLANT DATA --data FOLDER --speed max` does it: the files
connector, admission, the mirror, history, a detector that learns from what passes, alarms, and the
ledger. Nothing is taken from memory: findings and alarms are the Events read back from the ledger,
and the samples are counted in history.

A finding is told when the score was above its limit for `hold`; that moment, in the time of the
recording, is what delays and false findings are counted by. The alarms are a high and a low limit
for each signal, as a plant without models has them: five standard deviations from the mean of the
normal rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from benchmarks.detection import NORMAL_ROWS, TEST_FAULTS
from benchmarks.detection_metrics import binary, table
from benchmarks.public_data import TEP_STEP, Run, digest, folder, skab, tep
from gemel.core.event import Event
from gemel.core.time import SECOND, duration_text, isoformat
from gemel.doors.cli.running import recorded, replayed
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query, Store
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import load

DETECTORS = ("pca", "cva")
SIGMAS = 5.0
HOUR_S = 3600.0

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Recording:
    """A run with normal rows at its beginning.

    learned  rows that the detector learns from
    onset    row at which the fault begins
    step     of the grid, ns
    hold     ns above the limit until a finding is told
    own      settings of the detector that the protocol asks for
    """

    run: Run
    learned: int
    onset: int
    step: int
    hold: int
    own: dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What the twin stored of one run.

    samples            rows in history
    exact              whether each is as it was in the file
    findings, alarms   [begin, told, end) of each, ns, in the time of the recording
    """

    samples: int
    exact: bool
    findings: list[tuple[int, int, int]]
    alarms: list[tuple[int, int, int]]


def recordings_skab(data: Path) -> list[Recording]:
    return [
        Recording(run, NORMAL_ROWS, int(np.argmax(run.anomaly)), SECOND, 10 * SECOND, {})
        for run in skab(data)
        if np.argmax(run.anomaly) > NORMAL_ROWS
    ]


def recordings_tep(data: Path) -> list[Recording]:
    """d00 and d00_te, then a test run, sample after sample; limits come from d00_te."""
    first, second = tep(data, "d00"), tep(data, "d00_te")
    learned = len(first.time) + len(second.time)
    own = {"blocks": 1, "held_out": len(second.time) / learned, "gap": 0}
    found = []
    for fault in TEST_FAULTS:
        run = tep(data, f"d{fault:02d}_te")
        value = np.vstack([first.value, second.value, run.value])
        before = np.zeros(learned, np.bool_)
        time = np.arange(1, len(value) + 1) * TEP_STEP + 946_684_800 * SECOND
        joined = Run(run.name, time, value, run.names, np.r_[before, run.anomaly],
                     np.r_[before, run.changepoint], run.file)  # fmt: skip
        found.append(Recording(joined, learned, learned + 160, TEP_STEP, 2 * TEP_STEP, own))
    return found


def write_csv(run: Run, path: Path) -> None:
    header = ",".join(["time", *_keys(run)])
    rows = (
        ",".join([isoformat(int(t)), *(repr(float(v)) for v in row)])
        for t, row in zip(run.time, run.value, strict=True)
    )
    path.write_text("\n".join([header, *rows]) + "\n")


def _keys(run: Run) -> list[str]:
    return [f"s{j:02d}" for j in range(len(run.names))]


def plant_file(given: Recording, kind: str) -> dict[str, Any]:
    """The signals, one detector, and two alarms for each signal."""
    run, normal = given.run, given.run.value[: given.learned]
    centre, spread = normal.mean(axis=0), normal.std(axis=0)
    keys = _keys(run)
    limits = {
        f"{key}_{side}": {
            "asset": "unit",
            "when": f"{key} {sign} {float(centre[j] + factor * spread[j])!r}",
            "on_delay": duration_text(given.hold),
        }
        for j, key in enumerate(keys)
        for side, sign, factor in (("high", ">", SIGMAS), ("low", "<", -SIGMAS))
    }
    learn = (given.learned - 1) * given.step
    return {
        "format": 1,
        "plant": {"site": "Recorded"},
        "connectors": {"files": {"kind": "files"}},
        "assets": {
            "unit": {
                "connector": "files",
                "signals": {
                    key: {"title": name, "address": key}
                    for key, name in zip(keys, run.names, strict=True)
                },
            }
        },
        "detectors": {
            "condition": {
                "kind": kind,
                "asset": "unit",
                "step": duration_text(given.step),
                "lateness": "0 s",
                "learn": duration_text(learn),
                "hold": duration_text(given.hold),
                **given.own,
            }
        },
        "alarms": limits,
    }


def through_the_twin(given: Recording, kind: str) -> Told:
    """Replay a recording in a folder of its own, and read back what is stored."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_csv(given.run, place / "run.csv")
        plant = place / "plant.yaml"
        plant.write_text(yaml.safe_dump(plant_file(given, kind), sort_keys=False))
        plan = recorded(load(plant), [str(place / "run.csv")], "max")
        summary = asyncio.run(replayed(plan, place / "data", again=False, quiet=True))
        if summary["problem"]:
            raise RuntimeError(f"{given.run.name}: {summary['problem']}")
        with HISTORIANS.build({"kind": "duckdb"}).open(place / "data", system_clock) as store:
            return _read_back(given, store)


def _read_back(given: Recording, store: Store) -> Told:
    run, end = given.run, int(given.run.time[-1]) + given.step
    numbers = np.array([store.catalogue.number(f"unit/{key}") for key in _keys(run)], np.int32)
    rows = store.query(Query(numbers, 0, end))
    value = np.full(run.value.shape, np.nan)
    signal, time, number = (rows.column(i).to_numpy() for i in range(3))
    column = np.full(int(numbers.max()) + 1, -1)
    column[numbers] = np.arange(len(numbers))
    value[np.searchsorted(run.time, time), column[signal]] = number
    models = store.events("model")
    if len(models) != 1:
        raise RuntimeError(f"{run.name}: {len(models)} models were learned, must be one")
    findings = [
        (e.time, e.time + given.hold, end if e.end is None else e.end + given.step)
        for e in store.events("finding", order="oldest", limit=100_000)
    ]
    alarms = _alarm_spells(store.events("alarm", order="oldest", limit=100_000), end)
    return Told(rows.num_rows, bool((value == run.value).all()), findings, alarms)


def _alarm_spells(events: list[Event], end: int) -> list[tuple[int, int, int]]:
    """From each raise of an alarm to its clearing."""
    begun: dict[str, int] = {}
    spells = []
    for event in sorted(events, key=lambda e: (e.time, e.sequence)):
        name, active = event.payload["alarm"], event.payload["active"]
        if active and name not in begun:
            begun[name] = event.time
        elif not active and name in begun:
            spells.append((begun[name], begun.pop(name), event.time))
    return [(start, start, stop) for start, _, stop in spells] + [
        (start, start, end) for start in begun.values()
    ]


def judged(given: Recording, spells: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Delay from the onset to the first one told since, false ones told before, state over rows.

    One that was told before and lasts beyond the onset is false: it found nothing.
    """
    run, begin = given.run, int(given.run.time[given.learned])
    onset = int(run.time[given.onset])
    last = int(run.time[run.anomaly][-1])
    state = np.zeros(len(run.time), np.bool_)
    for _, told, end in spells:
        state |= (run.time >= told) & (run.time < end)
    since = [told for _, told, _ in spells if onset <= told <= last]
    false = sum(begin <= told < onset for _, told, _ in spells)
    return {
        "delay": min(since) - onset if since else None,
        "false": false,
        "hours": (onset - begin) / 1e9 / HOUR_S,
        "state": state,
    }


def rows_of(found: list[tuple[Recording, Told]], unit: str, ns: int) -> dict[str, Any]:
    """One row for findings and one for alarms; delays in `unit` of `ns`."""
    rows, per_run = [], []
    for what in ("findings", "alarms"):
        all_of = [(given, judged(given, getattr(told, what))) for given, told in found]
        delays = [j["delay"] / ns if j["delay"] is not None else np.inf for _, j in all_of]
        truth = np.concatenate([g.run.anomaly[g.learned :] for g, _ in all_of])
        state = np.concatenate([j["state"][g.learned :] for g, j in all_of])
        middle = float(np.median(delays))
        hours = sum(j["hours"] for _, j in all_of)
        far = [float(j["state"][g.learned : g.onset].mean()) for g, j in all_of]
        per = binary(truth, state)
        rows.append({
            "": what,
            "found": f"{sum(np.isfinite(delays))}/{len(delays)}",
            f"median delay {unit}": middle if np.isfinite(middle) else None,
            "false before onset, per h": sum(j["false"] for _, j in all_of) / hours,
            "FDR %": 100 - per["MAR %"],
            "FAR %": per["FAR %"],
            "FAR before onset %": 100 * float(np.mean(far)),
        })  # fmt: skip
        per_run += [
            {
                "run": g.run.name,
                "of": what,
                f"delay {unit}": j["delay"] / ns if j["delay"] is not None else None,
                "false before onset": j["false"],
                "FDR %": 100 * float(j["state"][g.run.anomaly].mean()),
                "FAR before onset %": 100 * far_of,
            }
            for (g, j), far_of in zip(all_of, far, strict=True)
        ]
    return {
        "rows": rows,
        "per run": per_run,
        "samples": {
            "in files": sum(g.run.value.size for g, _ in found),
            "stored": sum(t.samples for _, t in found),
            "all as in the file": all(t.exact for _, t in found),
        },
    }


def run(data: Path) -> dict[str, Any]:
    """All recordings with each detector."""
    result: dict[str, Any] = {}
    sets = {"skab": (recordings_skab(data), "s", SECOND),
            "tep": (recordings_tep(data), "min", 60 * SECOND)}  # fmt: skip
    for name, (given, unit, ns) in sets.items():
        for kind in DETECTORS:
            found = [(one, through_the_twin(one, kind)) for one in given]
            result[f"{name}, {kind}"] = {
                "sha256": digest(one.run.file for one in given),
                "runs": len(given),
                **rows_of(found, unit, ns),
            }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", help="data folder; GEMEL_DATA or ../shared/data if not given")
    parser.add_argument("--json", type=Path, help="write the results here too")
    arguments = parser.parse_args()
    result = run(folder(arguments.data))
    for title, found in result.items():
        print(f"## {title}, {found['runs']} runs\n\n{table(found['rows'])}\n")
        print(f"{table(found['per run'])}\n\n{json.dumps(found['samples'])}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    sys.exit(main())
