"""The shop floor while it is played: parts, stations, crews, and a list of what happens next.

An event is a function that is called at its time. After each, the stations at which something may
have become possible are looked at, again and again until nothing moves any more; no call goes
through the line, however long it is.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from gemel.core.errors import DataError
from gemel.core.line import Draws, Line, Snapshot
from gemel.core.line.luck import change_time, families
from gemel.core.line.rates import came_at
from gemel.parts.simulators.events.crews import Crews
from gemel.parts.simulators.events.journal import Journal
from gemel.parts.simulators.events.luck import Stream, kinds
from gemel.parts.simulators.events.place import Item, Job, Place
from gemel.parts.simulators.events.underway import put

__all__ = ["Floor"]


class Floor:
    """One scenario in one replication."""

    def __init__(
        self, line: Line, draws: Draws, replication: int,
        factors: list[tuple[float, float, float, int]], start: Snapshot | None = None,
    ) -> None:  # fmt: skip
        self.line, self.draws, self.replication = line, draws, replication
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = count()
        self._todo: deque[Place] = deque()
        self.family = families(line) or ("",)
        self.products = list(line.products.values())
        self.places = {
            name: Place(line, name, draws, replication, f)
            for name, f in zip(line.stations, factors, strict=True)
        }
        self.followers = {n: [self.places[f] for f in line.followers(n)] for n in self.places}
        self.crews = Crews(line, self.at, self._todo.append)
        self.kind = kinds(line, draws, replication, start)
        self.routed = any(p.route for p in self.products)
        self.inside = self.exits = self.good = self.lost = self.all_arrived = self.made = 0
        self.area = self.lead = self.last = 0.0
        self.departures: list[float] = []
        self.journal: Journal | None = None
        self.measured_from = 0.0
        self.begins = [
            p for p in self.places.values()
            if p.station.arrivals is not None or (not p.feeders and not self.routed)
        ]  # fmt: skip
        for place in self.begins:
            place.saturated = place.station.arrivals is None
            if place.station.arrivals is not None:
                self._next_arrival(place)
            self._todo.append(place)
        if start is not None:
            put(self, start)
        self._look()

    # What happens next

    def at(self, time: float, call: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self._heap, (time, next(self._count), call, arguments))

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
        self._look()
        return True

    def _look(self) -> None:
        while self._todo:
            place = self._todo.popleft()
            if place.blocked:
                self._admit(place)
            while self._start(place):
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
        said = "; ".join(waits[:6]) or "nothing has come"
        raise DataError(f"the line stands still after {self.now:.6g} s: {said}")

    # Parts come

    def _next_arrival(self, place: Place) -> None:
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
                Stream.times(self.draws, self.replication, arrivals.every, place.name, "arrivals"),
            )
            place.last_arrival += gaps[k]
            time = place.last_arrival
            if arrivals.rates:
                time = float(came_at(arrivals, np.array([time]), self.line.begins)[0])
        self.at(time, self._arrive, place)

    def _arrive(self, place: Place) -> None:
        item = self._new(place)
        self.all_arrived += 1
        target = place
        if self.products and self.products[item.product].route:
            target = self._route_target(item)
        if target.room(""):
            self._count_in(item)
            self._enter(target, item, "")
        else:
            self.lost += 1
        self._next_arrival(place)

    def _new(self, place: Place) -> Item:
        k = place.arrived
        place.arrived += 1
        product = int(self.kind[k]) if self.products else 0
        due = float("inf")
        if self.products and (wanted := self.products[product].due) is not None:
            stream = place.times.setdefault(
                (product, -2),
                Stream(lambda n: self.draws.times(
                    self.replication, (place.name, "due"), n, wanted)),
            )  # fmt: skip
            due = self.now + stream[k]
        self.made += 1
        return Item(product, self.now, due, number=self.made - 1)

    def _count_in(self, item: Item) -> None:
        self.area += self.inside * (self.now - self.last)
        self.last = self.now
        self.inside += item.entries

    def _enter(self, place: Place, item: Item, feeder: str) -> None:
        item.came = self.now
        place.count(feeder, 1)
        (place.queue[feeder] if place.assembly else place.line_up).append(item)
        self._todo.append(place)

    # Work begins

    def _start(self, place: Place) -> bool:
        """Begin with the next part, if there is one, a server, a place and people."""
        if len(place.busy) >= place.servers:
            return False
        s = place.station
        if place.chosen is not None:
            picked, job = place.chosen
        else:
            picked, job = self._pick(place), Job([], place.starts)
            if not picked:
                return False
            job.step = picked[0].step
            if s.blocking == "before":  # its fate is drawn once, however often it tries to begin
                job.fate, job.target = self.fate(place, picked, job.k)
                place.chosen = picked, job
        if s.blocking == "before" and job.target is not None:
            if not job.target.room(place.name, len(picked)):
                place.held = self.now if place.held is None else place.held
                return False
            job.target.count(place.name, len(picked))
            job.reserved = True
        if s.needs is not None and not self.crews.take(
            self.now, s.needs.crew, s.needs.number, place
        ):
            if job.reserved and job.target is not None:
                job.target.count(place.name, -len(picked))
                job.reserved = False
            return False
        if place.held is not None:
            place.sums["blocked"] += place.clock.open_between(place.held, self.now)
            place.held = None
        place.chosen = None
        job.items = self._withdraw(place, picked)
        place.starts += 1
        job.began = self.now
        place.busy.append(job)
        self.work(place, job)
        return True

    def _pick(self, place: Place) -> list[Item]:
        """Parts that would be next; those of a saturated beginning are made here, and not counted
        before they begin."""
        s = place.station
        if place.assembly:
            heads = [q[0] for q in place.queue.values() if q]
            return heads if len(heads) == len(place.queue) else []
        least, most = (s.batch.least, s.batch.most) if s.batch is not None else (1, 1)
        if place.saturated:
            while len(place.line_up) < most:
                item = self._new(place)
                place.line_up.append(item)
                item.came = -1.0  # not taken yet
        if len(place.line_up) < least:
            return []
        if s.dispatch == "fifo" or len(place.line_up) == 1:
            return place.line_up[:most]
        return sorted(place.line_up, key=self._rank(place))[:most]

    def _rank(self, place: Place) -> Callable[[Item], Any]:
        match place.station.dispatch:
            case "spt":
                return lambda item: self._distribution(place, item, item.step).mean_s
            case "edd":
                return lambda item: item.due
        return lambda item: self.family[item.product] != place.family

    def _withdraw(self, place: Place, picked: list[Item]) -> list[Item]:
        if place.assembly:
            for queue in place.queue.values():
                queue.pop(0)
            whole = picked[0]
            whole.born = min(item.born for item in picked)
            whole.entries = sum(item.entries for item in picked)
            return [whole]
        for item in picked:
            place.line_up.remove(item)
            if item.came < 0:
                item.born = item.came = self.now
                place.count("", 1)
                self._count_in(item)
        return picked

    def _distribution(self, place: Place, item: Item, step: int) -> Any:
        s = place.station
        if self.products:
            product = self.products[item.product]
            if step < len(product.route):
                own = product.route[step].time
                if own is not None:
                    return own
            return s.times.get(list(self.line.products)[item.product], s.time)
        return s.time

    def _nominal(self, place: Place, item: Item, job: Job) -> float:
        """Time of the k-th start, by the distribution of its part."""
        if job.nominal is not None:
            return job.nominal
        key = (item.product, job.step)
        stream = place.times.get(key)
        if stream is None:
            distribution = self._distribution(place, item, job.step)
            stream = place.times[key] = Stream.times(
                self.draws, self.replication, distribution, place.name, "time"
            )
        return stream[job.k]

    def work(self, place: Place, job: Job) -> None:
        s, item = place.station, job.items[0]
        setup = self._setup_time(place, item)
        nominal = self._nominal(place, item, job)
        failures = place.failures.during(nominal)
        rest = 0.0
        for _, repair, _ in failures:
            rest += repair
        work = place.time * nominal
        sums = place.sums
        sums["working"] += work
        sums["set-up"] += setup
        if place.alone or not (failures or setup):
            sums["down"] += rest
            job.ends, job.rest = place.clock.completed(self.now, (work + setup) + rest), rest
            self.at(job.ends, self._finished, place, job)
            return
        phases: list[tuple[float, str, int, str]] = []
        if setup and s.setup is not None:
            phases.append((setup, s.setup.crew, s.setup.number, "set-up"))
        done = 0.0
        for after, repair, cause in failures:
            phases.append((place.time * (after - done), "", 0, "working"))
            phases.append((repair, *place.repairers[cause], "down"))
            done = after
        phases.append((place.time * (nominal - done), "", 0, "working"))
        self._phase(place, job, phases)

    def _phase(self, place: Place, job: Job, phases: list[tuple[float, str, int, str]]) -> None:
        """The next stretch of a job whose set-up or repair takes people."""
        if not phases:
            self._finished(place, job)
            return
        (length, crew, number, state), rest = phases[0], phases[1:]
        asked = self.now

        def begin() -> None:
            if state == "down":
                place.sums["down"] += length + self.now - asked
            elif state == "set-up":
                place.sums["set-up"] += self.now - asked
            self.at(place.clock.completed(self.now, length), end)

        def end() -> None:
            if crew:
                self.crews.give_back(self.now, crew, number)
            self._phase(place, job, rest)

        if crew:
            self.crews.ask(self.now, crew, number, begin)
        else:
            begin()

    def _setup_time(self, place: Place, item: Item) -> float:
        setup, family = place.station.setup, self.family[item.product]
        before, place.family = place.family, family
        if setup is None or before in ("", family) or not self.products:
            return 0.0
        distribution = change_time(setup, before, family)
        key = (before, family) if setup.changes else ("", "")
        stream = place.setups.get(key)
        if stream is None:
            stream = place.setups[key] = Stream.times(
                self.draws, self.replication, distribution, place.name, "setup"
            )
        k = place.changes
        place.changes += 1
        return stream[k]

    # Work ends

    def _finished(self, place: Place, job: Job) -> None:
        job.done = self.now
        if self.journal is not None:
            self.journal.work(place.name, job)
        if place.station.needs is not None:
            self.crews.give_back(self.now, place.station.needs.crew, place.station.needs.number)
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
                return "rework", self.places[s.rework.to]
        if self.products and self.products[item.product].route:
            for each in items:
                each.step += 1
            if item.step >= len(self.products[item.product].route):
                return "good", None
            return "on", self._route_target(item)
        followers = self.followers[place.name]
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

    def _route_target(self, item: Item) -> Place:
        step = self.products[item.product].route[item.step]
        return min((self.places[name] for name in step.stations), key=lambda p: p.load)

    def done_at_start(self, place: Place, job: Job) -> None:
        job.done = self.now
        self.done(place, job)

    def idle(self, place: Place, job: Job) -> None:
        """A server that was only repaired is there again."""
        place.busy.remove(job)
        self.look_at(place)

    def look_at(self, place: Place) -> None:
        self._todo.append(place)

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
            self._todo.append(target)

    def _admit(self, place: Place) -> None:
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
                self._enter(target, job.items.pop(0), source.name)
                source.left(1)
            if job.items:
                target.blocked.appendleft((source, job))
            else:
                self._free(source, job)
            return
        target.count(source.name, len(job.items))
        stream = target.times.setdefault(
            (-4, 0), Stream.times(self.draws, self.replication, s.travel, target.name, "travel")
        )

        def begin() -> None:
            self._free(source, job)
            source.left(len(job.items))
            length = stream[target.travels]
            target.travels += 1
            self.at(self.now + length, end)
            self._look()

        def end() -> None:
            if s.carriers:
                self.crews.give_back(self.now, s.carriers, 1)
            target.count(source.name, -len(job.items))
            for item in job.items:
                self._enter(target, item, source.name)

        if s.carriers:
            self.crews.ask(self.now, s.carriers, 1, begin)
        else:
            begin()

    def _free(self, place: Place, job: Job) -> None:
        """The parts of a job leave the server."""
        place.sums["blocked"] += place.clock.open_between(job.done, self.now)
        place.busy.remove(job)
        self._todo.append(place)
        for feeder in place.feeders:  # those that do not begin without a place here
            before = self.places[feeder]
            if before.station.blocking == "before":
                self._todo.append(before)

    def _exit(self, item: Item, good: bool) -> None:
        self._count_in(Item(0, 0.0, 0.0, entries=-item.entries))
        self.exits += 1
        self.departures.append(self.now)
        if self.journal is not None:
            self.journal.left(item, self.now, good)
        if good:
            self.good += 1
            self.lead += self.now - item.born

    # Measuring

    def measure_from_now(self) -> None:
        self.measured_from = self.last = self.now
        self.area = self.lead = 0.0
        self.good = self.exits = self.lost = self.all_arrived = 0
        for place in self.places.values():
            work, down = place.ahead(self.now)
            place.sums = {**dict.fromkeys(place.sums, 0.0), "working": work, "down": down}
