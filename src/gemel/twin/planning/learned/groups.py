"""Many routes, told by few: products whose routes stand for those of all cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.twin.planning.learned.log import Numbers

__all__ = ["Trace", "completed", "distance", "represented", "ways_on"]

Trace = tuple[int, ...]
_FREQUENT: Final = 0.05
_ASKED: Final = 2_000
"""Of more cases, so many are looked at, evenly over all."""
_ALIKE: Final = 10
"""Cases of which one tells how another goes on."""
_BACK: Final = 8
"""Steps that are compared."""
_PLACE: Final = 0.5
"""What a step further on or back in the route counts, against one that differs."""


def represented(traces: Sequence[Trace], effort: Values, most: int) -> list[tuple[Trace, Numbers]]:
    """At most `most` routes, each with the cases, int64[k], that it stands for.

    Routes that one case in twenty takes stand for themselves. The others are sorted by `effort`,
    float64[cases], the time that is to be expected on them, and cut into groups of the same size,
    so that few and many steps keep their shares; of each group the route is taken that is nearest
    to all others.
    """
    counts = Counter(traces)
    if len(counts) <= most:
        return [(t, np.array([i for i, o in enumerate(traces) if o == t])) for t in counts]
    often = [t for t, n in counts.most_common(most // 2) if n >= _FREQUENT * len(traces)]
    found = [(t, np.array([i for i, o in enumerate(traces) if o == t])) for t in often]
    rest = np.array([i for i, t in enumerate(traces) if t not in often], np.int64)
    order = rest[np.argsort(effort[rest], kind="stable")]
    groups = np.array_split(order, min(most - len(often), len(order)))
    return found + [(_nearest([traces[i] for i in g.tolist()]), g) for g in groups if len(g)]


def _nearest(traces: Sequence[Trace]) -> Trace:
    """The one with the least sum of distances; of many, among the first forty."""
    some = list(dict.fromkeys(traces))[:40]
    sums = [sum(distance(a, b) for b in traces[:40]) for a in some]
    return some[int(np.argmin(sums))]


@lru_cache(maxsize=200_000)
def distance(a: Trace, b: Trace) -> int:
    """Steps that must be put in, left out or changed to make one from the other (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]


def ways_on(trace: Trace, others: Sequence[Trace], *, running: bool) -> list[Trace]:
    """How others went on that had come most alike, the nearest first; what does not run goes on
    at least once."""
    found: list[tuple[float, Trace]] = []
    recent = trace[-_BACK:]
    for other in others[:: -(-len(others) // _ASKED) or 1]:
        for j in range(1, len(other) + running):
            if other[j - 1] == trace[-1]:
                far = distance(recent, other[max(0, j - _BACK) : j])
                found.append((far + _PLACE * abs(j - len(trace)), other[j:]))
    found.sort(key=lambda f: f[0])
    return [way for _, way in found[:_ALIKE]]


def completed(
    traces: Sequence[Trace], finished: Sequence[bool], running: Sequence[bool], seed: int = 0
) -> tuple[list[Trace], dict[int, list[Trace]]]:
    """Whole routes of all cases, and of those under way all ways on that come into question.

    Short routes are finished first: to take the finished cases alone would make all routes short.
    So each case under way is completed as another went on, the furthest first, and tells in turn
    how those behind it may go on (as the product limit gives the share of what is cut off to what
    lasts longer).
    """
    random = np.random.default_rng(seed)
    whole = [t for t, done in zip(traces, finished, strict=True) if done]
    ways: dict[int, list[Trace]] = {}
    found = list(traces)
    under_way = [i for i, done in enumerate(finished) if not done]
    for i in sorted(under_way, key=lambda i: -len(traces[i])):
        ways[i] = ways_on(traces[i], whole, running=running[i])
        if ways[i]:
            found[i] = traces[i] + ways[i][int(random.integers(len(ways[i])))]
        whole.append(found[i])
    return found, ways
