"""Columns as callers see them, and lanes, which is how the kernels see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core import quality
from gemel.core.expression.types import Boolean, Type

__all__ = [
    "BAD",
    "GOOD",
    "NOT_A_NUMBER",
    "UNCERTAIN",
    "Array",
    "Column",
    "Lane",
    "blank",
    "from_column",
    "settle",
    "spread",
    "to_column",
    "worst",
]

Array: TypeAlias = npt.NDArray[Any]

# Qualities inside are unsigned: good < uncertain < bad, so that the worst of two is the larger.
GOOD: Final[Array] = np.zeros((), np.uint16)
UNCERTAIN: Final = np.uint16(quality.UNCERTAIN)
BAD: Final = np.uint16(quality.BAD & 0xFFFF)
NOT_A_NUMBER: Final = np.uint16(quality.NOT_A_NUMBER & 0xFFFF)


@dataclass(frozen=True, slots=True)
class Column:
    """Values and qualities of one name, or of a result, at each row.

    `value` is float64 and `quality` int16, both of shape (n,), or (n, k) for k assets. Booleans are
    0 and 1, enumerations their codes, durations seconds. `age` is how old the held sample is, in
    seconds, of the same shape; only `age(x)` asks for it. `texts` is the dictionary of a text
    signal: code i stands for `texts[i]`. It may grow from step to step, and never changes else.
    """

    value: Array
    quality: Array
    age: Array | None = None
    texts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """A column inside: time runs along the last axis, shape (n,), (k, n), or () for a constant.

    Where the quality is bad, a number is NaN and a boolean False; everywhere else a number is
    finite. `quality` is uint16, and of shape () where it is the same for all rows: most data are
    good most of the time, and then no kernel spends time on quality. The shape of `value` follows
    from the shapes of the inputs, never from data, so that memory keeps its own between steps.
    """

    value: Array
    quality: Array
    age: Array | None = None
    texts: Sequence[str] = ()

    @property
    def known(self) -> Array:
        return self.quality < BAD


def worst(*lanes: Lane) -> Array:
    """The worst quality of all; `GOOD` itself if it is that of all."""
    result = lanes[0].quality
    for lane in lanes[1:]:
        if lane.quality is not result:
            result = np.maximum(result, lane.quality)
    return result


def blank(value: Array, quality: Array) -> Lane:
    """A lane whose bad rows are made to hold no value."""
    if quality is GOOD:
        return Lane(value, quality)
    bad = quality >= BAD
    if bad.any():
        value = np.where(bad, False if value.dtype == np.bool_ else np.nan, value)
    return Lane(value, quality)


def settle(value: Array, quality: Array) -> Lane:
    """A lane of computed numbers: one that is not finite is bad, as is one from bad inputs."""
    finite = np.isfinite(value)
    if not finite.all():
        quality = np.where(finite | (quality >= BAD), quality, NOT_A_NUMBER)
    return blank(value, quality)


def spread(time: Array, *lanes: Lane) -> tuple[tuple[Array, ...], Array]:
    """Values and worst quality of lanes, each at its full length, as memory needs them."""
    quality = worst(*lanes)
    shape = np.broadcast_shapes(time.shape, quality.shape, *(lane.value.shape for lane in lanes))
    values = tuple(np.broadcast_to(lane.value, shape) for lane in lanes)
    return values, np.broadcast_to(quality, shape)


def from_column(name: str, column: Column, type: Type, rows: int) -> Lane:
    """The lane of an input. Raises `ValueError` if the shapes do not fit."""
    value = np.asarray(column.value, np.float64)
    code = np.asarray(column.quality, np.int16).view(np.uint16)
    if value.ndim not in (1, 2) or len(value) != rows or code.shape != value.shape:
        raise ValueError(
            f"column '{name}' has values of shape {value.shape} and qualities of shape "
            f"{code.shape}; expected ({rows},) or ({rows}, assets) for both"
        )
    age = column.age
    if age is not None and age.shape != value.shape:
        raise ValueError(f"column '{name}' has ages of shape {age.shape}, values {value.shape}")
    if value.ndim == 2:
        value, code = np.ascontiguousarray(value.T), np.ascontiguousarray(code.T)
        age = None if age is None else np.ascontiguousarray(age.T)
    quality = code if code.any() else GOOD
    lane = settle(value, quality)
    if isinstance(type, Boolean):
        return Lane((lane.value != 0) & lane.known, lane.quality, age)
    return Lane(lane.value, lane.quality, age, column.texts)


def to_column(lane: Lane, shape: tuple[int, ...]) -> Column:
    """The column of a result, of its own memory. `shape` is the lane's when spread out."""
    value, code = np.empty(shape), np.empty(shape, np.uint16)
    value[...] = lane.value if lane.quality is GOOD else np.where(lane.known, lane.value, np.nan)
    code[...] = lane.quality
    value, code = np.ascontiguousarray(value.T), np.ascontiguousarray(code.T)
    return Column(value, code.view(np.int16), texts=lane.texts)
