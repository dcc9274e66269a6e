"""Filters: derivatives of Gaussians, and sums over boxes, on float32[h, w]."""

from __future__ import annotations

from functools import cache
from math import ceil

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.image.picture import Image

__all__ = ["DERIVATIVES", "box_means", "derivatives", "gaussian", "smoothed"]

DERIVATIVES: tuple[tuple[int, int], ...] = ((0, 1), (1, 0), (0, 2), (1, 1), (2, 0))
"""Orders down and across. These five hold all that a local polynomial of second degree says of the
surface: slope and curvature in every direction (Koenderink and van Doorn, Biol. Cybern. 55 (1987)
367)."""


@cache
def gaussian(sigma: float, order: int) -> npt.NDArray[np.float32]:
    """The sampled Gaussian of width `sigma` pixels, or its derivative, cut at four widths.

    Made exact on what it is for: it gives 1 for a constant, and the derivative of a slope or of a
    parabola, whatever sampling and cutting took away. Multiplied by `sigma ** order`, so that
    answers do not depend on the size of what is seen (Lindeberg, IJCV 30 (1998) 79).
    """
    reach = ceil(4 * sigma)
    x = np.arange(-reach, reach + 1, dtype=np.float64)
    bell = np.exp(-0.5 * (x / sigma) ** 2)
    bell /= bell.sum()
    if order == 0:
        kernel = bell
    elif order == 1:
        kernel = -x * bell
        kernel /= -(kernel * x).sum()
    else:
        kernel = (x**2 - (x**2 * bell).sum()) * bell
        kernel /= 0.5 * (kernel * x**2).sum()
    # Convolution turns a kernel around; the loops below correlate.
    return (kernel[::-1] * sigma**order).astype(np.float32)


def smoothed(image: Image, sigma: float) -> Image:
    """The image under a Gaussian of `sigma` pixels, mirrored at its edges.

    Wide ones are three box means in a row, at edges of what is there: near a Gaussian, and in the
    same time for any width (Wells, PAMI 8 (1986) 234).
    """
    if sigma < 6:
        bell = gaussian(float(sigma), 0)
        return np.asarray(_across(_down(image, bell), bell), np.float32)
    side = round((4 * sigma**2 + 1) ** 0.5) | 1
    told = image
    for _ in range(3):
        told = box_means(told, side)
    return told


def derivatives(image: Image, sigma: float) -> npt.NDArray[np.float32]:
    """float32[5, h, w]: the five `DERIVATIVES` at this scale, each times `sigma ** order`."""
    kernels = [gaussian(float(sigma), order) for order in range(3)]
    columns = [_down(image, kernel) for kernel in kernels]
    return np.stack([_across(columns[down], kernels[across]) for down, across in DERIVATIVES])


def box_means(image: Image, side: int) -> Image:
    """The mean of the `side` x `side` pixels around each; at the edges of those that are there."""
    told: Image = _box(np.ascontiguousarray(image, np.float32), side // 2)
    return told


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"}, nogil=True)
def _down(image: Image, kernel: npt.NDArray[np.float32]) -> Image:
    height, width = image.shape
    reach = len(kernel) // 2
    told = np.zeros_like(image)
    for row in range(height):
        for k in range(len(kernel)):
            other = _mirrored(row + k - reach, height)
            weight = kernel[k]
            for column in range(width):
                told[row, column] += weight * image[other, column]
    return told


@njit(cache=True, fastmath={"contract", "reassoc", "nsz"}, nogil=True)
def _across(image: Image, kernel: npt.NDArray[np.float32]) -> Image:
    height, width = image.shape
    reach = len(kernel) // 2
    told = np.zeros_like(image)
    wide = np.empty(width + 2 * reach, np.float32)
    for row in range(height):
        for column in range(width + 2 * reach):
            wide[column] = image[row, _mirrored(column - reach, width)]
        for k in range(len(kernel)):
            weight = kernel[k]
            for column in range(width):
                told[row, column] += weight * wide[column + k]
    return told


@njit(cache=True, nogil=True)
def _mirrored(place: int, length: int) -> int:
    while place < 0 or place >= length:
        place = -place - 1 if place < 0 else 2 * length - place - 1
    return place


@njit(cache=True, nogil=True)
def _box(image: Image, reach: int) -> Image:
    height, width = image.shape
    sums = np.zeros((height + 1, width + 1), np.float64)  # float32 loses the mean of large images
    for row in range(height):
        line = 0.0
        for column in range(width):
            line += image[row, column]
            sums[row + 1, column + 1] = sums[row, column + 1] + line
    told = np.empty((height, width), np.float32)
    for row in range(height):
        top, bottom = max(row - reach, 0), min(row + reach + 1, height)
        for column in range(width):
            left, right = max(column - reach, 0), min(column + reach + 1, width)
            total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
            told[row, column] = total / ((bottom - top) * (right - left))
    return told
