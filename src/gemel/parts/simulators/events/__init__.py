"""Lines by events: everything that a description can say, one part after the other.

Slower than the recursion by three orders of magnitude and without its limits: parts overtake, go
back, wait for people and vehicles, are chosen by rules, and are worked on in batches.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line import Draws, Line, Snapshot
from gemel.parts.simulators.base import (
    STATES,
    Progress,
    Run,
    Scenarios,
    Simulator,
    Trial,
    energy_per_part,
)
from gemel.parts.simulators.events.deciding import ASK, PART, Decide, Question
from gemel.parts.simulators.events.film import Film
from gemel.parts.simulators.events.floor import Floor
from gemel.parts.simulators.events.journal import Journal
from gemel.parts.simulators.events.place import Place

__all__ = [
    "ASK", "PART", "Decide", "Events", "Film", "Outcome", "Question", "decided", "filmed", "logged",
    "usual",
]  # fmt: skip


class Events(Simulator):
    """One event after the other; for every line, unless repairs by the calendar take people."""

    api: ClassVar[int] = 1

    def uncovered(self, line: Line, start: Snapshot | None = None) -> tuple[str, ...]:
        return tuple(
            f"'{name}' fails by the calendar, and its repair takes people"
            for name, station in line.stations.items()
            if any(f.crew and f.counted_in == "calendar" for f in station.failures.values())
        )

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
        left: dict[tuple[int, int], list[float]] = {}
        draws = Draws(trial.seed)

        def play(task: tuple[int, int]) -> None:
            s, r = task
            floor = _play(line, trial, scenarios, draws, s, r)
            left[task] = floor.departures
            _measure(run, line, floor, s, r)

        for s in np.flatnonzero(~run.done).tolist():
            tasks = [(s, r) for r in range(trial.replications)]
            list(executor.map(play, tasks) if executor is not None else map(play, tasks))
            run.done[s] = True
            if progress is not None and not progress(int(run.done.sum()), len(scenarios)):
                break
        if "departures" not in trial.keep:
            return run
        return run.with_departures(_departures(run, trial, left))


def logged(line: Line, trial: Trial) -> Journal:
    """What a log of the line would hold: one replication, the first of the trial, as it is, with
    the departures of `Events.run`; the warm-up is in it.

    Raises `ConfigurationError` for a line that is not covered, `DataError` for one that stands
    still.
    """
    Events().refuse_uncovered(line)
    written = Journal()
    _play(line, trial, Scenarios.same(line), Draws(trial.seed), 0, 0, written)
    return written


def filmed(
    line: Line, trial: Trial, scenarios: Scenarios | None = None, moments: int = 200
) -> Film:
    """The first scenario in the first replication of a trial with a horizon, with the departures
    of `Events.run`; the warm-up is in it.

    Raises `ConfigurationError` for a line that is not covered or a trial without a horizon,
    `DataError` for a line that stands still.
    """
    Events().refuse_uncovered(line, trial.start)
    if trial.horizon_s is None:
        raise ConfigurationError("a film has a horizon, not a number of parts")
    scenarios = Scenarios.same(line) if scenarios is None else scenarios
    scenarios.check(line)
    floor = _floor(line, trial, scenarios, Draws(trial.seed), 0, 0)
    places = list(floor.places.values())
    times = np.linspace(0.0, trial.horizon_s, moments)
    waiting = np.zeros((moments, len(places)), np.int64)
    spent = np.zeros((moments, len(places), len(STATES)))
    left = np.zeros(moments, np.int64)
    for k, time in enumerate(times.tolist()):
        while floor.step(time):
            pass
        floor.now = time
        left[k] = len(floor.departures)
        for i, place in enumerate(places):
            waiting[k, i] = len(place.line_up) + sum(map(len, place.queue.values()))
            if time:
                spent[k, i] = _states(place, 0.0, time) * time
    shares = np.diff(spent, axis=0, prepend=0.0) / times[1]
    shares[0] = shares[1]
    return Film(line.names, times, waiting, np.clip(shares, 0.0, 1.0), left)


def _floor(
    line: Line, trial: Trial, scenarios: Scenarios, draws: Draws, s: int, r: int,
    decide: Decide | None = None,
) -> Floor:  # fmt: skip
    columns = (scenarios.time, scenarios.between, scenarios.repair, scenarios.places)
    factors = list(zip(*(c[s].tolist() for c in columns), strict=True))
    caps = scenarios.caps[s].tolist()
    return Floor(line, draws, trial.first + r, factors, caps, trial.start, decide)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of the decisions in one replication, after the warm-up.

    departures  float64[n]  times at which parts left, of the warm-up too, s
    inside_s    part-seconds in the line
    late_s      part-seconds behind due dates
    parts       that came
    left        parts that left, late those of them that were late
    end         when it was over, s
    """

    departures: Values
    inside_s: float
    late_s: float
    parts: int
    left: int
    late: int
    end: float


