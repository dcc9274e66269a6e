"""What the surface is like in each patch of an image: a bank of filters, and what is around."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.image.filters import box_means, derivatives, smoothed
from gemel.core.image.picture import Image
from gemel.core.settings import Settings

__all__ = ["Bank", "Features", "in_context"]

Features: TypeAlias = npt.NDArray[np.float32]
"""float32[rows, columns, k]: a cell for each patch."""

_DARK: Final = 4 / 255
"""Added to the brightness that contrasts are relative to: in the dark, noise is not contrast."""
_QUIET: Final = 1e-3
"""Contrast that is taken for none before logarithms are taken."""
_KINDS: Final = (
    "slope across", "slope down", "curve across", "twist", "curve down", "darker", "brighter"
)  # fmt: skip
_AROUND: Final = 5
_ALONG: Final = 9


class Bank(Settings):
    """Filters of several widths, and how their answers are gathered in patches.

    The image is first turned into contrast: brightness relative to the mean around, which takes
    exposure and slow shading away. Of each patch the bank then tells the strength of slopes and
    curvatures (five derivatives of Gaussians), and of what is brighter and darker than around, at
    each width; as logarithms, which makes them nearly normal.
    """

    patch: int = Field(8, ge=4, le=64, description="Pixels on a side of a patch")
    widths: tuple[float, ...] = Field(
        (1.0, 2.0, 4.0), min_length=1, max_length=6, description="Widths of the filters, in pixels"
    )
    shading: float = Field(
        20.0, gt=2, le=200, description="Width of the surroundings that brightness is relative to"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """What each number says, in their order."""
        return tuple(f"{kind} {width:g}" for width in self.widths for kind in _KINDS)

    def contrast(self, image: Image) -> Image:
        """Brightness relative to the mean around: -1 is black, 0 as around."""
        around = smoothed(image, self.shading)
        return (image - around) / (around + np.float32(_DARK))

    def describe(self, image: Image) -> Features:
        """float32[rows, columns, k]: what each patch is like. Pixels right and below of the last
        whole patch are left out."""
        contrast = self.contrast(image)
        told = []
        for width in self.widths:
            answers = [*derivatives(contrast, width)]
            blob = smoothed(contrast, width) - smoothed(contrast, 2 * width)
            answers += [np.minimum(blob, 0), np.maximum(blob, 0)]
            told += [self._strength(answer) for answer in answers]
        return np.stack(told, axis=2)

    def _strength(self, answer: Image) -> npt.NDArray[np.float32]:
        """float32[rows, columns]: logarithm of the root mean square in each patch and its rim."""
        squares = box_means(answer * answer, self.patch | 1)
        power = _cells(squares, self.patch).mean(axis=(1, 3), dtype=np.float32)
        return np.asarray(np.log(np.sqrt(np.maximum(power, 0)) + np.float32(_QUIET)))


def _cells(value: Image, side: int) -> Any:
    rows, columns = value.shape[0] // side, value.shape[1] // side
    return value[: rows * side, : columns * side].reshape(rows, side, columns, side)


def in_context(features: Features) -> Features:
    """float32[rows, columns, 4 k + 2]: each patch beside its image, and where it lies.

    The same surface is photographed under other light and is ground more or less finely: what a
    patch is like matters less than how it differs. From the median of its image, from the patches
    around, from those in its row and from those in its column (surfaces often have a grain); and
    how many patches it is away from the nearer horizontal and vertical edge.
    """
    rows, columns, k = features.shape
    middle = np.median(features.reshape(-1, k), axis=0)
    told: list[Features] = [np.asarray(features - middle, np.float32)]
    for down, across in ((_AROUND, _AROUND), (1, _ALONG), (_ALONG, 1)):
        told.append(np.asarray(features - _means(features, down, across), np.float32))
    up, left = np.mgrid[:rows, :columns]
    edge = np.stack([np.minimum(up, rows - 1 - up), np.minimum(left, columns - 1 - left)], axis=2)
    return np.concatenate([*told, edge.astype(np.float32)], axis=2, dtype=np.float32)


def _means(value: Features, down: int, across: int) -> Features:
    """Means over the cells around each; at edges of those that are there."""
    total = value.astype(np.float64)
    for axis, side in ((0, down), (1, across)):
        if side == 1:
            continue
        length, reach = total.shape[axis], side // 2
        sums = np.concatenate([np.zeros_like(total.take([0], axis)), total.cumsum(axis)], axis)
        place = np.arange(length)
        low, high = np.maximum(place - reach, 0), np.minimum(place + reach + 1, length)
        count = (high - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        total = (sums.take(high, axis) - sums.take(low, axis)) / count
    return total.astype(np.float32)
