"""The interface of planning shipments: what leaves when, on which vehicles.

Loads have a first and a last period in which they may leave in time; a vehicle costs the same
however full it is; it leaves on the days of its link only. So it pays to send some things early,
beside others. Docks and people of a site limit what comes and goes in a period.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.kind import Part

__all__ = ["Freight", "Shipments", "Shipper", "checked"]

Indices = npt.NDArray[np.int64]

_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Freight:
    """What is to be moved within t periods, on l links, between s sites.

    names     of the k loads
    link      int64[k]: on which it goes
    load      float64[k]: room that it takes in vehicles
    ready     int64[k]: first period in which it can leave
    due       int64[k]: last period in which it leaves in time, at least `ready`
    keep      float64[k]: what each period costs that all of it leaves before it is due
    late      float64[k]: what each period costs that all of it leaves after it; what does not leave
              at all counts as one period after the last
    capacity  float64[l]: of a vehicle
    cost      float64[l]: of a vehicle that goes once
    most      int64[l, t]: most vehicles that leave; 0 where none does
    takes     int64[l]: periods from leaving until it is unloaded
    ends      int64[l, 2]: sites between which it goes
    docks     float64[s]: vehicles that a site loads and unloads in a period, infinite without limit
    crew      float64[s]: load that its people move in a period, infinite without limit
    """

    names: tuple[str, ...]
    link: Indices
    load: Values
    ready: Indices
    due: Indices
    keep: Values
    late: Values
    capacity: Values
    cost: Values
    most: Indices
    takes: Indices
    ends: Indices
    docks: Values
    crew: Values

    def __post_init__(self) -> None:
        k, (links, _) = len(self.names), self.most.shape
        for name in ("link", "load", "ready", "due", "keep", "late"):
            if len(getattr(self, name)) != k:
                raise DataError(f"{k} loads and {len(getattr(self, name))} values of `{name}`")
        for name in ("capacity", "cost", "takes", "ends"):
            if len(getattr(self, name)) != links:
                raise DataError(f"{links} links and {len(getattr(self, name))} values of `{name}`")
        if k and (self.due < self.ready).any():
            wrong = int(np.flatnonzero(self.due < self.ready)[0])
            raise DataError(f"'{self.names[wrong]}' is due before it is ready")

    @property
    def periods(self) -> int:
        return int(self.most.shape[1])

    def weights(self) -> Values:
        """float64[k, t + 1]: what it costs that all of a load leaves in a period, vehicles apart;
        infinite before it is ready. The last column is that it does not leave."""
        t = np.arange(self.periods + 1)
        apart = t[None, :] - self.due[:, None]
        found = np.where(
            apart > 0, apart * self.late[:, None], -np.minimum(apart, 0) * self.keep[:, None]
        )
        return np.where(t[None, :] >= self.ready[:, None], found, np.inf)

    def priced(self, sent: Values, trips: Indices) -> float:
        """What a plan costs; see `Shipments`."""
        weights = self.weights()
        stays = np.maximum(1 - sent.sum(axis=1), 0.0)
        where = sent > 0
        moved = float((np.where(where, weights[:, :-1], 0.0) * np.where(where, sent, 0.0)).sum())
        return moved + float(stays @ weights[:, -1]) + float((trips.sum(axis=1) * self.cost).sum())

    def usage(self, amount: Values) -> Values:
        """float64[s, t]: what sites load and unload, of float64[l, t] that leaves; what arrives
        after the last period is not counted."""
        found = np.zeros((len(self.docks), self.periods))
        for i, (a, b) in enumerate(self.ends.tolist()):
            found[a] += amount[i]
            takes = int(self.takes[i])
            if takes < self.periods:
                found[b, takes:] += amount[i, : self.periods - takes]
        return found

    def by_link(self, sent: Values) -> Values:
        """float64[l, t]: load that leaves."""
        found = np.zeros((len(self.capacity), self.periods))
        np.add.at(found, self.link, sent * self.load[:, None])
        return found


@dataclass(frozen=True, slots=True)
class Shipments:
    """What leaves when.

    sent    float64[k, t]: share of each load
    trips   int64[l, t]: vehicles
    cost    of all vehicles, of what is early and what is late
    bound   no plan costs less; −inf where nothing is known
    """

    sent: Values
    trips: Indices
    cost: float
    bound: float


class Shipper(Part):
    """Settings of a way to plan shipments."""

    api: ClassVar[int] = 1

    @abstractmethod
    def plan(self, freight: Freight) -> Shipments:
        """The best shipments that it finds. What no vehicle can take stays, and costs as late."""


def checked(freight: Freight, found: Shipments) -> list[str]:
    """Broken rules, in sentences; nothing where all are kept. It knows no search."""
    wrong = []
    sent, trips = found.sent, found.trips
    if sent.shape != (len(freight.names), freight.periods) or (sent < -_EPS).any():
        return [f"shares have shape {sent.shape}, or some are below 0"]
    for k, name in enumerate(freight.names):
        if sent[k].sum() > 1 + _EPS:
            wrong.append(f"'{name}' is sent {sent[k].sum():.6g} times")
        if sent[k, : freight.ready[k]].sum() > _EPS:
            wrong.append(f"'{name}' leaves before it is ready")
    if (trips < 0).any() or (trips > freight.most).any():
        wrong.append("more vehicles leave than there are, or on another day")
    if (freight.by_link(sent) > trips * freight.capacity[:, None] * (1 + _EPS) + _EPS).any():
        wrong.append("a vehicle is overloaded")
    if (freight.usage(trips.astype(np.float64)) > freight.docks[:, None] + _EPS).any():
        wrong.append("a site has more vehicles than docks")
    if (freight.usage(freight.by_link(sent)) > freight.crew[:, None] * (1 + _EPS) + _EPS).any():
        wrong.append("the people of a site move more than they can")
    if not np.isclose(found.cost, freight.priced(sent, trips), rtol=1e-6, atol=1e-6):
        wrong.append(f"it costs {freight.priced(sent, trips):.6g}, not {found.cost:.6g}")
    if found.bound > found.cost * (1 + _EPS) + _EPS:
        wrong.append(f"it costs less than its bound {found.bound:.6g}")
    return wrong
