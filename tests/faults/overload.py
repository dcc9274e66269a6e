"""Offer the pipeline more rows than it was made for, and count where every one of them went."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gemel.core.frame import Frame
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query
from gemel.runtime.clock import system_clock
from gemel.runtime.pipeline import Pipeline
from gemel.twin.mirror import Mirror

SIGNALS = 2_000
ROWS = 50_000  # of each Frame
PER_SECOND = 200_000
START = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Offered:
    """Rows, unless it says otherwise."""

    offered: int
    mirrored: int
    stored: int
    """Read back from history."""
    refused: int
    in_gaps: int
    """Refused rows that a gap Event names."""
    shown: bool
    """The mirror shows the last value of every signal."""
    most_waiting: int
    """In front of both stages, at any time."""
    memory_mib: float
    """Growth of the process from the first to the last Frame."""
    seconds: float
    """For all Frames to be taken; longer than asked for where the pipeline held back."""


async def offer(folder: Path, times: float, seconds: float) -> Offered:
    """Offer `times` 200,000 rows/s for `seconds`, by a source that cannot wait."""
    count = round(times * PER_SECOND * seconds / ROWS)
    settings = {"kind": "duckdb", "keep_free": 0}
    gaps = []
    Mirror.warm_up()
    with HISTORIANS.build(settings).open(folder, system_clock) as store:
        for i in range(SIGNALS):
            store.catalogue.declare(f"s/{i}")
        mirror = Mirror(SIGNALS)
        pipeline = Pipeline(store, mirror, system_clock)
        pipeline.on_events = gaps.extend
        pipeline.start()
        before, most = _memory(), 0
        begun = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number * seconds / count - time.monotonic()))
            await pipeline.submit(_frame(number))
            most = max(most, sum(pipeline.backlog()))
        taken, grown = time.monotonic() - begun, _memory() - before
        # What was refused is told with the next commit that works.
        await (await pipeline.submit(_frame(count), urgent=True, patient=True))
        await pipeline.stop()
        await asyncio.sleep(0)
        signals = np.arange(SIGNALS, dtype=np.int32)
        found = store.query(Query(signals, -(2**62), 2**62, every=2**61))
        shown = mirror.snapshot(system_clock()).value[:SIGNALS]
        last = (count + 1) * ROWS - SIGNALS + signals
        return Offered(
            offered=(count + 1) * ROWS,
            mirrored=pipeline.live.accepted,
            stored=int(found.column("count").to_numpy().sum()),
            refused=pipeline.history.refused,
            in_gaps=sum(gap.payload["rows"] for gap in gaps if gap.kind == "gap"),
            shown=bool((shown == last).all()),
            most_waiting=most,
            memory_mib=grown,
            seconds=taken,
        )


def _frame(number: int) -> Frame:
    n = np.arange(ROWS)
    moment = START + (number * (ROWS // SIGNALS) + n // SIGNALS) * 1_000_000
    return Frame.of(n % SIGNALS, moment, number * ROWS + n, received=system_clock(), source="flood")


def _memory() -> float:
    """Of this process now, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096 / 2**20
