"""Forecasts in the live twin: told ahead, held against what came, and renewed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.learning.live import AHEAD, PLANT, START, Press, press

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Frame
from gemel.core.time import MINUTE, SECOND
from gemel.runtime.configuration import load


class Wave:
    """A signal that repeats itself every minute, about a level that a test may change."""

    def __init__(self, found: Press) -> None:
        self.press, self.level = found, 5.0

    def at(self, time: float) -> float:
        return float(self.level + 3 * np.sin(2 * np.pi * (time - START) / MINUTE))

    def past(self, seconds: int) -> None:
        """What history has when the twin starts."""
        here = self.press
        time = here.now + np.arange(seconds) * SECOND
        value = [self.at(t) for t in time.tolist()] + here.random.normal(0, 0.05, seconds)
        here.store.commit([Frame.of([here.numbers["press/wear"]] * seconds, time, value)])
        here.now += seconds * SECOND
        here.learner = here.start()

    def run(self, seconds: int) -> None:
        self.press.run(seconds, wear=lambda _: self.at(self.press.now))

    def until(self, true: Callable[[], Any], most: int = 4_000) -> None:
        self.press.until(true, most, wear=lambda _: self.at(self.press.now))


@pytest.fixture
def wave(tmp_path: Path) -> Iterator[Wave]:
    with press(tmp_path, AHEAD) as found:
        wave = Wave(found)
        wave.past(3_600)
        yield wave


def test_it_tells_how_a_signal_goes_on(wave: Wave) -> None:
    learner = wave.press.learner
    wave.until(lambda: learner.champion)
    wave.run(60)
    last = learner.report()["last"]
    ahead = last["ahead"]
    # Steps that are over lie behind; the first that is not is the first that is told.
    over = wave.press.now // (10 * SECOND) * 10 * SECOND
    assert ahead["time"] == [over + step * 10 * SECOND for step in range(6)]
    truth = [np.mean([wave.at(time + s * SECOND) for s in range(10)]) for time in ahead["time"]]
    np.testing.assert_allclose(ahead["value"], truth, atol=0.15)
    assert all(
        a < b < c for a, b, c in zip(ahead["low"], ahead["value"], ahead["high"], strict=True)
    )
    assert (last["value"], last["low"]) == (ahead["value"][-1], ahead["low"][-1])
    assert [output.signal.title for output in learner.outputs] == [
        "wear soon, in 1 min", "wear soon, in 1 min, lower end", "wear soon, in 1 min, upper end",
    ]  # fmt: skip
    assert learner.report()["continues"] == "press/wear"


def test_it_is_told_once_a_step_whatever_else_comes(wave: Wave) -> None:
    wave.until(lambda: wave.press.learner.champion)
    wave.run(30)
    before = len(wave.press.told())
    wave.run(120)
    assert len(wave.press.told()) - before == 12


def test_a_change_of_level_is_noticed_by_forecasts_that_are_over(wave: Wave) -> None:
    learner = wave.press.learner
    wave.until(lambda: learner.champion)
    wave.run(600)
    assert learner.report()["drift"]["state"] == "steady"
    wave.level = 9.0
    # Seasonal naive follows a new level after a minute: what is wrong is what was told before.
    wave.until(lambda: learner.report()["drift"]["state"] == "drifted", most=900)


def test_after_a_restart_it_goes_on_from_history(wave: Wave) -> None:
    wave.until(lambda: wave.press.learner.champion)
    wave.run(40)
    before = wave.press.learner.report()["last"]["ahead"]["value"]
    wave.press.learner = wave.press.start()
    wave.run(60)
    after = wave.press.learner.report()["last"]["ahead"]["value"]
    np.testing.assert_allclose(after, before, atol=0.3)  # a season later


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("known: [heat]", "known: what is planned is not known to the twin"),
        ("unit: press", "unit: one signal is continued"),
        ("interval: 1500 ms", "interval: 1500 ms is no multiple of `step`, which is 1 s"),
        ("failed: wear > 10", "failed: is for remaining_life and failure, this task is forecast"),
    ],
)
def test_what_a_twin_cannot_do_is_said(tmp_path: Path, more: str, words: str) -> None:
    text = AHEAD.replace("    interval: 10 s\n", "") if "interval" in more else AHEAD
    (tmp_path / "plant.yaml").write_text(f"{PLANT}{text}    {more}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load(tmp_path / "plant.yaml")
    assert words in str(error.value)
