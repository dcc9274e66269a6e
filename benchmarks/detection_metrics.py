"""Scores of detection under the names that the tables of benchmarks have, and the tables.

The scores are those of `gemel.twin.learning.evaluation.event_scores`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gemel.twin.learning.evaluation import event_scores
from gemel.twin.learning.evaluation.event_scores import Flags

__all__ = ["binary", "delay", "nab", "table"]


def binary(truth: Flags, alarm: Flags) -> dict[str, float]:
    """F1 (0 to 1), false-alarm rate and missing-alarm rate (%), row by row."""
    found = event_scores.rows(truth, alarm)
    return {
        "F1": found.f1,
        "FAR %": 100 * found.false_alarm_rate,
        "MAR %": 100 * found.missed_alarm_rate,
    }


def nab(runs: Sequence[tuple[npt.NDArray[np.int64], Flags, Flags]]) -> dict[str, float]:
    """Of change points, as on the leaderboard of SKAB v0.9."""
    return {f"NAB {name}": score for name, score in event_scores.change_point_nab(runs).items()}


def delay(alarm: Flags, start: int, minutes: float, run: int = 3) -> float | None:
    """Minutes from `start` to the first of `run` alarms in a row; None if there are none."""
    rows = event_scores.delay(alarm, start, run)
    return None if rows is None else rows * minutes


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
