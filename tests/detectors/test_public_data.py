"""On data that nobody here wrote. Test runs of the benchmark are left to the benchmark."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.compression import compressed, errors
from benchmarks.detection import RATE, skab_ours, tep_normal, tep_ours, tep_peer
from benchmarks.detection_metrics import binary
from benchmarks.detection_peers import t2_q_held_out
from benchmarks.public_data import cwru, frame_of, skab, tep
from tests.public import public_data

from gemel.parts.detectors.pca import PCA
from gemel.parts.operators.swinging_door import SwingingDoor


@pytest.fixture(scope="module")
def data() -> Path:
    return public_data()


@pytest.mark.data
def test_tep_training_faults_are_found_and_more_than_by_t2_and_q(data: Path) -> None:
    ours = tep_ours(data, {"kind": "pca"})
    theirs = tep_peer(data, t2_q_held_out, RATE)
    runs = [tep(data, f"d{fault:02d}") for fault in range(1, 22)]
    found = np.mean([ours(run)[1].mean() for run in runs])
    assert found > 0.78
    assert found > np.mean([theirs(run)[1].mean() for run in runs]) + 0.1
    assert ours(tep(data, "d00"))[1].mean() < 0.01


@pytest.mark.data
def test_tep_limits_come_from_the_held_out_run(data: Path) -> None:
    normal, share = tep_normal(data)
    evidence = PCA(held_out=share, gap=0, blocks=1, lags=2).fit(normal).evidence()
    assert evidence["rows"]["held_out"] == 958  # two rows after the pause lack their lags
    assert evidence["held_out_from"] == int(normal.time[500])


@pytest.mark.data
def test_skab_valve_is_seen_without_drowning_in_alarms(data: Path) -> None:
    run = next(run for run in skab(data) if run.name == "valve1/0")
    _, alarm = skab_ours(run, PCA())
    found = binary(run.anomaly[400:], alarm[400:])
    assert found["FAR %"] < 10
    assert found["MAR %"] < 70


@pytest.mark.data
@pytest.mark.parametrize("name", ["d00_te", "cwru"])
def test_swinging_door_keeps_its_promise_on_recordings(data: Path, name: str) -> None:
    run = cwru(data) if name == "cwru" else tep(data, name)
    span = np.ptp(run.value, axis=0)
    deviations = {j: float(0.02 * s) for j, s in enumerate(span) if s > 0}
    kept = compressed([frame_of(run)], SwingingDoor(deviations=deviations))
    assert len(kept) < run.value.size
    assert (np.abs(errors(run, kept, hold=False)).max(axis=0) <= 0.02 * span * (1 + 1e-9)).all()
