"""What makes samples of samples, in the compute thread, before anybody looks at them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gemel.core.event import Event
from gemel.core.frame import EMPTY, Frame, concatenate
from gemel.core.time import Clock
from gemel.twin.mirror.features import Shaper

__all__ = ["Shapers"]

log = logging.getLogger("gemel.pipeline")


class Shapers:
    """All of them, in the order of the plant file: a later one may look at what an earlier one
    made. One that fails is set aside and reported, and the others go on.

    emit   takes what they say
    """

    def __init__(self, emit: Callable[[Iterable[Event]], None], clock: Clock) -> None:
        self.failed: dict[str, str] = {}
        self.made = 0
        """Samples so far."""
        self._emit, self._clock = emit, clock
        self._all: tuple[Shaper, ...] = ()

    def put(self, shapers: Sequence[Shaper]) -> None:
        """These from now on; a new one may have the name of one that failed."""
        self._all = tuple(shapers)
        self.failed = {}

    def report(self) -> list[dict[str, Any]]:
        """For health."""
        return [shaper.report() for shaper in self._all]

    def __call__(self, frame: Frame) -> Frame:
        """What is made of these samples, as received when they were."""
        found: list[Frame] = []
        if self._all and len(frame):
            for shaper in self._all:
                told = self._ask(shaper, concatenate([frame, *found]))
                if len(told):
                    found.append(told)
        if not found:
            return EMPTY
        told = concatenate(found)
        self.made += len(told)
        return Frame(told.signal, told.time, told.value, told.quality, frame.received)

    def _ask(self, shaper: Shaper, frame: Frame) -> Frame:
        try:
            return shaper(frame)
        except Exception as error:
            log.exception("feature %s failed and is set aside", shaper.name)
            self._all = tuple(other for other in self._all if other is not shaper)
            self.failed[shaper.name] = f"{type(error).__name__}: {error}"
            now = self._clock()
            payload = {"error": self.failed[shaper.name]}
            self._emit([Event("part_failed", shaper.name, now, "runtime", now, payload=payload)])
            return EMPTY
