"""Resident memory under full load: whether it stays bounded while segments fill and close.

    python -m benchmarks.memory [--minutes N]

A process of its own admits, mirrors, scores and commits 2,000 signals, once as fast as it goes and
once at 1 kHz; its resident memory is read from outside every 5 s. Segments close after 20 million
rows and the oldest are removed above 2 GB, so that closing and removing are part of it. Every row
is accounted for by the historian's receipts; what is kept is read back and counted at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.ingest import MILLISECONDS, ROWS, SIGNALS, Scored, batches
from gemel.core.frame import Frame
from gemel.core.wire import from_table
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query
from gemel.runtime.clock import system_clock
from gemel.runtime.pipeline import Pipeline
from gemel.twin.mirror import Mirror

EVERY_S = 5.0
AHEAD = 20  # batches that are made beforehand and sent again and again, at later times
CASES = {"full": 0.0, "1 kHz": MILLISECONDS / 1e3}
"""Seconds from one batch to the next; 0 is as fast as it goes."""
SETTINGS = {"kind": "duckdb", "segment_rows": 20_000_000, "keep_bytes": 2_000_000_000}
MOST_PER_MINUTE = 0.01


async def load(seconds: float, period: float, folder: Path) -> dict[str, Any]:
    """Feed the pipeline for so long; what became of the rows."""
    given = [from_table(batch, source="bench") for batch in batches(AHEAD, seed=1)]
    turn = AHEAD * MILLISECONDS * 1_000_000
    with HISTORIANS.build(SETTINGS).open(folder / "gemel", system_clock) as store:
        for i in range(SIGNALS):
            store.catalogue.declare(f"line/s{i}")
        mirror = Mirror(SIGNALS)
        Mirror.warm_up()
        pipeline = Pipeline(store, mirror, system_clock)
        pipeline.watchers.add(Scored())
        pipeline.start()
        print("begun", flush=True)
        begun = time.perf_counter()
        sent = most_bytes = 0
        last = None
        while (passed := time.perf_counter() - begun) < seconds:
            if period and sent * period > passed:
                await asyncio.sleep(sent * period - passed)
            turns, place = divmod(sent, AHEAD)
            one = given[place]
            times = one.time + turns * turn
            frame = Frame(
                one.signal, times, one.value, one.quality, system_clock(), "bench", str(sent)
            )
            last = await pipeline.submit(frame, patient=True)
            sent += 1
            if sent % 100 == 0:
                most_bytes = max(most_bytes, store.report()["bytes"])
        assert last is not None
        await last
        taken = time.perf_counter() - begun
        print("ended", flush=True)
        await pipeline.stop()
        report, stage = store.report(), pipeline.history
        everything = Query(np.arange(SIGNALS, dtype=np.int32), 0, 2**62, every=2**61)
        read_back = int(store.query(everything).column("count").to_numpy().sum())
    assert stage.accepted == sent * ROWS, (stage, sent * ROWS)
    assert read_back == report["rows"], (read_back, report)
    return {
        "rows_per_second": sent * ROWS / taken,
        "stored": stage.accepted,
        "kept_and_read_back": read_back,
        "segments": report["segments"],
        "most_bytes_on_disk": most_bytes,
        "watchers_failed": pipeline.watchers.failed,
    }


def resident(pid: int) -> float:
    """Resident memory of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(pid)


def slope(seconds: npt.NDArray[np.float64], memory: npt.NDArray[np.float64]) -> float:
    """Growth per minute over the last half, as a share of the median there."""
    late = seconds >= seconds[-1] / 2
    per_s = np.polyfit(seconds[late], memory[late], 1)[0]
    return float(per_s * 60 / np.median(memory[late]))


def case(name: str, minutes: float) -> dict[str, Any]:
    """One load in a process of its own, watched from here."""
    folder = Path(tempfile.mkdtemp(prefix="gemel-bench-"))
    command = [sys.executable, "-m", "benchmarks.memory", "--load", name,
               "--minutes", str(minutes), "--folder", str(folder)]  # fmt: skip
    seen: list[tuple[float, float]] = []
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "begun\n", "the load did not begin"
            begun = time.monotonic()
            while (now := time.monotonic() - begun) < 60 * minutes and child.poll() is None:
                seen.append((now, resident(child.pid)))
                time.sleep(EVERY_S)
            assert child.stdout.readline() == "ended\n", "the load did not end"
            found: dict[str, Any] = json.loads(child.stdout.read())
        assert child.returncode == 0, child.returncode
    finally:
        shutil.rmtree(folder)
    seconds, memory = np.array(seen).T
    minute = (seconds // 60).astype(int)
    nominal = ROWS / CASES[name] if CASES[name] else None
    return {
        **found,
        "kept_up": nominal is None or found["rows_per_second"] > 0.98 * nominal,
        "minute_1_mb": float(memory[np.abs(seconds - 60).argmin()]),
        "median_of_each_minute_mb": [
            round(float(np.median(memory[minute == m])), 1) for m in np.unique(minute)
        ],
        "maximum_mb": float(memory.max()),
        "slope_per_minute": slope(seconds, memory),
    }


def run(minutes: float = 10.0) -> dict[str, Any]:
    """Both loads, one after the other."""
    return {"minutes": minutes, **{name: case(name, minutes) for name in CASES}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--load", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.load:
        told = asyncio.run(load(60 * given.minutes, CASES[given.load], given.folder))
    else:
        told = run(given.minutes)
    print(json.dumps(told, indent=None if given.load else 2))
