"""People and vehicles on the floor: whoever asks first is served first, in their shifts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gemel.core.line import Line
from gemel.parts.simulators.events.luck import CrewClock
from gemel.parts.simulators.events.place import Place

__all__ = ["Crews"]


@dataclass(slots=True, eq=False)
class Crew:
    """Of one name."""

    free: int
    clock: CrewClock
    waiting: deque[tuple[int, Callable[[], None]]] = field(default_factory=deque)


class Crews:
    """All crews. `later` calls something at a time, `look` has a station looked at."""

    def __init__(
        self,
        line: Line,
        later: Callable[[float, Callable[[], None]], None],
        look: Callable[[Place], None],
    ) -> None:
        self._crews = {n: Crew(c.number, CrewClock(line, n)) for n, c in line.crews.items()}
        self._later, self._look = later, look

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
            crew.waiting.append((number, come))
        return False

    def seize(self, name: str, number: int) -> None:
        """People who are at work at the start; fewer than none are free if the shift has changed
        under them."""
        self._crews[name].free -= number

    def ask(self, now: float, name: str, number: int, call: Callable[[], None]) -> None:
        """Call as soon as they are there and free."""
        self._crews[name].waiting.append((number, call))
        self._serve(now, name)

    def give_back(self, now: float, name: str, number: int) -> None:
        self._crews[name].free += number
        self._serve(now, name)

    def _serve(self, now: float, name: str) -> None:
        crew = self._crews[name]
        back = crew.clock.back(now)
        if back > now:
            if crew.waiting:
                self._later(back, lambda: self._serve(back, name))
            return
        while crew.waiting and crew.waiting[0][0] <= crew.free:
            number, call = crew.waiting.popleft()
            crew.free -= number
            call()
