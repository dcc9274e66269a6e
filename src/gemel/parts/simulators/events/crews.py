"""People and vehicles on the floor, in their shifts: whoever asks first is served first, unless
somebody decides otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gemel.core.line import Line
from gemel.parts.simulators.events.luck import CrewClock
from gemel.parts.simulators.events.place import Item, Place

__all__ = ["Ask", "Crews", "What"]

What: TypeAlias = Literal["work", "set-up", "repair", "transport"]


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Somebody who waits for people: how many, what is called when they come, where, what for, how
    long that usually takes, since when, and for which part, if it is known."""

    number: int
    call: Callable[[], None]
    place: Place
    what: What
    usual: float
    since: float
    item: Item | None = None


Choose: TypeAlias = Callable[[str, list[Ask]], int]
"""Which of those who wait for a crew is served first."""


@dataclass(slots=True, eq=False)
class Crew:
    """Of one name."""

    free: int
    clock: CrewClock
    waiting: list[Ask] = field(default_factory=list)


class Crews:
    """All crews. `later` calls something at a time, `look` has a station looked at, `choose` says
    who is served first."""

    def __init__(
        self,
        line: Line,
        later: Callable[[float, Callable[[], None]], None],
        look: Callable[[Place], None],
        choose: Choose | None = None,
    ) -> None:
        self._crews = {n: Crew(c.number, CrewClock(line, n)) for n, c in line.crews.items()}
        self._later, self._look, self._choose = later, look, choose

    def take(self, now: float, name: str, number: int, place: Place) -> bool:
        """People for a station that begins; where there are none it waits for its turn."""
        crew = self._crews[name]
        if place.granted:
            place.granted = 0
            return True
        back = crew.clock.back(now)
        if back > now:
            self._later(back, lambda: self._look(place))
            return False
        if crew.free >= number and not crew.waiting:
            crew.free -= number
            return True

        def come() -> None:
            place.granted, place.asked = number, False
            self._look(place)

        if not place.asked:
            place.asked = True
            usual = place.time * place.station.time.mean_s
            crew.waiting.append(Ask(number, come, place, "work", usual, now))
        return False

    def seize(self, name: str, number: int) -> None:
        """People who are at work at the start; fewer than none are free if the shift has changed
        under them."""
        self._crews[name].free -= number

    def ask(self, now: float, name: str, asking: Ask) -> None:
        """Call as soon as they are there and free."""
        self._crews[name].waiting.append(asking)
        self._serve(now, name)

    def give_back(self, now: float, name: str, number: int) -> None:
        """They are free again."""
        self._crews[name].free += number
        self._serve(now, name)

    def _serve(self, now: float, name: str) -> None:
        crew = self._crews[name]
        back = crew.clock.back(now)
        if back > now:
            if crew.waiting:
                self._later(back, lambda: self._serve(back, name))
            return
        while crew.waiting:
            first = 0
            some = any(ask.number <= crew.free for ask in crew.waiting)
            if self._choose is not None and some and len(crew.waiting) > 1:
                first = self._choose(name, crew.waiting)
            # Who is first and finds too few of them keeps the others waiting: else those who need
            # two would never get them.
            if crew.waiting[first].number > crew.free:
                return
            asking = crew.waiting.pop(first)
            crew.free -= asking.number
            asking.call()
