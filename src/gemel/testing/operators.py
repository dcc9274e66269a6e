"""What every operator promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyOperator(OperatorSuite):
        @pytest.fixture
        def operator(self):
            return MyOperator(width=0.5)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gemel.core import quality
from gemel.core.frame import EMPTY, Frame, concatenate
from gemel.parts.operators.base import Operator, Step

__all__ = ["OperatorSuite", "fast", "stream"]


def stream(seed: int = 0, rows: int = 600, signals: int = 5) -> Frame:
    """Samples of several signals with all that happens: noise, steps, flat stretches, pauses, late
    and repeated samples, uncertain and bad quality, NaN, infinities and suspect clocks."""
    random = np.random.default_rng(seed)
    signal = random.integers(0, signals, rows).astype(np.int32)
    step = random.integers(0, 20, rows) * 10_000_000
    step[random.random(rows) < 0.01] += 5_000_000_000
    time = 1_700_000_000_000_000_000 + np.cumsum(step)
    late = random.random(rows) < 0.05
    time[late] -= random.integers(0, 2_000_000_000, int(late.sum()))
    value = np.cumsum(random.normal(0, 0.3, rows) * (random.random(rows) < 0.5)) + signal * 10.0
    value[random.random(rows) < 0.01] += 50
    value[random.random(rows) < 0.02] = np.nan
    value[random.random(rows) < 0.01] = np.inf
    reasons = [quality.BAD, quality.UNCERTAIN, quality.NO_COMMUNICATION, quality.CLOCK_SUSPECT]
    found = np.where(random.random(rows) < 0.1, random.choice(reasons, rows), quality.GOOD)
    repeated = np.flatnonzero(random.random(rows - 1) < 0.05)
    for column in (signal, time, value, found):
        column[repeated + 1] = column[repeated]
    return Frame.of(signal, time, value, found, received=7, source="suite", position="9")


def fast(seed: int = 0, rate: float = 1000.0, seconds: float = 8.0) -> Frame:
    """Two fast signals, 0 and 1, and the speed of a shaft, 2, that rises from 20 to 28 Hz: tones of
    the shaft and noise, with a stretch in which samples are bad, one in which they are missing, one
    without a speed, and some that are late or repeated."""
    random = np.random.default_rng(seed)
    begin = 1_700_000_000_000_000_000
    count, slow = round(rate * seconds), round(10 * seconds)
    at, slow_at = np.arange(count) / rate, np.arange(slow) / 10 - 0.05
    turned = 20 * at + at**2 / 2
    tones = 3 * np.sin(2 * np.pi * turned) + np.sin(2 * np.pi * 4 * turned)
    signal = np.repeat([0, 1, 2], [count, count, slow])
    time = np.concatenate([at, at + 0.3 / rate, slow_at])
    value = np.concatenate([tones, 0.1 * tones, 20 + slow_at])
    value[: 2 * count] += random.normal(0, 0.2, 2 * count)
    part = random.permutation(4) * seconds / 4  # each goes wrong somewhere else
    inside = [(time >= p) & (time < p + seconds / 8) for p in part]
    found = np.where(inside[0] & (random.random(len(time)) < 0.1), quality.BAD, quality.GOOD)
    value[inside[0] & (random.random(len(time)) < 0.01)] = np.nan
    kept = ~(inside[1] & (random.random(len(time)) < 0.2)) & ~(inside[2] & (signal == 2))
    stamp = begin + np.rint(time * 1e9).astype(np.int64)
    late = random.random(len(time)) < 0.002
    arrived = stamp + np.where(signal == 2, 40_000_000, 0) + np.where(late, 300_000_000, 0)
    order = np.argsort(arrived, kind="stable")
    order = np.repeat(order[kept[order]], 1 + (random.random(int(kept.sum())) < 0.001))
    return Frame.of(
        signal[order], stamp[order], value[order], found[order],
        received=7, source="suite", position="9",
    )  # fmt: skip


class OperatorSuite:
    """Override `operator` with a fixture that gives settings; `frames` where `stream` does not fit.

    Promises: cutting the stream into other Frames changes nothing; stop, save, load, continue
    equals never having stopped; the same input gives the same output; the input is untouched;
    empty Frames, bad quality and NaN are fine; every setting is documented.
    """

    @pytest.fixture
    def operator(self) -> Operator:
        pytest.fail("give the settings to test in a fixture named `operator`")

    @pytest.fixture(params=[0, 1, 2])
    def frames(self, request: pytest.FixtureRequest) -> Frame:
        return stream(request.param)

    def test_cutting_the_stream_changes_nothing(self, operator: Operator, frames: Frame) -> None:
        whole = _run(operator.start(), [frames])
        for rows in (1, 7, 100):
            assert _run(operator.start(), list(frames.pieces(rows))) == whole

    def test_continues_from_its_state(self, operator: Operator, frames: Frame) -> None:
        whole = _run(operator.start(), [frames])
        for cut in (1, len(frames) // 3, len(frames) - 1):
            first = operator.start()
            before = first(frames[:cut])
            state = json.loads(json.dumps(first.state(), allow_nan=False))
            second = operator.start(state)
            assert json.loads(json.dumps(second.state(), allow_nan=False)) == state
            after = _run(second, [frames[cut:]])
            assert _plain(concatenate([before, after])) == whole

    def test_state_names_its_version(self, operator: Operator, frames: Frame) -> None:
        step = operator.start()
        step(frames)
        assert isinstance(step.state()["version"], int)

    def test_starts_do_not_share_state(self, operator: Operator, frames: Frame) -> None:
        first, second = operator.start(), operator.start()
        first(frames)
        assert _run(second, [frames]) == _run(operator.start(), [frames])

    def test_leaves_its_input_untouched(self, operator: Operator, frames: Frame) -> None:
        copy = Frame.of(
            frames.signal, frames.time, frames.value, frames.quality,
            received=frames.received, source=frames.source, position=frames.position,
        )  # fmt: skip
        step = operator.start()
        step(frames)
        step.flush()
        assert frames == copy

    def test_takes_an_empty_frame(self, operator: Operator, frames: Frame) -> None:
        step = operator.start()
        assert len(step(EMPTY)) == 0
        assert len(step.flush()) == 0
        before = step(frames)
        state = step.state()
        assert len(step(frames[:0])) == 0
        assert step.state() == state
        assert len(before) >= 0

    def test_keeps_the_origin_of_a_frame(self, operator: Operator, frames: Frame) -> None:
        out = operator.start()(frames)
        assert (out.received, out.source, out.position) == (7, "suite", "9")

    def test_takes_nothing_but_bad_samples(self, operator: Operator, frames: Frame) -> None:
        bad = frames.with_quality(np.full(len(frames), quality.BAD, np.int16))
        out = _run(operator.start(), [bad])
        assert not quality.is_good(out.quality).any()

    def test_settings_are_documented(self, operator: Operator) -> None:
        undocumented = [n for n, f in type(operator).model_fields.items() if not f.description]
        assert not undocumented, f"settings without a description: {undocumented}"
        assert type(operator).__doc__
        assert type(operator).read(written(operator)) == operator


def written(part: Any) -> dict[str, Any]:
    """Settings as a person would write them: durations with their unit."""
    properties = type(part).model_json_schema()["properties"]
    values: dict[str, Any] = json.loads(part.model_dump_json(exclude_defaults=True))
    for name, value in values.items():
        kinds = properties[name].get("anyOf", [properties[name]])
        if isinstance(value, int) and any("30 s" in kind.get("examples", ()) for kind in kinds):
            values[name] = f"{value} ns"
    return values


def _run(step: Step, frames: Sequence[Frame]) -> Frame:
    """All that comes out, at the end of the stream too."""
    return _plain(concatenate([*(step(frame) for frame in frames), step.flush()]))


def _plain(frame: Frame) -> Frame:
    """The samples alone; the origin belongs to the cut of the stream."""
    return Frame(frame.signal, frame.time, frame.value, frame.quality)
