"""Rows of units that fail now and then, cut in lives: from one failure to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.table import Table
from gemel.parts.prognostics.base import Runs
from gemel.twin.learning.evaluation import Rows
from gemel.twin.learning.evaluation.warned import Lives

__all__ = ["FAILED", "LIFE", "Lived", "in_lives"]

LIFE: Final = "(life)"
FAILED: Final = "(failed)"


@dataclass(frozen=True, slots=True)
class Lived:
    """Rows in order of unit and time, without those in which the unit has failed.

    runs   as a prognostic takes them; each life is a unit of theirs
    lives  the same, and when each failed
    unit   int64[n]  the unit of each row
    order  int64[n]  which row of the table each is
    """

    runs: Runs
    lives: Lives
    unit: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    def rows(self, horizon: float) -> Rows:
        """What a split may know of them."""
        return Rows(len(self), unit=self.unit, time=self.lives.time, ahead=horizon)

    def part(self, chosen: npt.NDArray[np.int64]) -> Lived:
        """The rows of these numbers, rising. To a prognostic, a life whose last row is not among
        them has not ended; whether a row was followed by a failure stays as it is."""
        kept = np.zeros(len(self), np.bool_)
        kept[chosen] = True
        of = self.lives.of[kept]
        present, start = np.unique(of, return_index=True)
        runs = self.runs
        ended = (runs.ended & kept[runs.lasts])[present]
        return Lived(
            Runs(runs.names, runs.unit[kept], runs.age[kept], runs.value[kept], ended),
            Lives(self.lives.time[kept], start.astype(np.int64), self.lives.failed[present]),
            self.unit[kept],
            self.order[kept],
        )


def in_lives(
    table: Table, unit: str, time: str, failed: str | None, ended: str | None
) -> tuple[Table, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The table with columns `LIFE` and `FAILED`, in order and without rows in which a unit has
    failed; which row each was; its unit; and when each life failed, infinite if it did not.

    `failed` is a column that is not 0 while a unit has failed. Without it (or in rows that are yet
    to be told, which lack it) each unit has one life, which failed at its last row unless the
    column `ended` is 0 there.
    """
    code, _ = table.codes(unit)
    now = table.numbers(time)
    if np.isnan(now).any():
        row = int(np.flatnonzero(np.isnan(now))[0]) + 1
        raise DataError(f"{table.where}: '{time}' is not known in row {row}")
    order = np.lexsort((now, code))
    code, now = code[order], now[order]
    down = np.zeros(len(order), np.bool_)
    if failed is not None and failed in table.columns:
        down = np.nan_to_num(table.numbers(failed)[order]) != 0
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (code[1:] != code[:-1]) | (down[:-1] & ~down[1:])
    life = np.cumsum(begins) - 1
    kept = np.flatnonzero(~down)
    present, first = np.unique(life[kept], return_index=True)
    last = np.append(kept[first[1:] - 1], kept[-1:])
    until = np.full(len(present), np.inf)
    if failed is not None:
        after = np.minimum(last + 1, len(order) - 1)
        broke = down[after] & (code[after] == code[last])
        until[broke] = now[after[broke]]
    else:
        over = np.ones(len(present), np.bool_)
        if ended is not None and ended in table.columns:
            over = table.numbers(ended)[order[last]] != 0
        until[over] = now[last[over]]
    number = np.searchsorted(present, life[kept])
    columns = {name: column[order[kept]] for name, column in table.columns.items()}
    columns |= {LIFE: number.astype(float), FAILED: np.isfinite(until)[number].astype(float)}
    return Table(columns, table.digest, table.where), order[kept], code[kept], until
