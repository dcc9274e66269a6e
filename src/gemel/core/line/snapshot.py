"""A line at one moment: what stands where, what is worked on and repaired, and what comes next.

A simulation that begins with it goes on from there. What is not known need not be said: a station
that is not named is empty and runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, model_validator

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.line.distribution import Time
from gemel.core.line.settings import Line, Name, check_begin
from gemel.core.settings import Settings
from gemel.core.time import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Busy", "JobOrder", "Lot", "Now", "Snapshot"]

MOST_PARTS = 1_000_000
"""In a line at one moment."""


class Lot(Settings):
    """Parts of one product that stand together."""

    product: str = Field("", description="Empty where all parts are alike")
    count: int = Field(1, ge=1, le=MOST_PARTS, description="How many they are")
    age: Duration = Field(0, ge=0, description="For how long they have been in the line")
    step: int | None = Field(
        None, ge=0, description="Step of the product's own route, from 0; the first at this station"
    )


class Busy(Lot):
    """What a server of a station does: a part that is worked on, has been, or a repair."""

    count: int = Field(
        1, ge=0, le=MOST_PARTS, description="Parts: 1, more of a batch, 0 if it is only repaired"
    )
    worked: Duration = Field(0, ge=0, description="For how long it has been worked on")
    work_left: Time | None = Field(
        None, description="How long the work still takes; what is usual after `worked` if not given"
    )
    done: bool = Field(False, description="The work is done, and it waits for a place behind it")
    cause: str = Field("", description="Failure that is being repaired, a name in `failures`")
    repaired_for: Duration | None = Field(None, ge=0, description="For how long it is repaired")
    repair_left: Time | None = Field(
        None, description="How long the repair still takes; what is usual if not given"
    )

    @property
    def repaired(self) -> bool:
        """Whether a repair is under way."""
        return bool(self.cause) or self.repaired_for is not None or self.repair_left is not None

    @model_validator(mode="after")
    def _consistent(self) -> Busy:
        if self.done and (self.worked or self.work_left is not None):
            raise ValueError("what is done has no work left")
        if self.count == 0 and not self.repaired:
            raise ValueError("neither a part nor a repair; leave it out")
        return self


class Now(Settings):
    """A station at this moment."""

    busy: tuple[Busy, ...] = Field((), description="What its servers do; idle ones are left out")
    waiting: tuple[Lot, ...] = Field((), description="Parts in front of it, the first one first")
    waiting_of: dict[str, tuple[Lot, ...]] = Field(
        {}, description="The same by feeder, in front of an assembly"
    )
    family: str = Field("", description="For which it is set up, if nothing is worked on")

    @property
    def parts(self) -> int:
        """Here, or in front of it."""
        lots = (
            *self.busy,
            *self.waiting,
            *(lot for lots in self.waiting_of.values() for lot in lots),
        )
        return sum(lot.count for lot in lots)


class JobOrder(Settings):
    """So many parts of a product, to be made one after the other."""

    name: str = Field("", description="Its number")
    product: str = Field("", description="Empty where all parts are alike")
    count: int = Field(ge=1, le=100_000_000, description="Parts that still have to be begun")
    due: Duration | None = Field(None, description="From now on until it is due")


class Snapshot(Settings):
    """What a line looks like now."""

    begins: Annotated[str, AfterValidator(check_begin)] | None = Field(
        None, description="Time of the week, such as 'mon 06:00'; that of the line if not given"
    )
    stations: dict[Name, Now] = Field({}, description="By name; who is left out is empty and runs")
    orders: tuple[JobOrder, ...] = Field(
        (), description="What is made next; then what the line usually makes"
    )

    @property
    def parts(self) -> int:
        """In the whole line."""
        return sum(now.parts for now in self.stations.values())

    def of(self, station: str) -> Now:
        return self.stations.get(station, _EMPTY)

    def line(self, line: Line) -> Line:
        """The line that begins at this time of the week."""
        return line if self.begins is None else line.model_copy(update={"begins": self.begins})

    def check(self, line: Line) -> None:
        """Raises `ConfigurationError` for what cannot be of this line."""
        for name, now in self.stations.items():
            _known("stations", name, line.stations)
            _check_station(line, name, now)
        if self.parts > MOST_PARTS:
            raise ConfigurationError(f"{self.parts:,} parts in the line, at most {MOST_PARTS:,}")
        for i, order in enumerate(self.orders):
            _check_product(line, f"orders[{i}]", order.product)


_EMPTY = Now()


def _check_station(line: Line, name: str, now: Now) -> None:
    station, where = line.stations[name], f"stations.{name}"
    if len(now.busy) > station.servers:
        raise ConfigurationError(
            f"{where}: {len(now.busy)} are busy, the station has {station.servers}"
        )
    assembly = station.join == "assembly"
    if assembly and now.waiting:
        raise ConfigurationError(f"{where}.waiting: an assembly has parts `waiting_of` each feeder")
    for feeder in now.waiting_of:
        _known(f"{where}.waiting_of", feeder, line.feeders(name) if assembly else ())
    most = 1 if station.batch is None else station.batch.most
    for busy in now.busy:
        if busy.count > most:
            raise ConfigurationError(
                f"{where}: works on {busy.count} parts, at most {most} at once"
            )
        if busy.cause:
            _known(f"{where}.cause", busy.cause, station.failures)
        if busy.repaired and busy.repair_left is None and not station.failures:
            raise ConfigurationError(
                f"{where}: is repaired, but has no `failures`; say `repair_left`"
            )
        if busy.done and not line.followers(name) and not _routed(line, busy):
            raise ConfigurationError(
                f"{where}: a part that is done leaves the line; it cannot wait"
            )
    for lot in _lots(now):
        if lot.count:
            _check_product(line, where, lot.product)
            _check_step(line, where, name, lot)


def _lots(now: Now) -> Iterator[Lot]:
    yield from now.busy
    yield from now.waiting
    for lots in now.waiting_of.values():
        yield from lots


def _check_product(line: Line, where: str, product: str) -> None:
    if line.products or product:
        _known(f"{where}.product", product, line.products)


def _routed(line: Line, lot: Lot) -> bool:
    return bool(line.products and line.products[lot.product].route)


def _check_step(line: Line, where: str, name: str, lot: Lot) -> None:
    if not _routed(line, lot):
        return
    route = line.products[lot.product].route
    at = [i for i, step in enumerate(route) if name in step.stations]
    if not at or (lot.step is not None and lot.step not in at):
        raise ConfigurationError(f"{where}: '{lot.product}' has no such step at '{name}'")


def _known(where: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        hint = did_you_mean(name, names) if names else "there is none"
        raise ConfigurationError(f"snapshot: {where}: nothing called '{name}'; {hint}")
