"""A line of the plant file as the running twin sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from gemel.core import quality as q
from gemel.core.errors import ConfigurationError, Unknown, did_you_mean
from gemel.core.line import Line
from gemel.core.time import SECOND, parse_duration, zone

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.twin.mirror import Snapshot as Mirrored
    from gemel.twin.planning.live import Live, Seen

__all__ = ["line_of", "live_line"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def line_of(daemon: Daemon, name: str) -> Line:
    """A line of the plant file. Raises `Unknown`."""
    if name not in daemon.plan.lines:
        raise Unknown(f"no line '{name}'; {did_you_mean(name, daemon.plan.lines)}")
    return daemon.plan.lines[name]


def live_line(daemon: Daemon, name: str, repairs: Mapping[str, str] | None = None) -> Live:
    """What stands where now. `repairs` say how long a station's repair still takes, by its name in
    the line. Raises `Unknown`, and `ConfigurationError` for a repair that cannot be read."""
    from gemel.twin.planning.live import live  # compiled; most plants never ask

    line, now = line_of(daemon, name), daemon.clock()
    repairs = dict(repairs or {})
    for station, text in repairs.items():
        if station not in line.stations:
            raise Unknown(f"no station '{station}'; {did_you_mean(station, line.names)}")
        if parse_duration(text) < 0:
            raise ConfigurationError(f"repair of '{station}' takes {text}, must be at least 0")
    shown = daemon.mirror.snapshot(now)
    seen = {
        key: _seen(daemon, station.asset, station.waiting, repairs.get(key, ""), shown, now)
        for key, station in line.stations.items()
    }
    local = datetime.fromtimestamp(now / SECOND, zone(daemon.plan.plant.plant.time_zone))
    begins = f"{_DAYS[local.weekday()]} {local:%H:%M:%S}"
    return live(line, seen, begins=begins, product=_product(daemon, line))


def _seen(daemon: Daemon, asset: str, waiting: str, repair: str, shown: Mirrored, now: int) -> Seen:
    from gemel.twin.planning.live import Seen

    count = None
    number = daemon.numbers.get(waiting)
    if number is not None and shown.count[number]:
        quality = int(shown.quality[number])
        if quality >= 0 and quality not in (q.STALE, q.NO_COMMUNICATION_LAST_USABLE):
            count = float(shown.value[number])
    try:
        view = daemon.rooms.operations.machine(asset)
    except Unknown:
        return Seen("fault" if repair else "", 0.0, count, repair)
    state = "fault" if repair else view.state
    return Seen(state, max(0, now - view.since) / SECOND, count, repair)


def _product(daemon: Daemon, line: Line) -> str:
    """What the first station that tells makes."""
    for station in line.stations.values():
        try:
            told = daemon.rooms.operations.machine(station.asset).product
        except Unknown:
            continue
        if told:
            return told
    return ""
