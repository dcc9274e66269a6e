"""Anomalies in public recordings through the task behind `gemel train --task anomaly`, with peers.

Used by `python -m benchmarks.results`; run by itself it prints by what the settings of the
Tennessee Eastman process were chosen in earlier versions, without a look at its test runs. Those of
now were chosen by `benchmarks.detection_injected`.

A recording is a unit of one table; the task learns from the rows called normal and is judged on all
others. Peers get the same rows (`detection_peers`) and the same scores: the first 70 % of the
normal rows to fit and the rest for their limits, or d00 and d00_te of Tennessee Eastman.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import detection_peers as peers
from benchmarks.detection import (
    HARD_FAULTS,
    RATE,
    TEST_FAULTS,
    Scored,
    skab_peer,
    skab_row,
    tep_normal,
    tep_peer,
    tep_row,
)
from benchmarks.detection_metrics import table as markdown
from benchmarks.public_data import Run, digest, folder, skab, tep
from gemel.core.frame import Values
from gemel.core.table import Table
from gemel.core.time import SECOND
from gemel.parts.detectors import DETECTORS
from gemel.parts.detectors.base import Window
from gemel.runtime.tables import read_table
from gemel.twin.learning.evaluation import event_scores
from gemel.twin.learning.tasks import Figure, Report, Task, read_task

__all__ = [
    "TEP_CHOSEN",
    "nab_judged",
    "nab_table",
    "skab_judged",
    "skab_table",
    "tep_judged",
    "tep_table",
]

NORMAL_SHARE = 0.15
"""Of the rows of a recording of NAB, its probation: what its detectors may learn from."""
TEP_CHOSEN: dict[str, Any] = {
    "kind": "cva", "past": 5, "future": 5, "averages": [1.0, 0.1, 0.03], "smoothing": 0.3,
}  # fmt: skip
"""By `python -m benchmarks.detection_injected`, on the normal rows of Tennessee Eastman."""
STRONGEST = "CVA-Q + EWMA 0.1"
PEERS: dict[str, Callable[..., peers.Scorer]] = {
    "T²+Q, textbook limits": peers.t2_q,
    "T²+Q, held-out limits": peers.t2_q_held_out,
    STRONGEST: peers.cva,
    "3σ of any signal": peers.three_sigma,
    "any signal, held-out limit": peers.calibrated_univariate,
    "always alarm": peers.always,
}


def table_of(runs: list[Run], normal: set[str]) -> Table:
    """The rows of runs below each other; `normal` is 1 in the runs of these names."""
    value = np.concatenate([run.value for run in runs])
    columns: dict[str, Any] = dict(zip(runs[0].names, value.T, strict=True))
    length = [len(run.time) for run in runs]
    columns["time"] = np.concatenate([run.time for run in runs]) / SECOND
    columns["run"] = np.repeat([run.name for run in runs], length)
    columns["normal"] = np.repeat([float(run.name in normal) for run in runs], length)
    columns["anomaly"] = np.concatenate([run.anomaly for run in runs]).astype(float)
    columns["changepoint"] = np.concatenate([run.changepoint for run in runs]).astype(float)
    return Table(columns, digest(run.file for run in runs), "the recordings")


def skab_table(data: Path) -> Table:
    return table_of(skab(data), set())


def skab_judged(task: Task, data: Path) -> Report:
    """On all labelled runs; the table beside peers is that of `benchmarks.detection`."""
    runs, table = skab(data), skab_table(data)
    ours = _told(task, table, runs)
    rows = [skab_row("this task", runs, ours)]
    for name, peer in PEERS.items():
        rows.append(skab_row(name, runs, [skab_peer(run, peer) for run in runs]))
    return _with_peers(task.backtest(table, _quiet), rows)


def tep_table(data: Path) -> Table:
    names = ["d00", "d00_te", *(f"d{fault:02d}_te" for fault in TEST_FAULTS)]
    return table_of([tep(data, name) for name in names], {"d00", "d00_te"})


def tep_judged(task: Task, data: Path) -> Report:
    """Learned from d00 and d00_te, judged on the test runs of the faults at hand."""
    runs, table = [tep(data, f"d{fault:02d}_te") for fault in TEST_FAULTS], tep_table(data)
    ours = dict(zip([run.name for run in runs], _told(task, table, runs), strict=True))
    rows = [tep_row("this task", runs, lambda run: ours[run.name])]
    rows += [tep_row(name, runs, tep_peer(data, peer, RATE)) for name, peer in PEERS.items()]
    report = _with_peers(task.backtest(table, _quiet), rows)
    other = next(row for row in rows if row["method"] == STRONGEST)
    beside = (
        Figure("FDR11 above CVA-Q + EWMA", rows[0]["FDR11 %"] - other["FDR11 %"], unit="%",
               note="of rows of the 11 faults, below"),
        Figure("delay above CVA-Q + EWMA", rows[0]["median delay min"] - other["median delay min"],
               unit="min", note="median to 3 alarms in a row, below"),
    )  # fmt: skip
    return replace(report, figures=report.figures + beside)


def nab_table(data: Path) -> Table:
    """The ambient temperature; labelled are the two windows of the benchmark."""
    table = read_table(data / "nab" / "ambient_temperature_system_failure.csv")
    label = np.zeros(table.rows)
    for first, last in nab_windows(data, table):
        label[first : last + 1] = 1
    return Table({**table.columns, "window": label}, table.digest, table.where)


def nab_windows(data: Path, table: Table) -> list[tuple[int, int]]:
    """First and last row of each."""
    told = json.loads(
        (data / "nab" / "ambient_temperature_system_failure.windows.json").read_text()
    )
    time = table.numbers("timestamp")
    ends = [
        [np.datetime64(text, "ns").astype(np.int64) / 1e9 for text in w] for w in told["windows"]
    ]
    return [
        (int(np.searchsorted(time, low)), int(np.searchsorted(time, high, "right")) - 1)
        for low, high in ends
    ]


def nab_judged(task: Task, data: Path) -> Report:
    """NAB scores of where alarms begin; their threshold is that of the task, not the best one."""
    table = nab_table(data)
    windows, found = nab_windows(data, table), task.score(task.fit(table, _quiet), table)
    ratio = found["score"] / found["limit"]
    value = table.numbers("value")[:, None]
    cut = int(NORMAL_SHARE * table.rows)
    fitting, setting = value[: int(0.7 * cut)], value[int(0.7 * cut) : cut]
    rows = [_nab_row("this task, 1 per week", ratio, windows)]
    for name in ("3σ of any signal", "any signal, held-out limit", "always alarm"):
        budgets = {"": RATE}
        if name.endswith("limit"):
            budgets = {", 1 per week": 1 / (7 * 24), ", 1 per 1000 rows": RATE}
        for spelt, rate in budgets.items():
            score, limit = PEERS[name](fitting, setting, rate)(value)
            rows.append(_nab_row(name + spelt, score / max(limit, 1e-300), windows))
    rows.insert(1, _default_nab(task, table, windows))
    return _with_peers(task.backtest(table, _quiet), rows)


def _default_nab(task: Task, table: Table, windows: list[tuple[int, int]]) -> dict[str, Any]:
    """The same with the budget that holds where none is given."""
    usual = read_task({k: v for k, v in task.record().items() if k != "false_alarms"})
    found = usual.score(usual.fit(table, _quiet), table)
    return _nab_row("this task, 1 per 1000 rows", found["score"] / found["limit"], windows)


def _nab_row(name: str, ratio: Values, windows: list[tuple[int, int]]) -> dict[str, Any]:
    def score(limit: float, profile: str) -> float:
        began = np.zeros(len(ratio), np.bool_)
        began[event_scores.stretches(ratio > limit)[:, 0]] = True
        return event_scores.nab(began, windows, profile)

    known = ratio[np.isfinite(ratio)]
    levels = np.quantile(known, np.linspace(0.5, 1, 501))
    best = max(score(level, "standard") for level in levels.tolist())
    return {
        "method": name,
        **{f"NAB {profile}": score(1.0, profile) for profile in ("standard", "low FP", "low FN")},
        "NAB standard, threshold by the labels": best,
    }


def _told(task: Task, table: Table, runs: list[Run]) -> list[Scored]:
    """Ratio and alarm of each run, from a model file's worth of the task."""
    told = task.score(task.fit(table, _quiet), table)
    found = []
    for run in runs:
        mine = told["run"] == run.name
        found.append((told["score"][mine] / told["limit"][mine], told["alarm"][mine] == 1))
    return found


