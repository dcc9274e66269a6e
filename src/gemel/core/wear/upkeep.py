"""What is to be kept up, how it fails, and what acting costs. All of it settings."""

from __future__ import annotations

from pydantic import Field, model_validator

from gemel.core.settings import Settings
from gemel.core.time import DAY, Duration, duration_text
from gemel.core.wear.degradation import Degradation
from gemel.core.wear.life import Life

__all__ = ["Asset", "Crew", "Prediction", "Spare", "Standstill", "Upkeep"]

_LONGEST = 200 * 365 * DAY
_HORIZON = 365 * DAY


class Prediction(Settings):
    """What a prognostic says of the asset that runs now."""

    life: Duration = Field(gt=0, description="Remaining life: the value that is as likely too long "
                           "as too short")  # fmt: skip
    low: Duration = Field(gt=0, description="Lower end of its interval")
    high: Duration = Field(gt=0, description="Upper end of its interval")
    confidence: float = Field(0.9, gt=0, lt=1, description="How often the interval holds the truth")

    @model_validator(mode="after")
    def _ordered(self) -> Prediction:
        if not self.low < self.life < self.high:
            raise ValueError(
                f"low {duration_text(self.low)}, life {duration_text(self.life)} and high "
                f"{duration_text(self.high)} must rise"
            )
        return self


class Spare(Settings):
    """The part that is put in."""

    lead_time: Duration = Field(gt=0, description="From the order until it is there")
    holding_cost: float = Field(gt=0, description="Of one that is kept for one period")
    machines: int = Field(1, ge=1, le=100_000, description="How many machines take the same part")


class Asset(Settings):
    """Something that is replaced, or made as good as new, before or after it fails."""

    title: str = Field("", description="What people call it")
    life: Life | None = Field(None, description="How long it works; or `wear`")
    wear: Degradation | None = Field(None, description="How what can be measured of it grows")
    planned_cost: float = Field(gt=0, description="Of replacing it in time")
    failure_cost: float = Field(
        gt=0, description="Of replacing it after it failed, damage included"
    )
    planned_time: Duration = Field(0, ge=0, description="Standstill for replacing it in time")
    failure_time: Duration = Field(0, ge=0, description="Standstill after a failure")
    downtime_cost: float = Field(0, ge=0, description="Of a period of standstill")
    repair_cost: float | None = Field(
        None, gt=0, description="Of a repair after which it is as old as before (minimal repair)"
    )
    inspection_cost: float | None = Field(None, ge=0, description="Of one look at its wear")
    inspect_every: Duration | None = Field(
        None, gt=0, description="Time between inspections; without it, the best is found"
    )
    announced: bool = Field(True, description="Whether a failure shows at once, or only when "
                            "somebody looks; until then it stands, at `downtime_cost`")  # fmt: skip
    age: Duration = Field(0, ge=0, description="Age of the one that runs now")
    level: float | None = Field(None, description="Wear of the one that runs now")
    prediction: Prediction | None = Field(None, description="What a prognostic says of it")
    spare: Spare | None = Field(None, description="The part that is put in")
    work: Duration | None = Field(None, gt=0, description="Hours of work of a planned replacement, "
                                  "of all hands together; without it `planned_time`")  # fmt: skip
    today: Duration | None = Field(None, gt=0, description="It is replaced at this age today, to "
                                   "compare with")  # fmt: skip

    @model_validator(mode="after")
    def _sound(self) -> Asset:
        if self.life is None and self.wear is None and self.prediction is None:
            raise ValueError("nothing says how it fails: give life, wear or prediction")
        for name in ("planned_time", "failure_time", "inspect_every", "age", "work", "today"):
            value = getattr(self, name)
            if value is not None and value > _LONGEST:
                raise ValueError(
                    f"{name} is {duration_text(value)}, more than {duration_text(_LONGEST)}; is "
                    "the unit right?"
                )
        if self.level is not None and self.wear is None:
            raise ValueError("level is given and wear is not: give wear")
        if self.level is not None and self.wear is not None and self.level >= self.wear.limit:
            raise ValueError(
                f"level {self.level:g} has reached the limit {self.wear.limit:g}: it has failed"
            )
        return self


class Crew(Settings):
    """Who does planned work."""

    hours: Duration = Field(gt=0, description="Work that it does in one visit at most")


class Standstill(Settings):
    """A time at which the line stands anyway."""

    at: Duration = Field(ge=0, description="From now")
    lasts: Duration = Field(gt=0, description="How long it stands")


class Upkeep(Settings):
    """Assets that are kept up together."""

    currency: str = Field("", max_length=8, description="Of all costs, e.g. EUR")
    period: Duration = Field(
        DAY, gt=0, le=365 * DAY, description="The time to which costs and wear belong"
    )
    visit_cost: float = Field(
        0, ge=0, description="Of each visit, however much is done: stopping the line, travel"
    )
    crew: Crew | None = Field(None, description="Who does planned work")
    standstills: tuple[Standstill, ...] = Field(
        (),
        description="Times at which the line stands anyway: a visit costs no `visit_cost` then, "
        "and work no downtime if it fits",
    )
    horizon: Duration = Field(
        _HORIZON, gt=0, le=10 * _HORIZON, description="How far ahead visits are planned"
    )
    assets: dict[str, Asset] = Field(min_length=1, max_length=10_000, description="By name")

    @model_validator(mode="after")
    def _sound(self) -> Upkeep:
        for name, asset in self.assets.items():
            if asset.inspect_every is not None and asset.life is not None:
                typical = asset.life.law(self.period).quantile(0.999)
                if asset.inspect_every / self.period > typical:
                    raise ValueError(
                        f"asset '{name}': inspect_every is {duration_text(asset.inspect_every)}, "
                        f"and 99.9 % have failed after {typical:.4g} periods"
                    )
            if asset.wear is not None and asset.inspect_every is not None:
                life = asset.wear.process().mean_life
                if asset.inspect_every / self.period > 20 * life:
                    raise ValueError(
                        f"asset '{name}': inspect_every is {duration_text(asset.inspect_every)}, "
                        f"and it lives {life:.4g} periods on average"
                    )
        return self
