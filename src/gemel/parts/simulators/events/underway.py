"""Parts, work and repairs that are there when the floor opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemel.core.line import Busy, Lot, Snapshot
from gemel.core.line.underway import repair_left, work_left
from gemel.core.time import SECOND
from gemel.parts.simulators.events.place import Item, Job, Place

if TYPE_CHECKING:
    from gemel.parts.simulators.events.floor import Floor

__all__ = ["put"]


def put(floor: Floor, start: Snapshot) -> None:
    """Put what is there on the floor. Parts that wait come first, so that a part that is done
    knows whether there is a place behind it."""
    for place in floor.places.values():
        now = start.of(place.name)
        place.family = now.family
        for feeder, lots in {"": now.waiting, **now.waiting_of}.items():
            for lot in lots:
                items = _items(floor, place, lot)
                floor.caps.found(place, items, _before(floor, place, items, feeder))
                for item in items:
                    place.count(feeder, 1)
                    floor.count_in(item)
                    (place.queue[feeder] if place.assembly else place.line_up).append(item)
        for busy in now.busy:
            _begin(floor, place, busy)
        floor.look_at(place)


def _items(floor: Floor, place: Place, lot: Lot) -> list[Item]:
    if not lot.count:
        return []
    names = list(floor.line.products)
    product = names.index(lot.product) if names else 0
    step = lot.step
    if step is None:
        route = floor.products[product].route if names else ()
        step = next((i for i, s in enumerate(route) if place.name in s.stations), 0)
    born = -lot.age / SECOND
    return [Item(product, born, float("inf"), step) for _ in range(lot.count)]


def _before(floor: Floor, place: Place, items: list[Item], feeder: str) -> tuple[str, ...]:
    """Stations from which parts may have come that wait in front of one."""
    if not floor.routed:
        return (feeder,) if feeder else place.feeders
    route = floor.products[items[0].product].route
    return route[items[0].step - 1].stations if items[0].step else ()


def _begin(floor: Floor, place: Place, busy: Busy) -> None:
    """A server of the station is busy from the start."""
    number = len(place.busy)
    job = Job(_items(floor, place, busy), place.starts)
    rest = place.mend * repair_left(
        floor.line, place.name, busy, floor.draws, floor.replication, number
    )
    place.busy.append(job)
    for item in job.items:
        for feeder in place.inside:
            place.count(feeder, 1)
        item.entries = len(place.inside)
        floor.count_in(item)
    place.sums["down"] += rest
    ready = place.clock.completed(0.0, rest) if rest else 0.0
    job.ends, job.rest = ready, rest
    if not job.items:
        floor.at(ready, floor.leaving.idle, place, job)
        return
    floor.caps.enter(place, job.items)
    item = job.items[0]
    job.step = item.step
    place.starts += 1
    place.family = floor.family[item.product]
    job.nominal = work_left(floor.line, place.name, busy, floor.draws, floor.replication, job.k)
    if place.station.blocking == "before":
        job.fate, job.target = floor.leaving.fate(place, job.items, job.k)
        if job.target is not None:
            job.target.count(place.name, len(job.items))
            job.reserved = True
    if busy.done:
        floor.at(ready, floor.leaving.done_at_start, place, job)
        return
    needs = place.station.needs
    if needs is not None:
        floor.crews.seize(needs.crew, needs.number)
    floor.at(ready, floor.working.begin, place, job)
