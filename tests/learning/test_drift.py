"""Every drift detector of the folder passes the suite; and values that are known from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from gemel.core.control.run_length import average_run_length
from gemel.testing.drift import DriftSuite, wandering
from gemel.twin.learning.renewal.drift import DRIFTS, Drift

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "cusum": [{}, {"sides": "both", "allowance": 0.5}],
    "page_hinkley": [{}, {"sides": "both", "settle": 30}],
    "distribution": [{}, {"statistic": "kolmogorov", "window": 100, "every": 25}],
    "adaptive_window": [{}, {"least": 60, "every": 32}],
}


@pytest.mark.conformance
class TestEveryDrift(DriftSuite):
    @pytest.fixture(
        params=[(n, i) for n in DRIFTS.files() for i in range(len(EXAMPLES.get(n, [None])))],
        ids=lambda p: f"{p[0]}-{p[1]}",
    )
    def detector(self, request: pytest.FixtureRequest) -> Drift:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"drift detector '{name}' has no example settings in {__file__}")
        return DRIFTS.build({"kind": name, "run_length": 2000, **EXAMPLES[name][number]})


def test_the_limit_of_a_cusum_is_that_of_theory():
    """Independent normal values, and many of them: the Markov chain of Brook and Evans (1972) gives
    the run length of the limit that was set by drawing."""
    quiet = np.random.default_rng(0).normal(5, 3, 20_000)
    for arl in (500, 2000):
        settings = {"kind": "cusum", "sides": "both", "allowance": 0.5, "run_length": arl}
        model = DRIFTS.build(settings).fit(quiet)
        assert average_run_length("cusum", model.limit, 0.5) == pytest.approx(arl, rel=0.25)


def test_neighbours_that_look_alike_raise_the_limit():
    """A CUSUM with the limit of independent rows would alarm many times too often."""
    cusum = DRIFTS.build({"kind": "cusum", "run_length": 2000})
    alone = cusum.fit(wandering(2000, 0, along=0.0))
    alike = cusum.fit(wandering(2000, 0, along=0.9))
    assert alike.limit > 3 * alone.limit
    alarms = 0
    for seed in range(20):
        watch = cusum.fit(wandering(2000, 100 + seed, along=0.9)).start()
        alarms += watch.update(wandering(1000, seed, along=0.9)) is not None
    assert alarms <= 14  # 8 of 20 are expected, all 20 with the other limit


def test_a_kuiper_window_sees_a_change_of_spread():
    def changed(seed: int) -> npt.NDArray[np.float64]:
        stream = wandering(900, seed, along=0.0)
        stream[300:] = 3 + 3 * (stream[300:] - 3)
        return stream

    quiet = wandering(2000, 4, along=0.0)
    model = DRIFTS.build({"kind": "distribution", "run_length": 5000}).fit(quiet)
    rows = [model.start().update(changed(seed)) or 900 for seed in range(5, 15)]
    assert 300 <= np.median(rows) < 500


def test_kolmogorov_and_kuiper_distances_are_those_of_scipy():
    """Of a window and a reference with ties; Kuiper's is the sum of both one-sided distances."""
    random = np.random.default_rng(0)
    quiet, window = random.integers(0, 30, 400) * 1.0, random.integers(3, 40, 100) * 1.0
    sides = [stats.ks_2samp(window, quiet, alternative=s).statistic for s in ("less", "greater")]
    for statistic, wanted in (("kolmogorov", max(sides)), ("kuiper", sum(sides))):
        detector = DRIFTS.build(
            {
                "kind": "distribution",
                "run_length": 500,
                "statistic": statistic,
                "window": 100,
                "every": 100,
            }
        )
        watch = detector.fit(quiet).start()
        watch.update(window)
        assert watch.state()["highest"] == pytest.approx(wanted)


def test_a_histogram_remembers_the_whole_stream():
    """Mean and sum of squares of all rows, from a few hundred numbers (the two largest sums of the
    statistic must be those of the rows)."""
    stream = wandering(5000, 7)
    watch = DRIFTS.build({"kind": "adaptive_window", "run_length": 1_000_000}).fit(stream).start()
    assert watch.update(stream) is None
    memory = np.array(watch.state()["memory"])
    count, bucket = memory[1:25], memory[25:].reshape(24, 6, 2)
    held = np.arange(6) < count[:, None]
    size = 2.0 ** np.arange(24)[:, None] * held
    assert size.sum() == 5000
    mean = (size * bucket[..., 0]).sum() / 5000
    assert mean == pytest.approx(stream.mean())
    squares = (bucket[..., 1] * held).sum() + (size * (bucket[..., 0] - mean) ** 2).sum()
    assert squares / 5000 == pytest.approx(stream.var())
