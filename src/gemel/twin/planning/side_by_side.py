"""What limits a line, told by several methods beside each other, each with how sure it is.

The answer is that of the replay: 5 % less time at each station in turn, on the same luck, which is
what a bottleneck means. The others ask less of the data, and are known better in the factory:
utilisation, turning point, active period. A method knows where its first station is it in 90 % of
bootstrap samples over blocks of the run; where its first two overlap, both are named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from gemel.core.frame import Values
from gemel.twin.planning.active_period import Momentary, momentary, periods
from gemel.twin.planning.bottleneck import SURE, Bottleneck, turning_point
from gemel.twin.planning.past import Past, within

__all__ = ["Method", "SideBySide", "Watched", "from_past", "from_states", "side_by_side"]

BLOCKS: Final = 20
_SAMPLES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of each part at each station, float64[m, n], s: it is taken up, done with, and
    leaves; NaN where it never came."""

    stations: tuple[str, ...]
    begin: Values
    done: Values
    left: Values


@dataclass(frozen=True, slots=True)
class Method:
    """score  float64[m], in the unit of the method; the greatest is the bottleneck
    sure   float64[m], share of the bootstrap samples in which a station is it
    found  stations that together are it with 90 %, the most likely first; none where the method
           names none
    """

    name: str
    score: Values
    sure: Values
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """windows: begin and end, s, and shares of time as the bottleneck by station, float64[m]."""

    stations: tuple[str, ...]
    replay: Bottleneck
    methods: tuple[Method, ...]
    sole: Values
    shifting: Values
    windows: tuple[tuple[float, float, Values], ...]

    @property
    def sentence(self) -> str:
        """The answer, and who says otherwise."""
        found = self.replay.found
        if max(self.replay.gain) < 0.001:
            return "no station limits: 5 % faster anywhere gives nothing"
        if not self.replay.known:
            names = " or ".join(f"'{name}'" for name in found[:4])
            return f"do not know: {names} limits"
        others = [m for m in self.methods if m.found and m.found != found]
        said = f"'{found[0]}' limits"
        clear = [m for m in others if len(m.found) == 1]
        if not others:
            return f"{said}; all methods say so"
        if not clear:
            return f"{said}; {', '.join(m.name for m in others)} cannot tell"
        return f"{said}; " + ", ".join(f"{m.name} says '{m.found[0]}'" for m in clear)

    def record(self) -> dict[str, Any]:
        """JSON-able."""

        def by_station(values: Values) -> dict[str, float]:
            return dict(zip(self.stations, values.tolist(), strict=True))

        return {
            "sentence": self.sentence,
            "replay": {
                "found": list(self.replay.found), "known": self.replay.known,
                "gain": by_station(self.replay.gain), "sure": by_station(self.replay.sure),
            },
            "methods": [
                {"method": m.name, "found": list(m.found), "score": by_station(m.score),
                 "sure": by_station(m.sure)}
                for m in self.methods
            ],
            "sole": by_station(self.sole),
            "shifting": by_station(self.shifting),
            "windows": [
                {"begin_s": a, "end_s": b, "share": by_station(v),
                 "most": self.stations[int(np.argmax(v))]}
                for a, b, v in self.windows
            ],
        }  # fmt: skip


def side_by_side(
    watched: Watched, replay: Bottleneck, windows: int = 6, seed: int = 0
) -> SideBySide:
    """Everything that can be said of a run or a log; `replay` is what playing it again says."""
    m = len(watched.stations)
    edges = np.linspace(
        float(np.nanmin(watched.left[-1])), float(np.nanmax(watched.left[-1])), BLOCKS + 1
    )  # from the first part that leaves: the line is not empty any more
    of_machines = [periods(watched.begin[i], watched.done[i]) for i in range(m)]
    active, blocked = (
        np.array([_within(a, b, edges) for a, b in pairs])
        for pairs in (of_machines, [(watched.done[i], watched.left[i]) for i in range(m)])
    )
    starved = np.maximum(1 - active - blocked, 0)
    limits = momentary(of_machines)
    return _told(watched.stations, limits, edges, (active, starved, blocked), replay, windows, seed)


