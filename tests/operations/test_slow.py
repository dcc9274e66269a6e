"""The filler is slow: since when, how much is lost, and what moved with it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operations.lines import DAY0, Line, signal

from gemel.core.frame import Frame
from gemel.core.plant import Asset
from gemel.core.time import SECOND
from gemel.twin.operations import Slow, SlowEvent, find_slow
from gemel.twin.operations.flow import Flow
from gemel.twin.operations.slow import SlowWatch
from gemel.virtual.faults import Fault
from gemel.virtual.line import Line as VirtualLine
from gemel.virtual.scenario import Scenario
from gemel.virtual.signals import MACHINES, SIGNALS

N, SINCE = 1200, 800


def rows(seed: int = 1, drop: float = 0.06, since: int = SINCE) -> dict[str, Any]:
    """Rows of 1 s: at `since` the speed drops; a valve opens longer, nothing else."""
    rng = np.random.default_rng(seed)
    slow = np.arange(N) >= since
    return {
        "time": DAY0 + np.arange(N) * SECOND,
        "speed": 3600 * (1 - drop * slow) * (1 + 0.008 * rng.standard_normal(N)),
        "reference": np.full(N, 3600.0),
        "running": np.ones(N, np.bool_),
        "others": np.column_stack(
            [
                2.4 * (1 + 0.09 * slow) + 0.004 * rng.standard_normal(N),
                8 + 0.2 * rng.standard_normal(N),
            ]
        ),
    }


def find(data: dict[str, Any], **more: Any) -> Slow | None:
    asked: dict[str, Any] = {"below": 0.03, "lasting": 60, "rate": 1.0} | more
    return find_slow(**data, names=("valve", "temperature"), **asked)


@pytest.mark.parametrize("seed", range(5))
def test_since_when_how_much_and_why(seed: int) -> None:
    found = find(rows(seed))
    assert found is not None
    assert abs(found.since - (DAY0 + SINCE * SECOND)) <= 3 * SECOND
    assert found.share == pytest.approx(0.06, abs=0.002)
    # 400 s at 6 % of one piece per second.
    assert found.lost == pytest.approx(24, abs=1)
    assert [s.signal for s in found.why] == ["valve"]
    assert found.why[0].before == pytest.approx(2.4, abs=0.002)
    assert found.why[0].after == pytest.approx(2.616, abs=0.002)


def test_what_is_not_slow() -> None:
    assert find(rows(drop=0.0)) is None
    assert find(rows(drop=0.02)) is None, "2 % is less than 3 %"
    assert find(rows(since=N - 20)) is None, "20 s are less than a minute"
    waiting = rows()
    waiting["running"] = np.arange(N) < SINCE
    assert find(waiting) is None, "who waits for others is not slow"
    unknown = rows()
    unknown["reference"] = np.full(N, np.nan)
    assert find(unknown) is None
    assert find({k: v[:0] for k, v in rows().items()}) is None


def test_a_speed_that_is_no_rate_loses_no_pieces() -> None:
    found = find(rows(), rate=None)
    assert found is not None
    assert found.lost is None


def test_who_always_runs_below_its_setpoint_follows_its_line_and_is_not_slow() -> None:
    assert find(rows(since=0)) is None
    follower = rows(drop=0.02)
    follower["reference"] = np.full(N, 3600 / 0.95)
    assert find(follower) is None


def test_it_stays_slow_when_what_was_before_is_forgotten() -> None:
    data = rows(since=300)
    watch = SlowWatch(("valve", "temperature"), below=0.03, lasting=60, rows=240, rate=1.0)
    told = []
    for a in range(0, N, 20):
        part = {name: column[a : a + 20] for name, column in data.items()}
        told.append(watch.push(**part))
    (began,) = [slow for slow in told if slow is not None]
    assert watch.now is not None
    assert watch.now.since == began.since
    assert watch.now.lost == pytest.approx(900 * 0.06, abs=2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.lists(st.integers(1, N - 1), max_size=12))
def test_the_running_version_finds_the_same(seed: int, cuts: list[int]) -> None:
    data = rows(seed)
    watch = SlowWatch(("valve", "temperature"), below=0.03, lasting=60, rows=3600, rate=1.0)
    edges = sorted({0, N, *cuts, *range(0, N, 10)})
    began = []
    for a, b in itertools.pairwise(edges):
        part = {name: column[a:b] for name, column in data.items()}
        if (slow := watch.push(**part)) is not None:
            began.append(slow)
    assert len(began) == 1
    assert watch.now is not None
    assert abs(watch.now.since - (DAY0 + SINCE * SECOND)) <= 12 * SECOND
    assert watch.now.lost == pytest.approx(24, abs=2)


def test_from_samples_to_events_and_back_again() -> None:
    line = Line()
    rng = np.random.default_rng(3)
    line.feed(0, state="Execute", starved=0, blocked=0, setpoint=3600)
    number = {n: line.numbers[line.path(n)] for n in ("speed", "valve", "temperature")}
    for second in range(1, 1500):
        slow = 600 <= second < 1200
        values = [
            3600 * (0.94 if slow else 1.0) * (1 + 0.008 * rng.standard_normal()),
            2.4 + 0.2 * slow + 0.004 * rng.standard_normal(),
            8 + 0.2 * rng.standard_normal(),
        ]
        line.frame(Frame.of(list(number.values()), [line.start + second * SECOND] * 3, values))
        if second == 1100:
            view = line.operations.machine("line/filler")
            assert view.slow is not None
            state = json.loads(json.dumps(line.operations.state()))
    began, ended = [e for e in line.events if e.kind == "slow"]
    assert abs(began.time - line.at(10)) <= 5 * SECOND
    assert ended.supersedes == began.id
    assert ended.end is not None
    assert abs(ended.end - line.at(20)) <= 5 * SECOND
    assert ended.payload["lost"] == pytest.approx(600 * 0.06, abs=4)
    assert [s["signal"] for s in ended.payload["why"]] == ["line/filler/valve"]
    assert "below its setpoint" in began.payload["sentence"]
    SlowEvent.read(json.loads(json.dumps(ended.payload)))
    line.operations = line.make()
    line.operations.restore(state)
    assert line.operations.machine("line/filler").slow is not None


def test_neighbours_and_lines_of_a_flow() -> None:
    after = {"a": (), "belt": ("a",), "b": ("belt",), "c": ("b",), "other": ()}
    flow = Flow({p: Asset(after=sources) for p, sources in after.items()}, ["a", "b", "c", "other"])
    assert flow.neighbours("b") == ["a", "c"]
    assert flow.neighbours("a") == ["b"]
    assert flow.line("c") == ["a", "b", "c"]
    assert flow.line("other") == ["other"]


def test_in_the_virtual_line_only_the_filler_is_slow() -> None:
    """The line whose filler is slowed by a valve, with minor stops and catching up around it."""
    virtual = VirtualLine(np.random.default_rng(2), DAY0, Scenario("stops", stops_per_hour=6.0))
    roles = {
        "State": "state", "CurrentSpeed": "speed", "SpeedSetpoint": "setpoint",
        "ProducedCount": "count", "RejectCount": "reject",
    }  # fmt: skip
    chosen = [s for s in SIGNALS if s.path.split(".")[-2] in MACHINES and s.type != "string"]
    signals = [
        signal(
            s.path.replace(".", "/"),
            "boolean" if s.type == "boolean" else "enumeration" if s.enumeration else "number",
            unit=s.unit.symbol if s.unit else "",
            **({"role": roles[s.name]} if s.name in roles else {}),
            **({"labels": dict(enumerate(s.enumeration))} if s.enumeration else {}),
        )
        for s in chosen
    ]
    names = [f"Line2/{name}" for name in MACHINES]
    line = Line(signals=signals, ideal_rate=None, settings={
        "assets": {"Line2/Packer": {"pieces": 24.0}},
    })  # fmt: skip
    line.assets = {p: Asset(after=(names[i - 1],) if i else ()) for i, p in enumerate(names)}
    line.operations = line.make()
    numbers: list[int] = []
    times: list[int] = []
    samples: list[float] = []
    for second in range(1, 900):
        if second == 620:
            virtual.inject(Fault("filler_valve", "Filler", DAY0 + second * SECOND))
        virtual.advance(DAY0 + second * SECOND)
        values = virtual.values()
        numbers += [line.numbers[s.path] for s in signals]
        times += [DAY0 + second * SECOND] * len(signals)
        samples += [float(values[s.path]) for s in chosen]
        if second % 10 == 0:
            line.frame(Frame.of(numbers, times, samples))
            numbers, times, samples = [], [], []
    found = [e for e in line.events if e.kind == "slow"]
    assert {e.subject for e in found} == {"Line2/Filler"}
    assert 620 <= line.seconds(found[0])[0] <= 665, "at the fault, or in its ramp of 40 s"
    assert found[0].payload["why"][0]["signal"] == "Line2/Filler/Valve14OpenTime"
