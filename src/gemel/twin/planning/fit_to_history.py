"""A line that was learned from history, beside the one that the plant file describes, and how well
it would have told what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.line import Line, Station
from gemel.parts.simulators.base import Trial
from gemel.twin.planning.choice import simulator_for
from gemel.twin.planning.learned import Counts, Learned, States, learn_from_history
from gemel.twin.planning.learned.report import StationReport

__all__ = ["Compared", "Told", "beside_described", "told_later", "with_places"]

_KNOWN: Final = 2 / 3
_FUTURES: Final = 40


@dataclass(frozen=True, slots=True)
class Compared:
    """A number of a station: learned, float in s or parts, with its 95 % interval where it has one,
    beside that of the plant file; None where one of them says nothing."""

    station: str
    what: str
    learned: float | None
    low: float | None
    high: float | None
    described: float | None

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Told:
    """The last third of history, told from the first two: parts that the last station made in
    `span_s`, beside what the line learned until then says (mean, and 90 % of its futures), and the
    pace so far, which needs no line."""

    span_s: float
    made: float
    mean: float
    low: float
    high: float
    so_far: float

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def beside_described(learned: Learned, described: Line) -> tuple[Compared, ...]:
    """Time of work, places, time of work between stops and length of stops, of each station that
    both have; stops of all causes together, since two hands name them in two ways."""
    found = []
    for report in learned.stations:
        mine, theirs = learned.line.stations[report.name], described.stations.get(report.name)
        if theirs is None:
            continue
        time, name = report.time, report.name
        found.append(Compared(name, "time", time.mean, time.low, time.high, theirs.time.mean_s))
        if learned.line.feeders(name):
            places = (None if s.places is None else float(s.places) for s in (mine, theirs))
            first, second = places
            found.append(Compared(name, "places", first, None, None, second))
        for what, one, other in zip(
            ("between stops", "stop"), _stops(mine), _stops(theirs), strict=True
        ):
            found.append(Compared(name, what, one, *_known(report, what), other))
    return tuple(found)


def with_places(learned: Line, described: Line) -> Line:
    """The learned line; a limit of places that nobody has met is that of the description."""
    stations = {
        name: station.model_copy(update={"places": described.stations[name].places})
        if station.places is None and name in described.stations and learned.feeders(name)
        else station
        for name, station in learned.stations.items()
    }
    return learned.model_copy(update={"stations": stations})


def told_later(
    stations: Sequence[str], states: States, counts: Counts, causes: Sequence[str], until: float,
    seed: int = 0,
) -> Told:  # fmt: skip
    """Learn from the first two thirds of history, and hold the line against the rest of it. Raises
    `DataError` where that is too little to learn from."""
    begin = float(min(states.time.min(), counts.time.min()))
    cut = begin + _KNOWN * (until - begin)
    learned = learn_from_history(
        stations, states.until(cut), counts.until(cut), causes=causes, until=cut
    )
    last = counts.station == len(stations) - 1
    order = np.argsort(counts.time[last], kind="stable")
    count = np.maximum.accumulate(counts.count[last][order])
    at = np.interp((begin, cut, until), counts.time[last][order], count)
    span = until - cut
    if span <= 0 or cut <= begin:
        raise DataError("history is too short to be told from itself")
    # It begins empty, so that a third is played before what is measured.
    trial = Trial(horizon_s=1.5 * span, warm_up=1 / 3, replications=_FUTURES, seed=seed)
    run = simulator_for(learned.line)[1].run(learned.line, replace(trial, keep=()))
    futures = run.throughput[0] * span
    low, high = np.quantile(futures, (0.05, 0.95)).tolist()
    pace = float(at[1] - at[0]) / (cut - begin)
    return Told(
        span, float(at[2] - at[1]), float(futures.mean()), float(low), float(high), pace * span
    )


def _stops(station: Station) -> tuple[float | None, float | None]:
    """Mean time of work between stops of any cause, and how long they last, s."""
    often = [1 / f.every.mean_s for f in station.failures.values()]
    if not often:
        return None, None
    lasts = [f.repair.mean_s for f in station.failures.values()]
    rate = sum(often)
    return 1 / rate, sum(o * r for o, r in zip(often, lasts, strict=True)) / rate


def _known(report: StationReport, what: str) -> tuple[float | None, float | None]:
    """The interval of a mean, where one cause alone makes the stops."""
    if len(report.failures) != 1:
        return None, None
    every, repair = next(iter(report.failures.values()))
    fit = every if what == "between stops" else repair
    return fit.low, fit.high
