"""Renewal policies: when a model is fitted anew, on which rows, and what takes its place.

All times are in the unit of the stream's time; defaults take it to be hours.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.settings import Settings
from gemel.twin.learning.renewal.drift import DRIFTS, DriftWatch
from gemel.twin.learning.renewal.paired import Comparison
from gemel.twin.learning.renewal.prequential import Indices, Learner, Past, Refit, Running

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
        return _Scheduled(learner, past, losses, every=float("inf"), window=float("inf"))


class Rolling(_Policy):
    """Fitted again and again on the newest rows only."""

    kind: Literal["rolling"] = "rolling"
    window: Hours = Field(72.0, description="Rows not older than this are fitted")
    every: Hours = Field(24.0, description="Time between two fits")
    replay: float = Field(
        0.2, ge=0, lt=1, description="Most of the fitted rows that older rows of rare classes are"
    )

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return _Scheduled(learner, past, losses, every=self.every, window=self.window,
                          replay=self.replay)  # fmt: skip


class Cumulative(_Policy):
    """Fitted again and again on all rows."""

    kind: Literal["cumulative"] = "cumulative"
    every: Hours = Field(24.0, description="Time between two fits")

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return _Scheduled(learner, past, losses, every=self.every, window=float("inf"))


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
        return _Together(learner, past, losses, policy=self)


class Triggered(_Policy):
    """Fitted when the losses of the champion drift, or seldom otherwise, and taken only if better.

    Candidates learn from the newest rows less the very newest, `held_out` of them: one from the
    whole window, one from its newest quarter, which forgets what was before the drift. The better
    one is compared with the champion on the held-out rows (`paired`) and takes over if it is better
    than it. Others are tried with the rows that came since, until `tries` in a row were not; each
    is judged at such a confidence that all of these have the one that was asked for. What the
    champion then loses is the new level. What is slow, or was there from the first row on, no drift
    tells: so one is tried after the `longest` time without.
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
    compare: Comparison = Field(Comparison(rows=50), description="How they are compared")
    replay: float = Field(
        0.2, ge=0, lt=1, description="Most of the fitted rows that older rows of rare classes are"
    )

    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        return _OnDrift(learner, past, losses, policy=self)


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


@dataclass(slots=True)
class _InCharge(Running):
    """One model is in charge, that of the last fit that was taken."""

    model: Any = None
    fitted_at: float = float("-inf")
    oldest: float = float("nan")
    """Time of the oldest row that the model in charge has learned from."""

    def predict(self, rows: Indices) -> Values:
        return self.learner.predict(self.model, rows)

    def begin(self, now: float, known: int) -> None:
        """The first model, of all that is known."""
        rows = np.arange(known)
        self.model = self.learner.fit(rows)
        self.took(now, rows, float(self.past.time[0]), "first")

    def took(self, now: float, rows: Indices, oldest: float, reason: str) -> None:
        self.refits.append(Refit(now, len(rows), reason, True, self.oldest))
        self.fitted_at, self.oldest = now, oldest


@dataclass(slots=True, kw_only=True)
class _Scheduled(_InCharge):
    every: float
    window: float
    replay: float = 0.0

    def look(self, now: float, known: int) -> None:
        if self.model is None:
            self.begin(now, known)
            return
        if now - self.fitted_at < self.every:
            return
        rows = self.past.newest(known, now - self.window, self.replay)
        model = self.fitted(rows)
        if model is None:
            return  # too few of them, or all of one class: the old model is better than none
        self.model = model
        oldest = max(now - self.window, float(self.past.time[0]))
        self.took(now, rows, oldest, "time")


