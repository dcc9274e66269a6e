"""The pace of one machine: its speed against its setpoint, on aligned rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from gemel.core.catalogue import Catalogue
from gemel.core.expression import Column
from gemel.core.frame import Frame
from gemel.core.quality import BAD
from gemel.parts.operators.resample import Aligner
from gemel.twin.operations.machine import Machine
from gemel.twin.operations.settings import SlowSettings
from gemel.twin.operations.slow import Slow, SlowWatch
from gemel.twin.operations.times import TimeClass

__all__ = ["Pace"]

_NEEDED: Final = ("state", "run", "speed", "starved", "blocked", "reason", "setpoint")


class Pace:
    """Aligns the samples of a machine and watches whether it is slow. Used by one thread."""

    def __init__(
        self, machine: Machine, catalogue: Catalogue, settings: SlowSettings, ideal: float | None
    ) -> None:
        """`ideal` is the reference where there is no setpoint, in the unit of the speed."""
        self._machine = machine
        self._ideal = ideal
        self._names = [name for name in _NEEDED if name in machine.inputs]
        paths = dict.fromkeys([machine.inputs[name] for name in self._names] + [*machine.others])
        self._place = {path: i for i, path in enumerate(paths)}
        self._others = [self._place[path] for path in machine.others]
        self.numbers = tuple(catalogue.number(path) for path in paths)
        self._aligner = Aligner(self.numbers, tuple(paths), settings.step, lateness=settings.step)
        self.watch = SlowWatch(
            machine.others,
            below=settings.below,
            lasting=max(settings.lasting // settings.step, 1),
            rows=settings.look_back // settings.step,
            rate=machine.rate,
        )

    @classmethod
    def of(cls, machine: Machine, catalogue: Catalogue, settings: SlowSettings) -> Pace | None:
        """None for a machine without a speed, or without anything to hold it against."""
        if "speed" not in machine.inputs:
            return None
        ideal = None
        if machine.rate is not None and machine.ideal_rate is not None:
            ideal = machine.ideal_rate / machine.rate
        if "setpoint" not in machine.inputs and ideal is None:
            return None
        return cls(machine, catalogue, settings, ideal)

    def push(self, frame: Frame) -> list[Slow]:
        """What began or ended with these samples."""
        window = self._aligner.push(frame)
        if not len(window):
            return []
        values = window.value
        columns = {}
        for name in self._names:
            value = values[:, self._place[self._machine.inputs[name]]]
            columns[name] = Column(value, np.where(np.isnan(value), BAD, 0).astype(np.int16))
        speed = columns["speed"].value
        reference = np.full(len(window), np.nan if self._ideal is None else self._ideal)
        if "setpoint" in columns:
            reference = columns["setpoint"].value
        running = self._machine.classify(columns) == TimeClass.PRODUCTION
        found = self.watch.push(window.time, speed, reference, running, values[:, self._others])
        return [] if found is None else [found]
