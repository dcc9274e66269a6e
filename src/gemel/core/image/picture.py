"""Arrays of grey values: made from pixels of any depth, and brought to another size."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError

__all__ = ["LEAST", "Image", "fitted", "grey", "resized", "stretched"]

Image: TypeAlias = npt.NDArray[np.float32]
"""float32[h, w]: 0 is black, 1 is white; row 0 is the upper one."""

LEAST: Final = 32
"""Pixels that an image must have on each side: smaller ones have no patches to compare."""
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def grey(pixels: npt.NDArray[Any], where: str = "the image") -> Image:
    """Grey values of pixels: (h, w) or (h, w, 3 or 4), whole numbers of 8 or 16 bits, or 0 to 1.

    A fourth channel (alpha) is not looked at. Raises `DataError` for any other array.
    """
    kind = pixels.dtype
    if kind == np.bool_:
        value = pixels.astype(np.float32)
    elif kind in (np.uint8, np.uint16):
        value = pixels.astype(np.float32) / np.float32(np.iinfo(kind).max)
    elif kind.kind == "f":
        value = pixels.astype(np.float32)
        if not np.isfinite(value).all() or (value.size and (value.min() < 0 or value.max() > 1)):
            raise DataError(f"{where}: fractions of white must lie between 0 and 1")
    else:
        raise DataError(f"{where}: pixels are {kind}, must be uint8, uint16 or fractions of white")
    if value.ndim == 3 and value.shape[2] in (3, 4):
        value = value[:, :, :3] @ _LUMA
    if value.ndim != 2 or min(value.shape) < LEAST:
        raise DataError(
            f"{where}: pixels of shape {pixels.shape}, must be at least {LEAST} x {LEAST}, "
            "grey or of three colours"
        )
    return np.ascontiguousarray(np.minimum(value, 1), np.float32)


def resized(image: npt.NDArray[Any], height: int, width: int) -> Image:
    """The image at another size: each new pixel is the mean of the area that it covers.

    Enlarged, pixels are repeated at fractional widths. No aliasing: stripes that are finer than the
    new pixels become grey instead of other stripes.
    """
    told = np.asarray(image, np.float64)
    down = _overlaps(told.shape[0], height)
    across = _overlaps(told.shape[1], width)
    return (down @ told @ across.T).astype(np.float32)


def fitted(image: Image, most: int) -> Image:
    """The image, made smaller where its longer side has more than `most` pixels."""
    longest = max(image.shape)
    if longest <= most:
        return image
    height, width = (max(LEAST, round(side * most / longest)) for side in image.shape)
    return resized(image, height, width)


def stretched(value: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[np.float64]:
    """A map at another size, on straight lines between the centres of its cells."""
    told = np.asarray(value, np.float64)
    for axis, wanted in ((0, height), (1, width)):
        have = told.shape[axis]
        place = np.clip((np.arange(wanted) + 0.5) * have / wanted - 0.5, 0, have - 1)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, have - 1)
        share = (place - low).reshape((-1, 1) if axis == 0 else (1, -1))
        told = told.take(low, axis) * (1 - share) + told.take(high, axis) * share
    return told


def _overlaps(have: int, want: int) -> npt.NDArray[np.float64]:
    """float64[want, have]: share of each old pixel in each new one; rows sum to 1."""
    edges = np.arange(want + 1) * have / want
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(have)[None, :]
    shared = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    told: npt.NDArray[np.float64] = shared / shared.sum(axis=1, keepdims=True)
    return told
