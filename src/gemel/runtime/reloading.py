"""Another plan for a running daemon: what is equal goes on, what is not is made anew.

    compare ─▶ make what is new ─▶ end connectors ─▶ swap ─▶ start connectors
    pure       beside the old plan   changed and gone   in the compute thread, between two parcels

Until connectors end nothing is touched, and an error leaves all as it was. What a connector that
ends has handed over is on disk before the swap, so that each sample is judged by the plan under
which it came. Reasons: docs/design/reload.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gemel.core.catalogue import Catalogue
from gemel.core.errors import DataError, GemelError, Refused
from gemel.core.event import Event, Payload
from gemel.core.plant import PlantSignal, Signal
from gemel.parts.historians.base import Store
from gemel.runtime.comparing import Changes, PlanChange, compare, needs_restart, outline
from gemel.runtime.configuration import Plan, load
from gemel.runtime.rooms import connectors_of, renewed, told_alarms
from gemel.runtime.watching import Watcher
from gemel.twin.alarms import Alarms
from gemel.twin.decisions import Adviser, Target, targets
from gemel.twin.learning import DetectorWatch
from gemel.twin.mirror import Mirror
from gemel.twin.operations import Operations

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.twin.learning.live.learner import Learner
    from gemel.twin.mirror.features import Shaper

__all__ = ["PartStarted", "deadbands", "declare", "last_known", "limit", "read_again", "reload"]

log = logging.getLogger("gemel")


class PartStarted(Payload):
    """Kind ``part_started``: a part runs with other settings. The subject is its kind and name."""

    fresh: bool
    """Whether it began without knowing anything; else it went on from what it knew."""
    why: str


@dataclass(frozen=True, slots=True)
class _Ready:
    """All that a plan needs and that does not run yet."""

    numbers: dict[str, int]
    shapers: dict[str, Shaper]
    watches: dict[str, DetectorWatch]
    learners: dict[str, Learner]
    advisers: dict[str, Adviser]
    targets: dict[str, Target]
    alarms: Alarms | None
    """None where none has changed."""
    operations: Operations | None
    told: Sequence[Event]
    """What was said of alarms that may have been in the plant file before."""
    shown: Sequence[Any]
    """What history knows of signals that are new: columns for `Mirror.restore`."""


async def reload(daemon: Daemon, plan: Plan, actor: str) -> PlanChange:
    """See `Daemon.reload`; one at a time."""
    old = daemon.plan
    if sentence := needs_restart(old, plan):
        raise Refused(sentence)
    changes = await asyncio.to_thread(lambda: compare(outline(old), outline(plan)))
    told = changes.payload(old.hash, plan.hash, actor)
    if not changes.any and old.hash == plan.hash:
        daemon.take(plan, daemon.numbers)
        return told
    ready = await _prepare(daemon, plan, changes)
    links, connectors = daemon.connectors, changes["connectors"]
    ended = await links.end(connectors.ended)
    try:
        swapped = await daemon.pipeline.between(lambda: _swap(daemon, plan, changes, ready))
    except BaseException:
        before = frozenset(changes["signals"].ended)
        known = [planned for planned in old.signals if planned.path in before]
        await daemon.pipeline.between(lambda: _limit(daemon, known, daemon.numbers))
        links.make(old, daemon.numbers, ended)
        links.start(ended)
        raise
    # From here to the end nothing is waited for: whoever asks sees one plan or the other.
    rooms = daemon.rooms
    rooms.shapers = _shapers(daemon, plan, ready)
    rooms.watches = {name: ready.watches.get(name) or rooms.watches[name] for name in plan.watches}
    rooms.learners = _learners(daemon, plan, ready)
    rooms.promotions.renewed = renewed(rooms.watches, rooms.learners)
    rooms.advisers = swapped.advisers
    rooms.decisions.follow(
        ready.targets, connectors_of(plan, ready.numbers), frozenset(changes["commands"].kept)
    )
    links.forget(connectors.removed)
    links.make(plan, ready.numbers, connectors.fresh)
    daemon.take(plan, ready.numbers)
    if links.started:
        links.start((*connectors.fresh, *links.given_up(connectors.kept)))
    now = daemon.clock()
    event = Event("plan", "plant", now, "runtime", now, payload=told.model_dump(mode="json"))
    daemon.pipeline.emit([event, *swapped.events])
    with contextlib.suppress(GemelError):  # it is tried again, and says why
        await daemon.pictures.renew()
    log.info("the plant file was read again by %s: %s", actor, told.sentence)
    await asyncio.to_thread(daemon.keep_plan)
    return told


async def _prepare(daemon: Daemon, plan: Plan, changes: Changes) -> _Ready:
    """Make what is new. The catalogue may have more numbers afterwards, and the mirror room for
    them; nothing else changes."""
    catalogue, mirror = daemon.catalogue, daemon.mirror
    new = [planned for planned in plan.signals if planned.path not in catalogue]
    room = len(catalogue) + len(new)
    # First the room: whoever finds a number in the catalogue looks it up in the mirror.
    await daemon.pipeline.between(lambda: mirror.grow(room))
    declare(new, catalogue, daemon.clock())
    numbers = {planned.path: catalogue.number(planned.path) for planned in plan.signals}
    return await asyncio.to_thread(_make, daemon, plan, changes, numbers)


def _make(daemon: Daemon, plan: Plan, changes: Changes, numbers: dict[str, int]) -> _Ready:
    maker, store = daemon.rooms.maker, daemon.store
    return _Ready(
        numbers=numbers,
        shapers={n: maker.shaper(plan, numbers, n) for n in changes["features"].fresh},
        watches={n: maker.watch(plan, numbers, n) for n in changes["detectors"].fresh},
        learners={n: maker.learner(plan, numbers, n) for n in _fresh_tasks(daemon, changes)},
        advisers={n: maker.adviser(plan, numbers, n) for n in changes["reasoners"].fresh},
        targets=targets(plan.plant, plan.signals, numbers),
        alarms=maker.alarms(plan) if changes["alarms"].any else None,
        operations=maker.operations(plan) if changes["machines"].any else None,
        told=told_alarms(store, daemon.clock()) if changes["alarms"].added else (),
        shown=last_known(store, [numbers[path] for path in changes["signals"].added]),
    )


async def read_again(daemon: Daemon, actor: str, path: Path | None = None) -> PlanChange:
    """Read the plant file from disk again, or another one, and let it hold."""
    async with daemon.changing:
        plan = await asyncio.to_thread(load, path or daemon.plan.path)
        return await daemon.reload(plan, actor)


# In the compute thread


@dataclass(frozen=True, slots=True)
class _Swapped:
    advisers: dict[str, Adviser]
    events: list[Event]


def _swap(daemon: Daemon, plan: Plan, changes: Changes, ready: _Ready) -> _Swapped:
    """The new plan holds for every sample from here on."""
    rooms, mirror, now = daemon.rooms, daemon.mirror, daemon.clock()
    advisers, kept_states = _advisers(daemon, plan, changes, ready)
    _signals(daemon, plan, changes, ready)
    daemon.pipeline.thinner.set(deadbands(plan.signals, ready.numbers))
    daemon.pipeline.shapers.put([*_shapers(daemon, plan, ready).values()])
    shown = mirror.snapshot(now).frame()
    if ready.operations is not None:
        rooms.operations.become(ready.operations, frozenset(changes["machines"].kept), shown)
    if ready.alarms is not None:
        rooms.alarms.become(ready.alarms, shown, ready.told)
    events: list[Event] = []
    for name in changes["detectors"].ended:
        events += rooms.watches[name].end()
    for name in changes["detectors"].changed:
        events += ready.watches[name].take_over(rooms.watches[name])
        fresh = ready.watches[name].model is None
        events.append(_started("detector", name, now, fresh=fresh))
    for name in changes["features"].changed:
        events.append(_started("feature", name, now, fresh=True))
    for name in changes["tasks"].ended:
        events += rooms.learners[name].end() if name in rooms.learners else []
    for name in changes["tasks"].changed:
        if name in ready.learners and name in rooms.learners:
            ready.learners[name].take_over(rooms.learners[name])
        fresh = not (name in ready.learners and ready.learners[name].champion)
        events.append(_started("task", name, now, fresh=fresh))
    for name in changes["pictures"].changed:
        events.append(_started("inspection", name, now, fresh=True))
    for name in changes["reasoners"].changed:
        events.append(_started("reasoner", name, now, fresh=name not in kept_states))
    watches = {n: ready.watches.get(n) or rooms.watches[n] for n in plan.watches}
    watchers: list[Watcher] = [rooms.alarms, rooms.operations]
    watchers += [*watches.values(), *_learners(daemon, plan, ready).values(), *advisers.values()]
    begin: list[Watcher] = [*ready.watches.values(), *ready.learners.values()]
    begin += [advisers[name] for name in changes["reasoners"].fresh]
    renewed = {rooms.alarms.name} if ready.alarms is not None else set()
    renewed |= {rooms.operations.name} if ready.operations is not None else set()
    daemon.pipeline.watchers.change(watchers, begin, renewed, shown)
    return _Swapped(advisers, events)


def _shapers(daemon: Daemon, plan: Plan, ready: _Ready) -> dict[str, Shaper]:
    running = daemon.rooms.shapers
    return {name: ready.shapers.get(name) or running[name] for name in plan.features}


def _fresh_tasks(daemon: Daemon, changes: Changes) -> tuple[str, ...]:
    """Tasks to make; none in a replay."""
    return () if daemon.rooms.maker.replayed else changes["tasks"].fresh


def _learners(daemon: Daemon, plan: Plan, ready: _Ready) -> dict[str, Learner]:
    running = daemon.rooms.learners
    found = {name: ready.learners.get(name) or running.get(name) for name in plan.tasks}
    return {name: learner for name, learner in found.items() if learner is not None}


def _advisers(
    daemon: Daemon, plan: Plan, changes: Changes, ready: _Ready
) -> tuple[dict[str, Adviser], set[str]]:
    """The reasoners of a plan, and the names of those changed ones that took the old state."""
    running, found, taken = daemon.rooms.advisers, {}, set()
    changed = frozenset(changes["reasoners"].changed)
    for name in plan.reasoners:
        found[name] = ready.advisers.get(name) or running[name]
        if name in changed:
            state = running[name].state()
            try:
                found[name] = daemon.rooms.maker.adviser(plan, ready.numbers, name, state)
            except DataError:
                continue
            taken.add(name)
    return found, taken


def _signals(daemon: Daemon, plan: Plan, changes: Changes, ready: _Ready) -> None:
    mirror, signals = daemon.mirror, changes["signals"]
    planned = {one.path: one for one in plan.signals}
    _limit(daemon, [planned[path] for path in signals.fresh], ready.numbers)
    for path in signals.removed:
        limit(mirror, daemon.numbers[path], Signal())
    gone = [daemon.numbers[path] for path in signals.removed]
    cut = [*gone, *(ready.numbers[path] for path in signals.added if planned[path].connector)]
    if ready.shown:
        mirror.restore(*ready.shown)
    mirror.cut(np.array(cut, np.int32), True)


def _limit(daemon: Daemon, signals: Sequence[PlantSignal], numbers: Mapping[str, int]) -> None:
    """What these signals mean, and what is possible, is what they say from now on."""
    declare(signals, daemon.catalogue, daemon.clock())
    for planned in signals:
        limit(daemon.mirror, numbers[planned.path], planned.signal)


def _started(kind: str, name: str, now: int, *, fresh: bool) -> Event:
    why = "its settings, or what its names mean, changed in the plant file"
    end = "; what it knew does not fit them" if fresh else ""
    payload = PartStarted(fresh=fresh, why=why + end)
    subject = f"{kind} '{name}'"
    return Event("part_started", subject, now, "runtime", now, payload=payload.model_dump())


# Also at the start of a daemon


def declare(signals: Iterable[PlantSignal], catalogue: Catalogue, now: int) -> dict[str, int]:
    """Give every signal of a plan its number."""
    return {
        planned.path: catalogue.declare(
            planned.path,
            planned.signal.type,
            planned.signal.unit,
            planned.signal.labels.items(),
            now,
        )
        for planned in signals
    }


def limit(mirror: Mirror, number: int, signal: Signal) -> None:
    """Judge the samples of a signal by its limits from now on."""
    mirror.rules.set(number, signal.range, signal.max_rate, signal.flat_after)
    mirror.watch_age(number, signal.stale_after)


def deadbands(signals: Iterable[PlantSignal], numbers: Mapping[str, int]) -> dict[int, float]:
    """Of the signals that have one, by number."""
    return {
        numbers[planned.path]: planned.signal.deadband
        for planned in signals if planned.signal.deadband is not None
    }  # fmt: skip


def last_known(store: Store, numbers: Iterable[int]) -> list[Any]:
    """What history knew last of signals, as columns for `Mirror.restore`; empty if nothing."""
    wanted = np.array(sorted(numbers), np.int32)
    if not len(wanted):
        return []
    last = store.at(wanted, np.iinfo(np.int64).max - 1)
    return [last.column(i).to_numpy() for i in range(4)] if last.num_rows else []
