"""How fast samples are admitted, mirrored, scored and stored, beside bare DuckDB inserts.

Both get the same Arrow batches of 200,000 rows of 2,000 signals at 1 kHz, on the same disk, in the
same run; what was stored is read back and counted. ``python -m benchmarks.ingest [--batches N]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from gemel.core.frame import Frame
from gemel.core.wire import from_table
from gemel.parts.detectors import DETECTORS
from gemel.parts.detectors.base import Window
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query
from gemel.parts.operators.resample import Aligner
from gemel.runtime.clock import system_clock
from gemel.runtime.pipeline import Pipeline
from gemel.twin.mirror import Mirror

SIGNALS = 2_000
MILLISECONDS = 100  # of each batch
ROWS = SIGNALS * MILLISECONDS
START = 1_700_000_000_000_000_000


def batches(count: int, seed: int) -> list[pa.RecordBatch]:
    """`count` batches; values are random walks rounded to three decimals, times jitter by µs."""
    rng = np.random.default_rng(seed)
    level = rng.normal(20.0, 5.0, SIGNALS)
    made = []
    for number in range(count):
        steps = rng.normal(0.0, 0.01, (MILLISECONDS, SIGNALS)).cumsum(axis=0)
        value = np.round(level + steps, 3)
        level = value[-1]
        grid = START + (number * MILLISECONDS + np.arange(MILLISECONDS)) * 1_000_000
        jitter = rng.integers(0, 200_000, (MILLISECONDS, SIGNALS))
        made.append(
            pa.record_batch(
                {
                    "signal": np.tile(np.arange(SIGNALS, dtype=np.int32), MILLISECONDS),
                    "time": (grid[:, None] + jitter).ravel(),
                    "value": value.ravel(),
                    "quality": np.zeros(ROWS, np.int16),
                }
            )
        )
    return made


def bare(given: list[pa.RecordBatch], folder: Path) -> float:
    """Rows per second of nothing but inserts into one DuckDB table."""
    connection = duckdb.connect(str(folder / "bare.duckdb"), config={"threads": 1})
    connection.execute(
        "create table sample(signal int, time bigint, value double, quality smallint)"
    )
    begun = time.perf_counter()
    for batch in given:
        connection.register("rows_in", pa.Table.from_batches([batch]))
        connection.execute("insert into sample select * from rows_in")
    seconds = time.perf_counter() - begun
    (rows,) = connection.sql("select count(*) from sample").fetchall()[0]
    assert rows == len(given) * ROWS
    connection.close()
    return rows / seconds


class Scored:
    """A watcher that aligns 50 signals to 10 ms and scores them by PCA."""

    name = "scored"
    signals = None

    def __init__(self) -> None:
        names = tuple(f"s{i}" for i in range(50))
        rng = np.random.default_rng(0)
        detector = DETECTORS.build({"kind": "pca", "lags": 0})
        grid = np.arange(2_000) * 10_000_000
        model = detector.fit(Window(grid, rng.normal(size=(2_000, 50)), names))
        self.aligner = Aligner(range(50), names, 10_000_000, 10_000_000)
        self.scorer = model.start()
        self.rows = 0

    def feed(self, frame: Frame) -> tuple[()]:
        window = self.aligner.push(frame)
        if len(window):
            self.rows += len(self.scorer(window).value)
        return ()

    def tick(self, now: int) -> tuple[()]:
        return ()


async def gemel(given: list[pa.RecordBatch], folder: Path, *, scored: bool) -> dict[str, float]:
    """Rows per second through admission, mirror, scoring and commit, until all is on disk."""
    with HISTORIANS.build({"kind": "duckdb"}).open(folder / "gemel", system_clock) as store:
        for i in range(SIGNALS):
            store.catalogue.declare(f"line/s{i}")
        mirror = Mirror(SIGNALS)
        Mirror.warm_up()
        pipeline = Pipeline(store, mirror, system_clock)
        watcher = Scored()
        if scored:
            pipeline.watchers.add(watcher)
        pipeline.start()
        await (await pipeline.submit(from_table(given[0], source="warm"), patient=True))
        begun = time.perf_counter()
        last = None
        for number, batch in enumerate(given[1:], 1):
            frame = from_table(batch, source="bench", position=str(number))
            last = await pipeline.submit(frame, patient=True)
        assert last is not None
        await last
        seconds = time.perf_counter() - begun
        await pipeline.stop()
        table = store.query(Query(np.arange(SIGNALS, dtype=np.int32), 0, 2**62, every=2**61))
        rows = int(table.column("count").to_numpy().sum())
        assert rows == len(given) * ROWS, (rows, len(given) * ROWS)
        return {
            "rows_per_second": (len(given) - 1) * ROWS / seconds,
            "stored": rows,
            "scored_rows": watcher.rows,
        }


def run(count: int = 40, rounds: int = 3) -> dict[str, Any]:
    """The figures; ratios are pair by pair, since the machine's speed drifts."""
    given = batches(count, seed=1)
    pairs = []
    for _ in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="gemel-bench-"))
        try:
            reference = bare(given, folder)
            ours = asyncio.run(gemel(given, folder, scored=True))
        finally:
            shutil.rmtree(folder)
        pairs.append((ours["rows_per_second"], reference))
    return {
        "rows": count * ROWS,
        "gemel_rows_per_second": statistics.median(a for a, _ in pairs),
        "duckdb_rows_per_second": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
        "ratios": [round(a / b, 3) for a, b in pairs],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(run(given.batches, given.rounds), indent=2))
