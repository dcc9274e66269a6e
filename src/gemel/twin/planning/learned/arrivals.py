"""How cases come: gaps between them, and rates by the time of the week."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.line.closed import DAYS, WEEK
from gemel.core.line.fitting import Fit, by_chance, fit
from gemel.core.line.rates import counted_at
from gemel.core.line.settings import Rate
from gemel.twin.planning.learned.calendars import HOURS, hours_of_week
from gemel.twin.planning.learned.log import Numbers

__all__ = ["gaps_of", "rates_of"]

_WEEKS: Final = 2.0
_QUEUED: Final = 0.03
_FEWEST: Final = 10
_DOUBT: Final = 0.02


def rates_of(times: Values, until: float) -> list[dict[str, Any]]:
    """Rates as a line writes them, of arrivals at `times`, seconds since a Monday; nothing where
    the rate is the same all week, or less than two weeks were seen.

    The hours of the week are cut into pieces of one rate so that the likelihood of what came, less
    log n for each piece, is greatest (Schwarz's criterion for two numbers, its rate and its end).
    """
    begin = float(times.min()) if len(times) else 0.0
    if until - begin < _WEEKS * WEEK or len(times) < 20:
        return []
    counts = hours_of_week(times)
    hours = np.arange(int(begin // 3_600), int(np.ceil(until / 3_600)))
    exposed = np.bincount(hours % HOURS, minlength=HOURS).astype(np.float64)
    edges = _pieces(counts, exposed, log(len(times)))
    if len(edges) == 2:
        return []
    mean = counts.sum() / exposed.sum()
    pieces: dict[tuple[int, int], list[tuple[int, float, float]]] = {}
    active = 0.0
    for a, b in pairwise(edges):
        if not counts[a:b].any():
            continue
        active += float(exposed[a:b].sum())
        for day in range(a // 24, (b - 1) // 24 + 1):
            first, last = max(a, 24 * day), min(b, 24 * day + 24)
            told = day, float(counts[first:last].sum()), float(exposed[first:last].sum())
            pieces.setdefault((first - 24 * day, last - 24 * day), []).append(told)
    mean = counts.sum() / active  # over the hours in which any come, where the rate is 1
    rates = []
    for (first, last), seen in pieces.items():
        for days, rate in _alike(seen):
            if rate > 0:
                rates.append(
                    {
                        "name": f"{first:02}-{last % 24:02}",
                        "start": f"{first:02}:00",
                        "end": f"{last % 24:02}:00",
                        "days": [DAYS[d] for d in days],
                        "rate": float(f"{rate / mean:.3g}"),
                    }
                )
    return rates


def _pieces(counts: Values, exposed: Values, price: float) -> list[int]:
    """Edges of the pieces, by dynamic programming over all cuts."""
    n = len(counts)
    many = np.concatenate([[0.0], np.cumsum(counts)])
    length = np.concatenate([[0.0], np.cumsum(exposed)])
    best, back = np.zeros(n + 1), np.zeros(n + 1, np.int64)
    for b in range(1, n + 1):
        k, t = many[b] - many[:b], length[b] - length[:b]
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(k > 0, k * np.log(k / t), 0.0)
        value = best[:b] + gain - price
        back[b] = int(np.argmax(value))
        best[b] = value[back[b]]
    edges = [n]
    while edges[-1]:
        edges.append(int(back[edges[-1]]))
    return edges[::-1]


def _alike(seen: list[tuple[int, float, float]]) -> list[tuple[list[int], float]]:
    """Days with one rate if they differ by no more than chance, else each with its own; `seen` are
    day, arrivals and hours."""
    days, counts, hours = zip(*seen, strict=True)
    rate = sum(counts) / sum(hours)
    expected = rate * np.array(hours)
    far = float((((np.array(counts) - expected) ** 2) / np.maximum(expected, 1e-9)).sum())
    free = len(days) - 1
    if far <= free + 2.5 * np.sqrt(2 * free):
        return [(list(days), rate)]
    return [([d], k / h) for d, k, h in seen]


def gaps_of(
    times: Values, until: float, rates: list[dict[str, Any]], full: Values, near: float,
    station: Numbers,
) -> tuple[Fit, str]:  # fmt: skip
    """The gaps between arrivals, on the clock that runs as fast as the rates, and what must be
    known beside them.

    `times` are when the first work of each case began, rising; `full` is when a server was last
    missing before, −inf if never, and `near` what is the same moment. Who began as soon as a server
    was free had come before, nobody knows when. But of arrivals by chance the rest of a gap is as
    long as a whole one, whenever one begins to look: if the gaps seen from the last moment without
    a free server on are of that kind, arrivals are by chance, as many as were counted. They
    are looked at where most cases begin; `station` says where each did.
    """
    clock = np.append(times, until)
    some = np.flatnonzero(station == np.bincount(station).argmax())
    begun = times[some]
    looked = np.maximum(np.append(begun[:1], begun[:-1]), np.maximum(full[some], 0.0))
    if rates:
        read = tuple(Rate.read(r) for r in rates)
        clock = counted_at(read, "mon 00:00", clock)
        looked = counted_at(read, "mon 00:00", looked)
        begun = counted_at(read, "mon 00:00", begun)
    gaps = np.maximum(np.diff(clock), 0.0)
    waited = times - full <= near
    if waited.mean() < _QUEUED:
        return fit(gaps[:-1], gaps[-1:]), ""
    rest = (begun - looked)[1:][~waited[some][1:]]
    if len(rest) >= _FEWEST:
        seen = fit(rest, families=("exponential",))
        if seen.p >= _DOUBT:
            mean = float(clock[-1] - clock[0]) / (len(times) - 0.5)
            said = "arrivals are told from when a server was free, since many cases had waited"
            return by_chance(mean, len(times) - 1, seen.p), said
    return fit(gaps[:-1], gaps[-1:]), (
        "many cases had waited before their first work, for how long is not in the log; the gaps "
        "are those between their beginnings"
    )
