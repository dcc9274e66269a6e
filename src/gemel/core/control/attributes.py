"""Charts of counts: p, np, c and u, and Laney's p′ and u′.

Laney's correction: D. B. Laney, Quality Engineering 14 (2002) 531-537.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gemel.core.control.chart import Chart, ChartKind, Points, check_points, track
from gemel.core.control.constants import constants
from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["attribute_chart", "attribute_points", "counts"]


def counts(
    kind: str, rows: Values, sizes: npt.ArrayLike | None
) -> tuple[Values, Values]:  # fmt: skip
    """Counts and sizes, NaN where either is missing."""
    if kind == "c":
        size = np.ones(len(rows))
    elif sizes is None:
        raise DataError(f"a chart {kind} needs the size of each sample beside its count")
    else:
        size = np.broadcast_to(np.asarray(sizes, np.float64), rows.shape)
    known = np.isfinite(rows) & np.isfinite(size)
    rows, size = np.where(known, rows, np.nan), np.where(known, size, np.nan)
    for wrong, what in (
        (rows < 0, "is negative"),
        ((rows != np.rint(rows)) & known, "is no whole number"),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(f"count {i + 1} is {rows[i]:g}: it {what}, a count is 0, 1, 2, …")
    if (size <= 0).any():
        i = int(np.argmax(size <= 0))
        raise DataError(f"size {i + 1} is {size[i]:g}, must be greater than 0")
    if kind in ("p", "np") and (rows > size).any():
        i = int(np.argmax(rows > size))
        raise DataError(f"sample {i + 1} has {rows[i]:g} bad ones of {size[i]:g}")
    if kind == "np" and len(np.unique(size[known])) > 1:
        raise DataError(
            f"sizes go from {np.nanmin(size):g} to {np.nanmax(size):g}; an np chart needs equal "
            "ones, a p chart does not"
        )
    return rows, size


def attribute_chart(
    kind: ChartKind, rows: Values, size: Values, multiple: float, laney: bool
) -> Chart:
    known = np.isfinite(rows)
    check_points(int(known.sum()))
    centre = float(rows[known].sum() / size[known].sum())
    if centre == 0 or (kind in ("p", "np") and centre == 1):
        every = "all counts are 0" if centre == 0 else "every one is bad"
        raise DataError(f"{every}: chance has nothing to say here; look at larger samples")
    factor = 1.0
    if laney:
        z = (rows[known] / size[known] - centre) / _chance(kind, centre, size[known])
        factor = float(np.abs(np.diff(z)).mean()) / constants(2).d2
        if factor == 0:
            raise DataError(
                "all shares are equal: they have no spread that limits could be set from"
            )
    return Chart(kind, centre, factor, int(known.sum()), multiple=multiple)


def _chance(kind: str, centre: float, size: Values) -> Values:
    """Standard deviation of a share (binomial) or of a count per unit (Poisson)."""
    spread = centre * (1 - centre) if kind in ("p", "np") else centre
    return np.asarray(np.sqrt(spread / size), np.float64)


def attribute_points(chart: Chart, rows: Values, size: Values) -> Points:
    error = chart.sigma * _chance(chart.kind, chart.centre, size)
    name = {"p": "share", "np": "number of bad ones", "c": "count", "u": "count per unit"}
    scale = size if chart.kind == "np" else np.ones(len(rows))
    most = scale if chart.kind in ("p", "np") else np.full(len(rows), np.inf)
    return track(
        name[chart.kind], rows / size * scale, chart.centre * scale, error * scale, chart.multiple,
        0.0, most,
    )  # fmt: skip
