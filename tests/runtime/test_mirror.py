"""The mirror: what is shown is what came last, judged, and never older than it looks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gemel.core import quality as q
from gemel.core.frame import Frame
from gemel.core.time import SECOND
from gemel.twin.mirror import Mirror

NOW = 1_700_000_000 * SECOND


def frame(
    signal: list[int], seconds: list[float], value: list[float], quality: list[int] | None = None
) -> Frame:
    times = [NOW + round(s * SECOND) for s in seconds]
    return Frame.of(signal, times, value, quality, received=NOW)


def test_the_last_sample_is_shown() -> None:
    mirror = Mirror(3)
    admitted = mirror.admit(frame([0, 1, 0], [-3, -3, -2], [1, 2, 3]))
    assert (admitted.unknown, admitted.behind) == (0, 0)
    now = mirror.snapshot(NOW)
    assert now.value[:2].tolist() == [3, 2]
    assert now.count.tolist() == [2, 1, 0]
    assert now.quality[2] == q.BAD


def test_a_late_sample_does_not_go_back() -> None:
    mirror = Mirror(1)
    mirror.admit(frame([0], [-1], [5]))
    assert mirror.admit(frame([0], [-9], [1])).behind == 1
    assert mirror.snapshot(NOW).value[0] == 5


def test_a_correction_of_the_same_time_is_shown() -> None:
    mirror = Mirror(1)
    mirror.admit(frame([0, 0], [-1, -1], [5, 6]))
    assert mirror.snapshot(NOW).value[0] == 6


def test_a_clock_that_runs_ahead_blocks_nothing() -> None:
    mirror = Mirror(1)
    mirror.admit(frame([0], [3600], [5]))
    assert mirror.snapshot(NOW).quality[0] == q.CLOCK_SUSPECT
    mirror.admit(frame([0], [-1], [6]))
    now = mirror.snapshot(NOW)
    assert (now.value[0], now.quality[0]) == (6, q.GOOD)


def test_rules_judge_and_count() -> None:
    mirror = Mirror(2)
    mirror.rules.set(0, (0.0, 10.0), max_rate=1.0, flat_after=5 * SECOND)
    seconds = [-20, -19, -18, -17, -11.5, -10]
    judged = mirror.admit(frame([0] * 6, seconds, [1, 2, 50, 9, 9, float("nan")])).frame
    assert judged.quality.tolist() == [
        q.GOOD,
        q.GOOD,
        q.OUT_OF_RANGE,
        q.RATE,  # down from 50: both ends of a spike are doubtful
        q.FLAT_LINE,
        q.NOT_A_NUMBER,
    ]
    assert mirror.findings(0) == {
        "bad: not a number": 1,
        "uncertain: outside its range": 1,
        "uncertain: changes faster than it can": 1,
        "uncertain: has not moved for too long": 1,
    }
    assert mirror.snapshot(NOW).good[0] == 2


def test_bad_stays_bad() -> None:
    mirror = Mirror(1)
    mirror.rules.set(0, (0.0, 1.0))
    judged = mirror.admit(frame([0, 0], [-2, -1], [5, 5], [q.BAD | 0x8C, q.UNCERTAIN | 0x90]))
    assert judged.frame.quality.tolist() == [q.BAD | 0x8C, q.UNCERTAIN | 0x90]


def test_an_old_value_is_not_shown_as_new() -> None:
    mirror = Mirror(2)
    mirror.watch_age(0, 5 * SECOND)
    mirror.admit(frame([0, 1], [-1, -1], [1, 2]))
    assert mirror.snapshot(NOW + 4 * SECOND).quality.tolist() == [0, 0]
    assert mirror.snapshot(NOW + 6 * SECOND).quality.tolist() == [q.STALE, 0]
    mirror.cut(np.array([1], np.int32), True)
    assert mirror.snapshot(NOW).quality[1] == q.NO_COMMUNICATION_LAST_USABLE
    mirror.cut(np.array([1], np.int32), False)
    assert mirror.snapshot(NOW).quality[1] == q.GOOD


def test_a_snapshot_does_not_change() -> None:
    mirror = Mirror(1)
    mirror.admit(frame([0], [-2], [1]))
    before = mirror.snapshot(NOW)
    mirror.admit(frame([0], [-1], [2]))
    assert before.value[0] == 1


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-50, 10), st.floats(-5, 5)), max_size=60),
    st.integers(1, 10),
)
def test_cutting_the_stream_changes_nothing(rows: list[tuple[int, int, float]], size: int) -> None:
    whole, parts = Mirror(3), Mirror(3)
    for mirror in (whole, parts):
        mirror.rules.set(0, (-3.0, 3.0), max_rate=2.0, flat_after=3 * SECOND)
    columns = [list(c) for c in zip(*rows, strict=True)] or [[], [], []]
    given_frame = frame(*columns)
    whole.admit(given_frame)
    for piece in given_frame.pieces(size):
        parts.admit(piece)
    a, b = whole.snapshot(NOW), parts.snapshot(NOW)
    for name in ("time", "value", "quality", "count", "good"):
        assert np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
    assert np.array_equal(whole.rules.found, parts.rules.found)
