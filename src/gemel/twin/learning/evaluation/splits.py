"""Splits: which rows a model learns from, and which it is judged on.

What rows have in common decides which split is honest. Rows of one unit (machine, engine, tile)
look alike, so do rows that are near in time; a split that puts some of them on both sides asks the
model what it has already seen. `Split.folds` refuses to do so.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError, Refused
from gemel.core.settings import Settings

__all__ = ["Blocks", "Fold", "Groups", "Indices", "Order", "Rows", "Shuffled", "Split"]

Indices: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of the rows, apart from their values.

    count  how many there are, in the order in which they were recorded
    unit   int64[n]    what each belongs to; None where nothing is said
    time   float64[n]  when each became known; None where nothing is said
    label  int64[n]    its class, so that folds may hold alike shares of each
    ahead  how far the target lies ahead of its row, in the unit of `time`: a row is known that long
           before its target is
    """

    count: int
    unit: Indices | None = None
    time: npt.NDArray[np.float64] | None = None
    label: Indices | None = None
    ahead: float = 0.0


@dataclass(frozen=True, slots=True)
class Fold:
    """Numbers of the rows to learn from, and of those to judge on; rising."""

    train: Indices
    test: Indices


class Split(Settings):
    """How rows are cut in folds."""

    folds: int = Field(5, ge=2, le=100, description="Parts that are judged in turn")

    @abstractmethod
    def cut(self, rows: Rows) -> list[Fold]:
        """The folds. Every row is judged at most once.

        Raises `Refused` where rows that belong together would be on both sides, `DataError` where
        there are too few.
        """

    @abstractmethod
    def __str__(self) -> str:
        """What it does, in words, for the protocol."""


class Groups(Split):
    """Whole units: a unit is learned from or judged, never both."""

    by: Literal["unit"] = "unit"
    seed: int = Field(0, description="Of the order in which units are dealt out")

    def cut(self, rows: Rows) -> list[Fold]:
        if rows.unit is None:
            raise Refused("rows are to be split by unit, and the task names no `unit` column")
        units = np.unique(rows.unit)
        if len(units) < self.folds:
            raise DataError(f"{len(units)} units, at least {self.folds} are needed, one per fold")
        dealt = np.random.default_rng(self.seed).permutation(len(units)) % self.folds
        fold_of = dealt[np.searchsorted(units, rows.unit)]
        return list(_folds(fold_of, self.folds))

    def __str__(self) -> str:
        return f"{self.folds} folds of whole units"


class Order(Split):
    """By time: what comes later is judged by what was known before.

    Fold i is judged by a model of all rows whose target was known before it began, less `gap`.
    """

    by: Literal["time"] = "time"
    gap: float = Field(0.0, ge=0, description="Time left out before each judged part")

    def cut(self, rows: Rows) -> list[Fold]:
        if rows.time is None:
            raise Refused("rows are to be split by time, and the task names no `time` column")
        if rows.unit is not None and len(np.unique(rows.unit)) > 1 and rows.ahead > 0:
            raise Refused(
                "units run beside each other: the end of one is told by rows of its own; "
                "split by unit"
            )
        order = np.argsort(rows.time, kind="stable")
        edges = [round(i * rows.count / (self.folds + 1)) for i in range(self.folds + 2)]
        found = []
        for low, high in pairwise(edges[1:]):
            test = np.sort(order[low:high])
            begins = rows.time[order[low]]
            known = rows.time + rows.ahead + self.gap
            train = np.flatnonzero(known < begins)
            if not len(train) or not len(test):
                raise DataError(
                    f"{rows.count} rows are too few for {self.folds} folds with a gap of "
                    f"{self.gap + rows.ahead:g}"
                )
            found.append(Fold(train, test))
        return found

    def __str__(self) -> str:
        gap = f", {self.gap:g} left out before it" if self.gap else ""
        return f"{self.folds} folds in order of time, each judged by what was known before{gap}"


class Blocks(Split):
    """Contiguous blocks of rows, with a gap on both sides: neighbours look alike."""

    by: Literal["block"] = "block"
    gap: int = Field(0, ge=0, description="Rows left out on both sides of a judged block")

    def cut(self, rows: Rows) -> list[Fold]:
        _whole_units(rows, "blocks of rows")
        edges = [round(i * rows.count / self.folds) for i in range(self.folds + 1)]
        own = np.arange(rows.count)
        found = []
        for low, high in pairwise(edges):
            train = own[(own < low - self.gap) | (own >= high + self.gap)]
            if high - low < 1 or not len(train):
                raise DataError(f"{rows.count} rows are too few for {self.folds} blocks")
            found.append(Fold(train, own[low:high]))
        return found

    def __str__(self) -> str:
        return f"{self.folds} contiguous blocks, {self.gap} rows left out on both sides of each"


class Shuffled(Split):
    """Rows at random, as if each were alone. Only for rows that have no unit and no time."""

    by: Literal["row"] = "row"
    seed: int = Field(0, description="Of the order in which rows are dealt out")

    def cut(self, rows: Rows) -> list[Fold]:
        _whole_units(rows, "rows at random")
        if rows.time is not None:
            raise Refused(
                "rows at random would be judged by their neighbours in time, which look alike; "
                "split by time or block, or leave `time` out if the rows are independent"
            )
        if rows.count < 2 * self.folds:
            raise DataError(f"{rows.count} rows, at least {2 * self.folds} are needed")
        random = np.random.default_rng(self.seed)
        label = rows.label if rows.label is not None else np.zeros(rows.count, np.int64)
        fold_of = np.empty(rows.count, np.int64)
        dealt = 0
        for kind in np.unique(label):  # a like share of each class in every fold
            mine = random.permutation(np.flatnonzero(label == kind))
            fold_of[mine] = (np.arange(len(mine)) + dealt) % self.folds
            dealt += len(mine)
        return list(_folds(fold_of, self.folds))

    def __str__(self) -> str:
        return f"{self.folds} folds of single rows, alike in classes"


def _folds(fold_of: Indices, folds: int) -> Iterator[Fold]:
    for number in range(folds):
        yield Fold(np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number))


def _whole_units(rows: Rows, what: str) -> None:
    if rows.unit is not None and len(np.unique(rows.unit)) < rows.count:
        count = len(np.unique(rows.unit))
        raise Refused(
            f"{what} would put rows of the same unit on both sides ({count} units, {rows.count} "
            "rows): the model would know the unit again, not its condition; split by unit"
        )
