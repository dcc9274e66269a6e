"""What comes after a log was cut: cases that are under way go on, new ones come.

A flow is played from some time before, until it has settled. Of routes the cases that are under way
are told one by one: each is a product of its own, whose route is what is still before it, as some
finished case went on that had come the same way; what runs is played to its end, given how long it
runs, and so is a wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.line import Distribution, Draws, Line
from gemel.core.line.closed import DAYS, WEEK
from gemel.core.line.luck import products
from gemel.core.line.rates import came_at
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import logged
from gemel.parts.simulators.events.journal import Journal
from gemel.twin.planning.learned.endings import finished
from gemel.twin.planning.learned.groups import completed
from gemel.twin.planning.learned.log import Log
from gemel.twin.planning.learned.report import Learned, span
from gemel.twin.planning.learned.visits import visits_of

__all__ = ["Future", "Outlook"]

_SETTLED: Final = 5.0
"""Lead times for which a flow is played before the cut, and after the period."""
_BEHIND: Final = 2
"""Periods of arrivals that are played: those after the first hold up those in it."""
_MOST: Final = 200_000
"""Visits of parts to stations in one future."""


@dataclass(frozen=True, slots=True)
class Future:
    """One that may come, in seconds since the cut.

    gone   float64[g] when cases leave
    leads  float64[n] from the beginning of the first work to leaving, of cases that begin within
           the period
    """

    gone: Values
    leads: Values


class Outlook:
    """Futures of a log that was cut, from the line that was learned from it."""

    def __init__(self, learned: Learned, log: Log, period: float, seed: int) -> None:
        self.learned, self.period, self.seed = learned, period, seed
        self.line, self.at = learned.line, log.until
        self._draws = Draws(seed)
        routed = any(p.route for p in self.line.products.values())
        self._begin = next((n for n, s in self.line.stations.items() if s.arrivals), "")
        if routed and self._begin:
            self._under_way = _under_way(learned, log)
        else:
            self._under_way = []
            self._settle(log)
        self._routed = routed

    def play(self, number: int) -> Future:
        """The future of this number; the same again if it is asked again."""
        return self._play_routes(number) if self._routed else self._play_flow(number)

    def _settle(self, log: Log) -> None:
        bounds = log.bounds
        ends = np.where(np.isnan(log.end), log.until, log.end)
        lead = np.maximum.reduceat(ends, bounds[:-1]) - log.start[bounds[:-1]]
        usual = float(np.quantile(lead, 0.9))
        calendar = WEEK if self.line.calendars else 0.0
        rate = len(log.case) / max(log.until - float(log.start.min()), 1.0)
        most = max(_MOST / rate - self.period, 0.0) / 2
        # What is open now may be closed until after the weekend.
        settled = min(_SETTLED * usual + calendar, most)
        self._before, self._after = ceil(settled / 60.0) * 60.0, settled

    def _play_flow(self, number: int) -> Future:
        begin = np.floor((self.at - self._before) / 60) * 60
        line = _beginning(self.line, float(begin))
        horizon = self.at - float(begin) + self.period + self._after
        trial = Trial(horizon_s=horizon, warm_up=0.0, seed=self.seed, first=number)
        return self._future(logged(line, trial), float(begin) - self.at, 0)

    def _play_routes(self, number: int) -> Future:
        random = np.random.default_rng([self.seed, number])
        document = dict(self.learned.document)
        told = dict(document["products"])
        sequence, coming = [], []
        for i, case in enumerate(self._under_way):
            name = f"under way {i + 1}"
            wait, route = case.onward(random)
            told[name] = {"route": route}
            sequence.append(name)
            coming.append(wait)
        new = self._arrivals(number)
        line = self.line
        kinds = products(line, self._draws, number, len(new))
        names = list(line.products)
        document["products"] = told
        # Who is under way comes at once or after its wait; the sequence is that of coming.
        sequence += [names[k] for k in kinds.tolist()]
        times = np.concatenate([np.array(coming), new])
        rank = np.argsort(times, kind="stable")
        document["sequence"] = [sequence[i] for i in rank.tolist()]
        begin = dict(document["stations"][self._begin])
        begin["arrivals"] = {"at": [f"{round(1e9 * t)} ns" for t in times[rank].tolist()]}
        document["stations"] = document["stations"] | {self._begin: begin}
        minute = np.floor(self.at / 60) * 60
        document["begins"] = _time_of_week(float(minute))
        played = Line.read(document)
        trial = Trial(parts=max(len(times), 1), warm_up=0.0, seed=self.seed, first=number)
        old = np.flatnonzero(rank < len(coming))
        return self._future(logged(played, trial), 0.0, old)

    def _arrivals(self, number: int) -> Values:
        """Seconds from the cut at which new cases come."""
        arrivals = self.line.stations[self._begin].arrivals
        if arrivals is None or arrivals.every is None:
            return np.zeros(0)
        until = _BEHIND * self.period
        begins = _time_of_week(float(np.floor(self.at / 60) * 60))
        count = 64
        while True:
            gaps = self._draws.times(number, (self._begin, "arrivals"), count, arrivals.every)
            times = came_at(arrivals, np.cumsum(gaps), begins)
            if times[-1] > until:
                return times[times <= until]
            if count > _MOST:
                return times
            count *= 2

    def _future(self, journal: Journal, zero: float, old: Any) -> Future:
        """`zero` is when it begins, from the cut; parts of the numbers `old` are not new."""
        part, start = np.array(journal.part, np.int64), np.array(journal.start)
        gone = np.array([(g[0], g[3]) for g in journal.gone], np.float64).reshape(-1, 2)
        first = np.full(int(part.max(initial=-1)) + 1, np.inf)
        np.minimum.at(first, part, start)
        whole = gone[:, 0].astype(np.int64)
        began, left = first[whole] + zero, gone[:, 1] + zero
        new = ~np.isin(whole, old) if np.ndim(old) else np.ones(len(whole), np.bool_)
        inside = new & (began >= 0) & (began < self.period)
        return Future(np.sort(left[left >= 0]), (left - began)[inside])


@dataclass(frozen=True, slots=True)
class _Case:
    """One that is under way: ways on, each stations with their times, of which one is drawn."""

    running: tuple[str, Distribution, float] | None
    waited: float
    ways: tuple[tuple[str, ...], ...]
    travels: dict[str, Distribution]

    def onward(self, random: np.random.Generator) -> tuple[float, list[dict[str, Any]]]:
        """Seconds until it comes to its next station, and its route from there."""
        way = self.ways[int(random.integers(len(self.ways)))] if self.ways else ()
        if self.running is not None:
            name, time, ran = self.running
            rest = span(max(_rest(time, ran, random), 1e-6))
            return 0.0, [{"station": name, "time": rest}, *({"station": s} for s in way)]
        travel = self.travels.get(way[0]) if way else None
        wait = 0.0 if travel is None else _rest(travel, self.waited, random)
        return wait, [{"station": s} for s in way]


def _rest(time: Distribution, ran: float, random: np.random.Generator) -> float:
    """Seconds that are left of a time that has lasted for `ran` seconds."""
    drawn = time.quantiles(random.uniform(2**-54, 1, 256))
    longer = drawn[drawn > ran]
    return float(longer[0]) - ran if len(longer) else 0.0


def _under_way(learned: Learned, log: Log) -> list[_Case]:
    visits = visits_of(log, together=True)
    done = finished(log)
    last = np.searchsorted(visits.case, np.arange(len(done)), side="right") - 1
    running = np.isnan(visits.end[last])
    _, all_ways = completed(visits.traces(), done.tolist(), running.tolist())
    titles = {s.title or name: name for name, s in learned.line.stations.items()}
    name_of = [titles.get(s, "") for s in log.stations]
    stations = learned.line.stations
    travels = {n: s.travel for n, s in stations.items() if s.travel is not None}
    found = []
    for case in np.flatnonzero(~done).tolist():
        row = int(last[case])
        ended = float(visits.end[row])
        named = tuple(tuple(name_of[s] for s in way) for way in all_ways[case])
        if ended != ended:
            here = name_of[int(visits.station[row])]
            ran = log.until - float(visits.start[row])
            found.append(_Case((here, stations[here].time, ran), 0.0, named, travels))
        elif named:
            found.append(_Case(None, log.until - ended, named, travels))
    return found


def _time_of_week(time: float) -> str:
    minute = round(time / 60) % (7 * 24 * 60)
    return f"{DAYS[minute // 1440]} {minute // 60 % 24:02}:{minute % 60:02}"


def _beginning(line: Line, time: float) -> Line:
    return line.model_copy(update={"begins": _time_of_week(time)})
