"""What moves between sites in the next days: loads from orders to come, put on vehicles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from gemel.core.errors import ConfigurationError, Refused
from gemel.core.frame import Values
from gemel.core.supply.description import WEEKDAYS, Supply
from gemel.core.time import DAY, SECOND
from gemel.parts.solvers.shipping import SHIPPERS, Freight, Shipments
from gemel.twin.planning.supply.ahead import lead_periods

__all__ = ["Departure", "Handled", "Moves", "freight_of", "moved"]

_LATE: Final = 3.0
_LEAST: Final = 1e-6
_MOST_LOADS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Departure:
    """What leaves on a link in a period: vehicles, load, and units of each stage in it."""

    origin: str
    target: str
    period: int
    vehicles: int
    load: float
    room: float
    units: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Handled:
    """What a site loads and unloads in a period: load, and hours of work where it is said."""

    site: str
    period: int
    leaves: float
    arrives: float
    hours: float | None


@dataclass(frozen=True, slots=True)
class Moves:
    """What is moved, and what that costs against the last departure in time for each load.

    vehicles  cost of vehicles alone
    late      load that leaves after the last departure in time, or not at all
    """

    departures: tuple[Departure, ...]
    handled: tuple[Handled, ...]
    cost: float
    bound: float
    vehicles: float
    late: float
    by_hand: float
    by_hand_vehicles: float
    how: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A load: units of a stage that a customer of it ordered in a period."""

    stage: str
    units: float


