"""How detection is measured. No point adjustment: a score at random would look excellent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["binary", "delay", "nab", "precision_area"]

Flags = npt.NDArray[np.bool_]

PROFILES = {
    # gain of a hit, price of a false alarm, price of a miss
    "standard": (1.0, -0.11, -1.0),
    "low FP": (1.0, -0.22, -1.0),
    "low FN": (1.0, -0.11, -2.0),
}


def binary(truth: Flags, alarm: Flags) -> dict[str, float]:
    """F1 (0 to 1), false-alarm rate and missing-alarm rate (%), row by row."""
    hit, false = int((truth & alarm).sum()), int((~truth & alarm).sum())
    missed, quiet = int((truth & ~alarm).sum()), int((~truth & ~alarm).sum())
    return {
        "F1": hit / max(hit + (missed + false) / 2, 1e-9),
        "FAR %": 100 * false / max(false + quiet, 1),
        "MAR %": 100 * missed / max(missed + hit, 1),
    }


def nab(
    runs: Sequence[tuple[npt.NDArray[np.int64], Flags, Flags]], seconds: float = 60.0
) -> dict[str, float]:
    """NAB score of (time in ns, true change points, found change points), 0 silent to 100 perfect.

    As SKAB does: a window of `seconds` to the right of each change point, cut where the next one
    begins; the first detection in a window earns from 1 at its left edge down to the price of a
    false alarm at its right edge along a hyperbolic tangent; every detection outside costs.
    """
    scores = {}
    for profile, (gain, false, miss) in PROFILES.items():
        total, silent, perfect = 0.0, 0.0, 0.0
        for time, truth, found in runs:
            points = np.flatnonzero(truth)
            inside = np.zeros(len(time), np.bool_)
            for i, point in enumerate(points):
                end = time[point] + int(seconds * 1e9)
                rows = (time >= time[point]) & (time <= end)
                if i + 1 < len(points):
                    rows &= time < time[points[i + 1]]
                inside |= rows
                at = np.flatnonzero(found[rows])
                if len(at) == 0:
                    total += miss
                    continue
                n = int(rows.sum())
                x = -np.pi / 2 + np.pi * at[0] / max(n - 1, 1)
                total += (gain - false) / 2 * (1 - np.tanh(x) / np.tanh(np.pi / 2)) + false
            total += false * int((found & ~inside).sum())
            silent += miss * len(points)
            perfect += gain * len(points)
        scores[f"NAB {profile}"] = float(100 * (total - silent) / (perfect - silent))
    return scores


def precision_area(truth: Flags, score: npt.NDArray[np.float64]) -> float:
    """Area under the precision-recall curve (average precision), without any limit."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth, np.nan_to_num(score, nan=0.0, posinf=1e300)))


def delay(alarm: Flags, start: int, minutes: float, run: int = 3) -> float | None:
    """Minutes from `start` to the first of `run` alarms in a row; None if there are none."""
    held = np.convolve(alarm[start:].astype(int), np.ones(run, int), "valid") == run
    return float(np.argmax(held) * minutes) if held.any() else None


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A markdown table; columns in the order of the first row."""
    names = list(rows[0])
    text = [[_cell(row.get(name)) for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *text]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1 else (
        f"{value:.2f}" if isinstance(value, float) else str(value)
    )  # fmt: skip