@dataclass(slots=True, kw_only=True)
class _Together(_InCharge):
    policy: Ensemble
    members: list[Any] = field(default_factory=list)
    told: list[Values] = field(default_factory=list)
    """Losses [n] of each member on the rows after its fit."""

    def look(self, now: float, known: int) -> None:
        if self.model is None:
            self.begin(now, known)
            self._join(self.model)
            return
        if now - self.fitted_at < self.policy.every:
            return
        rows = self.past.newest(known, now - self.policy.window, self.policy.replay)
        model = self.fitted(rows)
        if model is None:
            return
        self._join(model)
        if len(self.members) > self.policy.members:
            del self.members[1], self.told[1]
        self.took(now, rows, max(now - self.policy.window, float(self.past.time[0])), "time")

    def _join(self, model: Any) -> None:
        self.members.append(model)
        self.told.append(np.full(len(self.past.time), np.nan))

    def predict(self, rows: Indices) -> Values:
        weights = self._weights(rows)
        single = [self.learner.predict(member, rows) for member in self.members]
        for told, losses in zip(single, self.told, strict=True):
            losses[rows] = self.learner.loss(told, rows)  # looked at when the truth is known
        mixed: Values = np.tensordot(weights, np.stack(single), axes=1)
        return mixed

    def _weights(self, rows: Indices) -> Values:
        now = float(self.past.time[rows[0]])
        known = self.past.known(now)
        begin = int(np.searchsorted(self.past.time, now - self.policy.recent))
        worth = np.full(len(self.members), np.nan)
        for i, losses in enumerate(self.told):
            recent = losses[begin:known]
            recent = recent[np.isfinite(recent)]
            if len(recent):
                worth[i] = max(float(recent.mean()), 1e-12) ** -2
        if not np.isfinite(worth).any():
            return np.full(len(worth), 1 / len(worth))
        worth = np.where(np.isfinite(worth), worth, np.nanmean(worth))
        shares: Values = worth / worth.sum()
        return shares


@dataclass(slots=True, kw_only=True)
class _OnDrift(_InCharge):
    policy: Triggered
    watch: DriftWatch | None = None
    seen: int = 0
    """Rows whose losses were looked at."""
    level: list[float] = field(default_factory=list)
    """Held-out losses of the champion, until they suffice for a level."""
    own: int = 0
    """First row that the champion has not learned from."""
    tried: int = 0
    tried_at: float = float("-inf")

    def look(self, now: float, known: int) -> None:
        if self.model is None:
            self.begin(now, known)
            self.seen = self.own = known
            self.tried_at = now
            return
        fresh = self.losses[self.seen : known]
        self.seen = max(self.seen, known)
        self._watch(fresh[np.isfinite(fresh)])
        drifted = self.watch is not None and self.watch.drifted
        if now - self.tried_at >= (self.policy.every if drifted else self.policy.longest):
            self.tried_at = now
            self._try(now, known, "drift" if drifted else "time")

    def _watch(self, fresh: Values) -> None:
        if self.watch is not None:
            self.watch.update(fresh)
            return
        self.level += fresh.tolist()
        if len(self.level) >= self.policy.reference:
            try:
                model = DRIFTS.build(self.policy.drift).fit(np.array(self.level))
            except DataError:
                return  # losses that never moved: more of them are needed
            self.watch, self.level = model.start(), []

    def _try(self, now: float, known: int, reason: str) -> None:
        policy = self.policy
        newest = self.past.newest(known, now - policy.window)
        count = max(round(len(newest) * policy.held_out), policy.compare.rows)
        held = newest[max(len(newest) - count, 0) :]
        held = held[held >= self.own]
        if len(held) < policy.compare.rows:
            return
        champion = self._losses(self.model, held)
        found = []
        for window in (policy.window, policy.window / 4):
            # Of what was known when the first held-out row came: no later truth tells of it.
            before = self.past.known(float(self.past.time[held[0]]))
            rows = self.past.newest(before, now - window, policy.replay)
            model = self.fitted(rows) if len(rows) else None
            if model is not None:
                since = max(now - window, float(self.past.time[0]))
                found.append((self._losses(model, held), model, rows, since))
        if not found:
            return
        found.sort(key=lambda one: float(one[0].mean()))
        rare = None if self.past.rare is None else self.past.rare[held]
        share = 1 - (1 - policy.compare.confidence) / policy.tries / len(found)
        judge = policy.compare.model_copy(update={"confidence": share})
        better = judge.judge(champion, found[0][0], rare).verdict == "better"
        for _, _, rows, _ in found[1 if better else 0 :]:
            self.refits.append(Refit(now, len(rows), reason, False, self.oldest))
        if better:
            _, self.model, rows, since = found[0]
            self.took(now, rows, since, reason)
            self.own, self.tried = int(held[0]), 0
            return
        self.tried += reason == "drift"
        if self.tried >= policy.tries:
            self.watch, self.tried, self.level = None, 0, []
            self._watch(champion)

    def _losses(self, model: Any, rows: Indices) -> Values:
        return self.learner.loss(self.learner.predict(model, rows), rows)
