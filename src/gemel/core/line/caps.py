"""Caps of a line: which stations they hold, and what could never move under them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from gemel.core.errors import did_you_mean
from gemel.core.settings import Misplaced

if TYPE_CHECKING:
    from gemel.core.line.settings import Line
    from gemel.core.line.snapshot import Snapshot

__all__ = ["check_caps", "held", "stretch"]


def stretch(line: Line, name: str) -> tuple[str, ...]:
    """Stations that the cap of this name holds, in the order of the line: those on the ways of the
    flow, or of the routes, from its first to its last; what goes back by `rework` is no way."""
    cap, onward = line.caps[name], _onward(line)
    backward: dict[str, set[str]] = {station: set() for station in onward}
    for station, others in onward.items():
        for other in others:
            backward[other].add(station)
    behind = _reached(onward, cap.first) if cap.first else set(onward)
    before = _reached(backward, cap.last) if cap.last else set(onward)
    return tuple(station for station in line.names if station in behind & before)


def held(line: Line, name: str, start: Snapshot) -> int:
    """Parts under the cap of this name in a snapshot: those that are worked on in its stretch, and
    those that wait there for another station of it. A merge that is fed from outside, too, is taken
    to hold only parts from inside."""
    inside, found = stretch(line, name), 0
    for station in inside:
        now, fed = start.of(station), [f for f in line.feeders(station) if f in inside]
        found += sum(busy.count for busy in now.busy)
        found += sum(lot.count for lot in now.waiting) if fed else 0
        found += sum(lot.count for feeder in fed for lot in now.waiting_of.get(feeder, ()))
    return found


def _onward(line: Line) -> dict[str, set[str]]:
    """Where parts go from each station."""
    routes = [product.route for product in line.products.values() if product.route]
    if not routes:
        return {name: set(line.followers(name)) for name in line.names}
    found: dict[str, set[str]] = {name: set() for name in line.names}
    for route in routes:
        for one, other in pairwise(route):
            for here in one.stations:
                found[here].update(other.stations)
    return found


def _reached(edges: Mapping[str, Iterable[str]], begin: str) -> set[str]:
    found, waiting = {begin}, [begin]
    while waiting:
        new = set(edges[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


def check_caps(line: Line) -> None:
    """Raises `Misplaced` for a cap that leads nowhere, and for one under which a batch or an
    assembly would wait for parts that it keeps out. Where luck decides whether that happens, a
    simulation says so when it stands still."""
    for name, cap in line.caps.items():
        for what, station in (("first", cap.first), ("last", cap.last)):
            if station and station not in line.stations:
                hint = did_you_mean(station, line.names)
                raise Misplaced(("caps", name, what), f"no station '{station}'; {hint}")
        held = stretch(line, name)
        if not held:
            raise Misplaced(
                ("caps", name, "last"), f"no way leads from '{cap.first}' to '{cap.last}'; `first` "
                "is the one that parts come to first"
            )  # fmt: skip
        if cap.most is not None:
            _check_batches(line, name, cap.most, held)
            _check_assemblies(line, name, cap.most, set(held))


def _check_batches(line: Line, name: str, most: int, held: Iterable[str]) -> None:
    for station in held:
        batch = line.stations[station].batch
        if batch is not None and batch.least > most:
            raise Misplaced(
                ("caps", name, "most"), f"is {most}, and '{station}' begins with {batch.least} "
                f"parts: it never would; give at least {batch.least}"
            )  # fmt: skip


def _check_assemblies(line: Line, name: str, most: int, held: set[str]) -> None:
    """The ways to an assembly share the cap: parts on all but one of them must not fill it, since
    none would be left for the one that they wait for."""
    ways = {s: tuple(f for f in line.feeders(s) if f in held) for s in held}
    for station in (s for s in line.names if s in held):
        feeders = ways[station]
        if line.stations[station].join != "assembly" or len(feeders) < 2:
            continue
        before = {feeder: _reached(ways, feeder) for feeder in feeders}
        if sum(map(len, before.values())) > len(set().union(*before.values())):
            continue  # they come from one place, which shares them out
        room = {f: _room(line, station, before[f], ways) for f in feeders}
        for wanted in feeders:
            others = sum(room[f] for f in feeders if f != wanted)
            if others >= most:
                names = ", ".join(f"'{f}'" for f in feeders if f != wanted)
                enough = f"give more than {others:.0f}" if others < inf else "give them `places`"
                raise Misplaced(
                    ("caps", name, "most"), f"is {most}, which parts from {names} can take up while"
                    f" they wait at '{station}' for one from '{wanted}' that is not let in; "
                    f"{enough}, or each way a cap of its own (`first`)"
                )  # fmt: skip


def _room(
    line: Line, assembly: str, before: set[str], ways: Mapping[str, tuple[str, ...]]
) -> float:
    """Most parts on a way to an assembly, what waits in front of that among them."""
    found = 0.0
    for name in (*before, assembly):
        s = line.stations[name]
        found += s.batch.most if s.batch is not None else s.servers
        if ways[name]:  # what waits in front of the first is not in it yet
            found += inf if s.places is None else s.places
    return found
