"""When a detector is fitted again, and what its findings cost."""

from __future__ import annotations

from pydantic import Field, field_validator

from gemel.core.errors import ConfigurationError
from gemel.core.settings import Settings
from gemel.core.time import DAY, HOUR, Duration, parse_time
from gemel.twin.learning.live.settings import Renewal

__all__ = ["DetectorRenewal", "EventCosts"]


class EventCosts(Settings):
    """What findings and their absence cost: by this two models are compared.

    A finding that is right begins an event, unless `event` of the detector says when it began.
    """

    unit: str = Field("points", description="Of all costs, e.g. EUR")
    false_alarm: float = Field(
        1.0, ge=0, description="A finding that was wrong, or known and no fault: somebody looked"
    )
    missed: float = Field(20.0, ge=0, description="An event of which there was no finding")
    delay: float = Field(
        2.0, ge=0,
        description="Each hour from the beginning of an event to its finding; at most `missed`",
    )  # fmt: skip
    ahead: Duration = Field(
        HOUR, ge=0, description="A finding that was there so long before an event is about it"
    )
    period: Duration = Field(
        HOUR, gt=0, description="Costs are compared period by period, e.g. an hour or a shift"
    )
    events: int = Field(
        5, ge=1, description="Fewest events and answered findings before anything is decided"
    )


class DetectorRenewal(Renewal):
    """When a detector is fitted again, in the words of tasks. Without it, only when a person asks.

    It is another thing than for a task whose truth is measured: a slow fault could become normal.
    """

    on_drift: bool = Field(
        False,
        description="Fit again when far more rows are above the limit than was promised, of those "
        "that neither people nor alarms call abnormal",
    )
    shadow: Duration = Field(
        7 * DAY, gt=0, description="A new model scores beside the champion for so long at least"
    )
    watch: Duration = Field(
        7 * DAY, gt=0, description="So long the model before scores beside a new champion"
    )
    window: Duration = Field(
        72 * HOUR, gt=0, description="History whose normal rows a new model is fitted on"
    )
    regimes: str = Field(
        "",
        description="Signal that says which product, recipe or regime it is: rows of each that "
        "were learned from earlier and not made in `window` are kept. If empty, the asset's "
        "signal with the role product, if there is one",
    )
    keep_rows: int = Field(
        1_000,
        ge=0,
        le=100_000,
        description="Most rows that are kept of each regime, in a few stretches; 0: none",
    )
    seed: int = Field(0, ge=0, description="Of which stretches are kept")
    learn_known: bool = Field(
        True, description="Whether rows of findings that people call known count as normal"
    )
    leave_out: tuple[tuple[str, str], ...] = Field(
        (),
        description="Periods that are never learned from, e.g. [2026-03-01T06:00Z, 2026-03-02Z]; "
        "times without offset are UTC",
    )

    @field_validator("leave_out")
    @classmethod
    def _times(cls, periods: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for first, last in periods:
            try:
                if parse_time(first) >= parse_time(last):
                    raise ValueError(f"{first} is not before {last}")
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        return periods

    @property
    def left_out(self) -> tuple[tuple[int, int], ...]:
        """The periods, ns UTC."""
        return tuple((parse_time(first), parse_time(last)) for first, last in self.leave_out)
