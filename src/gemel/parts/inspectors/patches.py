"""Patches compared with those of good pictures, as a bank of filters describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.image import Bank, Image, fitted
from gemel.core.image.patches import Features
from gemel.core.settings import Settings
from gemel.parts.inspectors._held_out import head, limited, top
from gemel.parts.inspectors._patches import Compare, Places, Reference
from gemel.parts.inspectors._referenced import referenced
from gemel.parts.inspectors.base import Album, Inspection, Inspector

__all__ = ["Patches"]


class Patches(Inspector):
    """How far each patch is from patches of good pictures.

    A bank of filters describes each patch; it is compared with the Gaussian distribution of good
    patches, or with the nearest of those that are kept. What is far is compared with what is usual
    at its place on held-out pictures. Needs no further package. Finds what is unlike anything seen;
    `texture`, which knows what defects look like, misses fewer small ones.
    """

    bank: Bank = Field(Bank(), description="How patches are described")
    compare: Compare = Field("gaussian", description="With what patches are compared")
    keep: int = Field(2_000, ge=10, le=50_000, description="Patches that `nearest` keeps")
    longest: int = Field(640, ge=64, le=4096, description="Pixels of the longer side, at most")
    top: int = Field(10, ge=1, description="Patches that the score is the mean of")
    seed: int = Field(0, description="Of the patches that are kept")

    def fit(self, good: Album) -> _Model:
        looks = self._looks()

        def features(album: Album, place: int) -> Features:
            return album.made(looks, place, looks.describe)

        reference, usual, score = referenced(
            good, features, self.compare, self.keep, self.seed, self.top
        )
        limit, evidence = limited(score, good.unit, self.rejects)
        evidence["model"] = f"patches compared by {self.compare}"
        return _Model(looks, reference, usual, limit, evidence)

    def load(self, saved: dict[str, Any]) -> _Model:
        saved = head("patches", saved)
        try:
            looks = _Looks.read(saved["looks"])
            reference, usual = Reference.load(saved["reference"]), Places.load(saved["places"])
            limit, evidence = float(saved["limit"]), dict(saved["evidence"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        if len(reference.mean) != len(looks.bank.names) or not np.isfinite(limit):
            raise DataError("not a saved model: its patches do not fit its bank of filters")
        return _Model(looks, reference, usual, limit, evidence)

    def _looks(self) -> _Looks:
        return _Looks(bank=self.bank, longest=self.longest, top=self.top)


class _Looks(Settings):
    """How a picture is looked at: what a model needs of the settings."""

    bank: Bank
    longest: int
    top: int

    def describe(self, image: Image) -> Features:
        return self.bank.describe(fitted(image, self.longest))


@dataclass(frozen=True, slots=True)
class _Model:
    looks: _Looks
    reference: Reference
    places: Places
    limit: float
    made: dict[str, Any]

    def inspect(self, image: Image) -> Inspection:
        told = self.places.unusual(self.reference.distance(self.looks.describe(image)))
        return Inspection(top(told, self.looks.top), self.limit, told)

    def save(self) -> dict[str, Any]:
        return {
            "inspector": "patches",
            "version": 1,
            "looks": self.looks.model_dump(mode="json"),
            "reference": self.reference.save(),
            "places": self.places.save(),
            "limit": self.limit,
            "evidence": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)
