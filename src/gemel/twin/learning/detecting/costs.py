"""What two models cost on the same events: values in, values out.

Findings of both models and events that overlap are one *occurrence*. What it costs each of them is
known once it is an event, or a person has answered one of its findings. Until then it may be
either, so that costs are a range; and the difference of two models is bounded by the answer that
would be best, and the one that would be worst, for the candidate. That is wider than from "all
wrong" to "all right": an unanswered finding may be wrong where the champion alone has one, and
right where the candidate alone has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.time import HOUR
from gemel.twin.learning.detecting.settings import EventCosts
from gemel.twin.learning.labels import Answer

__all__ = ["Costs", "Noticed", "Occurrence", "costs_of", "occurrences"]

_NEVER: Final = 2**62

Pair = tuple[float, float]
"""Of the champion, and of the other model."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """A finding, as a comparison looks at it; `end` is None while it lasts."""

    id: str
    start: int
    end: int | None
    answer: Answer | None
    champion: bool
    """Whether the champion found it, or the other model."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Findings and events that belong together.

    known   whether it is known to be an event or not: then both costs are equal
    if_no   what it costs both models if it is no event
    if_so   what it costs them if it is one
    open    findings that wait for an answer; empty if it is known
    """

    start: int
    known: bool
    if_no: Pair
    if_so: Pair
    open: tuple[Noticed, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """Period by period: how much more the champion costs than the other model.

    least, most      float64[n]: where unanswered findings turn out worst and best for the other
    champion, other  what each costs in all: where all unanswered findings are wrong, and right
    known, unknown   occurrences that count in them
    """

    least: Values
    most: Values
    champion: Pair
    other: Pair
    known: int
    unknown: int
    open: tuple[Noticed, ...]


def occurrences(
    findings: Iterable[Noticed], events: Iterable[tuple[int, int | None]], costs: EventCosts,
    now: int,
) -> list[Occurrence]:  # fmt: skip
    """In order of time. `events` are spans in which the asset was in trouble, ns; the end is None
    while it lasts."""
    parts: list[tuple[int, int, Noticed | None]] = [
        (f.start, _NEVER if f.end is None else f.end, f) for f in findings
    ]
    begun: dict[int, int] = {}
    for start, end in events:
        parts.append((start - costs.ahead, _NEVER if end is None else end, None))
        begun[start - costs.ahead] = start
    parts.sort(key=lambda part: (part[0], part[1], part[2].id if part[2] else ""))
    found: list[Occurrence] = []
    group: list[tuple[int, int, Noticed | None]] = []
    until = 0
    for part in parts:
        if group and part[0] > until:
            found.append(_occurrence(group, begun, costs, now))
            group = []
        until = max(until, part[1]) if group else part[1]
        group.append(part)
    if group:
        found.append(_occurrence(group, begun, costs, now))
    return found


def _occurrence(
    group: Sequence[tuple[int, int, Noticed | None]], begun: dict[int, int], costs: EventCosts,
    now: int,
) -> Occurrence:  # fmt: skip
    findings = [f for _, _, f in group if f is not None]
    events = [begun[start] for start, _, f in group if f is None]
    answers = {f.answer for f in findings}
    so = bool(events) or "right" in answers
    known = so or bool(answers - {None})
    lasts = any(end == _NEVER for _, end, _ in group)
    if_no = _alarms(findings, costs)
    # What a person has called wrong has found nothing, even if something was there.
    hits = [f for f in findings if f.answer not in ("wrong", "known")]
    wrong = _alarms([f for f in findings if f not in hits], costs)
    if_so = wrong
    if events or hits:
        begin = min(events) if events else min(f.start for f in hits)
        late = [
            _late([f.start for f in hits if f.champion is mine], begin, now if lasts else None,
                  costs)
            for mine in (True, False)
        ]  # fmt: skip
        if_so = (wrong[0] + late[0], wrong[1] + late[1])
    if known:
        if_no = if_so = if_so if so else if_no
    start = min([*events, *(f.start for f in findings)])
    return Occurrence(start, known, if_no, if_so, () if known else tuple(findings))


def _alarms(findings: Sequence[Noticed], costs: EventCosts) -> Pair:
    mine = sum(f.champion for f in findings)
    return costs.false_alarm * mine, costs.false_alarm * (len(findings) - mine)


def _late(found: Sequence[int], begin: int, now: int | None, costs: EventCosts) -> float:
    """What it costs that it was found so late, or not at all; not yet, while it lasts (`now`)."""
    if not found and now is None:
        return costs.missed
    first = min(found) if found else now
    assert first is not None  # noqa: S101 - there are findings, or it lasts
    return min(max(first - begin, 0) / HOUR * costs.delay, costs.missed)


def costs_of(found: Iterable[Occurrence], costs: EventCosts, since: int, now: int) -> Costs:
    """By whole periods from `since` on. What began before counts in none: one of the models was
    not asked then."""
    periods = max(now - since, 0) // costs.period
    end = since + periods * costs.period
    counted = [one for one in found if since <= one.start < end]
    least, most = np.zeros(periods), np.zeros(periods)
    totals = np.zeros((2, 2))
    for one in counted:
        place = (one.start - since) // costs.period
        gains = [mine - other for mine, other in (one.if_no, one.if_so)]
        least[place] += min(gains)
        most[place] += max(gains)
        totals += np.array([one.if_no, one.if_so])
    known = sum(one.known for one in counted)
    return Costs(
        least, most, (float(totals[0, 0]), float(totals[1, 0])),
        (float(totals[0, 1]), float(totals[1, 1])), known, len(counted) - known,
        tuple(f for one in counted for f in one.open),
    )  # fmt: skip
