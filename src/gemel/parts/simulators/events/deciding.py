"""Decisions that somebody else may take: which part is next, and whom a crew serves first.

Whoever decides sees what a person on the floor could know, and no luck that is still to come: usual
times instead of drawn ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.luck import change_time
from gemel.parts.simulators.events.place import Item, Place

if TYPE_CHECKING:
    from gemel.parts.simulators.events.crews import Ask
    from gemel.parts.simulators.events.floor import Floor

__all__ = ["ASK", "PART", "Decide", "Eyes", "Question"]

PART: Final = (
    "work", "setup", "left", "steps", "due", "waited", "age", "ahead", "alike", "turn",
)  # fmt: skip
"""What is known of a part that waits:

work    usual time of its work here, s
setup   usual time of the set-up it needs now, s
left    usual time of all its work from here on, this included, s
steps   stations from here on, this included, count
due     until it is due, s; negative: behind, inf: never
waited  since it came here, s
age     since it came into the line, s
ahead   usual time of the work that is at the station behind, per server, s
alike   others of its family that wait here, count
turn    how many came here before it, count
"""

ASK: Final = ("usual", "waited", "number", "queue", "load", "due", "down", "setup", "turn")
"""What is known of a station that waits for a crew:

usual   how long the crew will usually be taken, s
waited  since it asked, s
number  of people it needs, count
queue   parts that wait in front of the station, count
load    usual time of their work, per server, s
due     until the first of them, or of what it works on, is due, s; inf: never
down    1 if it asks for a repair
setup   1 if it asks for a set-up
turn    how many asked before it, count
"""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Something to be decided.

    kind      whether parts are offered at a station, or stations to a crew
    at        name of the station or crew
    now       s
    offered   float64[n, f]: columns as `PART` or `ASK` say, in the order in which they came
    usual     the row that the line's own rule takes
    inside_s, late_s  part-seconds in the line and behind due dates until now
    """

    kind: Literal["part", "crew"]
    at: str
    now: float
    offered: Values
    usual: int
    inside_s: float
    late_s: float


Decide: TypeAlias = Callable[[Question], int]
"""Gives the row of what is offered that is next."""


class Eyes:
    """What is seen of a floor by those who decide."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._work: dict[tuple[str, int, int], float] = {}
        self._left: dict[tuple[str, int, int], tuple[float, int]] = {}

    def part(self, place: Place, waiting: Sequence[Item], usual: int) -> int:
        """The part that is next; raises `DataError` for an answer that was not offered."""
        return self._ask("part", place.name, self._parts(place, waiting), usual)

    def crew(self, crew: str, waiting: Sequence[Ask]) -> int:
        """The asking station that is served first."""
        now = self._floor.now
        rows = [(*self._asking(ask, now), turn) for turn, ask in enumerate(waiting)]
        return self._ask("crew", crew, np.array(rows, np.float64), 0)

    def _ask(self, kind: Literal["part", "crew"], at: str, offered: Values, usual: int) -> int:
        floor = self._floor
        if floor.decide is None or floor.account is None:
            return usual
        floor.account.until(floor.now)
        account = floor.account
        chosen = floor.decide(
            Question(kind, at, floor.now, offered, usual, account.inside_s, account.late_s)
        )
        if not 0 <= chosen < len(offered):
            raise DataError(f"'{at}' was told to take number {chosen} of {len(offered)} offered")
        return chosen

    def _parts(self, place: Place, waiting: Sequence[Item]) -> Values:
        floor, now = self._floor, self._floor.now
        families = [floor.family[item.product] for item in waiting]
        rows = []
        for turn, (item, family) in enumerate(zip(waiting, families, strict=True)):
            left, steps = self._left_of(place, item.product, item.step)
            fresh = item.came < 0  # of a saturated beginning: made when it is taken
            rows.append((
                self._work_of(place, item.product, item.step), self._setup_of(place, family), left,
                steps, item.due - now, 0.0 if fresh else now - item.came,
                0.0 if fresh else now - item.born, self._ahead(place, item),
                families.count(family) - 1, turn,
            ))  # fmt: skip
        return np.array(rows, np.float64)

    def _asking(self, ask: Ask, now: float) -> tuple[float, ...]:
        place = ask.place
        waiting = [*place.line_up, *(item for queue in place.queue.values() for item in queue)]
        load = sum(self._work_of(place, item.product, item.step) for item in waiting)
        here = waiting if ask.item is None else [*waiting, ask.item]
        due = min((item.due for item in here), default=float("inf")) - now
        return (
            ask.usual, now - ask.since, ask.number, len(waiting), load / place.servers, due,
            ask.what == "repair", ask.what == "set-up",
        )  # fmt: skip

    def _work_of(self, place: Place, product: int, step: int) -> float:
        key = (place.name, product, step)
        if (known := self._work.get(key)) is None:
            item = Item(product, 0.0, 0.0, step)
            usual = self._floor.starting.distribution(place, item, step).mean_s
            known = self._work[key] = place.time * usual
        return known

    def _setup_of(self, place: Place, family: str) -> float:
        setup = place.station.setup
        if setup is None or place.family in ("", family) or not self._floor.products:
            return 0.0
        return change_time(setup, place.family, family).mean_s

    def _left_of(self, place: Place, product: int, step: int) -> tuple[float, int]:
        """Usual work from here on and its steps; where ways part, the first one of them."""
        key = (place.name, product, step)
        if (known := self._left.get(key)) is None:
            work, steps = self._work_of(place, product, step), 1
            for behind, later in self._way(place, product, step):
                work, steps = work + self._work_of(behind, product, later), steps + 1
            known = self._left[key] = work, steps
        return known

    def _way(self, place: Place, product: int, step: int) -> list[tuple[Place, int]]:
        floor = self._floor
        route = floor.products[product].route if floor.products else ()
        if route:
            rest = route[step + 1 :]
            return [(floor.places[s.stations[0]], step + 1 + i) for i, s in enumerate(rest)]
        way = []
        while followers := floor.followers[place.name]:
            place = followers[0]
            way.append((place, step))
        return way

    def _ahead(self, place: Place, item: Item) -> float:
        floor = self._floor
        route = floor.products[item.product].route if floor.products else ()
        if not route:
            behind = floor.followers[place.name]
        elif item.step + 1 < len(route):
            behind = [floor.places[name] for name in route[item.step + 1].stations]
        else:
            behind = []
        loads = (p.load * p.time * p.station.time.mean_s / p.servers for p in behind)
        return min(loads, default=0.0)
