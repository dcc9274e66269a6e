"""What was seen on the floor, part by part: the log that a real line of this kind would write."""

from __future__ import annotations

from dataclasses import dataclass, field

from gemel.parts.simulators.events.place import Item, Job

__all__ = ["Journal"]


@dataclass(slots=True)
class Journal:
    """Rows in the order in which work ended, and parts in the order in which they left.

    Of work: number of the part, station, and the seconds at which it came to the station, its work
    began and ended; failures, repairs and closed time lie inside. Of parts: number, product, when
    born, when gone, whether as a good one.
    """

    part: list[int] = field(default_factory=list)
    station: list[str] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)
    gone: list[tuple[int, int, float, float, bool]] = field(default_factory=list)

    def work(self, station: str, job: Job) -> None:
        for item in job.items:
            self.part.append(item.number)
            self.station.append(station)
            self.came.append(item.came)
            self.start.append(job.began)
            self.end.append(job.done)

    def left(self, item: Item, now: float, good: bool) -> None:
        self.gone.append((item.number, item.product, item.born, now, good))
