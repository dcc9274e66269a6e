"""Spans in which the asset really was in trouble, as an expression of the plant file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gemel.core.event import Event, Payload
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal
from gemel.core.time import Clock
from gemel.parts.historians.base import Store
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.windows import AlignedRows, Condition

__all__ = ["Trouble", "Troubles"]


class Trouble(Payload):
    """Kind ``trouble``; the subject is the asset, the source the detector that is held against."""

    detector: str
    when: str
    """The expression."""


class Troubles:
    """Looks at every row of the grid, normal or not; each span is an Event."""

    def __init__(
        self, name: str, settings: WatchSettings, condition: Condition, store: Store, clock: Clock
    ) -> None:
        self._name, self._settings, self._clock = name, settings, clock
        self._rows = AlignedRows(
            (), (), settings.step, settings.lateness, [condition], store.catalogue
        )
        self.signals = frozenset(self._rows.aligner.numbers)
        told = store.events("trouble", settings.asset, start=clock(), limit=1_000)
        self._open = next((e for e in told if e.source == name and e.lasts), None)

    @classmethod
    def of(
        cls, name: str, settings: WatchSettings, signals: Sequence[PlantSignal],
        numbers: Mapping[str, int], store: Store, clock: Clock,
    ) -> Troubles | None:  # fmt: skip
        """None where the settings name none. Raises `ConfigurationError`."""
        if not settings.event:
            return None
        condition = Condition.of(settings.event, signals, numbers, settings.asset)
        return cls(name, settings, condition, store, clock)

    def feed(self, frame: Frame) -> list[Event]:
        """What begins or ends with the rows that samples close."""
        told = self._rows.push(frame)
        found = []
        for time, true in zip(told.window.time.tolist(), told.true[:, 0].tolist(), strict=True):
            if true and self._open is None:
                payload = Trouble(detector=self._name, when=self._settings.event)
                self._open = Event(
                    "trouble", self._settings.asset, time, self._name, self._clock(),
                    payload=payload.model_dump(), lasts=True,
                )  # fmt: skip
                found.append(self._open)
            elif not true and self._open is not None:
                found.append(replace(self._open.ended(time), known=self._clock()))
                self._open = None
        return found
