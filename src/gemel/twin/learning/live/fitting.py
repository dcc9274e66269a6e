"""One fit of a task on history: the model, what was found about it, and its held-out errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError, GemelError
from gemel.core.frame import Values
from gemel.twin.learning.live.forms import Form
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.watching import reference

__all__ = ["Fit", "Stopped", "fit"]

_ENOUGH: Final = 0.7
"""Of the wanted rows; stops and gaps may take the rest."""
_PARTS: Final = 4
"""Rows are cut in so many parts in order of time: each is judged by a model of those before."""


class Stopped(GemelError):
    """A person wanted it to end."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A model that was fitted, and kept.

    evidence   figures of a backtest on the same rows, or why there is none
    window     of history, ns UTC
    data       hash of the rows
    """

    model: str
    evidence: dict[str, Any]
    window: tuple[int, int]
    data: str


def fit(form: Form, rows: Rows, registry: Registry, progress: Callable[[str], None]) -> Fit | None:
    """Fit, judge and keep; None while there are too few rows. Raises `DataError` where nothing can
    be learned from them."""
    have = len(rows) * form.use.step
    if have < _ENOUGH * form.use.least:
        progress(f"has {have / form.use.least:.0%} of the rows to begin with")
        return None
    if lacking := form.lacks(rows):
        raise DataError(lacking)
    table = form.table(rows)
    fitted = form.task.fit(table, progress)
    progress("is being judged")
    window = (int(rows.time[0]), int(rows.time[-1]))
    more = form.evidence(rows, fitted)
    evidence: dict[str, Any] = {
        "rows": len(rows), **fitted.evidence, **more, "window": list(window),
    }  # fmt: skip
    try:
        report = form.task.backtest(table, progress)
    except Stopped:
        raise
    except GemelError as error:
        evidence["not judged"] = str(error)
    else:
        evidence["figures"] = {
            figure.name: [figure.value, figure.low, figure.high] for figure in report.figures
        }
        evidence["how"] = str(report.protocol)
    kept = {**evidence, "errors": reference(_held_out(form, rows, progress))}
    model = registry.put(replace(fitted, evidence=kept))
    return Fit(model, evidence, window, table.digest)


def _held_out(form: Form, rows: Rows, progress: Callable[[str], None]) -> Values:
    """Losses of trials, each fitted on the rows before some, on those."""
    if not form.judged:
        return np.zeros(0)
    edges = [round(i * len(rows) / _PARTS) for i in range(1, _PARTS + 1)]
    losses = [np.zeros(0)]
    for number, (low, high) in enumerate(pairwise(edges), 1):
        progress(f"errors on later rows, {number} of {_PARTS - 1}")
        before, later = rows.upto(low), rows.upto(high).take(slice(low, None))
        try:
            trial = form.task.fit(form.table(before), progress)
        except DataError:
            continue  # too few to learn from by themselves
        for unit in np.unique(later.unit):
            follow = form.follow(trial)
            if len(mine := before.take(before.unit == unit)):
                follow.begin(mine)
            losses.append(follow(later.take(later.unit == unit)).losses)
    found = np.concatenate(losses)
    return np.asarray(found[np.isfinite(found)])
