"""A stock network: where what is kept, who supplies whom, what it costs. All of it settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gemel.core.errors import did_you_mean
from gemel.core.settings import Settings
from gemel.core.stock.demand import Demand, KnownDemand
from gemel.core.time import DAY, Duration, duration_text

__all__ = ["Arrival", "Break", "Disruption", "Network", "Rule", "SecondSource", "Stage"]

_YEAR = 365 * DAY
_LONGEST = 20 * _YEAR
_MOST_STAGES = 10_000
_MOST_PERIODS = 10_000


class Break(Settings):
    """From this quantity on, every unit costs so much."""

    quantity: float = Field(gt=0, description="Least quantity of an order")
    price: float = Field(gt=0, description="Price of each unit of such an order")


class Disruption(Settings):
    """The supply fails now and then, for a time; both are exponentially distributed."""

    every: Duration = Field(gt=0, description="Mean time from recovery to the next failure")
    lasts: Duration = Field(gt=0, description="Mean time until it supplies again")
    down: bool = Field(False, description="Whether it fails now")

    @property
    def availability(self) -> float:
        """Share of time in which it supplies."""
        return self.every / (self.every + self.lasts)


class SecondSource(Settings):
    """Who steps in while the supply fails, with the same lead time."""

    capacity: float = Field(gt=0, description="Most units that it brings in a period")
    premium: float = Field(0, ge=0, description="What a unit of it costs more")


class Arrival(Settings):
    """What was ordered before and is still to come."""

    quantity: float = Field(gt=0, description="Units")
    within: Duration = Field(ge=0, description="Time from now until they can be used")


class Rule(Settings):
    """When how much is ordered."""

    kind: Literal["base_stock", "r_q", "s_s"] = Field(
        description="base_stock: up to `level` each time. r_q: `quantity` whenever the position "
        "(at hand, on order, less what is owed) is at `reorder` or below. s_s: then up to `level`"
    )
    level: float | None = Field(None, description="Order up to this position")
    reorder: float | None = Field(None, description="Order at this position or below")
    quantity: float | None = Field(None, gt=0, description="Order so much")

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        wanted = {"base_stock": ("level",), "r_q": ("reorder", "quantity"),
                  "s_s": ("reorder", "level")}[self.kind]  # fmt: skip
        for name in ("level", "reorder", "quantity"):
            given = getattr(self, name) is not None
            if given != (name in wanted):
                raise ValueError(f"{self.kind} takes {' and '.join(wanted)}")
        low, high = self.reorder, self.level
        if self.kind == "s_s" and low is not None and high is not None and high < low:
            raise ValueError(f"level {self.level:g} is below reorder {self.reorder:g}")
        return self

    def __str__(self) -> str:
        match self.kind:
            case "base_stock":
                return f"order up to {self.level:.6g}"
            case "r_q":
                return f"at {self.reorder:.6g} order {self.quantity:.6g}"
        return f"at {self.reorder:.6g} order up to {self.level:.6g}"


def _as_mapping(value: object) -> object:
    """`after: saw` and `after: [saw, paint]` mean one unit of each for a unit."""
    if isinstance(value, str):
        return {value: 1.0}
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return dict.fromkeys(value, 1.0)
    return value


After: TypeAlias = Annotated[
    dict[str, float],
    BeforeValidator(_as_mapping),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "number"}}),
]


class Stage(Settings):
    """A place where something is kept, and the step before it that makes or brings it."""

    title: str = Field("", description="What people call it")
    after: After = Field(
        {}, description="Stages that supply it: a name, names, or `{name: units for one unit}`; "
        "without any, somebody outside does"
    )  # fmt: skip
    demand: Demand | None = Field(None, description="What customers want of it in a period")
    lead_time: Duration = Field(0, ge=0, description="From the order, all material there, until "
                                "it can be used")  # fmt: skip
    lead_time_spread: Duration = Field(0, ge=0, description="Standard deviation of the lead time")
    order_cost: float = Field(0, ge=0, description="Of each order: paperwork, set-up, truck")
    price: float | None = Field(None, gt=0, description="Of one unit")
    breaks: tuple[Break, ...] = Field((), description="Prices of larger orders, for all units")
    holding_cost: float | None = Field(
        None, ge=0, description="Of one unit kept for one period; without it `interest` on `price`"
    )
    backorder_cost: float | None = Field(
        None, gt=0, description="Of one unit that is owed for one period"
    )
    lost_sale_cost: float | None = Field(
        None, gt=0, description="Of one unit that is not sold because it is not there; without it, "
        "customers wait"
    )  # fmt: skip
    service: float | None = Field(
        None, gt=0, lt=1, description="Wanted share of demand that is served at once (fill rate)"
    )
    promise: Duration | None = Field(None, ge=0, description="Longest time customers wait")
    supply_promise: Duration = Field(0, ge=0, description="Longest time suppliers outside take")
    repair_share: float | None = Field(
        None, ge=0, le=1, description="Of a repairable spare: share that is repaired here; the "
        "rest goes to the stage before. `lead_time` is from there, `repair_time` from here"
    )  # fmt: skip
    repair_time: Duration | None = Field(None, gt=0, description="Mean time to repair one here")
    capacity: float | None = Field(None, gt=0, description="Most units that it makes in a period")
    disruption: Disruption | None = Field(None, description="How its supply fails")
    second: SecondSource | None = Field(None, description="Who steps in while its supply fails")
    recovery: Duration | None = Field(None, gt=0, description="Time until it works again after "
                                      "the worst that can happen to it")  # fmt: skip
    at_hand: float = Field(0, ge=0, description="Units there now")
    on_order: tuple[Arrival, ...] = Field(
        (), max_length=10_000, description="What was ordered before and is still to come"
    )
    site: str = Field("", description="Where it stands; what goes from one site to another is "
                      "moved. Without it, a site of its own")  # fmt: skip
    load: float = Field(0, ge=0, description="Room that a unit takes in a vehicle, e.g. pallets")
    today: Rule | None = Field(None, description="The rule of today, to compare with")

    @property
    def sells(self) -> bool:
        """Whether customers want something of it."""
        return self.demand is not None


class Network(Settings):
    """Stages and who supplies whom."""

    currency: str = Field("", max_length=8, description="Of all costs, e.g. EUR")
    unit: str = Field("units", max_length=20, description="What is counted, e.g. pieces")
    period: Duration = Field(DAY, gt=0, le=_YEAR, description="The time to which demand and costs "
                             "belong")  # fmt: skip
    review: Literal["continuous", "periodic"] = Field(
        "continuous",
        description="continuous: each demand is answered by an order at once. periodic: orders go "
        "out at the start of a period and must last through it",
    )
    interest: float = Field(
        0.2, gt=0, le=5, description="Cost of keeping, as a share of the price per year"
    )
    stages: dict[str, Stage] = Field(min_length=1, max_length=_MOST_STAGES, description="By name")

    @model_validator(mode="after")
    def _sound(self) -> Network:
        for name, stage in self.stages.items():
            for supplier, count in stage.after.items():
                if supplier not in self.stages:
                    raise ValueError(
                        f"stage '{name}' comes after '{supplier}', which is no stage; "
                        f"{did_you_mean(supplier, self.stages)}"
                    )
                if not 0 < count < 1e9:
                    raise ValueError(f"stage '{name}' takes {count:g} of '{supplier}' for one unit")
            for arrival in stage.on_order:
                if arrival.within / self.period > _MOST_PERIODS:
                    raise ValueError(
                        f"stage '{name}': on_order arrives within {duration_text(arrival.within)}, "
                        f"more than {_MOST_PERIODS} periods of {duration_text(self.period)}"
                    )
            for what in ("lead_time", "lead_time_spread", "promise", "repair_time", "recovery"):
                value = getattr(stage, what)
                if value is not None and value > _LONGEST:
                    raise ValueError(
                        f"stage '{name}': {what} is {duration_text(value)}, more than "
                        f"{duration_text(_LONGEST)}; is the unit right?"
                    )
        order = self._order()
        wanted = self.throughput(order)
        for name, stage in self.stages.items():
            if wanted[name] == 0:
                raise ValueError(
                    f"nothing is wanted of stage '{name}' or of any stage after it; give `demand`"
                )
            if stage.capacity is not None and stage.capacity < wanted[name] * (1 - 1e-9):
                raise ValueError(
                    f"stage '{name}' makes at most {stage.capacity:g} in a period, and "
                    f"{wanted[name]:g} are wanted of it: the demand cannot be served"
                )
        return self

    def _order(self) -> tuple[str, ...]:
        """Stages, each after its suppliers. A cycle is an error that names it."""
        waits = {name: len(stage.after) for name, stage in self.stages.items()}
        after = self.customers()
        ready = [name for name, count in waits.items() if count == 0]
        order = []
        while ready:
            name = ready.pop()
            order.append(name)
            for customer in after[name]:
                waits[customer] -= 1
                if waits[customer] == 0:
                    ready.append(customer)
        if len(order) == len(self.stages):
            return tuple(order)
        name = next(n for n, count in waits.items() if count)
        way: list[str] = []
        while name not in way:
            way.append(name)
            name = next(s for s in self.stages[name].after if waits[s])
        cycle = [*way[way.index(name) :], name]
        raise ValueError(f"stages supply each other in a circle: {' ← '.join(cycle)}")

    def order(self) -> tuple[str, ...]:
        """Names of the stages, each after all that supply it."""
        return self._order()

    def customers(self) -> dict[str, dict[str, float]]:
        """Of each stage those that it supplies, with units for one unit."""
        found: dict[str, dict[str, float]] = {name: {} for name in self.stages}
        for name, stage in self.stages.items():
            for supplier, count in stage.after.items():
                found[supplier][name] = count
        return found

    def throughput(self, order: tuple[str, ...] | None = None) -> dict[str, float]:
        """Units of each stage that a period takes on average, its customers' included."""
        wanted = {n: s.demand.rate if s.demand else 0.0 for n, s in self.stages.items()}
        for name in reversed(self.order() if order is None else order):
            for supplier, count in self.stages[name].after.items():
                wanted[supplier] += count * wanted[name]
        return wanted

    def periods(self, duration: int) -> float:
        """A duration in periods."""
        return duration / self.period

    def holding(self, name: str) -> float | None:
        """Cost of keeping one unit of a stage for a period; None where nothing is said."""
        stage = self.stages[name]
        if stage.holding_cost is not None:
            return stage.holding_cost
        return None if stage.price is None else self.interest * stage.price * self.period / _YEAR

    def exposure(self, name: str) -> float:
        """Periods that what is ordered now must last for."""
        return self.periods(self.stages[name].lead_time) + (self.review == "periodic")

    def parts(self) -> list[Network]:
        """Networks that have nothing to do with one another, in the order of the file."""
        group = {name: name for name in self.stages}

        def root(name: str) -> str:
            while group[name] != name:
                name = group[name]
            return name

        for name, stage in self.stages.items():
            for supplier in stage.after:
                group[root(supplier)] = root(name)
        found: dict[str, dict[str, Stage]] = {}
        for name, stage in self.stages.items():
            found.setdefault(root(name), {})[name] = stage
        return [self.with_stages(stages) for stages in found.values()]

    def with_stages(self, stages: Mapping[str, Stage]) -> Network:
        """The same with other stages, which must fit together; they are not checked again."""
        return self.model_copy(update={"stages": dict(stages)})

    def knows_future(self) -> bool:
        """Whether any demand is a list of orders."""
        return any(isinstance(s.demand, KnownDemand) for s in self.stages.values())
