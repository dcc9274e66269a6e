"""The virtual line as a pure simulation: same seed, same trace; nothing is made from nothing."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from gemel.virtual.faults import NS, Fault
from gemel.virtual.line import IllegalCommandError, Line, NotWritableError, OutOfRangeError
from gemel.virtual.packml import ACTING, Command, State, after, is_legal
from gemel.virtual.scenario import QUIET, RANDOM, Scenario
from gemel.virtual.signals import BY_PATH, SIGNALS, Value

START_NS = 1_750_000_000 * NS
BUSY = Scenario("busy", stops_per_hour=120.0, faults_per_hour=90.0)


def make(seed: int = 1, scenario: Scenario = QUIET) -> Line:
    return Line(np.random.default_rng(seed), START_NS, scenario)


def trace(line: Line, seconds: float, every_s: float = 1.0) -> list[dict[str, Value]]:
    begin = line.time_ns
    rows = []
    for number in range(1, round(seconds / every_s) + 1):
        line.advance(begin + round(number * every_s * NS))
        rows.append(line.values())
    return rows


def test_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    first = trace(make(3, BUSY), 120)
    assert trace(make(3, BUSY), 120) == first
    assert trace(make(4, BUSY), 120) != first


def test_cutting_advance_into_pieces_changes_nothing() -> None:
    whole, pieces = make(5, BUSY), make(5, BUSY)
    whole.advance(START_NS + 90 * NS)
    cuts = np.random.default_rng(0).integers(0, 90 * NS, 400)
    for cut in sorted(int(cut) for cut in cuts):
        pieces.advance(START_NS + cut)
    pieces.advance(START_NS + 90 * NS)
    assert pieces.state() == whole.state()
    assert pieces.values() == whole.values()


def test_going_back_in_time_does_nothing() -> None:
    line = make()
    line.advance(START_NS + 10 * NS)
    before = line.state()
    assert line.advance(START_NS) == 0
    assert line.state() == before


def test_a_saved_state_continues_as_if_never_stopped() -> None:
    line = make(7, BUSY)
    line.inject(Fault("sensor_stuck", "Filler.ProductTemperature", START_NS + 20 * NS))
    line.advance(START_NS + 60 * NS)
    saved = json.loads(json.dumps(line.state()))
    expected = trace(line, 60)
    other = make(99)
    other.restore(saved)
    assert trace(other, 60) == expected


def test_a_state_of_another_format_or_step_is_refused() -> None:
    line = make()
    with pytest.raises(ValueError, match="format 2, expected 1"):
        line.restore(line.state() | {"format": 2})
    with pytest.raises(ValueError, match="steps of 5 ns"):
        line.restore(line.state() | {"step_ns": 5})


def test_bottles_are_conserved() -> None:
    line = make(1, BUSY)
    at_start = [conveyor.level for conveyor in line.conveyors]
    ordered = line.orders.done
    machines = list(line.machines.values())
    for second in range(30, 1201, 30):
        line.advance(START_NS + second * NS)
        for index, (before, following) in enumerate(pairwise(machines)):
            made = before.state.produced - before.state.rejected
            level = at_start[index] + made - following.state.intake_bottles
            assert line.conveyors[index].level == level
            assert 0 <= level <= line.conveyors[index].capacity
    packer = line.machines["Packer"].state
    assert packer.intake_bottles == packer.produced * 24
    assert packer.produced > 100
    done = sum(line_order.planned for line_order in _finished(line)) + line.orders.done
    assert done == ordered + 24 * (packer.produced - packer.rejected)


def _finished(line: Line) -> list[Any]:
    from gemel.virtual.orders import order

    return [order(number) for number in range(line.orders.number)]


def test_an_order_ends_and_the_next_begins() -> None:
    line = make()
    line.orders.done = line.orders.current.planned - 30
    line.advance(START_NS + 20 * NS)
    values = line.values()
    assert values["Line2.Order.OrderId"] == "PO-104712"
    assert values["Line2.Order.Product"] == "Lemon 0.5 l"
    assert isinstance(values["Line2.Order.DoneQuantity"], int)
    assert 0 <= values["Line2.Order.DoneQuantity"] < 200


def test_counters_never_go_back_and_values_stay_in_range() -> None:
    last: dict[str, Any] = {}
    for row in trace(make(11, BUSY), 400):
        for signal in SIGNALS:
            value = row[signal.path]
            if signal.name in ("ProducedCount", "RejectCount", "Energy"):
                assert value >= last.get(signal.path, 0)
            if signal.low is not None and signal.high is not None:
                assert signal.low <= float(value) <= signal.high, signal.path
            if signal.enumeration:
                assert isinstance(value, int)
                assert 0 <= value < len(signal.enumeration)
        last = row


def test_the_slowest_machine_limits_the_line() -> None:
    line = make()
    line.write("Line2.Labeller.SpeedSetpoint", 12_000.0)
    trace(line, 600, 10.0)
    before = line.values()
    assert any(trace_row["Line2.Filler.Blocked"] for trace_row in trace(line, 1_200))
    now = line.values()
    for machine in ("Filler", "Capper", "Labeller"):
        path = f"Line2.{machine}.ProducedCount"
        per_hour = (float(now[path]) - float(before[path])) * 3
        assert per_hour == pytest.approx(12_000.0, rel=0.06), machine


def test_a_machine_that_gets_nothing_is_starved_and_one_without_room_blocked() -> None:
    line = make()
    line.command("Filler", Command.STOP)
    rows = trace(line, 120)
    assert rows[-1]["Line2.Capper.Starved"] is True
    assert rows[-1]["Line2.Capper.State"] == State.SUSPENDED
    assert rows[-1]["Line2.Rinser.Blocked"] is True
    assert rows[-1]["Line2.Capper.CurrentSpeed"] == 0.0
    assert rows[-1]["Line2.Filler.State"] == State.STOPPED
    for command in (Command.RESET, Command.START):
        line.command("Filler", command)
        trace(line, 5)
    rows = trace(line, 60)
    assert rows[-1]["Line2.Filler.State"] == State.EXECUTE
    assert rows[-1]["Line2.Capper.Starved"] is False
    assert rows[-1]["Line2.Capper.State"] == State.EXECUTE


def test_a_machine_follows_its_setpoint_in_about_two_seconds() -> None:
    line = make()
    line.advance(START_NS + 10 * NS)
    line.write("Line2.Filler.SpeedSetpoint", 18_000.0)
    assert line.values()["Line2.Filler.SpeedSetpoint"] == 18_000.0
    speeds = [float(row["Line2.Filler.CurrentSpeed"]) for row in trace(line, 12, 0.1)]
    after_tau = (22_500 - speeds[19]) / 4_500
    assert after_tau == pytest.approx(0.632, abs=0.12)
    assert speeds[-1] == pytest.approx(18_000.0, rel=0.03)


def test_what_cannot_be_written_is_refused() -> None:
    line = make()
    with pytest.raises(OutOfRangeError, match="outside 6000"):
        line.write("Line2.Filler.SpeedSetpoint", 90_000.0)
    with pytest.raises(OutOfRangeError):
        line.write("Line2.Filler.SpeedSetpoint", float("nan"))
    for path in ("Line2.Filler.FillLevel", "Line2.Filler.Nothing"):
        with pytest.raises(NotWritableError):
            line.write(path, 500.0)


def test_packml_changes_are_legal_whatever_happens() -> None:
    line = make(13, BUSY)
    rng = np.random.default_rng(2)
    # Stop and Abort are legal nearly everywhere: as often as the rest, nothing would ever run.
    weights = [0.02 if each in (Command.STOP, Command.ABORT) else 0.12 for each in Command]
    seen: set[State] = set()
    states = {name: State(machine.state.packml) for name, machine in line.machines.items()}

    def check() -> None:
        for name, machine in line.machines.items():
            now = State(machine.state.packml)
            assert now is states[name] or is_legal(states[name], now), (name, states[name], now)
            states[name] = now
            seen.add(now)

    for number in range(9_000):
        line.advance(START_NS + number * NS // 10)
        check()
        if number % 25 == 0:
            name = list(line.machines)[int(rng.integers(5))]
            command = Command(int(rng.choice(10, p=weights)) + 1)
            allowed = after(states[name], command) is not None
            if command in (Command.SUSPEND, Command.UNSUSPEND):
                allowed = False
            if allowed:
                line.command(name, command)
            else:
                with pytest.raises(IllegalCommandError, match="does not allow"):
                    line.command(name, command)
            check()
    assert seen >= set(ACTING), "every acting state was passed"
    assert {State.STOPPED, State.HELD, State.ABORTED, State.COMPLETE, State.IDLE} <= seen


def test_minor_stops_hold_the_machine_give_a_reason_and_end() -> None:
    line = make(17, Scenario("stops", stops_per_hour=60.0))
    rows = trace(line, 900)
    paths = [path for path in BY_PATH if path.endswith(".StopReason")]
    stopped = [path for path in paths if any(row[path] for row in rows)]
    assert len(stopped) >= 3
    for row in rows:
        for path in paths:
            state = row[path.replace("StopReason", "State")]
            if state == State.EXECUTE:
                assert row[path] == 0


def test_random_scenario_makes_faults_and_the_truth_lists_them() -> None:
    line = make(19, RANDOM)
    line.advance(START_NS + 1_800 * NS)
    faults = [truth.fault for truth in line.truth()]
    assert faults
    for fault in faults:
        assert fault.end_ns is not None
        assert fault.start_ns >= START_NS
        assert fault.end_ns > fault.start_ns


def test_quiet_means_no_stop_no_fault_no_limit() -> None:
    line = make(23)
    for row in trace(line, 900):
        for signal in SIGNALS:
            value = row[signal.path]
            if signal.low_limit is not None:
                assert float(value) > signal.low_limit, signal.path
            if signal.high_limit is not None:
                assert float(value) < signal.high_limit, signal.path
            if signal.name == "State":
                assert value == State.EXECUTE
    assert line.truth() == []


def test_signals_are_coupled() -> None:
    rows = trace(make(29), 200, 0.2)

    def column(path: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([float(row[path]) for row in rows])

    for first, second in (
        ("Line2.Filler.DriveTorque", "Line2.Filler.DriveCurrent"),
        ("Line2.Filler.DriveTorque", "Line2.Filler.Power"),
        ("Line2.Rinser.WaterPressure", "Line2.Rinser.WaterFlow"),
        ("Line2.Capper.VibrationRms", "Line2.Capper.BearingBand"),
    ):
        assert np.corrcoef(column(first), column(second))[0, 1] > 0.6, (first, second)
    bowl = np.corrcoef(column("Line2.Filler.BowlPressure"), column("Line2.Filler.MeanOpenTime"))
    assert bowl[0, 1] < -0.7


def test_the_table_of_signals_is_complete() -> None:
    assert len(BY_PATH) == len(SIGNALS) == 96
    assert set(make().values()) == set(BY_PATH)
    for signal in SIGNALS:
        assert signal.description
        if signal.type in ("double", "int32"):
            assert signal.unit is not None, signal.path
            assert signal.low is not None, signal.path


@pytest.mark.parametrize("step_s", [0.0, -1.0, 0.3])
def test_a_step_that_would_skip_states_is_refused(step_s: float) -> None:
    with pytest.raises(ValueError, match="step_s"):
        Line(np.random.default_rng(1), START_NS, step_s=step_s)
