"""A detector in the live twin: it learns from history, scores what is mirrored, and reports.

The life of a watch: *learning* until history holds enough normal operation, then *watching*. The
model is kept with its evidence and taken up again after a restart, as long as the settings are the
same. A finding opens when the score stays above its limit for `hold`, and closes likewise; it says
since when, which signals contribute, on which data the model stands.

How it is renewed: `twin.learning.detecting`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError, GemelError, Refused
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal
from gemel.core.time import SECOND, Clock
from gemel.parts.detectors.base import Detector, Model, Score, Scorer, Window
from gemel.parts.historians.base import Store
from gemel.twin.learning.chosen import chosen_signals
from gemel.twin.learning.detecting.noticing import Noticing
from gemel.twin.learning.detecting.renewing import Desk, Renewing
from gemel.twin.learning.detecting.steps import Steps
from gemel.twin.learning.detecting.troubles import Troubles
from gemel.twin.learning.diagnosis import Diagnoses, scene_of
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.windows import Normal, NormalRows, recorded

if TYPE_CHECKING:
    from gemel.twin.learning.detecting.candidate import Made
    from gemel.twin.learning.live.registry import Registry, Step
    from gemel.twin.learning.tasks.base import Fitted

__all__ = ["DetectorWatch"]

log = logging.getLogger("gemel.learning")

RETRY: Final = 2 * SECOND
_ENOUGH: Final = 0.7
"""Of the wanted rows; stops and gaps may take the rest."""
_HIGHEST: Final = 1e9
"""Times its limit; a higher score is not told apart."""


class DetectorWatch:
    """A Watcher of the pipeline; fits in `executor`, scores in the compute thread."""

    def __init__(
        self,
        name: str,
        settings: WatchSettings,
        detector: Detector,
        signals: Sequence[PlantSignal],
        numbers: dict[str, int],
        store: Store,
        executor: Executor,
        clock: Clock,
        complete: Callable[[], bool] = lambda: True,
        *,
        replayed: bool = False,
        before: Sequence[Sequence[str]] = (),
        score: str | None = None,
        tell: Callable[[Frame], None] | None = None,
        desk: Desk | None = None,
    ) -> None:
        """`complete` says whether history is: nothing is learned while a gap is being refilled.

        `before` are the assets upstream, the farthest first: where the cause of a finding may be.
        `score` is the path of a signal by which the score over its limit is told, to `tell`.
        Without `desk` its models are in no registry, and are not renewed.

        With `replayed`, samples go by faster than a model can be fitted beside them, and their
        times are long past: it learns from the first `learn` of normal rows that pass, and what
        follows waits for it. What is found then depends on the recording only.
        """
        self.name = name
        self.settings = settings
        self.state: Literal["learning", "watching", "failed"] = "learning"
        self.reason = "waits for history"
        self.model: Model | None = None
        self.model_id = ""
        self.last: tuple[int, float, float] | None = None
        """(time, score, limit) of the last row."""
        self._score, self._tell = score, tell
        self._score_number = None if score is None else numbers[score]
        self._detector = detector
        self._store = store
        self._executor = executor
        self._clock = clock
        self._complete = complete
        self._normal = Normal.of(
            chosen_signals(settings, signals), numbers, settings.step, settings.lateness,
            settings.normal, signals, settings.asset,
        )  # fmt: skip
        self._diagnoses = None
        if not replayed:  # what history holds of a recording is not there yet when it goes by
            scene = scene_of(settings, self._normal, signals, numbers, before)
            self._diagnoses = Diagnoses(name, scene, store, executor)
        self._digest = hashlib.blake2b(
            json.dumps(
                [settings.looks, detector.model_dump(mode="json"), self._normal.names]
            ).encode(), digest_size=8,
        ).hexdigest()  # fmt: skip
        """Of what a model of this watch rests on; equal where a model of one serves the other."""
        self._rows = NormalRows(self._normal, store)
        self._troubles = Troubles.of(name, settings, signals, numbers, store, clock)
        looks_at = self._troubles.signals if self._troubles is not None else frozenset[int]()
        self.signals = frozenset(self._rows.aligner.numbers) | looks_at
        self._scorer: Scorer | None = None
        self._noticing: Noticing | None = None
        self._fitting: Future[_Fitted | None] | None = None
        self._next_try = 0
        self._passed: list[Window] | None = [] if replayed else None
        told = store.events("finding", settings.asset, start=clock(), limit=1_000)
        self._left = next((e for e in told if e.source == name and e.lasts), None)
        """A finding that was open when the twin stopped."""
        self._desk, self._began = desk, 0
        self._steps = Steps(name, settings, self._normal, numbers, score)
        self._renewing: Renewing | None = None
        kept = store.kept(f"model/{name}")
        if kept is not None and kept["settings"] != self._digest:
            kept = None
        if desk is not None:
            self._renewing = Renewing(
                self, settings, detector, self._normal, store, desk, executor, clock, complete,
                None if kept is None else kept.get("renewal"), self._steps,
            )  # fmt: skip
        if kept is not None:
            self._set(self._detector.load(kept["model"]), kept.get("name") or _hash(kept["model"]))

    # What doors ask

    @property
    def title(self) -> str:
        """Name for people."""
        return self.settings.title or self.name

    @property
    def asset(self) -> str:
        """What its findings are about."""
        return self.settings.asset

    @property
    def champion(self) -> str:
        """The model that speaks; empty before the first."""
        return self.model_id

    @property
    def registry(self) -> Registry:
        """Where its models are. Raises `Refused` where it is not renewed."""
        if self._desk is None:
            raise Refused(f"detector '{self.name}' learns from what is replayed; it is not renewed")
        return self._desk.registry()

    def report(self) -> dict[str, Any]:
        """For the page Health."""
        return {
            "name": self.name,
            "title": self.title,
            "asset": self.settings.asset,
            "state": self.state,
            "reason": self.reason,
            "signals": list(self._normal.names),
            "model": self.model_id,
            "evidence": None if self.model is None else self.model.evidence(),
            "last": None if self.last is None else list(self.last),
            "open": self._noticing is not None and self._noticing.open,
            "score": self._score,
            "renewal": self.settings.renewal.model_dump(mode="json"),
            "event": self.settings.event,
            **({} if self._renewing is None else self._renewing.report()),
        }

    # Watcher

    def feed(self, frame: Frame) -> Iterable[Event]:
        """Score the rows that the samples close."""
        window = self._rows.push(frame)
        events: list[Event] = []
        if self._troubles is not None:
            events += self._troubles.feed(frame)
        if self._passed is not None and self.state == "learning":
            window, begun = self._gather(window)
            events += begun
        if self._scorer is None or self._noticing is None or not len(window):
            return events
        score = self._scorer(window)
        known = np.flatnonzero(~np.isnan(score.value))
        if len(known):
            i = known[-1]
            self.last = (int(score.time[i]), float(score.value[i]), float(score.limit[i]))
            self._say(score, known)
        found = [event for i in known for event in self._noticing.judge(score, int(i))]
        if self._diagnoses is not None:
            self._diagnoses.take(found, self._clock())
        if self._renewing is not None:
            events += self._renewing.feed(window, score)
        return events + found

    def _say(self, score: Score, rows: npt.NDArray[np.int64]) -> None:
        """Tell the score of these rows as a signal."""
        if self._tell is None or self._score_number is None:
            return
        number = np.full(len(rows), self._score_number, np.int32)
        # Where nothing moved while it learned, the limit is 0.
        limit = np.maximum(score.limit[rows], np.finfo(np.float64).tiny)
        told = np.minimum(score.value[rows] / limit, _HIGHEST)
        received, source = self._clock(), f"task {self.name}"
        self._tell(Frame.of(number, score.time[rows], told, received=received, source=source))

    def tick(self, now: int) -> Iterable[Event]:
        """Try to learn, until there is a model; then say what findings are."""
        if self.state == "watching":
            said = [] if self._diagnoses is None else self._diagnoses.tick(now)
            return said if self._renewing is None else [*said, *self._renewing.tick(now)]
        if self.state != "learning" or self._passed is not None:
            return ()
        if self._fitting is None:
            if now >= self._next_try:
                self._next_try = now + RETRY
                if not self._complete():
                    self.reason = "waits until history is refilled"
                    return ()
                self._fitting = self._executor.submit(self._fit, now)
        elif self._fitting.done():
            fitting, self._fitting = self._fitting, None
            try:
                fitted = fitting.result()
            except GemelError as error:
                self.state, self.reason = "failed", str(error)
                return ()
            if fitted is not None:
                return self._begin(*fitted, now)
        return ()

    # Another plant file

    def end(self) -> list[Event]:
        """It watches no more: a finding that is open ends with the last row above the limit."""
        ended = [] if self._noticing is None else self._noticing.end()
        return ended if self._renewing is None else [*ended, *self._renewing.end()]

    def take_over(self, former: DetectorWatch) -> list[Event]:
        """Go on with what a watch of the same name was asked for and has by now: its models may
        have changed since this one read them from disk."""
        other = former._renewing
        if former._digest != self._digest:
            # Nobody goes on with its shadows: what they have open would last for ever.
            return [] if other is None else other.end()
        if self._renewing is not None and other is not None:
            self._renewing.follow(other)
        if former.model is not None and former.model_id != self.model_id:
            self._set(former.model, former.model_id)
        self.keep()
        return []

    # Decided above; see `gemel.twin.learning.live.renewed`

    def unfit(self, fitted: Fitted) -> str:
        """Why a model of the registry cannot be its champion."""
        kind, names = fitted.task.get("task"), tuple(fitted.task.get("names", ()))
        if kind != "detector":
            return f"it is of a task '{kind}'"
        if fitted.task["detector"] != self._detector.model_dump(mode="json"):
            return "it was fitted with other settings of the detector"
        return "" if names == self._normal.names else f"it looks at {', '.join(names[:5])}"

    def promote(
        self, model: str, actor: str, reason: str, now: int, *,
        returned: bool = False, evidence: Mapping[str, Any] | None = None,
    ) -> list[Event]:  # fmt: skip
        """Another champion; the one before scores beside it for a while, unless it `returned`."""
        renewing, scorer, former = self._renewing, self._scorer, self.model_id
        if renewing is None or scorer is None or model == former:
            return []
        fitted = self.registry.get(model)
        events = [] if self._noticing is None else self._noticing.end()
        shadow, ended = renewing.crown(model, scorer, now, returned=returned)
        if shadow is not None:  # it has scored these rows already, and goes on
            self._set(shadow.model, model, shadow.scorer)
        else:
            self._set(self._detector.load(fitted.model), model)
        self.keep()
        step: Step = "returned" if returned else "champion"
        told = self._steps(step, model, reason, actor, now, former=former, evidence=evidence)
        return [*events, *ended, told]

    def drop(
        self, model: str, actor: str, reason: str, now: int,
        evidence: Mapping[str, Any] | None = None,
    ) -> list[Event]:  # fmt: skip
        """The candidate is not wanted."""
        renewing = self._renewing
        if renewing is None or (present := renewing.shadows.get("candidate")) is None:
            return []
        if present.name != model:
            return []
        events = renewing.drop(model)
        self.keep()
        return [*events, self._steps("dropped", model, reason, actor, now, evidence=evidence)]

    def want(self, reason: str, because: str = "") -> None:
        """Fit again, as soon as it goes."""
        if self._renewing is not None:
            self._renewing.want(reason, because)

    def stop_fitting(self) -> None:
        """Give up the fit that runs."""
        if self._renewing is not None:
            self._renewing.stop_fitting()

    # Learning

    def _fit(self, now: int) -> _Fitted | None:
        """In the executor: a model, or None while history is too short."""
        settings = self.settings
        window = recorded(self._normal, self._store, now - 2 * settings.learn, now)
        wanted = settings.learn // settings.step
        if len(window) < _ENOUGH * wanted:
            share = len(window) / wanted
            self.reason = f"has {share:.0%} of the normal operation to learn from"
            return None
        self.reason, self._began = "is being fitted", now
        rows = window.rows(slice(-wanted, None))
        try:
            model = self._detector.fit(rows)
        except DataError as error:
            self.reason = str(error)
            raise
        return model, None if self._renewing is None else self._renewing.keep(model, rows)

    def _gather(self, window: Window) -> tuple[Window, list[Event]]:
        """Of a replay: learn as soon as enough rows have passed. Gives the rows after them."""
        assert self._passed is not None  # noqa: S101 - only of a replay
        wanted = max(self.settings.learn // self.settings.step, 1)
        before = sum(len(w) for w in self._passed)
        self._passed.append(window.rows(slice(0, wanted - before)))
        if before + len(window) < wanted:
            share = (before + len(window)) / wanted
            self.reason = f"has {share:.0%} of the normal operation to learn from"
            return window.rows(slice(0, 0)), []
        normal = Window(
            np.concatenate([w.time for w in self._passed]),
            np.concatenate([w.value for w in self._passed]),
            window.names,
        )
        self._passed.clear()
        try:
            model = self._detector.fit(normal)
        except GemelError as error:
            self.state, self.reason = "failed", str(error)
            return window.rows(slice(0, 0)), []
        return window.rows(slice(wanted - before, None)), self._begin(model, None, self._clock())

    def _begin(self, model: Model, made: Made | None, now: int) -> list[Event]:
        """The first champion."""
        self._set(model, _hash(model.save()) if made is None else made.name)
        if self._renewing is not None:
            self._renewing.begun(now)
        self.keep()
        if made is None:
            payload = {"detector": self.name, "model": self.model_id, "evidence": model.evidence()}
            return [Event("model", self.settings.asset, now, self.name, now, payload=payload)]
        why = "the first; there is none to compare it with"
        return [
            self._steps(
                "fitted", made.name, "fitted the first", "gemel", now, made=made, began=self._began
            ),
            self._steps("champion", made.name, why, "gemel", now, made=made),
        ]

    def keep(self) -> None:
        """Keep the model, and who stands beside it, on disk."""
        if self.model is None:
            return
        state = {"settings": self._digest, "model": self.model.save(), "name": self.model_id}
        if self._renewing is not None:
            state["renewal"] = self._renewing.state()
        self._store.keep(f"model/{self.name}", state)

    def rename(self, name: str) -> None:
        """The model is known by another hash: it was fitted before there was a registry of it."""
        self.model_id = name
        if self._noticing is not None:
            self._noticing.model = name

    def _set(self, model: Model, name: str, scorer: Scorer | None = None) -> None:
        left, self._left = self._left, None
        self.model_id, self.model = name, model
        self._scorer = scorer or model.start()
        self._noticing = Noticing(
            self.name, self.settings, self._normal.names, name, self._clock, left=left
        )
        self.state, self.reason = "watching", ""


_Fitted = tuple[Model, "Made | None"]


def _hash(saved: Mapping[str, Any]) -> str:
    text = json.dumps(saved, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
