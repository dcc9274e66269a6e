"""Many routes, told by few: products whose routes stand for those of all cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.twin.planning.learned.log import Numbers

__all__ = ["distance", "represented"]

Trace = tuple[int, ...]
_FREQUENT: Final = 0.05


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
    for group in np.array_split(order, min(most - len(often), len(order))):
        if len(group):
            found.append((_nearest([traces[i] for i in group.tolist()]), group))
    return found


def _nearest(traces: Sequence[Trace]) -> Trace:
    """The one with the least sum of distances; of many, among the first forty."""
    some = list(dict.fromkeys(traces))[:40]
    sums = [sum(distance(a, b) for b in traces[:40]) for a in some]
    return some[int(np.argmin(sums))]


def distance(a: Trace, b: Trace) -> int:
    """Steps that must be put in, left out or changed to make one from the other (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]
