"""Features of fast signals in the running twin: the same as from the operator, whatever happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.reloading import Twin, twin, until

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.time import MILLISECOND, SECOND
from gemel.runtime.configuration import check, load
from gemel.twin.mirror import features

T0 = 1_700_000_000 * SECOND
RATE = 100
PLANT = """\
format: 1
connectors:
  push: {{kind: http}}
assets:
  line/pump:
    connector: push
    signals:
      vibration: {{title: Vibration, unit: mm/s}}
      speed: {{unit: 1/min}}
      running: {{type: boolean}}
  line/fan:
    connector: push
    signals:
      vibration: {{unit: mm/s}}
      speed: {{unit: 1/min}}
features:
{features}
{more}"""
STRENGTH = "  strength: {kind: statistics, signals: [line/*/vibration], window: 1 s, tell: [rms]}"
ORDERS = """\
  turning:
    kind: order_spectrum
    signals: [line/*/vibration]
    window: 2 s
    rate: 100
    turns: 8
    orders: {unbalance: 1.0}
    speed: speed
    speed_unit: Hz
"""


def plant(features: str = STRENGTH, more: str = "") -> str:
    return PLANT.format(features=features, more=more)


def wave(seconds: float, strength: float = 3.0, turns: float = 10.0) -> Values:
    t = np.arange(round(seconds * RATE)) / RATE
    return strength * np.sin(2 * np.pi * turns * t)


async def send(running: Twin, path: str, values: Values, start: float = 0.0) -> None:
    times = (T0 + round(start * SECOND) + np.arange(len(values)) * 10 * MILLISECOND).tolist()
    await running.push(*((path, t, v) for t, v in zip(times, values.tolist(), strict=True)))


async def test_they_are_signals_that_alarms_may_look_at(tmp_path: Path) -> None:
    alarm = 'alarms:\n  shakes: {asset: line/pump, when: "vibration_rms > 4"}\n'
    async with twin(tmp_path, plant(more=alarm)) as running:
        await send(running, "line/pump/vibration", wave(3.01))
        assert running.stored("line/pump/vibration_rms") == pytest.approx([3 / 2**0.5] * 3)
        assert not running.told("alarm")
        await send(running, "line/pump/vibration", wave(2.01, strength=9.0), start=3.01)
        await until(lambda: running.told("alarm"))
        assert running.value("line/pump/vibration_rms") == pytest.approx(9 / 2**0.5, rel=0.02)
        made = running.daemon.planned["line/pump/vibration_rms"]
        assert (made.signal.unit, made.signal.title) == ("mm/s", "Vibration, rms")
        assert running.daemon.status()["features"] == {
            "made": 5, "left_out": [{"name": "strength", "late": 0, "suspect": 0}],
        }  # fmt: skip


async def test_a_stop_in_the_midst_of_a_window_changes_nothing(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=1_001)
    (tmp_path / "whole").mkdir()
    async with twin(tmp_path / "whole", plant()) as running:
        await send(running, "line/pump/vibration", values)
        whole = running.stored("line/pump/vibration_rms")
    assert len(whole) == 10
    for cut in (37, 499):
        (tmp_path / str(cut)).mkdir()
        for part in (values[:cut], values[cut:]):
            async with twin(tmp_path / str(cut), plant()) as running:
                start = 0.0 if len(part) == cut else cut / RATE
                await send(running, "line/pump/vibration", part, start)
                stored = running.stored("line/pump/vibration_rms")
        assert stored == whole


async def test_windows_are_taken_up_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, spans = features._history, list[tuple[int, int]]()

    def noted(store: Any, numbers: Any, start: int, end: int) -> Any:
        spans.append((start - T0, end - T0))
        return history(store, numbers, start, end)

    monkeypatch.setattr(features, "_history", noted)
    async with twin(tmp_path, plant()) as running:
        await send(running, "line/pump/vibration", wave(5.5))
    assert spans == []  # there was nothing yet
    async with twin(tmp_path, plant()):
        last = round((5.5 - 1 / RATE) * SECOND)
        assert spans == [(s * SECOND, min((s + 1) * SECOND, last + 1)) for s in (3, 4, 5)]


async def test_a_window_in_whose_midst_it_began_is_not_told(tmp_path: Path) -> None:
    async with twin(tmp_path, plant()) as running:
        await send(running, "line/pump/vibration", wave(2.51), start=0.5)
        assert len(running.stored("line/pump/vibration_rms")) == 2


async def test_another_signal_of_the_same_asset_is_looked_at(tmp_path: Path) -> None:
    async with twin(tmp_path, plant(ORDERS)) as running:
        for name, turns, strength in (("pump", 10.0, 3.0), ("fan", 20.0, 5.0)):
            speeds = [(f"line/{name}/speed", T0 + i * SECOND // 2, turns) for i in range(10)]
            await running.push(*speeds)
            await send(running, f"line/{name}/vibration", wave(4.5, strength, turns))
            told = running.stored(f"line/{name}/vibration_unbalance")
            assert told == pytest.approx([strength] * 2, rel=0.02)


async def test_a_later_one_looks_at_what_an_earlier_one_makes(tmp_path: Path) -> None:
    trend = (
        "  trend: {kind: statistics, signals: [line/pump/vibration_rms], window: 4 s, tell: [mean]}"
    )
    async with twin(tmp_path, plant(f"{STRENGTH}\n{trend}")) as running:
        await send(running, "line/pump/vibration", wave(9.01))
        # The first sample of the rms comes at the end of its first second.
        assert running.stored("line/pump/vibration_rms_mean") == pytest.approx([3 / 2**0.5])


async def test_another_plant_file_goes_on_with_what_is_equal(tmp_path: Path) -> None:
    peak = "  highest: {{kind: statistics, signals: [line/fan/vibration], window: 1 s, tell: [{}]}}"
    async with twin(tmp_path, plant(f"{STRENGTH}\n{peak.format('peak')}")) as running:
        await send(running, "line/pump/vibration", wave(1.5))
        await send(running, "line/fan/vibration", wave(1.5))
        told = await running.become(plant(f"{STRENGTH}\n{peak.format('max')}"))
        assert told["changed"] == {"features": ["highest"]}
        await send(running, "line/pump/vibration", wave(1.51), start=1.5)
        await send(running, "line/fan/vibration", wave(1.51), start=1.5)
        assert running.stored("line/pump/vibration_rms") == pytest.approx([3 / 2**0.5] * 3)
        assert len(running.stored("line/fan/vibration_peak")) == 1
        assert len(running.stored("line/fan/vibration_max")) == 1, "began in the midst of a window"
        await running.become(plant())
        assert "line/fan/vibration_max" not in running.daemon.planned


async def test_one_that_fails_is_set_aside_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peak = "  highest: {kind: statistics, signals: [line/fan/vibration], window: 1 s, tell: [peak]}"
    async with twin(tmp_path, plant(f"{STRENGTH}\n{peak}")) as running:

        def fails(frame: object) -> None:
            raise ZeroDivisionError("by zero")

        broken = running.daemon.rooms.shapers["highest"]
        monkeypatch.setattr(broken, "_running", [fails])
        await send(running, "line/fan/vibration", wave(2.01))
        await send(running, "line/pump/vibration", wave(2.01))
        assert len(running.stored("line/pump/vibration_rms")) == 2
        assert len(running.stored("line/fan/vibration")) == 201, "samples are stored all the same"
        assert running.daemon.status()["problems"] == [
            "highest has failed: ZeroDivisionError: by zero"
        ]
        assert [event.subject for event in running.told("part_failed")] == ["highest"]
        await running.become(plant(f"{STRENGTH}\n{peak}", more="alarms: {}\n"))
        assert running.daemon.status()["problems"], "it stays aside as long as it is the same"
        await running.become(plant(f"{STRENGTH}\n{peak.replace('peak', 'max')}"))
        assert not running.daemon.status()["problems"]


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ("  a: {kind: deadband, width: 1, signals: [line/pump/vibration]}",
         "plant.yaml:17: features 'a': kind: 'deadband' tells no features of windows; known: "
         "envelope_spectrum, log_mel, order_spectrum, spectrum, statistics"),
        ("  a: {kind: statistics, window: 1 s}",
         "plant.yaml:17: features 'a': signals: is missing"),
        ("  a: {kind: statistics, window: 1 s, signals: [line/pump/vibratoin]}",
         "plant.yaml:17: feature 'a': signals: no signal matches 'line/pump/vibratoin'; did you "
         "mean 'line/pump/vibration'?"),
        ("  a: {kind: statistics, window: 1 s, signals: [line/pump/running]}",
         "plant.yaml:17: feature 'a': signals: 'line/pump/running' is a boolean, must be a number"),
        ("  a: {kind: statistics, window: 1 s, signals: [line/pump/speed], tell: [rsm]}",
         "plant.yaml:17: features 'a': tell: no 'rsm'; did you mean 'rms'?"),
        (STRENGTH + "\n" + STRENGTH.replace("strength", "again"),
         "plant.yaml:18: feature 'again': 'line/pump/vibration_rms' is a signal already; tell "
         "something else"),
        ("  a: {kind: statistics, window: 1 s, signals: [line/pump/speed], outputs: {}}",
         "plant.yaml:17: features 'a': outputs: name signals by `signals`, and what is told by "
         "`tell`"),
        (ORDERS.replace("speed: speed", "speed: rpm"),
         "plant.yaml:24: feature 'turning': speed: no signal 'rpm' beside 'line/pump/vibration'; "
         "known: "),
        (ORDERS.replace("speed: speed", "speed: 3"),
         "plant.yaml:24: features 'turning': speed: 3, must be the path of a signal"),
        ("  a: {kind: spectrum, window: 1 s, rate: 10, signals: [line/pump/speed]}",
         "plant.yaml:17: features 'a': operator 'spectrum': a window of 1 s holds 10 samples at 10 "
         "Hz, must hold at least 64"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, features: str, says: str) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(plant(features))
    with pytest.raises(ConfigurationError) as raised:
        load(path)
    assert str(raised.value).startswith(says)
    assert str(check(path)[0]).startswith(says)


def test_a_deadband_beside_a_feature_is_doubted(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(plant().replace("unit: mm/s}", "unit: mm/s, deadband: 1}"))
    (advice,) = [one for one in check(path) if "deadband" in one.sentence]
    assert (advice.where, advice.severity) == ("plant.yaml:17", "note")