def _with_peers(report: Report, rows: list[dict[str, Any]]) -> Report:
    note = "" if find_spec("torch") else "; the convolutional autoencoder was not re-run (no torch)"
    return replace(report, tables={f"beside peers on the same rows{note}": tuple(rows)}
                   | {k: v for k, v in report.tables.items() if len(v) <= 20})  # fmt: skip


def _quiet(_: str) -> None:
    """No progress is shown."""


def choices() -> Iterator[dict[str, Any]]:
    """Settings that were tried in earlier versions for the Tennessee Eastman process."""
    scales = ([1.0, 0.1], [1.0, 0.3, 0.1], [1.0, 0.1, 0.03])
    for blocks, lags, smoothing, averages in [
        *itertools.product((4,), (0, 1, 2), (0.3, 1.0), scales),
        *itertools.product((8, 12), (1, 2), (0.3,), scales),
    ]:
        yield {"kind": "pca", "lags": lags, "averages": averages, "smoothing": smoothing,
               "wander": 0.5, "blocks": blocks}  # fmt: skip
    for past, more in (
        (3, {}), (5, {}), (2, {}), (5, {"statistic": "spe"}), (3, {"smoothing": 0.3}),
        (3, {"blocks": 8}), (3, {"shrinkage": 0.003}),
    ):  # fmt: skip
        yield {"kind": "cva", "past": past, "future": past, "shrinkage": 0.0, **more}


