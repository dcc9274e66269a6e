"""Caps: how many parts each stretch of the line holds, and who waits to begin with one more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gemel.core.line import Line
from gemel.core.line.caps import stretch
from gemel.parts.simulators.events.place import Item, Place

if TYPE_CHECKING:
    from gemel.parts.simulators.events.floor import Floor

__all__ = ["Caps"]


class Caps:
    """A part is in a stretch from the beginning of work at a station of it until it goes to one
    that is not, or out of the line. Its `stretches` are the bits of those that it is in."""

    def __init__(self, line: Line, most: Sequence[int], floor: Floor) -> None:
        self._floor, self._names = floor, tuple(line.caps)
        self._most = [None if m < 0 else m for m in most]
        self._inside = [0] * len(self._most)
        held = [frozenset(stretch(line, name)) for name in line.caps]
        self._of = {
            name: tuple(c for c, stations in enumerate(held) if name in stations)
            for name in line.stations
        }
        # Where parts of a stretch may wait again; elsewhere nobody looks for them in a long queue.
        routed = any(p.route for p in line.products.values())
        self._again = [
            frozenset(
                name
                for name in stations
                if routed or stations & set(line.feeders(name))
                or any((r := line.stations[s].rework) and r.to == name for s in stations)
            )
            for stations in held
        ]  # fmt: skip
        self._waiting: dict[int, dict[Place, None]] = {c: {} for c in range(len(held))}

    def hold(self, place: Place) -> bool:
        """Whether a stretch with this station has a limit."""
        return any(self._most[c] is not None for c in self._of[place.name])

    def open(
        self, place: Place, waiting: list[Item], picked: Sequence[Item] = ()
    ) -> list[Item]:  # fmt: skip
        """Those of the parts with which the station may begin, together with `picked`."""
        full = 0
        for c in self._of[place.name]:
            most = self._most[c]
            new = sum(not item.stretches >> c & 1 for item in picked)
            if most is not None and self._inside[c] + new >= most:
                if place.name not in self._again[c]:
                    return []
                full |= 1 << c
        return [item for item in waiting if not full & ~item.stretches] if full else waiting

    def together(self, place: Place, waiting: list[Item], wanted: int) -> bool:
        """Whether it may begin with so many of the parts at once."""
        picked: list[Item] = []
        for item in self.open(place, waiting):
            picked += self.open(place, [item], picked)
            if len(picked) == wanted:
                return True
        return False

    def open_to_whole(self, place: Place, parts: Sequence[Item]) -> bool:
        """Whether an assembly may begin; of its parts one has to be in each stretch."""
        whole = Item(0, 0.0, 0.0, stretches=_all(parts))
        return bool(self.open(place, [whole]))

    def wait(self, place: Place) -> None:
        """The station is looked at again when a part has left a stretch that is full."""
        for c in self._of[place.name]:
            most = self._most[c]
            if most is not None and self._inside[c] >= most:
                self._waiting[c][place] = None

    def enter(self, place: Place, items: Iterable[Item]) -> None:
        """Work begins with the parts there."""
        for item in items:
            for c in self._of[place.name]:
                if not item.stretches >> c & 1:
                    item.stretches |= 1 << c
                    self._inside[c] += 1

    def assemble(self, whole: Item, parts: Sequence[Item]) -> None:
        """Parts become one."""
        for c in range(len(self._most)):
            there = sum(item.stretches >> c & 1 for item in parts)
            if there > 1:
                self._out(c, there - 1)
        whole.stretches = _all(parts)

    def leave(self, item: Item, target: Place | None) -> None:
        """A part goes to another station, or out of the line."""
        still = self._of[target.name] if target is not None else ()
        for c in range(len(self._most)):
            if item.stretches >> c & 1 and c not in still:
                item.stretches &= ~(1 << c)
                self._out(c, 1)

    def found(self, place: Place, items: Iterable[Item], feeders: Iterable[str]) -> None:
        """Parts wait in front of a station when the floor opens: they have come from a station
        before it, and are in the stretches of both."""
        inside = [c for c in self._of[place.name] if any(c in self._of[f] for f in feeders)]
        for item in items:
            for c in inside:
                item.stretches |= 1 << c
                self._inside[c] += 1

    def told(self) -> list[str]:
        """Who waits for which, in words."""
        return [
            f"'{place.name}' begins with no part, since cap '{self._names[c]}' of {self._most[c]} "
            "is taken"
            for c, places in self._waiting.items()
            for place in places
        ]

    def _out(self, c: int, parts: int) -> None:
        self._inside[c] -= parts
        waiting = self._waiting[c]
        # Who has waited for longest is first, whoever is looked at for another reason.
        self._floor.todo.extendleft(reversed(waiting))
        waiting.clear()


def _all(parts: Iterable[Item]) -> int:
    found = 0
    for item in parts:
        found |= item.stretches
    return found
