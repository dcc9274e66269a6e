"""From a log of cases at stations to a line: `learn_from_log`."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.fitting import Fit
from gemel.twin.planning.learned.arrivals import gaps_of, rates_of
from gemel.twin.planning.learned.calendars import opened
from gemel.twin.planning.learned.endings import finished
from gemel.twin.planning.learned.groups import represented
from gemel.twin.planning.learned.log import Log, Numbers
from gemel.twin.planning.learned.report import (
    Learned,
    StationReport,
    Writing,
    beside,
    names_of,
    span,
    time_of,
)
from gemel.twin.planning.learned.shop import WORTH, Place, Shop
from gemel.twin.planning.learned.visits import Flow, flow_of, visits_of

__all__ = ["PRODUCTS", "learn_from_log"]

PRODUCTS: Final = 40
"""Routes that a line is told by, where cases have many."""
_ENOUGH: Final = 0.8
_NOISE: Final = 0.0005
_SERVERS: Final = 1_000


def learn_from_log(
    log: Log, *, title: str = "Learned from a log", products: int = PRODUCTS
) -> Learned:
    """The line that would write such a log, and how well each number of it is known.

    Where nearly all cases go one way, with branches and ways back, it is a flow; else the line has
    products, at most about `products`, whose routes stand for those of the cases. Raises
    `DataError` where nothing is finished.
    """
    done = finished(log)
    if not done.any():
        raise DataError("no case of the log is finished; it takes whole cases to know their routes")
    apart = visits_of(log, together=False)
    whole = [t for t, over in zip(apart.traces(), done.tolist(), strict=True) if over]
    flow = flow_of(whole, len(log.stations))
    shop = Shop(log, apart if flow is not None else visits_of(log, together=True), done, flow)
    writing = _Writing(shop, title)
    if flow is not None:
        writing.flow(flow)
    else:
        writing.routes(products)
    return writing.learned()


class _Writing:
    """A line, while it is written from what the log tells of its stations."""

    def __init__(self, shop: Shop, title: str) -> None:
        self.shop, self.writing = shop, Writing(title)
        self.notes = list(shop.notes)
        self.gaps: dict[str, Fit] = {}
        self.names = {number: place.name for number, place in shop.places.items()}
        self.reports = {number: shop.report(place) for number, place in shop.places.items()}
        for number, place in shop.places.items():
            self._station(place, self.reports[number])

    def _station(self, place: Place, report: StationReport) -> None:
        put, path = self.writing.put, ("stations", place.name)
        original = self.shop.log.stations[place.number]
        if original != place.name:
            put((*path, "title"), original)
        put((*path, "time"), time_of(report.time.distribution), beside(report.time))
        if place.servers > 1:
            put((*path, "servers"), min(place.servers, _SERVERS))
        if place.places is not None:
            put((*path, "places"), place.places, "from when the station before had to wait")
        if place.batch is not None:
            put((*path, "batch"), {"least": place.batch.least, "most": place.batch.most})
        if report.travel is not None:
            share = 100 * report.unexplained_s / max(report.waited_s, 1e-9)
            said = f"no server explains {share:.0f} % of the waiting; {beside(report.travel)}"
            put((*path, "travel"), time_of(report.travel.distribution), said)
        if place.calendar:
            put((*path, "calendar"), place.calendar)

    def flow(self, flow: Flow) -> None:
        """Followers, shares, what goes back and what is lost, and arrivals."""
        put, names, before = self.writing.put, self.names, None
        for number, place in self.shop.places.items():
            path = ("stations", place.name)
            feeders = [names[f] for f, on in flow.followers.items() if number in on]
            if feeders != ([before] if before is not None else []):
                put((*path, "after"), feeders)
            before = place.name
            shares = flow.followers[number]
            if len(shares) > 1:
                put((*path, "split"), "share")
                put((*path, "shares"), {names[f]: round(s, 4) for f, s in shares.items()})
            if number in flow.lost:
                put((*path, "scrap"), round(flow.lost[number], 4), "of its parts leave here")
            if number in flow.rework:
                to, share, most = flow.rework[number]
                put((*path, "rework"), {"share": round(share, 4), "to": names[to], "most": most})
        if len(self.shop.log.products) > 1:
            self._products()
        for number in flow.begins:
            place = self.shop.places[number]
            first = np.isnan(place.came)
            if not self._always_enough(place, place.start[first], place.free[first]):
                here = np.zeros(int(first.sum()), np.int64)
                self._arrivals(place.name, place.start[first], place.free[first], here)
        if flow.covered < 1 - _NOISE:
            left_out = 100 * (1 - flow.covered)
            self.notes.append(f"{left_out:.1f} % of the ways of parts are left out as noise")

    def _products(self) -> None:
        """Kinds of parts with their shares, and their times of work where these differ."""
        kinds = names_of(self.shop.log.products)
        shares = np.bincount(self.shop.log.product, minlength=len(kinds))
        for kind, name in enumerate(kinds):
            if shares[kind]:
                self.writing.put(("products", name), {"share": int(shares[kind])})
        for place in self.shop.places.values():
            found = self.shop.by_product(place)
            if found:
                path = ("stations", place.name, "times")
                for kind, one in found.items():
                    self.writing.put((*path, kinds[kind]), time_of(one.distribution), beside(one))

    def _always_enough(self, place: Place, start: Values, free: Values) -> bool:
        """Whether parts are begun as soon as a server is free, so that there are always more."""
        if not self.shop.log.starts_known:
            return True
        later = np.isfinite(free)
        waits = opened(start[later], place.closed) - opened(free[later], place.closed)
        at_once = waits <= self.shop.near
        return bool(later.mean() >= _ENOUGH and at_once.mean() >= _ENOUGH)

    def _arrivals(self, name: str, times: Values, free: Values, station: Numbers) -> None:
        if len(times) < 2:
            return
        order = np.argsort(times, kind="stable")
        times, until = times[order], self.shop.log.until
        rates = rates_of(times, until)
        found, said = gaps_of(times, until, rates, free[order], self.shop.near, station[order])
        if said:
            self.notes.append(f"'{name}': {said}")
        if found.mean <= 0:
            return
        self.gaps[name] = found
        written: dict[str, Any] = {"every": time_of(found.distribution)}
        if rates:
            written["rates"] = rates
        self.writing.put(("stations", name, "arrivals"), written, beside(found, "gaps"))

    def routes(self, products: int) -> None:
        """Products whose routes stand for those of the cases, and arrivals."""
        shop, visits = self.shop, self.shop.visits
        traces, kinds = shop.traces, shop.log.product
        mean = {
            number: r.time.mean + (r.travel.mean if r.travel is not None else 0.0)
            for number, r in self.reports.items()
        }
        told = 0
        for kind in np.unique(kinds).tolist():
            mine = np.flatnonzero(kinds == kind)
            some = [traces[i] for i in mine.tolist()]
            effort = np.array([sum(mean[s] for s in t) for t in some])
            most = max(1, round(products * len(mine) / len(traces)))
            title = names_of([shop.log.products[kind]])[0]
            for trace, cases in represented(some, effort, most):
                told += 1
                self.writing.put(
                    ("products", f"{title} {told}"),
                    {
                        "share": len(cases),
                        "route": [{"station": self.names[s]} for s in trace],
                    },
                    f"stands for {len(cases)} cases",
                )
        different = len(set(traces))
        if different > told:
            self.notes.append(
                f"{different} different routes of {len(traces)} cases are told by {told}; "
                "--products tells more"
            )
        first = np.searchsorted(visits.case, np.arange(len(traces)))
        free = np.zeros(len(visits.case))
        for place in shop.places.values():
            free[place.rows] = place.free
        begin = next(iter(self.names.values()))
        self._arrivals(begin, visits.start[first], free[first], visits.station[first])

    def learned(self) -> Learned:
        document = self.writing.document
        if self.shop.shifts:
            document["calendars"] = self.shop.shifts
        document["begins"] = "mon 00:00"
        reports = tuple(self.reports.values())
        shared = [f"'{r.name}'" for r in reports if r.notes]
        if shared:
            more = f" and {len(shared) - 4} more" if len(shared) > 4 else ""
            self.notes.append(
                f"resources work at several stations ({', '.join(shared[:4])}{more}); in the line "
                "each station has servers of its own"
            )
        rest, waited = (sum(getattr(r, n) for r in reports) for n in ("unexplained_s", "waited_s"))
        if waited > 0 and rest > WORTH * waited:
            self.notes.append(
                f"{100 * rest / waited:.0f} % of all waiting ({span(rest)}) is explained by no "
                "server; `travel` tells how long it takes"
            )
        cases = len(self.shop.log.cases), int(self.shop.done.sum())
        return Learned(
            self.writing.line(), document, self.writing.comments, reports, self.gaps, cases,
            tuple(self.notes),
        )  # fmt: skip
