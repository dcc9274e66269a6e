"""How detection is measured. No point adjustment: a score at random would look excellent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["binary", "delay", "nab"]

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

    As the leaderboard of SKAB v0.9 does (`chp_score` of its `core/metrics.py`, with a window of
    60 s "righter" and its other defaults): a window of `seconds` to the right of each change
    point, which begins where the one before ends if they overlap; the first detection in a window,
    both ends included, earns from 1 at its left edge down to the price of a false alarm at its
    right edge, along a hyperbolic tangent of the time in 1,000 steps; others in a window are free;
    every detection outside costs.
    """
    scores = {}
    curve = np.tanh(np.linspace(-np.pi / 2, np.pi / 2, 1000)) / np.tanh(np.pi / 2)
    for profile, (gain, false, miss) in PROFILES.items():
        total, silent, perfect = 0.0, 0.0, 0.0
        for time, truth, found in runs:
            inside = np.zeros(len(time), np.bool_)
            reached = np.iinfo(np.int64).min
            for point in time[truth].tolist():
                left, right = max(point, reached), point + int(seconds * 1e9)
                reached = right
                rows = (time >= left) & (time <= right)
                inside |= rows
                at = time[rows & found]
                if len(at) == 0:
                    total += miss
                    continue
                step = int((at[0] - left) / (right - left) * 1000) if right > left else 0
                total += (gain - false) / 2 * (1 - curve[min(step, 999)]) + false
            total += false * int((found & ~inside).sum())
            silent += miss * int(truth.sum())
            perfect += gain * int(truth.sum())
        scores[f"NAB {profile}"] = float(100 * (total - silent) / (perfect - silent))
    return scores


def delay(alarm: Flags, start: int, minutes: float, run: int = 3) -> float | None:
    """Minutes from `start` to the first of `run` alarms in a row; None if there are none.

    An alarm that lasts from before `start` found nothing: what counts begins after it has ended.
    """
    if start and alarm[start - 1]:
        alarm = alarm.copy()
        alarm[start:][np.logical_and.accumulate(alarm[start:])] = False
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
