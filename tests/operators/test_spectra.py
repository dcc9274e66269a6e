"""Spectra of windows, against what was put into the signal and against computations of others."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest
from scipy.signal import spectrogram, welch
from tests.public import public_data

from gemel.core import quality
from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Frame
from gemel.core.signal.machine import BEARINGS
from gemel.core.signal.mel import from_mel, to_mel
from gemel.parts.operators import OPERATORS
from gemel.testing.operators import fast

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND


def frame_of(value: np.ndarray, rate: float, signal: int = 0) -> Frame:
    """A signal from the beginning of a window on, with one sample more to close the last."""
    time = BEGIN + np.rint(np.arange(len(value) + 1) / rate * SECOND).astype(np.int64)
    return Frame.of(np.full(len(time), signal), time, np.append(value, 0.0))


def merged(*frames: Frame) -> Frame:
    """Signals as they arrive: in order of time."""
    columns = [np.concatenate([getattr(f, n) for f in frames]) for n in Frame.__slots__[:4]]
    order = np.argsort(columns[1], kind="stable")
    return Frame.of(*(column[order] for column in columns))


def run(settings: dict[str, Any], frame: Frame) -> Frame:
    return OPERATORS.build(settings).start()(frame)


def told(settings: dict[str, Any], frame: Frame) -> dict[int, list[float]]:
    out = run(settings, frame)
    numbers = {n for outputs in settings["outputs"].values() for n in outputs.values()}
    return {n: out.value[out.signal == n].tolist() for n in sorted(numbers)}


TIME = np.arange(8000) / 4000  # two seconds at 4 kHz
BANDS = {
    "kind": "spectrum", "window": "1 s", "rate": 4000,
    "bands": {"low": [5, 60], "mid": [60, 500], "all": [0, 2000]},
    "outputs": {"0": {"low": 10, "mid": 11, "all": 12, "peak": 13, "centroid": 14}},
}  # fmt: skip


def test_tones_are_found_in_their_bands_with_their_strength() -> None:
    value = 7 + 3 * np.sin(2 * np.pi * 40 * TIME) + 4 * np.sin(2 * np.pi * 200 * TIME)
    frame = frame_of(value, 4000)
    for measure, of in (("amplitude", 1), ("rms", np.sqrt(0.5)), ("power", None)):
        found = told({**BANDS, "measure": measure}, frame)
        low, mid, all_ = (found[n] for n in (10, 11, 12))
        for wanted, seen in ((3, low), (4, mid), (5, all_)):
            expected = wanted**2 / 2 if of is None else wanted * of
            assert seen == pytest.approx([expected] * 2, rel=1e-6)
        assert found[13] == pytest.approx([200] * 2, abs=1e-6)
        assert found[14] == pytest.approx([(9 * 40 + 16 * 200) / 25] * 2, rel=1e-6)


def test_a_peak_between_two_lines_is_refined() -> None:
    for frequency in (101.3, 150.5, 777.77):
        found = told(BANDS, frame_of(np.sin(2 * np.pi * frequency * TIME), 4000))
        assert found[13] == pytest.approx([frequency] * 2, abs=0.02 * 4), "lines are 4 Hz apart"


def test_noise_has_the_power_that_another_implementation_gives() -> None:
    value = np.random.default_rng(3).normal(0, 2, 4000)
    found = told({**BANDS, "measure": "power", "resolution": 8}, frame_of(value, 4000))
    at, power = welch(value, 4000, nperseg=500)
    inside = (at >= 60) & (at < 500)
    assert found[11] == pytest.approx([power[inside].sum() * 8])
    assert found[14] == pytest.approx([(at * power).sum() / power.sum()])
    assert found[12][0] == pytest.approx(4, rel=0.1)


def test_what_does_not_vary_has_no_peak() -> None:
    out = run(BANDS, frame_of(np.full(4000, 5.0), 4000))
    assert out.value[:3].tolist() == [0, 0, 0]
    assert np.isnan(out.value[3:]).all()
    assert out.quality.tolist() == [quality.GOOD] * 3 + [quality.BAD] * 2


# --- samples that are missing, or come at another rate ----------------------------------------


def test_few_missing_samples_make_it_uncertain_and_many_bad() -> None:
    value = np.sin(2 * np.pi * 100 * TIME[:4000])
    whole = frame_of(value, 4000)
    random = np.random.default_rng(0)
    for share, expected in ((0.0, quality.GOOD), (0.02, quality.UNCERTAIN), (0.1, quality.BAD)):
        kept = random.random(4001) >= share
        kept[-1] = True
        out = run(BANDS, whole[kept])
        assert out.quality[0] == expected, share
        assert np.isfinite(out.value[0]) == (expected != quality.BAD)
    cut = run(BANDS, whole[1000:])
    assert cut.quality.tolist() == [quality.BAD] * 5, "the stream begins within a window"
    gap = np.ones(4001, bool)
    gap[2000:2100] = False
    assert run(BANDS, whole[gap]).quality[0] == quality.UNCERTAIN


def test_a_clock_that_is_a_little_wrong_does_no_harm_and_another_rate_is_bad() -> None:
    for clock, expected in ((1.003, quality.GOOD), (0.997, quality.GOOD), (1.2, quality.BAD)):
        time = np.arange(6000) / 4000 * clock
        value = np.sin(2 * np.pi * 100 * time / clock)
        stamp = BEGIN + np.rint(time * SECOND).astype(np.int64)
        out = run(BANDS, Frame.of(np.zeros(6000), stamp, value))
        assert out.quality[0] == expected, clock
    burst = Frame.of(np.zeros(4001), BEGIN + np.arange(4001) // 400 * SECOND // 10, np.ones(4001))
    assert run(BANDS, burst).quality[0] == quality.BAD, "samples of a burst with one time"


def test_a_clock_far_ahead_does_not_stop_the_signal() -> None:
    whole = frame_of(np.sin(2 * np.pi * 100 * TIME), 4000)
    ahead = Frame.of([0], [BEGIN + 10**18], [1.0], [quality.CLOCK_SUSPECT])
    step = OPERATORS.build({**BANDS, "measure": "amplitude"}).start()
    step(whole[:100])
    assert len(step(ahead)) == 0
    out = step(whole[100:])
    assert out.value[out.signal == 11] == pytest.approx([1, 1])
    assert (out.quality == quality.GOOD).all()
    assert (step.late, step.suspect) == (0, 1)


def test_the_stream_of_the_suite_has_all_that_happens() -> None:
    settings = {**BANDS, "window": "250 ms", "rate": 1000, "bands": {"low": [8, 100]}}
    settings["outputs"] = {"0": {"low": 10}}
    out = run(settings, fast(0))
    assert {quality.word(int(q)) for q in out.quality[out.signal == 10]} == {
        "good", "uncertain", "bad",
    }  # fmt: skip


# --- orders -----------------------------------------------------------------------------------

ORDERS = {
    "kind": "order_spectrum", "window": "2 s", "rate": 4000, "speed": 5, "speed_unit": "Hz",
    "orders": {"one": 1, "mesh": 7.25, "high": 20}, "outputs": {"0": {"one": 10, "mesh": 11,
    "high": 12}},
}  # fmt: skip


def run_up(seconds: float = 2.0) -> tuple[Frame, Frame]:
    """A chirp of known orders, 1 of amplitude 2, 7.25 of 1 and 20 of 0.5, while the shaft speeds up
    from 20 by 10 turns per second each second; and its speed ten times per second."""
    at = np.arange(round(4000 * seconds)) / 4000
    turned = 20 * at + 5 * at**2
    parts = ((2, 1), (1, 7.25), (0.5, 20))
    value = sum(a * np.sin(2 * np.pi * order * turned + order) for a, order in parts)
    slow = np.arange(-1, 10 * seconds + 2) / 10
    time = BEGIN + np.rint(slow * SECOND).astype(np.int64)
    return frame_of(value, 4000), Frame.of(np.full(len(slow), 5), time, 20 + 10 * slow)


def test_the_orders_of_a_chirp_are_those_that_it_has() -> None:
    vibration, speed = run_up()
    found = told(ORDERS, merged(vibration, speed))
    assert [found[n][0] for n in (10, 11, 12)] == pytest.approx([2, 1, 0.5], rel=0.01)
    # In Hz the same is spread over 145 to 290: no line of it stands out.
    spread = told(
        {
            "kind": "spectrum", "window": "2 s", "rate": 4000, "resolution": 2,
            "bands": {"line": [216, 219]}, "measure": "amplitude", "outputs": {"0": {"line": 10}},
        },
        vibration,
    )  # fmt: skip
    assert spread[10][0] < 0.5


def test_orders_are_told_in_the_same_way_in_rpm_and_at_a_fixed_speed() -> None:
    at = np.arange(8000) / 4000
    value = 3 * np.sin(2 * np.pi * 4 * 25 * at)
    settings = {**ORDERS, "orders": {"four": 4}, "outputs": {"0": {"four": 10}}, "speed": None}
    fixed = {**settings, "fixed_speed": 1500, "speed_unit": "rpm"}
    assert told(fixed, frame_of(value, 4000))[10] == pytest.approx([3], rel=1e-3)
    half = {**fixed, "fixed_speed": 3000}
    assert told(half, frame_of(value, 4000))[10] == pytest.approx([0], abs=0.01)


def test_a_window_waits_for_its_speed_but_not_for_ever() -> None:
    vibration, speed = run_up(4.0)
    step = OPERATORS.build({**ORDERS, "hold": "500 ms"}).start()
    known = speed[speed.time <= BEGIN + SECOND]
    assert 10 not in step(merged(vibration[: 4000 * 2 + 400], known)).signal, "the window waits"
    late = step(vibration[4000 * 2 + 400 : 4000 * 3])
    assert late.time[late.signal == 10].tolist() == [BEGIN + 2 * SECOND]
    assert late.quality[late.signal == 10].tolist() == [quality.BAD], (
        "nothing is known from 1.5 s on"
    )


def test_orders_that_cannot_be_seen_are_bad() -> None:
    vibration, speed = run_up()
    settings = {**ORDERS, "orders": {"one": 1, "mesh": 60}, "outputs": {"0": {"one": 1, "mesh": 2}}}
    out = run(settings, merged(vibration, speed))
    assert out.quality[np.isin(out.signal, [1, 2])].tolist() == [quality.GOOD, quality.BAD]
    stands = Frame.of(speed.signal, speed.time, np.where(speed.time > BEGIN + SECOND, 0, 20))
    out = run(ORDERS, merged(vibration, stands))
    assert out.quality[np.isin(out.signal, [10, 11, 12])].tolist() == [quality.BAD] * 3
    slow = Frame.of(speed.signal, speed.time, np.full(len(speed), 2.0))
    out = run(ORDERS, merged(vibration, slow))
    assert out.quality[np.isin(out.signal, [10, 11, 12])].tolist() == [quality.BAD] * 3


def test_a_bad_speed_makes_a_window_uncertain() -> None:
    vibration, speed = run_up()
    odd = np.where(speed.time == BEGIN + SECOND, quality.BAD, quality.GOOD).astype(np.int16)
    out = run(ORDERS, merged(vibration, speed.with_quality(odd)))
    assert out.quality[out.signal == 11].tolist() == [quality.UNCERTAIN]
    assert out.value[out.signal == 11] == pytest.approx([1], rel=0.01)


# --- envelope ---------------------------------------------------------------------------------


def test_impacts_of_a_bearing_are_told_by_its_frequencies() -> None:
    """(1 + m cos)² has a line of 2 m over 1 + m² / 2."""
    shaft, bearing = 25.0, BEARINGS["6205"]
    at = np.arange(20_000) / 10_000
    knock = 1 + 0.5 * np.cos(2 * np.pi * bearing.bpfo * shaft * at)
    value = knock * np.cos(2 * np.pi * 3000 * at) + 5 * np.sin(2 * np.pi * shaft * at)
    settings = {
        "kind": "envelope_spectrum", "window": "2 s", "rate": 10_000, "band": [2500, 3500],
        "bearing": "6205", "speed": 3, "frequencies": {"mains": 50},
        "outputs": {"0": {"outer": 10, "inner": 11, "ball": 12, "cage": 13, "mains": 14}},
    }  # fmt: skip
    time = BEGIN + np.arange(25) * SECOND // 10
    speed = Frame.of(np.full(25, 3), time, np.full(25, 60 * shaft))
    found = told(settings, merged(frame_of(value, 10_000), speed))
    assert found[10] == pytest.approx([1 / 1.125], rel=0.02)
    assert max(found[n][0] for n in (11, 12, 13, 14)) < 0.02
    struck = 5 * np.sin(2 * np.pi * shaft * at) + np.random.default_rng(0).normal(0, 0.2, len(at))
    since = at % (1 / (bearing.bpfo * shaft))
    struck += 2 * np.exp(-700 * since) * np.sin(2 * np.pi * 3000 * since)
    choosing = told({**settings, "band": None}, merged(frame_of(struck, 10_000), speed))
    assert choosing[10][0] > 3 * max(choosing[n][0] for n in (11, 12, 13, 14))
    assert choosing[10][0] > 0.3, "the band is found in which it rings"


@pytest.mark.data
def test_damaged_bearings_of_the_public_rig_are_told() -> None:
    """Case Western Reserve University, drive end, 12 kHz: the frequency of the damage stands
    out, and the others do not. Left out are the records in which a spectrum alone does not tell:
    rolling elements, OR014 and IR028."""
    folder = public_data("cwru")
    rows = {row["file"]: row for row in csv.DictReader((folder / "manifest.csv").open())}
    records = [f"{damage}_{load}" for load in (0, 1) for damage in (
        "IR007", "IR014", "IR021", "OR007@6", "OR021@6",
    )]  # fmt: skip
    for record in records:
        name = f"12k_DE/{record}.npy"
        settings = {
            "kind": "envelope_spectrum", "window": "1 s", "rate": 12_000, "bearing": "6205",
            "fixed_speed": float(rows[name]["rpm"]),
            "outputs": {"0": {"outer": 1, "inner": 2, "ball": 3}},
        }  # fmt: skip
        value = np.load(folder / name).ravel().astype(np.float64)[: 8 * 12_000]
        found = [float(np.median(v)) for v in told(settings, frame_of(value, 12_000)).values()]
        own = 1 if record.startswith("IR") else 0
        assert found[own] > 1, record
        assert max(found[:own] + found[own + 1 :]) < found[own] / 2, record


# --- log-mel ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_log_mel_is_that_of_an_independent_computation(scale: str) -> None:
    value = np.random.default_rng(1).normal(0, 1, 8000)
    value[4000:] += 3 * np.sin(2 * np.pi * 900 * np.arange(4000) / 8000)
    settings = {
        "kind": "log_mel", "window": "1 s", "rate": 8000, "bands": 12, "low": 100, "high": 3500,
        "scale": scale, "outputs": {"0": {str(b + 1): 10 + b for b in range(12)}},
    }  # fmt: skip
    found = np.array(list(told(settings, frame_of(value, 8000)).values()))[:, 0]
    # 64 ms are 512 samples; SciPy's spectrogram, and triangles line by line.
    at, _, power = spectrogram(
        value, 8000, "hann", nperseg=512, noverlap=256, detrend="constant", scaling="density"
    )
    mean = power.mean(axis=1) * 8000 / 512
    edges = from_mel(np.linspace(*to_mel(np.array([100, 3500]), scale), 14), scale)
    for band in range(12):
        low, middle, high = edges[band : band + 3]
        energy = 0.0
        for frequency, one in zip(at, mean, strict=True):
            if low < frequency <= middle:
                energy += one * (frequency - low) / (middle - low)
            elif middle < frequency < high:
                energy += one * (high - frequency) / (high - middle)
        if scale == "slaney":
            energy *= 2 / (high - low)
        assert found[band] == pytest.approx(10 * np.log10(energy), abs=1e-9)


def test_neighbouring_triangles_hold_all_of_the_energy() -> None:
    value = 2 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    settings = {
        "kind": "log_mel", "window": "1 s", "rate": 8000, "bands": 10, "scale": "htk",
        "outputs": {"0": {str(b + 1): 10 + b for b in range(10)}},
    }  # fmt: skip
    found = np.array(list(told(settings, frame_of(value, 8000)).values()))
    assert (10 ** (found / 10)).sum() == pytest.approx(2, rel=1e-6)


# --- what is refused --------------------------------------------------------------------------

FEW = {"window": "1 s", "rate": 1000, "outputs": {"0": {"a": 1}}}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"kind": "spectrum", **FEW}, "has no 'a'; known: centroid, peak"),
        ({"kind": "spectrum", **FEW, "bands": {"a": [10, 600]}}, "half of the rate, 500 Hz"),
        ({"kind": "spectrum", **FEW, "bands": {"a": [10, 12]}}, "narrower than two lines"),
        ({"kind": "spectrum", **FEW, "bands": {"a": [10, 90]}, "resolution": 0.5}, "take longer"),
        ({"kind": "spectrum", **FEW, "bands": {"peak": [10, 90]}}, "has no 'a'|another name"),
        (
            {"kind": "spectrum", **FEW, "bands": {"a": [10, 400]}, "window": "10 ms"},
            "must hold at least 64",
        ),
        ({"kind": "spectrum", **FEW, "rate": 1e9}, "at most 1e7"),
        ({"kind": "log_mel", **FEW, "outputs": {"0": {"41": 1}}}, "has no '41'"),
        (
            {"kind": "log_mel", **FEW, "outputs": {"0": {"1": 1}}, "bands": 100},
            "fewer bands, or longer frames",
        ),
        (
            {"kind": "log_mel", **FEW, "outputs": {"0": {"1": 1}}, "high": 900, "bands": 4},
            "reach to 500 Hz, not 900",
        ),
        ({"kind": "envelope_spectrum", **FEW, "orders": {"a": 3}}, "`speed` or `fixed_speed`"),
        ({"kind": "envelope_spectrum", **FEW, "bearing": "6206"}, "did you mean '620"),
        ({"kind": "envelope_spectrum", **FEW, "frequencies": {"a": 499}}, "above half of the rate"),
        ({"kind": "order_spectrum", **FEW, "orders": {"a": 3}}, "`speed` or `fixed_speed`"),
        (
            {"kind": "order_spectrum", **FEW, "orders": {"a": 0.1}, "speed": 2},
            "must be above 0.156",
        ),
        ({"kind": "order_spectrum", **FEW, "orders": {"a": 3}, "speed": 0}, "signal 0 is one of"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(settings: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        OPERATORS.build(settings)


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(DataError, match="version 1, must be 2"):
        OPERATORS.build(BANDS).start({"version": 1})
