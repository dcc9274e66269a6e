"""After a start: what is not settled yet does not alarm, and no detection is given away for it."""

import json

import numpy as np
import pytest
from scipy import signal, stats

from gemel.core.errors import DataError
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.pca import PCA

SECOND = 10**9
RATE = 0.01


def window(value: np.ndarray, start: int = 0) -> Window:
    names = tuple(f"s{j}" for j in range(value.shape[1]))
    return Window((start + np.arange(len(value))) * SECOND, value, names)


def wandering(rows: int, seed: int) -> np.ndarray:
    """Ten signals of four hidden ones that forget a tenth of what they are in 1 to 200 rows; some
    wander enough to have their level taken off, and are related to others that do not."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(4, 10))
    hidden = []
    for a in (0.7, 0.9, 0.97, 0.99):
        noise = random.normal(size=rows + 500) * np.sqrt(1 - a * a)
        hidden.append(signal.lfilter([1], [1, -a], noise)[500:])
    return np.column_stack(hidden) @ mixing + 0.5 * random.normal(size=(rows, 10))


def test_the_promised_rate_is_kept_over_fresh_starts() -> None:
    """Twelve plants, each started 30 times. Rows of one plant are alike, so that a plant is a case:
    the promised rate lies within the interval of the mean over them, or above it."""
    narrow, widened = [], []
    for seed in range(12):
        value = wandering(9000, seed)
        model = PCA(false_alarm_rate=RATE).fit(window(value[:3000]))
        assert model.members[0].wanders.any()
        found = []
        for begin in range(3000, 9000, 200):
            score = model.start()(window(value[begin : begin + 200], begin))
            found.append([(score.value > model.limit).mean(), score.alarm.mean()])
        before, after = np.mean(found, axis=0)
        narrow.append(before)
        widened.append(after)
    margin = stats.t.ppf(0.975, 11) * np.std(widened, ddof=1) / np.sqrt(12)
    assert np.mean(widened) - margin <= RATE
    assert np.mean(widened) < 2 * RATE
    assert np.mean(narrow) > 5 * RATE  # what one limit for all rows would have given


def test_the_limit_falls_after_a_start_and_then_stays() -> None:
    value = wandering(4000, 3)
    model = PCA(memory=50).fit(window(value[:2000]))
    limit = model.start()(window(value[2000:])).limit
    assert limit[0] > limit[-1] == model.limit
    assert (np.diff(limit) <= 0).all()
    assert (limit[2 * 80 :] == model.limit).all()


def test_a_pause_is_a_start_however_the_stream_is_cut() -> None:
    value = wandering(4000, 3)
    model = PCA(memory=50).fit(window(value[:2000]))
    later = window(value[2000:])
    time = later.time + np.where(np.arange(2000) >= 700, 500 * SECOND, 0)
    later = Window(time, later.value, later.names)
    whole = model.start()(later).limit
    np.testing.assert_array_equal(whole[700:1200], whole[:500])
    scorer, found = model.start(), []
    for low in range(0, 2000, 350):
        found.append(scorer(later.rows(slice(low, low + 350))).limit)
        scorer = model.start(json.loads(json.dumps(scorer.state())))
    np.testing.assert_array_equal(np.concatenate(found), whole)


def test_a_fault_at_the_start_is_seen() -> None:
    value = wandering(3300, 1)
    model = PCA().fit(window(value[:3000]))
    later = value[3000:]
    later[50:, 2] += 6 * value[:3000, 2].std()
    score = model.start()(window(later))
    assert not score.alarm[:50].any()
    assert score.alarm[60:120].mean() > 0.9


def test_a_model_of_before_has_one_limit() -> None:
    model = PCA().fit(window(wandering(2000, 3)))
    saved = model.save()
    assert saved["begun"]
    del saved["begun"]
    old = PCA().load(saved)
    limit = old.start()(window(wandering(100, 4))).limit
    assert (limit == old.limit).all()
    with pytest.raises(DataError, match="version"):
        PCA().load(saved | {"version": 3})
