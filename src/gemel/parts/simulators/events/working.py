"""A job is worked on: set-up, work, failures and repairs, with the people they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gemel.core.line.luck import change_time
from gemel.parts.simulators.events.crews import Ask, What
from gemel.parts.simulators.events.luck import Stream
from gemel.parts.simulators.events.place import Item, Job, Place

if TYPE_CHECKING:
    from gemel.parts.simulators.events.floor import Floor

__all__ = ["Working"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a job: its length, the people it takes, what it is, and how long such things
    usually take, which is all that anybody knows beforehand."""

    length: float
    crew: str = ""
    number: int = 0
    what: What = "work"
    usual: float = 0.0


class Working:
    """How long a job takes, and what happens meanwhile."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def _nominal(self, place: Place, item: Item, job: Job) -> float:
        """Time of the k-th start, by the distribution of its part."""
        if job.nominal is not None:
            return job.nominal
        key = (item.product, job.step)
        stream = place.times.get(key)
        if stream is None:
            distribution = self._floor.starting.distribution(place, item, job.step)
            stream = place.times[key] = Stream.times(
                self._floor.draws, self._floor.replication, distribution, place.name, "time"
            )
        return stream[job.k]

    def begin(self, place: Place, job: Job) -> None:
        """A server begins with a job."""
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
            job.ends, job.rest = place.clock.completed(self._floor.now, (work + setup) + rest), rest
            self._floor.at(job.ends, self._floor.leaving.finished, place, job)
            return
        phases: list[Phase] = []
        if setup and s.setup is not None:
            usual = s.setup.time.mean_s
            phases.append(Phase(setup, s.setup.crew, s.setup.number, "set-up", usual))
        done = 0.0
        for after, repair, cause in failures:
            phases.append(Phase(place.time * (after - done)))
            usual = place.mend * place.repairs[cause]
            phases.append(Phase(repair, *place.repairers[cause], "repair", usual))
            done = after
        phases.append(Phase(place.time * (nominal - done)))
        self._phase(place, job, phases)

    def _phase(self, place: Place, job: Job, phases: list[Phase]) -> None:
        """The next stretch of a job whose set-up or repair takes people."""
        if not phases:
            self._floor.leaving.finished(place, job)
            return
        phase, rest, floor = phases[0], phases[1:], self._floor
        asked = floor.now

        def begin() -> None:
            if phase.what == "repair":
                place.sums["down"] += phase.length + floor.now - asked
            elif phase.what == "set-up":
                place.sums["set-up"] += floor.now - asked
            floor.at(place.clock.completed(floor.now, phase.length), end)

        def end() -> None:
            if phase.crew:
                floor.crews.give_back(floor.now, phase.crew, phase.number)
            self._phase(place, job, rest)

        if phase.crew:
            asking = Ask(phase.number, begin, place, phase.what, phase.usual, asked, job.items[0])
            floor.crews.ask(asked, phase.crew, asking)
        else:
            begin()

    def _setup_time(self, place: Place, item: Item) -> float:
        setup, family = place.station.setup, self._floor.family[item.product]
        before, place.family = place.family, family
        if setup is None or before in ("", family) or not self._floor.products:
            return 0.0
        distribution = change_time(setup, before, family)
        key = (before, family) if setup.changes else ("", "")
        stream = place.setups.get(key)
        if stream is None:
            stream = place.setups[key] = Stream.times(
                self._floor.draws, self._floor.replication, distribution, place.name, "setup"
            )
        k = place.changes
        place.changes += 1
        return stream[k]