def usual(question: Question) -> int:
    """Decides as the line's own rules do."""
    return question.usual


def decided(line: Line, trial: Trial, decide: Decide = usual, replication: int = 0) -> Outcome:
    """The line with somebody who decides which part is next at a station where several wait, and
    whom a crew serves first; one replication of the trial, with the luck of `Events.run`.

    Raises what `Events.run` raises, and `DataError` for an answer that was not offered.
    """
    Events().refuse_uncovered(line, trial.start)
    floor = _play(
        line, trial, Scenarios.same(line), Draws(trial.seed), 0, replication, decide=decide
    )
    account = floor.account
    if account is None:
        raise AssertionError("who decides has an account")
    account.until(floor.now)
    return Outcome(
        np.array(floor.departures), account.inside_s, account.late_s, account.came_in,
        account.left_all, account.left_late, floor.now,
    )  # fmt: skip


def _play(
    line: Line, trial: Trial, scenarios: Scenarios, draws: Draws, s: int, r: int,
    written: Journal | None = None, decide: Decide | None = None,
) -> Floor:  # fmt: skip
    floor = _floor(line, trial, scenarios, draws, s, r, decide)
    floor.journal = written
    if trial.horizon_s is not None:
        if trial.warm_up:
            while floor.step(trial.warm_up * trial.horizon_s):
                pass
            floor.now = trial.warm_up * trial.horizon_s
            floor.measure_from_now()
        while floor.step(trial.horizon_s):
            pass
        floor.now = trial.horizon_s
        return floor
    parts = trial.parts or 1
    warm = int(trial.warm_up * parts)
    while len(floor.departures) < warm and floor.step(np.inf):
        pass
    if warm:
        floor.measure_from_now()
    while len(floor.departures) < parts and floor.step(np.inf):
        pass
    return floor


def _measure(run: Run, line: Line, floor: Floor, s: int, r: int) -> None:
    span = floor.now - floor.measured_from
    floor.area += floor.inside * (floor.now - floor.last)
    if span > 0:
        run.throughput[s, r] = floor.good / span
        run.wip[s, r] = floor.area / span
    if floor.good:
        run.lead[s, r] = floor.lead / floor.good
    if floor.exits:
        run.scrapped[s, r] = 1 - floor.good / floor.exits
    run.lost[s, r] = floor.lost / floor.all_arrived if floor.all_arrived else 0.0
    run.end[s, r] = floor.departures[-1] if floor.departures else np.nan
    if run.states is not None and run.energy is not None and span > 0:
        for i, place in enumerate(floor.places.values()):
            run.states[s, r, i] = _states(place, floor.measured_from, floor.now)
        here = slice(s, s + 1)
        energy = energy_per_part(line, run.states[here, r], run.throughput[here, r])
        run.energy[here, r] = energy


def _states(place: Place, start: float, end: float) -> Values:
    """Shares in the order of `STATES`, over all servers of a station."""
    servers = place.servers
    span = (end - start) * servers
    off, down = place.clock.off_and_down(start, end)
    sums = dict(place.sums)
    work, repairs = place.ahead(end)
    sums["working"] -= work
    sums["down"] -= repairs
    for job in place.busy:
        if job.done:
            sums["blocked"] += place.clock.open_between(max(job.done, start), end)
    if place.held is not None:
        sums["blocked"] += place.clock.open_between(max(place.held, start), end)
    found = {
        "working": sums["working"], "blocked": sums["blocked"], "set-up": sums["set-up"],
        "down": sums["down"] + down * servers, "off": off * servers,
    }  # fmt: skip
    rest = span - sum(found.values())
    shares = np.array([found.get(state, max(rest, 0.0)) for state in STATES])
    return shares / shares.sum() if rest < 0 else shares / span


def _departures(run: Run, trial: Trial, left: dict[tuple[int, int], list[float]]) -> Values:
    longest = max([len(d) for d in left.values()], default=0)
    if trial.parts is not None:
        longest = trial.parts
    if run.departures is not None:
        longest = max(longest, run.departures.shape[2])
    kept = np.full((*run.throughput.shape, longest), np.nan)
    if run.departures is not None:
        kept[:, :, : run.departures.shape[2]] = run.departures
    for (s, r), times in left.items():
        n = min(len(times), longest)
        kept[s, r, :n] = times[:n]
    return kept
