"""Supply files: YAML, with demand and failures of supply from tables beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Times, Values
from gemel.core.settings import Settings
from gemel.core.stock.demand import NormalDemand
from gemel.core.stock.disruption import Chain, chain_of
from gemel.core.supply import Supply
from gemel.core.table import Table
from gemel.core.time import DAY, Duration, duration_text
from gemel.runtime.described import document_of, settings_of
from gemel.runtime.tables import read_table
from gemel.runtime.yaml12 import Document

__all__ = ["DemandTable", "Described", "DisruptionTable", "History", "OrderTable", "read_supply"]

_EXAMPLE: Final = "such a file has `stages`, each with demand or `after`, lead_time and costs"
_MOST: Final = 200_000


class OrderTable(Settings):
    """Orders that are there already."""

    file: str = Field(description="A table, from the folder of this file")
    time: str = Field("time", description="Column with the time at which it is wanted")
    column: str = Field("quantity", description="Column with the units")
    where: dict[str, str] = Field({}, description="Only rows with these values, by column")


class DemandTable(Settings):
    """Demand as it was, from which it is forecast."""

    kind: Literal["table"]
    file: str = Field(description="A table, from the folder of this file")
    time: str = Field("time", description="Column with times or dates")
    column: str = Field("quantity", description="Column with the units; added by period")
    where: dict[str, str] = Field({}, description="Only rows with these values, by column")
    orders: OrderTable | None = Field(
        None, description="Orders that are there already: at least that much will be wanted"
    )


class DisruptionTable(Settings):
    """Whether supply failed, step by step, as it was."""

    kind: Literal["table"]
    file: str = Field(description="A table, from the folder of this file; a row for each step")
    column: str = Field(description="1 or true where it failed in that step, else 0")
    where: dict[str, str] = Field({}, description="Only rows with these values, by column")
    step: Duration = Field(7 * DAY, gt=0, description="How long a row is")


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Demand of n periods, from `begin` (ns, local time) on; orders at times of their own."""

    begin: int
    seen: Values
    order_time: Times
    order_units: Values


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A supply file as it was read; demand from a table stands in `supply` as its mean and spread
    until it is forecast.

    files  path, size and time of change of all that was read: what it looks like that nothing
           changed
    end    end of the last period of any history, ns; None where there is none
    """

    supply: Supply
    histories: Mapping[str, History]
    chains: Mapping[str, Chain]
    files: tuple[tuple[str, int, int], ...]
    document: Document = field(repr=False)

    @property
    def end(self) -> int | None:
        period = self.supply.period
        return max((h.begin + len(h.seen) * period for h in self.histories.values()), default=None)


def read_supply(path: Path) -> Described:
    """Raises `ConfigurationError` with the line of what is wrong, `DataError` for a bad table."""
    document = document_of(path, _EXAMPLE)
    data = dict(document.data)
    demands: dict[str, DemandTable] = {}
    failures: dict[str, DisruptionTable] = {}
    stages = data.get("stages")
    if isinstance(stages, dict):
        found = {}
        for name, stage in stages.items():
            found[name] = stage
            if not isinstance(stage, dict):
                continue
            told = stage.get("demand")
            if isinstance(told, dict) and told.get("kind") == "table":
                where = document.where(("stages", name, "demand"))
                demands[name] = DemandTable.read(told, where)
                stage = found[name] = {**stage, "demand": {"kind": "constant", "mean": 1}}
            told = stage.get("disruption")
            if isinstance(told, dict) and told.get("kind") == "table":
                where = document.where(("stages", name, "disruption"))
                failures[name] = DisruptionTable.read(told, where)
                found[name] = {k: v for k, v in stage.items() if k != "disruption"}
        data["stages"] = found
    read: dict[Path, Table] = {}
    # Sizes of demand are not known yet: capacities are checked once they are.
    bare = _without_capacity(data)
    supply = settings_of(document, Supply, bare)
    histories: dict[str, History] = {}
    chains: dict[str, Chain] = {}
    update: dict[str, dict[str, Any]] = {}
    for name, demand in demands.items():
        place = document.where(("stages", name, "demand"))
        with _at(place):
            history = histories[name] = _history(demand, path.parent, supply.period, read)
        if not history.seen.any():
            raise ConfigurationError(
                f"demand of '{name}' is nothing in all {len(history.seen)} periods of "
                f"'{demand.file}'", place,
            )  # fmt: skip
        law = NormalDemand(mean=float(history.seen.mean()), spread=float(history.seen.std()))
        update.setdefault(name, {})["demand"] = law.model_dump()
    for name, table in failures.items():
        place = document.where(("stages", name, "disruption"))
        with _at(place):
            chains[name] = _chain(table, path.parent, read)
        rates = chains[name].disruption()
        update.setdefault(name, {})["disruption"] = {
            "every": f"{rates.every} ns", "lasts": f"{rates.lasts} ns", "down": rates.down,
        }  # fmt: skip
    if update:
        data["stages"] = {n: {**s, **update.get(n, {})} for n, s in data["stages"].items()}
    supply = settings_of(document, Supply, data)
    return Described(supply, histories, chains, _stat([path, *read]), document)


def _without_capacity(data: dict[str, Any]) -> dict[str, Any]:
    stages = data.get("stages")
    if not isinstance(stages, dict):
        return data
    return {**data, "stages": {
        name: {k: v for k, v in stage.items() if k != "capacity"} if isinstance(stage, dict)
        else stage for name, stage in stages.items()
    }}  # fmt: skip


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Says of a table that cannot be used where it is named."""
    try:
        yield
    except (ConfigurationError, DataError) as error:
        raise ConfigurationError(str(error), where) from None


