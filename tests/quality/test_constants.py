"""Constants against the printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gemel.core.control.constants import constants, range_mean

# Montgomery, Introduction to Statistical Quality Control, appendix VI.
# n: A2 A3 c4 B3 B4 d2 d3 D3 D4
PRINTED = """
2  1.880 2.659 0.7979 0     3.267 1.128 0.853 0     3.267
3  1.023 1.954 0.8862 0     2.568 1.693 0.888 0     2.574
4  0.729 1.628 0.9213 0     2.266 2.059 0.880 0     2.282
5  0.577 1.427 0.9400 0     2.089 2.326 0.864 0     2.114
6  0.483 1.287 0.9515 0.030 1.970 2.534 0.848 0     2.004
7  0.419 1.182 0.9594 0.118 1.882 2.704 0.833 0.076 1.924
8  0.373 1.099 0.9650 0.185 1.815 2.847 0.820 0.136 1.864
9  0.337 1.032 0.9693 0.239 1.761 2.970 0.808 0.184 1.816
10 0.308 0.975 0.9727 0.284 1.716 3.078 0.797 0.223 1.777
11 0.285 0.927 0.9754 0.321 1.679 3.173 0.787 0.256 1.744
12 0.266 0.886 0.9776 0.354 1.646 3.258 0.778 0.283 1.717
13 0.249 0.850 0.9794 0.382 1.618 3.336 0.770 0.307 1.693
14 0.235 0.817 0.9810 0.406 1.594 3.407 0.763 0.328 1.672
15 0.223 0.789 0.9823 0.428 1.572 3.472 0.756 0.347 1.653
16 0.212 0.763 0.9835 0.448 1.552 3.532 0.750 0.363 1.637
17 0.203 0.739 0.9845 0.466 1.534 3.588 0.744 0.378 1.622
18 0.194 0.718 0.9854 0.482 1.518 3.640 0.739 0.391 1.608
19 0.187 0.698 0.9862 0.497 1.503 3.689 0.734 0.403 1.597
20 0.180 0.680 0.9869 0.510 1.490 3.735 0.729 0.415 1.585
21 0.173 0.663 0.9876 0.523 1.477 3.778 0.724 0.425 1.575
22 0.167 0.647 0.9882 0.534 1.466 3.819 0.720 0.434 1.566
23 0.162 0.633 0.9887 0.545 1.455 3.858 0.716 0.443 1.557
24 0.157 0.619 0.9892 0.555 1.445 3.895 0.712 0.451 1.548
25 0.153 0.606 0.9896 0.565 1.435 3.931 0.708 0.459 1.541
"""
NAMES = ("A2", "A3", "c4", "B3", "B4", "d2", "d3", "D3", "D4")


def printed() -> dict[int, dict[str, str]]:
    rows = (line.split() for line in PRINTED.strip().splitlines())
    return {int(n): dict(zip(NAMES, cells, strict=True)) for n, *cells in rows}


def off() -> set[tuple[int, str]]:
    """What is not as printed to the last digit."""
    found = set()
    for n, row in printed().items():
        for name, text in row.items():
            decimals = len(text.partition(".")[2]) or 3
            if round(getattr(constants(n), name), decimals) != float(text):
                found.add((n, name))
    return found


COARSE = {(3, "D4"), (18, "D4"), (19, "d3"), (19, "D3"), (19, "D4"), (22, "D3"), (22, "D4"),
          (24, "D3")}  # fmt: skip
"""Printed from rounded d2 and d3, one unit of the last digit off: D4 of 3 is 2.5746."""


def test_the_printed_table_to_all_its_digits() -> None:
    assert off() == COARSE
    for n, name in COARSE:
        assert getattr(constants(n), name) == pytest.approx(float(printed()[n][name]), abs=0.001)


def test_closed_forms() -> None:
    assert constants(2).d2 == pytest.approx(2 / math.sqrt(math.pi), rel=1e-13)
    assert constants(2).d3 == pytest.approx(math.sqrt(2 - 4 / math.pi), rel=1e-12)
    assert constants(3).d2 == pytest.approx(3 / math.sqrt(math.pi), rel=1e-13)
    variance = 2 + 3 * math.sqrt(3) / math.pi - 9 / math.pi
    assert constants(3).d3 == pytest.approx(math.sqrt(variance), rel=1e-8)


@pytest.mark.parametrize("n", [4, 7, 25, 60])
def test_mean_and_spread_of_the_range_of_another_integration(n: int) -> None:
    """The studentized range with a known standard deviation is the range."""
    r = np.linspace(0, 12, 4001)
    beyond = 1 - stats.studentized_range.cdf(r, n, np.inf)
    step = r[1] - r[0]
    mean = np.trapezoid(beyond, dx=step)
    square = np.trapezoid(2 * r * beyond, dx=step)
    assert constants(n).d2 == pytest.approx(mean, abs=1e-5)
    assert constants(n).d3 == pytest.approx(math.sqrt(square - mean**2), abs=1e-5)


def test_the_other_names() -> None:
    five = constants(5)
    assert pytest.approx(1.342, abs=5e-4) == five.A
    assert (round(five.B5, 3), round(five.B6, 3)) == (0, 1.964)
    assert (five.D1, round(five.D2, 3)) == (0, 4.918)
    assert round(constants(2).E2, 2) == 2.66


@pytest.mark.parametrize(
    ("n", "groups", "d2_star"),
    [(2, 1, 1.41421), (3, 1, 1.91155), (10, 1, 3.17905), (5, 1, 2.48124), (5, 20, 2.33394)],
)
def test_d2_star_is_that_of_aiag(n: int, groups: int, d2_star: float) -> None:
    """AIAG Measurement Systems Analysis, 4th edition, appendix C; 5 and 20: from d2 and d3."""
    assert range_mean(n, groups) == pytest.approx(d2_star, abs=2e-5)


@pytest.mark.parametrize("n", [-1, 0, 1])
def test_one_value_has_no_spread(n: int) -> None:
    with pytest.raises(ValueError, match="no spread"):
        constants(n)


def test_large_subgroups_are_no_trouble() -> None:
    large = constants(1000)
    assert large.d2 == pytest.approx(6.48287, abs=1e-5)
    assert 0.99974 < large.c4 < 0.99976
    assert 0.9 < large.B3 < 1 < large.B4 < 1.1