def freight_of(
    supply: Supply, orders: Mapping[str, Values], now: int
) -> tuple[Freight, list[_Piece]]:
    """Of orders to come, float64[h] by stage: each must leave between the day it is ordered and the
    last one on which it is there in time. `now`, ns in local time, says which day of the week it
    is.

    Raises `Refused` for more than is planned in a time that people wait.
    """
    periods = round(supply.plans / supply.period)
    names, pieces = [], []
    columns: dict[str, list[float]] = {
        k: [] for k in ("link", "load", "ready", "due", "keep", "late")
    }
    takes = np.array([-(-link.takes // supply.period) for link in supply.links], np.int64)
    for stage in supply.order():
        for supplier, count in supply.stages[stage].after.items():
            link = supply.link_to(supplier, stage)
            if link is None:
                continue
            slack = max(0, lead_periods(supply, stage) - int(takes[link]))
            way, each = supply.links[link], supply.stages[supplier].load
            late = supply.late_cost or _LATE * way.cost / way.capacity
            for t in np.flatnonzero(orders[stage][:periods] > _LEAST).tolist():
                units = float(orders[stage][t]) * count
                names.append(f"{supplier} for {stage}, period {t + 1}")
                pieces.append(_Piece(supplier, units))
                keep = (supply.holding(supplier) or 0.0) * units
                for column, value in (
                    ("link", link), ("load", units * each), ("ready", t), ("due", t + slack),
                    ("keep", keep), ("late", late * units * each),
                ):  # fmt: skip
                    columns[column].append(value)
    if len(names) > _MOST_LOADS:
        raise Refused(
            f"{len(names)} loads to move, at most {_MOST_LOADS}; shorten `moves`, or lengthen "
            "`period`"
        )
    sites = list(dict.fromkeys(supply.site_of(n) for n in supply.stages))
    most = np.array([_open(link.departs, link.most, periods, supply.period, now)
                     for link in supply.links], np.int64).reshape(-1, periods)  # fmt: skip
    docks, crew = np.full(len(sites), np.inf), np.full(len(sites), np.inf)
    for name, site in supply.sites.items():
        at = sites.index(name)
        docks[at] = np.inf if site.most is None else site.most
        if site.crew is not None and site.handling:
            crew[at] = site.crew / site.handling
    ends = [[sites.index(link.origin), sites.index(link.target)] for link in supply.links]
    whole = {name: np.array(column, np.float64) for name, column in columns.items()}
    link_of, ready, due = (whole[k].astype(np.int64) for k in ("link", "ready", "due"))
    freight = Freight(
        tuple(names), link_of, whole["load"], ready, due, whole["keep"], whole["late"],
        np.array([link.capacity for link in supply.links]),
        np.array([link.cost for link in supply.links]), most, takes,
        np.array(ends, np.int64).reshape(-1, 2), docks, crew,
    )  # fmt: skip
    return freight, pieces


def _open(
    departs: tuple[str, ...], most: int, periods: int, period: int, now: int
) -> list[int]:  # fmt: skip
    """Most vehicles in each period: for periods of several days, those of each day on which they
    go."""
    if period % DAY:
        return [most] * periods
    first = datetime.fromtimestamp(now / SECOND, UTC).weekday()
    days = period // DAY
    return [
        most * sum(WEEKDAYS[(first + t * days + d) % 7] in departs for d in range(days))
        for t in range(periods)
    ]


def moved(supply: Supply, orders: Mapping[str, Values], now: int) -> Moves | None:
    """Plan shipments; None where no link is said, or nothing goes on one."""
    if not supply.links:
        return None
    freight, pieces = freight_of(supply, orders, now)
    if not freight.names:
        return None
    by_hand = SHIPPERS.build({"kind": "last_moment"}).plan(freight)
    how, found = "last_moment", by_hand
    try:
        better = SHIPPERS.build({"kind": "mixed_integer"}).plan(freight)
    except (ConfigurationError, Refused):  # without the extra, or not within its budget
        better = None
    if better is not None and better.cost <= by_hand.cost:
        how, found = "mixed_integer", better
    return Moves(
        _departures(supply, freight, pieces, found), _handled(supply, freight, found),
        found.cost, found.bound, _vehicles(freight, found), _late(freight, found),
        by_hand.cost, _vehicles(freight, by_hand), how,
    )  # fmt: skip


def _vehicles(freight: Freight, found: Shipments) -> float:
    return float((found.trips.sum(axis=1) * freight.cost).sum())


def _late(freight: Freight, found: Shipments) -> float:
    in_time = np.arange(freight.periods)[None, :] <= freight.due[:, None]
    # What is due after the last period may stay until then.
    due = freight.due < freight.periods
    return float(((1 - np.where(in_time, found.sent, 0.0).sum(axis=1)) * freight.load)[due].sum())


def _departures(
    supply: Supply, freight: Freight, pieces: list[_Piece], found: Shipments
) -> tuple[Departure, ...]:
    told = []
    for t in range(freight.periods):
        for i, link in enumerate(supply.links):
            vehicles = int(found.trips[i, t])
            if not vehicles:
                continue
            units: dict[str, float] = {}
            for j in np.flatnonzero((freight.link == i) & (found.sent[:, t] > 1e-9)).tolist():
                piece = pieces[j]
                units[piece.stage] = units.get(piece.stage, 0.0) + piece.units * found.sent[j, t]
            load = sum(supply.stages[n].load * u for n, u in units.items())
            told.append(
                Departure(link.origin, link.target, t, vehicles, float(load),
                          vehicles * link.capacity, {n: float(u) for n, u in units.items()})
            )  # fmt: skip
    return tuple(told)


def _handled(supply: Supply, freight: Freight, found: Shipments) -> tuple[Handled, ...]:
    sites = list(dict.fromkeys(supply.site_of(n) for n in supply.stages))
    loads = freight.by_link(found.sent)
    told = []
    for at, name in enumerate(sites):
        site = supply.sites.get(name)
        for t in range(freight.periods):
            leaves = arrives = 0.0
            for i, (a, b) in enumerate(freight.ends.tolist()):
                left = t - int(freight.takes[i])
                leaves += float(loads[i, t]) if a == at else 0.0
                arrives += float(loads[i, left]) if b == at and left >= 0 else 0.0
            if leaves + arrives > _LEAST:
                hours = None
                if site is not None and site.handling:
                    hours = (leaves + arrives) * site.handling / (3_600 * SECOND)
                told.append(Handled(name, t, leaves, arrives, hours))
    return tuple(told)
