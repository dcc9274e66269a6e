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
from typing import Any, Final

from gemel.core.errors import GemelError
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal
from gemel.core.time import SECOND, Clock
from gemel.parts.historians.base import Store
from gemel.twin.learning.live.asking import Asker, Said
from gemel.twin.learning.live.fitting import Fit, Stopped, fit
from gemel.twin.learning.live.forms import Form
from gemel.twin.learning.live.hearing import Hearing
from gemel.twin.learning.live.registry import ModelStep, Registry, Step, step_event
from gemel.twin.learning.live.request import Request
from gemel.twin.learning.live.roles import Change, Roles
from gemel.twin.learning.live.rows import LiveRows, Rows, Source, Units
from gemel.twin.learning.live.telling import Telling
from gemel.twin.learning.tasks import Fitted

__all__ = ["Learner"]

log = logging.getLogger("gemel.learning")

_RETRY: Final = 5 * SECOND
_MOST: Final = 200_000
"""Rows of one unit that are kept in memory; the oldest give way."""
_LOOKS: Final = 1_000
"""In one window of history it is looked so often at most whether there is enough to learn from."""
_UNASKED: Final = "cannot be asked: "
_GROWN: Final = 4
_BACK: Final = 600 * SECOND
"""Where rows are told by themselves, so much history says whether they count."""


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
        self.title = form.title
        self.form = form
        self.registry = registry
        self.reason = "waits for history"
        self._source = Source.of(form.use, form.needed, signals, numbers)
        self.outputs = form.outputs([s for s in signals if s.told_by != form.name])
        self._read = {
            **self._source.read(form.target, numbers),
            "tells": tuple(planned.path for planned in self.outputs),
        }
        self._store = store
        self._fitter, self._asker = fitter, asker
        self._clock, self._complete = clock, complete
        self._request = request
        told = [numbers[planned.path] for planned in self.outputs]
        self._telling = Telling(form, told, registry, store, clock, tell)
        self._rows = LiveRows(self._source, store)
        self.signals: frozenset[int] | None = self._rows.signals
        self._fresh: list[Rows] = []
        self._kept = Rows.empty(self._source.names)
        """Rows of the present unit, where a model looks at all of them."""
        self._past: Future[tuple[Rows, Units]] | None = None
        self._begun = False
        self._fitting: Future[Fit | None] | None = None
        self._asking: Future[Said] | None = None
        self._stop = False
        self._wanted = "the first"
        self._next_fit = self._next_ask = 0
        self._fitted_at = self._fit_began = 0
        self._ask = Asker(form, registry, store, clock)
        self._hearing = Hearing(form, store, asker)
        self._sequence = 0
        self.basis = self._digest()
        self.roles = self._take_up()

    # What doors ask

    def report(self) -> dict[str, Any]:
        """For the pages Health and Models."""
        return {
            "name": self.name,
            "title": self.title,
            "task": self.form.task.task,
            "asset": self.form.use.asset,
            "state": self.state,
            "reason": self.reason,
            "signals": list(self._source.paths),
            "outputs": [planned.path for planned in self.outputs],
            "continues": self.continues,
            "unit": self.outputs[0].signal.unit,
            "champion": self._about(self.roles.champion),
            "candidate": self._about(self.roles.candidate),
            "former": self._about(self.roles.former),
            "shadow": self.roles.compared("candidate"),
            "watched": self.roles.compared("former"),
            "drift": self.roles.errors.report(),
            "last": self._telling.last,
            "renewal": self.form.use.renewal.model_dump(mode="json"),
        }

    @property
    def asset(self) -> str:
        """What it tells something about."""
        return self.form.use.asset

    def unfit(self, fitted: Fitted) -> str:
        """Why a model of the registry cannot be its champion."""
        kind = fitted.task.get("task")
        return "" if kind == self.form.task.task else f"it is of a task '{kind}'"

    @property
    def continues(self) -> str | None:
        """Path of the signal whose future it tells, if it tells one."""
        return self._source.paths[0] if self.form.continues else None

    @property
    def last(self) -> dict[str, Any] | None:
        """What was told last: time, what the form says of it, and why."""
        return self._telling.last

    @property
    def finds(self) -> bool:
        """Whether it opens findings."""
        return self._telling.notices is not None

    @property
    def state(self) -> str:
        """In a word."""
        if self._fitting is not None:
            return "fitting"
        if not self.champion:
            return "waiting"
        return "shadow" if self.roles.candidate else "telling"

    @property
    def champion(self) -> str:
        """The model that tells; empty before the first."""
        return self.roles.champion

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
        if self.roles.release(now, self.form.use.renewal):
            self._keep()
        self._listen(now)
        self._look(now)
        self._start_fit(now)
        self._start_asking(now)
        return events

    def end(self) -> list[Event]:
        """It tells no more."""
        self._stop = True
        return self._telling.end()

    def take_over(self, former: Learner) -> None:
        """Go on with what one of the same name has decided, compared and been asked for, where its
        models serve here."""
        former._stop = True
        if former.basis == self.basis:
            self.roles, self._fitted_at = former.roles, former._fitted_at
            self._wanted, self.reason = former._wanted, ""

    # Decided above; in the compute thread

    def promote(
        self, model: str, actor: str, reason: str, now: int, *,
        returned: bool = False, evidence: Mapping[str, Any] | None = None,
    ) -> list[Event]:  # fmt: skip
        """Another champion. The one before is asked beside it for a while, unless it is the one
        that `returned` and the other has been found worse."""
        if model == self.champion:
            return []
        former = self.roles.crown(model, now, returned=returned)
        self._keep()
        step: Step = "returned" if returned else "champion"
        return [self._event(step, model, reason, actor, now, former=former, evidence=evidence)]

    def drop(
        self, model: str, actor: str, reason: str, now: int,
        evidence: Mapping[str, Any] | None = None,
    ) -> list[Event]:  # fmt: skip
        """The candidate is not wanted."""
        if model != self.roles.candidate:
            return []
        self.roles.drop()
        self._keep()
        return [self._event("dropped", model, reason, actor, now, evidence=evidence)]

    def want(self, reason: str, because: str = "") -> None:
        """Fit again, as soon as it goes."""
        self._wanted, self._next_fit = f"{reason}: {because}" if because else reason, 0

    def stop_fitting(self) -> None:
        """Give up the fit that runs; the rows are still there for another."""
        self._stop = self._fitting is not None

    # Rows

    def _begin(self, now: int) -> None:
        if self._past is None:
            if now < self._next_fit:
                return
            if not self._complete():
                self.reason = "waits until history is refilled"
                return
            back = max(self.form.use.window, _BACK) if self.form.whole else _BACK
            self._past = self._fitter.submit(self._rows.past, now - back, now)
        elif self._past.done():
            reading, self._past = self._past, None
            try:
                past, units = reading.result()
            except GemelError as error:
                self.reason, self._next_fit = f"history cannot be read: {error}", now + _RETRY
                return
            fresh = self._rows.begin(past, units)
            if self.form.whole and len(past):
                self._kept = past.of_last_unit()
            self._fresh = [fresh]
            self._begun = True

    def _take_fresh(self) -> Rows:
        rows = Rows.empty(self._source.names)
        for some in self._fresh:
            rows = rows.then(some)
        self._fresh.clear()
        return rows

    # Fitting

    def _listen(self, now: int) -> None:
        """Whether people have said something to learn from."""
        try:
            changed = self._hearing.tick(now)
        except GemelError as error:
            self.reason = f"history cannot be read: {error}"
            return
        if changed and not self.champion:
            self._next_fit = min(self._next_fit, now + _RETRY)
        elif changed and self._hearing.heard != self._hearing.learned_of:
            self._wanted = "since people have said more"

    def _look(self, now: int) -> None:
        """Whether it is time to fit again."""
        renewal = self.form.use.renewal
        if self._wanted or not self.champion:
            return
        if renewal.every is not None and now - self._fitted_at >= renewal.every:
            self._wanted = "on schedule"
        since = self.roles.errors.since
        if renewal.on_drift and since is not None and not self.roles.candidate:
            # What was before the change would teach the old behaviour: wait for enough after it.
            if now - since >= self.form.use.least:
                self._wanted = "its errors have changed"
                self.roles.trial = since if self.form.forgets else 0
        elif not self.roles.candidate and self._grown(now):
            self._wanted = "there is four times as much to learn from"

    def _grown(self, now: int) -> bool:
        """Whether much more is known than when a short history had to do."""
        more = min(now - max(self.roles.regime, self.roles.begins), self.form.use.window)
        return self.roles.span > 0 and more >= _GROWN * self.roles.span

    def _start_fit(self, now: int) -> None:
        if self._fitting is not None or not self._wanted or now < self._next_fit:
            return
        self._next_fit = now + _RETRY
        if not self._complete():
            self.reason = "waits until history is refilled"
            return
        start = max(now - self.form.use.window, self.roles.regime, self.roles.trial)
        self._stop, self._fit_began = False, now
        self._hearing.learned_of = self._hearing.heard
        self._fitting = self._fitter.submit(self._fit, start, now)

    def _fit(self, start: int, end: int) -> Fit | None:
        def progress(sentence: str) -> None:
            self.reason = sentence
            if self._stop:
                raise Stopped("stopped")

        champion = self.registry.get(self.champion) if self.champion else None
        rows = self.form.recall(
            lambda first, last: self._rows.past(first, last)[0], self._store, start, end, champion
        )
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
            # What is missing comes with time; of months of history a look costs more.
            wait = max(12 * _RETRY, self.form.use.window // _LOOKS)
            self.reason, self._next_fit = str(error), now + wait
            return []
        if found is None:
            return []  # too little yet: the reason says how much there is
        why, self._wanted = self._wanted, ""
        self._fitted_at, self.reason = now, ""
        events = [self._event("fitted", found.model, f"fitted {why}", "gemel", now, fit=found)]
        if not self.champion:
            self.roles.crown(found.model, now, returned=False)
            reason = "the first; there is none to compare it with"
            events.append(self._event("champion", found.model, reason, "gemel", now, fit=found))
        elif found.model not in (self.champion, self.roles.candidate):
            if overtaken := self.roles.shadow(found.model, now):
                reason = "a newer one takes its place in shadow"
                events.append(self._event("dropped", overtaken, reason, "gemel", now))
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
            self._kept = rows.of_last_unit().take(slice(-_MOST, None))
            if fresh.failed:
                self._failed(now)
        self._next_ask = now + self.form.use.every
        if self.champion and len(fresh):
            models = self.roles.models()
            self._asking = self._asker.submit(self._ask, models, rows, len(fresh))

    def _failed(self, now: int) -> None:
        """There is more to learn from. A candidate that is compared on failures keeps its place:
        else none would ever see enough of them."""
        if not self.champion:
            self._next_fit = min(self._next_fit, now + _RETRY)
        elif not self._wanted and not (self.form.events and self.roles.candidate):
            self._wanted = "after a unit has failed"

    def _collect_asked(self, now: int) -> list[Event]:
        if self._asking is None or not self._asking.done():
            return []
        asking, self._asking = self._asking, None
        try:
            said = asking.result()
        except GemelError as error:
            self.reason = f"{_UNASKED}{error}"
            return []
        if self.reason.startswith(_UNASKED):
            self.reason = ""
        if said.models["champion"] != self.champion:
            return []  # another one became champion meanwhile, and is asked about the next rows
        noticed = self._telling(said)
        changes = self.roles.judge(said, now, self.form.use.renewal)
        return [*noticed, *(event for change in changes for event in self._follow(change, now))]

    def _follow(self, change: Change, now: int) -> list[Event]:
        """Do what a comparison asks for, or ask above."""
        if change.kind == "drop":
            return self.drop(change.model, "gemel", change.reason, now, change.found.evidence())
        alone = change.kind == "return" or self.form.use.renewal.promote == "alone"
        self._request(
            Request(
                self.name, self.form.use.asset, self.title, change.kind, change.model,
                self.champion, change.reason, change.found.evidence(), alone,
            )
        )  # fmt: skip
        return []

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
        former: str = "", fit: Fit | None = None, evidence: Mapping[str, Any] | None = None,
    ) -> Event:  # fmt: skip
        self._sequence += 1
        if fit is not None:
            evidence = fit.evidence
        told = ModelStep(
            task=self.name, title=self.title, model=model, step=step,
            reason=reason, actor=actor, former=former,
            evidence=dict(evidence or {}),
            window=None if fit is None else fit.window,
            data="" if fit is None else fit.data,
            **({"began": self._fit_began, **self._read} if step == "fitted" else {}),
        )  # fmt: skip
        return step_event(self.form.use.asset, told, now, self.name, self._sequence)

    def _digest(self) -> str:
        use = self.form.use.model_dump(mode="json", exclude=set(self.form.idle))
        text = json.dumps([use, self.form.task.record(), self._source.names])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def _keep(self) -> None:
        state = {"settings": self.basis, "fitted_at": self._fitted_at, **self.roles.state()}
        state["learned of"] = self._hearing.learned_of
        self._store.keep(f"task/{self.name}", state)

    def _take_up(self) -> Roles:
        kept = self._store.kept(f"task/{self.name}")
        if kept is None or kept["settings"] != self.basis:
            return Roles(self.registry, None, self.form.events, self.form.gains)
        try:
            roles = Roles(self.registry, kept, self.form.events, self.form.gains)
        except GemelError as error:
            log.warning("task '%s' begins anew: %s", self.name, error)
            return Roles(self.registry, None, self.form.events, self.form.gains)
        self._fitted_at = kept["fitted_at"]
        self._hearing.learned_of = kept.get("learned of", "")
        if roles.champion:
            self._wanted, self.reason = "", ""
        return roles
