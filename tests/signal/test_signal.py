"""Waveforms in numbers, against values that are known."""

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.signal.envelope import analytic, choose_band, envelope_spectrum, whitened
from gemel.core.signal.even import evened, held
from gemel.core.signal.features import BurstFeatures
from gemel.core.signal.harmonics import comb, excess
from gemel.core.signal.machine import BEARINGS, Bearing, Gear
from gemel.core.signal.spectrum import bands, bursts, centroid, orders, strongest, welch
from gemel.core.signal.statistics import STATISTICS, statistics

RATE = 8000.0
TIME = np.arange(16_000) / RATE


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, n)


def test_statistics_of_a_sine_are_those_of_the_formula() -> None:
    told = dict(zip(STATISTICS, statistics(3 * np.sin(2 * np.pi * 50 * TIME)), strict=True))
    assert told["rms"] == pytest.approx(3 / np.sqrt(2))
    assert told["crest"] == pytest.approx(np.sqrt(2), rel=1e-6)
    assert told["kurtosis"] == pytest.approx(1.5)
    assert told["shape"] == pytest.approx(np.pi / (2 * np.sqrt(2)), rel=1e-3)
    assert told["peak_to_peak"] == pytest.approx(6, rel=1e-6)
    assert told["mean"] == pytest.approx(0, abs=1e-9)


def test_statistics_of_known_distributions() -> None:
    told = statistics(np.stack([noise(400_000), noise(400_000, 1) ** 2]), ("skewness", "kurtosis"))
    assert told[0] == pytest.approx([0, 3], abs=0.05)
    assert told[1] == pytest.approx([np.sqrt(8), 15], rel=0.05), "chi-squared, one degree"
    assert statistics(np.arange(5.0) * 2, ("slope", "median")) == pytest.approx([2, 4])


def test_what_does_not_vary_has_no_shape() -> None:
    told = statistics(np.full(10, 0.1), ("kurtosis", "skewness", "crest"))
    assert told.tolist() == [0, 0, pytest.approx(1)]
    with pytest.raises(DataError, match="kurtosi"):
        statistics(np.ones(3), ("kurtosi",))
    with pytest.raises(DataError, match="without values"):
        statistics(np.ones(0))


def test_welch_keeps_the_variance_and_the_frequency() -> None:
    sine = 2 * np.sin(2 * np.pi * 440 * TIME)
    spectrum = welch(sine + noise(len(TIME)), RATE, 2000)
    assert spectrum.value.sum() * spectrum.step == pytest.approx(3, rel=0.03)
    assert spectrum.at[spectrum.value.argmax()] == 440
    low, near, high = bands(spectrum, [0, 400, 480, 4000])
    assert near == pytest.approx(2 + 80 / 4000, rel=0.03)
    assert low + near + high == pytest.approx(3, rel=0.03)
    with pytest.raises(DataError, match="rise"):
        bands(spectrum, [10, 5])


def test_bursts_are_cut_and_overlap() -> None:
    assert bursts(np.arange(10.0), 4, 0.5)[:, 0].tolist() == [0, 2, 4, 6]
    with pytest.raises(DataError, match="shorter"):
        bursts(np.arange(3.0), 4)


def test_orders_follow_a_shaft_that_speeds_up() -> None:
    speed = np.linspace(20, 40, len(TIME))
    angle = np.cumsum(speed) / RATE
    found = orders(np.sin(2 * np.pi * 3.5 * angle), RATE, speed)
    assert found.at[found.value.argmax()] == 3.5
    smeared = welch(np.sin(2 * np.pi * 3.5 * angle), RATE, 4096)
    assert found.value.max() / found.value.sum() > 3 * smeared.value.max() / smeared.value.sum()
    with pytest.raises(DataError, match="turns"):
        orders(TIME, RATE, np.array([1.0]))


def test_the_envelope_is_that_of_the_modulation() -> None:
    slow = 1 + 0.5 * np.cos(2 * np.pi * 20 * TIME)
    assert np.abs(analytic(slow * np.cos(2 * np.pi * 1000 * TIME), RATE)) == pytest.approx(
        slow, abs=1e-9
    )


def test_the_envelope_spectrum_has_the_modulation_in_its_size() -> None:
    """(1 + m cos)² has lines of 2m and m²/2 over 1 + m²/2."""
    value = (1 + 0.5 * np.cos(2 * np.pi * 20 * TIME)) * np.cos(2 * np.pi * 1000 * TIME)
    found = envelope_spectrum(value, RATE, up_to=100)
    assert found.at[-1] == 100
    lines = found.value[np.isin(found.at, [20, 40])]
    assert lines == pytest.approx([1 / 1.125, 0.125 / 1.125], rel=1e-6)


def test_the_band_is_that_in_which_it_rings() -> None:
    value = 0.5 * noise(len(TIME)) + 5 * np.sin(2 * np.pi * 200 * TIME)
    ring = np.exp(-600 * TIME[:200]) * np.sin(2 * np.pi * 2600 * TIME[:200])
    for place in range(0, len(value) - 200, 400):
        value[place : place + 200] += 5 * ring
    low, high = choose_band(value, RATE, 20)
    assert low <= 2600 <= high
    assert high - low <= RATE / 4


def test_whitening_forgets_the_level_and_the_tones() -> None:
    value = noise(4000) + 50 * np.sin(2 * np.pi * 0.1 * np.arange(4000))
    flat = whitened(value)
    assert flat.std() == pytest.approx(1)
    assert whitened(1000 * value) == pytest.approx(flat)
    assert np.ptp(np.abs(np.fft.rfft(flat))[1:-1]) < 1e-9


