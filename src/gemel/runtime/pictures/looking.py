"""One picture looked at: unpacked, shown to the model, drawn."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gemel.core.errors import DataError, Unknown
from gemel.core.image import Image
from gemel.runtime.images import decode_image, draw_heat, draw_view
from gemel.runtime.pictures.artifacts import Artifacts
from gemel.runtime.pictures.ledger import Picture
from gemel.runtime.pictures.task import PictureTask
from gemel.twin.learning.live.rejects import Verdict
from gemel.twin.learning.tasks.inspection import places

__all__ = ["Looked", "look", "verdict_of"]

log = logging.getLogger("gemel.pictures")

_FLAT: Final = 2 / 255
"""A picture whose darkest and brightest hundredth are nearer shows nothing."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a model said of a picture, with a small view of it, and what is to be laid over it."""

    picture: Picture
    verdict: Verdict | None
    """None where it could not be looked at."""
    view: bytes = b""
    heat: bytes = b""


def look(picture: Picture, task: PictureTask, artifacts: Artifacts) -> Looked:
    """Blocks on the disk and the model. Raises what concerns the disk; what concerns the picture is
    told."""
    given = replace(picture, model=task.model_id)
    if not picture.hash:
        return _failed(given, picture.note)
    try:
        body = artifacts.get(picture.hash)
    except Unknown as error:
        return _failed(given, str(error))
    view = b""
    try:
        image, _ = decode_image(body, picture.name or "the picture")
        height, width = image.shape
        view = draw_view(image)
        given = replace(given, width=width, height=height, bytes=len(body) + len(view))
        _must_show_something(image)
        told = task.model.inspect(image)
        if not np.isfinite(told.score):
            raise DataError("the model gives no score for it")
        heat = draw_heat(told.map, told.limit)
    except DataError as error:
        return _failed(given, str(error), view)
    except Exception as error:
        # A model that fails must not end the task: the next picture may be fine.
        log.exception("task '%s': picture %d", task.name, picture.id)
        return _failed(given, f"the model failed: {type(error).__name__}: {error}", view)
    place = next((name for name, _, _ in places(told, image)), "")
    given = replace(
        given, state="rejected" if told.rejected else "good", score=told.score,
        bound=told.limit, over=told.over, note=_odd(width, height, task),
        bytes=given.bytes + len(heat),
    )  # fmt: skip
    return Looked(given, verdict_of(given, place), view, heat)


def verdict_of(picture: Picture, place: str) -> Verdict:
    """For the finding; `place` is where it differs most, in words."""
    return Verdict(
        picture.time, picture.name, picture.state == "rejected", picture.score or 0.0,
        picture.bound or 0.0, picture.over or 0.0, place, picture.hash,
    )  # fmt: skip


def _odd(width: int, height: int, task: PictureTask) -> str:
    sizes = task.sizes
    if not sizes or (width, height) in sizes:
        return ""
    known = " and ".join(f"{w} x {h}" for w, h in sizes)
    if task.vary:
        (least, lowest), (most, highest) = sizes
        if least <= width <= most and lowest <= height <= highest:
            return ""
        known = f"{least} to {most} x {lowest} to {highest}"
    return f"is {width} x {height} pixels; the model learned from {known}"


def _must_show_something(image: Image) -> None:
    low, high = np.quantile(image, [0.01, 0.99])
    if high - low < _FLAT:
        raise DataError(
            f"it is grey all over ({(low + high) / 2:.0%} of white): the camera may be covered, or "
            "the light off"
        )


def _failed(picture: Picture, why: str, view: bytes = b"") -> Looked:
    return Looked(replace(picture, state="failed", note=why), None, view)
