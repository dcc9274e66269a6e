"""The connectors of a daemon: made from a plan, run as tasks, ended, and given other settings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from pathlib import Path

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.plant import PlantSignal
from gemel.core.time import Clock
from gemel.parts.connectors.base import Wanted
from gemel.parts.historians.base import Store
from gemel.runtime.configuration import Plan
from gemel.runtime.pipeline import Pipeline
from gemel.runtime.supervisor import AT_ITS_END, Link
from gemel.twin.mirror import Mirror

__all__ = ["Links", "log_failure", "wanted_of"]

log = logging.getLogger("gemel")


class Links:
    """All links by name, and the tasks in which they run. Used in the event loop."""

    def __init__(
        self, folder: Path, store: Store, mirror: Mirror, pipeline: Pipeline, clock: Clock,
        naive: tzinfo,
    ) -> None:  # fmt: skip
        self.all: dict[str, Link] = {}
        """Always the same mapping: whoever has it sees what changes."""
        self.started = False
        """Whether links run as soon as they are there; not in a replay."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._numbers: Mapping[str, int] = {}
        self._folder = folder / "connectors"
        self._store = store
        self._mirror = mirror
        self._pipeline = pipeline
        self._clock = clock
        self._naive = naive

    def make(self, plan: Plan, numbers: Mapping[str, int], names: Iterable[str]) -> None:
        """Links of these names as the plan wants them. One that is there takes the new settings and
        keeps its counters; it must have ended."""
        self._numbers = numbers
        wanted = wanted_of(plan.signals, numbers)
        for name in names:
            connector, signals = plan.connectors[name], wanted.get(name, ())
            if (link := self.all.get(name)) is not None:
                link.change(connector, signals)
                continue
            folder = self._folder / name
            folder.mkdir(parents=True, exist_ok=True)
            self.all[name] = Link(
                name, connector, signals, store=self._store, mirror=self._mirror,
                pipeline=self._pipeline, clock=self._clock, folder=folder,
                resolve=self._number, naive=self._naive,
            )  # fmt: skip

    def start(self, names: Iterable[str]) -> None:
        """Let links run until they are ended."""
        self.started = True
        for name in names:
            task = asyncio.create_task(self.all[name].run(), name=f"connector.{name}")
            task.add_done_callback(log_failure)
            self._tasks[name] = task

    async def end(self, names: Iterable[str]) -> list[str]:
        """Close their sessions, and wait until all that these handed over is stored or refused;
        gives those that ran."""
        tasks = {name: self._tasks.pop(name) for name in names if name in self._tasks}
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        await asyncio.gather(*(self.all[name].settled() for name in tasks))
        return list(tasks)

    def given_up(self, names: Iterable[str]) -> list[str]:
        """Those that stopped because only a person could mend it, as somebody may have done."""
        links = ((name, self.all[name]) for name in names)
        return [
            name for name, link in links if link.state == "stopped" and link.reason != AT_ITS_END
        ]

    def forget(self, names: Iterable[str]) -> None:
        """Links of these names, which have ended, are no longer wanted."""
        for name in names:
            del self.all[name]

    def _number(self, path: str) -> int:
        """The number of a signal of the plan; the catalogue knows those of former plans too."""
        try:
            return self._numbers[path]
        except KeyError:
            hint = did_you_mean(path, self._numbers)
            raise ConfigurationError(f"no signal '{path}'; {hint}") from None

    async def stop(self) -> None:
        """Close all sessions."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def wanted_of(
    signals: Iterable[PlantSignal], numbers: Mapping[str, int]
) -> dict[str, tuple[Wanted, ...]]:
    """What each connector shall bring, in the order of the plant file."""
    found: dict[str, list[Wanted]] = {}
    for planned in signals:
        if planned.connector:
            signal = planned.signal
            one = Wanted(
                number=numbers[planned.path],
                path=planned.path,
                address=planned.address,
                type=signal.type,
                sample=signal.sample,
                labels=tuple(sorted(signal.labels.items())),
            )
            found.setdefault(planned.connector, []).append(one)
    return {name: tuple(wanted) for name, wanted in found.items()}


def log_failure(task: asyncio.Task[None]) -> None:
    """A task that ends by a fault of ours must not end in silence."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s has failed", task.get_name(), exc_info=error)
