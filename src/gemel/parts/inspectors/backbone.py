"""Patches as a network describes them that the user brings as an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.image import Image, resized
from gemel.core.image.patches import Features
from gemel.core.network import first_line, opened
from gemel.core.settings import Settings
from gemel.parts.inspectors._held_out import head, limited, top
from gemel.parts.inspectors._patches import Compare, Places, Reference
from gemel.parts.inspectors._referenced import referenced
from gemel.parts.inspectors.base import Album, Inspection, Inspector

__all__ = ["Backbone"]

_MOST_SIDE: Final = 4096
_MOST_NUMBERS: Final = 2**24


class Backbone(Inspector):
    """How far each patch is from patches of good pictures, in the features of a network.

    `file` is a feature extractor in ONNX form: one input (1, 3, h, w) or (1, 1, h, w) of float32,
    one or more outputs (1, k, rows, columns), e.g. the second and third stage of a ResNet. Outputs
    are brought to the grid of the first and put together. Nothing is downloaded. The network is not
    part of the saved model, only its hash: the same file must be there when the model is used.
    """

    file: Path = Field(description="The network, an ONNX file")
    mean: tuple[float, ...] = Field(
        (0.485, 0.456, 0.406), description="Taken from each colour; of ImageNet if not given"
    )
    scale: tuple[float, ...] = Field(
        (0.229, 0.224, 0.225), description="By which each colour is then divided"
    )
    side: int = Field(224, ge=32, le=2048, description="Pixels, where the network leaves them open")
    compare: Compare = Field("nearest", description="With what patches are compared")
    keep: int = Field(2_000, ge=10, le=50_000, description="Patches that `nearest` keeps")
    top: int = Field(3, ge=1, description="Patches that the score is the mean of")
    seed: int = Field(0, description="Of the patches that are kept")

    def fit(self, good: Album) -> _Model:
        looks = self._looks()
        network = _Network(looks)

        def features(album: Album, place: int) -> Features:
            return album.made((looks, network.digest), place, network.describe)

        reference, usual, score = referenced(
            good, features, self.compare, self.keep, self.seed, self.top
        )
        limit, evidence = limited(score, good.unit, self.rejects)
        evidence["model"] = f"patches by network {network.digest[:12]}, compared by {self.compare}"
        return _Model(network, reference, usual, limit, evidence)

    def load(self, saved: dict[str, Any]) -> _Model:
        saved = head("backbone", saved)
        try:
            looks = _Looks.read(saved["looks"])
            reference, usual = Reference.load(saved["reference"]), Places.load(saved["places"])
            limit, evidence = float(saved["limit"]), dict(saved["evidence"])
            digest = str(saved["sha256"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        network = _Network(looks)
        if network.digest != digest:
            raise DataError(
                f"{looks.file} is another network than the model was fitted with (sha256 "
                f"{network.digest[:12]} instead of {digest[:12]}); bring it back, or fit again"
            )
        return _Model(network, reference, usual, limit, evidence)

    def _looks(self) -> _Looks:
        return _Looks(
            file=self.file, mean=self.mean, scale=self.scale, side=self.side, top=self.top
        )


class _Looks(Settings):
    """How a picture is looked at: what a model needs of the settings."""

    file: Path
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    side: int
    top: int


class _Network:
    """A network that is loaded, and was checked."""

    def __init__(self, looks: _Looks) -> None:
        self.looks = looks
        self.session, self.digest = opened(looks.file)
        where = looks.file
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
            found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            raise ConfigurationError(
                f"{where}: inputs are {found}; one of (1, 3 or 1, height, width), float, is needed"
            )
        batch, channels, *sides = inputs[0].shape
        self.channels = channels if isinstance(channels, int) else len(looks.mean)
        sizes = [s if isinstance(s, int) else looks.side for s in sides]
        good = self.channels in (1, 3) and all(32 <= s <= _MOST_SIDE for s in sizes)
        if not good or (isinstance(batch, int) and batch != 1):
            raise ConfigurationError(
                f"{where}: its input is {inputs[0].shape}; (1, 3 or 1, height, width) with 32 to "
                f"{_MOST_SIDE} pixels a side is needed"
            )
        self.height, self.width = sizes
        self.name = inputs[0].name
        for what, given in (("mean", looks.mean), ("scale", looks.scale)):
            if len(given) not in (1, self.channels) or (what == "scale" and min(given) <= 0):
                raise ConfigurationError(
                    f"{what} is {given}: {self.channels} numbers are needed for this network"
                    + (", all above 0" if what == "scale" else "")
                )

    def describe(self, image: Image) -> Features:
        """float32[rows, columns, k]; the picture is brought to the size that the network takes."""
        pixels = resized(image, self.height, self.width)
        shift, scale = (
            np.array(v, np.float32).reshape(-1, 1, 1) for v in (self.looks.mean, self.looks.scale)
        )
        put = (np.broadcast_to(pixels, (self.channels, *pixels.shape)) - shift) / scale
        try:
            outputs = self.session.run(None, {self.name: np.ascontiguousarray(put[None])})
        except Exception as error:  # noqa: BLE001 - the runtime raises its own, and nearly any
            raise DataError(f"{self.looks.file}: the network fails: {first_line(error)}") from None
        maps = [self._checked(np.asarray(output)) for output in outputs]
        rows, columns = maps[0].shape[1:]
        told = [maps[0], *(_brought(m, rows, columns) for m in maps[1:])]
        return np.ascontiguousarray(np.concatenate(told).transpose(1, 2, 0), np.float32)

    def _checked(self, output: Any) -> Any:
        if output.ndim != 4 or output.shape[0] != 1 or output.dtype.kind != "f":
            raise ConfigurationError(
                f"{self.looks.file}: an output is {output.dtype} of shape {output.shape}; feature "
                "maps (1, k, rows, columns) are needed: cut the network before its pooling"
            )
        if not 1 <= output.size <= _MOST_NUMBERS or not np.isfinite(output).all():
            raise DataError(f"{self.looks.file}: an output is empty, too large or not finite")
        return output[0]


def _brought(value: Any, rows: int, columns: int) -> Any:
    return np.stack([resized(layer, rows, columns) for layer in value])


@dataclass(frozen=True, slots=True)
class _Model:
    network: _Network
    reference: Reference
    places: Places
    limit: float
    made: dict[str, Any]

    def inspect(self, image: Image) -> Inspection:
        told = self.places.unusual(self.reference.distance(self.network.describe(image)))
        return Inspection(top(told, self.network.looks.top), self.limit, told)

    def save(self) -> dict[str, Any]:
        return {
            "inspector": "backbone",
            "version": 1,
            "looks": self.network.looks.model_dump(mode="json"),
            "sha256": self.network.digest,
            "reference": self.reference.save(),
            "places": self.places.save(),
            "limit": self.limit,
            "evidence": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)
