"""What was learned from earlier and not made since: rows of rare products stay with a detector.

A detector that is fitted on the last days would forget a product that was not made in them, and
call it abnormal when it comes again. So a model remembers where in history it learned each product
(or recipe, or speed: each regime), some stretches of each; a later fit reads these again, where the
window has too few rows of a regime. What has been called abnormal since is left out.

Kept stretches are laid between the rows of the window, evenly: detectors hold out blocks of rows in
order to set limits, and a block of nothing but an old product would be held against a model that
never saw it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.frame import Times
from gemel.core.plant import PlantSignal
from gemel.parts.detectors.base import Window
from gemel.parts.historians.base import Store
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.windows import Normal, recorded

__all__ = ["Kept", "Regimes", "mixed", "regime_path"]

_STRETCHES: Final = 8
"""In so many places at least the rows of a regime are kept, where it was made for so long."""
_FEWEST: Final = 7
_PARTS: Final = 20
_TOGETHER: Final = 100
"""Kept rows of a regime are laid between those of the window in so many parts, of so many rows
where there are enough. Few parts would make signals wander, as far as detectors can see (their mean
would differ between tenths of the rows); in short ones averages of rows do not settle."""
_PAUSE: Final = 10
"""Steps between what did not follow each other: detectors begin anew after a pause."""
_MOST: Final = 200
"""Regimes that a model remembers; a signal with more tells lots, not products."""


def regime_path(settings: WatchSettings, signals: Sequence[PlantSignal]) -> str:
    """Path of the signal that says what is made: the one that the settings name, or else that of
    the asset with the role product; empty if there is none. Raises `ConfigurationError`."""
    named = settings.renewal.regimes
    if not named:
        own = [s.path for s in signals if s.asset == settings.asset and s.signal.role == "product"]
        return own[0] if len(own) == 1 else ""
    known = {s.path for s in signals}
    path = next((p for p in (f"{settings.asset}/{named}", named) if p in known), None)
    if path is None:
        own = [p.removeprefix(f"{settings.asset}/") for p in known]
        raise ConfigurationError(f"regimes: no signal '{named}'; {did_you_mean(named, own)}")
    return path


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows of regimes from before the window, by regime, in stretches that follow each other."""

    stretches: Mapping[str, tuple[Window, ...]]

    @property
    def rows(self) -> dict[str, int]:
        """How many of each."""
        return {name: sum(map(len, some)) for name, some in self.stretches.items()}

    def in_turn(self) -> list[Window]:
        """The rows of each regime in parts as even as can be: the first of each, the second of
        each …"""
        cut = []
        for some in self.stretches.values():
            rows = _joined(some)
            parts = min(max(len(rows) // _TOGETHER, _FEWEST), _PARTS)
            places = np.array_split(np.arange(len(rows)), min(parts, len(rows)))
            cut.append([rows.rows(place) for place in places])
        most = max(map(len, cut), default=0)
        return [parts[i] for i in range(most) for parts in cut if i < len(parts)]


@dataclass(frozen=True, slots=True)
class Regimes:
    """The regimes of one detector.

    signal  what says which one it is: alone, on the grid of the detector
    most    rows that are kept of each
    seed    of which stretches are kept
    """

    signal: Normal
    most: int
    seed: int

    @classmethod
    def of(
        cls, settings: WatchSettings, signals: Sequence[PlantSignal], numbers: Mapping[str, int]
    ) -> Regimes | None:
        """None where nothing says which regime it is, or none are to be kept."""
        path, renewal = regime_path(settings, signals), settings.renewal
        if not path or not renewal.keep_rows:
            return None
        signal = Normal((numbers[path],), (path,), settings.step, settings.lateness)
        return cls(signal, renewal.keep_rows, renewal.seed)

    def words(self, store: Store, time: Times) -> npt.NDArray[np.object_]:
        """The regime of each row; '' where it is not known."""
        found = np.full(len(time), "", np.object_)
        if not len(time):
            return found
        told = recorded(self.signal, store, int(time[0]), int(time[-1]) + 1)
        if not len(told):
            return found
        place = np.searchsorted(told.time, time, side="right") - 1
        value = np.where(place >= 0, told.value[np.maximum(place, 0), 0], np.nan)
        for one in np.unique(value[np.isfinite(value)]).tolist():
            shown = store.catalogue.show(self.signal.numbers[0], one)
            found[value == one] = f"{shown:g}" if isinstance(shown, float) else str(shown or "")
        return found

    def remembered(
        self, store: Store, rows: Window, kept: Kept, step: int
    ) -> dict[str, dict[str, Any]]:
        """What a model keeps of each regime: rows that it was fitted on, how many of them were
        from before its window, and stretches of them, bounded and spread over time. JSON-able."""
        every = [(rows.time, self.words(store, rows.time))]
        for name, some in kept.stretches.items():
            every += [(w.time, np.full(len(w), name, np.object_)) for w in some]
        time = np.concatenate([one for one, _ in every])
        word = np.concatenate([two for _, two in every])
        order = np.argsort(time, kind="stable")
        time, word = time[order], word[order]
        before, found = kept.rows, {}
        names, count = np.unique(word[word != ""].astype(str), return_counts=True)
        for i in np.argsort(-count, kind="stable")[:_MOST].tolist():
            name = str(names[i])
            found[name] = {
                "rows": int(count[i]), "from before": before.get(name, 0),
                "spans": self._spans(name, time[word == name], step),
            }  # fmt: skip
        return found

    def recall(
        self, store: Store, known: Mapping[str, Mapping[str, Any]], learned: Window,
        read: Callable[[int, int], Window], start: int,
    ) -> Kept:  # fmt: skip
        """Rows of the regimes that a champion has `known`, of which the window since `start` has
        too few. `read` gives rows that may be learned from."""
        word = self.words(store, learned.time)
        found: dict[str, tuple[Window, ...]] = {}
        for name, about in known.items():
            wanted, some = self.most - int((word == name).sum()), []
            for first, last in about["spans"]:
                if wanted <= 0 or last >= start:
                    continue
                stretch = read(int(first), int(last) + 1)
                stretch = stretch.rows(self.words(store, stretch.time) == name)
                stretch = stretch.rows(slice(0, wanted))
                if len(stretch):
                    some.append(stretch)
                    wanted -= len(stretch)
            if some:
                found[name] = tuple(some)
        return Kept(found)

    def _spans(self, name: str, time: Times, step: int) -> list[list[int]]:
        """Stretches of at most so many rows together: one from each part of the time."""
        length = max(self.most // _STRETCHES, 1)
        ends = np.flatnonzero(np.diff(time) > step) + 1
        pieces = [
            run[i : i + length]
            for run in np.split(time, ends)
            for i in range(0, len(run), length)
        ]  # fmt: skip
        # A stretch of few rows says little of how rows follow each other.
        long = [piece for piece in pieces if len(piece) >= length / 2] or pieces
        own = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")
        random = np.random.default_rng([self.seed, own])
        usual = int(np.median([len(piece) for piece in long]))
        parts = min(max(self.most // usual, 1), len(long))
        chosen = [
            long[int(random.choice(part))] for part in np.array_split(np.arange(len(long)), parts)
        ]
        return [[int(piece[0]), int(piece[-1])] for piece in chosen]


def mixed(window: Window, kept: Kept) -> Window:
    """The rows of the window with the kept ones laid between them, evenly. Times are those of a
    grid that goes on, with a pause between what did not follow each other."""
    stretches = kept.in_turn()
    if not stretches:
        return window
    step = int(np.median(np.diff(window.time))) if len(window) > 1 else 1
    edges = [round((i + 0.5) * len(window) / len(stretches)) for i in range(len(stretches))]
    pieces = []
    for first, last, stretch in zip([0, *edges], edges, stretches, strict=False):
        pieces += [window.rows(slice(first, last)), stretch]
    pieces = [piece for piece in [*pieces, window.rows(slice(edges[-1], None))] if len(piece)]
    every = _joined(pieces)
    ends = np.cumsum([len(piece) for piece in pieces])[:-1]
    apart = np.diff(every.time, prepend=every.time[0])
    apart[ends] = _PAUSE * step
    # Where a piece has a hole itself, it keeps a pause; how long that was does not matter.
    apart = np.clip(apart, 0, _PAUSE * step)
    return Window(window.time[0] + np.cumsum(apart), every.value, window.names)


def _joined(windows: Sequence[Window]) -> Window:
    return Window(
        np.concatenate([window.time for window in windows]),
        np.concatenate([window.value for window in windows]), windows[0].names,
    )  # fmt: skip
