"""A process that stores samples as fast as it can, and says what was acknowledged.

It runs as a child and is killed at any moment: ``python feeder.py DATA ACKNOWLEDGED FIRST``. Every
acknowledged batch is one line (its number) in the file ACKNOWLEDGED, written after the commit.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import numpy as np

from gemel.core.frame import Frame
from gemel.parts.historians import HISTORIANS
from gemel.runtime.clock import system_clock
from gemel.runtime.pipeline import Pipeline
from gemel.twin.mirror import Mirror

SIGNALS = 50
ROWS = 500  # of each batch
START = 1_700_000_000_000_000_000


def batch(number: int) -> Frame:
    """Batch `number`: its rows can be told from those of every other batch."""
    n = np.arange(ROWS)
    time = START + (number * (ROWS // SIGNALS) + n // SIGNALS) * 1_000_000
    value = number * ROWS + n
    return Frame.of(n % SIGNALS, time, value, source="feeder", position=str(number))


async def feed(data: Path, acknowledged: Path, first: int) -> None:
    Mirror.warm_up()
    settings = {"kind": "duckdb", "segment_rows": 40_000, "keep_free": 0}
    with HISTORIANS.build(settings).open(data, system_clock) as store:
        for i in range(SIGNALS):
            store.catalogue.declare(f"s/{i}")
        mirror = Mirror(SIGNALS)
        pipeline = Pipeline(store, mirror, system_clock)
        pipeline.start()
        # Go back by a few batches: what is told twice must be stored once.
        resume = max(0, int(store.position("feeder") or -1) - 2)
        log = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        async def acknowledge(number: int) -> None:
            await (await pipeline.submit(batch(number), patient=True))
            os.write(log, f"{number}\n".encode())

        number = max(resume, first)
        print("ready", flush=True)
        while True:
            group = [asyncio.create_task(acknowledge(number + i)) for i in range(8)]
            await asyncio.gather(*group)
            number += 8


if __name__ == "__main__":
    asyncio.run(feed(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
