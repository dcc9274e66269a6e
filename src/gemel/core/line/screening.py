"""Lines without playing them out: two stations exactly, longer lines by decomposition, in
milliseconds and to about two per cent.

Time goes in steps of one part. A station that works fails in a step with probability p and is
repaired in one with probability r; N parts fit between two stations, those on them included. Two
such stations are a small Markov chain (J. A. Buzacott, AIIE Transactions 1 (1969) 60; S. B.
Gershwin, Manufacturing Systems Engineering, 1994, chapter 3). A longer line is taken apart into a
pair of stations around each buffer, in which the first stands for all before it and the second for
all behind, until all pairs have the same throughput (Y. Dallery, R. David and X.-L. Xie, IIE
Transactions 20 (1988) 280).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gemel.core.errors import DataError
from gemel.core.line.settings import Line

__all__ = ["ERROR", "Pair", "Screened", "decomposed", "screen", "two_stations"]

ERROR = 0.02
"""Relative error of throughput that was seen on lines of up to ten stations."""
MOST_PLACES = 400


@dataclass(frozen=True, slots=True)
class Pair:
    """Two stations with a buffer: parts per step, mean number of parts between them, and how often
    the second is starved and the first blocked."""

    efficiency: float
    level: float
    starved: float
    blocked: float


@dataclass(frozen=True, slots=True)
class Screened:
    """What a line makes, per second, and the mean parts in front of each station behind the first,
    the one that is worked on included."""

    throughput: float
    levels: tuple[float, ...]


def two_stations(r1: float, p1: float, r2: float, p2: float, size: int) -> Pair:
    """The chain, solved. Probabilities are between 0 and 1, `size` is at least 2.

    In a step each station first fails or is repaired, then makes a part; one that is starved or
    blocked does not fail.
    """
    if not all(0 < v <= 1 for v in (r1, r2)) or not all(0 <= v < 1 for v in (p1, p2)) or size < 2:
        raise DataError(
            f"r1, p1, r2, p2, size = {r1}, {p1}, {r2}, {p2}, {size} are no two stations"
        )
    if size > MOST_PLACES:
        raise DataError(f"{size} places, at most {MOST_PLACES} are screened; play the line out")
    states = 4 * (size + 1)
    step = np.zeros((states, states))
    for n in range(size + 1):
        for up1 in (0, 1):
            for up2 in (0, 1):
                now = 4 * n + 2 * up1 + up2
                works1 = up1 and n < size
                works2 = up2 and n > 0
                stay1 = (1 - p1 if works1 else 1.0) if up1 else r1
                stay2 = (1 - p2 if works2 else 1.0) if up2 else r2
                for next1, chance1 in ((1, stay1), (0, 1 - stay1)):
                    for next2, chance2 in ((1, stay2), (0, 1 - stay2)):
                        made = (next1 and n < size) - (next2 and n > 0)
                        step[now, 4 * (n + made) + 2 * next1 + next2] += chance1 * chance2
    # Stationary: share · step = share, and the shares add up to 1.
    system = step.T - np.eye(states)
    system[-1] = 1.0
    right = np.zeros(states)
    right[-1] = 1.0
    share = np.linalg.solve(system, right).reshape(size + 1, 2, 2)
    level = float(np.arange(size + 1) @ share.sum(axis=(1, 2)))
    # A part is made by the second when it is up after the change and there was one before it.
    up2 = share[1:, :, 1].sum() * (1 - p2) + share[1:, :, 0].sum() * r2
    return Pair(float(up2), level, float(share[0, :, 1].sum()), float(share[size, 1, :].sum()))


def decomposed(
    r: Sequence[float], p: Sequence[float], sizes: Sequence[int], sweeps: int = 200
) -> list[Pair]:
    """The pairs around the buffers of a line of k stations; `sizes` has k − 1 numbers.

    Raises `DataError` where it does not settle, which happens when stations differ by orders of
    magnitude.
    """
    k = len(r)
    if len(p) != k or len(sizes) != k - 1 or k < 2:
        raise DataError(f"{k} repairs, {len(p)} failures and {len(sizes)} buffers are no line")
    alone = [ri / (ri + pi) for ri, pi in zip(r, p, strict=True)]
    ru, pu = list(r[:-1]), list(p[:-1])
    rd, pd = list(r[1:]), list(p[1:])
    pairs = [two_stations(ru[i], pu[i], rd[i], pd[i], sizes[i]) for i in range(k - 1)]

    def solve(i: int) -> None:
        values = (ru[i], pu[i], rd[i], pd[i])
        if not all(np.isfinite(values)) or min(values) < 0 or max(values) > 1:
            raise DataError("the decomposition does not settle on this line; play it out")
        pairs[i] = two_stations(*values, sizes[i])

    for _ in range(sweeps):
        for i in range(1, k - 1):  # what comes from before
            up = pairs[i - 1]
            idle = 1 / up.efficiency + 1 / alone[i] - 2 - pd[i - 1] / rd[i - 1]
            share = up.starved / (idle * up.efficiency)
            ru[i] = share * ru[i - 1] + (1 - share) * r[i]
            pu[i] = idle * ru[i]
            solve(i)
        for i in range(k - 3, -1, -1):  # what comes from behind
            down = pairs[i + 1]
            idle = 1 / down.efficiency + 1 / alone[i + 1] - 2 - pu[i + 1] / ru[i + 1]
            share = down.blocked / (idle * down.efficiency)
            rd[i] = share * rd[i + 1] + (1 - share) * r[i + 1]
            pd[i] = idle * rd[i]
            solve(i)
        made = [pair.efficiency for pair in pairs]
        if max(made) - min(made) < 1e-7 * max(made):
            return pairs
    raise DataError("the decomposition does not settle on this line; play it out")


def screen(line: Line) -> Screened | tuple[str, ...]:
    """A serial line of equal constant times with failures from work, screened; or why not."""
    reasons: list[str] = []
    stations = line.stations
    names = line.names
    first = stations[names[0]]
    length = first.time.mean_s
    for i, (name, s) in enumerate(stations.items()):
        one = next(iter(s.failures.values()), None)
        said = {
            "is not fed by the one before it": line.feeders(name) != names[max(i - 1, 0) : i],
            "takes a time of its own, or one that differs": s.time.cv_exact > 0
            or abs(s.time.mean_s - length) > 1e-9 * length
            or bool(s.times),
            "has no or several causes of failures": one is None or len(s.failures) > 1,
            "fails by the calendar": one is not None and one.counted_in == "calendar",
            "fails or is repaired in times that are not exponential": one is not None
            and {one.every.shape_name, one.repair.shape_name} != {"exponential"},
            "fails within every part": one is not None
            and min(one.every.mean_s, one.repair.mean_s) < length,
            "has no limit of places": i > 0 and s.places is None,
            "is more than a station with a buffer": s.servers > 1
            or s.batch is not None
            or s.rework is not None
            or s.scrap > 0
            or s.needs is not None
            or bool(s.calendar)
            or s.setup is not None
            or s.arrivals is not None
            or s.travel is not None
            or s.blocking == "before",
        }
        reasons += [f"'{name}' {what}" for what, there in said.items() if there]
    if len(names) < 2:
        reasons.append("it has one station")
    if line.caps:
        reasons.append("it has caps")
    if reasons:
        return tuple(reasons)
    causes = [next(iter(s.failures.values())) for s in stations.values()]
    r = [length / c.repair.mean_s for c in causes]
    p = [length / c.every.mean_s for c in causes]
    # A place on each of the two stations beside the buffer's own.
    sizes = [(stations[name].places or 0) + 2 for name in names[1:]]
    pairs = decomposed(r, p, sizes)
    return Screened(pairs[-1].efficiency / length, tuple(pair.level for pair in pairs))
