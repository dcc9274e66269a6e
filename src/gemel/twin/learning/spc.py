"""Does a value of the product hold its limits? Control chart and capability of what history holds.

Values are those that were measured while they count (`when`), each once: a value that is only held
is no news. Few are charted one by one; of many, each stretch of time gives a subgroup of values
that follow each other, so that the spread within is that of a moment. Limits come from the first
subgroups, are looked at again without those that pass them, and then judge all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.control.capability import Capability, capability
from gemel.core.control.charts import Chart, Points, phase_one, points
from gemel.core.control.rules import Violation, violations
from gemel.core.errors import DataError
from gemel.core.frame import Times, Values
from gemel.core.plant import Specification

__all__ = ["Charted", "charted", "subgroups"]

_SIZE: Final = 5
_MOST: Final = 60
"""Subgroups in a chart that people still look at."""
_SINGLE: Final = 100
"""So many values are charted one by one."""
_FIRST: Final = 25
"""Subgroups that limits are set from, as is usual."""
_AGAIN: Final = 3


@dataclass(frozen=True, slots=True)
class Charted:
    """A chart of one signal.

    time        int64[g], ns: of each point
    values      float64[g,m]: what it was made from; m is 1 for single values
    tracks      location, then spread
    wanders     whether limits of the mean come from its steps between subgroups
    found       rules that were broken, on the location
    reference   points that limits were set from: the first so many, less those out of them
    capability  None without a specification, or where too little is known
    notes       what a reader must know
    """

    time: Times
    values: Values
    chart: Chart
    tracks: tuple[Points, ...]
    wanders: bool
    found: tuple[Violation, ...]
    reference: int
    capability: Capability | None
    notes: tuple[str, ...]


def subgroups(time: Times, value: Values) -> tuple[Times, Values]:
    """Measured values as points of a chart: int64[g], float64[g,m]; NaN where one is missing."""
    news = np.append(True, np.diff(value) != 0) if len(value) else np.zeros(0, np.bool_)
    time, value = time[news], value[news]
    if len(value) <= _SINGLE:
        return time, value[:, None]
    span = (int(time[-1]) - int(time[0])) // _MOST + 1
    place = (time - time[0]) // span
    first = np.searchsorted(place, np.arange(_MOST))
    counts = np.bincount(place, minlength=_MOST)
    kept: npt.NDArray[Any] = np.flatnonzero(counts >= 2)
    rows = np.full((len(kept), _SIZE), np.nan)
    for i, group in enumerate(kept.tolist()):
        some = value[first[group] : first[group] + min(counts[group], _SIZE)]
        rows[i, : len(some)] = some
    return time[first[kept]], rows


def charted(time: Times, value: Values, specification: Specification | None) -> Charted:
    """The chart of measured values, in order of time. Raises `DataError` if they are too few."""
    when, rows = subgroups(time, value)
    single = rows.shape[1] == 1
    data = rows[:, 0] if single else rows
    reference = min(_FIRST, len(data))
    notes = []
    wanders = not single and reference > 1 and _wanders(rows[:reference])
    if wanders:
        # A chart of means and moving ranges, with that of the spread within: limits of the mean by
        # the spread within would be passed all day by a process that is as it always is.
        means = np.nanmean(rows, axis=1)
        chart, left_out = _limits("i-mr", means[:reference])
        tracks: tuple[Points, ...] = (
            points(chart, means)[0],
            points(phase_one("xbar-s", rows[:reference]), rows)[1],
        )
        notes.append(
            "the level wanders more between subgroups than within them: limits of the mean come "
            "from its steps between subgroups"
        )
    else:
        chart, left_out = _limits("i-mr" if single else "xbar-s", data[:reference])
        tracks = points(chart, data)
    found = violations("western-electric", tracks[0].z())
    if left_out:
        notes.append(f"{left_out} of the first {reference} points are out of the limits they set")
    if reference < _FIRST:
        notes.append(f"limits from {reference} points only; {_FIRST} are wanted")
    able = None
    if specification is not None and specification.limits:
        try:
            able = capability(
                data, specification.lower, specification.upper, target=specification.target
            )
        except DataError as error:
            notes.append(str(error))
        else:
            notes += able.remarks
    return Charted(when, rows, chart, tracks, wanders, found, reference, able, tuple(notes))


def _limits(kind: Any, rows: Values) -> tuple[Chart, int]:
    """Limits from rows, and again without those beyond them, as phase one is done."""
    kept = np.ones(len(rows), np.bool_)
    chart = phase_one(kind, rows)
    for _ in range(_AGAIN):
        inside = ~points(chart, rows)[0].outside() & kept
        if inside.sum() in (kept.sum(), 0) or inside.sum() < len(rows) / 2:
            break
        kept = inside
        chart = phase_one(kind, rows[kept])
    return chart, int((~kept).sum())


def _wanders(rows: Values) -> bool:
    """Whether means spread twice as far as the spread within subgroups would have them."""
    known = np.isfinite(rows).sum(axis=1)
    means, within = np.nanmean(rows, axis=1), np.nanvar(rows, axis=1, ddof=1)
    expected = float(np.nanmean(within / known))
    return float(np.var(means, ddof=1)) > 4 * expected
