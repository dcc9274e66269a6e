"""Parts that always lie alike: each pixel is compared with what it is on good pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.image import Bank, Image
from gemel.core.image.filters import smoothed
from gemel.core.packed import packed, unpacked
from gemel.parts.inspectors._held_out import enough, head, held_out, limited, top
from gemel.parts.inspectors.base import Album, Inspection, Inspector

__all__ = ["Template"]

_CELL: Final = 4
Contrast = npt.NDArray[np.float32]


class Template(Inspector):
    """A golden template: the mean of good pictures, and how much each pixel of it differs.

    For printed, assembled or stamped parts that are photographed in one position. Pictures are
    shifted onto the first one by up to `shift` pixels; turned or scaled ones are not brought into
    line. All must be of one size.
    """

    shading: float = Field(
        20.0, gt=2, le=200, description="Width of the surroundings that brightness is relative to"
    )
    shift: int = Field(12, ge=0, le=200, description="Pixels by which a part may lie elsewhere")
    blur: float = Field(1.5, ge=0.5, le=20, description="Width under which differences are seen")
    top: int = Field(3, ge=1, description="Cells that the score is the mean of")

    def fit(self, good: Album) -> _Model:
        enough(good)
        bank = Bank(shading=self.shading)
        first = bank.contrast(good.image(0))

        def contrast(album: Album, place: int) -> Contrast:
            return _onto(first, album.made(bank, place, bank.contrast), self.shift)

        def learn(part: Album) -> Any:
            model = self._of([contrast(part, p) for p in range(len(part))], 0.0, {})
            return lambda album, place: top(model.told(contrast(album, place)), self.top)

        score = held_out(good, learn)
        limit, evidence = limited(score, good.unit, self.rejects)
        evidence["model"] = f"template of {first.shape[1]} x {first.shape[0]} pixels"
        return self._of([contrast(good, p) for p in range(len(good))], limit, evidence)

    def load(self, saved: dict[str, Any]) -> _Model:
        saved = head("template", saved)
        try:
            settings = Template.read(saved["settings"])
            mean = unpacked(saved["mean"], np.float32, None, None)
            spread = unpacked(saved["spread"], np.float32, *mean.shape)
            limit, evidence = float(saved["limit"]), dict(saved["evidence"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        if (spread <= 0).any() or not np.isfinite(limit):
            raise DataError("not a saved model: numbers are out of their range")
        return _Model(settings, mean, spread, limit, evidence)

    def _of(self, contrasts: list[Contrast], limit: float, evidence: dict[str, Any]) -> _Model:
        total = np.zeros(contrasts[0].shape)
        squares = np.zeros(contrasts[0].shape)
        for contrast in contrasts:  # not stacked: n pictures at once may not fit in memory
            seen = smoothed(contrast, self.blur)
            total += seen
            squares += seen.astype(np.float64) ** 2
        mean = total / len(contrasts)
        spread = np.sqrt(np.maximum(squares / len(contrasts) - mean**2, 0))
        # A pixel that never differed in few pictures will differ some day: half of the usual
        # spread is always allowed.
        spread = np.sqrt(spread**2 + 0.25 * np.mean(spread**2)) + 1e-3
        return _Model(self, mean.astype(np.float32), spread.astype(np.float32), limit, evidence)


def _onto(first: Contrast, contrast: Contrast, most: int) -> Contrast:
    """The picture, shifted to where it agrees best with the first (phase correlation; Kuglin and
    Hines 1975). What comes in at an edge is taken from the first."""
    if contrast.shape != first.shape:
        raise DataError(
            f"a picture of {contrast.shape[1]} x {contrast.shape[0]} pixels; the template has "
            f"{first.shape[1]} x {first.shape[0]}. Use `texture` or `patches` for other sizes"
        )
    if not most:
        return contrast
    both = np.fft.rfft2(first) * np.conj(np.fft.rfft2(contrast))
    both /= np.abs(both) + 1e-3 * np.abs(both).mean() + 1e-12
    agree = np.fft.irfft2(both, s=first.shape)
    reach = [min(most, side // 2 - 1) for side in first.shape]
    down, across = (np.arange(-r, r + 1) for r in reach)
    near = agree[np.ix_(down, across)]
    up, left = np.unravel_index(int(near.argmax()), near.shape)
    y, x = int(down[up]), int(across[left])
    height, width = first.shape
    told = first.copy()
    told[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = contrast[
        max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)
    ]
    return told


@dataclass(frozen=True, slots=True)
class _Model:
    settings: Template
    mean: Contrast
    spread: Contrast
    limit: float
    made: dict[str, Any]

    def inspect(self, image: Image) -> Inspection:
        contrast = Bank(shading=self.settings.shading).contrast(image)
        told = self.told(_onto(self.mean, contrast, self.settings.shift))
        return Inspection(top(told, self.settings.top), self.limit, told)

    def told(self, contrast: Contrast) -> npt.NDArray[np.float64]:
        """The largest difference in each cell, in spreads."""
        apart = np.abs(smoothed(contrast, self.settings.blur) - self.mean) / self.spread
        rows, columns = (side // _CELL for side in apart.shape)
        cells = apart[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, columns, _CELL)
        return np.asarray(cells.max(axis=(1, 3)), np.float64)

    def save(self) -> dict[str, Any]:
        return {
            "inspector": "template",
            "version": 1,
            "settings": self.settings.model_dump(mode="json"),
            "mean": packed(self.mean, np.float32),
            "spread": packed(self.spread, np.float32),
            "limit": self.limit,
            "evidence": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)
