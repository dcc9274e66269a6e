"""What limits a line, on lines where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.line import Line
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.flow_line import replay
from gemel.twin.planning.bottleneck import bottleneck, from_log, judged, turning_point

FLOW = SIMULATORS.build({"kind": "flow_line"})
EVENTS = SIMULATORS.build({"kind": "events"})


def planted(slow: int, machines: int = 6, by: float = 1.2) -> Line:
    stations = {
        f"m{i}": {
            "time": {"mean": f"{1000 * (by if i == slow else 1):.0f} ms", "cv": 0.5}, "places": 4,
        }
        for i in range(machines)
    }  # fmt: skip
    return Line.read({"stations": stations})


@pytest.mark.parametrize("slow", range(6))
def test_a_planted_bottleneck_is_found_by_all(slow: int) -> None:
    line = planted(slow)
    found = bottleneck(line, FLOW, Trial(parts=3_000, replications=8))
    assert found.known
    assert found.found == (f"m{slow}",)
    assert found.gain[slow] > 0.02
    run = FLOW.run(line, Trial(parts=3_000))
    assert run.states is not None
    working, starved, blocked = run.states[0, 0, :, :3].T
    assert np.argmax(working) == slow
    assert turning_point(starved, blocked) == slow


def test_events_find_the_same() -> None:
    line = planted(2, 4)
    one = bottleneck(line, FLOW, Trial(parts=500, replications=4))
    other = bottleneck(line, EVENTS, Trial(parts=500, replications=4))
    assert other.found == one.found
    assert other.gain == pytest.approx(one.gain, abs=0.003)


def test_a_balanced_line_is_not_known() -> None:
    found = bottleneck(planted(0, 4, 1.0), FLOW, Trial(parts=400, replications=4))
    assert not found.known
    assert len(found.found) > 1
    assert found.sure.sum() == pytest.approx(1)


def test_from_a_log() -> None:
    """The replay of a log as it is gives what was logged; what limits is what was planted."""
    random = np.random.default_rng(1)
    work = random.gamma(4, 0.25, (5, 4_000))
    work[3] *= 1.2
    rest = np.where(random.random((5, 4_000)) < 0.01, random.exponential(8, (5, 4_000)), 0.0)
    rest[3] = 0
    places = np.full(5, 3)
    found = from_log(("a", "b", "c", "d", "e"), work, rest, places)
    assert found.found[0] == "d"
    assert found.gain.max() == found.gain[3]
    left = replay(work, rest, places, np.ones((70, 5)))
    assert (left == left[0]).all()
    assert left[0, 0] == pytest.approx(work[:, 0].sum() + rest[:, 0].sum())


def test_a_shifting_bottleneck_is_known_by_part_of_the_log() -> None:
    """Roser's example: the first limits in the first half, the last in the second."""
    random = np.random.default_rng(2)
    work = random.gamma(9, 1 / 9, (3, 4_000))
    work[0, :2_000] *= 1.4
    work[2, 2_000:] *= 1.4
    none, places = np.zeros_like(work), np.full(3, 2)
    names = ("p1", "p2", "p3")
    halves = [
        from_log(names, work[:, part], none[:, part], places)
        for part in (slice(0, 2_000), slice(2_000, 4_000))
    ]
    assert [h.found for h in halves] == [("p1",), ("p3",)]


def test_how_sure_it_is_follows_the_replications() -> None:
    random = np.random.default_rng(3)
    base = random.normal(1, 0.1, 40)
    gains = 1 + np.stack([0.03 + random.normal(0, 0.002, 40), 0.01 + random.normal(0, 0.002, 40)])
    found = judged(("a", "b"), np.concatenate([base[None], base * gains]))
    assert found.found == ("a",)
    assert found.sure.tolist() == [1, 0]


def test_logs_that_cannot_be_used() -> None:
    work, places = np.ones((2, 100)), np.array([-1, 3])
    with pytest.raises(DataError, match="at least 40"):
        from_log(("a", "b"), work[:, :30], 0 * work[:, :30], places)
    with pytest.raises(DataError, match="do not fit"):
        replay(work, work[:1], places, np.ones((1, 2)))
    with pytest.raises(DataError, match="known and not negative"):
        replay(-work, work, places, np.ones((1, 2)))
