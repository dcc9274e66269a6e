"""What makes no sense in a line, with its place and what would work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gemel.core.errors import did_you_mean
from gemel.core.line.caps import check_caps
from gemel.core.settings import Misplaced

if TYPE_CHECKING:
    from gemel.core.line.settings import Line

__all__ = ["check"]

Path = tuple[str | int, ...]
MOST_STATIONS = 2_000


def check(line: Line) -> None:
    """Raises `Misplaced` for the first thing that is wrong."""
    if len(line.stations) > MOST_STATIONS:
        raise Misplaced(
            ("stations",), f"{len(line.stations)} stations, at most {MOST_STATIONS} are played out "
            "at once; describe the areas as lines of their own"
        )  # fmt: skip
    _names(line)
    _flow(line)
    _cycles(line)
    _deadlocks(line)
    _routes(line)
    check_caps(line)


def _known(path: Path, name: str, known: Iterable[str], what: str) -> None:
    names = list(known)
    if name not in names:
        raise Misplaced(path, f"no {what} '{name}'; {did_you_mean(name, names)}")


def _names(line: Line) -> None:
    for name, station in line.stations.items():
        place: Path = ("stations", name)
        for before in station.after or ():
            _known((*place, "after"), before, line.stations, "station")
        for product in station.times:
            _known((*place, "times"), product, line.products, "product")
        if station.calendar:
            _known((*place, "calendar"), station.calendar, line.calendars, "calendar")
        if station.rework is not None:
            _known((*place, "rework", "to"), station.rework.to, line.stations, "station")
        crews = [
            (("carriers",), station.carriers, 1),
            *((("failures", c, "crew"), f.crew, f.number) for c, f in station.failures.items()),
        ]
        if station.setup is not None:
            crews.append((("setup", "crew"), station.setup.crew, station.setup.number))
        if station.needs is not None:
            crews.append((("needs", "crew"), station.needs.crew, station.needs.number))
        for path, crew, number in crews:
            if crew:
                _known((*place, *path), crew, line.crews, "crew")
                there = line.crews[crew].number
                if number > there:
                    raise Misplaced(
                        (*place, *path), f"takes {number} of crew '{crew}', which has {there}"
                    )
    for name, group in line.crews.items():
        if group.calendar:
            _known(("crews", name, "calendar"), group.calendar, line.calendars, "calendar")
    for calendar, shifts in line.calendars.items():
        if not any(shift.days for shift in shifts):
            raise Misplaced(("calendars", calendar), "has no shift: nothing would ever be made")
    for i, wanted in enumerate(line.sequence):
        _known(("sequence", i), wanted, line.products, "product")
    for name, kind in line.products.items():
        for i, step in enumerate(kind.route):
            if not step.stations:
                raise Misplaced(("products", name, "route", i, "station"), "names no station")
            for known in step.stations:
                _known(("products", name, "route", i, "station"), known, line.stations, "station")


def _flow(line: Line) -> None:
    routed = bool(line.products) and all(product.route for product in line.products.values())
    if not routed and any(product.route for product in line.products.values()):
        without = next(name for name, product in line.products.items() if not product.route)
        raise Misplaced(
            ("products", without), f"some products have a `route`, '{without}' has none; write one "
            "for each"
        )  # fmt: skip
    for name, station in line.stations.items():
        place: Path = ("stations", name)
        feeders, followers = line.feeders(name), line.followers(name)
        if len(set(feeders)) < len(feeders):
            raise Misplaced((*place, "after"), "names a station twice")
        if station.join == "assembly" and len(feeders) < 2:
            raise Misplaced((*place, "join"), "an assembly has at least two stations in `after`")
        if station.arrivals is not None and feeders and not routed:
            raise Misplaced(
                (*place, "arrivals"), f"parts come from {_listed(feeders)}; arrivals are for "
                "stations that nothing feeds (`after: []`)"
            )  # fmt: skip
        if station.split == "share" and followers:
            for follower in station.shares:
                _known((*place, "shares"), follower, followers, "follower")
            missing = [f for f in followers if station.shares.get(f, 0) <= 0]
            if missing:
                raise Misplaced((*place, "shares"), f"has no share above 0 for {_listed(missing)}")
        for follower in followers:
            behind = line.stations[follower]
            together = behind.travel is not None or station.blocking == "before"
            if station.batch is None or behind.places is None or not together:
                continue
            inside = behind.places + (behind.batch.most if behind.batch else behind.servers)
            if inside < station.batch.most:
                raise Misplaced(
                    ("stations", follower, "places"), f"with them it holds {inside} parts, and "
                    f"'{name}' sends up to {station.batch.most} at once: they would never come"
                )  # fmt: skip
        every = station.arrivals.every if station.arrivals is not None else None
        if every is not None and every.mean_s <= 0:
            raise Misplaced((*place, "arrivals", "every"), "is 0: all parts would come at once")
        shortest = min(t.mean_s for t in (station.time, *station.times.values()))
        if shortest <= 0 and station.arrivals is None and not feeders:
            raise Misplaced(
                (*place, "time"), "is 0 at the beginning of the line: endlessly many parts would "
                "come at once"
            )  # fmt: skip
        for cause, failure in station.failures.items():
            if failure.every.mean_s <= 0:
                raise Misplaced(
                    (*place, "failures", cause, "every"), "is 0: it would never work again"
                )


def _routes(line: Line) -> None:
    if any(p.route for p in line.products.values()) and not any(
        s.arrivals for s in line.stations.values()
    ):
        raise Misplaced(
            ("products",), "have routes, and no station has `arrivals`; say at one when parts come"
        )


def _cycles(line: Line) -> None:
    """The flow itself has none; parts go back by `rework` or a `route`."""
    done: set[str] = set()
    for begin in line.stations:
        way: list[str] = []
        stack = [(begin, iter(line.feeders(begin)))] if begin not in done else []
        way = [begin] if stack else []
        while stack:
            name, rest = stack[-1]
            for before in rest:
                if before in way:
                    loop = [*reversed(way[way.index(before) :]), before]
                    loop = [before, *loop[: loop.index(before)], before]
                    raise Misplaced(
                        ("stations", name, "after"), f"goes in a circle: {' → '.join(loop)}; "
                        "parts that go back are written as `rework`"
                    )  # fmt: skip
                if before not in done:
                    way.append(before)
                    stack.append((before, iter(line.feeders(before))))
                    break
            else:
                done.add(name)
                way.pop()
                stack.pop()


def _deadlocks(line: Line) -> None:
    """A loop of stations with finitely many places fills up one day, and then nothing moves."""
    edges: dict[str, set[str]] = {name: set() for name in line.stations}
    back: dict[tuple[str, str], Path] = {}
    if not line.products or any(not p.route for p in line.products.values()):
        for name in line.stations:
            for before in line.feeders(name):
                edges[before].add(name)
        for name, station in line.stations.items():
            if station.rework is not None:
                edges[name].add(station.rework.to)
                back[name, station.rework.to] = ("stations", name, "rework", "to")
    for product_name, product in line.products.items():
        for i, (one, other) in enumerate(zip(product.route, product.route[1:], strict=False)):
            for here in one.stations:
                for there in other.stations:
                    edges[here].add(there)
                    place: Path = ("products", product_name, "route", i + 1, "station")
                    back.setdefault((here, there), place)
    # A part waits for the place, if there is one; a loop through it cannot fill up.
    limited = {n for n, s in line.stations.items() if s.places is not None}
    for (here, there), place in back.items():
        way = _way(edges, there, here, limited)
        if way is not None:
            places = sum((line.stations[n].places or 0) + line.stations[n].servers for n in way)
            raise Misplaced(
                place, f"the loop {' → '.join([*way, way[0]])} holds at most {places} parts; when "
                "all are full and one must go back, nothing can move any more. Leave out `places` "
                f"of one of them, best of '{there}'"
            )  # fmt: skip


def _way(edges: dict[str, set[str]], begin: str, end: str, inside: set[str]) -> list[str] | None:
    """A way between two stations over stations of `inside`."""
    if begin not in inside or end not in inside:
        return None
    came: dict[str, str | None] = {begin: None}
    queue = [begin]
    for name in queue:
        if name == end:
            way: list[str] = []
            here: str | None = name
            while here is not None:
                way.append(here)
                here = came[here]
            return way[::-1]
        for other in sorted(edges[name] & inside):
            if other not in came:
                came[other] = name
                queue.append(other)
    return None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
