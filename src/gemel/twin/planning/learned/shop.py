"""What a log tells of each station: when it works, how many servers, how long, what waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from math import log as ln
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.line.closed import WEEK, Closed
from gemel.core.line.fitting import FEW, Fit, fit, resolution
from gemel.twin.planning.learned.calendars import (
    busy_hours,
    closed_time,
    open_hours,
    opened,
    shifts_of,
    smoothed,
)
from gemel.twin.planning.learned.groups import Trace, completed
from gemel.twin.planning.learned.log import Flags, Log, Numbers
from gemel.twin.planning.learned.queues import (
    Batches,
    batches_of,
    full_before,
    places_between,
    servers_of,
    unexplained,
)
from gemel.twin.planning.learned.report import StationReport, names_of
from gemel.twin.planning.learned.visits import Flow, Visits

__all__ = ["WORTH", "Place", "Shop"]

WORTH: Final = 0.01
"""Unexplained waiting of less than this share of the work is not worth a word."""
_WEEKS: Final = 2.0


@dataclass(slots=True)
class Place:
    """What is known of one station while the line is learned; columns by visit, infinity for an
    end that was not seen. From `since` to `free` no server was, for the last time before each."""

    number: int
    name: str
    rows: Numbers
    came: Values
    start: Values
    end: Values
    leave: Values
    since: Values
    free: Values
    servers: int = 1
    batch: Batches | None = None
    places: int | None = None
    calendar: str = ""
    closed: Closed = field(default_factory=lambda: Closed(*np.zeros((3, 0))))

    @property
    def one(self) -> Any:
        """A row for each that occupies the station: a part, or a batch."""
        return slice(None) if self.batch is None else self.batch.first


class Shop:
    """The stations of a log, in the order of the flow, or by their mean place in a case."""

    def __init__(self, log: Log, visits: Visits, done: Flags, flow: Flow | None) -> None:
        self.log, self.visits, self.done, self.flow = log, visits, done, flow
        self.notes = list(log.notes)
        self.shifts: dict[str, list[dict[str, Any]]] = {}
        times = np.concatenate([log.start, log.end[np.isfinite(log.end)]])
        self.near = max(resolution(times), 1e-6)
        self.traces: list[Trace] = visits.traces()
        self._waiting: dict[int, list[float]] = {}
        if flow is None:
            self._complete()
        names, came = names_of(log.stations), visits.came()
        end = np.where(np.isnan(visits.end), inf, visits.end)
        self.places: dict[int, Place] = {}
        for number in flow.order if flow is not None else _by_place(visits, len(names)):
            rows = np.flatnonzero(visits.station == number)
            if len(rows):
                self.places[number] = Place(
                    number, names[number], rows, came[rows], visits.start[rows], end[rows],
                    end[rows], *np.full((2, len(rows)), -inf),
                )  # fmt: skip
        if not log.starts_known:
            self.notes.append(
                "starts were not told: work is taken to begin when the case came and its resource "
                "was free, so that times hold what was waited for material or a place behind"
            )
        self._calendars()
        for place in self.places.values():
            self._servers(place)
        if flow is not None and log.starts_known:
            for place in self.places.values():
                self._blocked(place)
        for place in self.places.values():
            if place.batch is None:
                place.since, place.free = full_before(
                    place.start, place.leave, place.servers, self.near
                )
            else:
                place.free = np.full(len(place.start), inf)  # batches wait for each other

    def _complete(self) -> None:
        """Whole routes of all cases; who waits when the log is cut waits for where it would go."""
        visits = self.visits
        first = np.searchsorted(visits.case, np.arange(len(self.traces)))
        last = np.append(first[1:], len(visits.case)) - 1
        ended = visits.end[last]
        self.traces, ways = completed(self.traces, self.done.tolist(), np.isnan(ended).tolist())
        for case, some in ways.items():
            if some and np.isfinite(ended[case]):
                to = self.traces[case][int(last[case] - first[case]) + 1]
                self._waiting.setdefault(to, []).append(self.log.until - float(ended[case]))

    def _calendars(self) -> None:
        """When the plant works, and where a station differs from it."""
        log = self.log
        until = max(log.until, float(np.nanmax(np.append(log.end, log.start)))) + 1
        if log.until - float(log.start.min()) < _WEEKS * WEEK:
            self.notes.append("less than two weeks were seen: no calendar is told from them")
            return
        plant = open_hours(busy_hours(log.start, log.end))
        known = {"plant": shifts_of(plant)} if not plant.all() else {}
        for place in self.places.values():
            rows = log.station == place.number
            own = open_hours(smoothed(busy_hours(log.start[rows], log.end[rows])), plant)
            if own.all():
                continue
            shifts = shifts_of(own)
            alike = [name for name, other in known.items() if other == shifts]
            place.calendar = alike[0] if alike else place.name
            self.shifts[place.calendar] = known[place.calendar] = shifts
            place.closed = closed_time(shifts, until)

    def _servers(self, place: Place) -> None:
        log, visits = self.log, self.visits
        rows = place.rows
        if self.flow is None:  # the first row of a visit tells the resource
            rows = (np.cumsum(visits.pieces) - visits.pieces)[rows]
        ends = np.maximum(np.where(np.isinf(place.end), log.until, place.end), place.start)
        place.batch = batches_of(place.start, place.end, log.resource[rows])
        place.servers = servers_of(place.start[place.one], ends[place.one])
        if place.batch is not None and place.servers > 1:
            place.batch = None
            place.servers = servers_of(place.start, ends)

    def _blocked(self, place: Place) -> None:
        """Places behind it that block, between single servers in a row; and when parts left."""
        visits = self.visits
        goes = np.append(np.where(np.diff(visits.case) == 0, visits.station[1:], -1), -1)
        to = np.unique(goes[place.rows])
        to = to[to >= 0]
        if len(to) != 1 or to[0] == place.number or place.servers > 1 or place.batch is not None:
            return
        behind = self.places[int(to[0])]
        feeders = np.unique(visits.station[goes == behind.number])
        if len(feeders) > 1 or behind.servers > 1 or behind.batch is not None:
            return
        found = places_between(place.start, place.end, place.came, behind.start, self.near)
        if found is None:
            return
        behind.places = found
        # The k-th part leaves when it is done and the one `found` before it has gone on.
        order, taken = np.argsort(place.end, kind="stable"), np.sort(behind.start)
        k = np.arange(len(order)) - found
        gone = np.where((k >= 0) & (k < len(taken)), taken[np.clip(k, 0, len(taken) - 1)], -inf)
        place.leave[order] = np.maximum(place.end[order], gone)

    def _work(self, place: Place) -> tuple[Values, Flags, Flags]:
        """Open seconds of work of each part or batch; which of them are whole, and which run."""
        log = self.log
        begun, over = place.start[place.one], np.isfinite(place.end[place.one])
        ends = np.where(over, place.end[place.one], log.until)
        took = np.maximum(opened(ends, place.closed) - opened(begun, place.closed), 0.0)
        # Where starts are not told, the first end of all tells no time.
        return took, over & ((took > 0) | log.starts_known), ~over

    def by_product(self, place: Place) -> dict[int, Fit]:
        """Times of work of the products for which they differ: if a log-normal time for each is
        more likely than one for all, by Schwarz's criterion."""
        took, seen, runs = self._work(place)
        kind = self.log.product[self.visits.case[place.rows]][place.one]
        whole = seen & (took > 0)
        several = [k for k in np.unique(kind).tolist() if (whole & (kind == k)).sum() >= FEW]
        some = whole & np.isin(kind, several)
        if len(several) < 2 or np.ptp(took[some]) == 0:
            return {}
        logs = np.log(took[some])
        apart = sum(_spread(np.log(took[some & (kind == k)])) for k in several)
        gain = _spread(logs) - apart
        if gain <= 2 * (len(several) - 1) * ln(len(logs)):
            return {}
        return {k: fit(took[seen & (kind == k)], took[runs & (kind == k)]) for k in several}

    def report(self, place: Place) -> StationReport:
        """Work, and the waiting that no server explains."""
        log = self.log
        took, seen, runs = self._work(place)
        work = fit(took[seen], took[runs]) if seen.any() else fit(took)
        rest, way = unexplained(
            place.came, place.since, place.free, place.start, place.closed, self.near
        )
        travel = None
        if way is not None and rest.sum() > WORTH * max(work.mean, self.near) * len(rest):
            travel = fit(way, self._waiting.get(place.number, ()))
        waited = np.maximum(np.where(np.isnan(place.came), 0.0, place.start - place.came), 0.0)
        span = np.array([float(place.start.min()), log.until])
        there = float(np.diff(opened(span, place.closed))[0]) * place.servers
        return StationReport(
            place.name, len(place.rows), work, place.servers, float(took.sum()) / max(there, 1e-9),
            float(waited.sum()), float(rest.sum()), travel, {}, self._shared(place),
        )  # fmt: skip

    def _shared(self, place: Place) -> tuple[str, ...]:
        """Resources that work at other stations, too."""
        log = self.log
        told, here = log.resource >= 0, log.station == place.number
        mine = np.unique(log.resource[told & here])
        both = np.intersect1d(mine, log.resource[told & ~here])
        if not len(both):
            return ()
        return (f"{len(both)} of its {len(mine)} resources work at other stations, too",)


def _spread(logs: Values) -> float:
    """n times the logarithm of the variance, which is −2 times the likelihood but for what is the
    same for all."""
    return len(logs) * ln(max(float(logs.var()), 1e-12))


def _by_place(visits: Visits, many: int) -> tuple[int, ...]:
    """Stations by their mean place in a case."""
    place = np.arange(len(visits.case)) - np.searchsorted(visits.case, visits.case)
    count = np.bincount(visits.station, minlength=many)
    mean = np.bincount(visits.station, weights=place, minlength=many) / np.maximum(count, 1)
    return tuple(int(s) for s in np.argsort(mean, kind="stable") if count[s])
