"""Kill the store at random moments, again and again, and count what it had acknowledged."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query
from gemel.runtime.clock import system_clock
from tests.faults.feeder import ROWS, SIGNALS


@dataclass(frozen=True)
class Result:
    """What became of the acknowledged rows."""

    kills: int
    acknowledged: int
    lost: int
    duplicated: int
    invented: int
    damaged: int
    slowest_start: float
    """Seconds from the start of the process until it could store again."""


def kill_again_and_again(folder: Path, kills: int, seed: int) -> Result:
    """Start the feeder, kill -9 it at a random moment, `kills` times; then count."""
    chance = random.Random(seed)
    data, log = folder / "data", folder / "acknowledged"
    slowest = 0.0
    for _ in range(kills):
        begun = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "feeder.py"), str(data), str(log), "0"],
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(chance.uniform(0.0, 0.6))
        child.kill()
        child.wait()
        child.stdout.close()
    return count(data, log, kills, slowest)


def count(data: Path, log: Path, kills: int, slowest: float) -> Result:
    """Compare the store with the list of what it acknowledged."""
    text = log.read_text()
    told = text[: text.rfind("\n") + 1].split()
    acknowledged = np.unique(np.array(told, np.int64))
    with HISTORIANS.build({"kind": "duckdb", "keep_free": 0}).open(data, system_clock) as store:
        signals = np.arange(SIGNALS, dtype=np.int32)
        table = store.query(Query(signals, -(2**62), 2**62))
        damaged = len(store.events("damage"))
    value = table.column("value").to_numpy().astype(np.int64)
    stored, times = np.unique(value, return_counts=True)
    wanted = (acknowledged[:, None] * ROWS + np.arange(ROWS)).ravel()
    return Result(
        kills=kills,
        acknowledged=len(wanted),
        lost=len(np.setdiff1d(wanted, stored)),
        duplicated=int((times - 1).sum()),
        invented=int(np.count_nonzero(stored < 0)),
        damaged=damaged,
        slowest_start=slowest,
    )
