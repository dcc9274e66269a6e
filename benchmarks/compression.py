"""How much deadband and swinging door keep, and what it costs in accuracy.

    python -m benchmarks.compression [--data DIR] [--json FILE]

Every operator is set to the same share of the range of each signal. What was dropped is read back
as a user would: the last kept value (hold) for the deadband, a straight line between kept samples
for both. Errors are in % of the range of the signal and, for one signal, in its unit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection_metrics import table
from benchmarks.public_data import Run, cwru, digest, folder, frame_of, skab_normal, tep
from gemel.core.frame import Frame, concatenate
from gemel.parts.operators import OPERATORS
from gemel.parts.operators.base import Operator

PERCENTS = (0.5, 2.0, 5.0)


def compressed(frames: Sequence[Frame], operator: Operator) -> Frame:
    """What an operator keeps of a stream, with what it held back at its end."""
    step = operator.start()
    return concatenate([*(step(frame) for frame in frames), step.flush()])


def errors(run: Run, kept: Frame, hold: bool) -> np.ndarray[Any, Any]:
    """Error of every sample when read back, float64[n,k], in the unit of each signal."""
    found = np.empty_like(run.value)
    for j in range(run.value.shape[1]):
        mine = kept[kept.signal == j]
        if hold:
            at = np.searchsorted(mine.time, run.time, side="right") - 1
            found[:, j] = mine.value[at]
        else:
            found[:, j] = np.interp(run.time, mine.time, mine.value)
    return found - run.value


def rows(title: str, run: Run) -> list[dict[str, Any]]:
    low, high = run.value.min(axis=0), run.value.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    frames = list(frame_of(run).pieces(10_000))
    total = sum(len(frame) for frame in frames)
    ranges = {str(j): [float(low[j]), float(low[j] + span[j])] for j in range(len(low))}
    found = []
    for kind in ("deadband", "swinging_door"):
        for percent in PERCENTS:
            settings = {"kind": kind, "percent": percent, "ranges": ranges}
            operator = OPERATORS.build(settings)
            compressed(frames[:1], operator)  # compiled before it is timed
            begin = time.perf_counter()
            kept = compressed(frames, operator)
            seconds = time.perf_counter() - begin
            for reading in ("hold", "line") if kind == "deadband" else ("line",):
                error = errors(run, kept, reading == "hold")
                share = 100 * np.abs(error) / span
                found.append({
                    "data": title,
                    "operator": kind,
                    "setting, % of range": percent,
                    "read back by": reading,
                    "kept %": 100 * len(kept) / total,
                    "RMSE, % of range": float(np.sqrt((share**2).mean())),
                    "largest error, % of range": float(share.max()),
                    "RMSE of first signal, its unit": float(np.sqrt((error[:, 0] ** 2).mean())),
                    "million samples/s": total / seconds / 1e6,
                })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", help="data folder; GEMEL_DATA or ../shared/data if not given")
    parser.add_argument("--json", type=Path, help="write the results here too")
    arguments = parser.parse_args()
    data = folder(arguments.data)
    runs = {
        "SKAB without anomalies, 8 signals, 1 Hz": skab_normal(data),
        "TEP d00_te, 52 signals, 3 min": tep(data, "d00_te"),
        "CWRU IR007_0, vibration, 12 kHz": cwru(data),
    }
    found = [row for title, run in runs.items() for row in rows(title, run)]
    print(f"sha256 {digest(run.file for run in runs.values())}\n\n{table(found)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    sys.exit(main())
