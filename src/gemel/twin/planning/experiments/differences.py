"""Two comparisons that were kept, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gemel.core.control.quantiles import t_quantile
from gemel.core.frame import Values
from gemel.core.line.statistics import Estimate, estimate
from gemel.twin.planning.experiments.comparing import Columns
from gemel.twin.planning.experiments.measures import MEASURES

__all__ = ["differences"]


def differences(
    first: tuple[Sequence[str], Columns], second: tuple[Sequence[str], Columns], *, same_luck: bool
) -> list[dict[str, Any]]:
    """By scenario and measure that both have: means, and the second less the first with its
    interval; replication by replication where both met the same luck. Each is told by the names of
    its scenarios and its columns."""
    (names, one), (others, other) = first, second
    rows = []
    for i, name in enumerate(names):
        if name not in others:
            continue
        j = list(others).index(name)
        for measure in MEASURES:
            if measure not in one or measure not in other:
                continue
            a, b = one[measure][i], other[measure][j]
            both = np.concatenate([a, b])
            if not len(a) or not len(b):
                continue
            if not np.isfinite(both).any() or not np.nanmax(np.abs(both)) > 0:
                continue
            found = _paired(a, b) if same_luck else _apart(a, b)
            rows.append(
                {
                    "scenario": name, "measure": measure, "first": float(np.nanmean(a)),
                    "second": float(np.nanmean(b)),
                    "difference": {
                        "value": found.value, "low": found.low, "high": found.high,
                        "count": found.count,
                    },
                }
            )  # fmt: skip
    return rows


def _paired(a: Values, b: Values) -> Estimate:
    n = min(len(a), len(b))
    return estimate(b[:n] - a[:n])


def _apart(a: Values, b: Values) -> Estimate:
    """B. L. Welch's interval (Biometrika 34 (1947) 28)."""
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if min(len(a), len(b)) < 2:
        return Estimate(float(b.mean() - a.mean()), np.nan, np.nan, min(len(a), len(b)))
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    mean = float(b.mean() - a.mean())
    if va + vb == 0:
        return Estimate(mean, mean, mean, len(a))
    degrees = float((va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1)))
    half = t_quantile(0.975, degrees) * float(np.sqrt(va + vb))
    return Estimate(mean, mean - half, mean + half, min(len(a), len(b)))
