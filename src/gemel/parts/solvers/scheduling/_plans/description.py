"""A plan's orders, machines and calendars as a planner writes them, and the problem they make."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from gemel.core.settings import Settings
from gemel.core.time import MINUTE, Duration

__all__ = ["DAYS", "Calendar", "Description", "Machine", "Order", "Step", "Work"]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"'{text}' is not a time of day; write e.g. '06:00'")
    return text


def _one_or_many(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Part: TypeAlias = Literal["makespan", "tardiness", "flow_time", "setup", "energy"]
TimeOfDay = Annotated[str, AfterValidator(_clock)]
Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class Open(Settings):
    """A time of the week in which is worked."""

    days: str = Field("mon-fri", description="Days, e.g. 'mon-fri' or 'mon, wed, sat'")
    start: TimeOfDay = Field(description="Local time of day")
    end: TimeOfDay = Field(description="Local time of day; not after `start`: on the next day")


class Shut(Settings):
    """A time in which is not worked: a holiday, a maintenance, a breakdown."""

    start: str = Field(description="Local time, e.g. '2026-03-04 10:00'")
    end: str = Field(description="Local time")


class Calendar(Settings):
    """When is worked; always where no `open` is given."""

    open: tuple[Open, ...] = Field((), description="Times of the week")
    closed: tuple[Shut, ...] = Field((), description="Exceptions")


class Machine(Settings):
    """A machine or a place of work."""

    calendar: str | None = Field(None, description="Its calendar; always open without")
    closed: tuple[Shut, ...] = Field((), description="Its own exceptions, e.g. maintenance")
    buffer: int | None = Field(
        None,
        ge=0,
        description="Places before it; enough without. 0: parts wait where they were made",
    )
    set_up_for: str | None = Field(None, description="Family that it is set up for at the start")
    power: float = Field(0.0, ge=0, description="kW while it works")
    standby: float = Field(0.0, ge=0, description="kW between two steps, while it stays on")
    restart: float | None = Field(
        None, ge=0, description="kWh to be on again, if it may be off between; without, it stays on"
    )


class SetUp(Settings):
    """How long a change from one family to another takes."""

    machine: Names = Field(description="Machine, or a list of them")
    before: Names = Field(description="Family or families that it comes from")
    after: Names = Field(description="Family or families that it goes to")
    time: Duration = Field(ge=0, description="How long")


class Price(Settings):
    """What energy costs from a time of day on."""

    start: TimeOfDay = Field(description="Local time of day")
    price: float = Field(description="Per kWh")


class Work(Settings):
    """How long a way to do a step takes: `time`, and `each` for every piece."""

    time: Duration = Field(0, ge=0, description="Once")
    each: Duration = Field(0, ge=0, description="For each piece of the order")


class Step(Settings):
    """One step of a route."""

    on: dict[str, str | Work] | str = Field(
        description="Machine; or machines, each with how long it takes: '20 min' or `time`, `each`"
    )
    time: Duration = Field(0, ge=0, description="Once, where `on` is one machine")
    each: Duration = Field(0, ge=0, description="For each piece, where `on` is one machine")
    name: str = Field("", description="Its name; else its number")
    family: str | None = Field(None, description="What its machine must be set up for")
    needs: dict[str, int] = Field({}, description="Resources that it takes while it lasts")
    may_pause: bool = Field(False, description="Goes on after its machine was closed")
    no_wait: bool = Field(False, description="Begins at the end of the step before it")
    wait: Duration = Field(0, ge=0, description="Between the step before and this, e.g. to cool")


class Product(Settings):
    """How something is made."""

    lot: int | None = Field(
        None, ge=1, description="Pieces that go on together: an order is divided into lots of at "
        "most so many. Each goes on when it is done, on whichever machine; lots that follow each "
        "other are one batch. Undivided without"
    )  # fmt: skip
    steps: tuple[Step, ...] = Field(min_length=1, description="One after the other")


class Order(Settings):
    """What is to be made, and by when."""

    order: str = Field(description="Its name")
    product: str | None = Field(None, description="What is made; or `steps` of its own")
    quantity: int = Field(1, ge=1, description="Pieces")
    release: str | None = Field(None, description="Not before this local time")
    due: str | None = Field(None, description="Wanted by this local time")
    deadline: str | None = Field(None, description="Must be over by this local time")
    weight: float = Field(1.0, ge=0, description="How bad it is to be late")
    steps: tuple[Step, ...] = Field((), description="Where it is not a product")


class Goal(Settings):
    """What is to be small; weights of the parts."""

    makespan: float = Field(0.0, ge=0, description="End of all, per minute")
    tardiness: float = Field(0.0, ge=0, description="Weighted lateness of orders, per minute")
    flow_time: float = Field(0.0, ge=0, description="Weighted time in the plant, per minute")
    setup: float = Field(0.0, ge=0, description="Set-up time, per minute")
    energy: float = Field(0.0, ge=0, description="Cost of energy")
    first: tuple[Part, ...] = Field(
        (), description="Parts that come before the sum, one after the other: nothing of the first "
        "is given up for the second, and nothing of them for the sum"
    )  # fmt: skip


class Limits(Settings):
    """What may not be exceeded."""

    makespan: Duration | None = Field(None, gt=0, description="End of all, from the start")
    tardiness: Duration | None = Field(None, ge=0, description="Weighted lateness of all orders")
    setup: Duration | None = Field(None, ge=0, description="Set-up time")
    energy: float | None = Field(None, ge=0, description="Cost of energy")


class Description(Settings):
    """A file for `gemel schedule`."""

    schedule: int = Field(1, ge=1, le=1, description="Version of this form")
    start: str = Field(description="Local time from which is planned, e.g. '2026-03-02 06:00'")
    time_zone: str = Field("UTC", description="Of all times in the file")
    tick: Duration = Field(MINUTE, gt=0, description="All times are rounded up to this")
    objective: Goal = Field(Goal(makespan=1.0, tardiness=10.0), description="What is to be small")
    calendars: dict[str, Calendar] = Field({}, description="By name")
    machines: dict[str, Machine | None] = Field(description="By name")
    resources: dict[str, int] = Field({}, description="How many people, tools, … there are")
    setups: tuple[SetUp, ...] = Field((), description="Changes that take time")
    energy: tuple[Price, ...] = Field((), description="Prices of energy by the time of day")
    peak_power: float | None = Field(
        None, gt=0, description="kW that all machines at work may draw together"
    )
    limits: Limits = Field(Limits(), description="What may not be exceeded")
    products: dict[str, Product] = Field({}, description="By name")
    orders: tuple[Order, ...] = Field(description="What is to be made")
