"""The whole daemon under faults, short; `make faults` has the long forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.load import kill_under_load
from tests.faults.overload import offer
from tests.faults.restart import restart_reordered


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_what_was_answered_over_http_survives_kills_of_the_daemon(tmp_path: Path) -> None:
    result = kill_under_load(tmp_path, kills=3, seed=20261122)
    assert result.acknowledged > 0
    assert (result.lost, result.duplicated, result.invented, result.damaged) == (0, 0, 0, 0)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_an_opcua_server_restarts_with_its_namespaces_reordered(tmp_path: Path) -> None:
    result = restart_reordered(tmp_path)
    assert result.gaps, "no gap was recorded"
    assert all(gap["refilled"] for gap in result.gaps)
    assert result.refilled > 0
    assert (result.strange, result.repeated) == (0, 0)


@pytest.mark.faults
async def test_five_times_the_load_loses_nothing_unsaid(tmp_path: Path) -> None:
    result = await offer(tmp_path, times=5, seconds=2)
    assert result.mirrored == result.offered
    assert result.stored + result.refused == result.offered
    assert result.in_gaps == result.refused
    assert result.shown
    assert result.most_waiting <= 2_100_000, "both queues, and a Frame in each"
