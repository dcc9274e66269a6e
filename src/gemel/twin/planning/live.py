"""The line as it is now, from what its machines and signals tell: where a simulation begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gemel.core.line import Line, Snapshot, Station
from gemel.core.time import duration_text

__all__ = ["Live", "Seen", "live"]

_STOPPED: Final = ("fault", "stopped")
_EMPTY: Final = ("starved", "idle", "planned")


@dataclass(frozen=True, slots=True)
class Seen:
    """A station, as it is seen.

    state    word of the time model (`gemel.twin.operations.times.WORDS`), empty if nobody tells
    since_s  for how long it has been in it, s
    waiting  parts in front of it, None if nobody counts them
    repair   how long somebody says that the repair still takes, such as '2 h'; empty if nobody does
    """

    state: str = ""
    since_s: float = 0.0
    waiting: float | None = None
    repair: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """A snapshot, as it is written in a file, and what of it is not known, a sentence each."""

    snapshot: Snapshot
    written: dict[str, Any]
    remarks: tuple[str, ...]


def live(line: Line, seen: Mapping[str, Seen], *, begins: str, product: str = "") -> Live:
    """The line with these stations; `begins` is the time of the week, such as 'mon 06:00:05',
    `product` what is made now.

    Parts are as old as it takes the slowest station to make what stands between them and the
    beginning of the line.
    """
    remarks: list[str] = []
    stations: dict[str, Any] = {}
    if not line.products:
        product = ""
    elif product not in line.products:
        if product:
            remarks.append(f"'{product}' is no product of the line; taken as its first one")
        product = next(iter(line.products))
    pace = max(s.time.mean_s / s.servers for s in line.stations.values())
    ahead = 0.0
    for name, station in line.stations.items():
        told = seen.get(name, Seen())
        now = _station(line, name, told, product, remarks)
        waiting = _waiting(station, name, told, bool(line.feeders(name)), remarks)
        if waiting:
            lot: dict[str, Any] = {
                "product": product, "count": waiting, "age": _text((ahead + waiting / 2) * pace),
            }  # fmt: skip
            if station.join == "assembly":
                now["waiting_of"] = {feeder: [lot] for feeder in line.feeders(name)}
            else:
                now["waiting"] = [lot]
        ahead += waiting
        for busy in now.get("busy", ()):
            busy["age"] = _text(ahead * pace)
        ahead += sum(busy["count"] for busy in now.get("busy", ()))
        if now:
            stations[name] = now
    written = {"begins": begins, "stations": stations}
    return Live(Snapshot.read(written), written, tuple(remarks))


def _station(line: Line, name: str, told: Seen, product: str, remarks: list[str]) -> dict[str, Any]:
    station, title = line.stations[name], line.stations[name].title or name
    if told.state in _EMPTY:
        return {}
    busy: dict[str, Any] = {"product": product, "count": 1}
    if told.state == "blocked" and line.followers(name):
        return {"busy": [busy | {"done": True}] * station.servers}
    if told.state in _STOPPED:
        if told.repair:
            return {"busy": [busy | {"repair_left": told.repair}]}
        if station.failures:
            return {"busy": [busy | {"repaired_for": _text(told.since_s)}]}
        remarks.append(
            f"{title} has stopped, and the line does not say how long stops take: it is taken to "
            "run again at once, unless you say how long the repair takes"
        )
    if told.state in ("", "unknown"):
        remarks.append(f"what {title} does is not known: it is taken to run")
    if station.batch is not None:
        return {}
    # How far a part has come is seldom told; anything up to its usual time is as likely.
    mean = station.time.mean_s
    left = {"kind": "uniform", "low": "0 s", "high": _text(mean)} if mean > 0 else "0 s"
    return {"busy": [busy | {"work_left": left}] * station.servers}


def _waiting(station: Station, name: str, told: Seen, fed: bool, remarks: list[str]) -> int:
    if told.waiting is None:
        if fed:
            remarks.append(
                f"how many parts wait in front of {station.title or name} is not known: taken as "
                "none; name the signal that counts them, `waiting`"
            )
        return 0
    count = max(0, round(told.waiting))
    if station.places is not None and count > station.places:
        remarks.append(
            f"{count} parts wait in front of {station.title or name}, which has {station.places} "
            "places: taken as full"
        )
        return station.places
    return count


def _text(seconds: float) -> str:
    return duration_text(round(max(seconds, 0.0) * 1e3) * 1_000_000)
