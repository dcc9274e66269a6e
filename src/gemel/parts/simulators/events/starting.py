"""Work begins: with which part, where there is a server, a place behind it, and people."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gemel.parts.simulators.events.place import Item, Job, Place

if TYPE_CHECKING:
    from gemel.parts.simulators.events.floor import Floor

__all__ = ["Starting"]


class Starting:
    """What a station does next."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def start(self, place: Place) -> bool:
        """Begin with the next part, if there is one, a server, a place and people.

        Which part that is, is decided as late as can be: with `blocking: before` when a place is
        looked for, since that depends on the part, else when nothing else is missing.
        """
        floor, s = self._floor, place.station
        if len(place.busy) >= place.servers:
            return False
        job, picked = Job([], place.starts), list[Item]()
        if place.chosen is not None:
            picked, job = place.chosen
            if place.capped and not self._let_in(place, picked):
                floor.caps.wait(place)
                return False
        elif not self._enough(place):
            return False
        elif s.blocking == "before":  # its fate is drawn once, however often it tries to begin
            picked = self._pick(place)
            job.step = picked[0].step
            job.fate, job.target = floor.leaving.fate(place, picked, job.k)
            place.chosen = picked, job
        if s.blocking == "before" and job.target is not None:
            if not job.target.room(place.name, len(picked)):
                place.held = floor.now if place.held is None else place.held
                return False
            job.target.count(place.name, len(picked))
            job.reserved = True
        if s.needs is not None and not floor.crews.take(
            floor.now, s.needs.crew, s.needs.number, place
        ):
            if job.reserved and job.target is not None:
                job.target.count(place.name, -len(picked))
                job.reserved = False
            return False
        if place.held is not None:
            place.sums["blocked"] += place.clock.open_between(place.held, floor.now)
            place.held = None
        place.chosen = None
        if not picked:
            picked = self._pick(place)
            job.step = picked[0].step
        job.items = self._withdraw(place, picked)
        if place.capped:
            floor.caps.enter(place, job.items)
        floor.came_in_vain = 0
        place.starts += 1
        job.began = floor.now
        place.busy.append(job)
        floor.working.begin(place, job)
        return True

    def _enough(self, place: Place) -> bool:
        """Whether the parts are there with which it could begin; those of a saturated beginning
        are made here, and not counted before they begin."""
        if place.assembly:
            if not all(place.queue.values()):
                return False
            if place.capped and not self._let_in(place, self._pick(place)):
                self._floor.caps.wait(place)
                return False
            return True
        batch = place.station.batch
        least, most = (batch.least, batch.most) if batch is not None else (1, 1)
        if place.saturated:
            while len(place.line_up) < most:
                item = self._floor.arriving.new(place)
                place.line_up.append(item)
                item.came = -1.0  # not taken yet
        if len(place.line_up) < least:
            return False
        if place.capped and not self._floor.caps.together(place, place.line_up, least):
            self._floor.caps.wait(place)
            return False
        return True

    def _let_in(self, place: Place, picked: list[Item]) -> bool:
        """Whether caps let it begin with these parts."""
        caps = self._floor.caps
        if place.assembly:
            return caps.open_to_whole(place, picked)
        return caps.together(place, picked, len(picked))

    def _pick(self, place: Place) -> list[Item]:
        """Parts that are next, where there are enough."""
        if place.assembly:
            return [queue[0] for queue in place.queue.values()]
        s, floor = place.station, self._floor
        most = s.batch.most if s.batch is not None else 1
        if place.capped or (floor.decide is not None and len(place.line_up) > most):
            return self._one_by_one(place, most)
        if s.dispatch == "fifo" or len(place.line_up) == 1:
            return place.line_up[:most]
        return sorted(place.line_up, key=self._rank(place))[:most]

    def _one_by_one(self, place: Place, most: int) -> list[Item]:
        """The same where caps keep some out or somebody is asked, for each place in a batch
        again."""
        floor, waiting, picked = self._floor, list(place.line_up), list[Item]()
        while len(picked) < most:
            found = floor.caps.open(place, waiting, picked) if place.capped else waiting
            if not found:
                break
            which = 0
            if place.station.dispatch != "fifo":
                ranks = list(map(self._rank(place), found))
                which = ranks.index(min(ranks))
            if floor.decide is not None and len(found) > most - len(picked):
                which = floor.eyes.part(place, found, which)
            picked.append(found[which])
            waiting.remove(found[which])
        return picked

    def _rank(self, place: Place) -> Callable[[Item], Any]:
        match place.station.dispatch:
            case "fifo":
                return lambda _: 0
            case "spt":
                return lambda item: self.distribution(place, item, item.step).mean_s
            case "edd":
                return lambda item: item.due
        return lambda item: self._floor.family[item.product] != place.family

    def _withdraw(self, place: Place, picked: list[Item]) -> list[Item]:
        floor = self._floor
        if place.assembly:
            for queue in place.queue.values():
                queue.pop(0)
            whole = picked[0]
            if place.capped:
                floor.caps.assemble(whole, picked)
            whole.born = min(item.born for item in picked)
            whole.entries = sum(item.entries for item in picked)
            if floor.account is not None:
                for part in picked[1:]:
                    floor.account.left(part, floor.now)
            return [whole]
        for item in picked:
            place.line_up.remove(item)
            if item.came < 0:
                item.born = item.came = floor.now
                place.count("", 1)
                floor.count_in(item)
        return picked

    def distribution(self, place: Place, item: Item, step: int) -> Any:
        """How long the work on a part takes here, at this step of its route."""
        s, floor = place.station, self._floor
        if floor.products:
            product = floor.products[item.product]
            if step < len(product.route):
                own = product.route[step].time
                if own is not None:
                    return own
            return s.times.get(list(floor.line.products)[item.product], s.time)
        return s.time
