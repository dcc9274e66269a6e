"""How far a supply file looks ahead."""

import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.supply import Supply
from gemel.core.time import DAY

STAGES = {"a": {"demand": {"kind": "constant", "mean": 5}, "holding_cost": 1}}


def test_it_looks_ahead_in_its_own_periods() -> None:
    months = Supply.read({"period": "30 d", "stages": STAGES})
    assert (months.looks, months.plans) == (28 * 30 * DAY, 14 * 30 * DAY)
    days = Supply.read({"stages": STAGES, "horizon": "10 d"})
    assert (days.looks, days.plans) == (10 * DAY, 10 * DAY)
    with pytest.raises(ConfigurationError, match=r"horizon: is 1 d: 0.0333\d* periods"):
        Supply.read({"period": "30 d", "horizon": "1 d", "stages": STAGES})
