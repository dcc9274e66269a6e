"""How often values change: declared by the server, and looked at for a second."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asyncua import ua

from gemel.core.time import MILLISECOND
from gemel.parts.connectors.opcua.describe import Candidate
from gemel.parts.connectors.opcua.link import Link
from gemel.parts.connectors.opcua.pace import interval_of

__all__ = ["observe"]

_LOOK_S: Final = 1.0
_PAUSE_S: Final = 0.01
_GROUP: Final = 100
_MOST: Final = 500
"""Signals that are looked at, in groups of 100 for a second each: at most 5 s."""


async def observe(
    link: Link, candidates: Sequence[Candidate], tell: Callable[[str], Awaitable[None]]
) -> bool:
    """Fill in `interval` of the live ones: as seen, else as declared, else not at all.

    Gives whether all of them were looked at. After each answer nothing is asked for at least as
    long as it took, so that the server has half its time for others.
    """
    live = [c for c in candidates if c.is_live or c.type == "boolean"]
    nodes = [c.variable.node for c in live]
    declared = await link.read(nodes, ua.AttributeIds.MinimumSamplingInterval)
    for candidate, answer in zip(live, declared, strict=True):
        value = answer.Value.Value if answer.Value is not None else None
        # 0 says 'without interval', -1 'unknown' (Part 3 §5.6.2).
        if isinstance(value, int | float) and math.isfinite(value) and value > 0:
            candidate.interval = round(value * MILLISECOND)
    looked_at = live[:_MOST]
    for start in range(0, len(looked_at), _GROUP):
        group = looked_at[start : start + _GROUP]
        await tell(f"looking how often {start + len(group)} of {len(live)} signals change")
        for candidate, seen in zip(group, await _intervals(link, group), strict=True):
            candidate.interval = seen or candidate.interval
    return len(looked_at) == len(live)


async def _intervals(link: Link, group: Sequence[Candidate]) -> list[int | None]:
    """By the source's clock where it moves on, else by ours. What counts is another value or
    status: some servers give each answer a new time."""
    nodes = [c.variable.node for c in group]
    last: list[Any] = [None] * len(group)
    ours: list[list[int]] = [[] for _ in group]
    theirs: list[list[int]] = [[] for _ in group]
    until = time.monotonic() + _LOOK_S
    while True:
        asked = time.monotonic()
        answers = await link.read(nodes)
        answered = time.monotonic()
        for place, answer in enumerate(answers):
            value = answer.Value.Value if answer.Value is not None else None
            shown = (repr(value), answer.StatusCode)
            if last[place] not in (None, shown):
                ours[place].append(round(answered * 1e9))
                if answer.SourceTimestamp is not None:
                    theirs[place].append(_nanoseconds(answer.SourceTimestamp))
            last[place] = shown
        if answered >= until:
            break
        await asyncio.sleep(max(_PAUSE_S, answered - asked))
    return [interval_of(t) or interval_of(o) for t, o in zip(theirs, ours, strict=True)]


def _nanoseconds(moment: datetime) -> int:
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000
