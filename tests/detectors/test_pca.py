import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import decomposition

from gemel.core.errors import DataError
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.pca import PCA
from gemel.testing.detectors import normal_window

SECOND = 10**9


CLASSICAL: dict[str, Any] = {
    "lags": 0, "averages": (1,), "smoothing": 1, "wander": 1, "blocks": 1,
}  # fmt: skip
"""One model of the rows as they are, limits from the last block."""


def window(value: np.ndarray, start: int = 0) -> Window:
    names = tuple(f"s{j}" for j in range(value.shape[1]))
    return Window((start + np.arange(len(value))) * SECOND, value, names)


def correlated(rows: int, seed: int, signals: int = 8, hidden: int = 3) -> np.ndarray:
    mixing = np.random.default_rng(99).normal(size=(hidden, signals))
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(rows, hidden)) @ mixing
    return 5 + mixed + random.normal(0, 0.3, (rows, signals))


def test_components_and_statistics_are_those_of_scikit_learn() -> None:
    value = correlated(3000, 0)
    settings = PCA(**CLASSICAL, statistic="t2", components=3)
    model = settings.fit(window(value)).members[0]
    fitting = value[: 3000 - 900 - 10]
    scaled = (fitting - fitting.mean(axis=0)) / fitting.std(axis=0)
    theirs = decomposition.PCA(3).fit(scaled)
    np.testing.assert_allclose(np.abs(theirs.components_), np.abs(model.directions[:3]), atol=1e-8)
    np.testing.assert_allclose(theirs.explained_variance_, 1 / model.precision[:3])
    later = correlated(50, 1)
    along = theirs.transform((later - fitting.mean(axis=0)) / fitting.std(axis=0))
    t2 = (along**2 / theirs.explained_variance_).sum(axis=1)
    score, _ = model.start()(window(later))
    ratio = score / t2
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-8)


def test_spe_is_the_squared_distance_to_the_plane() -> None:
    value = correlated(2000, 0)
    settings = PCA(**CLASSICAL, statistic="spe", components=3, shrinkage=1)
    model = settings.fit(window(value))
    fitting = value[: 2000 - 600 - 10]
    scaled = (correlated(50, 1) - fitting.mean(axis=0)) / fitting.std(axis=0)
    theirs = decomposition.PCA(3).fit((fitting - fitting.mean(axis=0)) / fitting.std(axis=0))
    rest = scaled - theirs.inverse_transform(theirs.transform(scaled))
    score = model.start()(window(correlated(50, 1))).value
    ratio = score / (rest**2).sum(axis=1)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_the_limit_of_t2_is_that_of_the_f_distribution() -> None:
    settings = PCA(**CLASSICAL, statistic="t2", components=3, false_alarm_rate=0.01)
    n = 40_000
    found = settings.fit(window(correlated(n, 0)))
    model, a, fitted = found.members[0], 3, found.evidence()["rows"]["fitted"]
    theory = a * (fitted**2 - 1) / (fitted * (fitted - a)) * stats.f.ppf(0.99, a, fitted - a)
    assert model.limit / model.weight[0] * model.precision[0] == pytest.approx(theory, rel=0.05)


def test_false_alarms_come_at_the_wanted_rate() -> None:
    model = PCA(**CLASSICAL, false_alarm_rate=0.01).fit(window(correlated(5000, 0)))
    alarm = model.start()(window(correlated(20_000, 1))).alarm
    assert alarm.mean() == pytest.approx(0.01, rel=0.5)


def test_parallel_analysis_finds_the_hidden_signals() -> None:
    model = PCA(lags=0, rule="parallel").fit(window(correlated(4000, 0, signals=20, hidden=4)))
    assert model.evidence()["scales"][0]["components"] == 4
    noise = np.random.default_rng(0).normal(size=(4000, 20))
    found = PCA(lags=0, rule="parallel").fit(window(noise)).evidence()
    assert found["scales"][0]["components"] <= 2


def test_sees_a_broken_relation_that_no_single_signal_shows() -> None:
    normal, later = correlated(3000, 0), correlated(400, 1)
    later[200:, 2] = 5 + np.random.default_rng(5).permutation(later[200:, 2] - 5)
    model = PCA().fit(window(normal))
    score = model.start()(window(later))
    assert score.alarm[240:].mean() > 0.95
    assert not score.alarm[:200].any()
    assert (score.contribution[240:].argmax(axis=1) == 2).mean() > 0.9


def test_missing_values_are_completed_and_do_not_alarm() -> None:
    model = PCA(**CLASSICAL).fit(window(correlated(3000, 0)))
    later = correlated(2000, 1)
    whole = model.start()(window(later)).alarm.mean()
    later[:, 3] = np.nan
    score = model.start()(window(later))
    assert np.isfinite(score.value).all()
    assert score.alarm.mean() <= whole + 0.002
    assert (score.contribution[:, 3] == 0).all()
    later[:, :3] = np.nan
    assert np.isnan(model.start()(window(later)).value).all()


def test_a_pause_starts_lags_and_smoothing_anew() -> None:
    normal = window(correlated(3000, 0))
    model = PCA(lags=1).fit(normal)
    scorer = model.start()
    broken = correlated(50, 1)
    broken[:, 0] += 30
    assert scorer(window(broken)).alarm[5:].all()
    score = scorer(window(correlated(20, 2), start=1000))
    assert np.isnan(score.value[0])
    assert not score.alarm.any()