def test_frequencies_of_the_bearings_of_the_test_rig() -> None:
    """As the Case Western Reserve University bearing data centre gives them, in revolutions."""
    drive, fan = BEARINGS["6205"], BEARINGS["6203"]
    assert (drive.bpfi, drive.bpfo, 2 * drive.bsf, drive.ftf) == pytest.approx(
        (5.4152, 3.5848, 4.7135, 0.39828), abs=1e-4
    )
    assert (fan.bpfi, fan.bpfo, 2 * fan.bsf, fan.ftf) == pytest.approx(
        (4.9469, 3.0530, 3.9874, 0.3817), abs=2e-3
    )
    assert drive.bpfi + drive.bpfo == pytest.approx(drive.balls)
    assert Gear(teeth=21, ratio=0.5).mesh == 10.5
    with pytest.raises(ConfigurationError, match="less than pitch"):
        Bearing.read({"balls": 9, "ball": 2, "pitch": 1})


def test_noise_has_as_much_excess_as_theory_says() -> None:
    """A chance of 5 % comes about so often, or less: three standard deviations are allowed."""
    chances = []
    for seed in range(40):
        spectrum = envelope_spectrum(noise(16_000, seed), RATE, up_to=1000)
        found = comb(excess(spectrum), spectrum.step, 100, 3, 0.01)
        assert found is not None
        chances.append(found.chance)
    assert np.mean(np.array(chances) < 0.05) <= 0.15


def test_a_line_that_is_there_is_found_and_one_out_of_reach_is_none() -> None:
    value = (1 + 0.3 * np.cos(2 * np.pi * 101 * TIME)) * noise(len(TIME))
    spectrum = envelope_spectrum(value, RATE, up_to=1000)
    found = comb(excess(spectrum), spectrum.step, 100, 1, 0.02)
    assert found is not None
    assert found.at == pytest.approx(101, abs=0.5)
    assert found.chance < 1e-4
    assert comb(excess(spectrum), spectrum.step, 1500, 1, 0.02) is None


def test_features_know_neither_level_nor_what_was_not_recorded() -> None:
    features = BurstFeatures(4000, 8)
    bearing = BEARINGS["6205"]
    value = noise(16_000)
    told = features.of(value, RATE, 29.0, bearing)
    assert len(features.names) == len(told) == len(set(features.names))
    assert np.isfinite(told).all()
    assert features.of(1000 * value, RATE, 29.0, bearing) == pytest.approx(told)
    assert np.exp(told[-8:]).sum() == pytest.approx(1)
    blank = features.of(value, None, 29.0, bearing, assumed_rate=RATE)
    assert np.isnan(blank[-8:]).all()
    assert blank[:-8] == pytest.approx(told[:-8])
    assert np.isnan(features.of(value, RATE, None, bearing)[5:-8]).all()


def test_the_strongest_line_is_refined_and_its_range_kept() -> None:
    value = 2 * np.sin(2 * np.pi * 440.3 * TIME) + 3 * np.sin(2 * np.pi * 900 * TIME)
    spectrum = welch(value, RATE, 4000)
    at, _ = strongest(spectrum, 400, 500)
    assert at == pytest.approx(440.3, abs=0.02 * spectrum.step)
    assert strongest(spectrum)[0] == pytest.approx(900, abs=1e-6)
    assert strongest(spectrum, 890, 898)[0] == 898, "the slope of a line outside is no line"
    assert strongest(spectrum, 460.1, 460.2)[0] == 460, "the nearest, where none lies between"
    assert centroid(spectrum) == pytest.approx((4 * 440.3 + 9 * 900) / 13, rel=1e-4)
    assert np.isnan(centroid(welch(np.ones(4000), RATE)))


def test_orders_keep_their_strength_up_to_high_ones() -> None:
    """At an eighth of the rate a straight line between samples would lose a tenth of the power."""
    speed = np.linspace(20, 60, len(TIME))
    angle = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2)]) / RATE
    for order in (1.5, 8.0, 40.0):
        found = orders(2 * np.sin(2 * np.pi * order * angle), RATE, speed, 128)
        (power,) = bands(found, [order - 0.2, order + 0.2])
        assert power == pytest.approx(2, rel=0.005), order
    with pytest.raises(DataError, match="by more than 50 times"):
        orders(TIME, RATE, np.linspace(0.1, 60, len(TIME)))


def test_samples_are_counted_and_few_may_be_missing() -> None:
    time = 1_000_000 * np.arange(1000)
    value = np.arange(1000.0)
    even, missing = evened(time, value, 1000, 1.0)
    assert (even.tolist(), missing) == (value.tolist(), 0)
    kept = np.delete(np.arange(1000), [3, 500, 501])
    even, missing = evened(time[kept], value[kept], 1000, 1.0)
    assert (even.tolist(), missing) == (value.tolist(), 3), "on a line between their neighbours"
    jitter = np.random.default_rng(0).integers(-200_000, 200_000, 1000)
    assert evened(time + jitter, value, 1000, 1.0)[0].tolist() == value.tolist()
    twice = np.sort(np.concatenate([np.arange(1000), [7, 8]]))
    assert evened(time[twice], value[twice], 1000, 1.0)[1] == 0
    for odd in (time * 2, time[:900], time // 400_000_000 * 400_000_000):
        with pytest.raises(DataError, match="expected"):
            evened(odd, value[: len(odd)], 1000, 1.0)


def test_a_slow_signal_holds_so_long() -> None:
    time, value = np.array([0, 10, 100]), np.array([1.0, 2.0, 5.0])
    at = np.array([-1, 0, 5, 10, 29, 31, 100, 120, 121])
    found = held(time, value, at, 20)
    assert found.tolist() == pytest.approx(
        [np.nan, 1, 1.5, 2, 2, np.nan, 5, 5, np.nan], nan_ok=True
    )
    assert np.isnan(held(time[:0], value[:0], at, 20)).all()
