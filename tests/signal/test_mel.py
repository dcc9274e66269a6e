"""Mel against values that are published."""

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.signal.mel import Mel, decibels, from_mel, mel_frames, to_mel

PUBLISHED = (
    0.0, 85.317, 170.635, 255.952, 341.269, 426.586, 511.904, 597.221, 682.538, 767.855, 853.173,
    938.49, 1024.856, 1119.114, 1222.042, 1334.436, 1457.167, 1591.187, 1737.532, 1897.337,
    2071.84, 2262.393, 2470.47, 2697.686, 2945.799, 3216.731, 3512.582, 3835.643, 4188.417,
    4573.636, 4994.285, 5453.621, 5955.205, 6502.92, 7101.009, 7754.107, 8467.272, 9246.028,
    10096.408, 11025.0,
)  # fmt: skip
"""Forty frequencies from 0 to 11,025 Hz, evenly spaced in mel of the Auditory Toolbox, as the
documentation of librosa gives them (`mel_frequencies`)."""


def test_mel_of_the_auditory_toolbox() -> None:
    """Also from librosa's documentation: `hz_to_mel` and `mel_to_hz`."""
    assert to_mel(np.array([60, 110, 220, 440])) == pytest.approx([0.9, 1.65, 3.3, 6.6])
    assert from_mel(np.array([1, 2, 3, 4, 5])) == pytest.approx(
        [66.667, 133.333, 200, 266.667, 333.333], abs=1e-3
    )
    assert to_mel(11025.0) == pytest.approx(49.91059448015905, abs=1e-12)
    assert to_mel(6400.0) == pytest.approx(15 + 27), "27 steps for a factor of 6.4, by definition"
    assert from_mel(np.linspace(0, float(to_mel(11025.0)), 40)) == pytest.approx(
        PUBLISHED, abs=6e-4
    )


def test_mel_of_the_hidden_markov_toolkit() -> None:
    """2595 log10(1 + f / 700) is rounded so that 1000 Hz are 1000 mel, nearly; unrounded the factor
    of the natural logarithm is 1127.01048."""
    assert to_mel(1000.0, "htk") == pytest.approx(999.9855, abs=1e-4)
    f = np.array([50.0, 440.0, 4000.0, 16_000.0])
    assert to_mel(f, "htk") == pytest.approx(1127.01048 * np.log(1 + f / 700), rel=2e-5)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_there_and_back(scale: str) -> None:
    f = np.array([0.0, 20, 999.9, 1000, 1000.1, 20_000])
    assert from_mel(to_mel(f, scale), scale) == pytest.approx(f)


def test_triangles_have_height_or_area_one() -> None:
    high = Mel(bands=20, high=4000, scale="htk").weights(8000, 4096)
    assert high.max(axis=1) == pytest.approx(np.ones(20), abs=0.06)
    assert high.max() <= 1
    inside = high.sum(axis=0)[100:1700]
    assert inside == pytest.approx(np.ones(1600)), "neighbours share what lies between them"
    area = Mel(bands=20, high=4000, scale="slaney").weights(8000, 4096).sum(axis=1) * 8000 / 4096
    assert area == pytest.approx(np.ones(20), rel=1e-3)


def test_what_lies_between_two_lines_is_refused() -> None:
    with pytest.raises(DataError, match=r"band 1 of 80, .* take fewer bands, or longer frames"):
        Mel(bands=80, high=4000).weights(8000, 128)
    with pytest.raises(DataError, match="8000 samples per second reach to 4000 Hz, not 5000"):
        Mel(high=5000).weights(8000, 1024)
    with pytest.raises(ConfigurationError, match="must be below high"):
        Mel.read({"low": 500, "high": 400})


def test_energy_in_time_and_nothing_has_a_floor() -> None:
    value = np.zeros(8000)
    value[4000:] = np.sin(2 * np.pi * 500 * np.arange(4000) / 8000)
    frames = decibels(mel_frames(value, 8000, Mel(bands=8, high=4000, scale="htk"), 512))
    assert frames.shape == ((8000 - 512) // 256 + 1, 8)
    assert (frames[:14] == -120).all()
    assert (10 ** (frames[-1] / 10)).sum() == pytest.approx(0.5, rel=1e-3)
