"""Made-up defects: what could be wrong with a surface, drawn on a picture of a good one.

Nobody has pictures of all defects to come. What tells good from bad can be learned all the same
from good pictures on which something was drawn (CutPaste, Li et al., CVPR 2021; DRAEM, Zavrtanik et
al., ICCV 2021; natural synthetic anomalies, Schlüter et al., ECCV 2022). The shapes are general:
blobs, lines, stains, and pieces of the same surface at the wrong place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gemel.core.image.filters import smoothed
from gemel.core.image.picture import Image, stretched

__all__ = ["damaged"]

_DRAWN = 3
_STEPS = 30
"""Straight pieces of a line."""


def damaged(image: Image, random: np.random.Generator) -> tuple[Image, npt.NDArray[np.bool_]]:
    """The image with a few made-up defects, and bool[h, w] that says where they are."""
    told, where = image, np.zeros(image.shape, np.bool_)
    for _ in range(_DRAWN):
        shape = (_blob, _line, _line, _piece, _stain)[random.integers(5)]
        told, mine = shape(told, random)
        where |= mine
    return np.clip(told, 0, 1).astype(np.float32), where


def _blob(image: Image, random: np.random.Generator) -> tuple[Image, npt.NDArray[np.bool_]]:
    """A hole or an inclusion: small, with a sharp edge."""
    mask = _spot(image.shape, random, 0.012, 0.08)
    return _shaded(image, mask, random.uniform(0.5, 1.5), random)


def _stain(image: Image, random: np.random.Generator) -> tuple[Image, npt.NDArray[np.bool_]]:
    """Larger, with an edge of any softness."""
    mask = _spot(image.shape, random, 0.05, 0.3)
    return _shaded(image, mask, random.uniform(0.5, 3), random)


def _line(image: Image, random: np.random.Generator) -> tuple[Image, npt.NDArray[np.bool_]]:
    """A scratch or a crack: a random walk, one to five pixels wide."""
    height, width = image.shape
    length = min(height, width) * np.exp(random.uniform(np.log(0.06), np.log(0.6)))
    bend = np.cumsum(random.normal(0, 0.25, _STEPS)) + random.uniform(0, 2 * np.pi)
    along = np.linspace(0, _STEPS - 1, int(length * 2) + 2)
    step = length / _STEPS
    down = random.uniform(0, height) + np.cumsum(np.sin(bend)) * step
    across = random.uniform(0, width) + np.cumsum(np.cos(bend)) * step
    row = np.interp(along, np.arange(_STEPS), down).astype(np.int64)
    column = np.interp(along, np.arange(_STEPS), across).astype(np.int64)
    mask = np.zeros(image.shape, np.bool_)
    reach = int(random.integers(0, 3))
    for up in range(-reach, reach + 1):
        for left in range(-(reach - abs(up)), reach - abs(up) + 1):
            y, x = row + up, column + left
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            mask[y[inside], x[inside]] = True
    return _shaded(image, mask, random.uniform(0.5, 1.5), random)


def _piece(image: Image, random: np.random.Generator) -> tuple[Image, npt.NDArray[np.bool_]]:
    """The same surface, turned around, as bright as what it lies on: only its texture is wrong."""
    mask = _spot(image.shape, random, 0.03, 0.3)
    if not mask.any():
        return image, mask
    other = image[::-1, ::-1] if random.random() < 0.5 else image[::-1]
    bright = float(image[mask].mean()) + 1e-3
    other = other * np.float32(bright / (float(other[mask].mean()) + 1e-3))
    soft = smoothed(mask.astype(np.float32), random.uniform(0.5, 1.5))
    return image * (1 - soft) + other * soft, mask


def _shaded(
    image: Image, mask: npt.NDArray[np.bool_], edge: float, random: np.random.Generator
) -> tuple[Image, npt.NDArray[np.bool_]]:
    """Darker twice as often as brighter, by 10 to 70 % of what is around."""
    amount = np.float32(random.choice([-1, -1, 1]) * random.uniform(0.1, 0.7))
    soft = smoothed(mask.astype(np.float32), edge)
    return image + soft * smoothed(image, 8.0) * amount, mask


def _spot(
    shape: tuple[int, int], random: np.random.Generator, least: float, most: float
) -> npt.NDArray[np.bool_]:
    """An ellipse with a wobbling rim; its radius as a share of the shorter side."""
    height, width = shape
    radius = min(shape) * np.exp(random.uniform(np.log(least), np.log(most)))
    longer, turn = np.exp(random.normal(0, 0.4)), random.uniform(0, np.pi)
    down = np.arange(height)[:, None] - random.uniform(0, height)
    across = np.arange(width)[None, :] - random.uniform(0, width)
    u = (across * np.cos(turn) + down * np.sin(turn)) / (radius * longer)
    v = (down * np.cos(turn) - across * np.sin(turn)) / (radius / longer)
    rim = stretched(random.normal(size=(16, 16)), height, width)
    inside: npt.NDArray[np.bool_] = u * u + v * v + 0.4 * rim < 1
    return inside
