import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from gemel.core import quality
from gemel.core.frame import Frame, concatenate
from gemel.parts.operators import OPERATORS
from gemel.parts.operators.swinging_door import SwingingDoor


def run(door: SwingingDoor, frame: Frame) -> Frame:
    step = door.start()
    return concatenate([step(frame), step.flush()])


def assert_reproduces(frame: Frame, kept: Frame, deviation: float) -> None:
    """Straight lines between kept samples err by at most `deviation` on every sample."""
    assert (kept.time[0], kept.value[0]) == (frame.time[0], frame.value[0])
    assert (kept.time[-1], kept.value[-1]) == (frame.time[-1], frame.value[-1])
    line = np.interp(frame.time, kept.time, kept.value)
    rounding = 1e-12 * (np.abs(frame.value).max() + deviation)
    assert np.abs(line - frame.value).max() <= deviation + rounding


@settings(max_examples=200, deadline=None)
@given(
    value=arrays.arrays(
        np.float64, st.integers(1, 80), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
    ),
    steps=st.lists(st.integers(1, 10**10), min_size=80, max_size=80),
    deviation=st.floats(1e-3, 1e6),
)
def test_lines_stay_within_the_deviation(
    value: np.ndarray, steps: list[int], deviation: float
) -> None:
    time = np.cumsum(steps)[: len(value)]
    frame = Frame.of(np.zeros(len(value)), time, value)
    assert_reproduces(frame, run(SwingingDoor(deviation=deviation), frame), deviation)


def test_lines_stay_within_the_deviation_on_noise_and_walks() -> None:
    random = np.random.default_rng(1)
    for value in (random.normal(size=20_000), random.normal(size=20_000).cumsum()):
        frame = Frame.of(np.zeros(20_000), np.arange(20_000) * 10**9, value)
        kept = run(SwingingDoor(deviation=2.0), frame)
        assert_reproduces(frame, kept, 2.0)
        assert len(kept) < 10_000


def test_a_straight_line_is_two_samples() -> None:
    frame = Frame.of(np.zeros(1000), np.arange(1000), 0.5 * np.arange(1000))
    assert len(run(SwingingDoor(deviation=0.1), frame)) == 2


def test_flush_gives_the_last_sample_once() -> None:
    step = SwingingDoor(deviation=1.0).start()
    assert step(Frame.of([0, 0, 0], [0, 1, 2], [0.0, 0.1, 0.2])).time.tolist() == [0]
    assert step.flush().time.tolist() == [2]
    assert len(step.flush()) == 0
    assert len(step(Frame.of([0], [3], [0.3]))) == 0
    assert step.flush().time.tolist() == [3]


def test_quality_and_values_that_are_no_number_end_a_line() -> None:
    value = [0, 0, 0, np.nan, np.nan, 0, 0, 0, 0]
    codes = [0, 0, 0, 0, 0, 0, 0, quality.STALE, quality.STALE]
    frame = Frame.of([0] * 9, range(9), value, codes)
    assert run(SwingingDoor(deviation=1.0), frame).time.tolist() == [0, 2, 3, 5, 6, 7, 8]


def test_while_bad_one_sample_and_one_each_max_gap() -> None:
    door = OPERATORS.build({"kind": "swinging_door", "deviation": 1, "max_gap": "4 ns"})
    frame = Frame.of([0] * 10, range(10), np.arange(10) * 100.0, [quality.BAD] * 10)
    assert door.start()(frame).time.tolist() == [0, 4, 8]


def test_a_pause_longer_than_max_gap_ends_a_line() -> None:
    door = OPERATORS.build({"kind": "swinging_door", "deviation": 1, "max_gap": "4 ns"})
    step = door.start()
    out = step(Frame.of([0] * 5, [0, 1, 2, 50, 51], [0.0] * 5))
    assert out.time.tolist() == [0, 2, 50]


def test_two_values_at_one_time_are_both_kept_and_a_repeat_is_not() -> None:
    frame = Frame.of([0] * 5, [0, 1, 1, 1, 2], [0.0, 0.0, 0.0, 5.0, 5.0])
    kept = run(SwingingDoor(deviation=1.0), frame)
    assert list(zip(kept.time.tolist(), kept.value.tolist(), strict=True)) == [
        (0, 0.0), (1, 0.0), (1, 5.0), (2, 5.0),
    ]  # fmt: skip


def test_signals_do_not_disturb_each_other() -> None:
    random = np.random.default_rng(2)
    value = random.normal(size=(500, 3)).cumsum(axis=0)
    frame = Frame.of(np.tile([4, 0, 9], 500), np.repeat(np.arange(500), 3), value.ravel())
    kept = run(SwingingDoor(deviation=0.7), frame)
    for j, number in enumerate((4, 0, 9)):
        alone = Frame.of(np.full(500, number), np.arange(500), value[:, j])
        assert kept[kept.signal == number] == run(SwingingDoor(deviation=0.7), alone)
