"""What a file of an experiment says: scenarios of a line, what is wanted, how it is played."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gemel.core.line import Line, Snapshot
from gemel.core.settings import Settings
from gemel.core.time import Duration

__all__ = [
    "Bound", "Cost", "Demand", "Experiment", "Factor", "Learning", "Measure", "NewLine", "Play",
    "Prices", "Range", "Scenario", "Sweep",
]  # fmt: skip

Measure: TypeAlias = Literal[
    "good_parts_per_hour", "lead_time_s", "parts_in_line", "cost_per_part", "kwh_per_part",
    "kg_co2_per_part", "scrap", "lost", "in_time",
]  # fmt: skip
Design: TypeAlias = Literal["factorial", "fractional", "latin_hypercube", "sobol"]

_RATE = re.compile(r"([0-9.]+) (?:per|/) (hour|shift|day|week)")
_HOURS = {"hour": 1.0, "shift": 8.0, "day": 24.0, "week": 168.0}


class Cost(Settings):
    """What a scenario costs, beside material and energy."""

    investment: float = Field(0, ge=0, description="Once, in money; written off over its life")
    per_hour: float = Field(0, description="In each hour that is played: people, rent; less: < 0")


LineOrFile: TypeAlias = Annotated[
    str | Line, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]})
]


def _read_cost(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"investment": value} if is_number else value


Costs: TypeAlias = Annotated[
    Cost,
    BeforeValidator(_read_cost),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "object"}]}),
]


class Prices(Settings):
    """What makes parts cost money."""

    energy: float = Field(0, ge=0, description="Of a kWh")
    carbon: float = Field(0, ge=0, description="Of a kg of CO₂")
    carbon_of_energy: float = Field(0, ge=0, description="kg of CO₂ that a kWh stands for")
    material: float = Field(0, ge=0, description="Of a part that is begun; good parts pay for all")
    hours_per_year: float = Field(4_000, gt=0, le=8_784, description="For what is written off")
    years: float = Field(5, gt=0, le=50, description="Over which investments are written off")


class Bound(Settings):
    """What may not be passed."""

    most: float | None = Field(None, description="The mean may not be above it")
    least: float | None = Field(None, description="The mean may not be below it")
    tolerance: float | None = Field(
        None, gt=0, description="By how much it may be off, either way; 1 % of it if not given"
    )

    @model_validator(mode="after")
    def _one(self) -> Bound:
        if (self.most is None) == (self.least is None):
            raise ValueError("give `most` or `least`")
        if self.tolerance is None and not (self.most or self.least):
            raise ValueError("a bound of 0 needs a `tolerance`")
        return self


class Scenario(Settings):
    """An alternative to the line."""

    title: str = Field("", description="For people; the key where it is empty")
    line: LineOrFile = Field(
        "", description="Another layout: its file, from the folder of this one; or the line itself"
    )
    cost: Costs = Field(Cost(), description="What it costs more than the line as it is")
    changes: dict[str, Any] = Field({}, description="By path, a value or a factor such as '*0.9'")


class Play(Settings):
    """How long and how often it is played."""

    parts: int | None = Field(None, ge=1, description="Parts that go through; 10,000 if not given")
    horizon: Duration | None = Field(None, gt=0, description="Or so much time")
    warm_up: float = Field(0.1, ge=0, lt=1, description="Share that is not measured")
    seed: int = Field(0, ge=0, description="Of all luck")
    first: int = Field(10, ge=2, le=1_000, description="Replications before anything is judged")
    most: int = Field(500, ge=2, description="Replications of one scenario; then it is over")
    simulator: str | None = Field(None, description="The fastest that covers all if not given")
    start: Snapshot | None = Field(
        None, description="What stands in the line at the beginning, or the file that says it (see "
        "gemel snapshot); then all is measured"
    )  # fmt: skip

    @model_validator(mode="after")
    def _one(self) -> Play:
        if self.parts is not None and self.horizon is not None:
            raise ValueError("give `parts` or `horizon`, not both")
        if self.most < self.first:
            raise ValueError(f"most is {self.most}, must be at least {self.first}, which is first")
        return self


class Range(Settings):
    """Between two values; for `time`, `between` and `repair` numbers are factors."""

    least: int | float | str = Field(
        alias="from", description="A number, a time or a factor ('*0.8')"
    )
    most: int | float | str = Field(alias="to", description="The same, greater")
    whole: bool = Field(False, description="Only whole numbers")


Factor: TypeAlias = Range | tuple[Any, ...]


class Sweep(Settings):
    """Many combinations of factors: a design of experiments."""

    factors: dict[str, Factor] = Field(
        min_length=1, description="By path: a range, or a list of values"
    )
    design: Design = Field("latin_hypercube", description="How combinations are chosen")
    points: int = Field(
        100, ge=2, le=10_000_000, description="latin_hypercube, sobol: so many combinations"
    )
    levels: int = Field(3, ge=2, le=100, description="factorial: levels of each range")
    resolution: Literal[3, 4, 5] = Field(
        5, description="fractional, at least: 3 = main effects are mixed with interactions, 4 = "
        "interactions with each other, 5 = neither"
    )  # fmt: skip
    replications: int = Field(5, ge=1, le=10_000, description="Of each combination")
    until: float | None = Field(
        None, gt=0, description="Ends before all replications when each main effect on the "
        "objective is known to so much"
    )  # fmt: skip


class Demand(Settings):
    """Good parts that are wanted."""

    per_hour: float = Field(gt=0, description="Good parts per hour")


def _read_demand(value: Any) -> Any:
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return value
    try:
        return {"per_hour": float(match[1]) / _HOURS[match[2]]}
    except ValueError:
        return value


Demands: TypeAlias = Annotated[
    Demand,
    BeforeValidator(_read_demand),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]


class Learning(Settings):
    """How a new line comes to its pace: T. P. Wright's learning curve, in weeks. In week w a time
    is start · w^log₂(rate) as long as in the end, at least 1."""

    weeks: int = Field(12, ge=1, le=520, description="So many are played")
    time: float = Field(1.0, ge=1, le=100, description="Times of work in the first week")
    failures: float = Field(1.0, ge=1, le=100, description="How often it fails in the first week")
    repair: float = Field(1.0, ge=1, le=100, description="Repairs in the first week")
    rate: float = Field(
        0.85, gt=0.3, le=1, description="What is left when the number of weeks has doubled"
    )
    hours_per_week: float = Field(40, gt=0, le=168, description="Of work")


class NewLine(Settings):
    """A line that does not exist yet: what it must make, and how little is known of it."""

    demand: Demands = Field(description="Good parts, e.g. '2800 per hour'")
    tolerances: dict[str, Range] = Field({}, description="By path: between which values it may lie")
    samples: int = Field(500, ge=20, le=1_000_000, description="Lines that are played")
    ramp_up: Learning | None = Field(None, description="How it comes to its pace")


class Experiment(Settings):
    """A line and what is tried with it.

    `gemel whatif` compares `scenarios`, `gemel whatif sweep` plays out `sweep`, `gemel whatif
    design` says what is to be expected of a line that does not exist yet, `new`.
    """

    line: LineOrFile = Field(
        description="File of the line, from the folder of this one; or the line itself"
    )
    title: str = Field("", description="For people")
    scenarios: dict[str, Scenario] = Field({}, description="Alternatives, by name")
    objective: Measure = Field("good_parts_per_hour", description="What should be at its best")
    difference: float | None = Field(
        None, gt=0, description="In the unit of the objective: less does not matter. 1 % of the "
        "line as it is if not given"
    )  # fmt: skip
    confidence: float = Field(0.95, gt=0.5, lt=1, description="With which the best is named")
    limits: dict[Measure, Bound] = Field({}, description="What an alternative must keep")
    order: int | None = Field(
        None, ge=1, description="in_time: good parts that are wanted within the horizon"
    )
    cost: Costs = Field(Cost(), description="What the line costs as it is")
    prices: Prices = Prices()
    play: Play = Play()
    sweep: Sweep | None = Field(None, description="Combinations of factors")
    new: NewLine | None = Field(None, description="Of a line that does not exist yet")

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        known = self.order is not None and self.play.horizon is not None
        if "in_time" in (self.objective, *self.limits) and not known:
            raise ValueError(
                "in_time needs `order`, the good parts that are wanted, and `play.horizon`, by when"
            )
        return self
