"""A task in the live twin: it learns from history, tells what it estimates, and is renewed.

    waiting ─▶ fitting ─▶ champion ────────────────────────────────▶ told as signals
                             ▲ │ schedule, drift, a unit that failed, a person
                      better │ ▼
                           candidate in shadow: asked beside the champion on the same rows

A candidate that is better is proposed, and becomes champion once that is decided; the champion
before is asked beside the new one for a while, and takes its place again if it was better after
all. What is told goes into the mirror and into history like any other signal, so that trends,
rules and alarms can use it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from gemel.core.errors import GemelError
from gemel.core.event import Event
from gemel.core.frame import Frame, Values
from gemel.core.plant import PlantSignal
from gemel.core.time import SECOND, Clock
from gemel.parts.historians.base import Store
from gemel.twin.learning.live.fitting import Fit, Stopped, fit
from gemel.twin.learning.live.forms import Follow, Form
from gemel.twin.learning.live.registry import ModelStep, Registry, Step, step_event
from gemel.twin.learning.live.request import Request
from gemel.twin.learning.live.rows import LiveRows, Rows, Source, Units
from gemel.twin.learning.live.settings import LONGEST_UNIT
from gemel.twin.learning.live.shadow import Duel, sentence
from gemel.twin.learning.live.watching import Errors
from gemel.twin.learning.renewal.paired import Judgement

__all__ = ["Learner"]

log = logging.getLogger("gemel.learning")

_RETRY: Final = 5 * SECOND
_MOST: Final = 200_000
"""Rows of one unit that are kept in memory; the oldest give way."""
_SHOWN: Final = 8
_EXPLAIN: Final = 15 * SECOND
_GROWN: Final = 4
_LONGEST: Final = 4
"""So many times the shadow's time is a candidate asked at most."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the models said of rows, from the executor; by role, as the roles were then."""

    models: dict[str, str]
    told: dict[str, Values]
    losses: dict[str, Values]
    reasons: dict[str, Any] | None
    rows: Rows
    fresh: int


