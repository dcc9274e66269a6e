from typing import Any

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.half_space_trees import HalfSpaceTrees

SECOND = 10**9


def window(value: np.ndarray, start: int = 0) -> Window:
    names = tuple(f"s{j}" for j in range(value.shape[1]))
    return Window((start + np.arange(len(value))) * SECOND, value, names)


def normal(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(5, 2, (rows, 4))


class Node:
    """A half-space tree as Algorithms 1 to 3 of the paper write it: an object for each node."""

    def __init__(self, tree: int, number: int, model: Any, begin: np.ndarray, end: np.ndarray):
        self.r = self.l = 0
        self.level = number.bit_length() - 1
        self.below: list[Node] = []
        feature, split = model.feature[tree], model.split[tree]
        if number >= len(feature):
            return
        self.signal = int(feature[number])
        self.split = (begin[self.signal] + end[self.signal]) / 2
        # the arrays say where; the halving is done here once more
        assert split[number] == pytest.approx(self.split, rel=1e-12)
        for side in (0, 1):
            low, high = begin.copy(), end.copy()
            (low if side else high)[self.signal] = self.split
            self.below.append(Node(tree, 2 * number + side, model, low, high))

    def update(self, x: np.ndarray) -> None:
        self.l += 1
        if self.below:
            self.below[int(x[self.signal] >= self.split)].update(x)

    def score(self, x: np.ndarray, few: float) -> float:
        if not self.below or self.r <= few:
            return self.r * 2.0**self.level
        return self.below[int(x[self.signal] >= self.split)].score(x, few)

    def turn(self) -> None:
        self.r, self.l = self.l, 0
        for node in self.below:
            node.turn()


def ranges(model: Any, tree: int) -> tuple[np.ndarray, np.ndarray]:
    """Work range of each signal, from the root-most node that halves it: its middle, and s."""
    low, high = model.low, model.high
    centre = np.random.default_rng(0).random((model.feature.shape[0], len(low)))[tree]
    reach = 2 * np.maximum(centre, 1 - centre)
    return low + (centre - reach) * (high - low), low + (centre + reach) * (high - low)


def test_masses_are_those_of_the_paper_window_after_window() -> None:
    """Without limit and smoothing, all rows are counted and scores are a function of the mass."""
    settings = HalfSpaceTrees(trees=5, depth=6, window=100, smoothing=1)
    model = settings.fit(window(normal(600, 0)))
    model.limit = np.inf
    forest = [Node(t, 1, model, *ranges(model, t)) for t in range(5)]
    before, later = normal(600, 0)[410:], normal(350, 1)
    wanted = []
    # rows 410 to 600 were streamed while fitting, from the profile of the last 100 fitted rows
    fitted = normal(600, 0)[: 600 - 180 - 10][-100:]
    for tree in forest:
        for row in fitted:
            tree.update(row)
        tree.turn()
    counted = 0
    for row in np.concatenate([before, later]):
        mass = sum(tree.score(row, 10.0) for tree in forest)
        outside = np.maximum(row - model.high, model.low - row) / (model.high - model.low)
        extra = 6 * min(max(float(outside.max()), 0.0), 1.0)
        wanted.append(6 + 1 + np.log2(5 * 100 / (mass + 2.5)) + extra)
        for tree in forest:
            tree.update(row)
        counted += 1
        if counted == 100:
            counted = 0
            for tree in forest:
                tree.turn()
    found = model.start()(window(later, 600)).value
    np.testing.assert_allclose(found, wanted[len(before) :], rtol=1e-12)


def test_the_promised_rate_is_kept_on_average() -> None:
    rates = []
    for seed in range(8):
        model = HalfSpaceTrees(false_alarm_rate=0.01).fit(window(normal(3600, seed)))
        rates.append(model.start()(window(normal(20_000, 100 + seed), 3600)).alarm.mean())
    assert 0.003 < np.mean(rates) < 0.03


def test_slow_drift_within_the_range_is_followed_with_a_window() -> None:
    """By one standard deviation of every signal over 12,000 rows."""
    drifting = normal(12_000, 3) + np.linspace(0, 2, 12_000)[:, None]
    found = {}
    for kept in (250, None):
        model = HalfSpaceTrees(window=kept, false_alarm_rate=0.01).fit(window(normal(2000, 4)))
        found[kept] = model.start()(window(drifting, 2000)).alarm[-4000:].mean()
    assert found[250] < 0.1
    assert found[None] > 0.3


def test_a_fault_that_lasts_does_not_become_normal() -> None:
    rows = normal(3000, 5)
    rows[500:, 2] += 30
    score = HalfSpaceTrees().fit(window(normal(2000, 4))).start()(window(rows, 2000))
    assert score.alarm[520:].all()


def test_models_whose_arrays_do_not_fit_are_refused() -> None:
    settings = HalfSpaceTrees(trees=2, depth=3)
    saved = settings.fit(window(normal(600, 0))).save()
    for wrong in ({"split": saved["split"][:1]}, {"feature": [[9] * 8] * 2}, {"low": [0.0]}):
        with pytest.raises(DataError, match="does not fit together"):
            settings.load(saved | wrong)
    other = HalfSpaceTrees(trees=3, depth=3).fit(window(normal(600, 0)))
    with pytest.raises(DataError, match="another"):
        settings.load(saved).start(other.start().state())
