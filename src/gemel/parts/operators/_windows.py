"""What operators share that tell a few numbers of each window of a fast signal."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from gemel.core.errors import DataError, did_you_mean
from gemel.core.frame import EMPTY, Frame, Times, Values
from gemel.core.quality import BAD, CLOCK_SUSPECT, GOOD, UNCERTAIN, is_good
from gemel.core.signal.even import evened
from gemel.core.time import SECOND, duration_text
from gemel.parts.operators.base import Feature

__all__ = ["Piece", "Sampled", "Told", "Windowed", "squared"]

_NEVER: Final = -(2**62)
"""Before any source time, with room for waiting below."""

Places = npt.NDArray[np.int64]
"""Rows of a Frame."""
_NONE: Final[Places] = np.zeros(0, np.int64)

Told = tuple[Values, bool]
"""What is told of a window, and whether all of it is sure."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A window, with the good samples that lie in it.

    begin, end   ns; the end belongs to the next window
    time, value  int64[n], float64[n]
    slow_time, slow  of the slower signal, if there is one: from before the window until after it
    """

    begin: int
    end: int
    time: Times
    value: Values
    slow_time: Times
    slow: Values


class Windowed(Feature):
    """Windows begin at multiples of their length. Each is given, with the time of its end, when a
    sample behind it shows that nothing more belongs to it."""

    keep: bool = Field(False, description="Whether the samples themselves pass as well")

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = self.names()
        for signal, wanted in self.outputs.items():
            if not wanted:
                raise ValueError(f"outputs: signal {signal} has none; {did_you_mean('', names)}")
            for name in wanted:
                if name not in names:
                    hint = did_you_mean(name, names)
                    raise ValueError(f"outputs: signal {signal} has no '{name}'; {hint}")
        return self

    @abstractmethod
    def told(self, piece: Piece, names: tuple[str, ...]) -> Told:
        """Of a window with at least one good sample; not finite where something is not known.
        Raises `DataError` where nothing can be told."""

    def slower(self) -> tuple[int, int] | None:
        """A slower signal that is looked at as well, by number, and how long, ns, a window waits
        for it at most."""
        return None

    @property
    def reach(self) -> int:
        """See `Feature.reach`."""
        slower = self.slower()
        return 2 * (self.window + (slower[1] if slower is not None else 0))

    def start(self, state: dict[str, Any] | None = None) -> _Step:
        return _Step(self, state)


class Sampled(Windowed):
    """Windows of signals that are sampled evenly."""

    rate: float = Field(gt=0, description="Samples per second")

    @field_validator("rate")
    @classmethod
    def _possible(cls, value: float) -> float:
        if value > 1e7:
            raise ValueError(f"rate is {value:g}, must be at most 1e7: times are whole nanoseconds")
        return value

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.samples < 64:
            raise ValueError(
                f"a window of {duration_text(self.window)} holds {self.samples:g} samples at "
                f"{self.rate:g} Hz, must hold at least 64"
            )
        return self

    @property
    def samples(self) -> float:
        """Samples in a window."""
        return self.rate * self.window / SECOND

    def even(self, piece: Piece) -> tuple[Values, bool]:
        """The window as a waveform, and whether none of its samples is missing."""
        value, missing = evened(piece.time, piece.value, self.rate, self.window / SECOND)
        return value, missing == 0


@dataclass(slots=True)
class _Input:
    """The samples of a signal that may still be needed, in order; NaN where one was not good."""

    newest: int = _NEVER
    parts: list[tuple[Times, Values]] = field(default_factory=list)

    def timely(self, time: Times) -> npt.NDArray[np.bool_]:
        """Which are not older than one before them."""
        newest = np.maximum.accumulate(np.concatenate([[self.newest], time]))
        return np.asarray(time >= newest[:-1])

    def add(self, time: Times, value: Values, quality: npt.NDArray[np.int16]) -> None:
        if len(time):
            good = is_good(quality) & np.isfinite(value)
            self.parts.append((time, np.where(good, value, np.nan)))

    def all(self) -> tuple[Times, Values]:
        if len(self.parts) != 1:
            time = [part[0] for part in self.parts] or [np.zeros(0, np.int64)]
            value = [part[1] for part in self.parts] or [np.zeros(0)]
            self.parts = [(np.concatenate(time), np.concatenate(value))]
        return self.parts[0]

    def forget(self, before: int) -> None:
        time, value = self.all()
        first = int(np.searchsorted(time, before))
        self.parts = [(time[first:], value[first:])]

    def state(self) -> dict[str, Any]:
        time, value = self.all()
        told = [None if np.isnan(v) else v for v in value.tolist()]  # JSON has no NaN
        newest = None if self.newest == _NEVER else self.newest
        return {"newest": newest, "time": time.tolist(), "value": told}

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> _Input:
        newest = _NEVER if saved["newest"] is None else int(saved["newest"])
        time = np.array(saved["time"], np.int64)
        return cls(newest, [(time, np.array(saved["value"], np.float64))])


@dataclass(slots=True)
class _Open:
    """What is not over yet of a signal: `oldest` is the window in which its first sample lies."""

    fast: _Input = field(default_factory=_Input)
    slow: _Input = field(default_factory=_Input)
    oldest: int | None = None


class _Step:
    def __init__(self, settings: Windowed, state: dict[str, Any] | None) -> None:
        self._settings = settings
        slower = settings.slower()
        self._slower = None if slower is None else slower[0]
        self._wait = 0 if slower is None else slower[1]
        self._open = {signal: _Open() for signal in settings.outputs}
        self.late = self.suspect = 0
        if state is not None:
            if state["version"] != 2:
                raise DataError(f"state of windows has version {state['version']}, must be 2")
            self.late, self.suspect = int(state["late"]), int(state["suspect"])
            for saved in state["open"]:
                if saved["signal"] in self._open:
                    self._open[saved["signal"]] = _Open(
                        _Input.load(saved["fast"]), _Input.load(saved["slow"]), saved["oldest"]
                    )

    def __call__(self, frame: Frame) -> Frame:
        if len(frame) == 0:
            return frame
        watched = np.isin(frame.signal, list(self._open))
        kept = np.flatnonzero(~watched | self._settings.keep)
        place: list[int] = []
        signal: list[int] = []
        time: list[int] = []
        value: list[float] = []
        quality: list[int] = []
        rows = _by_signal(frame)
        slow = rows.get(self._slower, _NONE)
        for number, outputs in self._settings.outputs.items():
            fast = rows.get(number, _NONE)
            if not len(fast) and not len(slow):
                continue
            for at, end, told, good in self._closed(number, frame, fast, slow):
                place += [at] * len(outputs)
                signal += outputs.values()
                time += [end] * len(outputs)
                value += told.tolist()
                quality += good.tolist()
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
        return EMPTY  # of a window that is not over nothing is told

    def state(self) -> dict[str, Any]:
        told = [
            {"signal": signal, "fast": o.fast.state(), "slow": o.slow.state(), "oldest": o.oldest}
            for signal, o in self._open.items()
        ]
        return {"version": 2, "late": self.late, "suspect": self.suspect, "open": told}

    def _closed(
        self, signal: int, frame: Frame, fast: Places, slow: Places
    ) -> Iterator[tuple[int, int, Values, npt.NDArray[np.int16]]]:
        """Which row closed each window of a signal, its end, what is told and its quality."""
        open_, window = self._open[signal], self._settings.window
        fast = self._taken(frame, open_.fast, fast)
        slow = self._taken(frame, open_.slow, slow)
        if len(fast) and open_.oldest is None:
            open_.oldest = int(frame.time[fast[0]]) // window
        rows, reached, slow_reached = self._reached(frame, open_, fast, slow)
        open_.fast.newest = _last(frame, fast, open_.fast.newest)
        open_.slow.newest = _last(frame, slow, open_.slow.newest)
        if open_.oldest is not None and len(rows) and int(reached[-1]) // window > open_.oldest:
            time, value = open_.fast.all()
            slow_time, slow_value = open_.slow.all()
            before = len(slow_time) - len(slow)
            number, begins = np.unique(time // window, return_index=True)
            closing = np.searchsorted(reached, (number + 1) * window)
            for u, begin, end, i in zip(
                number.tolist(), begins, [*begins[1:], len(time)], closing.tolist(), strict=True
            ):
                if i == len(rows):
                    open_.oldest = u
                    break
                # Only what had come, and was not too old then: otherwise the cut would matter.
                had = before + int(np.searchsorted(slow, rows[i], side="right"))
                first = int(np.searchsorted(slow_time, slow_reached[i] - self._settings.reach))
                piece = Piece(
                    u * window, (u + 1) * window, time[begin:end], value[begin:end],
                    slow_time[first:had], slow_value[first:had],
                )  # fmt: skip
                yield int(rows[i]), piece.end, *self._told(signal, piece)
            else:
                open_.oldest = None
            open_.fast.forget((int(reached[-1]) // window) * window)
        if len(slow):
            open_.slow.forget(open_.slow.newest - self._settings.reach)

    def _taken(self, frame: Frame, into: _Input, rows: Places) -> Places:
        """Those rows of a signal that are neither suspect nor late; their samples are kept."""
        # One sample from a clock far ahead would make all that follow late.
        suspect = frame.quality[rows] == CLOCK_SUSPECT
        self.suspect += int(suspect.sum())
        rows = rows[~suspect]
        timely = into.timely(frame.time[rows])
        self.late += int((~timely).sum())
        rows = rows[timely]
        into.add(frame.time[rows], frame.value[rows], frame.quality[rows])
        return rows

    def _reached(
        self, frame: Frame, open_: _Open, fast: Any, slow: Any
    ) -> tuple[npt.NDArray[np.int64], Times, Times]:
        """At each row of the two signals: until when nothing more is to come, and the newest time
        of the slower one."""
        rows = np.sort(np.concatenate([fast, slow])).astype(np.int64)
        of_slow = np.isin(rows, slow)
        time = frame.time[rows]
        first = np.where(of_slow, _NEVER, time)
        first = np.maximum(np.maximum.accumulate(first), open_.fast.newest)
        second = np.where(of_slow, time, _NEVER)
        second = np.maximum(np.maximum.accumulate(second), open_.slow.newest)
        if self._slower is None:
            return rows, first, second
        return rows, np.maximum(np.minimum(first, second), first - self._wait), second

    def _told(self, signal: int, piece: Piece) -> tuple[Values, npt.NDArray[np.int16]]:
        names = tuple(self._settings.outputs[signal])
        good = np.isfinite(piece.value)
        slow_good = np.isfinite(piece.slow)
        beside = (piece.slow_time >= piece.begin) & (piece.slow_time < piece.end)
        whole = Piece(
            piece.begin, piece.end, piece.time[good], piece.value[good],
            piece.slow_time[slow_good], piece.slow[slow_good],
        )  # fmt: skip
        try:
            if not good.any():
                raise DataError("no good sample")
            value, sure = self._settings.told(whole, names)
        except DataError:
            value, sure = np.full(len(names), np.nan), False
        sure = sure and bool(good.all()) and bool(slow_good[beside].all())
        fine = GOOD if sure else UNCERTAIN
        return value, np.where(np.isfinite(value), fine, BAD).astype(np.int16)


def squared(unit: str) -> str:
    """The unit of the square of something."""
    return f"({unit})²" if unit else ""


def _by_signal(frame: Frame) -> dict[int | None, Places]:
    """Rows of each signal, in their order."""
    order = np.argsort(frame.signal, kind="stable")
    signals, first = np.unique(frame.signal[order], return_index=True)
    return dict(zip(signals.tolist(), np.split(order, first[1:]), strict=True))


def _last(frame: Frame, rows: npt.NDArray[np.int64], newest: int) -> int:
    return int(frame.time[rows[-1]]) if len(rows) else newest
