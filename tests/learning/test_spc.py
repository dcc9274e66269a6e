"""Charts of what history holds: subgroups, limits from the first of them, levels that wander."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.plant import Specification
from gemel.core.time import SECOND
from gemel.twin.learning.spc import charted, subgroups

ASKED = Specification(lower=498.0, upper=502.0, target=500.0)


def measured(n: int, seed: int = 0, level: float = 500.0) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n) * SECOND, np.random.default_rng(seed).normal(level, 0.4, n)


def test_what_is_only_held_is_no_news() -> None:
    time, value = measured(30)
    held = np.repeat(value, 10)
    when, rows = subgroups(np.arange(300) * SECOND, held)
    assert rows[:, 0].tolist() == value.tolist()
    assert when.tolist() == (time * 10).tolist()


def test_of_many_each_stretch_gives_values_that_follow_each_other() -> None:
    time, value = measured(3600)
    when, rows = subgroups(time, value)
    assert rows.shape == (60, 5)
    assert np.array_equal(rows[7], value[7 * 60 : 7 * 60 + 5])
    assert when[7] == 7 * 60 * SECOND


def test_a_shift_is_seen_and_what_was_before_is_in_control() -> None:
    """Six sigmas of a subgroup's mean: the first subgroup after it is beyond the limit."""
    time, value = measured(3600)
    value[40 * 60 :] += 6 * 0.4 / np.sqrt(5)
    found = charted(time, value, ASKED)
    assert not found.wanders
    assert found.reference == 25
    assert found.chart.sigma == pytest.approx(0.4, rel=0.15)
    assert min(v.first for v in found.found if v.rule == 1) == 40
    assert all(v.last >= 38 for v in found.found)


def test_a_level_that_wanders_is_judged_by_its_steps() -> None:
    """Limits from within subgroups would be passed by every third mean of a process as always."""
    random = np.random.default_rng(1)
    slow = np.zeros(3600)
    for i in range(1, 3600):
        slow[i] = 0.98 * slow[i - 1] + random.normal(0, 0.08)
    value = 500 + slow + random.normal(0, 0.05, 3600)
    found = charted(np.arange(3600) * SECOND, value, ASKED)
    assert found.wanders
    assert sum(v.rule == 1 for v in found.found) <= 2
    assert "wanders more between subgroups" in found.notes[0]
    able = found.capability
    assert able is not None
    assert able.index("Cpk") is None, "it is not in control within"
    expected = min(502 - value.mean(), value.mean() - 498) / (3 * value.std())
    assert able.index("Ppk").value == pytest.approx(expected, rel=0.15)


def test_limits_are_looked_at_again_without_what_passes_them() -> None:
    time, value = measured(3600)
    value[5 * 60 : 6 * 60] += 3.0
    found = charted(time, value, None)
    assert "1 of the first 25 points are out of the limits they set" in found.notes
    assert found.chart.centre == pytest.approx(500, abs=0.06)


def test_a_few_values_are_charted_one_by_one_and_too_few_are_not() -> None:
    found = charted(*measured(40), ASKED)
    assert found.chart.kind == "i-mr"
    assert found.values.shape == (40, 1)
    with pytest.raises(DataError, match="a chart needs at least"):
        charted(*measured(1), ASKED)
    few = charted(*measured(8), ASKED)
    assert few.capability is None
    assert any("capability needs at least 10" in note for note in few.notes)
