"""Rolling origins and scores, by hand and on forecasts whose quality is known."""

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.forecasters.base import Panel
from gemel.parts.forecasters.seasonal_naive import SeasonalNaive
from gemel.twin.learning.evaluation import forecast_scores as scores
from gemel.twin.learning.evaluation.rolling import Rolled, origins_of, roll


def by_hand() -> Rolled:
    return Rolled(
        np.array([5]), (0.1, 0.5, 0.9),
        truth=np.array([[[1.0, 4.0]]]),
        mean=np.array([[[2.0, 2.0]]]),
        quantile=np.array([[[[0.0, 2.0, 3.0], [1.0, 3.0, 3.5]]]]),
        scale=np.array([[2.0]]),
        square_scale=np.array([[5.0]]),
    )  # fmt: skip


def test_scores_by_hand() -> None:
    rolled = by_hand()
    np.testing.assert_allclose(scores.mase(rolled), [[0.5]])
    np.testing.assert_allclose(scores.mase(rolled, "mean"), [[0.75]])
    np.testing.assert_allclose(scores.rmsse(rolled), [[np.sqrt(2.5 / 5)]])
    wanted = [(0.1 + 0.3) / 2, (0.5 + 0.5) / 2, (0.2 + 0.45) / 2]
    np.testing.assert_allclose(scores.pinball(rolled), [[wanted]])
    np.testing.assert_allclose(scores.scaled_quantile_loss(rolled), [[2 * np.mean(wanted) / 2]])
    assert scores.coverage(rolled, 0.1, 0.9) == 0.5
    np.testing.assert_allclose(scores.width(rolled, 0.1, 0.9), [[2.75 / 2]])


def walk(rows: int = 400, series: int = 3) -> Panel:
    value = np.random.default_rng(0).normal(0, 1, (series, rows)).cumsum(axis=1)
    names = tuple(f"s{i}" for i in range(series))
    return Panel(names, np.arange(rows, dtype=np.int64) * 1000, value)


def test_each_origin_sees_only_what_is_before_it() -> None:
    seen = []
    part = SeasonalNaive(horizon=4)

    def fit(history: Panel) -> object:
        seen.append(len(history))
        return part.fit(history)

    panel = walk()
    rolled = roll(fit, panel, origins_of(400, 4, 6, 20), 4, refit=2)  # type: ignore[arg-type]  # a fit that counts
    assert rolled.origins.tolist() == [296, 316, 336, 356, 376, 396]
    assert seen == [296, 336, 376]
    for i, origin in enumerate(rolled.origins):
        np.testing.assert_array_equal(rolled.truth[:, i], panel.value[:, origin : origin + 4])
        np.testing.assert_array_equal(rolled.mean[:, i, 0], panel.value[:, origin - 1])
        change = np.abs(np.diff(panel.value[:, :origin]))
        np.testing.assert_allclose(rolled.scale[:, i], change.mean(axis=1))


def test_seasonal_naive_beside_itself_is_one() -> None:
    rolled = roll(SeasonalNaive(horizon=4).fit, walk(), [300, 320, 340], 4)
    found = scores.summary(rolled, rolled)
    for name in ("mase", "rmsse", "sql", "pinball"):
        assert found[f"{name}_ratio"] == 1
        assert found[f"{name}_ratio_interval"] == (1, 1)


def test_the_interval_of_a_ratio_holds_the_true_one() -> None:
    random = np.random.default_rng(5)
    held = 0
    for draw in range(100):
        common = random.gamma(2, 1, (60, 1))
        ours, theirs = (
            common * random.gamma(8, 0.1, (60, 4)),
            common * random.gamma(8, 0.125, (60, 4)),
        )
        low, high = scores.ratio(ours, theirs, seed=draw)[1]
        held += low <= 0.8 <= high
    assert held >= 87


def test_constant_and_unknown_series_have_no_scale() -> None:
    value = np.stack([np.full(150, 3.0), np.full(150, np.nan), np.arange(150.0)])
    panel = Panel(("a", "b", "c"), np.arange(150, dtype=np.int64), value)
    rolled = roll(SeasonalNaive(horizon=2).fit, panel, [145], 2)
    assert np.isnan(rolled.scale[:2]).all()
    assert np.isnan(scores.mase(rolled)[:2]).all()
    assert scores.mase(rolled)[2, 0] == 0
    with pytest.raises(DataError, match="nothing is known"):
        scores.ratio(scores.mase(rolled)[:2], scores.mase(rolled)[:2])


def test_origins_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="need more than"):
        origins_of(50, 10, 5, 10)
    for origins in ([], [10, 10], [0], [399]):
        with pytest.raises(DataError, match="origins must rise"):
            roll(SeasonalNaive(horizon=4).fit, walk(), origins, 4)
