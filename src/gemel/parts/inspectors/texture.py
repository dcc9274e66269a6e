"""Surfaces with a texture: what looks like a defect, learned from defects that are made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.boosting import Boosting, Trees
from gemel.core.errors import DataError
from gemel.core.image import Bank, Image, fitted
from gemel.core.image.defects import damaged
from gemel.core.image.patches import Features, in_context
from gemel.core.settings import Settings
from gemel.parts.inspectors._held_out import head, held_out, limited, top
from gemel.parts.inspectors.base import Album, Inspection, Inspector

__all__ = ["Texture"]

_MOST_PATCHES: Final = 400
_COVERED: Final = 0.08
"""Share of a patch that a made-up defect covers, from which on the patch counts as defective."""


class Texture(Inspector):
    """Tells patches of good surfaces from patches on which a defect was drawn.

    A bank of filters describes each patch and how it differs from its image, its surroundings, its
    row and its column. Boosted trees learn which of that means a defect, from blobs, lines, stains
    and misplaced pieces that are drawn on the good pictures. Then they look at good patches that
    they took for defects, and learn again. The score is the mean of the `top` patches, in
    logarithms of odds. Pictures may be of different sizes; longer ones than `longest` are made
    smaller.
    """

    bank: Bank = Field(Bank(), description="How patches are described")
    longest: int = Field(640, ge=64, le=4096, description="Pixels of the longer side, at most")
    boosting: Boosting = Field(
        Boosting(iterations=100, rate=0.12, leaves=24, columns=0.3),
        description="How trees are fitted",
    )
    rows: int = Field(
        40_000, ge=1_000, description="Patches that trees are fitted on, about; more take longer"
    )
    top: int = Field(3, ge=1, description="Patches that the score is the mean of")
    seed: int = Field(0, description="Of the defects that are made up")

    def fit(self, good: Album) -> _Model:
        def learn(part: Album) -> Any:
            trees = self._learn(part)
            return lambda album, place: top(_told(trees, self._good(album, place)), self.top)

        limit, evidence = limited(held_out(good, learn), good.unit, self.rejects)
        evidence["model"] = "trees on patches, good ones against made-up defects"
        return _Model(self._looks(), self._learn(good), limit, evidence)

    def load(self, saved: dict[str, Any]) -> _Model:
        saved = head("texture", saved)
        try:
            looks = _Looks.read(saved["looks"])
            trees, limit = Trees.load(saved["trees"]), float(saved["limit"])
            evidence = dict(saved["evidence"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        if trees.features != 4 * len(looks.bank.names) + 2 or not np.isfinite(limit):
            raise DataError("not a saved model: its trees do not fit its bank of filters")
        return _Model(looks, trees, limit, evidence)

    def _looks(self) -> _Looks:
        return _Looks(bank=self.bank, longest=self.longest, top=self.top)

    def _good(self, album: Album, place: int) -> Features:
        looks = self._looks()
        return in_context(album.made(looks, place, looks.describe))

    def _bad(self, album: Album, place: int) -> npt.NDArray[np.float32]:
        """float32[n, k]: patches of the picture with a made-up defect on them.

        Chance is drawn by the picture, not by its place: what is made of it is the same in every
        fold."""
        looks, side = self._looks(), self.bank.patch
        random = np.random.default_rng([self.seed, int(album.number[place])])

        def make(image: Image) -> npt.NDArray[np.float32]:
            told, where = damaged(fitted(image, looks.longest), random)
            features = in_context(self.bank.describe(told))
            rows, columns, k = features.shape
            cells = where[: rows * side, : columns * side].reshape(rows, side, columns, side)
            hit = cells.mean(axis=(1, 3)) > _COVERED
            found: npt.NDArray[np.float32] = random.permutation(features[hit].reshape(-1, k))[
                :_MOST_PATCHES
            ]
            return found

        return album.made(("damaged", looks, self.seed), place, make)

    def _learn(self, part: Album) -> Trees:
        share = max(self.rows // 3 // len(part), 4)
        random = np.random.default_rng(self.seed)
        bad = np.concatenate([self._bad(part, place)[:share] for place in range(len(part))])
        if len(bad) < 20:
            raise DataError(
                f"{len(part)} pictures are too small to draw defects on: {len(bad)} patches"
            )
        good = []
        for place in range(len(part)):
            cells = self._cells(part, place)
            good.append(cells[random.permutation(len(cells))[:share]])
        trees = self._trees(np.concatenate(good), bad)
        # What is good, and was taken for a defect most of all: the score is made by such patches.
        for place in range(len(part)):
            cells = self._cells(part, place)
            worst = np.argsort(-trees.predict(cells.astype(np.float64)), kind="stable")
            good.append(cells[worst[:share]])
        return self._trees(np.concatenate(good), bad)

    def _cells(self, part: Album, place: int) -> npt.NDArray[np.float32]:
        features = self._good(part, place)
        return features.reshape(-1, features.shape[2])

    def _trees(self, good: npt.NDArray[np.float32], bad: npt.NDArray[np.float32]) -> Trees:
        x = np.concatenate([good, bad]).astype(np.float64)
        y = np.concatenate([np.zeros(len(good), np.int64), np.ones(len(bad), np.int64)])
        return self.boosting.classes(x, y, seed=self.seed)[0]


class _Looks(Settings):
    """How a picture is looked at: what a model needs of the settings."""

    bank: Bank
    longest: int
    top: int

    def describe(self, image: Image) -> Features:
        return self.bank.describe(fitted(image, self.longest))


def _told(trees: Trees, features: Features) -> npt.NDArray[np.float64]:
    rows, columns, k = features.shape
    return trees.predict(features.reshape(-1, k).astype(np.float64)).reshape(rows, columns)


@dataclass(frozen=True, slots=True)
class _Model:
    looks: _Looks
    trees: Trees
    limit: float
    made: dict[str, Any]

    def inspect(self, image: Image) -> Inspection:
        told = _told(self.trees, in_context(self.looks.describe(image)))
        return Inspection(top(told, self.looks.top), self.limit, told, odds=True)

    def save(self) -> dict[str, Any]:
        return {
            "inspector": "texture",
            "version": 1,
            "looks": self.looks.model_dump(mode="json"),
            "trees": self.trees.save(),
            "limit": self.limit,
            "evidence": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)
