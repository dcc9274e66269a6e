"""How the default settings of the detectors were chosen: on runs that decide nothing else.

    python -m benchmarks.detection --choose

Of SKAB four runs (valve1/0, 2, 4, 6) and the recording without anomalies, in stretches as long as a
run; of TEP the training runs d01 to d21, and stretches of d00_te, each begun anew, for false alarms
after a start. The wanted rate of false alarms is 0.1 %, as in the defaults. Of settings that are
alike on average, those with fewer false alarms were taken, for both data sets together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection import (
    HARD_FAULTS,
    NORMAL_ROWS,
    RATE,
    VALIDATION,
    skab_ours,
    skab_row,
    tep_ours,
)
from benchmarks.detection_metrics import delay
from benchmarks.public_data import Run, skab, skab_normal, tep
from gemel.parts.detectors import DETECTORS

AVERAGES = ((1.0,), (0.1,), (1.0, 0.1), (0.4, 0.1))


def grid() -> Iterator[dict[str, Any]]:
    for lags, averages, wander, smoothing in itertools.product(
        (0, 2), AVERAGES, (0.1, 0.5), (0.1, 0.3)
    ):
        yield {"kind": "pca", "lags": lags, "averages": averages, "wander": wander,
               "smoothing": smoothing}  # fmt: skip
    for past, shrinkage, averages, wander in itertools.product(
        (2, 3), (0.02, 0.1), AVERAGES, (0.1, 0.5)
    ):
        yield {"kind": "cva", "past": past, "future": past, "shrinkage": shrinkage,
               "averages": averages, "wander": wander}  # fmt: skip


def choose(data: Path) -> dict[str, list[dict[str, Any]]]:
    """A row for each settings."""
    training = [tep(data, f"d{fault:02d}") for fault in range(1, 22)]
    begun = stretches(tep(data, "d00_te"), 160, 40)
    quiet = stretches(skab_normal(data), 1100, 1400)
    runs = [run for run in skab(data) if run.name in VALIDATION]
    found: dict[str, list[dict[str, Any]]] = {"pca": [], "cva": []}
    for settings in grid():
        score = tep_ours(data, {**settings, "false_alarm_rate": RATE})
        alarms = [score(run)[1] for run in training]
        rates = [100 * float(alarm.mean()) for alarm in alarms]
        delays = [delay(alarm, 0, 3) for alarm in alarms]
        normal = [
            100 * float(skab_ours(run, DETECTORS.build(settings))[1][NORMAL_ROWS:].mean())
            for run in quiet
        ]
        row = skab_row("", runs, [skab_ours(run, DETECTORS.build(settings)) for run in runs])
        found[settings["kind"]].append({
            **{name: str(value) for name, value in settings.items() if name != "kind"},
            "TEP FDR21 %": float(np.mean(rates)),
            "FDR18 %": float(np.mean(
                [rate for i, rate in enumerate(rates, 1) if i not in HARD_FAULTS]
            )),
            "median delay min": float(np.median([np.inf if d is None else d for d in delays])),
            "FAR after starts %": 100 * float(np.mean([score(run)[1].mean() for run in begun])),
            "SKAB normal FAR %, mean": float(np.mean(normal)),
            "median": float(np.median(normal)),
            **{f"valve1 {k}": row[k] for k in ("F1", "FAR %", "MAR %", "NAB standard", "AUC-PR")},
        })  # fmt: skip
    return found


def stretches(run: Run, rows: int, step: int) -> list[Run]:
    """Parts of a recording, each a run of its own."""
    return [
        Run(f"{run.name}/{i}", run.time[i : i + rows], run.value[i : i + rows], run.names,
            run.anomaly[i : i + rows], run.changepoint[i : i + rows], run.file)
        for i in range(0, len(run.time) - rows + 1, step)
    ]  # fmt: skip
