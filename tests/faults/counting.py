"""What became of the rows that were acknowledged before a kill."""

from __future__ import annotations

import math
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


def count(
    data: Path,
    acknowledged: np.ndarray,
    kills: int,
    slowest: float,
    sent: float = math.inf,
) -> Result:
    """Compare the store with the numbers of the batches that it acknowledged.

    sent  as many batches were sent at most; what is stored beyond them is invented
    """
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
        invented=int(np.count_nonzero((stored < 0) | (stored >= sent * ROWS))),
        damaged=damaged,
        slowest_start=slowest,
    )
