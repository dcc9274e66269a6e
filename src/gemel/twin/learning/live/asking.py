"""Asking models about rows: what they tell, how far off they were, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.time import SECOND
from gemel.twin.learning.live.forms import Follow, Form
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.live.rows import Rows

__all__ = ["Asker", "Said"]

_SHOWN: Final = 8
_EXPLAIN: Final = 15 * SECOND


@dataclass(frozen=True, slots=True)
class Said:
    """What the models said of rows; by role, as the roles were when they were asked.

    told    float64[fresh,3]  of the last `fresh` rows: value and interval
    losses  of the rows of which the truth is known by now: as many as `rows` where each is judged
            by itself, those of the units that have ended where it is known at the end
    """

    models: Mapping[str, str]
    told: Mapping[str, Values]
    losses: Mapping[str, Values]
    reasons: dict[str, Any] | None
    rows: Rows
    fresh: int


class Asker:
    """Asks in one thread; remembers how far each model has followed the present unit."""

    def __init__(self, form: Form, registry: Registry) -> None:
        self._form = form
        self._registry = registry
        self._follow: dict[str, tuple[int, Follow]] = {}
        """By model: the unit that it follows."""
        self._explained_at = 0

    def __call__(self, models: Mapping[str, str], rows: Rows, fresh: int) -> Said:
        """Of `rows`, of which the last `fresh` are new."""
        form = self._form
        told, losses = {}, {}
        self._follow = {m: f for m, f in self._follow.items() if m in models.values()}
        ended = rows.take(np.isin(rows.unit, list(rows.failed)))
        for role, model in models.items():
            told[role] = self._told(model, rows, fresh)
            if not form.whole:
                losses[role] = form.losses(rows, told[role])
            elif len(ended):
                losses[role] = form.losses(ended, form.told(self._registry.get(model), ended))
            else:
                losses[role] = np.zeros(0)
        reasons = self._explained(models["champion"], rows)
        return Said(models, told, losses, reasons, rows, fresh)

    def _told(self, model: str, rows: Rows, fresh: int) -> Values:
        fitted = self._registry.get(model)
        if not self._form.whole:
            return self._form.told(fitted, rows)
        found = []
        new = rows.take(slice(-fresh, None))
        for unit in np.unique(new.unit).tolist():
            known = self._follow.get(model)
            if known is None or known[0] != unit:
                known = self._follow[model] = (unit, self._form.follow(fitted))
                before = rows.take(slice(0, -fresh))
                if len(before := before.take(before.unit == unit)):
                    known[1](before)
            found.append(known[1](new.take(new.unit == unit)))
        return np.concatenate(found)

    def _explained(self, model: str, rows: Rows) -> dict[str, Any] | None:
        """Why the last row is told so. Not each time where all rows of a unit are looked at."""
        newest = int(rows.time[-1])
        if self._form.whole and newest - self._explained_at < _EXPLAIN:
            return None
        self._explained_at = newest
        explained = self._form.task.explain(
            self._registry.get(model), self._form.table(rows), len(rows) - 1
        )
        return {
            "answer": explained.answer,
            "mean": explained.mean,
            "shares": [
                {"name": name, "share": share, "value": value}
                for name, share, value in explained.shares[:_SHOWN]
            ],
        }
