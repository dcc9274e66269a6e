"""A detector in the live twin: it learns from history, scores what is mirrored, and reports.

The life of a watch: *learning* until history holds enough normal operation, then *watching*. The
model is kept with its evidence and taken up again after a restart, as long as the settings are the
same. A finding opens when the score stays above its limit for `hold`, and closes likewise; it says
since when, which signals contribute, on which data the model stands.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError, GemelError
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal
from gemel.core.time import SECOND, Clock
from gemel.parts.detectors.base import Detector, Model, Score, Scorer, Window
from gemel.parts.historians.base import Store
from gemel.twin.learning.chosen import chosen_signals, measured
from gemel.twin.learning.diagnosis import Diagnoses, Scene
from gemel.twin.learning.findings import Contribution, Finding, WatchSettings, because
from gemel.twin.learning.windows import Normal, NormalRows, recorded

__all__ = ["DetectorWatch"]

log = logging.getLogger("gemel.learning")

RETRY: Final = 2 * SECOND
_ENOUGH: Final = 0.7
"""Of the wanted rows; stops and gaps may take the rest."""
_HIGHEST: Final = 1e9
"""Times its limit; a higher score is not told apart."""


@dataclass(slots=True)
class _Run:
    """A stretch of rows above the limit."""

    start: int
    last: int
    highest: float
    score: Score
    row: int
    event: Event | None = None


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
    ) -> None:
        """`complete` says whether history is: nothing is learned while a gap is being refilled.

        `before` are the assets upstream, the farthest first: where the cause of a finding may be.
        `score` is the path of a signal by which the score over its limit is told, to `tell`.

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
            scene = _scene(settings, self._normal, signals, numbers, before)
            self._diagnoses = Diagnoses(name, scene, store, executor)
        self._digest = hashlib.blake2b(
            json.dumps(
                [settings.model_dump(mode="json"), detector.model_dump(mode="json"),
                 self._normal.names]
            ).encode(), digest_size=8,
        ).hexdigest()  # fmt: skip
        self.basis = (
            settings.model_copy(update={"title": "", "hold": 0}), detector, self._normal.names,
            self._normal.inputs,
        )  # fmt: skip
        """What a model of this watch rests on; equal where a model of one serves the other."""
        self._rows = NormalRows(self._normal, store)
        self.signals = frozenset(self._rows.aligner.numbers)
        self._scorer: Scorer | None = None
        self._fitting: Future[Model | None] | None = None
        self._next_try = 0
        self._passed: list[Window] | None = [] if replayed else None
        self._above: _Run | None = None
        self._below_since: int | None = None
        told = store.events("finding", settings.asset, start=clock(), limit=1_000)
        self._left = next((e for e in told if e.source == name and e.lasts), None)
        """A finding that was open when the twin stopped."""
        self._take_up()

    # What doors ask

    def report(self) -> dict[str, Any]:
        """For the page Health."""
        return {
            "name": self.name,
            "title": self.settings.title or self.name,
            "asset": self.settings.asset,
            "state": self.state,
            "reason": self.reason,
            "signals": list(self._normal.names),
            "model": self.model_id,
            "evidence": None if self.model is None else self.model.evidence(),
            "last": None if self.last is None else list(self.last),
            "open": self._above is not None and self._above.event is not None,
            "score": self._score,
        }

    # Watcher

    def feed(self, frame: Frame) -> Iterable[Event]:
        """Score the rows that the samples close."""
        window = self._rows.push(frame)
        events: list[Event] = []
        if self._passed is not None and self.state == "learning":
            window, events = self._gather(window)
        if self._scorer is None or not len(window):
            return events
        score = self._scorer(window)
        known = np.flatnonzero(~np.isnan(score.value))
        if len(known):
            i = known[-1]
            self.last = (int(score.time[i]), float(score.value[i]), float(score.limit[i]))
            self._say(score, known)
        found = [event for i in known for event in self._judge(score, int(i))]
        if self._diagnoses is not None:
            self._diagnoses.take(found, self._clock())
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
        if self.state == "watching" and self._diagnoses is not None:
            return self._diagnoses.tick(now)
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
                model = fitting.result()
            except GemelError as error:
                self.state, self.reason = "failed", str(error)
                return ()
            if model is not None:
                return self._begin(model, now)
        return ()

    # Another plant file

    def end(self) -> list[Event]:
        """It watches no more: a finding that is open ends with the last row above the limit."""
        run, self._above = self._above, None
        left, self._left = self._left, None
        if left is not None:
            now = self._clock()
            return [replace(left.ended(now), known=now)]
        return [] if run is None or run.event is None else [self._closed(run)]

    def take_over(self, former: DetectorWatch, now: int) -> list[Event]:
        """Use the model of a watch of the same name, where it rests on the same."""
        if self.model is not None or former.model is None or former.basis != self.basis:
            return []
        return self._begin(former.model, now)

    # Learning

    def _fit(self, now: int) -> Model | None:
        """In the executor: a model, or None while history is too short."""
        settings = self.settings
        window = recorded(self._normal, self._store, now - 2 * settings.learn, now)
        wanted = settings.learn // settings.step
        if len(window) < _ENOUGH * wanted:
            share = len(window) / wanted
            self.reason = f"has {share:.0%} of the normal operation to learn from"
            return None
        self.reason = "is being fitted"
        try:
            return self._detector.fit(window.rows(slice(-wanted, None)))
        except DataError as error:
            self.reason = str(error)
            raise

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
        return window.rows(slice(wanted - before, None)), self._begin(model, self._clock())

    def _begin(self, model: Model, now: int) -> list[Event]:
        saved = model.save()
        self._set(model, saved)
        self._store.keep(f"model/{self.name}", {"settings": self._digest, "model": saved})
        payload = {"detector": self.name, "model": self.model_id, "evidence": model.evidence()}
        return [Event("model", self.settings.asset, now, self.name, now, payload=payload)]

    def _take_up(self) -> None:
        kept = self._store.kept(f"model/{self.name}")
        if kept is not None and kept["settings"] == self._digest:
            self._set(self._detector.load(kept["model"]), kept["model"])

    def _set(self, model: Model, saved: dict[str, Any]) -> None:
        text = json.dumps(saved, sort_keys=True)
        self.model_id = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.model = model
        self._scorer = model.start()
        self.state, self.reason = "watching", ""

    # Findings

    def _judge(self, score: Score, i: int) -> list[Event]:
        time, hold = int(score.time[i]), self.settings.hold
        left, self._left = self._left, None
        if left is not None:
            if not score.alarm[i]:
                return [replace(left.ended(time), known=self._clock())]
            highest = float(left.payload["highest"])
            self._above = _Run(left.time, time, highest, score, i, left)
        if score.alarm[i]:
            self._below_since = None
            value = float(score.value[i])
            if self._above is None:
                self._above = _Run(time, time, value, score, i)
            run = self._above
            run.last, run.score, run.row = time, score, i
            run.highest = max(run.highest, value)
            if run.event is None and time - run.start >= hold:
                run.event = self._event(run, None)
                return [run.event]
        elif self._above is not None:
            if self._below_since is None:
                self._below_since = time
            if time - self._below_since >= hold:
                run, self._above = self._above, None
                if run.event is not None:
                    return [self._closed(run)]
        return []

    def _closed(self, run: _Run) -> Event:
        first = run.event
        assert first is not None  # noqa: S101 - only an open finding is closed
        closed = self._event(run, run.last)
        return replace(closed, sequence=1, supersedes=first.id, payload={
            **closed.payload, "contributions": first.payload["contributions"],
        })  # fmt: skip

    def _event(self, run: _Run, end: int | None) -> Event:
        shares = np.nan_to_num(run.score.contribution[run.row])
        order = np.argsort(-shares)[:5]
        names = self._normal.names
        contributions = tuple(
            Contribution(signal=names[j], share=round(float(shares[j]), 4))
            for j in order
            if shares[j] > 0.02
        )
        title = self.settings.title or self.name
        finding = Finding(
            title=title,
            detector=self.name,
            score=float(run.score.value[run.row]),
            limit=float(run.score.limit[run.row]),
            highest=run.highest,
            contributions=contributions,
            model=self.model_id,
            because=because(contributions, self.settings.asset),
        )
        return Event(
            "finding", self.settings.asset, run.start, self.name, self._clock(), end,
            finding.model_dump(), lasts=end is None,
        )  # fmt: skip


def _scene(
    settings: WatchSettings, normal: Normal, signals: Sequence[PlantSignal],
    numbers: Mapping[str, int], before: Sequence[Sequence[str]],
) -> Scene:  # fmt: skip
    """What a finding is diagnosed by: its own signals, and those of the assets upstream."""
    steps = tuple(
        tuple(s.path for s in signals if s.asset in step and measured(s) and not s.told_by)
        for step in before
    )
    further = [path for step in steps for path in step if path not in normal.names]
    every = replace(
        normal, names=(*normal.names, *further),
        numbers=(*normal.numbers, *(numbers[path] for path in further)),
    )  # fmt: skip
    anything = replace(every, condition=None)
    return Scene(settings.asset, normal.names, every, anything, steps, settings.learn)
