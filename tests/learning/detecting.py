"""A detector at work on made signals, hours at a time, with people who answer its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tests.learning.live import PLANT, START, AtOnce

from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import HOUR, MINUTE
from gemel.parts.historians import HISTORIANS
from gemel.runtime.configuration import load
from gemel.runtime.reloading import declare
from gemel.twin.learning import DetectorWatch
from gemel.twin.learning.detecting.renewing import Desk
from gemel.twin.learning.labels import Answer, label
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.live.request import Request

WATCH = """\
detectors:
  odd:
    kind: pca
    asset: press
    signals: [press/force, press/thickness]
    normal: state == 'Execute'
    event: wear > 5
    step: 1 min
    lateness: 0 s
    learn: 12 h
    hold: 5 min
    false_alarm_rate: 0.001
    costs: {unit: EUR, false_alarm: 50, missed: 2000, delay: 100}
    renewal: {shadow: 24 h, watch: 72 h, window: 48 h%s}
"""


_AT_ONCE = 3
"""Hours in one commit: to begin a segment costs more than all else."""


class Pressed:
    """A press whose samples a watch looks at, some hours at a time."""

    def __init__(self, folder: Path, text: str, answer: Callable[[Event], Answer | None]) -> None:
        self.folder = folder
        self.answer = answer
        self.now = START
        self.random = np.random.default_rng(0)
        self.events: list[Event] = []
        self.requests: list[Request] = []
        self.notes: dict[str, Any] = {}
        """What a test wrote down on the way."""
        self._answered: set[str] = set()
        self.write(text)

    def write(self, text: str) -> None:
        """Another plant file."""
        path = self.folder / "plant.yaml"
        path.write_text(PLANT[: -len("tasks:\n")] + text, encoding="utf-8")
        self.plan = load(path)

    @contextmanager
    def open(self) -> Iterator[Pressed]:
        historian = HISTORIANS.build({"kind": "duckdb"}, "historian")
        with historian.open(self.folder / "data", lambda: self.now) as self.store:
            self.numbers = declare(self.plan.signals, self.store.catalogue, START)
            self.watch = self.start()
            yield self

    def start(self) -> DetectorWatch:
        """The watch, as after a start of the twin."""
        settings, detector = self.plan.watches["odd"]
        desk = Desk(lambda: Registry(self.folder / "models"), self.requests.append)
        return DetectorWatch(
            "odd", settings, detector, self.plan.signals, self.numbers, self.store, AtOnce(),
            lambda: self.now, desk=desk,
        )  # fmt: skip

    def reload(self, text: str) -> None:
        """Another plant file while the twin runs."""
        self.write(text)
        again = self.start()
        self.take(again.take_over(self.watch))
        self.watch = again

    def hours(self, count: int, offset: Callable[[int], float] = lambda _: 0.0,
              wear: Callable[[int], float] = lambda _: 0.0) -> None:  # fmt: skip
        """So many pass; `offset` of the thickness and `wear` at each minute since the start."""
        while count > 0:
            some = min(count, _AT_ONCE)
            count -= some
            rows = 60 * some
            minute = (self.now - START) // MINUTE + np.arange(rows)
            force = self.random.normal(50, 2, rows)
            off = np.array([offset(int(m)) for m in minute])
            values = {
                "force": force, "thickness": 0.1 * force + self.random.normal(0, 0.01, rows) + off,
                "wear": np.array([wear(int(m)) for m in minute]), "state": np.full(rows, 6.0),
            }  # fmt: skip
            time = self.now + np.arange(rows) * MINUTE
            frame = Frame.of(
                np.tile([self.numbers[f"press/{name}"] for name in values], rows),
                np.repeat(time, len(values)), np.column_stack(list(values.values())).ravel(),
            )  # fmt: skip
            self.store.commit([frame])
            self.take(self.watch.feed(frame))
            self.now += some * HOUR
            self.say()
            for _ in range(2):  # what a tick hands out is there for the next one
                self.take(self.watch.tick(self.now))

    def take(self, events: Any) -> None:
        """What the watch says goes into history."""
        told = list(events)
        self.events += told
        self.store.record(told)

    def say(self) -> None:
        """People answer findings that have ended."""
        for kind in ("finding", "shadow_finding"):
            for event in self.store.events(kind, "press", limit=10_000):
                if event.lasts or event.id in self._answered:
                    continue
                said = self.answer(event)
                if said is not None:
                    self._answered.add(event.id)
                    self.store.record([label(event, None, said, "", "", "eva", self.now)])

    def until(self, true: Callable[[], Any], most: int = 200, **more: Any) -> None:
        """Run until something holds."""
        for _ in range(0, most, _AT_ONCE):
            if true():
                return
            self.hours(_AT_ONCE, **more)
        report = self.watch.report()
        told = {name: report[name] for name in ("state", "reason", "renewing", "drift", "shadow")}
        raise AssertionError(f"not within {most} h: {self.steps()}, {told}")

    def steps(self) -> list[str]:
        """What became of models, in order."""
        return [e.payload["step"] for e in self.events if e.kind == "model"]

    def promote(self, model: str, **more: Any) -> None:
        """As decisions do once somebody has decided."""
        self.take(self.watch.promote(model, "eva", "looks right", self.now, **more))
