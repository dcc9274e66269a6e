"""Arrays of numbers as JSON, for models that are saved without pickle."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["packed", "unpacked"]

Real = TypeVar("Real", np.float32, np.float64)


def packed(value: npt.NDArray[Any], kind: type[np.float32] | type[np.float64]) -> dict[str, Any]:
    """An array as JSON: its shape, and its numbers, little-endian, in base64 under the name of
    their kind, `float32` or `float64`."""
    told = np.ascontiguousarray(value, _little(kind))
    return {"shape": list(told.shape), kind.__name__: base64.b64encode(told.tobytes()).decode()}


def unpacked(saved: Any, kind: type[Real], *shape: int | None) -> npt.NDArray[Real]:
    """What `packed` gave, finite and of that shape (None: any). Raises `ValueError`."""
    try:
        raw = base64.b64decode(saved[kind.__name__], validate=True)
        told = np.frombuffer(raw, _little(kind)).reshape(saved["shape"])
    except (binascii.Error, KeyError, TypeError) as error:
        raise ValueError(f"not an array: {error}") from None
    fits = told.ndim == len(shape) and all(
        w is None or w == h for h, w in zip(told.shape, shape, strict=True)
    )
    if not fits or not np.isfinite(told).all():
        raise ValueError(f"an array of shape {told.shape}, must be finite and {shape}")
    return told.astype(kind)


def _little(kind: type[np.float32] | type[np.float64]) -> np.dtype[Any]:
    return np.dtype(kind).newbyteorder("<")
