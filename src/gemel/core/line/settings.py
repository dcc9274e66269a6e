"""The description of a line: stations, how material flows between them, and what makes them wait.

A serial line is a list of stations with their times; everything else is said only where it differs.
Times inside are seconds. What has no meaning together, leads nowhere or must deadlock is refused
with its place.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from gemel.core.line.distribution import Time
from gemel.core.plant import Shift
from gemel.core.settings import Settings
from gemel.core.time import Duration

__all__ = [
    "Arrivals", "Batch", "Cap", "Crew", "Failure", "Line", "Name", "Need", "Power", "Product",
    "Rate", "Rework", "Setup", "Station", "Step", "check_begin",
]  # fmt: skip

_NAME = re.compile(r"[^\s/\[\]{}*?.,=][^\[\]{}*?.,=]*")
_BEGIN = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name != name.strip() or len(name) > 120:
        raise ValueError(f"'{name}' is not a name; leave out . , = * ? [ {{ and spaces at the ends")
    return name


def check_begin(text: str) -> str:
    """A time of the week; raises `ValueError`."""
    if not _BEGIN.fullmatch(text):
        raise ValueError(f"'{text}' is not a time of the week; write e.g. 'mon 06:00'")
    return text


Name: TypeAlias = Annotated[str, AfterValidator(_check_name)]


class Failure(Settings):
    """One cause of failures: when it comes, and how long it takes to repair."""

    every: Time = Field(description="Time from the end of one repair to the next failure")
    repair: Time = Field(description="How long a repair takes")
    counted_in: Literal["operation", "calendar"] = Field(
        "operation", description="Whether the machine fails from work, or whatever it does"
    )
    crew: str = Field("", description="Crew that repairs; empty if somebody is always there")
    number: int = Field(1, ge=1, description="How many of the crew a repair takes")


class Setup(Settings):
    """Time between parts of different families."""

    time: Time = Field(description="How long a change takes")
    changes: dict[str, Time] = Field(
        {}, description="Changes that take longer or shorter, by 'from > to'"
    )
    crew: str = Field("", description="Crew that sets up; empty if somebody is always there")
    number: int = Field(1, ge=1, description="How many of the crew it takes")


class Batch(Settings):
    """Parts that are processed together, such as in an oven."""

    least: int = Field(1, ge=1, description="It does not start with fewer parts")
    most: int = Field(ge=1, description="It takes no more parts at once")

    @model_validator(mode="after")
    def _consistent(self) -> Batch:
        if self.least > self.most:
            raise ValueError(f"least is {self.least}, must be at most {self.most}, which is most")
        return self


class Rework(Settings):
    """Parts that go back."""

    share: float = Field(gt=0, lt=1, description="Of the parts that this station has worked on")
    to: str = Field(description="Station to which they go back")
    most: int = Field(3, ge=1, description="After so many times a part is scrapped instead")


class Need(Settings):
    """People whom the work at a station takes."""

    crew: str = Field(description="Name of the crew")
    number: int = Field(1, ge=1, description="How many of them")


class Power(Settings):
    """What each server of a station draws in each state, in kW."""

    working: float = Field(0, ge=0, description="While it works, kW")
    setup: float = Field(0, ge=0, description="While it is set up, kW")
    idle: float = Field(0, ge=0, description="While it is starved or blocked, kW")
    down: float = Field(0, ge=0, description="While it is repaired, kW")
    off: float = Field(0, ge=0, description="Outside its shifts, kW")


class Rate(Shift):
    """A stretch of the week in which parts come more or less often."""

    rate: float = Field(1, ge=0, le=1e6, description="How many times as often as `every` says")


class Arrivals(Settings):
    """When parts come to a station at the beginning of the line."""

    every: Time | None = Field(None, description="Time from one arrival to the next")
    rates: tuple[Rate, ...] = Field(
        (), description="Stretches of the week in which they come, with their rates, which add up "
        "where they overlap; none come outside. Always, with rate 1, if not given"
    )  # fmt: skip
    at: tuple[Duration, ...] = Field((), description="Or the times at which they come, rising")

    @model_validator(mode="after")
    def _consistent(self) -> Arrivals:
        if (self.every is None) == (not self.at):
            raise ValueError("give `every`, or the times in `at`")
        if any(a > b for a, b in zip(self.at, self.at[1:], strict=False)):
            raise ValueError("the times in `at` must rise")
        if self.rates and self.at:
            raise ValueError("`rates` change `every`; times in `at` are as they are")
        if self.rates and not any(one.rate and one.days for one in self.rates):
            raise ValueError("`rates` are 0 all week: no part would ever come")
        return self


class Station(Settings):
    """A machine or work place, or several alike."""

    title: str = Field("", description="Name for people; the key where it is empty")
    asset: str = Field("", description="Path of the asset in the plant file")
    waiting: str = Field(
        "", description="Path of the signal that counts the parts waiting in front of it"
    )
    after: tuple[str, ...] | None = Field(
        None, description="Stations that feed it; the one listed before if not given, [] = none"
    )
    join: Literal["merge", "assembly"] = Field(
        "merge", description="Of several feeders: takes from any, or one of each for every part"
    )
    split: Literal["share", "alternate", "shortest"] = Field(
        "alternate", description="Which of several followers gets a part; shortest = fewest parts"
    )
    shares: dict[str, float] = Field({}, description="split: share, by name of the follower")
    arrivals: Arrivals | None = Field(
        None, description="When parts come, if nothing feeds it; always enough if not given"
    )
    servers: int = Field(1, ge=1, le=1000, description="How many work side by side")
    time: Time = Field(description="How long the work on a part takes")
    times: dict[str, Time] = Field({}, description="Of products for which it differs")
    places: int | None = Field(
        None, ge=0, description="Parts that can wait in front of it (per feeder of an assembly); "
        "no limit if not given"
    )  # fmt: skip
    blocking: Literal["after", "before"] = Field(
        "after", description="With no place behind it: works and keeps the part, or does not start"
    )
    dispatch: Literal["fifo", "spt", "edd", "setup"] = Field(
        "fifo", description="Which waiting part comes next: first come, shortest time, earliest "
        "due date, same family first"
    )  # fmt: skip
    failures: dict[Name, Failure] = Field({}, description="By cause")
    setup: Setup | None = Field(None, description="Between products of different families")
    batch: Batch | None = Field(None, description="Parts that are worked on together")
    scrap: float = Field(
        0,
        ge=0,
        lt=1,
        description="Share of parts that are thrown away after it; of a batch all or none",
    )
    rework: Rework | None = Field(None, description="Parts that go back after it")
    needs: Need | None = Field(None, description="People whom the work itself takes")
    travel: Time | None = Field(None, description="How long a part takes to come to it")
    carriers: str = Field("", description="Crew of vehicles that bring it; empty = a conveyor")
    calendar: str = Field("", description="When it works, a name in `calendars`; always if empty")
    power: Power = Power()

    @model_validator(mode="after")
    def _consistent(self) -> Station:
        if self.shares and self.split != "share":
            raise ValueError(f"`shares` are for split: share, this is split: {self.split}")
        if self.batch is not None and self.servers > 1:
            raise ValueError("a station with a batch has one server; list several stations instead")
        if self.carriers and self.travel is None:
            raise ValueError("`carriers` need a `travel` time")
        if self.scrap + (self.rework.share if self.rework else 0) >= 1:
            raise ValueError("scrap and rework together leave no good part")
        return self


class Step(Settings):
    """One step of a route."""

    station: str | tuple[str, ...] = Field(description="Station, or those of which any will do")
    time: Time | None = Field(None, description="That of the station if not given")

    @property
    def stations(self) -> tuple[str, ...]:
        return (self.station,) if isinstance(self.station, str) else self.station


class Product(Settings):
    """A kind of part."""

    title: str = Field("", description="Name for people; the key where it is empty")
    share: float = Field(1, gt=0, description="How often it comes, compared with the others")
    family: str = Field("", description="Changes inside a family need no set-up; own if empty")
    due: Time | None = Field(None, description="From its arrival until it is due")
    route: tuple[Step, ...] = Field((), description="Its own way; that of the line if not given")


class Crew(Settings):
    """People or vehicles who are there for several stations."""

    number: int = Field(ge=1, description="How many there are")
    calendar: str = Field("", description="When they are there, a name in `calendars`")


class Cap(Settings):
    """How many parts a line, or a stretch of it, holds at once (constant work in process).

    A part is in the stretch from the beginning of work at a station of it until it has left the
    last; what waits in front of the first one is not. A part that an assembly made is one part.
    With all taken a station does not begin with a part that is not in it yet, and is starved.
    M. L. Spearman, D. L. Woodruff, W. J. Hopp, Int. J. Production Research 28 (1990) 879.
    """

    most: int | None = Field(None, ge=1, description="Parts at once; no limit if not given")
    first: str = Field("", description="First station of the stretch; from the beginning if empty")
    last: str = Field("", description="Last station of the stretch; to the end if empty")


class Line(Settings):
    """A line of stations.

    Stations are listed in the order of the flow; each is fed by the one before it unless `after`
    says otherwise. Time 0 of a simulation is `begins`, in the local time of the calendars.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    title: str = Field("", description="Name for people")
    stations: dict[Name, Station] = Field(min_length=1, description="In the order of the flow")
    products: dict[Name, Product] = Field({}, description="Kinds of parts; all alike if empty")
    sequence: tuple[str, ...] = Field(
        (), description="Products in the order in which they come, again and again; by chance if "
        "not given"
    )  # fmt: skip
    caps: dict[Name, Cap] = Field(
        {}, description="Most parts at once in the line or in stretches of it, by name"
    )
    crews: dict[Name, Crew] = Field({}, description="People and vehicles, by name")
    calendars: dict[Name, tuple[Shift, ...]] = Field(
        {}, description="Shifts of the week, by name of the calendar"
    )
    begins: Annotated[str, AfterValidator(check_begin)] = Field(
        "mon 00:00", description="Time of the week at which a simulation begins"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Line:
        from gemel.core.line.checks import check

        check(self)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The stations in order; the order of every column of a result."""
        return tuple(self.stations)

    def feeders(self, name: str) -> tuple[str, ...]:
        """Stations that feed this one."""
        return self._flow[0][name]

    def followers(self, name: str) -> tuple[str, ...]:
        """Stations that this one feeds, in order."""
        return self._flow[1][name]

    @cached_property
    def _flow(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """Feeders and followers of every station."""
        names = self.names
        before: dict[str, tuple[str, ...]] = {}
        behind: dict[str, list[str]] = {name: [] for name in names}
        for place, (name, station) in enumerate(self.stations.items()):
            one = (names[place - 1],) if place else ()
            before[name] = one if station.after is None else station.after
            for feeder in before[name]:
                behind[feeder].append(name)
        return before, {name: tuple(others) for name, others in behind.items()}
