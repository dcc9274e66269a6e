"""Slow: a machine runs below its setpoint and nobody stops it. Since when, how much, and why.

`find_slow` is a pure function over aligned rows; `SlowWatch` keeps such rows of the last hour and
asks it. A row takes part if the machine produces: who is starved or blocked is not slow. Nor is one
that always runs below its setpoint, as machines do that only follow the pace of their line: slow is
who became slower than it was.

The beginning is the change point of the ratio of speed to its reference: the cut that leaves the
least squares around two means (D. V. Hinkley, Biometrika 57 (1970) 1-17). The signals that explain
it are those whose median moved most against the same length of time before, or 300 rows where that
is more, in units of their spread then (1.4826 times the median absolute deviation, which a few
outliers do not change).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.event import Event, Payload
from gemel.core.time import HOUR

__all__ = ["Shift", "Slow", "SlowEvent", "SlowWatch", "event_of", "find_slow"]

Values = npt.NDArray[np.float64]
_SHOWN: Final = 5
_LEAST_Z: Final = 3.0
_FEWEST: Final = 5
_BASELINE: Final = 300
_NORMAL: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Shift:
    """A signal that moved with it: medians before and after, and how many spreads that is."""

    signal: str
    before: float
    after: float
    z: float


@dataclass(frozen=True, slots=True)
class Slow:
    """A machine is slow since `since` (ns UTC).

    speed, reference   means since then, in the signal's unit
    share              by which the speed is below its reference
    lost               pieces lost so far; None where the speed is not a rate
    why                signals that moved most, the strongest first
    end                when it ended, None while it lasts
    """

    since: int
    speed: float
    reference: float
    share: float
    lost: float | None
    why: tuple[Shift, ...] = ()
    end: int | None = None


class SlowEvent(Payload):
    """Kind ``slow``; the subject is the asset."""

    speed: float
    reference: float
    share: float
    lost: float | None
    why: tuple[dict[str, Any], ...]
    sentence: str


def find_slow(
    time: npt.NDArray[np.int64],
    speed: Values,
    reference: Values,
    running: npt.NDArray[np.bool_],
    others: Values,
    names: Sequence[str],
    *,
    below: float,
    lasting: int,
    rate: float | None = None,
) -> Slow | None:
    """Whether it has become slow and is so at the last row, and since when.

    time        int64[n]    ns, on a grid
    speed       float64[n]  NaN where unknown, as is `reference`
    running     bool[n]     it produces
    others      float64[n, k] further signals of the machine, with their `names`
    below       share by which the mean speed must be below the reference, and have gone down, …
    lasting     … over this many rows that take part
    rate        pieces per hour of one unit of speed
    """
    takes_part = np.flatnonzero(running & (speed == speed) & (reference > 0))
    if len(takes_part) < lasting or not lasting:
        return None
    ratio = speed[takes_part] / reference[takes_part]
    if float(ratio[-lasting:].mean()) >= 1 - below:
        return None
    cut = _best_cut(ratio)
    if cut < max(lasting, _FEWEST):
        return None
    # Medians, because a while of catching up is not its usual pace.
    if float(np.median(ratio[:cut]) - np.median(ratio[cut:])) < below:
        return None
    since = takes_part[cut]
    rows = takes_part[takes_part >= since]
    step = int(time[1] - time[0]) if len(time) > 1 else 0
    missing = float((reference[rows] - speed[rows]).sum())
    return Slow(
        since=int(time[since]),
        speed=float(speed[rows].mean()),
        reference=float(reference[rows].mean()),
        share=float(1 - (speed[rows] / reference[rows]).mean()),
        lost=None if rate is None else missing * rate * step / HOUR,
        why=_why(takes_part, since, others, names),
    )


def _best_cut(ratio: Values) -> int:
    """The row that cuts the rows into two means with the least squares around them; 0 if there is
    nothing to cut."""
    n = len(ratio)
    if n < 2:
        return 0
    total = np.concatenate([[0.0], np.cumsum(ratio)])
    cut = np.arange(1, n)
    before, after = total[cut] / cut, (total[n] - total[cut]) / (n - cut)
    # Least squares around two means is most weight on the squared difference of the means.
    return int(cut[np.argmax(cut * (n - cut) * (before - after) ** 2)])


def _why(
    takes_part: npt.NDArray[np.int64], since: int, others: Values, names: Sequence[str]
) -> tuple[Shift, ...]:
    after = takes_part[takes_part >= since]
    # A slow onset spoils what is just before it, and must not be most of what is compared with.
    before = takes_part[takes_part < since][-max(len(after), _BASELINE) :]
    if len(before) < _FEWEST or len(after) < _FEWEST or not len(names):
        return ()
    found = []
    for column, name in enumerate(names):
        old, new = others[before, column], others[after, column]
        old, new = old[old == old], new[new == new]
        if (np.diff(np.concatenate([old, new])) >= 0).all():
            continue  # a counter, which only rises, moves whatever happens
        if len(old) < _FEWEST or len(new) < _FEWEST:
            continue
        middle, now = float(np.median(old)), float(np.median(new))
        spread = _NORMAL * float(np.median(np.abs(old - middle)))
        # A signal that never moved has no spread: a thousandth of its value must do.
        spread = max(spread, 1e-3 * abs(middle), 1e-9)
        z = (now - middle) / spread
        if abs(z) >= _LEAST_Z:
            found.append(Shift(name, middle, now, z))
    return tuple(sorted(found, key=lambda s: -abs(s.z))[:_SHOWN])


class SlowWatch:
    """Rows of the last `look_back`, and what was found in them. Used by one thread.

    What was lost before the rows that are kept is remembered, so that a slow day counts in full.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        below: float,
        lasting: int,
        rows: int,
        rate: float | None,
    ) -> None:
        """`lasting` and `rows` (kept) in rows; `names` of the signals that may explain it."""
        self.names = tuple(names)
        self.now: Slow | None = None
        self._below, self._lasting, self._rate = below, lasting, rate
        self._rows = max(rows, 4 * lasting)
        self._time = np.zeros(0, np.int64)
        self._value = np.zeros((0, 3 + len(names)))

    def push(
        self,
        time: npt.NDArray[np.int64],
        speed: Values,
        reference: Values,
        running: npt.NDArray[np.bool_],
        others: Values,
        *,
        patience: int = 1,
    ) -> Slow | None:
        """Rows that follow the last ones; what began or ended with them. `patience` is how many
        times as long as usual it must be slow to begin."""
        if not len(time):
            return None
        rows = np.column_stack([speed, reference, running.astype(np.float64), others])
        began = self.now
        if self.now is not None:
            self.now = self._grown(self.now, time, speed, reference, running)
        self._time = np.concatenate([self._time, time])[-self._rows :]
        self._value = np.concatenate([self._value, rows])[-self._rows :]
        if began is None:
            self.now = self._find(patience * self._lasting)
            return self.now
        if not self._recovers():
            return None
        ended = replace(began if self.now is None else self.now, end=self._recovered(began))
        self.now = None
        return ended

    def _find(self, lasting: int) -> Slow | None:
        value = self._value
        return find_slow(
            self._time, value[:, 0], value[:, 1], value[:, 2] > 0, value[:, 3:], self.names,
            below=self._below, lasting=lasting, rate=self._rate,
        )  # fmt: skip

    def _recovers(self) -> bool:
        """Once slow, it must come half of the way back."""
        value = self._value
        part = value[(value[:, 2] > 0) & (value[:, 1] > 0) & (value[:, 0] == value[:, 0])]
        ratio = part[-self._lasting :, 0] / part[-self._lasting :, 1]
        return len(ratio) == self._lasting and float(ratio.mean()) >= 1 - self._below / 2

    def _grown(self, slow: Slow, time: Any, speed: Values, reference: Values, running: Any) -> Slow:
        rows = np.flatnonzero(running & (speed == speed) & (reference > 0))
        if slow.lost is None or self._rate is None or not len(rows):
            return slow
        step = int(time[0] - self._time[-1]) if len(self._time) else 0
        step = int(time[1] - time[0]) if len(time) > 1 else step
        missing = float((reference[rows] - speed[rows]).sum())
        return replace(slow, lost=slow.lost + missing * self._rate * step / HOUR)

    def _recovered(self, slow: Slow) -> int:
        """The first row from which on it was well again."""
        value = self._value
        known = (value[:, 0] == value[:, 0]) & (value[:, 1] > 0)
        part = np.flatnonzero(known & (value[:, 2] > 0) & (self._time >= slow.since))
        cut = _best_cut(value[part, 0] / value[part, 1])
        return int(self._time[part[cut]])

    def state(self) -> dict[str, Any] | None:
        """What lasts, JSON-able; the rows come again."""
        return None if self.now is None else asdict(self.now)

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go on with what lasted."""
        if state is not None:
            why = tuple(Shift(**shift) for shift in state["why"])
            self.now = Slow(**{**state, "why": why})


def event_of(slow: Slow, asset: str, known: int) -> Event:
    """The Event; that of the end supersedes that of the beginning."""
    lost = "" if slow.lost is None else f", {slow.lost:,.0f} pieces lost"
    why = ", ".join(f"{s.signal} {s.before:.4g} → {s.after:.4g}" for s in slow.why[:3])
    sentence = f"{slow.share:.1%} below its setpoint{lost}" + (
        f"; moved with it: {why}" * bool(why)
    )
    payload = SlowEvent(
        speed=slow.speed, reference=slow.reference, share=slow.share, lost=slow.lost,
        why=tuple(asdict(s) for s in slow.why), sentence=sentence,
    ).model_dump()  # fmt: skip
    first = Event("slow", asset, slow.since, "operations", known, payload=payload, lasts=True)
    return first if slow.end is None else first.ended(slow.end)