def choose(data: Path) -> list[dict[str, Any]]:
    """A row for each: what it finds in training runs, and false alarms on held-out normal rows."""
    normal, _ = tep_normal(data)
    training = [tep(data, f"d{fault:02d}") for fault in range(1, 22) if fault not in HARD_FAULTS]
    edges = [round(i * len(normal) / 4) for i in range(5)]
    rows = []
    for settings in choices():
        detector = DETECTORS.build({**settings, "false_alarm_rate": RATE})
        model = detector.fit(normal)
        alarms = [model.start()(Window(r.time, r.value, r.names)).alarm for r in training]
        delays = [event_scores.delay(alarm, 0, 3) for alarm in alarms]
        held, begun = [], []
        for low, high in pairwise(edges):
            kept = np.ones(len(normal), np.bool_)
            kept[max(low - 20, 0) : high + 20] = False
            other = detector.fit(normal.rows(kept))
            held.append(float(other.start()(normal.rows(slice(low, high))).alarm.mean()))
            begun += [
                float(other.start()(normal.rows(slice(i, i + 160))).alarm.mean())
                for i in range(low, high - 159, 40)
            ]
        rows.append({
            "settings": json.dumps(settings).replace('"', "").strip("{}"),
            "FDR18 % training": 100 * float(np.mean([alarm.mean() for alarm in alarms])),
            "median delay min": float(np.median([np.inf if d is None else 3 * d for d in delays])),
            "FAR % held out": 100 * float(np.mean(held)),
            "begun anew": 100 * float(np.mean(begun)),
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    print(markdown(choose(folder())))
