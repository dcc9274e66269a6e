import json

import numpy as np
import pytest

from gemel.core import quality
from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Frame
from gemel.parts.detectors.base import Window
from gemel.parts.operators import OPERATORS
from gemel.parts.operators.resample import Aligner
from gemel.testing.operators import stream

MS = 1_000_000


def joined(windows: list[Window]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([w.time for w in windows]),
        np.concatenate([w.value for w in windows]),
    )


def slow(
    frame: Frame, numbers: list[int], step: int, lateness: int, hold: int | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """What an Aligner promises, sample by sample and row by row, without any cleverness."""
    seen: list[tuple[int, int, int, float]] = []
    mark, nearest, late, times, rows = None, None, 0, [], []

    def close(until: int) -> None:
        nonlocal nearest
        while nearest is not None and nearest * step < until:
            now, row = nearest * step, []
            for number in numbers:
                known = [s for s in seen if s[2] == number and s[0] <= now]
                last = max(known, key=lambda s: s[:2], default=None)
                old = last is not None and hold is not None and now - last[0] > hold
                row.append(np.nan if last is None or old else last[3])
            times.append(now)
            rows.append(row)
            nearest += 1

    for i in range(len(frame)):
        number, t = int(frame.signal[i]), int(frame.time[i])
        if number not in numbers or frame.quality[i] == quality.CLOCK_SUSPECT:
            continue
        if mark is None or t > mark:
            mark = t
            nearest = -(-t // step) if nearest is None else nearest
            close(t - lateness)
        late += -(-t // step) < nearest
        usable = frame.quality[i] >= 0 and np.isfinite(frame.value[i])
        seen.append((t, i, number, frame.value[i] if usable else np.nan))
    close(mark + 1)
    return np.array(times), np.array(rows), late


@pytest.mark.parametrize("lateness", [0, 30 * MS, 1500 * MS])
@pytest.mark.parametrize("hold", [None, 400 * MS])
@pytest.mark.parametrize("step", [40 * MS, 250 * MS])
def test_gives_what_the_plain_definition_gives(step: int, lateness: int, hold: int | None) -> None:
    frame = stream(3, rows=300)
    numbers = [3, 0, 2]
    times, rows, late = slow(frame, numbers, step, lateness, hold)
    for size in (300, 11, 1):
        aligner = Aligner(numbers, ("d", "a", "c"), step, lateness, hold)
        found = joined([*(aligner.push(f) for f in frame.pieces(size)), aligner.flush()])
        np.testing.assert_array_equal(found[0], times)
        np.testing.assert_array_equal(found[1], rows)
        assert aligner.late == late
        assert aligner.suspect == int(
            ((frame.quality == quality.CLOCK_SUSPECT) & np.isin(frame.signal, numbers)).sum()
        )


def test_continues_from_its_state() -> None:
    frame = stream(4)
    arguments = ([0, 1, 4], ("a", "b", "e"), 50 * MS, 500 * MS, 2000 * MS)
    whole = joined([(one := Aligner(*arguments)).push(frame), one.flush()])
    for cut in (0, 1, 200, 599):
        first = Aligner(*arguments)
        before = first.push(frame[:cut])
        state = json.loads(json.dumps(first.state(), allow_nan=False))
        second = Aligner(*arguments, state=state)
        found = joined([before, second.push(frame[cut:]), second.flush()])
        np.testing.assert_array_equal(found[0], whole[0])
        np.testing.assert_array_equal(found[1], whole[1])
        assert second.late == one.late
    with pytest.raises(DataError, match="state"):
        Aligner([0, 1], ("a", "b"), 50 * MS, state=state)


def test_a_row_closes_only_when_nothing_more_can_belong_to_it() -> None:
    aligner = Aligner([0, 1], ("a", "b"), 10, lateness=5)
    assert len(aligner.push(Frame.of([0], [10], [1.0]))) == 0
    assert len(aligner.push(Frame.of([0], [15], [1.5]))) == 0
    assert len(aligner.push(Frame.of([1], [9], [7.0]))) == 0
    window = aligner.push(Frame.of([0], [16], [2.0]))
    assert window.time.tolist() == [10]
    assert window.value.tolist() == [[1.0, 7.0]]
    assert aligner.late == 0
    assert len(aligner.push(Frame.of([1], [10], [8.0]))) == 0
    assert aligner.late == 1
    assert aligner.flush().value.tolist() == []
    assert aligner.advance(40).value.tolist() == [[2.0, 8.0], [2.0, 8.0]]


def test_a_jump_of_the_clock_does_not_fill_the_memory() -> None:
    year = 365 * 86_400 * 10**9
    for lateness in (0, 5 * MS):
        aligner = Aligner([0, 1], ("a", "b"), MS, lateness)
        aligner.push(Frame.of([0, 1], [0, 0], [1.0, 2.0]))
        window = aligner.push(Frame.of([0, 1], [year, year + MS + lateness], [3.0, 4.0]))
        assert len(window) < 20
        assert window.time[-1] == year
        assert window.value[-1].tolist() == [3.0, 2.0]
        assert (np.diff(window.time) > 0).all()
        assert aligner.skipped + len(window) == year // MS + 1


def test_arguments_that_mean_nothing_are_refused() -> None:
    for wrong in (
        ([], (), 10), ([0, 0], ("a", "b"), 10), ([0], ("a", "b"), 10), ([0], ("a",), 0),
        ([0], ("a",), 10, -1), ([0], ("a",), 1, 10**18), ([-1], ("a",), 10),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError):
            Aligner(*wrong)


def test_resample_marks_an_end_and_starts_again() -> None:
    step = OPERATORS.build({"kind": "resample", "step": "10 ns", "hold": "20 ns"}).start()
    out = step(Frame.of([0, 0, 0], [5, 72, 91], [1.0, 2.0, 3.0], [0, quality.UNCERTAIN, 0]))
    assert out.time.tolist() == [10, 20, 30, 80, 90]
    np.testing.assert_array_equal(out.value, [1, 1, np.nan, 2, 2])
    assert out.quality.tolist() == [0, 0, quality.STALE, quality.UNCERTAIN, quality.UNCERTAIN]


def test_resample_leaves_other_signals_alone() -> None:
    settings = {"kind": "resample", "step": "10 ns", "hold": "20 ns", "signals": [1]}
    frame = Frame.of([0, 1, 0, 1], [1, 2, 3, 14], [1.0, 2.0, 3.0, 4.0])
    out = OPERATORS.build(settings).start()(frame)
    assert out.signal.tolist() == [0, 0, 1]
    assert out.time.tolist() == [1, 3, 10]
