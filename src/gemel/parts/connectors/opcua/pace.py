"""How fast things go: sampling, publishing, and the queue that must hold what lies between. Pure.

A server that samples as often as a value changes misses some of the changes: its looks at a value
that changes every 100 ms lie 99 or 101 ms apart, and now and then two changes fall between two of
them. So sampling is twice as fast as publishing where nobody says how fast a value changes, and
`discover` writes down what it saw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gemel.core.time import MILLISECOND

__all__ = ["LONGEST_SAMPLE", "Pace", "interval_of", "sample_for", "usual_sample"]

LONGEST_SAMPLE: Final = 50 * MILLISECOND
"""Sampling interval where nobody says one: half of 100 ms, at which most controllers refresh what
they show. Faster would cost small servers too much, which sample every item by a timer of its own.
"""
_QUEUE_MARGIN: Final = 10
_FEWEST: Final = 4


@dataclass(frozen=True, slots=True)
class Pace:
    """Of one connector, from its settings; times in ns."""

    publishing: int
    sample: int
    keep_alive: int
    silence: int
    notifications: int
    requests: int
    buffer_rows: int

    def queue(self, sample: int, publishing_ms: float) -> int:
        """Values that an item must be able to hold until they are published: twice what one
        interval brings, and a margin; a shorter queue loses samples silently. An item without
        interval (0) is reported at every change: one each ms is assumed."""
        between = max(sample, MILLISECOND // 4) if sample else MILLISECOND
        return math.ceil(2 * publishing_ms * MILLISECOND / between) + _QUEUE_MARGIN


def usual_sample(publishing: int) -> int:
    """The sampling interval of signals that give none, ns.

    >>> usual_sample(100 * MILLISECOND) // MILLISECOND, usual_sample(10 * MILLISECOND) // 1000
    (50, 5000)
    """
    return max(min(LONGEST_SAMPLE, publishing // 2), 1)


def sample_for(interval: int) -> int:
    """The sampling interval that misses no change of a value that changes every `interval`, ns.

    A quarter of the nearest of 1, 2, 5, 10 … ms: never more than half, whatever the jitter, and
    the same at every discovery.

    >>> [sample_for(ms * MILLISECOND) // 1000 for ms in (100, 96, 141, 40, 1)]
    [25000, 25000, 25000, 12500, 250]
    """
    exact = max(interval, MILLISECOND) / MILLISECOND
    power: int = 10 ** math.floor(math.log10(exact))
    nearest = power * min((1, 2, 5, 10), key=lambda step: abs(math.log(exact / (step * power))))
    return nearest * MILLISECOND // 4


def interval_of(moments: Sequence[int]) -> int | None:
    """How far apart changes at these times are, ns; None for too few to say.

    The lower quartile: a look that came late has missed a change, and bursts count.

    >>> interval_of([0, 100, 201, 400, 500]), interval_of([0, 100, 200])
    (100, None)
    """
    apart = np.diff(np.unique(np.asarray(moments, np.int64)))
    return int(np.quantile(apart, 0.25)) if len(apart) >= _FEWEST else None
