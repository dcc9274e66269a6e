"""Renewal policies: when a model is fitted anew, on which rows, and what takes its place.

All times are in the unit of the stream's time; defaults take it to be hours.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.settings import Settings
from gemel.twin.learning.renewal.drift import DRIFTS
from gemel.twin.learning.renewal.paired import Comparison
from gemel.twin.learning.renewal.prequential import Learner, Past, Running
from gemel.twin.learning.renewal.running import OnDrift, Scheduled, Together

__all__ = ["Cumulative", "Ensemble", "RenewalPolicy", "Rolling", "Static", "Triggered",
           "read_policy"]  # fmt: skip

Hours: TypeAlias = Annotated[float, Field(gt=0)]


class _Policy(Settings):
    @abstractmethod
    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        """A policy that has not fitted yet."""


class Static(_Policy):
    """Fitted once, on all that is known at the begin; what every other policy is compared with."""

    kind: Literal["static"] = "static"

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return Scheduled(learner, past, losses, every=float("inf"), window=float("inf"))


class Rolling(_Policy):
    """Fitted again and again on the newest rows only."""

    kind: Literal["rolling"] = "rolling"
    window: Hours = Field(72.0, description="Rows not older than this are fitted")
    every: Hours = Field(24.0, description="Time between two fits")
    replay: float = Field(
        0.2, ge=0, lt=1, description="Most of the fitted rows that older rows of rare classes are"
    )

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return Scheduled(learner, past, losses, every=self.every, window=self.window,
                          replay=self.replay)  # fmt: skip


class Cumulative(_Policy):
    """Fitted again and again on all rows."""

    kind: Literal["cumulative"] = "cumulative"
    every: Hours = Field(24.0, description="Time between two fits")

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return Scheduled(learner, past, losses, every=self.every, window=float("inf"))


class Ensemble(_Policy):
    """The newest models of a rolling window together, each weighted by what it was worth of late.

    A weight is one over the square of the mean loss on rows that came after the model was fitted
    (H. Wang, W. Fan, P. S. Yu and J. Han, KDD 2003, 226, with losses that no model has learned
    from). A model without such rows weighs as much as the mean of the others.
    """

    kind: Literal["ensemble"] = "ensemble"
    members: int = Field(5, ge=2, le=50, description="Models that are kept; the first one stays")
    window: Hours = Field(72.0, description="Rows not older than this are fitted")
    every: Hours = Field(24.0, description="Time between two fits")
    recent: Hours = Field(72.0, description="Time over which losses count for the weights")
    replay: float = Field(
        0.2, ge=0, lt=1, description="Most of the fitted rows that older rows of rare classes are"
    )

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return Together(learner, past, losses, policy=self)


class Triggered(_Policy):
    """Fitted when the losses of the champion drift, or seldom otherwise, and taken only if better.

    Candidates learn from the newest rows less the very newest, `held_out` of them: one from the
    whole window, one from a quarter of it, which forgets what was before the drift. The better one
    is compared with the champion on the held-out rows (`paired`) and takes over if it is better
    than it. Others are tried with the rows that came since, until `tries` in a row were not; each
    is judged at such a confidence that all of these have the one that was asked for. What the
    champion then loses is the new level. Before a candidate is fitted, former champions are asked
    on all rows since the last one took over: what was taken wrongly is given back.

    On rows without any of a rare class, a candidate that has forgotten the class wins: nothing is
    decided before enough of them are held out. What is slow, or was there from the first row on, no
    drift tells: so one is tried after the `longest` time without.
    """

    kind: Literal["triggered"] = "triggered"
    drift: Mapping[str, Any] = Field(
        {"kind": "cusum"}, description="Detector of drift, `kind` and its settings"
    )
    reference: int = Field(
        300, ge=100, description="Losses of a champion from which level and limit of drift are set"
    )
    window: Hours = Field(336.0, description="Rows not older than this are fitted")
    held_out: float = Field(
        0.25, gt=0, lt=0.9, description="Share of them, the newest, on which both are compared"
    )
    every: Hours = Field(24.0, description="Time between two tries")
    longest: Hours = Field(168.0, description="Time without a drift after which one is tried too")
    tries: int = Field(3, ge=1, le=100, description="Tries that are not better, and none follows")
    compare: Comparison = Field(
        Comparison(rows=50, events=10),
        description="How they are compared; `events` are rows of rare classes, where there are any",
    )
    replay: float = Field(
        0.2, ge=0, lt=1, description="Most of the fitted rows that older rows of rare classes are"
    )

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return OnDrift(learner, past, losses, policy=self)


RenewalPolicy: TypeAlias = Annotated[
    Static | Rolling | Cumulative | Ensemble | Triggered, Field(discriminator="kind")
]

_READER: TypeAdapter[RenewalPolicy] = TypeAdapter(RenewalPolicy)


def read_policy(values: Mapping[str, Any], where: str = "") -> RenewalPolicy:
    """The policy that `kind` names. Raises `ConfigurationError` naming what is wrong."""
    try:
        found = _READER.validate_python(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{place}: {first['msg']}".removeprefix(": "), where) from None
    if isinstance(found, Triggered):
        DRIFTS.build(found.drift, where)
    return found
