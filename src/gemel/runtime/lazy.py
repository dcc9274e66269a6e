"""Long work that is done when somebody looks, and kept until what it stands on changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from typing import Any

from gemel.core.errors import GemelError
from gemel.core.time import Clock

__all__ = ["Lazy"]


class Lazy:
    """One answer. Nothing is done unless `ask` is called; then at most one run at a time, in
    `executor`, and not again within `least` ns."""

    def __init__(self, executor: Executor, clock: Clock, least: int) -> None:
        self._executor, self._clock, self._least = executor, clock, least
        self._key: Hashable = None
        self._begun = 0
        self._work: asyncio.Task[None] | None = None
        self.found: dict[str, Any] | None = None
        self.made = 0
        """When it was found, ns; 0 where it never was."""
        self.trouble = ""
        """Why the last run found nothing."""

    @property
    def working(self) -> bool:
        """Whether it is being worked out now."""
        return self._work is not None and not self._work.done()

    async def ask(
        self, key: Hashable, make: Callable[[], dict[str, Any]], *, wait: bool
    ) -> dict[str, Any] | None:
        """What was found last; a run begins if `key` is another one. With `wait` its end is waited
        for. None where nothing was ever found."""
        early = self._key is not None and self._clock() - self._begun < self._least
        if key != self._key and not self.working and (wait or not early):
            self._key, self._begun = key, self._clock()
            self._work = asyncio.create_task(self._run(make))
        if wait and self._work is not None:
            await asyncio.shield(self._work)
        return self.found

    async def _run(self, make: Callable[[], dict[str, Any]]) -> None:
        try:
            self.found = await asyncio.get_running_loop().run_in_executor(self._executor, make)
            self.made, self.trouble = self._clock(), ""
        except GemelError as error:
            self.trouble = str(error)

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._work is not None:
            self._work.cancel()
