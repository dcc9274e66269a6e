"""The pace of one machine: its speed against its setpoint, on aligned rows.

Rows take part when the machine and those before and after it have all been producing for a while:
next to one that stands, or has just started, a machine is slowed down by the control of the line.
The reference is its setpoint, but never more than the lowest setpoint of the line in pieces: the
machines around the one that sets the pace can run faster, and do so only to catch up. They are
trimmed by the buffers between them all the time, and must be slow for ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

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
_MARGIN: Final = 1.02
"""A setpoint above this many times the lowest one of the line follows the pace of others."""
_PATIENCE: Final = 10


class Pace:
    """Aligns the samples of a machine and watches whether it is slow. Used by one thread."""

    def __init__(
        self,
        machine: Machine,
        neighbours: Sequence[Machine],
        line: Sequence[Machine],
        catalogue: Catalogue,
        settings: SlowSettings,
    ) -> None:
        """`neighbours` are the machines before and after it, `line` all that material connects."""
        self._machine = machine
        self._near = (machine, *neighbours)
        self._line = [one for one in line if _comparable(one, machine)]
        self._settle = settings.settle // settings.step
        self._running = 0
        """Rows since one of the line stood."""
        needed = [one.inputs[n] for one in self._near for n in _NEEDED if n in one.inputs]
        needed += [one.inputs["setpoint"] for one in self._line if "setpoint" in one.inputs]
        paths = dict.fromkeys([*needed, *machine.others])
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
    def of(
        cls,
        machine: Machine,
        neighbours: Sequence[Machine],
        line: Sequence[Machine],
        catalogue: Catalogue,
        settings: SlowSettings,
    ) -> Pace | None:
        """None for a machine without a speed, or without anything to hold it against."""
        if "speed" not in machine.inputs:
            return None
        if "setpoint" not in machine.inputs and (machine.rate is None or not machine.ideal_rate):
            return None
        return cls(machine, neighbours, line, catalogue, settings)

    def push(self, frame: Frame) -> Slow | None:
        """What began or ended with these samples."""
        window = self._aligner.push(frame)
        if not len(window):
            return None
        values = window.value
        speed = values[:, self._place[self._machine.inputs["speed"]]]
        own = self._setpoint(self._machine, values)
        reference = own
        for one in self._line:
            other = self._setpoint(one, values) * one.rate / self._machine.rate
            reference = np.where(other > 0, np.fmin(reference, other), reference)
        follows = bool(own[-1] > _MARGIN * reference[-1])
        running = self._settled(values)
        return self.watch.push(
            window.time, speed, reference, running, values[:, self._others],
            patience=_PATIENCE if follows else 1,
        )  # fmt: skip

    def _setpoint(self, machine: Machine, values: npt.NDArray[np.float64]) -> Any:
        """What is asked of a machine, in the unit of its speed; NaN where nobody says."""
        if "setpoint" in machine.inputs:
            return values[:, self._place[machine.inputs["setpoint"]]]
        if machine.rate is None or machine.ideal_rate is None:
            return np.full(len(values), np.nan)
        return np.full(len(values), machine.ideal_rate / machine.rate)

    def _settled(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Rows at which all of the line have been producing for `settle`."""
        producing = np.ones(len(values), np.bool_)
        for one in self._near:
            producing &= one.classify(self._columns(one, values)) == TimeClass.PRODUCTION
        row = np.arange(1, len(values) + 1)
        stood = np.maximum.accumulate(np.where(producing, -self._running, row))
        since = row - stood
        self._running = int(since[-1])
        settled: npt.NDArray[np.bool_] = producing & (since > self._settle)
        return settled

    def _columns(self, machine: Machine, values: npt.NDArray[np.float64]) -> dict[str, Any]:
        columns = {}
        for name in _NEEDED:
            if name in machine.inputs:
                value = values[:, self._place[machine.inputs[name]]]
                columns[name] = Column(value, np.where(np.isnan(value), BAD, 0).astype(np.int16))
        return columns


def _comparable(one: Machine, other: Machine) -> bool:
    """Whether two machines count the same pieces: by their unit, or because the settings say how
    many pieces are one count."""
    if one.rate is None or other.rate is None:
        return False
    return one.unit == other.unit or (one.pieces, other.pieces) != (1.0, 1.0)
