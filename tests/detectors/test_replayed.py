"""Recorded data through the whole twin: a detector learns from what passes, and finds the fault."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gemel.core.event import Event
from gemel.core.time import SECOND, isoformat, parse_time
from gemel.doors.cli.running import recorded, replayed
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import load

PLANT = """\
format: 1
plant: {site: Test}
connectors: {files: {kind: files}}
assets:
  pump:
    connector: files
    signals:
      pressure: {address: pressure}
      flow: {address: flow}
      current: {address: current}
      state: {type: enumeration, labels: {0: Stopped, 6: Execute}, role: state, address: state}
detectors:
  condition:
    kind: pca
    asset: pump
    learn: LEARN
    normal: state == 'Execute'
    lateness: 0 s
    hold: 5 s
alarms:
  flow_low: {asset: pump, when: flow < 30, on_delay: 2 s}
"""
START = parse_time("2020-03-01T06:00:00Z")
ROWS, STOPPED, FAULT = 900, slice(100, 150), 700


def recording(folder: Path, name: str = "pump.csv", *, repaired: bool = False) -> Path:
    random = np.random.default_rng(1)
    load_ = random.normal(size=ROWS)
    flow = 50 + 2 * load_ + random.normal(0, 0.2, ROWS)
    flow[FAULT:] -= 0 if repaired else 4
    flow[STOPPED] = 0
    start = START + (ROWS * SECOND if repaired else 0)
    rows = [
        f"{isoformat(start + i * SECOND)},{5 + 0.3 * load_[i] + random.normal(0, 0.03):.4f},"
        f"{flow[i]:.4f},{10 + load_[i]:.4f},{0 if STOPPED.start <= i < STOPPED.stop else 6}"
        for i in range(ROWS)
    ]
    path = folder / name
    path.write_text("\n".join(["time,pressure,flow,current,state", *rows]) + "\n")
    return path


def events(folder: Path, kind: str) -> list[Event]:
    with HISTORIANS.build({"kind": "duckdb"}).open(folder, system_clock) as store:
        return store.events(kind, order="oldest")


def replay(folder: Path, learn: str = "400 s", text: str = PLANT) -> dict[str, Any]:
    plant = folder / "plant.yaml"
    plant.write_text(text.replace("LEARN", learn))
    plan = recorded(load(plant), [str(recording(folder))], "max")
    return asyncio.run(replayed(plan, folder / "data", again=False, quiet=True))


def test_a_replay_learns_finds_and_alarms_in_the_time_of_the_recording(tmp_path: Path) -> None:
    assert replay(tmp_path)["stored"] == 4 * ROWS
    (model,) = events(tmp_path / "data", "model")
    evidence = model.payload["evidence"]
    # The first rows on the grid, without those of the stop.
    assert evidence["window"] == [START, START + 449 * SECOND]
    assert evidence["rows"]["all"] == 400
    finding = events(tmp_path / "data", "finding")[-1]
    assert finding.end is None
    assert 0 <= finding.time - (START + FAULT * SECOND) <= 3 * SECOND
    assert finding.payload["contributions"][0]["signal"] == "pump/flow"
    alarms = events(tmp_path / "data", "alarm")
    raised, cleared = (next(a for a in alarms if a.payload["active"] is on) for on in (True, False))
    assert raised.time == START + (STOPPED.start + 2) * SECOND
    assert cleared.time == START + STOPPED.stop * SECOND


def test_what_a_replay_finds_does_not_depend_on_how_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for rows in (10, 65_536):
        monkeypatch.setattr("gemel.parts.connectors.files.session.ROWS", rows)
        folder = tmp_path / str(rows)
        folder.mkdir()
        replay(folder)
        told = [(e.time, e.end, e.payload) for e in events(folder / "data", "finding")]
        models = [e.payload for e in events(folder / "data", "model")]
        found.append(json.dumps([told, models], default=dict))
    assert found[0] == found[1]


def test_a_task_is_the_same_detector_and_its_score_is_stored(tmp_path: Path) -> None:
    replay(tmp_path)
    detector = [(e.time, e.end, e.payload) for e in events(tmp_path / "data", "finding")]
    text = PLANT.replace("{files: {kind: files}}", "{push: {kind: http}}")
    text = text.replace("connector: files", "connector: push").replace("detectors:", "tasks:")
    text = text.replace("kind: pca", "task: anomaly")
    text = text.replace("normal: state", "normal: all\n    when: state")
    folder = tmp_path / "task"
    folder.mkdir()
    replay(folder, text=text)
    assert [(e.time, e.end, e.payload) for e in events(folder / "data", "finding")] == detector
    with HISTORIANS.build({"kind": "duckdb"}).open(folder / "data", system_clock) as store:
        number = store.catalogue.number("pump/condition")
        asked = Query(np.array([number], np.int32), START, START + ROWS * SECOND)
        table = store.query(asked)
    time, value = table.column(1).to_numpy(), table.column(2).to_numpy()
    assert time.min() == START + 450 * SECOND, "the first row after those it learned from"
    fault = time >= START + (FAULT + 10) * SECOND
    assert (value[fault] > 1).all()
    assert fault.any()
    assert np.mean(value[time < START + FAULT * SECOND] > 1) < 0.1


def test_a_finding_that_was_open_at_the_end_goes_on_after_a_restart(tmp_path: Path) -> None:
    replay(tmp_path)
    left = events(tmp_path / "data", "finding")[-1]
    assert left.lasts
    later = recording(tmp_path, "later.csv", repaired=True)
    plan = recorded(load(tmp_path / "plant.yaml"), [str(later)], "max")
    asyncio.run(replayed(plan, tmp_path / "data", again=False, quiet=True))
    found = events(tmp_path / "data", "finding")
    [ended] = [finding for finding in found if finding.time == left.time]
    assert not ended.lasts
    assert ended.supersedes == left.id
    assert ended.end is not None
    assert START + ROWS * SECOND <= ended.end < START + (ROWS + 60) * SECOND


def test_a_recording_that_is_too_short_leaves_the_watch_learning(tmp_path: Path) -> None:
    replay(tmp_path, learn="2 h")
    assert events(tmp_path / "data", "model") == []
    assert events(tmp_path / "data", "finding") == []


def test_machines_of_a_replay_are_told_by_the_recording(tmp_path: Path) -> None:
    plant = tmp_path / "plant.yaml"
    text = PLANT.replace("kind: files", "kind: http").replace("files", "push")
    plant.write_text(text.replace("LEARN", "1 h"))
    plan = recorded(load(plant), [str(recording(tmp_path))], "max")
    assert plan.machines["pump"].connector == "recording"
