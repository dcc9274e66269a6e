"""Those who look at samples as they pass, in the compute thread.

They are called in their order; one that names its signals is called for those alone, so that a
thousand rules cost what those cost that a sample concerns. One that fails is set aside and
reported, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import Clock

__all__ = ["Watcher", "Watchers"]

log = logging.getLogger("gemel.pipeline")

_FEW: Final = 1_000
"""A set of so many numbers is made as fast as an array is looked through."""


class Watcher(Protocol):
    """Something that looks at admitted samples, in the compute thread."""

    name: str

    @property
    def signals(self) -> frozenset[int] | None:
        """Numbers of the signals that it looks at: frames without them are not shown to it. All
        if None. Never changes."""
        ...

    def feed(self, frame: Frame) -> Iterable[Event]:
        """Look at samples, in order of arrival. Must not block."""
        ...

    def tick(self, now: int) -> Iterable[Event]:
        """Time has passed, with or without samples."""
        ...


class Watchers:
    """All of them, in order. Used by one thread at a time.

    emit   takes what they say
    """

    def __init__(self, emit: Callable[[Iterable[Event]], None], clock: Clock) -> None:
        self.failed: dict[str, str] = {}
        """Those that raised, with the error; they are not called again."""
        self._emit = emit
        self._clock = clock
        self._all: list[Watcher] = []
        self._always: list[int] = []
        self._concerned: dict[int, list[int]] = {}
        """Places of those that look at everything, and of those that look at a signal."""

    def __iter__(self) -> Iterator[Watcher]:
        return iter(tuple(self._all))

    def add(self, *watchers: Watcher) -> None:
        """These look as well, after the others."""
        self._put([*self._all, *watchers])

    def change(
        self, watchers: Sequence[Watcher], new: Sequence[Watcher], renewed: Iterable[str],
        shown: Frame,
    ) -> None:  # fmt: skip
        """These look from now on. `new` ones of them are `shown` first what the mirror shows. One
        that was set aside stays so, unless it is new or `renewed`."""
        again = {*renewed, *(watcher.name for watcher in new)}
        names = {watcher.name for watcher in watchers}
        self.failed = {n: why for n, why in self.failed.items() if n in names - again}
        self._put([watcher for watcher in watchers if watcher.name not in self.failed])
        for watcher in new:
            self._ask(watcher, watcher.feed, shown)

    def feed(self, frame: Frame) -> None:
        """Show samples to those whom they concern."""
        for watcher in self._of(frame):
            self._ask(watcher, watcher.feed, frame)

    def tick(self, now: int) -> None:
        """Tell all that time has passed."""
        for watcher in self:
            self._ask(watcher, watcher.tick, now)

    def _put(self, watchers: list[Watcher]) -> None:
        self._all, self._always, self._concerned = watchers, [], {}
        for place, watcher in enumerate(watchers):
            if watcher.signals is None:
                self._always.append(place)
            for number in watcher.signals or ():
                self._concerned.setdefault(number, []).append(place)

    def _of(self, frame: Frame) -> list[Watcher]:
        if not self._concerned or not len(frame):
            return [self._all[place] for place in self._always]
        few = len(frame) <= _FEW
        signal = frame.signal if few else np.flatnonzero(np.bincount(frame.signal))
        places = set(self._always)
        for number in set(signal.tolist()):
            places.update(self._concerned.get(number, ()))
        return [self._all[place] for place in sorted(places)]

    def _ask(self, watcher: Watcher, method: Callable[..., Iterable[Event]], value: object) -> None:
        try:
            self._emit(method(value))
        except Exception as error:
            log.exception("%s failed and is set aside", watcher.name)
            self._put([other for other in self._all if other is not watcher])
            self.failed[watcher.name] = f"{type(error).__name__}: {error}"
            now = self._clock()
            payload = {"error": self.failed[watcher.name]}
            self._emit([Event("part_failed", watcher.name, now, "runtime", now, payload=payload)])