class Learner:
    """A Watcher of the pipeline. Fits in `fitter`, asks models in `asker`, and only looks at their
    results in the compute thread.

    tell     takes what is estimated, as a Frame
    request  takes what is to be decided about models
    """

    def __init__(
        self,
        form: Form,
        signals: Sequence[PlantSignal],
        numbers: Mapping[str, int],
        store: Store,
        registry: Registry,
        *,
        fitter: Executor,
        asker: Executor,
        clock: Clock,
        complete: Callable[[], bool],
        tell: Callable[[Frame], None],
        request: Callable[[Request], None],
    ) -> None:
        self.name = form.name
        self.form = form
        self.registry = registry
        self.champion = self.candidate = self.former = ""
        self.reason = "waits for history"
        self.last: dict[str, Any] | None = None
        """What was told last: time, value, low, high, and why."""
        self._source = Source.of(form.use, form.needed, signals, numbers)
        self.outputs = form.outputs([s for s in signals if s.told_by != form.name])
        self._outputs = [numbers[planned.path] for planned in self.outputs]
        self._store = store
        self._fitter, self._asker = fitter, asker
        self._clock, self._complete = clock, complete
        self._tell, self._request = tell, request
        self._rows = LiveRows(self._source, store)
        self.signals: frozenset[int] | None = self._rows.signals
        self._fresh: list[Rows] = []
        self._kept = Rows.empty(self._source.names)
        """Rows of the present unit, where a model looks at all of them."""
        self._past: Future[tuple[Rows, Units]] | None = None
        self._begun = False
        self._fitting: Future[Fit | None] | None = None
        self._asking: Future[_Said] | None = None
        self._stop = False
        self._wanted = "the first"
        self._regime = 0
        """Rows before this are not fitted on: things were otherwise."""
        self._trial_regime = 0
        """The same for the candidate: it holds once that is champion."""
        self._begins, self._span = 0, 0
        """Since when, and how much, the champion was fitted on, ns."""
        self._next_fit = self._next_ask = 0
        self._fitted_at = 0
        self._candidate_since = self._former_since = 0
        self._duels: dict[str, Duel] = {}
        self._follow: dict[str, tuple[int, Follow]] = {}
        """By model: the unit that it follows. Used in `asker` alone, like the next."""
        self._explained_at = 0
        self._errors = Errors()
        self._asked: str = ""
        """The candidate that was proposed already."""
        self._sequence = 0
        self.basis = self._digest()
        self._take_up()

    # What doors ask

    def report(self) -> dict[str, Any]:
        """For the pages Health and Models."""
        return {
            "name": self.name,
            "title": self.form.use.title or self.name.replace("_", " "),
            "task": self.form.task.task,
            "asset": self.form.use.asset,
            "state": self.state,
            "reason": self.reason,
            "signals": list(self._source.paths),
            "outputs": [planned.path for planned in self.outputs],
            "unit": self.outputs[0].signal.unit,
            "champion": self._about(self.champion),
            "candidate": self._about(self.candidate),
            "former": self._about(self.former),
            "shadow": self._duel("candidate"),
            "watched": self._duel("former"),
            "drift": self._errors.report(),
            "last": self.last,
            "renewal": self.form.use.renewal.model_dump(mode="json"),
        }

    @property
    def state(self) -> str:
        """In a word."""
        if self._fitting is not None:
            return "fitting"
        if not self.champion:
            return "waiting"
        return "shadow" if self.candidate else "telling"

    # Watcher

    def feed(self, frame: Frame) -> Iterable[Event]:
        """Keep the rows that samples close."""
        rows = self._rows.push(frame)
        if len(rows) or rows.failed:
            self._fresh.append(rows)
        return ()

    def tick(self, now: int) -> Iterable[Event]:
        """Look at what was done elsewhere, and give out what is to be done."""
        if not self._begun:
            self._begin(now)
            return ()
        events = [*self._collect_fit(now), *self._collect_asked(now)]
        self._look(now)
        self._start_fit(now)
        self._start_asking(now)
        return events

    def end(self) -> list[Event]:
        """It tells no more."""
        self._stop = True
        return []

    # Decided above; in the compute thread

    def promote(
        self, model: str, actor: str, reason: str, now: int, *, returned: bool = False
    ) -> list[Event]:
        """Another champion. The one before is asked beside it for a while, unless it is the one
        that `returned` and the other has been found worse."""
        self.registry.get(model)
        if model == self.champion:
            return []
        trial = self.candidate
        former = self.champion
        self.former, self._former_since = ("" if returned else former), now
        if self.candidate == model or returned:
            self.candidate = ""
        self._duels = {} if not self.former else {"former": Duel()}
        if self.candidate:
            self._duels["candidate"] = Duel()
            self._candidate_since = now
        self._champion_is(model)
        self._regime = max(self._regime, self._trial_regime) if model == trial else 0
        self._trial_regime = 0
        self._keep()
        step: Step = "returned" if returned else "champion"
        return [self._event(step, model, reason, actor, now, former=former)]

    def drop(self, model: str, actor: str, reason: str, now: int) -> list[Event]:
        """The candidate is not wanted."""
        if model != self.candidate:
            return []
        self.candidate, self._trial_regime = "", 0
        self._duels.pop("candidate", None)
        self._keep()
        return [self._event("dropped", model, reason, actor, now)]

    def want(self, reason: str) -> None:
        """Fit again, as soon as it goes."""
        self._wanted, self._next_fit = reason, 0

    def stop_fitting(self) -> None:
        """Give up the fit that runs; the rows are still there for another."""
        self._stop = self._fitting is not None

    # Rows

    def _begin(self, now: int) -> None:
        if self._past is None:
            if self._complete():
                back = LONGEST_UNIT if self.form.whole else 600 * SECOND
                back = min(back, max(self.form.use.window, 600 * SECOND))
                self._past = self._asker.submit(self._rows.past, now - back, now)
            else:
                self.reason = "waits until history is refilled"
        elif self._past.done():
            past, units = self._past.result()
            fresh = self._rows.begin(past, units)
            if self.form.whole and len(past):
                self._kept = past.take(past.unit == past.unit[-1])
            self._fresh = [fresh]
            self._begun = True

    def _take_fresh(self) -> Rows:
        rows = Rows.empty(self._source.names)
        for some in self._fresh:
            rows = rows.then(some)
        self._fresh.clear()
        return rows

    # Fitting

    def _look(self, now: int) -> None:
        """Whether it is time to fit again."""
        renewal = self.form.use.renewal
        if self._wanted or not self.champion:
            return
        if renewal.every is not None and now - self._fitted_at >= renewal.every:
            self._wanted = "on schedule"
        since = self._errors.since
        if renewal.on_drift and since is not None and not self.candidate:
            # What was before the change would teach the old behaviour: wait for enough after it.
            if now - since >= self.form.use.least:
                self._wanted, self._trial_regime = "its errors have changed", since
        elif not self.candidate and self._grown(now):
            self._wanted = "there is four times as much to learn from"

    def _grown(self, now: int) -> bool:
        """Whether much more is known than when a short history had to do."""
        more = min(now - max(self._regime, self._begins), self.form.use.window)
        return self._span > 0 and more >= _GROWN * self._span

    def _start_fit(self, now: int) -> None:
        if self._fitting is not None or not self._wanted or now < self._next_fit:
            return
        self._next_fit = now + _RETRY
        if not self._complete():
            self.reason = "waits until history is refilled"
            return
        start = max(now - self.form.use.window, self._regime, self._trial_regime)
        self._stop = False
        self._fitting = self._fitter.submit(self._fit, start, now)

    def _fit(self, start: int, end: int) -> Fit | None:
        def progress(sentence: str) -> None:
            self.reason = sentence
            if self._stop:
                raise Stopped("stopped")

        rows, _ = self._rows.past(start, end)
        return fit(self.form, rows, self.registry, progress)

    def _collect_fit(self, now: int) -> list[Event]:
        if self._fitting is None or not self._fitting.done():
            return []
        fitting, self._fitting = self._fitting, None
        try:
            found = fitting.result()
        except Stopped:
            self._wanted, self.reason = "", "the fit was stopped"
            return []
        except GemelError as error:
            self.reason, self._next_fit = str(error), now + 12 * _RETRY
            return []
        if found is None:
            return []  # too little yet: the reason says how much there is
        why, self._wanted = self._wanted, ""
        self._fitted_at, self.reason = now, ""
        events = [self._event("fitted", found.model, f"fitted {why}", "gemel", now, fit=found)]
        if not self.champion:
            self._champion_is(found.model)
            reason = "the first; there is none to compare it with"
            events.append(self._event("champion", found.model, reason, "gemel", now, fit=found))
        elif found.model not in (self.champion, self.candidate):
            self.candidate, self._candidate_since = found.model, now
            self._duels["candidate"] = Duel()
            reason = f"fitted {why}; asked beside the champion"
            events.append(self._event("shadow", found.model, reason, "gemel", now, fit=found))
        self._keep()
        return events

    # Asking

    def _start_asking(self, now: int) -> None:
        if self._asking is not None or now < self._next_ask or not self._fresh:
            return
        fresh = self._take_fresh()
        rows = self._kept.then(fresh) if self.form.whole else fresh
        if self.form.whole and len(rows):
            failed = rows.failed
            self._kept = rows.take(rows.unit == rows.unit[-1]).take(slice(-_MOST, None))
            if failed and rows.unit[-1] in failed:
                self._kept = Rows.empty(self._source.names)
            if failed and self.champion and not self._wanted:
                self._wanted = "after a unit has failed"
        self._next_ask = now + self.form.use.every
        if self.champion and len(fresh):
            models = {"champion": self.champion}
            models |= {role: m for role in ("candidate", "former") if (m := getattr(self, role))}
            self._asking = self._asker.submit(self._ask, models, rows, len(fresh))

    def _ask(self, models: dict[str, str], rows: Rows, fresh: int) -> _Said:
        """In the executor."""
        told, losses = {}, {}
        self._follow = {m: f for m, f in self._follow.items() if m in models.values()}
        ended = rows.take(np.isin(rows.unit, list(rows.failed)))
        for role, model in models.items():
            told[role] = self._told(model, rows, fresh)
            if self.form.whole:
                said = self.form.told(self.registry.get(model), ended) if len(ended) else None
                losses[role] = np.zeros(0) if said is None else self.form.losses(ended, said)
            else:
                losses[role] = self.form.losses(rows, told[role])
        reasons = self._explained(models["champion"], rows)
        return _Said(models, told, losses, reasons, rows, fresh)

    def _told(self, model: str, rows: Rows, fresh: int) -> Values:
        """Of the last `fresh` rows; in the executor."""
        fitted = self.registry.get(model)
        if not self.form.whole:
            return self.form.told(fitted, rows)
        found = []
        new = rows.take(slice(-fresh, None))
        for unit in np.unique(new.unit).tolist():
            known = self._follow.get(model)
            if known is None or known[0] != unit:
                known = self._follow[model] = (unit, self.form.follow(fitted))
                before = rows.take(slice(0, -fresh))
                if len(before := before.take(before.unit == unit)):
                    known[1](before)
            found.append(known[1](new.take(new.unit == unit)))
        return np.concatenate(found)

    def _explained(self, model: str, rows: Rows) -> dict[str, Any] | None:
        """Why the last row is told so; in the executor. Not each time where all rows of a unit are
        looked at for it."""
        newest = int(rows.time[-1])
        if self.form.whole and newest - self._explained_at < _EXPLAIN:
            return None
        self._explained_at = newest
        explained = self.form.task.explain(
            self.registry.get(model), self.form.table(rows), len(rows) - 1
        )
        return {
            "answer": explained.answer,
            "mean": explained.mean,
            "shares": [
                {"name": name, "share": share, "value": value}
                for name, share, value in explained.shares[:_SHOWN]
            ],
        }

    def _collect_asked(self, now: int) -> list[Event]:
        if self._asking is None or not self._asking.done():
            return []
        asking, self._asking = self._asking, None
        try:
            said = asking.result()
        except GemelError as error:
            self.reason = f"cannot be asked: {error}"
            return []
        if said.models["champion"] != self.champion:
            return []  # another one became champion meanwhile, and is asked about the next rows
        self._publish(said)
        return self._judge(said, now)

    def _publish(self, said: _Said) -> None:
        told = said.told["champion"]
        time = said.rows.time[-said.fresh :]
        known = np.isfinite(told).all(axis=1)
        if not known.any():
            return
        told, time = told[known], time[known]
        value, low, high = told[-1].tolist()
        self.last = {
            "time": int(time[-1]), "value": value, "low": low, "high": high,
            "why": said.reasons or (self.last or {}).get("why"),
        }  # fmt: skip
        signal = np.tile(np.array(self._outputs, np.int32), len(time))
        self._tell(
            Frame.of(
                signal, np.repeat(time, 3), told.ravel(), received=self._clock(),
                source=f"task {self.name}",
            )
        )  # fmt: skip

    # Judging

    def _judge(self, said: _Said, now: int) -> list[Event]:
        losses = said.losses
        mine = losses["champion"]
        known = np.isfinite(mine)
        if not known.any():
            return []
        if len(mine) == len(said.rows):
            self._errors.add(said.rows.time[known], mine[known])
        renewal = self.form.use.renewal
        for role, duel in self._duels.items():
            if said.models.get(role) == getattr(self, role):
                duel.add(mine, losses[role])
        events: list[Event] = []
        shadow, before = self._duels.get("candidate"), self._duels.get("former")
        if shadow is not None and now - self._candidate_since >= renewal.shadow:
            events += self._decide_candidate(shadow.judgement(), now)
        if before is not None:
            if (found := before.judgement()).verdict == "better":
                self._ask_above("return", self.former, "the model before is better", found)
            elif now - self._former_since >= renewal.watch:
                self.former = ""
                del self._duels["former"]
                self._keep()
        return events

    def _decide_candidate(self, found: Judgement, now: int) -> list[Event]:
        if found.verdict == "better":
            self._ask_above("promote", self.candidate, "it is better than the champion", found)
            return []
        # It had its time, and enough rows to be told apart if there were much of a difference.
        late = now - self._candidate_since >= _LONGEST * self.form.use.renewal.shadow
        if found.verdict == "worse" or (late and np.isfinite(found.low)):
            self._champion_is(self.champion)
            return self.drop(self.candidate, "gemel", sentence(found), now)
        return []

    def _ask_above(
        self, kind: Literal["promote", "return"], model: str, reason: str, found: Judgement
    ) -> None:
        if self._asked == f"{kind} {model}":
            return
        self._asked = f"{kind} {model}"
        alone = kind == "return" or self.form.use.renewal.promote == "alone"
        title = self.form.use.title or self.name.replace("_", " ")
        self._request(
            Request(
                self.name, self.form.use.asset, title, kind, model, self.champion,
                f"{reason}: {found.reason}", found.evidence(), alone,
            )
        )  # fmt: skip

    def _champion_is(self, model: str) -> None:
        self.champion = model
        evidence = self.registry.get(model).evidence
        self._errors = Errors(evidence.get("errors"))
        self._begins, ends = evidence.get("window", (0, 0))
        self._span = ends - self._begins

    def _duel(self, role: str) -> dict[str, Any] | None:
        duel = self._duels.get(role)
        if duel is None:
            return None
        since = self._candidate_since if role == "candidate" else self._former_since
        return {"since": since, **duel.report()}

    # State

    def _about(self, model: str) -> dict[str, Any] | None:
        if not model:
            return None
        try:
            fitted = self.registry.get(model)
        except GemelError as error:
            return {"model": model, "problem": str(error)}
        return {"model": model, "evidence": fitted.evidence, "protocol": fitted.protocol}

    def _event(
        self, step: Step, model: str, reason: str, actor: str, now: int, *,
        former: str = "", fit: Fit | None = None,
    ) -> Event:  # fmt: skip
        self._sequence += 1
        told = ModelStep(
            task=self.name, title=self.form.use.title or self.name, model=model, step=step,
            reason=reason, actor=actor, former=former,
            evidence={} if fit is None else fit.evidence,
            window=None if fit is None else fit.window,
            data="" if fit is None else fit.data,
        )  # fmt: skip
        return step_event(self.form.use.asset, told, now, self.name, self._sequence)

    def _digest(self) -> str:
        use = self.form.use.model_dump(mode="json", exclude={"title", "every", "renewal"})
        text = json.dumps([use, self.form.task.record(), self._source.names])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def _keep(self) -> None:
        self._store.keep(
            f"task/{self.name}",
            {
                "settings": self.basis,
                "champion": self.champion,
                "candidate": self.candidate,
                "former": self.former,
                "candidate_since": self._candidate_since,
                "former_since": self._former_since,
                "fitted_at": self._fitted_at,
                "regime": [self._regime, self._trial_regime],
            },
        )

    def _take_up(self) -> None:
        kept = self._store.kept(f"task/{self.name}")
        if kept is None or kept["settings"] != self.basis:
            return
        try:
            for role in ("champion", "candidate", "former"):
                if model := kept[role]:
                    self.registry.get(model)
                    setattr(self, role, model)
        except GemelError as error:
            log.warning("task '%s' begins anew: %s", self.name, error)
            self.champion = self.candidate = self.former = ""
            return
        self._candidate_since, self._former_since = kept["candidate_since"], kept["former_since"]
        self._fitted_at = kept["fitted_at"]
        self._regime, self._trial_regime = kept["regime"]
        self._duels = {role: Duel() for role in ("candidate", "former") if getattr(self, role)}
        if self.champion:
            self._champion_is(self.champion)
            self._wanted, self.reason = "", ""
