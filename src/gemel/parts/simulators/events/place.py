"""A station on the floor, and what is on it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from gemel.core.line import Draws, Line, Station
from gemel.parts.simulators.events.luck import Clock, Failures, Stream

__all__ = ["Item", "Job", "Place"]


@dataclass(slots=True, eq=False)
class Item:
    """A part in the line."""

    product: int
    born: float
    due: float
    step: int = 0
    returns: int = 0
    entries: int = 1
    came: float = 0.0
    number: int = 0
    stretches: int = 0
    """Bits of the caps under which it is."""


@dataclass(slots=True, eq=False)
class Job:
    """What one server does: the parts, and where they go when it is done."""

    items: list[Item]
    k: int
    step: int = 0
    fate: str = ""
    target: Place | None = None
    done: float = 0.0
    reserved: bool = False
    nominal: float | None = None
    """Of one that is under way at the start."""
    ends: float = 0.0
    rest: float = 0.0
    """When work and repairs that are accounted for already are over, and how long the repairs."""
    began: float = 0.0


class Place:
    """A station on the floor."""

    def __init__(
        self, line: Line, name: str, draws: Draws, r: int,
        factors: tuple[float, float, float, int],
    ) -> None:  # fmt: skip
        self.name, self.station = name, line.stations[name]
        self.time, between, self.mend, places = factors
        s: Station = self.station
        servers = s.batch.most if s.batch is not None else s.servers
        self.limit = None if places < 0 else places + servers
        self.servers = s.servers
        self.assembly = s.join == "assembly"
        self.feeders = line.feeders(name)
        self.queue: dict[str, list[Item]] = {}
        if self.assembly:
            self.queue = {f: [] for f in self.feeders}
        self.line_up: list[Item] = []
        self.busy: list[Job] = []
        # Parts that are here, or for which a place is kept; of an assembly by feeder.
        self.inside = dict.fromkeys(self.feeders if self.assembly else ("",), 0)
        self.saturated = False
        self.capped = False
        self.repairers = [(f.crew, f.number) for f in s.failures.values()]
        self.repairs = [f.repair.mean_s for f in s.failures.values()]
        self.alone = not any(crew for crew, _ in self.repairers) and not (s.setup and s.setup.crew)
        self.blocked: deque[tuple[Place, Job]] = deque()
        self.starts = self.changes = self.passed = self.arrived = self.travels = 0
        self.family = ""
        self.last_arrival = 0.0
        self.fates = Stream.uniforms(draws, r, name, "scrap")
        self.splits = Stream.uniforms(draws, r, name, "split")
        self.failures = Failures(s, name, draws, r, self.time, between, self.mend)
        self.clock = Clock(line, name, draws, r)
        self.times: dict[tuple[int, int], Stream] = {}
        self.setups: dict[tuple[str, str], Stream] = {}
        self.chosen: tuple[list[Item], Job] | None = None  # what begins when there is a place
        self.granted = 0  # people who have come and wait for the beginning
        self.asked = False  # whether it waits for people
        self.held: float | None = None  # since when it could start but for a place behind
        self.sums = {"working": 0.0, "set-up": 0.0, "down": 0.0, "blocked": 0.0}

    def room(self, feeder: str, wanted: int = 1) -> bool:
        """Whether a part from `feeder` finds a place."""
        if self.limit is None:
            return True
        return self.inside[feeder if self.assembly else ""] + wanted <= self.limit

    def count(self, feeder: str, parts: int) -> None:
        """Parts come, or a place is kept for them; negative: they leave, or do not come."""
        self.inside[feeder if self.assembly else ""] += parts

    def left(self, parts: int) -> None:
        """Parts have left; those that an assembly made were one of each feeder."""
        for feeder in self.inside:
            self.inside[feeder] -= parts

    def ahead(self, now: float) -> tuple[float, float]:
        """Seconds of work and of repairs that are accounted for, but come after `now`."""
        work = down = 0.0
        for job in self.busy:
            if job.ends > now:
                left = self.clock.open_between(now, job.ends)
                repairs = min(left, job.rest)
                down += repairs
                work += left - repairs
        return work, down

    @property
    def load(self) -> int:
        """Parts here and on their way."""
        return sum(self.inside.values())
