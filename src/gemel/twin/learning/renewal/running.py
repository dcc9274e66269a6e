"""Renewal policies at work: what their settings (`policies`) start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.twin.learning.renewal.drift import DRIFTS, DriftWatch
from gemel.twin.learning.renewal.prequential import Indices, Refit, Running

if TYPE_CHECKING:
    from gemel.twin.learning.renewal.policies import Ensemble, Triggered

__all__ = ["OnDrift", "Scheduled", "Together"]


@dataclass(slots=True)
class InCharge(Running):
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
class Scheduled(InCharge):
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
class Together(InCharge):
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
class OnDrift(InCharge):
    policy: Triggered
    watch: DriftWatch | None = None
    seen: int = 0
    """Rows whose losses were looked at."""
    level: list[float] = field(default_factory=list)
    """Held-out losses of the champion, until they suffice for a level."""
    own: int = 0
    """First row that came when all the champion has learned from was known."""
    former: list[tuple[Any, float]] = field(default_factory=list)
    """Champions before, the first one and the last two, each with the time of its oldest row."""
    tried: int = 0
    tried_at: float = float("-inf")

    def look(self, now: float, known: int) -> None:
        if self.model is None:
            self.begin(now, known)
            self.seen, self.own = known, int(np.searchsorted(self.past.time, now))
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
        newest = self.past.newest(known, now - self.policy.window)
        newest = newest[newest >= self.own]
        if self._return(now, newest) or self._renew(now, known, newest, reason):
            self.tried = 0
            return
        self.tried += reason == "drift"
        if self.tried >= self.policy.tries:
            self.watch, self.tried, self.level = None, 0, []
            self._watch(self._losses(self.model, newest))

    def _return(self, now: float, rows: Indices) -> bool:
        """To a former champion, if it is better on what came since the last one took over."""
        if len(rows) < self.policy.compare.rows:
            return False
        for model, oldest in reversed(self.former):
            if self._better(rows, self._losses(model, rows), len(self.former)):
                self.model, self.former = model, [f for f in self.former if f[0] is not model]
                self.took(now, rows[:0], oldest, "return")
                self.own = int(np.searchsorted(self.past.time, now))
                return True
        return False

    def _renew(self, now: float, known: int, newest: Indices, reason: str) -> bool:
        policy, time = self.policy, self.past.time
        window = self.past.newest(known, now - policy.window)
        count = max(round(len(window) * policy.held_out), policy.compare.rows)
        held = newest[max(len(newest) - count, 0) :]
        if len(held) < policy.compare.rows:
            return False
        found = []
        # Of what was known when the first held-out row came: no later truth tells of it.
        begin = float(time[held[0]])
        for since in (now - policy.window, begin - policy.window / 4):
            rows = self.past.newest(self.past.known(begin), since, policy.replay)
            model = self.fitted(rows) if len(rows) else None
            if model is not None:
                oldest = max(since, float(time[0]))
                found.append((self._losses(model, held), model, rows, oldest))
        if not found:
            return False
        found.sort(key=lambda one: float(one[0].mean()))
        losses, model, rows, oldest = found[0]
        better = self._better(held, losses, len(found))
        for _, _, others, _ in found[1 if better else 0 :]:
            self.refits.append(Refit(now, len(others), reason, False, self.oldest))
        if better:
            self.former = [*self.former[:1], *self.former[1:][-1:], (self.model, self.oldest)]
            self.model = model
            self.took(now, rows, oldest, reason)
            self.own = int(held[0])
        return better

    def _better(self, rows: Indices, losses: Values, candidates: int) -> bool:
        """Than the champion on these rows, at a confidence that counts all that is tried."""
        policy = self.policy
        rare = None if self.past.rare is None else self.past.rare[rows]
        share = 1 - (1 - policy.compare.confidence) / policy.tries / candidates
        events = 0 if rare is None else policy.compare.events
        judge = policy.compare.model_copy(update={"confidence": share, "events": events})
        return judge.judge(self._losses(self.model, rows), losses, rare).verdict == "better"

    def _losses(self, model: Any, rows: Indices) -> Values:
        return self.learner.loss(self.learner.predict(model, rows), rows)
