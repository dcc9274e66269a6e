"""Which lots are in which: back and forth over what was made of what, in the order of time.

A link says that some of one lot went into another, between two moments. Matter cannot go into
something before it is there, so a path counts only where its links can follow one another: of a lot
that was spoilt at noon, what was made before noon is sound. A trace goes to all lots that such
paths lead to, with the one that leads there first; it is a search for earliest arrivals.

Some links are certain, since somebody stated them; others are possible: two lots in a tank at the
same time, or one soon after the other. A lot is reached for sure if a path of certain links leads
there, and else perhaps.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from gemel.twin.operations.lots.book import Made

__all__ = ["Link", "Reached", "Stay", "Step", "made_links", "mixed", "there", "trace"]

How: TypeAlias = Literal["was there", "made of", "mixed with"]
EVER: Final = 2**62
"""Later than every time; its negative is earlier than every time."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A lot was at an asset in [start, end), ns UTC; where they are equal, at that moment.

    sure    False where it may have been: nobody looked, or another asset stands for this one
    lasts   it was still there at `end`, when it was looked
    """

    lot: str
    asset: str
    start: int
    end: int
    sure: bool = True
    lasts: bool = False
    told: str = "signal"


@dataclass(frozen=True, slots=True)
class Link:
    """Some of `source` went into `target` at an asset, at some time in [start, end], ns UTC."""

    source: str
    target: str
    asset: str
    start: int
    end: int
    sure: bool = True
    how: How = "made of"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way to a lot: `lot` was at the asset, was made of `of`, or mixed with it."""

    how: How
    lot: str
    of: str
    asset: str
    start: int
    end: int
    sure: bool

    def record(self) -> dict[str, Any]:
        """JSON-able; times in ns."""
        return {
            "how": self.how, "lot": self.lot, "of": self.of, "asset": self.asset,
            "start": self.start, "end": self.end, "sure": self.sure,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reached:
    """A lot that a trace led to.

    time  forwards the earliest moment at which matter of the beginning was in it; backwards the
          latest at which matter of it went on its way to the beginning; ns UTC
    sure  a path of certain links leads there
    way   from the beginning to it, in the order in which it is gone
    """

    lot: str
    time: int
    sure: bool
    way: tuple[Step, ...]


def made_links(statements: Iterable[Made]) -> list[Link]:
    """What was stated to be made of what, as links."""
    return [
        Link(part.lot, made.made, made.asset, made.start, made.end)
        for made in statements
        for part in made.of
        if part.lot != made.made
    ]


def mixed(stays: Iterable[Stay], remains: Mapping[str, int]) -> list[Link]:
    """Possible links at the assets in `remains`, where something of a lot stays for so long, ns,
    after it has gone: a tank, a buffer, a mixer. What comes later may hold something of it."""
    found = []
    of: dict[str, list[Stay]] = {}
    for stay in stays:
        if stay.asset in remains:
            of.setdefault(stay.asset, []).append(stay)
    for asset, some in of.items():
        later = sorted(some, key=lambda stay: stay.start)
        starts = [stay.start for stay in later]
        # Up to each of them, the last moment at which any was there: all before the first that
        # reaches a moment have gone by then.
        reach = list(accumulate((stay.end for stay in later), max))
        for first in later:
            gone = first.end + remains[asset]
            near = slice(bisect_left(reach, first.start), bisect_right(starts, gone))
            for other in later[near]:
                if other.lot == first.lot or not _over(first.start, other):
                    continue
                start, end = max(first.start, other.start), min(gone, other.end)
                found.append(Link(first.lot, other.lot, asset, start, end, False, "mixed with"))
    return found


def _over(moment: int, stay: Stay) -> bool:
    """Whether a stay goes on after a moment, or is that moment."""
    return stay.end > moment or stay.start == stay.end == moment


def there(
    stays: Iterable[Stay],
    assets: Iterable[str],
    start: int,
    end: int,
    remains: Mapping[str, int] | None = None,
) -> dict[str, Step]:
    """Lots that were at one of the assets at some time in [start, end], with when and where. What
    may remain of a lot after it has gone counts as perhaps there. The surest, then the first."""
    wanted, left = set(assets), remains or {}
    found: dict[str, Step] = {}
    for stay in stays:
        if stay.asset not in wanted or stay.start > end:
            continue
        gone = stay.end + left.get(stay.asset, 0)
        inside = _over(start, stay)
        if not inside and not (stay.asset in left and gone > start):
            continue
        step = Step(
            "was there", stay.lot, "", stay.asset, max(start, stay.start),
            min(end, stay.end if inside else gone), stay.sure and inside,
        )  # fmt: skip
        known = found.get(stay.lot)
        if known is None or (not step.sure, step.start) < (not known.sure, known.start):
            found[stay.lot] = step
    return found


def trace(
    links: Sequence[Link],
    begin: Mapping[str, Step | None],
    direction: Literal["forward", "backward"] = "forward",
) -> dict[str, Reached]:
    """Every lot that paths lead to from those in `begin`, themselves included.

    `begin` gives for each lot the step that makes it the beginning: from its start on (backwards:
    up to its end) its matter counts; None is whenever.
    """
    ahead = direction == "forward"
    of: dict[str, list[Link]] = {}
    for link in links:
        of.setdefault(link.source if ahead else link.target, []).append(link)
    certain = _arrivals({k: [i for i in v if i.sure] for k, v in of.items()},
                        {k: s for k, s in begin.items() if s is None or s.sure}, ahead)  # fmt: skip
    any_way = _arrivals(of, begin, ahead)
    found = {}
    for lot in any_way:
        sure = lot in certain
        arrivals = certain if sure else any_way
        time, _ = arrivals[lot]
        found[lot] = Reached(lot, time if ahead else -time, sure, _way(lot, arrivals, begin, ahead))
    return found


_Arrivals: TypeAlias = dict[str, tuple[int, "Link | None"]]


def _arrivals(
    of: Mapping[str, Sequence[Link]], begin: Mapping[str, Step | None], ahead: bool
) -> _Arrivals:
    """When each lot is reached first, and by which link. Backwards time runs the other way."""
    clock = _forward if ahead else _backward
    found: _Arrivals = {}
    queue: list[tuple[int, int, str, Link | None]] = []
    for number, (lot, step) in enumerate(begin.items()):
        at = -EVER if step is None else step.start if ahead else -step.end
        queue.append((at, number, lot, None))
    heapq.heapify(queue)
    count = len(queue)
    while queue:
        at, _, lot, by = heapq.heappop(queue)
        if lot in found:
            continue
        found[lot] = (at, by)
        for link in of.get(lot, ()):
            opens, closes, other = clock(link)
            if closes >= at and other not in found:
                count += 1
                heapq.heappush(queue, (max(at, opens), count, other, link))
    return found


def _forward(link: Link) -> tuple[int, int, str]:
    return link.start, link.end, link.target


def _backward(link: Link) -> tuple[int, int, str]:
    return -link.end, -link.start, link.source


def _way(
    lot: str, arrivals: _Arrivals, begin: Mapping[str, Step | None], ahead: bool
) -> tuple[Step, ...]:
    steps: list[Step] = []
    at, other = lot, _source if ahead else _target
    while (link := arrivals[at][1]) is not None:
        steps.append(Step(link.how, link.target, link.source, link.asset, link.start, link.end,
                          link.sure))  # fmt: skip
        at = other(link)
    first = begin[at]
    if first is not None:
        steps.append(first)
    return tuple(reversed(steps))


def _source(link: Link) -> str:
    return link.source


def _target(link: Link) -> str:
    return link.target
