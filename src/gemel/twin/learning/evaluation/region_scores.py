"""How well a heat map lies on the defects of a mask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values

__all__ = ["per_region_overlap", "regions"]

Mask = npt.NDArray[np.bool_]


def regions(mask: Mask) -> npt.NDArray[np.int64]:
    """int64[h, w]: number of the connected region (with diagonals) of each pixel; 0 outside."""
    height, width = mask.shape
    found = np.zeros(mask.shape, np.int64)
    number = 0
    for start in np.flatnonzero(mask).tolist():
        if found.flat[start]:
            continue
        number += 1
        found.flat[start] = number
        open_ = [start]
        while open_:
            y, x = divmod(open_.pop(), width)
            for row in range(max(y - 1, 0), min(y + 2, height)):
                for column in range(max(x - 1, 0), min(x + 2, width)):
                    if mask[row, column] and not found[row, column]:
                        found[row, column] = number
                        open_.append(row * width + column)
    return found


def per_region_overlap(maps: list[Values], masks: list[Mask], most: float = 0.3) -> float:
    """Area under the curve of the mean share of each region that is found, over the share of good
    pixels that are taken for defects, up to `most` of them, divided by `most` (AU-PRO; Bergmann et
    al., IJCV 129 (2021) 1038). Chance has `most` / 2. NaN without regions or good pixels.

    maps   float64[h, w] each, of the shape of its mask; good pictures have an empty mask
    """
    score = np.concatenate([m.ravel() for m in maps])
    weight, false, count = [], [], 0
    for mask in masks:
        label = regions(mask).ravel()
        sizes = np.bincount(label)
        count += len(sizes) - 1
        weight.append(np.where(label > 0, 1 / np.maximum(sizes[label], 1), 0.0))
        false.append(label == 0)
    good = np.concatenate(false)
    if not count or not good.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.diff(score[order]) != 0, True)  # of equal scores
    found = np.append(0, np.cumsum(np.concatenate(weight)[order])[ends] / count)
    wrong = np.append(0, np.cumsum(good[order])[ends] / good.sum())
    last = int(np.searchsorted(wrong, most, side="right"))
    x = np.append(wrong[:last], most)
    y = np.append(found[:last], np.interp(most, wrong, found))
    return float(np.trapezoid(y, x) / most)