def _stat(paths: list[Path]) -> tuple[tuple[str, int, int], ...]:
    found = []
    for path in paths:
        stat = path.stat()
        found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _rows(
    told: DemandTable | OrderTable | DisruptionTable, folder: Path, read: dict[Path, Table]
) -> tuple[Table, Any]:
    """The table, and bool[n], its rows that are meant."""
    path = folder / told.file
    if path not in read:
        read[path] = read_table(path)
    table = read[path]
    mine = np.ones(table.rows, np.bool_)
    for column, wanted in told.where.items():
        codes, names = table.codes(column)
        if wanted not in names:
            raise ConfigurationError(
                f"column '{column}' of {told.file} never is '{wanted}'; it is "
                f"{', '.join(names[:5])}"
            )
        mine &= codes == names.index(wanted)
    return table, mine


def _numbers(table: Table, column: str) -> Values:
    return np.asarray(table.numbers(column), np.float64)


def _times(table: Table, column: str) -> Times:
    from gemel.twin.learning.tasks.recordings import stamps

    return stamps(table, column, "s")


def _history(told: DemandTable, folder: Path, period: int, read: dict[Path, Table]) -> History:
    table, mine = _rows(told, folder, read)
    time, value = _times(table, told.time), _numbers(table, told.column)
    # All rows say how long was looked: a period without a row of this stage is one without demand.
    begin = int(time.min()) // period * period
    rows = (int(time.max()) - begin) // period + 1
    if rows > _MOST:
        raise DataError(
            f"{told.file}: {rows} periods of {duration_text(period)} between its first and last "
            f"time, at most {_MOST}; is column '{told.time}' right?"
        )
    known = mine & np.isfinite(value)
    seen = np.bincount((time[known] - begin) // period, weights=value[known], minlength=rows)
    order_time, order_units = np.zeros(0, np.int64), np.zeros(0)
    if told.orders is not None:
        orders, wanted = _rows(told.orders, folder, read)
        units = _numbers(orders, told.orders.column)
        wanted &= np.isfinite(units)
        order_time = _times(orders, told.orders.time)[wanted]
        order_units = units[wanted]
    return History(begin, np.asarray(seen, np.float64), order_time, order_units)


def _chain(told: DisruptionTable, folder: Path, read: dict[Path, Table]) -> Chain:
    table, mine = _rows(told, folder, read)
    value = _numbers(table, told.column)[mine]
    if odd := [v for v in np.unique(value).tolist() if v not in (0.0, 1.0)]:
        raise DataError(f"{told.file}: column '{told.column}' is {odd[0]:g}; it must be 0 or 1")
    return chain_of(value == 1, told.step)
