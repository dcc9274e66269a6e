"""Everything that one replication of a line needs, as arrays: what the recursion reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.line import Draws, Line, Snapshot, Station
from gemel.core.line.closed import Closed, closed_times
from gemel.core.line.luck import failures_in_operation, products, setups
from gemel.core.line.rates import came_at
from gemel.core.line.underway import first_products
from gemel.parts.simulators.flow_line.underway import NOTHING, Underway, underway

__all__ = ["Sheet", "order_of", "sheet"]

Numbers = npt.NDArray[np.int64]
GONE: Final = -1
ELSEWHERE: Final = -2


@dataclass(frozen=True)
class Sheet:
    """Arguments of `kernel.play` that do not depend on the scenario; stations in order of flow."""

    order: Numbers
    way: npt.NDArray[np.int16]
    feeds: Numbers
    feed: Numbers
    work: Values
    setup: Values
    arrivals: Values
    has_arrivals: npt.NDArray[np.bool_]
    failure_from: Numbers
    failure_at: Values
    repair: Values
    before: npt.NDArray[np.bool_]
    good: npt.NDArray[np.bool_]
    begun: Underway

    @cached_property
    def worked(self) -> Values:
        """Sum of the work up to each part, float64[m, n]."""
        return np.cumsum(self.work, axis=1)


def order_of(line: Line) -> list[str]:
    """The stations, each after those that feed it."""
    placed: dict[str, None] = {}
    waiting = list(line.stations)
    while waiting:
        rest = [n for n in waiting if not all(f in placed for f in line.feeders(n))]
        placed |= dict.fromkeys(n for n in waiting if n not in rest)
        waiting = rest
    return list(placed)


def sheet(
    line: Line, draws: Draws, replication: int, parts: int, slowest: Values, soonest: Values,
    start: Snapshot | None = None,
) -> Sheet:  # fmt: skip
    """For `parts` parts, those of `start` first. `slowest` and `soonest` are, by station of the
    line, the greatest factor of time and the least of the time between failures among the
    scenarios: so many failures are drawn."""
    order = order_of(line)
    place = {name: i for i, name in enumerate(order)}
    original = np.array([line.names.index(name) for name in order], np.int64)
    begun = NOTHING if start is None else underway(line, start, order, draws, replication)
    parts = max(parts, len(begun.entry))
    new = products(line, draws, replication, parts)
    if start is not None:
        new = np.concatenate([begun.kind, first_products(line, start), new])[:parts]
    kind = new
    visitors, way, good = _ways(line, order, place, draws, replication, parts, begun)
    m = len(order)
    work = np.zeros((m, parts))
    some_setup = any(line.stations[n].setup is not None for n in order) and len(line.products) > 1
    setup = np.zeros((m, parts if some_setup else 0))
    some_arrivals = any(line.stations[n].arrivals is not None for n in order)
    arrivals = np.zeros((m, parts if some_arrivals else 0))
    for i, name in enumerate(order):
        station, here = line.stations[name], visitors[i]
        n = parts if here is None else len(here)
        mine = kind if here is None else kind[here]
        _work(line, name, station, draws, replication, mine, work[i, :n])
        if name in begun.work and n:
            work[i, 0] = begun.work[name]
        if some_setup and station.setup is not None:
            before = begun.family.get(name, "")
            setup[i, :n] = setups(line, name, draws, replication, mine, before)
        if station.arrivals is not None:
            there = int((begun.entry == i).sum())
            arrivals[i, there:] = arrival_times(line, name, draws, replication, parts - there)
    found = [
        failures_in_operation(
            line.stations[name], name, draws, replication,
            float(work[i].sum()) * (1 + 1e-9) * slowest[original[i]] / soonest[original[i]],
        )
        for i, name in enumerate(order)
    ]  # fmt: skip
    feeders = [[place[f] for f in line.feeders(name)] for name in order]
    return Sheet(
        original, way, _starts(feeders), np.array([f for fs in feeders for f in fs], np.int64),
        work, setup, arrivals,
        np.array([line.stations[n].arrivals is not None for n in order]),
        _starts([at for at, _ in found]), np.concatenate([at for at, _ in found]),
        np.concatenate([rest for _, rest in found]),
        np.array([line.stations[n].blocking == "before" for n in order]), good, begun,
    )  # fmt: skip


def _work(
    line: Line, name: str, station: Station, draws: Draws, replication: int, kind: Numbers,
    out: Values,
) -> None:  # fmt: skip
    """The k-th uniform number of the station becomes the time of the product that is its k-th."""
    if not station.times:
        out[:] = draws.times(replication, (name, "time"), len(out), station.time)
        return
    uniforms = draws.uniforms(replication, (name, "time"), len(out))
    for number, product in enumerate(line.products):
        rows = kind == number
        distribution = station.times.get(product, station.time)
        out[rows] = distribution.quantiles(uniforms[rows])


def _ways(
    line: Line, order: list[str], place: dict[str, int], draws: Draws, replication: int,
    parts: int, begun: Underway,
) -> tuple[list[Numbers | None], npt.NDArray[np.int16], npt.NDArray[np.bool_]]:  # fmt: skip
    """Which parts come to each station (None: all), where each goes from there, and which leave as
    good ones. Where all parts go the same way, a row for each that is under way at the start, and
    one for all others."""
    m = len(order)
    good = np.ones(parts, np.bool_)
    followers = [[place[f] for f in line.followers(name)] for name in order]
    if all(len(f) <= 1 for f in followers) and not any(s.scrap for s in line.stations.values()):
        only = np.array([[f[0] if f else GONE for f in followers]], np.int16)
        if not len(begun.entry):
            return [None] * m, only, good
        rows = np.repeat(only, len(begun.entry) + 1, axis=0)
        come: list[Numbers | None] = []
        for i in range(m):
            beyond = np.array([not _reaches(at, i, followers) for at in range(m)])
            passed = np.flatnonzero(beyond[begun.entry])
            rows[passed, i] = ELSEWHERE
            come.append(np.delete(np.arange(parts), passed))
        return come, rows, good
    way = np.full((parts, m), ELSEWHERE, np.int16)
    coming: list[Numbers | None] = [None] * m
    everyone = np.arange(parts)
    for i, name in enumerate(order):
        station = line.stations[name]
        feeders = [place[f] for f in line.feeders(name)]
        fed = way[:, feeders[0]] == i if feeders else everyone >= len(begun.entry)
        fed[: len(begun.entry)] |= begun.entry == i
        here = np.flatnonzero(fed)
        coming[i] = here
        bad = np.zeros(len(here), np.bool_)
        if station.scrap:
            bad = draws.uniforms(replication, (name, "scrap"), len(here)) < station.scrap
            good[here[bad]] = False
        on = here[~bad]
        way[here[bad], i] = GONE
        if not followers[i]:
            way[on, i] = GONE
        elif station.split == "share":
            shares = np.cumsum([station.shares[order[f]] for f in followers[i]])
            chance = draws.uniforms(replication, (name, "split"), len(on)) * shares[-1]
            which = np.minimum(np.searchsorted(shares, chance, side="right"), len(shares) - 1)
            way[on, i] = np.array(followers[i])[which]
        else:
            way[on, i] = np.array(followers[i])[np.arange(len(on)) % len(followers[i])]
    return coming, way, good


def _reaches(begin: int, station: int, followers: list[list[int]]) -> bool:
    """Whether who is at `begin` comes to `station`, where nobody has two followers."""
    at = begin
    while at != station:
        if not followers[at]:
            return False
        at = followers[at][0]
    return True


def arrival_times(line: Line, name: str, draws: Draws, replication: int, count: int) -> Values:
    """When parts arrive, float64[count]; infinity after the last."""
    station = line.stations[name]
    if station.arrivals is None:
        return np.zeros(count)
    if station.arrivals.every is not None:
        gaps = draws.times(replication, (name, "arrivals"), count, station.arrivals.every)
        return came_at(station.arrivals, np.cumsum(gaps), line.begins)
    at = np.full(count, np.inf)
    known = np.array(station.arrivals.at[:count], np.float64) / 1e9
    at[: len(known)] = known
    return at


def _starts(lists: Sequence[Sequence[Any] | Values]) -> Numbers:
    return np.cumsum([0, *(len(part) for part in lists)])


@dataclass(frozen=True)
class Stretches:
    """Closed stretches of all stations in order of flow."""

    off: list[Closed]
    closed: list[Closed]

    @classmethod
    def of(
        cls, line: Line, order: Sequence[str], draws: Draws, replication: int, until: float
    ) -> Stretches:
        both = [closed_times(line, name, draws, replication, until) for name in order]
        return cls([off for off, _ in both], [closed for _, closed in both])

    @cached_property
    def columns(self) -> tuple[Numbers, Values, Values, Values]:
        """As `kernel.play` takes them."""
        starts = np.concatenate([[0], np.cumsum([len(c) for c in self.closed])]).astype(np.int64)
        begin, end, before = (
            np.concatenate([getattr(c, name) for c in self.closed])
            for name in ("begin", "end", "before")
        )
        return starts, begin, end, before
