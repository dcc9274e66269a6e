"""What is done to samples in the compute thread: features are made of them before anybody looks,
and what history does not need is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from gemel.core.event import Event
from gemel.core.frame import EMPTY, Frame, concatenate
from gemel.core.time import Clock
from gemel.parts.operators.base import Step
from gemel.parts.operators.deadband import Deadband
from gemel.twin.mirror.features import Shaper

__all__ = ["Shapers", "Thinner"]

log = logging.getLogger("gemel.pipeline")

_LONGEST: Final = "10 min"
"""While samples come, one of them is stored so often, that history shows that they did."""


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
        self._aside: list[Shaper] = []

    def put(self, shapers: Sequence[Shaper]) -> None:
        """These from now on. One that was set aside stays so; another of its name is a new one."""
        self._aside = [shaper for shaper in shapers if shaper in self._aside]
        self._all = tuple(shaper for shaper in shapers if shaper not in self._aside)
        names = {shaper.name for shaper in self._aside}
        self.failed = {name: why for name, why in self.failed.items() if name in names}

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
            self._aside.append(shaper)
            self.failed[shaper.name] = f"{type(error).__name__}: {error}"
            now = self._clock()
            payload = {"error": self.failed[shaper.name]}
            self._emit([Event("part_failed", shaper.name, now, "runtime", now, payload=payload)])
            return EMPTY


class Thinner:
    """Leaves out of history what has moved less than the `deadband` of its signal. The mirror and
    all who look at samples as they pass see every one."""

    def __init__(self) -> None:
        self.left_out = 0
        """Samples so far."""
        self._step: Step | None = None

    def set(self, widths: Mapping[int, float]) -> None:
        """Deadbands from now on, by number of the signal; the last stored samples are known on."""
        state = None if self._step is None else self._step.state()
        settings = Deadband.read({"widths": widths, "max_gap": _LONGEST}) if widths else None
        self._step = None if settings is None else settings.start(state)

    def __call__(self, frame: Frame) -> Frame:
        """What is to be stored."""
        if self._step is None or not len(frame):
            return frame
        kept = self._step(frame)
        self.left_out += len(frame) - len(kept)
        return kept
