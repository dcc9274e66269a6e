"""What a champion said of rows, told: as signals, as findings, and for pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gemel.core.event import Event
from gemel.core.frame import Frame, Values
from gemel.core.time import Clock
from gemel.parts.historians.base import Store
from gemel.twin.learning.live.asking import Said
from gemel.twin.learning.live.forms import Form
from gemel.twin.learning.live.registry import Registry

__all__ = ["Telling"]


class Telling:
    """`tell` takes signals, as a Frame; `numbers` are those of the signals of the form.

    last     what was told last: time, what the form says of it, and why
    notices  what makes findings of it; None where there are none
    """

    def __init__(
        self,
        form: Form,
        numbers: Sequence[int],
        registry: Registry,
        store: Store,
        clock: Clock,
        tell: Callable[[Frame], None],
    ) -> None:
        self._form, self._numbers = form, numbers
        self._registry, self._catalogue, self._clock = registry, store.catalogue, clock
        self._tell = tell
        self.last: dict[str, Any] | None = None
        self.notices = form.notices(store, clock)

    def __call__(self, said: Said) -> list[Event]:
        """Tell the signals; gives the findings that come of it."""
        told, model = said.told["champion"], said.models["champion"]
        fresh = said.rows.take(slice(-said.fresh, None))
        champion = self._registry.get(model)
        events = []
        if self.notices is not None:
            events = self._form.noticed(self.notices, model, champion, fresh, told)
        if words := self._form.words(champion):
            told = told.copy()
            told[:, 0] = self._coded(words, told[:, 0])
        known = np.isfinite(told).all(axis=1)
        if not known.any():
            return events
        told, time = told[known], fresh.time[known]
        self.last = {
            "time": int(time[-1]), **self._form.plain(told[-1]),
            "why": said.reasons or (self.last or {}).get("why"),
            "ahead": None if said.ahead is None else said.ahead.plain(),
            "band": None if said.band is None else dict(said.band),
        }  # fmt: skip
        signal = np.tile(np.array(self._numbers, np.int32), len(time))
        self._tell(
            Frame.of(
                signal, np.repeat(time, len(self._numbers)), told.ravel(), received=self._clock(),
                source=f"task {self._form.name}",
            )
        )  # fmt: skip
        return events

    def end(self) -> list[Event]:
        """It tells no more: a finding that is open ends."""
        return [] if self.notices is None else list(self.notices.end())

    def _coded(self, words: Sequence[str], told: Values) -> Values:
        """Numbers of words, float64[n], as codes of the first signal's dictionary; NaN where it is
        full."""
        code = [self._catalogue.encode(self._numbers[0], word) for word in words]
        table = np.array([np.nan if c is None else c for c in code])
        known = np.isfinite(told)
        return np.where(known, table[np.where(known, told, 0).astype(np.int64)], np.nan)
