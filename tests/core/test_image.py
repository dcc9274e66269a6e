"""Arrays of grey values, filters, patches and made-up defects, against values known otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from gemel.core.errors import DataError
from gemel.core.image import Bank, fitted, grey, resized, stretched
from gemel.core.image.defects import damaged
from gemel.core.image.filters import DERIVATIVES, box_means, derivatives, smoothed
from gemel.core.image.patches import in_context

RANDOM = np.random.default_rng(3)
NOISE = RANDOM.random((90, 120)).astype(np.float32)


def test_grey_is_the_brightness_of_bt_601():
    colours = np.zeros((40, 40, 3), np.uint8)
    colours[:] = (255, 0, 0)
    assert grey(colours)[0, 0] == pytest.approx(0.299)
    assert grey(np.full((40, 40), 65_535, np.uint16)).max() == 1
    assert grey(np.full((40, 40, 4), 255, np.uint8)).min() == pytest.approx(1)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((40, 40, 2), np.uint8),
        np.zeros(40, np.uint8),
        np.zeros((40, 40), np.int64),
        np.full((40, 40), 2.0),
        np.full((40, 40), np.nan),
        np.zeros((0, 40)),
    ],
)
def test_other_arrays_are_refused(pixels):
    with pytest.raises(DataError, match=r"a\.png"):
        grey(pixels, "a.png")


def test_a_smaller_image_has_the_means_of_areas():
    halves = resized(NOISE, 45, 60)
    assert halves == pytest.approx(NOISE.reshape(45, 2, 60, 2).mean(axis=(1, 3)), abs=1e-6)
    for shape in ((37, 53), (90, 120), (200, 130)):
        assert resized(NOISE, *shape).mean() == pytest.approx(NOISE.mean(), abs=1e-4)
    assert fitted(NOISE, 60).shape == (45, 60)
    assert fitted(NOISE, 500) is NOISE


def test_a_stretched_map_lies_on_straight_lines():
    told = stretched(np.array([[0.0, 4.0]]), 1, 8)
    assert told[0].tolist() == [0, 0, 0.5, 1.5, 2.5, 3.5, 4, 4]


def test_gaussians_are_those_of_scipy():
    """Away from the edges of its cut, four widths."""
    for sigma in (1.0, 2.0, 4.0):
        assert smoothed(NOISE, sigma) == pytest.approx(
            ndimage.gaussian_filter(NOISE, sigma, mode="reflect", truncate=4), abs=2e-6
        )
        for (down, across), told in zip(DERIVATIVES, derivatives(NOISE, sigma), strict=True):
            theirs = ndimage.gaussian_filter(NOISE, sigma, order=(down, across), mode="reflect")
            theirs *= sigma ** (down + across)
            assert np.abs(told - theirs).max() < 0.05 * np.abs(theirs).max(), (sigma, down, across)


def test_derivatives_of_a_parabola_are_exact():
    y, x = np.mgrid[:80, :80].astype(np.float64) / 10
    surface = (2 * x + 3 * y + 0.5 * x**2 + x * y - y**2).astype(np.float32)
    told = derivatives(surface, 2.0)[:, 40, 40]
    at = 4.0
    slope = np.array([2 + at + at, 3 + at - 2 * at]) / 10 * 2
    curve = np.array([1, 1, -2]) / 100 * 4
    assert told == pytest.approx([*slope, *curve], abs=1e-3)


def test_box_means_take_what_is_there():
    told = box_means(NOISE, 5)
    assert told[0, 0] == pytest.approx(NOISE[:3, :3].mean(), abs=1e-6)
    assert told[40, 60] == pytest.approx(NOISE[38:43, 58:63].mean(), abs=1e-6)


def test_what_patches_are_like_does_not_depend_on_exposure():
    bank = Bank()
    image = (0.3 + 0.2 * NOISE).astype(np.float32)
    bright, dark = bank.describe(image), bank.describe(image * np.float32(0.6))
    assert bright.shape == (90 // 8, 120 // 8, len(bank.names))
    assert np.abs(bright - dark).max() < 0.06


def test_a_patch_is_described_beside_its_image():
    told = in_context(Bank().describe(NOISE))
    k = len(Bank().names)
    assert told.shape == (11, 15, 4 * k + 2)
    assert np.median(told[:, :, 0]) == pytest.approx(0, abs=1e-6)
    assert told[0, 0, -2:].tolist() == [0, 0]
    assert told[5, 7, -2:].tolist() == [5, 7]


def test_a_black_image_is_described():
    assert np.isfinite(Bank().describe(np.zeros((64, 64), np.float32))).all()


def test_made_up_defects_lie_where_they_say():
    image = (0.4 + 0.1 * NOISE).astype(np.float32)
    before = image.copy()
    for seed in range(40):
        told, where = damaged(image, np.random.default_rng(seed))
        again, _ = damaged(image, np.random.default_rng(seed))
        assert np.array_equal(told, again)
        assert told.min() >= 0
        assert told.max() <= 1
        far = ~ndimage.binary_dilation(where, iterations=14)
        assert told[far] == pytest.approx(image[far], abs=0.01)
    assert np.array_equal(image, before)
