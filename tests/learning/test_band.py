"""Intervals that adapt hold as often as they say, where fixed ones do not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gemel.core.frame import Values
from gemel.twin.learning.renewal.band import AdaptiveBand

Z90 = 1.6448536269514722


def held(errors: Values, *, adapt: bool, low: float = -Z90, high: float = Z90) -> Values:
    """bool[n]: whether an interval for errors of spread 1 held each, told before it was known."""
    band, found = AdaptiveBand(), np.zeros(len(errors), bool)
    told = np.array([0.0, low, high])
    for i, error in enumerate(errors.tolist()):
        now = band(told)
        found[i] = now[1] <= error <= now[2]
        if adapt:
            band.learn(told, error)
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "spread",
    [
        np.ones(6_000),
        np.linspace(1, 6, 6_000),
        np.where(np.arange(6_000) < 3_000, 1.0, 4.0),
        1 + 2 * (np.sin(np.arange(6_000) / 300) > 0),
        np.full(6_000, 0.2),
    ],
    ids=["as it was", "ever worse", "a jump", "to and fro", "much too wide"],
)
def test_they_hold_as_often_as_they_say(spread: Values, seed: int) -> None:
    errors = spread * np.random.default_rng(seed).normal(size=len(spread))
    assert held(errors, adapt=True).mean() == pytest.approx(0.9, abs=0.012)
    # The log of the factor moves by 1.4 at most, and 1.4 / (0.03 · 1,000) is 0.045.
    assert held(errors, adapt=True)[-1_000:].mean() == pytest.approx(0.9, abs=0.045)


def test_fixed_ones_do_not() -> None:
    errors = 4 * np.random.default_rng(0).normal(size=6_000)
    assert held(errors, adapt=False).mean() < 0.35


def test_errors_that_look_like_their_neighbours() -> None:
    random, errors = np.random.default_rng(1), np.zeros(20_000)
    for i in range(1, len(errors)):
        errors[i] = 0.95 * errors[i - 1] + random.normal() * 2 * (1 - 0.95**2) ** 0.5
    assert held(errors, adapt=True).mean() == pytest.approx(0.9, abs=0.01)


def test_each_side_keeps_its_share_of_the_width() -> None:
    band = AdaptiveBand()
    told = np.array([10.0, 9.0, 13.0])
    for _ in range(100):
        band.learn(told, 1e6)
    value, low, high = band(told).tolist()
    assert value == 10.0
    assert (high - value) / (value - low) == pytest.approx(3.0)
    assert band.factor == pytest.approx(np.exp(100 * 0.03 * 0.9))


def test_what_is_not_known_teaches_nothing() -> None:
    band = AdaptiveBand()
    band.learn(np.array([1.0, 0.0, 2.0]), float("nan"))
    band.learn(np.array([np.nan, 0.0, 2.0]), 1.0)
    band.learn(np.array([1.0, 1.0, 1.0]), 1.0)
    assert (band.factor, band.report()) == (1.0, None)


def test_it_says_how_often_it_held() -> None:
    band = AdaptiveBand(confidence=0.8)
    for truth in (0.0, 0.0, 5.0, 0.0):
        band.learn(np.array([0.0, -1.0, 1.0]), truth)
    assert band.report() == {
        "held": 0.75, "of": 4, "promised": 0.8, "factor": pytest.approx(np.exp(0.03 * 0.2)),
    }  # fmt: skip


def test_a_state_is_gone_on_with() -> None:
    random, told = np.random.default_rng(2), np.array([0.0, -1.0, 1.0])
    whole, first, second = AdaptiveBand(), AdaptiveBand(), AdaptiveBand()
    for i, error in enumerate(random.normal(0, 3, 1_500).tolist()):
        whole.learn(told, error)
        (first if i < 700 else second).learn(told, error)
        if i == 699:
            second.go_on(json.loads(json.dumps(first.state())))
    assert second.state() == whole.state()
    assert second.report() == whole.report()


def test_what_does_not_adapt_keeps_its_width() -> None:
    wide, fixed = AdaptiveBand(), AdaptiveBand(rate=0.0)
    for _ in range(50):
        wide.learn(np.array([0.0, -1.0, 1.0]), 9.0)
    fixed.go_on(wide.state())
    assert fixed.factor == 1
    assert fixed.report() == {"held": 0.0, "of": 50, "promised": 0.9, "factor": 1.0}
    fixed.go_on({"version": 99, "log": 3.0})
    assert fixed.factor == 1