def test_more_signals_than_known_directions() -> None:
    value = correlated(2200, 0, signals=300, hidden=5)
    model = PCA(**CLASSICAL, false_alarm_rate=0.01).fit(window(value))
    assert model.members[0].directions.shape == (256, 300)
    assert model.start()(window(correlated(2000, 1, 300, 5))).alarm.mean() < 0.03


def test_a_signal_without_values_is_named() -> None:
    value = correlated(2000, 0)
    value[:, 5] = np.nan
    with pytest.raises(DataError, match="s5"):
        PCA().fit(window(value))


def test_evidence_tells_wandering_and_constant_signals() -> None:
    normal = normal_window(2000)
    value = normal.value.copy()
    value[:, 0] += np.linspace(0, 60, 2000)
    evidence = PCA().fit(Window(normal.time, value, normal.names)).evidence()
    assert evidence["wandering"] == ["line/speed"]
    assert evidence["constant"] == ["line/mode"]
    rows = {"all": 2000, "fitted": 2000, "gap": 10, "held_out": 2000, "blocks": 4}
    assert evidence["rows"] == rows
    assert evidence["limit"]["source"] == "generalised Pareto"


def test_limits_of_blocks_count_a_level_of_one_of_them_as_normal() -> None:
    value, later = correlated(1600, 0), correlated(400, 1)
    value[400:800, 2] += 1
    later[:, 2] += 1
    model = PCA(**(CLASSICAL | {"blocks": 4})).fit(window(value))
    assert model.start()(window(later)).alarm.mean() < 0.01
    without = PCA(**CLASSICAL).fit(window(np.delete(value, slice(400, 800), axis=0)))
    assert without.start()(window(later)).alarm.mean() > 0.05


def test_the_average_of_rows_sees_a_small_shift_that_stays() -> None:
    normal, later = correlated(3000, 0), correlated(600, 1)
    later[300:, 2] += 0.4  # little more than the noise of 0.3
    found = {a: PCA(averages=(a,)).fit(window(normal)).start()(window(later)) for a in (1, 0.1)}
    assert found[1].alarm[350:].mean() < 0.3
    assert found[0.1].alarm[350:].mean() > 0.9
    assert found[0.1].alarm[:300].mean() < 0.02


def test_a_new_start_of_a_drifting_plant_does_not_alarm() -> None:
    """Averages and slow means that begin with one odd row kept it for a long time."""
    random = np.random.default_rng(3)
    drift = np.cumsum(random.normal(0, 0.05, 6000))[:, None] * [1, 0, 0, 1, 0, 0, 0, 0]
    value = correlated(6000, 0) + drift
    model = PCA().fit(window(value[:3000]))
    starts = range(3000, 5800, 100)
    alarms = [model.start()(window(value[a : a + 150], a)).alarm.mean() for a in starts]
    assert np.mean(alarms) < 0.05


def test_opens_what_version_1_saved() -> None:
    old = json.loads((Path(__file__).parent / "data" / "pca_version_1.json").read_text())
    model = PCA().load(old["model"])
    rows = np.array(old["rows"], np.float64)
    start = int(old["model"]["made"]["window"][1]) // SECOND + 1
    score = model.start()(Window((start + np.arange(len(rows))) * SECOND, rows, model.names))
    wanted = np.array(old["scores"], np.float64) / old["model"]["limit"]
    np.testing.assert_allclose(score.value, wanted, rtol=1e-9)
    assert model.evidence() == old["model"]["made"]


def test_spe_keeps_its_digits_where_the_row_lies_far_along_the_components() -> None:
    """|z|² - |t|² alone would have none left: the residual is 1e-11 of the row."""
    found = PCA(**CLASSICAL, statistic="spe", components=3, shrinkage=1).fit(
        window(correlated(2000, 0))
    )
    model = found.members[0]
    inside = model.directions[:3]
    away = np.random.default_rng(1).normal(size=8)
    away -= inside.T @ (inside @ away)
    rows = 1e9 * inside.sum(axis=0) + np.outer([0.0, 0.01, 1.0], away)
    score, _ = model.start()(window(rows * model.scale + model.centre))
    wanted = model.weight[-1] * np.array([0, 1e-4, 1]) * (away @ away)
    assert score[2] == pytest.approx(wanted[2], rel=1e-4)
    assert score[:2] == pytest.approx(wanted[:2], abs=1e-3 * wanted[2])


def test_a_state_of_the_form_before_is_taken_up() -> None:
    """Version 2 smoothed the score of each signal; their sum is the smoothed score."""
    settings = PCA(averages=(1,), wander=1)
    model = settings.fit(window(correlated(2000, 0)))
    scorer = model.start()
    scorer(window(correlated(300, 1), 2000))
    state = scorer.state()
    (one,) = state["members"]
    old = {key: value for key, value in one.items() if key not in ("score", "fade", "blame")}
    old["smooth"] = [one["score"] / 8] * 8
    later = window(correlated(100, 2), 2300)
    again = model.start({"version": 2, "members": [old]})(later).value
    np.testing.assert_allclose(again, scorer(later).value, rtol=1e-12)
