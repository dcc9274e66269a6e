"""Faults move exactly what the truth says, and the story is visible before any limit is."""

from typing import Any

import numpy as np
import pytest

from gemel.virtual.faults import KINDS, NS, Fault
from gemel.virtual.line import Line
from gemel.virtual.packml import Command, State
from gemel.virtual.scenario import QUIET, STORY, Scenario
from gemel.virtual.signals import BY_PATH, SIGNALS, Value

START_NS = 1_750_000_000 * NS
Rows = list[dict[str, Value]]


def make(seed: int = 1, scenario: Scenario = QUIET) -> Line:
    return Line(np.random.default_rng(seed), START_NS, scenario)


def trace(line: Line, seconds: float, every_s: float = 0.2) -> Rows:
    begin = line.time_ns
    rows = []
    for number in range(1, round(seconds / every_s) + 1):
        line.advance(begin + round(number * every_s * NS))
        rows.append(line.values())
    return rows


def matrix(rows: Rows, paths: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([[float(row[path]) for path in paths] for row in rows])


CASES = [
    ("filler_valve", "Filler"),
    ("capper_bearing", "Capper"),
    ("glue_cold", "Labeller"),
    ("rinser_pressure", "Rinser"),
    ("thicker_product", "Filler"),
    ("sensor_stuck", "Filler.ProductTemperature"),
    ("sensor_drift", "Line2.Capper.BearingTemperature"),
]


def test_every_kind_of_fault_has_a_case() -> None:
    assert {kind for kind, _ in CASES} == set(KINDS)


@pytest.mark.parametrize(("kind", "asset"), CASES)
def test_a_fault_moves_the_signals_that_the_truth_names_and_no_others(
    kind: str, asset: str
) -> None:
    healthy, sick = make(), make()
    sick.inject(Fault(kind, asset, START_NS + 20 * NS))
    (truth,) = sick.truth()
    paths = [signal.path for signal in SIGNALS if signal.type != "string"]
    before, after = trace(healthy, 20), trace(sick, 19.8)
    assert after == before[: len(after)], "nothing moves before the fault starts"
    before, after = trace(healthy, 170), trace(sick, 170.2)[1:]
    difference = np.abs(matrix(after, paths) - matrix(before, paths))
    moved = {path for path, column in zip(paths, difference.T, strict=True) if column.any()}
    named = set(truth.signals) | set(truth.consequences)
    assert set(truth.signals) <= moved
    machine = ".".join(truth.signals[0].split(".")[:2])
    own = {path for path in moved if path.startswith(machine + ".")}
    assert own <= named
    if truth.spreads:
        untouched = ("Line2.AmbientTemperature", "Line2.AirPressure", "Line2.Filler.BowlPressure")
        assert moved.isdisjoint(untouched)
    else:
        assert moved <= named
    for path in truth.signals:
        if BY_PATH[path].type == "double":
            column = difference[-200:, paths.index(path)]
            noise = matrix(before, [path]).std()
            assert column.mean() > 0.8 * noise, f"{path} moves clearly"


def test_a_worn_filler_valve_has_the_promised_size_and_less_speed_relieves_it() -> None:
    line = make()
    line.inject(Fault("filler_valve", "Filler", START_NS))
    trace(line, 60)
    full = matrix(trace(line, 60), ["Line2.Filler.Valve14OpenTime", "Line2.Filler.FillLevel"])
    assert full[:, 0].mean() / 2.4 == pytest.approx(1.09, abs=0.01)
    assert full[:, 1].mean() == pytest.approx(503.6, abs=0.4)
    rejects = _rejects_per_minute(line, 120)
    line.write("Line2.Filler.SpeedSetpoint", 22_500 * 0.96)
    trace(line, 20)
    relieved = matrix(trace(line, 60), ["Line2.Filler.Valve14OpenTime", "Line2.Filler.FillLevel"])
    assert relieved[:, 1].mean() == pytest.approx(500.9, abs=0.4)
    assert relieved[:, 0].mean() < full[:, 0].mean()
    assert _rejects_per_minute(line, 120) < 0.5 * rejects
    assert line.clear("filler_valve", "Filler")
    assert not line.clear("filler_valve", "Filler")


def _rejects_per_minute(line: Line, seconds: float) -> float:
    before = line.machines["Filler"].state.rejected
    trace(line, seconds)
    return (line.machines["Filler"].state.rejected - before) * 60 / seconds


def test_bearing_damage_grows_faster_at_speed_and_ends_in_a_trip() -> None:
    fast, slow = make(), make()
    for line in (fast, slow):
        line.inject(Fault("capper_bearing", "Capper", START_NS + NS))
    slow.write("Line2.Filler.SpeedSetpoint", 15_000.0)
    slow.write("Line2.Capper.SpeedSetpoint", 15_000.0)
    band = "Line2.Capper.BearingBand"
    assert float(trace(fast, 120)[-1][band]) > 1.5 * float(trace(slow, 120)[-1][band])
    rows = trace(fast, 180)
    assert rows[-1]["Line2.Capper.State"] == State.ABORTED
    reasons = BY_PATH["Line2.Capper.StopReason"].enumeration
    assert reasons[int(rows[-1]["Line2.Capper.StopReason"])] == "DriveTrip"
    fast.clear("capper_bearing", "Capper")
    for command in (Command.CLEAR, Command.RESET, Command.START):
        fast.command("Capper", command)
        rows = trace(fast, 4)
    rows = trace(fast, 60)
    assert rows[-1]["Line2.Capper.State"] == State.EXECUTE
    assert float(rows[-1][band]) < 0.2


def test_a_stuck_sensor_shows_one_value_and_a_drifting_one_leaves() -> None:
    line = make()
    line.inject(
        Fault("sensor_stuck", "Rinser.WaterPressure", START_NS + 5 * NS, START_NS + 65 * NS)
    )
    line.inject(Fault("sensor_drift", "Filler.ProductTemperature", START_NS + 5 * NS))
    rows = trace(line, 60)[30:]
    assert len({row["Line2.Rinser.WaterPressure"] for row in rows}) == 1
    drift = matrix(rows, ["Line2.Filler.ProductTemperature"])
    assert drift[-1, 0] - drift[0, 0] > 0.5
    rows = trace(line, 30)[30:]
    assert len({row["Line2.Rinser.WaterPressure"] for row in rows}) > 20, "repaired at its end"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("filler_valv", "Filler", 0), "did you mean 'filler_valve'"),
        (Fault("filler_valve", "Capper", 0), "no asset for filler_valve named 'Capper'"),
        (Fault("sensor_stuck", "Filler.FilLevel", 0), "did you mean 'Filler.FillLevel'"),
        (Fault("glue_cold", "Labeller", 0, None, 0.0), "severity is 0.0"),
    ],
)
def test_a_wrong_fault_says_what_would_have_worked(fault: Fault, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().inject(fault)


def test_the_story_passes_no_limit_before_the_network_cut() -> None:
    line = make(1, STORY)
    valve, bearing = (truth.fault for truth in line.truth())
    assert 30 * NS <= valve.start_ns - START_NS <= 40 * NS
    assert bearing.start_ns - START_NS == 80 * NS
    (cut,) = STORY.cuts
    assert (cut.at_s, cut.for_s) == (200.0, 20.0)
    for row in trace(line, cut.at_s):
        for signal in SIGNALS:
            value = row[signal.path]
            if signal.low_limit is not None:
                assert float(value) > signal.low_limit, signal.path
            if signal.high_limit is not None:
                assert float(value) < signal.high_limit, signal.path


@pytest.mark.parametrize("seed", [1, 2])
def test_the_pattern_shows_the_faults_of_the_story_in_time(seed: int) -> None:
    """Principal components on one second means; the limit comes from held-out normal running."""
    line = make(seed)
    normal = trace(line, 600)
    line.begin(STORY)
    live = trace(line, 200)
    for machine, start_s, within_s in (("Filler", 35.0, 45.0), ("Capper", 80.0, 60.0)):
        found_s = _first_alarm_s(normal, live, machine)
        assert start_s - 1.0 <= found_s <= start_s + within_s, machine


def _first_alarm_s(normal: Rows, live: Rows, machine: str) -> float:
    paths = [
        signal.path
        for signal in SIGNALS
        if signal.asset == f"Line2.{machine}"
        and signal.type == "double"
        and not signal.writable
        and signal.name != "Energy"
    ]
    seconds = _means(matrix(normal, paths))
    fit, held_out = seconds[:400], seconds[400:]
    mean, spread = fit.mean(axis=0), fit.std(axis=0)
    _, _, components = np.linalg.svd((fit - mean) / spread, full_matrices=False)
    noise = components[4:]

    def residual(rows: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
        return (((rows - mean) / spread @ noise.T) ** 2).sum(axis=1)

    alarms = residual(_means(matrix(live, paths))) > 1.5 * residual(held_out).max()
    runs = np.convolve(alarms, np.ones(3), "valid") == 3
    return float(np.flatnonzero(runs)[0])


def _means(rows: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(rows.reshape(-1, 5, rows.shape[1]).mean(axis=1), dtype=np.float64)
