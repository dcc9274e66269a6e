"""From a log of cases at stations to a line: `learn_from_log`."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.closed import WEEK, Closed
from gemel.core.line.fitting import Fit, fit, resolution
from gemel.twin.planning.learned.arrivals import gaps_of, rates_of
from gemel.twin.planning.learned.calendars import (
    busy_hours,
    closed_time,
    open_hours,
    opened,
    shifts_of,
    smoothed,
)
from gemel.twin.planning.learned.endings import finished
from gemel.twin.planning.learned.groups import completed, represented
from gemel.twin.planning.learned.log import Flags, Log, Numbers
from gemel.twin.planning.learned.queues import (
    Batches,
    batches_of,
    full_before,
    places_between,
    servers_of,
    unexplained,
)
from gemel.twin.planning.learned.report import (
    Learned,
    StationReport,
    Writing,
    beside,
    names_of,
    span,
    time_of,
)
from gemel.twin.planning.learned.visits import Flow, Visits, flow_of, visits_of

__all__ = ["learn_from_log"]

PRODUCTS: Final = 40
"""Routes that a line is told by, where cases have many."""
_WEEKS: Final = 2.0
_WORTH: Final = 0.01
"""Unexplained waiting of less than this share of the work is not worth a word."""
_ENOUGH: Final = 0.8
_NOISE: Final = 0.0005


@dataclass(slots=True)
class _Here:
    """What is known of one station while the line is learned."""

    number: int
    name: str
    rows: Numbers
    came: Values
    start: Values
    end: Values
    leave: Values
    batch: Batches | None
    servers: int
    closed: Closed
    calendar: str = ""
    places: int | None = None


def learn_from_log(log: Log, *, title: str = "Learned from a log", products: int = PRODUCTS) -> Learned:  # fmt: skip
    """The line that would write such a log, and how well each number of it is known.

    `products` is how many routes it is told by at most, where cases go too different ways for one
    flow. Raises `DataError` where nothing is finished.
    """
    done = finished(log)
    if not done.any():
        raise DataError("no case of the log is finished; it takes whole cases to know their routes")
    apart = visits_of(log, together=False)
    traces = [t for t, over in zip(apart.traces(), done.tolist(), strict=True) if over]
    flow = flow_of(traces, len(log.stations))
    visits = apart if flow is not None else visits_of(log, together=True)
    learning = _Learning(log, visits, done, flow, title)
    learning.calendars()
    learning.queues()
    learning.times()
    if flow is not None:
        learning.flow(flow)
    else:
        learning.routes(products)
    return learning.learned()


class _Learning:
    """A log while it becomes a line, in the order of the methods."""

    def __init__(
        self, log: Log, visits: Visits, done: Flags, flow: Flow | None, title: str
    ) -> None:
        self.log, self.visits, self.done, self.has_flow = log, visits, done, flow is not None
        self.writing = Writing(title)
        self.notes = list(log.notes)
        self.reports: list[StationReport] = []
        self.gaps: dict[str, Fit] = {}
        self.shifts: dict[str, list[dict[str, Any]]] = {}
        times = np.concatenate([log.start, log.end[np.isfinite(log.end)]])
        self.near = max(resolution(times), 1e-6)
        self.traces = visits.traces()
        self.waiting: dict[int, list[float]] = {}
        if flow is None:
            self._complete()
        order = flow.order if flow is not None else _by_place(visits, len(log.stations))
        names = names_of(log.stations)
        came = visits.came()
        end = np.where(np.isnan(visits.end), inf, visits.end)
        self.here: dict[int, _Here] = {}
        for number in order:
            rows = np.flatnonzero(visits.station == number)
            if len(rows):
                self.here[number] = _Here(
                    number, names[number], rows, came[rows], visits.start[rows], end[rows],
                    end[rows], None, 1, Closed(*np.zeros((3, 0))),
                )  # fmt: skip
        if not log.starts_known:
            self.notes.append(
                "starts were not told: work is taken to begin when the case came and its resource "
                "was free, so that times hold what was waited for a place behind"
            )

    def _complete(self) -> None:
        """Whole routes of all cases; who waits when the log is cut waits for where he would go."""
        visits = self.visits
        last = np.searchsorted(visits.case, np.arange(len(self.traces)), side="right") - 1
        ended = visits.end[last]
        self.traces, ways = completed(
            self.traces, self.done.tolist(), np.isnan(ended).tolist()
        )
        for case, some in ways.items():
            if some and np.isfinite(ended[case]):
                to = self.traces[case][int(last[case] - np.searchsorted(visits.case, case)) + 1]
                self.waiting.setdefault(to, []).append(self.log.until - float(ended[case]))

    def calendars(self) -> None:
        """When the plant works, and where a station differs from it."""
        log = self.log
        until = max(log.until, float(np.nanmax(np.append(log.end, log.start)))) + 1
        if log.until - float(log.start.min()) < _WEEKS * WEEK:
            self.notes.append("less than two weeks were seen: no calendar is told from them")
            return
        plant = open_hours(busy_hours(log.start, log.end))
        self._calendar("plant", plant)
        for here in self.here.values():
            rows = log.station == here.number
            own = open_hours(smoothed(busy_hours(log.start[rows], log.end[rows])), plant)
            if (own != plant).any():
                self._calendar(here.name, own)
            elif not plant.all():
                here.calendar = "plant"
        for here in self.here.values():
            known = next((n for n in (here.name, here.calendar) if n in self.shifts), "")
            alike = next((n for n, s in self.shifts.items() if known and s == self.shifts[known]), "")  # fmt: skip
            here.calendar = alike
            here.closed = closed_time(self.shifts.get(alike, []), until)
        used = {here.calendar for here in self.here.values()}
        self.shifts = {name: s for name, s in self.shifts.items() if name in used}

    def _calendar(self, name: str, hours: Flags) -> None:
        if not hours.all():
            self.shifts[name] = shifts_of(hours)

    def queues(self) -> None:
        """Servers, batches, and places that block."""
        log, visits = self.log, self.visits
        for here in self.here.values():
            resource = log.resource[np.searchsorted(log.case, visits.case[here.rows])]
            if self.has_flow:  # visits are rows of the log
                resource = log.resource[here.rows]
            here.batch = batches_of(here.start, here.end, resource)
            one = slice(None) if here.batch is None else here.batch.first
            ends = np.where(np.isinf(here.end), log.until, here.end)[one]
            here.servers = servers_of(here.start[one], np.maximum(ends, here.start[one]))
            if here.batch is not None and here.servers > 1:
                here.batch = None
                here.servers = servers_of(here.start, np.where(np.isinf(here.end), log.until, here.end))  # fmt: skip
        if not self.has_flow or not log.starts_known:
            return
        following = np.append(visits.station[1:], -1)
        following[np.flatnonzero(np.diff(visits.case) != 0)] = -1
        for here in self.here.values():
            to = np.unique(following[here.rows])
            to = to[to >= 0]
            if len(to) != 1 or to[0] == here.number or here.servers > 1 or here.batch is not None:
                continue
            behind = self.here[int(to[0])]
            fed = np.unique(visits.station[np.flatnonzero(following == behind.number)])
            if len(fed) > 1 or behind.servers > 1 or behind.batch is not None:
                continue
            found = places_between(here.start, here.end, here.came, behind.start, self.near)
            if found is None:
                continue
            behind.places = found
            # The k-th part leaves when it is done and the one `found` before it has gone on.
            order = np.argsort(here.end, kind="stable")
            taken = np.sort(behind.start)
            k = np.arange(len(order)) - found
            gone = np.where((k >= 0) & (k < len(taken)), taken[np.clip(k, 0, len(taken) - 1)], -inf)
            here.leave[order] = np.maximum(here.end[order], gone)

    def times(self) -> None:
        """Work, and waiting that no server explains."""
        for here in self.here.values():
            one = slice(None) if here.batch is None else here.batch.first
            begun, over = here.start[one], np.isfinite(here.end[one])
            ends = np.where(over, here.end[one], self.log.until)
            took = np.maximum(opened(ends, here.closed) - opened(begun, here.closed), 0.0)
            work = fit(took[over], took[~over]) if over.any() else fit(took)
            free = full_before(here.start, here.leave, here.servers) if here.batch is None else np.full(len(here.start), inf)  # fmt: skip
            waited = np.where(np.isnan(here.came), 0.0, np.maximum(here.start - here.came, 0.0))
            rest, travel = unexplained(here.came, free, here.start, here.closed, self.near)
            if rest.sum() <= _WORTH * max(work.mean, self.near) * len(rest):
                travel = None
            begin = float(here.start.min())
            there = float(np.diff(opened(np.array([begin, self.log.until]), here.closed))[0])
            notes = self._shared(here)
            self.reports.append(
                StationReport(
                    here.name, len(here.rows), work, here.servers,
                    float(took.sum()) / max(there * here.servers, 1e-9), float(waited.sum()),
                    float(rest.sum()), None if travel is None else fit(travel, self.waiting.get(here.number, ())), {}, notes,
                )
            )  # fmt: skip
            self._write(here, self.reports[-1])

    def _shared(self, here: _Here) -> tuple[str, ...]:
        """Resources that work at other stations, too."""
        log = self.log
        mine = np.unique(log.resource[(log.station == here.number) & (log.resource >= 0)])
        others = np.unique(log.resource[(log.station != here.number) & (log.resource >= 0)])
        both = np.intersect1d(mine, others)
        if not len(both):
            return ()
        return (f"{len(both)} of its {len(mine)} resources work at other stations, too",)

    def _write(self, here: _Here, report: StationReport) -> None:
        put, place = self.writing.put, ("stations", here.name)
        original = self.log.stations[here.number]
        if original != here.name:
            put((*place, "title"), original)
        put((*place, "time"), time_of(report.time.distribution), beside(report.time))
        if here.servers > 1:
            put((*place, "servers"), min(here.servers, 1000))
        if here.places is not None:
            put((*place, "places"), here.places, "from when the station before had to wait")
        if here.batch is not None:
            put((*place, "batch"), {"least": here.batch.least, "most": here.batch.most})
        if report.travel is not None:
            said = f"waiting that no server explains, {100 * report.unexplained_s / max(report.waited_s, 1e-9):.0f} % of all; {beside(report.travel)}"  # fmt: skip
            put((*place, "travel"), time_of(report.travel.distribution), said)
        if here.calendar:
            put((*place, "calendar"), here.calendar)

    def flow(self, flow: Flow) -> None:
        """Followers, shares, what goes back and what is lost, and arrivals."""
        put = self.writing.put
        names = {number: here.name for number, here in self.here.items()}
        for number, here in self.here.items():
            place = ("stations", here.name)
            feeders = [names[f] for f, on in flow.followers.items() if number in on]
            previous = list(names.values()).index(here.name) - 1
            expected = [list(names.values())[previous]] if previous >= 0 else []
            if feeders != expected:
                put((*place, "after"), feeders)
            shares = flow.followers[number]
            if len(shares) > 1:
                put((*place, "split"), "share")
                put((*place, "shares"), {names[f]: round(s, 4) for f, s in shares.items()})
            if number in flow.lost:
                put((*place, "scrap"), round(flow.lost[number], 4), "of its parts leave here")
            if number in flow.rework:
                to, share, most = flow.rework[number]
                put((*place, "rework"), {"share": round(share, 4), "to": names[to], "most": most})
        for number in flow.begins:
            here = self.here[number]
            first = np.isnan(here.came)
            free = full_before(here.start, here.leave, here.servers)[first]
            if not self._always_enough(here, here.start[first], free):
                self._arrivals(here.name, here.start[first], free, np.zeros(int(first.sum()), np.int64))
        if flow.covered < 1 - _NOISE:
            self.notes.append(
                f"{100 * (1 - flow.covered):.1f} % of the ways of parts are left out as noise"
            )

    def _always_enough(self, here: _Here, start: Values, free: Values) -> bool:
        """Whether parts are begun as soon as a server is free, so that there are always more."""
        if not self.log.starts_known:
            return True
        later = np.isfinite(free)
        waits = opened(start[later], here.closed) - opened(free[later], here.closed)
        return bool(later.mean() >= _ENOUGH and (waits <= self.near).mean() >= _ENOUGH)

    def _arrivals(self, name: str, times: Values, free: Values, station: Numbers) -> None:
        if len(times) < 2:
            return
        order = np.argsort(times, kind="stable")
        times, free, station = times[order], free[order], station[order]
        rates = rates_of(times, self.log.until)
        found, said = gaps_of(times, self.log.until, rates, free, self.near, station)
        if said:
            self.notes.append(f"'{name}': {said}")
        if found.mean <= 0:
            return
        self.gaps[name] = found
        written = {"every": time_of(found.distribution)}
        if rates:
            written["rates"] = rates
        self.writing.put(("stations", name, "arrivals"), written, beside(found, "gaps"))

    def routes(self, products: int) -> None:
        """Products whose routes stand for those of the cases, and arrivals."""
        names = {number: here.name for number, here in self.here.items()}
        traces = self.traces
        mean = {h.number: r.time.mean + (r.travel.mean if r.travel else 0.0)
                for h, r in zip(self.here.values(), self.reports, strict=True)}  # fmt: skip
        whole = np.arange(len(traces))
        kinds = self.log.product[whole]
        told = 0
        for kind in np.unique(kinds).tolist():
            mine = whole[kinds == kind]
            some = [traces[i] for i in mine.tolist()]
            effort = np.array([sum(mean[s] for s in t) for t in some])
            share = max(1, round(products * len(mine) / len(whole)))
            for trace, cases in represented(some, effort, share):
                told += 1
                name = f"{names_of([self.log.products[kind]])[0]} {told}"
                self.writing.put(
                    ("products", name),
                    {"share": len(cases), "route": [{"station": names[s]} for s in trace]},
                    f"stands for {len(cases)} cases",
                )
        different = len(set(traces[i] for i in whole.tolist()))
        if different > told:
            self.notes.append(
                f"{different} different routes of {len(whole)} cases are told by {told}; "
                f"--products tells more"
            )
        first = np.searchsorted(self.visits.case, np.arange(len(self.log.cases)))
        free = np.full(len(self.visits.case), -inf)
        for here in self.here.values():
            free[here.rows] = full_before(here.start, here.leave, here.servers)
        self._arrivals(next(iter(names.values())), self.visits.start[first], free[first], self.visits.station[first])

    def learned(self) -> Learned:
        document = self.writing.document
        for name, shifts in self.shifts.items():
            document.setdefault("calendars", {})[name] = shifts
        document["begins"] = "mon 00:00"
        shared = [r.name for r in self.reports if r.notes]
        if shared:
            self.notes.append(
                f"resources are shared between stations ({', '.join(shared[:4])}"
                + (f" and {len(shared) - 4} more" if len(shared) > 4 else "")
                + "); the line has servers of their own for each"
            )
        rest = sum(r.unexplained_s for r in self.reports)
        waited = sum(r.waited_s for r in self.reports)
        if rest > _WORTH * waited and waited > 0:
            self.notes.append(
                f"{100 * rest / waited:.0f} % of all waiting ({span(rest)}) is explained by no "
                "server; it is in `travel`"
            )
        return Learned(
            self.writing.line(), document, self.writing.comments, tuple(self.reports), self.gaps,
            (len(self.log.cases), int(self.done.sum())), tuple(self.notes),
        )  # fmt: skip


def _by_place(visits: Visits, many: int) -> tuple[int, ...]:
    """Stations by their mean place in a case."""
    first = np.searchsorted(visits.case, visits.case)
    place = np.arange(len(visits.case)) - first
    count = np.bincount(visits.station, minlength=many)
    mean = np.bincount(visits.station, weights=place, minlength=many) / np.maximum(count, 1)
    return tuple(int(s) for s in np.argsort(mean, kind="stable") if count[s])