def from_past(past: Past, replay: Bottleneck, windows: int = 6, seed: int = 0) -> SideBySide:
    """Of what stations did, seen from outside. Raises `DataError` if none was ever active."""
    edges = np.linspace(past.start, past.end, BLOCKS + 1)
    spent = np.array([one.spent(edges) for one in past.stretches])
    work, starved, blocked, setup, down = np.moveaxis(spent, 2, 0)[:5]
    limits = momentary([one.active() for one in past.stretches])
    shares = (work + setup + down, starved, blocked)
    return _told(past.stations, limits, edges, shares, replay, windows, seed)


def _told(
    names: tuple[str, ...], limits: Momentary, edges: Values, shares: tuple[Values, Values, Values],
    replay: Bottleneck, windows: int, seed: int,
) -> SideBySide:  # fmt: skip
    """`shares` of blocks: active, starved, blocked, float64[m, blocks] each."""
    m, (active, starved, blocked) = len(names), shares
    held = np.array([sum(limits.shares(a, b)) for a, b in pairwise(edges.tolist())]).T

    def turns(rows: Any) -> Values:
        turn = turning_point(starved[:, rows].mean(axis=1), blocked[:, rows].mean(axis=1))
        return np.eye(m)[turn] if turn is not None else np.zeros(m)

    methods = (
        _method("utilisation", names, lambda rows: active[:, rows].mean(axis=1), BLOCKS, seed),
        _method("active period", names, lambda rows: held[:, rows].mean(axis=1), BLOCKS, seed),
        _method("turning point", names, turns, BLOCKS, seed),
    )
    sole, shifting = limits.shares(edges[0], edges[-1])
    cuts = np.linspace(edges[0], edges[-1], windows + 1).tolist()
    over = tuple(
        (a, b, _sum(limits, a, b)) for a, b in pairwise(cuts)
    )  # fmt: skip
    return SideBySide(names, replay, methods, sole, shifting, over)


def from_states(
    stations: tuple[str, ...], states: Values, replay: Bottleneck, seed: int = 0
) -> SideBySide:
    """Of a line whose parts are not told one by one: from shares of time in the order of `STATES`,
    float64[replications, m, 6]. There is no active period, and nothing over time."""
    work, starved, blocked, setup, down, _ = np.moveaxis(states, 2, 0)
    active, m, n = work + setup + down, len(stations), len(states)

    def turns(rows: Any) -> Values:
        turn = turning_point(starved[rows].mean(axis=0), blocked[rows].mean(axis=0))
        return np.eye(m)[turn] if turn is not None else np.zeros(m)

    methods = (
        _method("utilisation", stations, lambda rows: active[rows].mean(axis=0), n, seed),
        _method("turning point", stations, turns, n, seed),
    )
    return SideBySide(stations, replay, methods, np.zeros(m), np.zeros(m), ())


def _sum(limits: Momentary, start: float, end: float) -> Values:
    sole, shifting = limits.shares(start, end)
    return sole + shifting


def _within(begin: Values, end: Values, edges: Values) -> Values:
    """Share of each block that lies between begins and ends, in any order, float64[blocks]."""
    known = np.isfinite(begin) & np.isfinite(end)
    begin, end = begin[known], end[known]
    order = np.argsort(begin, kind="stable")
    return within(begin[order], end[order], edges)


def _method(
    name: str, stations: Sequence[str], score: Callable[[Any], Values], blocks: int, seed: int
) -> Method:
    random = np.random.default_rng(seed)
    rows = random.integers(0, blocks, (_SAMPLES, blocks))
    wins = np.zeros(len(stations))
    for picked in rows:
        values = score(picked)
        if values.max() > 0:
            wins[int(values.argmax())] += 1
    sure = wins / _SAMPLES
    whole = score(slice(None))
    if not whole.max() > 0 and sure.sum() < 0.5:
        return Method(name, whole, sure, ())
    order = np.argsort(-sure, kind="stable")
    share = np.cumsum(sure[order]) / max(sure.sum(), 1e-12)
    enough = int(np.searchsorted(share, SURE)) + 1
    return Method(name, whole, sure, tuple(stations[i] for i in order[:enough]))
