"""The shop floor while it is played: parts, stations, crews, and a list of what happens next.

An event is a function that is called at its time. After each, the stations at which something may
have become possible are looked at, again and again until nothing moves any more; no call goes
through the line, however long it is. How parts come, begin, are worked on and leave is told in
`arriving`, `starting`, `working` and `leaving`.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from gemel.core.errors import DataError
from gemel.core.line import Draws, Line, Snapshot
from gemel.core.line.luck import families
from gemel.parts.simulators.events.account import Account
from gemel.parts.simulators.events.arriving import Arriving
from gemel.parts.simulators.events.caps import Caps
from gemel.parts.simulators.events.crews import Crews
from gemel.parts.simulators.events.deciding import Decide, Eyes
from gemel.parts.simulators.events.journal import Journal
from gemel.parts.simulators.events.leaving import Leaving
from gemel.parts.simulators.events.luck import kinds
from gemel.parts.simulators.events.place import Item, Place
from gemel.parts.simulators.events.starting import Starting
from gemel.parts.simulators.events.underway import put
from gemel.parts.simulators.events.working import Working

__all__ = ["Floor"]

_IN_VAIN: Final = 10_000
"""Arrivals in a row after which no work has begun."""


class Floor:
    """One scenario in one replication."""

    def __init__(
        self, line: Line, draws: Draws, replication: int,
        factors: list[tuple[float, float, float, int]], caps: list[int],
        start: Snapshot | None = None, decide: Decide | None = None,
    ) -> None:  # fmt: skip
        self.line, self.draws, self.replication = line, draws, replication
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self.todo: deque[Place] = deque()
        self.family = families(line) or ("",)
        self.products = list(line.products.values())
        self.places = {
            name: Place(line, name, draws, replication, f)
            for name, f in zip(line.stations, factors, strict=True)
        }
        self.followers = {n: [self.places[f] for f in line.followers(n)] for n in self.places}
        self.caps = Caps(line, caps, self)
        for place in self.places.values():
            place.capped = self.caps.hold(place)
        self.arriving, self.starting = Arriving(self), Starting(self)
        self.working, self.leaving = Working(self), Leaving(self)
        self.decide, self.eyes = decide, Eyes(self)
        self.crews = Crews(line, self.at, self.todo.append, self.eyes.crew if decide else None)
        self.kind = kinds(line, draws, replication, start)
        self.routed = any(p.route for p in self.products)
        self.inside = self.exits = self.good = self.lost = self.all_arrived = self.made = 0
        self.came_in_vain = 0
        self.expected = 0
        """Parts whose arrival is on the list of what happens next."""
        self.area = self.lead = self.last = 0.0
        self.departures: list[float] = []
        self.journal: Journal | None = None
        self.account: Account | None = Account() if decide is not None else None
        self.measured_from = 0.0
        self.begins = [
            p for p in self.places.values()
            if p.station.arrivals is not None or (not p.feeders and not self.routed)
        ]  # fmt: skip
        for place in self.begins:
            place.saturated = place.station.arrivals is None
            if place.station.arrivals is not None:
                self.arriving.expect(place)
            self.todo.append(place)
        if start is not None:
            put(self, start)
        self.look()

    # What happens next

    def at(self, time: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call something at a time; what is asked first comes first at one time."""
        heapq.heappush(self._heap, (time, next(self._order), call, arguments))

    def step(self, until: float) -> bool:
        """Let the next thing happen, if it is before `until`. Raises `DataError` if nothing can."""
        if not self._heap:
            if self.inside or any(p.station.arrivals is None for p in self.begins):
                self._stands_still()
            return False
        if self._heap[0][0] > until:
            self.now = until
            return False
        self.now, _, call, arguments = heapq.heappop(self._heap)
        call(*arguments)
        self.look()
        return True

    def came(self) -> None:
        """A part has arrived. Raises `DataError` where nothing but arrivals goes on, under caps
        that are taken."""
        self.came_in_vain += 1
        if self.came_in_vain > _IN_VAIN and len(self._heap) <= self.expected:
            if self.caps.told():
                self._stands_still()
            self.came_in_vain = 0

    def look_at(self, place: Place) -> None:
        """Something may have become possible there."""
        self.todo.append(place)

    def look(self) -> None:
        """Look at the stations until nothing moves any more."""
        while self.todo:
            place = self.todo.popleft()
            if place.blocked:
                self.leaving.admit(place)
            while self.starting.start(place):
                pass
            if place.granted and place.station.needs is not None:  # it cannot begin after all
                number, place.granted = place.granted, 0
                self.crews.give_back(self.now, place.station.needs.crew, number)

    def _stands_still(self) -> None:
        waits = [
            f"'{source.name}' waits for a place at '{place.name}'"
            for place in self.places.values()
            for source, _ in place.blocked
        ]
        said = "; ".join([*self.caps.told(), *waits][:6]) or "nothing has come"
        raise DataError(f"the line stands still after {self.now:.6g} s: {said}")

    # Measuring

    def count_in(self, item: Item) -> None:
        """A part has come into the line."""
        self._change(item.entries)
        if self.account is not None:
            self.account.came(item, self.now)

    def count_out(self, item: Item) -> None:
        """A part has left the line."""
        self._change(-item.entries)
        if self.account is not None:
            self.account.left(item, self.now)

    def _change(self, entries: int) -> None:
        self.area += self.inside * (self.now - self.last)
        self.last = self.now
        self.inside += entries

    def measure_from_now(self) -> None:
        """What came before is not measured."""
        self.measured_from = self.last = self.now
        self.area = self.lead = 0.0
        self.good = self.exits = self.lost = self.all_arrived = 0
        if self.account is not None:
            self.account.until(self.now)
            self.account.from_now()
        for place in self.places.values():
            work, down = place.ahead(self.now)
            place.sums = {**dict.fromkeys(place.sums, 0.0), "working": work, "down": down}
