"""A task at work on a history of its own, second by second, with a clock that a test turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import SECOND
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Store
from gemel.runtime.configuration import load
from gemel.runtime.reloading import declare
from gemel.twin.learning.live.learner import Learner
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.live.request import Request

START = 1_800_000_000 * SECOND

PLANT = """\
format: 1
connectors:
  push: {kind: http}
assets:
  press:
    connector: push
    signals:
      force: {unit: kN}
      heat: {unit: °C}
      thickness: {unit: mm}
      wear: {}
      state: {type: enumeration, labels: {2: Stopped, 6: Execute}}
tasks:
"""

SOFT = """\
  estimate:
    task: quality
    asset: press
    target: thickness
    signals: [press/force, press/heat]
    when: state == 'Execute'
    lateness: 0 s
    window: 20 min
    least: 5 min
    every: 1 s
    model: {kind: least_squares, curved: false}
    renewal: {shadow: 60 s, watch: 10 min%s}
"""

LIFE = """\
  life:
    task: remaining_life
    asset: press
    signals: [press/wear]
    failed: wear > 10
    cap: 10
    life_unit: min
    lateness: 0 s
    least: 2 min
    every: 1 s
    model: {kind: wiener, indicator: wear, limit: 10}
"""

AHEAD = """\
  wear_soon:
    task: forecast
    asset: press
    target: wear
    interval: 10 s
    horizon: 6
    lateness: 0 s
    window: 2 h
    least: 50 min
    every: 1 s
    model: {kind: seasonal_naive, season: 6}
    renewal: {shadow: 60 s, watch: 10 min}
"""


class AtOnce(Executor):
    """Does what it is given before `submit` returns: a test has no second thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            done.set_exception(error)
        return done


class Press:
    """Makes samples, keeps them, shows them to a learner, and keeps what that says."""

    def __init__(self, folder: Path, store: Store, text: str) -> None:
        path = folder / "plant.yaml"
        path.write_text(PLANT + text, encoding="utf-8")
        self.plan = load(path)
        self.store = store
        self.now = START
        self.folder = folder
        self.numbers = declare(self.plan.signals, store.catalogue, START)
        self.frames: list[Frame] = []
        self.requests: list[Request] = []
        self.events: list[Event] = []
        self.random = np.random.default_rng(0)
        self.offset = 1.0
        self.spread = 0.01
        """Of the thickness, for the same force and heat."""
        self.learner = self.start()

    def start(self) -> Learner:
        """The learner, as after a start of the twin."""
        (name,) = self.plan.tasks
        return Learner(
            self.plan.tasks[name], self.plan.signals, self.numbers, self.store,
            Registry(self.folder / "models"), fitter=AtOnce(), asker=AtOnce(),
            clock=lambda: self.now, complete=lambda: True, tell=self.frames.append,
            request=self.requests.append,
        )  # fmt: skip

    def run(self, seconds: int, wear: Callable[[int], float] = lambda _: 0.0) -> None:
        """So many seconds pass; `wear` at each of them."""
        for i in range(seconds):
            force, heat = self.random.normal(50, 2), self.random.normal(180, 3)
            thickness = 0.1 * force - 0.02 * heat + self.offset + self.random.normal(0, self.spread)
            values = {
                "force": force, "heat": heat, "thickness": thickness,
                "wear": wear(i) + self.random.normal(0, 0.05),
            }  # fmt: skip
            if self.now == START:
                values["state"] = 6.0
            numbers = [self.numbers[f"press/{name}"] for name in values]
            frame = Frame.of(numbers, [self.now] * len(values), list(values.values()))
            self.store.commit([frame])
            self.events += self.learner.feed(frame)
            self.now += SECOND
            self.events += self.learner.tick(self.now)

    def until(self, true: Callable[[], Any], most: int = 2_000, **more: Any) -> None:
        """Run until something holds; fails after `most` seconds."""
        for _ in range(0, most, 5):
            if true():
                return
            self.run(5, **more)
        raise AssertionError(f"not within {most} s: {self.learner.report()}")

    def steps(self) -> list[str]:
        """What became of models, in order."""
        return [event.payload["step"] for event in self.events]

    def promote(self, model: str, **more: Any) -> None:
        """As decisions do once somebody has decided."""
        self.events += self.learner.promote(model, "eva", "looks right", self.now, **more)

    def told(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """float64[n,3]: what was told so far."""
        return np.concatenate([frame.value.reshape(-1, 3) for frame in self.frames])


@contextmanager
def press(folder: Path, text: str) -> Iterator[Press]:
    """A press with its history in `folder`."""
    clock: list[Press] = []
    historian = HISTORIANS.build({"kind": "duckdb"}, "historian")
    with historian.open(folder / "data", lambda: clock[0].now if clock else START) as store:
        found = Press(folder, store, text)
        clock.append(found)
        yield found
