"""Lines by recursion: departure times of each part from those before it, without a list of events.

The fastest simulator, and an exact one, for lines whose parts do not overtake: serial lines, splits
by share or in turn, assembly, finite places, both ways of blocking, failures, shifts, set-ups,
scrap, caps.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import ClassVar

from gemel.core.line import Line, Snapshot
from gemel.parts.simulators.base import Progress, Run, Scenarios, Simulator, Trial
from gemel.parts.simulators.flow_line.caps import unordered
from gemel.parts.simulators.flow_line.job import Job
from gemel.parts.simulators.flow_line.kernel import LANES
from gemel.parts.simulators.flow_line.replay import replay
from gemel.parts.simulators.flow_line.timeline import timeline, untold

__all__ = ["FlowLine", "replay", "timeline", "untold"]

_AT_ONCE = 16
"""Blocks of scenarios between two looks at whether to go on."""


class FlowLine(Simulator):
    """Departure times by recursion, many scenarios at once; for lines without overtaking."""

    api: ClassVar[int] = 1

    def uncovered(self, line: Line, start: Snapshot | None = None) -> tuple[str, ...]:
        found = _reasons(line)
        if start is not None and any(s.join == "assembly" for s in line.stations.values()):
            found.append("it begins with parts in front of an assembly")
        return tuple(found)

    def run(
        self,
        line: Line,
        trial: Trial,
        scenarios: Scenarios | None = None,
        *,
        executor: Executor | None = None,
        progress: Progress | None = None,
        resume: Run | None = None,
    ) -> Run:
        self.refuse_uncovered(line, trial.start)
        scenarios = Scenarios.same(line) if scenarios is None else scenarios
        scenarios.check(line)
        run = Run.empty(line, trial, len(scenarios)) if resume is None else resume
        job = Job(line, trial, scenarios, run)
        blocks = [
            (first, min(first + LANES, len(scenarios)))
            for first in range(0, len(scenarios), LANES)
            if not run.done[first : first + LANES].all()
        ]
        for begin in range(0, len(blocks), _AT_ONCE):
            some = blocks[begin : begin + _AT_ONCE]
            job.play(some, executor)
            for first, last in some:
                run.done[first:last] = True
            if progress is not None and not progress(int(run.done.sum()), len(scenarios)):
                break
        return run.with_departures(job.departures()) if job.keeps else run


def _reasons(line: Line) -> list[str]:
    found = []
    for name, s in line.stations.items():
        said = {
            "takes parts from several feeders as they come": s.join == "merge"
            and len(line.feeders(name)) > 1,
            "gives parts to the shortest queue": s.split == "shortest"
            and len(line.followers(name)) > 1,
            "has several servers, between which parts overtake": s.servers > 1,
            f"chooses by {s.dispatch}": s.dispatch != "fifo",
            "works in batches": s.batch is not None,
            "sends parts back": s.rework is not None,
            "shares people": s.needs is not None
            or any(f.crew for f in s.failures.values())
            or (s.setup is not None and bool(s.setup.crew)),
            "is reached by a way that takes time": s.travel is not None,
            "turns arrivals away": s.arrivals is not None and s.places is not None,
        }
        found += [f"'{name}' {what}" for what, there in said.items() if there]
    if any(p.route for p in line.products.values()):
        found.append("products have routes of their own")
    found += unordered(line)
    begins = [n for n in line.stations if not line.feeders(n)]
    ends = [n for n in line.stations if not line.followers(n)]
    splits = any(len(line.followers(n)) > 1 for n in line.stations)
    if len(begins) > 1:
        if splits or len(ends) > 1:
            found.append("it begins in several places and also parts ways")
        elif any(s.scrap and n not in ends for n, s in line.stations.items()):
            found.append("parts are thrown away before an assembly")
    return found
