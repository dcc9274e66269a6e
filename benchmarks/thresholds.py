"""Alarm limits on the Tennessee Eastman process: 3σ, calibrated, multivariate.

    python -m benchmarks.thresholds

The claims that this stands beside: 82 % fewer false alarms than static limits, found in 15 minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import detection_peers as peers
from benchmarks.detection import (
    HARD_FAULTS,
    OURS,
    RATE,
    TEST_FAULTS,
    Scored,
    tep_ours,
    tep_peer,
)
from benchmarks.detection_metrics import delay, table
from benchmarks.public_data import Run, digest, folder, tep

START = 160
MINUTES = 3.0
CLAIMED_FEWER = 82.0
CLAIMED_MINUTES = 15.0


def three_sigma(fitting: peers.Rows, _setting: peers.Rows, _rate: float) -> peers.Scorer:
    """Any signal three standard deviations from its mean, as static limits are often set."""
    centre, scale = fitting.mean(axis=0), np.maximum(fitting.std(axis=0), 1e-12)
    return lambda rows: (np.abs((rows - centre) / scale).max(axis=1), 3.0)


def row(name: str, runs: list[Run], score: Callable[[Run], Scored]) -> dict[str, Any]:
    alarms = {run.name: score(run)[1] for run in runs}
    before = np.concatenate([alarm[:START] for alarm in alarms.values()])
    stretches = sum(
        int(np.diff(alarm[:START].astype(int), prepend=0).clip(0).sum())
        for alarm in alarms.values()
    )
    faults = [run.name for run in runs if int(run.name[1:3]) not in HARD_FAULTS]
    delays = [delay(alarms[fault], START, MINUTES) for fault in faults]
    known = [minutes for minutes in delays if minutes is not None]
    return {
        "limits": name,
        "false alarms, % of rows": 100 * float(before.mean()),
        "in stretches": stretches,
        "rows after the fault with an alarm, %": 100
        * float(np.mean([alarms[fault][START:].mean() for fault in faults])),
        "median delay, min": float(np.median([m if m is not None else np.inf for m in delays])),
        f"found in {CLAIMED_MINUTES:g} min": (
            f"{sum(m < CLAIMED_MINUTES for m in known)} of {len(faults)}"
        ),
        "found": f"{len(known)} of {len(faults)}",
    }


def section(data: Path) -> str:
    runs = [tep(data, f"d{fault:02d}_te") for fault in TEST_FAULTS]
    raw = "3σ of each signal"
    found = [
        row(raw, runs, tep_peer(data, three_sigma, RATE)),
        row("calibrated, each signal", runs, tep_peer(data, peers.calibrated_univariate, RATE)),
        *[row(name, runs, tep_ours(data, settings)) for name, settings in OURS.items()],
    ]
    name = "false alarms, % of rows"
    base, calibrated = (float(one[name]) for one in found[:2])
    lines = [
        "## Alarm limits: Tennessee Eastman process", "",
        f"How: fitted on d00, limits on d00_te at a rate of {RATE:.1%}; false alarms in the "
        f"{START} rows before the fault of {len(runs)} test runs ({START * len(runs):,} rows); "
        f"faults but 3, 9 and 15 ({len(runs) - len(HARD_FAULTS)} runs), which are taken to be "
        "undetectable; delay to the first of three alarms in a row; what is not found counts as "
        "infinite. Data "
        f"{digest([*(r.file for r in runs), *(tep(data, n).file for n in ('d00', 'd00_te'))])}.",
        "", table(found), "",
    ]  # fmt: skip
    for one in found[1:]:
        fewer = 100 * (1 - float(one[name]) / base)
        told = f"- {one['limits']}: {fewer:.0f} % fewer false alarms than {raw}"
        if one is not found[1] and calibrated > 0:
            told += f", {100 * (1 - float(one[name]) / calibrated):.0f} % than calibrated limits"
        good = fewer >= CLAIMED_FEWER
        lines.append(
            f"{told}; {CLAIMED_FEWER:g} % wanted – **{'reached' if good else 'missed'}**; median "
            f"delay {one['median delay, min']:g} min, below {CLAIMED_MINUTES:g} wanted – "
            f"**{'reached' if one['median delay, min'] < CLAIMED_MINUTES else 'missed'}**"
        )
    after = "rows after the fault with an alarm, %"
    lines += [
        "", "What holds: fewer false alarms, by as much as was claimed, and it takes no "
        "multivariate model: limits calibrated on held-out rows take "
        f"{100 * (1 - calibrated / base):.0f} % of them away, since 3σ of 52 signals is no limit "
        f"for all of them together. They miss more ({found[1][after]:.0f} % of the rows after a "
        "fault alarm); what multivariate limits add is that "
        f"({max(one[after] for one in found[2:]):.0f} % with the best). What does not hold: "
        f"{CLAIMED_MINUTES:g} min. Most steps are found sooner; faults that grow take as long as "
        "they need to show.", "",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(section(folder()))
