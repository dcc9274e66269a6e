"""What the tests of the expression language share: names with types, columns, and a short run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gemel.core.expression import (
    Boolean,
    Column,
    Enumeration,
    Number,
    Text,
    Type,
    compile_expression,
)

SECOND = 1_000_000_000
GOOD, UNCERTAIN, BAD = 0, 0x4000, -0x8000
WORSE = -0x7F74  # Bad_SensorFailure
NOT_A_NUMBER = -0x8000 | 0xF06
WAITING, NO_DATA, SUB_NORMAL = 0x8032 - 0x10000, 0x809B - 0x10000, 0x40A4

TYPES: dict[str, Type] = {
    "x": Number("mm"),
    "y": Number(),
    "a": Boolean(),
    "b": Boolean(),
    "filler.level": Number("mm"),
    "filler.speed": Number("1/min"),
    "filler.state": Enumeration(("Idle", "Execute", "Held")),
    "capper.state": Enumeration(("Held", "Execute", "Idle"), (10, 20, 30)),
    "product": Text(),
    "order.product": Text(),
    "line2/filler/speed": Number(),
}


def column(*values: float | bool | None, quality: int | list[int] = GOOD, **more: Any) -> Column:
    """None is a bad value; `quality` is that of the others, or of each."""
    value = np.array([math.nan if v is None else float(v) for v in values])
    if isinstance(quality, int):
        quality = [BAD if v is None else quality for v in values]
    return Column(value, np.array(quality, np.int16), **more)


def run(
    text: str, columns: Mapping[str, Column], seconds: Sequence[float] | None = None
) -> tuple[list[float | None], list[int]]:
    rows = len(next(iter(columns.values())).value) if columns else 1
    time = np.array(seconds or range(rows), np.float64) * SECOND
    result = compile_expression(text, TYPES).start().step(time.astype(np.int64), columns)
    assert result.value.dtype == np.float64
    assert result.quality.dtype == np.int16
    assert np.array_equal(np.isnan(result.value), result.quality < 0)
    value = [None if math.isnan(v) else v for v in result.value.tolist()]
    return value, result.quality.tolist()


def one(text: str, **values: float | bool | None) -> float | None:
    return run(text, {name: column(value) for name, value in values.items()})[0][0]


def rows_of(columns: Mapping[str, Column], rows: slice) -> dict[str, Column]:
    return {
        name: Column(
            c.value[rows], c.quality[rows], None if c.age is None else c.age[rows], c.texts
        )
        for name, c in columns.items()
    }
