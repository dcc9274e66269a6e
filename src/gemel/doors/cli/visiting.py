"""What `gemel plan maintenance` says of several assets: which work to do together, and when."""

from __future__ import annotations

from typing import Any

from gemel.core.wear.upkeep import Upkeep
from gemel.doors.cli import telling
from gemel.doors.cli.telling import number
from gemel.twin.planning.upkeep.together import Together
from gemel.twin.planning.upkeep.words import long

__all__ = ["sentence_of", "table_of"]


def sentence_of(shared: Together, upkeep: Upkeep) -> str:
    """What it saves."""
    count = len(set(shared.visits.at))
    saved = shared.alone - shared.visits.cost
    money = f"{number(saved)} {upkeep.currency}".strip()
    visits = "one visit" if count == 1 else f"{count} visits"
    return f"{len(shared.jobs.names)} replacements in {visits}: {money} less than each by itself."


def table_of(shared: Together, upkeep: Upkeep) -> Any:
    """A row per visit."""
    shown = telling.table("visit in", "work", "moving costs", "visit costs", "what")
    jobs = shared.jobs
    for t in sorted(set(shared.visits.at)):
        mine = [j for j, a in enumerate(shared.visits.at) if a == t]
        shown.add_row(
            long(float(jobs.times[t]), upkeep), long(float(jobs.work[mine].sum()), upkeep),
            number(round(float(jobs.cost[mine, t].sum()), 6)), number(float(jobs.visit[t])),
            ", ".join(jobs.names[j] for j in mine),
        )  # fmt: skip
    return shown
