"""Asking models about rows: what they tell, how far off they were, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Times, Values
from gemel.core.time import SECOND, Clock
from gemel.parts.historians.base import Store
from gemel.twin.learning.live.forms import Ahead, Follow, Followed, Form
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.renewal.band import AdaptiveBand

__all__ = ["Asker", "Said"]

_EXPLAIN: Final = 15 * SECOND
_KEEP: Final = 60 * SECOND
"""What intervals have learned is on disk so long after it at the latest."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the models said of rows; by role, as the roles were when they were asked.

    told    float64[fresh,k]  of the last `fresh` rows, for each signal that is told
    losses  float64[m]  of which the truth is known by now
    judged  int64[m]    when it was, ns UTC; None where it is known at the end of a unit alone
    events  bool[m]     which of them are events, that are rare; None as above
    ahead   what the champion expects of the time to come, where it does
    band    how often its last intervals held what came, where they adapt to it
    """

    models: Mapping[str, str]
    told: Mapping[str, Values]
    losses: Mapping[str, Values]
    judged: Times | None
    events: npt.NDArray[np.bool_] | None
    ahead: Ahead | None
    band: Mapping[str, Any] | None
    reasons: dict[str, Any] | None
    rows: Rows
    fresh: int


class Asker:
    """Asks in one thread; remembers how far each model has followed the present unit."""

    def __init__(self, form: Form, registry: Registry, store: Store, clock: Clock) -> None:
        self._form = form
        self._registry = registry
        self._store, self._clock = store, clock
        self._follow: dict[str, tuple[int, Follow]] = {}
        """By model: the unit that it follows."""
        self._bands: dict[str, AdaptiveBand] = {}
        self._kept_at = self._kept = 0
        self._explained_at = 0

    def __call__(self, models: Mapping[str, str], rows: Rows, fresh: int) -> Said:
        """Of `rows`, of which the last `fresh` are new."""
        form = self._form
        rows = form.informed(rows, self._store, self._clock())
        self._follow = {m: f for m, f in self._follow.items() if m in models.values()}
        self._bands = {model: self._band(model) for model in models.values()}
        said = {role: self._said(model, rows, fresh) for role, model in models.items()}
        champion = said["champion"]
        losses = {role: _of(one, champion.keys) for role, one in said.items()}
        judged: Times | None = champion.time
        events: npt.NDArray[np.bool_] | None = champion.marks
        if not form.judged:
            ended = rows.take(np.isin(rows.unit, list(rows.failed)))
            judged = events = None
            for role, model in models.items():
                some = len(ended) > 0
                losses[role] = form.ended(self._registry.get(model), ended) if some else np.zeros(0)
        told = {role: one.told for role, one in said.items()}
        reasons = self._explained(models["champion"], rows)
        self._keep_bands()
        return Said(
            models, told, losses, judged, events, champion.ahead, champion.band, reasons, rows,
            fresh,
        )  # fmt: skip

    def _said(self, model: str, rows: Rows, fresh: int) -> Followed:
        """Of the fresh rows, unit by unit."""
        fitted = self._registry.get(model)
        new, before = rows.take(slice(-fresh, None)), rows.take(slice(0, -fresh))
        found = []
        for unit in np.unique(new.unit).tolist():
            known = self._follow.get(model)
            if known is None or known[0] != unit:
                known = self._follow[model] = (unit, self._form.follow(fitted, self._bands[model]))
                if len(past := before.take(before.unit == unit)):
                    known[1].begin(past)
            found.append(known[1](new.take(new.unit == unit)))
        return Followed(
            np.concatenate([one.told for one in found]),
            np.concatenate([one.time for one in found]),
            np.concatenate([one.losses for one in found]),
            found[-1].ahead,
            np.concatenate([one.keys for one in found]),
            np.concatenate([one.marks for one in found]),
            found[-1].band,
        )

    def _band(self, model: str) -> AdaptiveBand:
        """What its intervals have learned; in an earlier unit or before a restart, too."""
        if model in self._bands:
            return self._bands[model]
        band = self._form.band()
        kept = self._store.kept(self._bands_name)
        if kept is not None and model in kept:
            band.go_on(kept[model])
        return band

    def _keep_bands(self) -> None:
        learned, now = sum(band.learned for band in self._bands.values()), self._clock()
        if learned != self._kept and now - self._kept_at >= _KEEP:
            self._kept, self._kept_at = learned, now
            self._store.keep(
                self._bands_name, {model: band.state() for model, band in self._bands.items()}
            )

    @property
    def _bands_name(self) -> str:
        return f"task/{self._form.name}/bands"

    def _explained(self, model: str, rows: Rows) -> dict[str, Any] | None:
        """Why the last row is told so. Not each time where all rows of a unit are looked at."""
        newest = int(rows.time[-1])
        if self._form.whole and newest - self._explained_at < _EXPLAIN:
            return None
        self._explained_at = newest
        return self._form.why(self._registry.get(model), rows)


def _of(said: Followed, keys: Times) -> Values:
    """float64[m]: the losses of what the champion's are of; NaN where this model has none yet."""
    found = np.full(len(keys), np.nan)
    known = np.isin(said.keys, keys)
    found[np.searchsorted(keys, said.keys[known])] = said.losses[known]
    return found
