"""A line of the plant file over the last hours: what limited it, and what it is learned to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.line import Line
from gemel.core.time import MINUTE, SECOND, Clock, isoformat, parse_time, zone
from gemel.runtime.lines import line_text
from gemel.runtime.live_lines import line_of

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.twin.operations.history import Course
    from gemel.twin.planning.bottleneck import Bottleneck
    from gemel.twin.planning.learned import Counts, Learned, States
    from gemel.twin.planning.past import Past

__all__ = ["Remembered", "learned_of", "limits_of"]

_LEAST: Final = MINUTE
_MOST: Final = 14 * 24 * 60 * MINUTE
_PARTS: Final = {"flow_line": (40_000, 20)}
_PARTS_OF_EVENTS: Final = (2_000, 10)
"""Parts and replications of the replay, in a few seconds."""

_WAITED: Final = 0.01
"""Share of the time for which stations wait at least, if a learned line is to say who limits:
machines that keep to one pace are all as fast as the slowest."""


class Remembered:
    """Answers that take seconds, kept until a minute has passed; who asks meanwhile gets the
    same. Used from the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[int, asyncio.Task[Any]]] = {}

    async def ask(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` said last, or says now in a thread. Errors are not kept."""
        now = self._clock()
        fresh = {
            k: (at, task)
            for k, (at, task) in self._kept.items()
            if now - at < MINUTE and not (task.done() and (task.cancelled() or task.exception()))
        }
        if key not in fresh:
            fresh[key] = (now, asyncio.create_task(asyncio.to_thread(compute), name=f"{key}"))
        self._kept = fresh
        # Who goes away does not take the answer from those who wait for it too.
        return await asyncio.shield(fresh[key][1])


def limits_of(daemon: Daemon, name: str, start: str) -> dict[str, Any]:
    """What limited a line from `start` until now, by all methods, and when. Reads history, and
    plays the line: not for the event loop. Raises `Unknown`, `ConfigurationError` for a start that
    cannot be read, and `DataError` where nothing is known of its machines."""
    from gemel.twin.planning.over_time import over_time  # compiled; most plants never ask
    from gemel.twin.planning.past import past_of
    from gemel.twin.planning.side_by_side import from_past

    line = line_of(daemon, name)
    first, now = _window(daemon, start)
    first, courses = _courses(daemon, name, line, first, now)
    past = past_of(courses, first, now)
    played, which, why = _played(daemon, line, courses, past, now)
    replay, said = _replay(played)
    found = from_past(past, replay)
    return {
        "line": name,
        "start": isoformat(first),
        "end": isoformat(now),
        **found.record(),
        "over_time": over_time(past).record(),
        "missing": list(past.missing),
        "replayed": {"line": which, "why": why, "said": said},
    }


def learned_of(daemon: Daemon, name: str, start: str) -> dict[str, Any]:
    """The line as it is learned from what it did from `start` until now, beside the plant file's,
    and how well it would have told the last third of that time. Reads history: not for the event
    loop. Raises as `limits_of` does, `ConfigurationError` for stations that are not in a row, and
    `DataError` where too little is known."""
    from gemel.twin.planning.fit_to_history import beside_described, told_later

    line = line_of(daemon, name)
    first, now = _window(daemon, start)
    first, courses = _courses(daemon, name, line, first, now)
    history = _history(daemon, line, courses, now)
    learned = _learn(line, history, now)
    states, counts, causes, offset = history
    fit, why = None, ""
    try:
        fit = told_later(line.names, states, counts, causes, now / SECOND + offset).record()
    except DataError as error:  # the line is there all the same
        why = str(error)
    return {
        "name": name,
        "start": isoformat(first),
        "end": isoformat(now),
        **learned.record(),
        "yaml": line_text(learned.document, learned.comments),
        "beside": [one.record() for one in beside_described(learned, line)],
        "fit": fit,
        "not_fitted": why,
    }


def _window(daemon: Daemon, start: str) -> tuple[int, int]:
    now = daemon.clock()
    first = parse_time(start, zone(daemon.plan.plant.plant.time_zone), now)
    if not _LEAST <= now - first <= _MOST:
        raise ConfigurationError(
            f"start is {start}; must be from a minute to two weeks before now, such as -8h"
        )
    return first, now


def _courses(
    daemon: Daemon, name: str, line: Line, start: int, end: int
) -> tuple[int, dict[str, Course | None]]:
    """What each station's machine did, from when on anything is known of them; None for a station
    without a machine that tells it."""
    from gemel.twin.operations.history import course

    found: dict[str, Course | None] = {}
    for key, station in line.stations.items():
        machine = daemon.rooms.operations.machines.get(station.asset)
        judged = machine is not None and machine.judges
        found[key] = course(daemon.store, machine, start, end) if machine and judged else None
    known = [at for one in found.values() if one and (at := one.known_from) is not None]
    if not known:
        raise DataError(f"no machine of line '{name}' has told what it did in that time")
    first = max(start, min(known))
    return first, {key: one and one.since(first) for key, one in found.items()}


def _history(
    daemon: Daemon, line: Line, courses: dict[str, Course | None], now: int
) -> tuple[States, Counts, tuple[str, ...], float]:
    """For `learn_from_history`, with what clocks on the wall are ahead of UTC, in s."""
    from gemel.twin.planning.past import as_history

    names = line.names
    for before, name in zip(("", *names), names, strict=False):
        if tuple(line.feeders(name)) != ((before,) if before else ()):
            raise ConfigurationError(
                f"line '{line.title}': '{name}' does not come right after '{before}'; only "
                "stations in a row are learned from states and counters, others from a log"
            )
    known: dict[str, Course] = {}
    pieces, reasons = [], []
    for name, station in line.stations.items():
        course = courses[name]
        if course is None:
            raise DataError(f"station '{name}' has no machine whose states and counter are known")
        machine = daemon.rooms.operations.machines[station.asset]
        known[name] = course
        pieces.append(machine.pieces)
        planned = daemon.planned.get(machine.inputs.get("reason", ""))
        labels = planned.signal.labels if planned is not None else None
        reasons.append(dict(labels or {}))
    shares = [one / pieces[0] for one in pieces]
    # Where clocks are changed within, the hours before are those after: nothing else needs them.
    local = datetime.fromtimestamp(now / SECOND, zone(daemon.plan.plant.plant.time_zone))
    offset = (local.utcoffset() or timedelta()).total_seconds()
    return *as_history(known, shares, offset, reasons), offset


def _learn(line: Line, history: tuple[States, Counts, tuple[str, ...], float], now: int) -> Learned:
    from gemel.twin.planning.learned import learn_from_history

    states, counts, causes, offset = history
    return learn_from_history(
        line.names, states, counts, causes=causes, until=now / SECOND + offset,
        title=f"{line.title or 'Line'}, as it was seen",
    )  # fmt: skip


def _played(
    daemon: Daemon, line: Line, courses: dict[str, Course | None], past: Past, now: int
) -> tuple[Line, str, str]:
    """The line that is replayed: as it was in these hours, or else as the plant file says."""
    from gemel.twin.planning.fit_to_history import with_places

    if past.waited < _WAITED:
        return line, "described", (
            "the machines hardly waited for each other, so that what they did does not tell how "
            "fast each of them could be"
        )  # fmt: skip
    try:
        learned = _learn(line, _history(daemon, line, courses, now), now)
    except (ConfigurationError, DataError) as error:
        return line, "described", str(error)
    return with_places(learned.line, line), "learned", ""


def _replay(line: Line) -> tuple[Bottleneck, str]:
    from gemel.parts.simulators.base import Trial
    from gemel.twin.planning import bottleneck, simulator_for

    name, simulator = simulator_for(line)
    parts, replications = _PARTS.get(name, _PARTS_OF_EVENTS)
    trial = Trial(parts, replications=replications, keep=())
    said = f"{parts:,} parts, {replications} replications, simulator {name}"
    return bottleneck(line, simulator, trial), said
