"""The simulated clock of a served plant."""

import asyncio
import time
from collections.abc import Callable

from gemel.virtual.faults import NS


class SimulatedClock:
    """Simulated time: starts at `start_ns` and runs `speedup` times as fast as `monotonic`."""

    def __init__(
        self, start_ns: int, speedup: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._start_ns = start_ns
        self._speedup = speedup
        self._monotonic = monotonic
        self._origin = monotonic()

    def now_ns(self) -> int:
        return self._start_ns + round((self._monotonic() - self._origin) * self._speedup * NS)

    async def until(self, time_ns: int) -> None:
        """Wait until the simulated time is reached; always gives other tasks their turn."""
        await asyncio.sleep(max(0.0, (time_ns - self.now_ns()) / NS / self._speedup))
