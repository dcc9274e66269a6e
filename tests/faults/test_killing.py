"""kill -9 at random moments: everything acknowledged is there, once, without repair by hand.

The long form, 200 kills, is `make faults`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.killing import kill_again_and_again


@pytest.mark.faults
def test_everything_acknowledged_survives_being_killed(tmp_path: Path) -> None:
    result = kill_again_and_again(tmp_path, kills=8, seed=20261122)
    assert result.acknowledged > 10_000
    assert (result.lost, result.duplicated, result.invented, result.damaged) == (0, 0, 0, 0)
