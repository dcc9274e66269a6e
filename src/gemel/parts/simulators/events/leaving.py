"""Parts leave a station: what becomes of them, where they go, and who waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemel.parts.simulators.events.crews import Ask
from gemel.parts.simulators.events.luck import Stream
from gemel.parts.simulators.events.place import Item, Job, Place

if TYPE_CHECKING:
    from gemel.parts.simulators.events.floor import Floor

__all__ = ["Leaving"]


class Leaving:
    """From the end of work to the next station, or out of the line."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def finished(self, place: Place, job: Job) -> None:
        """The work of a job is over."""
        job.done = self._floor.now
        if self._floor.journal is not None:
            self._floor.journal.work(place.name, job)
        if place.station.needs is not None:
            needs = place.station.needs
            self._floor.crews.give_back(self._floor.now, needs.crew, needs.number)
        self.done(place, job)

    def done(self, place: Place, job: Job) -> None:
        """The parts of a job want to leave."""
        if not job.reserved and not job.fate:
            job.fate, job.target = self.fate(place, job.items, job.k)
        self._leave(place, job)

    def fate(self, place: Place, items: list[Item], k: int) -> tuple[str, Place | None]:
        """What becomes of the parts that are this station's k-th, and where they go."""
        s, item = place.station, items[0]
        if s.scrap or s.rework is not None:
            chance = place.fates[k]
            if chance < s.scrap:
                return "scrap", None
            if s.rework is not None and chance < s.scrap + s.rework.share:
                if item.returns >= s.rework.most:
                    return "scrap", None
                item.returns += 1
                return "rework", self._floor.places[s.rework.to]
        if self._floor.products and self._floor.products[item.product].route:
            for each in items:
                each.step += 1
            if item.step >= len(self._floor.products[item.product].route):
                return "good", None
            return "on", self.route_target(item)
        followers = self._floor.followers[place.name]
        if not followers:
            return "good", None
        passed = place.passed
        place.passed += 1
        if len(followers) == 1:
            return "on", followers[0]
        if s.split == "alternate":
            return "on", followers[passed % len(followers)]
        if s.split == "shortest":
            return "on", min(followers, key=lambda p: p.load)
        sums, total = [], 0.0
        for follower in followers:
            total += s.shares[follower.name]
            sums.append(total)
        chance = place.splits[passed] * total
        which = next((i for i, edge in enumerate(sums) if chance < edge), len(sums) - 1)
        return "on", followers[which]

    def route_target(self, item: Item) -> Place:
        """Where a part with a route of its own goes next."""
        step = self._floor.products[item.product].route[item.step]
        return min((self._floor.places[name] for name in step.stations), key=lambda p: p.load)

    def done_at_start(self, place: Place, job: Job) -> None:
        """A job that was done before the floor opened wants to leave."""
        job.done = self._floor.now
        self.done(place, job)

    def idle(self, place: Place, job: Job) -> None:
        """A server that was only repaired is there again."""
        place.busy.remove(job)
        self._floor.look_at(place)

    def _leave(self, place: Place, job: Job) -> None:
        target = job.target
        if target is None:
            self._free(place, job)
            place.left(len(job.items))
            for item in job.items:
                self._exit(item, job.fate == "good")
        elif job.reserved:
            target.count(place.name, -len(job.items))
            self._move(place, job, target)
        elif not target.blocked and self._fits(place, job, target):
            self._move(place, job, target)
        else:
            target.blocked.append((place, job))
            self._floor.todo.append(target)

    def admit(self, place: Place) -> None:
        """Parts that wait for a place here, in the order in which they were done; those of other
        feeders of an assembly wait elsewhere and may pass."""
        waiting = place.blocked
        for _ in range(len(waiting)):
            source, job = waiting.popleft()
            if self._fits(source, job, place):
                self._move(source, job, place)
            else:
                waiting.append((source, job))
                if not place.assembly:
                    waiting.rotate(1)
                    break

    @staticmethod
    def _fits(source: Place, job: Job, target: Place) -> bool:
        """Whether parts can leave; those of a batch go one by one, but all on one vehicle."""
        together = len(job.items) if target.station.travel is not None else 1
        return target.room(source.name, together)

    def _move(self, source: Place, job: Job, target: Place) -> None:
        s = target.station
        if s.travel is None:
            while job.items and target.room(source.name):
                if job.items[0].stretches:
                    self._floor.caps.leave(job.items[0], target)
                self._floor.arriving.enter(target, job.items.pop(0), source.name)
                source.left(1)
            if job.items:
                target.blocked.appendleft((source, job))
            else:
                self._free(source, job)
            return
        target.count(source.name, len(job.items))
        floor = self._floor
        stream = target.times.setdefault(
            (-4, 0), Stream.times(floor.draws, floor.replication, s.travel, target.name, "travel")
        )

        def begin() -> None:
            self._free(source, job)
            source.left(len(job.items))
            for item in job.items:
                floor.caps.leave(item, target)
            length = stream[target.travels]
            target.travels += 1
            floor.at(floor.now + length, end)
            floor.look()

        def end() -> None:
            if s.carriers:
                floor.crews.give_back(floor.now, s.carriers, 1)
            target.count(source.name, -len(job.items))
            for item in job.items:
                floor.arriving.enter(target, item, source.name)

        if s.carriers:
            usual = s.travel.mean_s
            asking = Ask(1, begin, source, "transport", usual, floor.now, job.items[0])
            floor.crews.ask(floor.now, s.carriers, asking)
        else:
            begin()

    def _free(self, place: Place, job: Job) -> None:
        """The parts of a job leave the server."""
        place.sums["blocked"] += place.clock.open_between(job.done, self._floor.now)
        place.busy.remove(job)
        self._floor.todo.append(place)
        for feeder in place.feeders:  # those that do not begin without a place here
            before = self._floor.places[feeder]
            if before.station.blocking == "before":
                self._floor.todo.append(before)

    def _exit(self, item: Item, good: bool) -> None:
        floor = self._floor
        floor.count_out(item)
        if item.stretches:
            floor.caps.leave(item, None)
        floor.exits += 1
        floor.departures.append(floor.now)
        if floor.journal is not None:
            floor.journal.left(item, floor.now, good)
        if good:
            floor.good += 1
            floor.lead += floor.now - item.born
