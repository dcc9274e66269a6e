"""Statistics: one number for each window of a fast signal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from gemel.core.errors import DataError, did_you_mean
from gemel.core.frame import EMPTY, Frame, Values
from gemel.core.quality import BAD, GOOD, UNCERTAIN, is_good
from gemel.core.signal.statistics import STATISTICS, statistics
from gemel.core.time import Duration
from gemel.parts.operators.base import Operator

__all__ = ["Statistics"]


class Statistics(Operator):
    """Give statistics of the good samples in each window of a signal, as signals of their own.

    >>> frame = Frame.of([0] * 5, [0, 1, 2, 3, 4], [3.0, -3.0, 3.0, -3.0, 0.0])
    >>> out = Statistics(window=4, outputs={0: {"rms": 7, "kurtosis": 8}}).start()(frame)
    >>> out.signal.tolist(), out.time.tolist(), out.value.tolist()
    ([7, 8], [4, 4], [3.0, 1.0])

    Windows begin at multiples of their length and are given, with the time of their end, when a
    sample behind them shows that nothing more belongs to them. A window in which some samples are
    not good is uncertain; one without a good sample gives no number and is bad; one without samples
    gives nothing. Samples older than the newest one of their signal change nothing; `late` counts
    them. Signals that are not named pass.
    """

    window: Duration = Field(gt=0, description="Length of a window")
    outputs: dict[int, dict[str, int]] = Field(
        description="For each signal, by number, its statistics and the numbers of their signals"
    )
    keep: bool = Field(False, description="Whether the samples themselves pass as well")

    @field_validator("outputs")
    @classmethod
    def _known(cls, value: dict[int, dict[str, int]]) -> dict[int, dict[str, int]]:
        for signal, wanted in value.items():
            if not wanted:
                raise ValueError(f"signal {signal} has no statistic")
            for name in wanted:
                if name not in STATISTICS:
                    hint = did_you_mean(name, STATISTICS)
                    raise ValueError(f"signal {signal}: no statistic '{name}'; {hint}")
        return value

    def start(self, state: dict[str, Any] | None = None) -> _Step:
        return _Step(self, state)


@dataclass(slots=True)
class _Open:
    """The window of a signal that is still open."""

    number: int = 0
    newest: int | None = None
    bad: int = 0
    value: list[float] = field(default_factory=list)


class _Step:
    def __init__(self, settings: Statistics, state: dict[str, Any] | None) -> None:
        self._settings = settings
        self._open = {signal: _Open() for signal in settings.outputs}
        self.late = 0
        if state is not None:
            if state["version"] != 1:
                raise DataError(f"state of statistics has version {state['version']}, must be 1")
            self.late = int(state["late"])
            for signal, number, newest, bad, value in state["open"]:
                if signal in self._open:
                    self._open[signal] = _Open(number, newest, bad, list(value))

    def __call__(self, frame: Frame) -> Frame:
        if len(frame) == 0:
            return frame
        watched = np.isin(frame.signal, list(self._open))
        pass_on = np.ones(len(frame), np.bool_) if self._settings.keep else ~watched
        place, signal, time, value, quality = [], [], [], [], []
        for number in self._open:
            rows = np.flatnonzero(frame.signal == number)
            for at, end, found, good in self._closed(number, frame, rows) if len(rows) else ():
                for (_, output), x in zip(
                    self._settings.outputs[number].items(), found, strict=True
                ):
                    place.append(at)
                    signal.append(output)
                    time.append(end)
                    value.append(x)
                    quality.append(good)
        kept = np.flatnonzero(pass_on)
        # A result stands before the sample that closed its window, however the stream is cut.
        order = np.argsort(np.concatenate([np.array(place, np.float64) - 0.5, kept]), kind="stable")
        return Frame(
            np.concatenate([np.array(signal, np.int32), frame.signal[kept]])[order],
            np.concatenate([np.array(time, np.int64), frame.time[kept]])[order],
            np.concatenate([np.array(value, np.float64), frame.value[kept]])[order],
            np.concatenate([np.array(quality, np.int16), frame.quality[kept]])[order],
            frame.received, frame.source, frame.position,
        )  # fmt: skip

    def flush(self) -> Frame:
        return EMPTY  # a window that is not over has no statistics yet

    def state(self) -> dict[str, Any]:
        told = [
            [signal, o.number, o.newest, o.bad, o.value] for signal, o in self._open.items()
        ]  # only good numbers are kept, which JSON has
        return {"version": 1, "late": self.late, "open": told}

    def _closed(
        self, signal: int, frame: Frame, rows: npt.NDArray[np.int64]
    ) -> list[tuple[int, int, Values, int]]:
        """Where each window of a signal was closed, its end, its statistics and their quality."""
        window, state = self._settings.window, self._open[signal]
        time = frame.time[rows]
        before = np.iinfo(np.int64).min if state.newest is None else state.newest
        newest = np.maximum.accumulate(np.concatenate([[before], time]))
        timely = time >= newest[:-1]
        self.late += int((~timely).sum())
        rows, time = rows[timely], time[timely]
        if not len(time):
            return []
        state_begins = state.newest is None
        state.newest = int(time[-1])
        number = time // window
        found = []
        starts = np.flatnonzero(np.diff(number, prepend=number[:1] - 1))
        for begin, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            if not state_begins and int(number[begin]) != state.number:
                found.append(self._told(signal, state, int(rows[begin])))
                state.bad, state.value = 0, []
            state_begins = False
            state.number = int(number[begin])
            value = frame.value[rows[begin:end]]
            good = is_good(frame.quality[rows[begin:end]]) & np.isfinite(value)
            state.bad += int((~good).sum())
            state.value += value[good].tolist()
        return found

    def _told(self, signal: int, state: _Open, at: int) -> tuple[int, int, Values, int]:
        names = tuple(self._settings.outputs[signal])
        end = (state.number + 1) * self._settings.window
        if not state.value:
            return at, end, np.full(len(names), np.nan), BAD
        found = statistics(np.array(state.value), names)
        return at, end, found, UNCERTAIN if state.bad else GOOD
