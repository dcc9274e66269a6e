"""Probabilities and quantiles against scipy."""

from __future__ import annotations

import pytest
from scipy import stats

from gemel.core.control.quantiles import chi2_cdf, chi2_quantile, f_above, t_cdf, t_quantile

FREEDOM = (0.7, 1, 2, 3.5, 10, 61, 1000, 1e5)
CHANCES = (0.0005, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9995)


@pytest.mark.parametrize("df", FREEDOM)
def test_chi_square(df: float) -> None:
    for p in CHANCES:
        x = stats.chi2.ppf(p, df)
        assert chi2_quantile(p, df) == pytest.approx(x, rel=1e-9)
        assert chi2_cdf(x, df) == pytest.approx(p, rel=1e-9)
    assert chi2_cdf(-1, df) == chi2_cdf(0, df) == 0


@pytest.mark.parametrize("df", FREEDOM)
def test_students_t(df: float) -> None:
    for p in CHANCES:
        x = stats.t.ppf(p, df)
        assert t_quantile(p, df) == pytest.approx(x, rel=1e-8, abs=1e-12)
        assert t_cdf(x, df) == pytest.approx(p, rel=1e-8)


@pytest.mark.parametrize("df", [(1, 1), (2, 18), (18, 60), (9, 60), (300, 2)])
def test_f(df: tuple[int, int]) -> None:
    for x in (0.001, 0.4, 1.0, 4.0, 30.0, 500.0):
        assert f_above(x, *df) == pytest.approx(stats.f.sf(x, *df), rel=1e-8)
    assert f_above(0, *df) == 1


@pytest.mark.parametrize("p", [-0.1, 0.0, 1.0, 2.0])
def test_a_probability_lies_between_0_and_1(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        chi2_quantile(p, 3)
