"""Maintenance of the plant file at work: lives from prognostics, room in the schedule."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gemel.core import quality as q
from gemel.core.errors import Unknown, did_you_mean
from gemel.core.time import DAY, HOUR, MINUTE, SECOND, parse_time, zone
from gemel.runtime.lazy import Lazy
from gemel.runtime.upkeep_files import read_upkeep

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.twin.planning.upkeep.settings import MaintenanceSettings
    from gemel.twin.planning.upkeep.told import Busy, Seen

__all__ = ["Upkeeping"]

LEAST: Final = 5 * SECOND
"""A prognostic speaks every second; nobody plans that often."""
_UNITS: Final = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}


class Upkeeping:
    """All that is kept up. Nothing is worked out unless somebody asks."""

    def __init__(self, daemon: Daemon, executor: Executor) -> None:
        self._daemon, self._executor = daemon, executor
        self._kept: dict[str, Lazy] = {}

    @property
    def settings(self) -> dict[str, MaintenanceSettings]:
        """As the plant file says."""
        return self._daemon.plan.maintenance

    async def ask(self, name: str, *, wait: bool) -> Lazy:
        """What is known; see `Lazy.ask`. Raises `Unknown`."""
        if name not in self.settings:
            raise Unknown(f"no maintenance '{name}'; {did_you_mean(name, self.settings)}")
        settings, now = self.settings[name], self._daemon.clock()
        kept = self._kept.setdefault(name, Lazy(self._executor, self._daemon.clock, LEAST))
        seen = {key: self._seen(name, key, now) for key in settings.assets}
        busy = self._busy(settings)
        path = self._daemon.plan.folder / settings.file
        changed = await asyncio.to_thread(_changed, path)
        held = self._held(settings)
        key = (settings, changed, tuple(seen.items()), held, now // HOUR)

        def make() -> dict[str, Any]:
            from gemel.twin.planning.upkeep.told import record_of

            read = read_upkeep(path)
            return record_of(read.upkeep, read.fits, seen, busy, now)

        await kept.ask(_Key(key), make, wait=wait)
        return kept

    def stop(self) -> None:
        """Nobody waits any more."""
        for kept in self._kept.values():
            kept.stop()

    def _held(self, settings: MaintenanceSettings) -> int:
        book = self._daemon.planning.books.get(settings.schedule)
        return 0 if book is None or book.held is None else book.held.number

    def _busy(self, settings: MaintenanceSettings) -> Busy:
        from gemel.twin.planning.upkeep.told import Busy

        book = self._daemon.planning.books.get(settings.schedule)
        version = None if book is None else book.held or book.proposed
        if version is None:
            return Busy()
        machines = {key: seat.machine for key, seat in settings.assets.items() if seat.machine}
        return Busy(version.rows, version.due, machines)

    def _seen(self, name: str, key: str, now: int) -> Seen:
        from gemel.twin.planning.upkeep.told import Seen, predicted

        seat = self.settings[name].assets[key]
        age = None
        if seat.since:
            local = zone(self._daemon.plan.plant.plant.time_zone)
            age = max(0, now - parse_time(seat.since, local))
        if not seat.life:
            return Seen(age=age)
        told = self._values(seat.life, now)
        if told is None:
            return Seen(age=age, note="its prognostic says nothing yet")
        unit = self._daemon.planned[seat.life].signal.unit
        found = predicted(*told, _UNITS.get(unit, HOUR), self._cap(seat.life))
        return Seen(found.prediction, age, found.note)

    def _values(self, path: str, now: int) -> tuple[float, float, float] | None:
        """The last estimate and its band, if all are good."""
        shown, found = self._daemon.mirror.snapshot(now), []
        for side in ("", "_low", "_high"):
            number = self._daemon.numbers.get(path + side)
            if number is None or not shown.count[number]:
                return None
            quality = int(shown.quality[number])
            if quality < 0 or quality in (q.STALE, q.NO_COMMUNICATION_LAST_USABLE):
                return None
            found.append(float(shown.value[number]))
        if any(value != value for value in found):
            return None
        return found[0], found[1], found[2]

    def _cap(self, path: str) -> float | None:
        """What the task that tells it never goes beyond."""
        form = self._daemon.plan.tasks.get(self._daemon.planned[path].told_by)
        return getattr(getattr(form, "task", None), "cap", None)


class _Key:
    """Settings are no hashable values; two keys are equal where all they hold is."""

    def __init__(self, held: tuple[Any, ...]) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other._held == self._held

    def __hash__(self) -> int:
        return 0


def _changed(path: Path) -> int:
    """When a file was changed, ns; 0 where it is gone, which its reader will say."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
