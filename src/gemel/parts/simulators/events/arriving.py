"""Parts come to the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gemel.core.line.rates import came_at
from gemel.parts.simulators.events.luck import Stream
from gemel.parts.simulators.events.place import Item, Place

if TYPE_CHECKING:
    from gemel.parts.simulators.events.floor import Floor

__all__ = ["Arriving"]


class Arriving:
    """When parts come, which they are, and where they go first."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def expect(self, place: Place) -> None:
        """The next part of this beginning comes at its time."""
        floor = self._floor
        arrivals = place.station.arrivals
        if arrivals is None:
            return
        k = place.arrived
        if arrivals.every is None:
            if k >= len(arrivals.at):
                return
            time = arrivals.at[k] / 1e9
        else:
            gaps = place.times.setdefault(
                (-1, 0),
                Stream.times(
                    floor.draws, floor.replication, arrivals.every, place.name, "arrivals"
                ),
            )
            place.last_arrival += gaps[k]
            time = place.last_arrival
            if arrivals.rates:
                time = float(came_at(arrivals, np.array([time]), floor.line.begins)[0])
        floor.expected += 1
        floor.at(time, self._arrive, place)

    def _arrive(self, place: Place) -> None:
        floor = self._floor
        floor.expected -= 1
        item = self.new(place)
        floor.all_arrived += 1
        target = place
        if floor.products and floor.products[item.product].route:
            target = floor.leaving.route_target(item)
        if target.room(""):
            floor.count_in(item)
            self.enter(target, item, "")
        else:
            floor.lost += 1
        self.expect(place)
        floor.came()

    def new(self, place: Place) -> Item:
        """A part that begins here; it is not in the line yet."""
        floor = self._floor
        k = place.arrived
        place.arrived += 1
        product = int(floor.kind[k]) if floor.products else 0
        due = float("inf")
        if floor.products and (wanted := floor.products[product].due) is not None:
            stream = place.times.setdefault(
                (product, -2),
                Stream(lambda n: floor.draws.times(
                    floor.replication, (place.name, "due"), n, wanted)),
            )  # fmt: skip
            due = floor.now + stream[k]
        floor.made += 1
        return Item(product, floor.now, due, number=floor.made - 1)

    def enter(self, place: Place, item: Item, feeder: str) -> None:
        """A part of the line comes to a station."""
        floor = self._floor
        item.came = floor.now
        place.count(feeder, 1)
        (place.queue[feeder] if place.assembly else place.line_up).append(item)
        floor.todo.append(place)
