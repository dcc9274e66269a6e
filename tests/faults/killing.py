"""Kill the store at random moments, again and again, and count what it had acknowledged."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.faults.counting import Result, count


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
    text = log.read_text()
    told = text[: text.rfind("\n") + 1].split()
    acknowledged = np.unique(np.array(told, np.int64))
    return count(data, acknowledged, kills, slowest)
