"""What every simulator promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMySimulator(SimulatorSuite):
        @pytest.fixture
        def simulator(self):
            return MySimulator()
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.line import Cap, Line, Snapshot
from gemel.parts.simulators.base import Run, Scenarios, Simulator, Trial

__all__ = ["SimulatorSuite", "exponential_line", "three_stations"]


def exponential_line(rates: tuple[float, ...], places: int) -> Line:
    """Stations with exponential times of these rates, per second."""
    stations = {
        f"m{i}": {
            "time": {"kind": "exponential", "mean": f"{round(1e9 / rate)} ns"}, "places": places,
        }
        for i, rate in enumerate(rates)
    }  # fmt: skip
    return Line.read({"stations": stations})


def three_stations(**more: Any) -> Line:
    """A serial line with failures, and `more` said of its middle."""
    failure = {
        "every": {"kind": "exponential", "mean": "40 s"},
        "repair": {"kind": "gamma", "mean": "5 s", "cv": 0.7},
    }
    return Line.read(
        {
            "stations": {
                "cut": {"time": {"mean": "1 s", "cv": 0.4}, "power": {"working": 5, "idle": 1}},
                "mill": {
                    "time": {"mean": "900 ms", "cv": 0.8}, "places": 3,
                    "failures": {"tool": failure}, "power": {"working": 20, "idle": 4, "down": 2},
                    **more,
                },
                "wash": {"time": {"kind": "weibull", "mean": "950 ms", "cv": 0.3}, "places": 2},
            }
        }
    )  # fmt: skip


class SimulatorSuite:
    """Override `simulator` with a fixture that gives settings; `line` where three stations in
    series are not covered.

    Promises: the same arguments give the same numbers, with any number of threads; a scenario gives
    the same alone and among others, a replication alone and in a series; a run that was ended is
    continued to the same numbers; it begins with what stands in the line; caps are kept or refused;
    states add up; shorter times are never slower on the same luck; known lines have their exact
    throughput; what is not covered is refused with the reason.
    """

    @pytest.fixture
    def simulator(self) -> Simulator:
        pytest.fail("give the settings to test in a fixture named `simulator`")

    @pytest.fixture
    def line(self) -> Line:
        return three_stations()

    @pytest.fixture
    def trial(self) -> Trial:
        return Trial(parts=300, replications=3, seed=5, keep=("states", "departures"))

    @pytest.fixture
    def scenarios(self, line: Line) -> Scenarios:
        """More than are played at once."""
        same = Scenarios.same(line, 70)
        random = np.random.default_rng(1)
        return replace(
            same,
            time=random.uniform(0.8, 1.2, same.time.shape),
            between=random.uniform(0.5, 2, same.time.shape),
            repair=random.uniform(0, 2, same.time.shape),
            places=random.integers(-1, 6, same.places.shape),
        )

    def test_covers_its_example(self, simulator: Simulator, line: Line) -> None:
        assert simulator.uncovered(line) == ()

    def test_the_same_again(self, simulator: Simulator, line: Line, trial: Trial) -> None:
        same(simulator.run(line, trial), simulator.run(line, trial))

    def test_another_seed_is_other_luck(
        self, simulator: Simulator, line: Line, trial: Trial
    ) -> None:
        other = simulator.run(line, replace(trial, seed=6))
        assert (simulator.run(line, trial).end != other.end).all()

    def test_threads_change_nothing(
        self, simulator: Simulator, line: Line, trial: Trial, scenarios: Scenarios
    ) -> None:
        few = scenarios.part(0, 66)
        alone = simulator.run(line, replace(trial, replications=1), few)
        with ThreadPoolExecutor(3) as executor:
            together = simulator.run(line, replace(trial, replications=1), few, executor=executor)
            same(simulator.run(line, trial, executor=executor), simulator.run(line, trial))
        same(together, alone)

    def test_a_scenario_alone_is_the_same(
        self, simulator: Simulator, line: Line, trial: Trial, scenarios: Scenarios
    ) -> None:
        many = simulator.run(line, trial, scenarios)
        for row in (0, 41, 69):
            one = simulator.run(line, trial, scenarios.part(row, row + 1))
            assert np.array_equal(left(many)[row], left(one)[0])
            assert many.throughput[row] == pytest.approx(one.throughput[0], rel=1e-12)

    def test_a_replication_alone_is_the_same(
        self, simulator: Simulator, line: Line, trial: Trial
    ) -> None:
        whole = simulator.run(line, trial)
        one = simulator.run(line, replace(trial, first=2, replications=1))
        assert np.array_equal(whole.end[:, 2:], one.end)
        assert np.array_equal(left(whole)[:, 2:], left(one))

    def test_ended_and_continued(
        self, simulator: Simulator, line: Line, trial: Trial, scenarios: Scenarios
    ) -> None:
        told = []

        def once(done: int, of: int) -> bool:
            told.append((done, of))
            return False

        small = replace(trial, parts=60, replications=1)
        many = scenarios.part(0, 70)
        several = Scenarios(*(np.concatenate([getattr(many, f.name)] * 20) for f in fields(many)))
        cut = simulator.run(line, small, several, progress=once)
        assert told[0][1] == len(several)
        assert 0 < cut.done.sum() == told[0][0] < len(several)
        assert np.isnan(cut.throughput[~cut.done]).all()
        rest = simulator.run(line, small, several.part(0, 1400), resume=cut)
        assert rest.done.all()
        assert np.isfinite(rest.throughput).all()
        same(simulator.run(line, small, several.part(0, 70)), first(rest, 70))

    def test_states_add_up(self, simulator: Simulator, line: Line, trial: Trial) -> None:
        run = simulator.run(line, trial)
        assert run.states is not None
        assert run.states.sum(axis=3) == pytest.approx(1, abs=1e-9)
        assert (run.states >= -1e-12).all()
        assert run.energy is not None
        assert (run.energy > 0).all()
        assert run.states[0, :, 1, 4].min() > 0, "the mill fails"

    def test_departures_are_in_order(self, simulator: Simulator, line: Line, trial: Trial) -> None:
        run = simulator.run(line, trial)
        assert run.departures is not None
        assert run.departures.shape == (1, 3, 300)
        assert (np.diff(run.departures) >= 0).all()
        assert np.array_equal(run.departures[:, :, -1], run.end)

    def test_less_time_is_never_slower(
        self, simulator: Simulator, line: Line, trial: Trial
    ) -> None:
        """Without failures, which come at other parts when times change."""
        quiet = Scenarios.same(line, 2)
        quiet.repair[:] = 0
        quiet.time[1, 1] = 0.95
        run = simulator.run(line, trial, quiet)
        assert (run.end[1] <= run.end[0]).all()

    def test_more_places_are_never_slower(
        self, simulator: Simulator, line: Line, trial: Trial
    ) -> None:
        more = Scenarios.same(line, 3)
        more.places[1, 1] += 1
        more.places[2, 1] = -1
        run = simulator.run(line, trial, more)
        assert (run.end[1] <= run.end[0]).all()
        assert (run.end[2] <= run.end[1]).all()

    def test_two_exponential_stations(self, simulator: Simulator) -> None:
        """Without a place between: 2/3 of one alone, exactly, with 5/3 parts in the line. Five
        standard errors of 20 replications."""
        run = simulator.run(
            exponential_line((1.0, 1.0), 0), Trial(parts=2_000, replications=20, warm_up=0.2)
        )
        for found, exact in ((run.throughput[0], 2 / 3), (run.wip[0], 5 / 3)):
            error = found.std(ddof=1) / np.sqrt(len(found))
            assert abs(found.mean() - exact) < 5 * error
            assert error < 0.01

    def test_a_horizon(self, simulator: Simulator, line: Line) -> None:
        trial = Trial(horizon_s=400, warm_up=0.25, keep=("departures", "states"))
        run = simulator.run(line, trial)
        assert run.departures is not None
        times = run.departures[0, 0]
        times = times[np.isfinite(times)]
        assert times[-1] <= 400
        assert run.throughput[0, 0] == pytest.approx((times > 100).sum() / 300)
        longer = simulator.run(line, Trial(parts=len(times) + 1, keep=("departures",)))
        assert longer.departures is not None
        assert np.array_equal(longer.departures[0, 0, :-1], times)
        assert longer.departures[0, 0, -1] > 400

    def test_it_begins_with_what_is_there(self, simulator: Simulator, line: Line) -> None:
        """Parts in the line are the first that leave it, a repair holds them up, and what they have
        spent there counts."""
        now = {
            "wash": {"busy": [{"work_left": "1 s", "age": "9 s"}], "waiting": [{"count": 2}]},
            "mill": {"busy": [{"work_left": "2 s", "repair_left": "500 s"}]},
        }
        trial = Trial(parts=6, warm_up=0.0, keep=("departures",), replications=2, seed=3)
        empty = simulator.run(line, trial)
        run = simulator.run(line, replace(trial, start=Snapshot.read({"stations": now})))
        assert left(run)[0, :, 0] == pytest.approx(1.0)
        assert (left(run)[0, :, 2] < 100).all(), "three stand behind the mill"
        assert (left(run)[0, :, 3] > 502).all(), "the fourth waits for its repair"
        assert (left(empty)[0, :, 5] < 100).all()
        one = replace(trial, parts=1, start=Snapshot.read({"stations": {"wash": now["wash"]}}))
        assert simulator.run(line, one).lead[0] == pytest.approx(10.0)

    def test_a_horizon_keeps_all_departures(self, simulator: Simulator, line: Line) -> None:
        """Also those of much that stood in the line, and of scenarios that are much faster."""
        now = {"stations": {"wash": {"waiting": [{"count": 400}]}}}
        trial = Trial(horizon_s=900, warm_up=0.0, keep=("departures",), start=Snapshot.read(now))
        scenarios = Scenarios.same(line, 2)
        scenarios.time[1] = 0.1
        scenarios.repair[1] = 0.0
        run = simulator.run(line, trial, scenarios)
        for s in range(2):
            times = left(run)[s, 0]
            count = int(np.isfinite(times).sum())
            assert run.throughput[s, 0] * 900 == pytest.approx(count)
        assert np.isfinite(left(run)[1]).sum() > 3 * np.isfinite(left(run)[0]).sum()

    def test_an_empty_snapshot_changes_nothing(
        self, simulator: Simulator, line: Line, trial: Trial
    ) -> None:
        begun = simulator.run(line, replace(trial, start=Snapshot()))
        assert np.array_equal(left(begun), left(simulator.run(line, trial)))

    def test_a_snapshot_of_another_line_is_refused(
        self, simulator: Simulator, line: Line, trial: Trial
    ) -> None:
        start = Snapshot.read({"stations": {"furnace": {"waiting": [{}]}}})
        with pytest.raises(ConfigurationError, match="furnace"):
            simulator.run(line, replace(trial, start=start))

    def test_what_is_not_covered_is_refused_by_name(self, simulator: Simulator, line: Line) -> None:
        odd = three_stations(batch={"most": 4}, dispatch="spt")
        reasons = simulator.uncovered(odd)
        if reasons:
            assert "'mill'" in reasons[0]
            with pytest.raises(ConfigurationError, match="'mill'"):
                simulator.run(odd, Trial(parts=10))
        else:
            assert simulator.run(odd, Trial(parts=10)).throughput[0, 0] > 0

    def test_a_cap_is_kept_or_refused(self, simulator: Simulator, line: Line, trial: Trial) -> None:
        """Never more parts at once than it says; who does not know caps says so."""
        capped = line.model_copy(update={"caps": {"few": Cap(most=2)}})
        if simulator.uncovered(capped):
            with pytest.raises(ConfigurationError, match="few"):
                simulator.run(capped, trial)
            return
        run = simulator.run(capped, trial)
        assert (run.wip <= 2 + 1e-9).all()
        assert (run.end > simulator.run(line, trial).end).all()

    def test_scenarios_that_do_not_fit_are_refused(
        self, simulator: Simulator, line: Line, trial: Trial
    ) -> None:
        good = Scenarios.same(line)
        for wrong in (
            replace(good, time=good.time[:, :2]),
            replace(good, time=0 * good.time),
            replace(good, repair=np.nan * good.repair),
            replace(good, places=good.places - 9),
        ):
            with pytest.raises(DataError, match="scenarios"):
                simulator.run(line, trial, wrong)


def left(run: Run) -> Values:
    """Departures that were kept."""
    assert run.departures is not None
    return run.departures


def same(found: Run, expected: Run) -> None:
    """Every column to the last bit."""
    for f in fields(Run):
        one, other = getattr(found, f.name), getattr(expected, f.name)
        if isinstance(one, np.ndarray):
            assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), f.name
        else:
            assert one == other, f.name


def first(run: Run, count: int) -> Run:
    """The first scenarios."""
    columns = {
        f.name: getattr(run, f.name)[:count]
        for f in fields(Run)
        if isinstance(getattr(run, f.name), np.ndarray)
    }
    return replace(run, **columns)
