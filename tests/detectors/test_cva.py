"""Canonical variates against an analytic case and against a computation of their own."""

from typing import Any

import numpy as np
import pytest
from scipy import linalg

from gemel.core.errors import DataError
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.cva import CVA

SECOND = 10**9

PLAIN: dict[str, Any] = {
    "averages": (1,), "smoothing": 1, "wander": 1, "blocks": 1, "shrinkage": 0,
}  # fmt: skip
"""One model of the rows as they are, limits from the last block."""


def window(value: np.ndarray, start: int = 0) -> Window:
    names = tuple(f"s{j}" for j in range(value.shape[1]))
    return Window((start + np.arange(len(value))) * SECOND, value, names)


def first_order(rows: int, seed: int, coefficients: tuple[float, ...] = (0.9, 0.5, 0.0)) -> Any:
    """Independent processes x[t] = a x[t-1] + e of variance 1, about a mean of 5."""
    random = np.random.default_rng(seed)
    a = np.array(coefficients)
    value = random.normal(size=(rows + 100, len(a)))
    value[1:] *= np.sqrt(1 - a**2)
    for t in range(1, len(value)):
        value[t] += a * value[t - 1]
    return 5 + value[100:]


def test_canonical_correlations_of_first_order_processes_are_their_coefficients() -> None:
    """One row ahead and one back, such a process has the canonical correlation a; more rows of the
    past add nothing, since it is Markov (Box and Tiao, Biometrika 64 (1977) 355)."""
    model = CVA(**PLAIN, past=2, future=1).fit(window(first_order(60_000, 0)))
    found = model.evidence()["scales"][0]
    np.testing.assert_allclose(found["canonical_correlations"][:3], [0.9, 0.5, 0], atol=0.02)
    assert found["states"] == 2
    states = np.abs(model.members[0].directions[:2])
    assert states.argmax(axis=1).tolist() == [0, 1]  # the newest rows of both


@pytest.mark.parametrize("statistic", ["t2", "spe"])
def test_statistics_are_those_of_a_generalised_eigenvalue_problem(statistic: str) -> None:
    """Weights of the past solve Σpf Σff⁻¹ Σfp w = ρ² Σpp w: another way than ours to the same."""
    value, later = first_order(4000, 0), first_order(60, 1)
    settings = CVA(**PLAIN, past=3, future=2, states=2, statistic=statistic)
    score, _ = settings.fit(window(value)).members[0].start()(window(later))

    fitting = value[: 4000 - 1200 - 10]
    mean, spread = fitting.mean(axis=0), fitting.std(axis=0)

    def pasts(rows: np.ndarray) -> np.ndarray:
        z = (rows - mean) / spread
        return np.hstack([z[2:], z[1:-1], z[:-2]])

    past, z = pasts(fitting)[:-2], (fitting - mean) / spread
    future = np.hstack([z[3:-1], z[4:]])
    c = np.cov(np.hstack([past, future]).T)
    pp, pf, ff = c[:9, :9], c[:9, 9:], c[9:, 9:]
    square, weights = linalg.eigh(pf @ np.linalg.solve(ff, pf.T), pp)
    weights = weights[:, np.argsort(-square)]
    variates = pasts(later) @ weights
    scale = (pasts(fitting) @ weights).var(axis=0)
    parts = variates**2 / scale
    wanted = parts[:, :2].sum(axis=1) if statistic == "t2" else None
    if wanted is None:
        # Directions with a correlation of 0 are not unique, their sum of squares is; so nearly is
        # the sum that is weighted by variances, which all are about 1.
        wanted = parts[:, 2:].sum(axis=1)
    ratio = score[2:] / wanted
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-6 if statistic == "t2" else 1e-2)


def test_limits_are_quantiles_of_rows_that_were_held_out() -> None:
    model = CVA(**PLAIN, false_alarm_rate=0.01).fit(window(first_order(20_000, 0)))
    assert model.evidence()["limit"]["source"] == "quantile"
    alarm = model.start()(window(first_order(20_000, 1))).alarm
    assert alarm.mean() == pytest.approx(0.01, rel=0.3)


def test_sees_a_change_of_dynamics_that_no_single_row_shows() -> None:
    settings = CVA(averages=(1,), smoothing=0.05, shrinkage=0)  # a level that stays tells nothing
    model = settings.fit(window(first_order(6000, 0)))
    same = model.start()(window(first_order(2000, 1)))
    faster = model.start()(window(first_order(2000, 2, (-0.9, 0.5, 0.0))))
    assert same.alarm.mean() < 0.01
    assert faster.alarm[200:].mean() > 0.8
    assert (faster.contribution[200:].argmax(axis=1) == 0).mean() > 0.8


def test_dependent_and_constant_signals_make_nothing_singular() -> None:
    value = first_order(3000, 0)
    value = np.column_stack([value, value[:, 0] + value[:, 1], np.full(3000, 7.0)])
    model = CVA(shrinkage=0).fit(window(value))
    assert model.evidence()["constant"] == ["s4"]
    later = np.column_stack([first_order(400, 1), np.zeros(400), np.full(400, 7.0)])
    later[:, 3] = later[:, 0] + later[:, 1]
    assert model.start()(window(later)).alarm.mean() < 0.01
    later[200:, 3] += 0.5
    score = model.start()(window(later))
    assert score.alarm[230:].all()
    assert np.isfinite(score.contribution).all()


def test_missing_rows_are_no_past_and_no_future() -> None:
    value = first_order(4000, 0)
    value[::40] = np.nan
    model = CVA(missing=0.5).fit(window(value))
    score = model.start()(window(first_order(400, 1)))
    assert not score.alarm.any()
    value[::2] = np.nan
    with pytest.raises(DataError, match="are complete"):
        CVA().fit(window(value[:300]))
    value = first_order(900, 0)
    value[::5] = np.nan
    with pytest.raises(DataError, match="followed by a complete future"):
        CVA(past=2, future=4).fit(window(value))


def test_too_short_a_window_is_refused_with_what_is_needed() -> None:
    with pytest.raises(DataError, match=r"100 rows of 20 signals.*needs at least \d+ rows"):
        CVA().fit(window(np.random.default_rng(0).normal(size=(100, 20))))
