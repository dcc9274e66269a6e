"""Supply networks of the plant file at work."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gemel.core import quality as q
from gemel.core.errors import Unknown, did_you_mean
from gemel.core.time import MINUTE, SECOND, zone
from gemel.runtime.lazy import Lazy
from gemel.runtime.supply_files import read_supply
from gemel.runtime.supply_outlooks import forecast_supply

if TYPE_CHECKING:
    from gemel.runtime.daemon import Daemon
    from gemel.twin.planning.supply.settings import SupplySettings

__all__ = ["Supplying"]

LEAST: Final = MINUTE
"""Playing a network out takes seconds, and stock changes all the time."""


class Supplying:
    """All networks. Nothing is worked out unless somebody asks."""

    def __init__(self, daemon: Daemon, executor: Executor) -> None:
        self._daemon, self._executor = daemon, executor
        self._kept: dict[str, Lazy] = {}
        self._rules: dict[str, tuple[object, Any]] = {}

    @property
    def settings(self) -> dict[str, SupplySettings]:
        """As the plant file says."""
        return self._daemon.plan.supply

    async def ask(self, name: str, *, wait: bool) -> Lazy:
        """What is known; see `Lazy.ask`. Raises `Unknown`."""
        if name not in self.settings:
            raise Unknown(f"no supply '{name}'; {did_you_mean(name, self.settings)}")
        settings = self.settings[name]
        kept = self._kept.setdefault(name, Lazy(self._executor, self._daemon.clock, LEAST))
        path = self._daemon.plan.folder / settings.file
        now, stock = self._local(), self._stock(settings)
        files = await asyncio.to_thread(_changed, path.parent)
        # Rules hold on; what comes is looked at anew each hour.
        key = (path, files, tuple(sorted(stock.items())), now // (60 * MINUTE))
        await kept.ask(key, lambda: self._make(name, path, now, stock), wait=wait)
        return kept

    def stop(self) -> None:
        """Nobody waits any more."""
        for kept in self._kept.values():
            kept.stop()

    def _make(self, name: str, path: Path, now: int, stock: dict[str, float]) -> dict[str, Any]:
        from gemel.twin.planning.supply import Effort, rules_of, supply_plan
        from gemel.twin.planning.supply.told import record_of

        read = read_supply(path)
        supply, outlooks = forecast_supply(read, now)
        effort = Effort()
        basis = (read.files, now // supply.period)
        if name not in self._rules or self._rules[name][0] != basis:
            self._rules[name] = (basis, rules_of(supply, effort))
        stages = {
            n: s.model_copy(update={"at_hand": stock[n]}) if n in stock else s
            for n, s in supply.stages.items()
        }
        supply = supply.model_copy(update={"stages": stages})
        known = self._rules[name][1]
        return record_of(supply_plan(supply, outlooks, read.chains, now, effort, known=known))

    def _local(self) -> int:
        """Now as clocks in the plant show it, ns: tables have no other time."""
        now = self._daemon.clock()
        local = zone(self._daemon.plan.plant.plant.time_zone)
        offset = datetime.fromtimestamp(now / SECOND, local).utcoffset()
        return now + (0 if offset is None else round(offset.total_seconds()) * SECOND)

    def _stock(self, settings: SupplySettings) -> dict[str, float]:
        """At hand by stage, where a good signal says it."""
        shown = self._daemon.mirror.snapshot(self._daemon.clock())
        found = {}
        for stage, path in settings.stock.items():
            number = self._daemon.numbers.get(path)
            if number is not None and shown.count[number] and shown.quality[number] >= q.GOOD:
                found[stage] = max(0.0, round(float(shown.value[number]), 3))
        return found


def _changed(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Files of the folder with size and time of change: a network stands in several of them."""
    try:
        return tuple(
            (p.name, p.stat().st_size, p.stat().st_mtime_ns)
            for p in sorted(folder.iterdir())
            if p.suffix.lower() in (".yaml", ".yml", ".csv", ".parquet", ".txt", ".tsv", ".gz")
        )
    except OSError:
        return ()  # gone; who reads it will say so
