"""Pictures as rows of numbers, for models that learn from tables."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gemel.core.image.gallery import Gallery
from gemel.core.image.patches import Bank
from gemel.core.image.picture import Image, fitted
from gemel.core.table import Table

__all__ = ["COLUMNS", "described", "summary"]

_BANK: Final = Bank(widths=(1.0, 2.0, 4.0, 8.0))
_LONGEST: Final = 640
COLUMNS: Final = tuple(
    f"{name}: {what}"
    for what in ("mean", "spread", "low tail", "high tail")
    for name in _BANK.names
)
"""What `described` puts in place of a picture. Pictures are taken before the answer is known."""


def summary(image: Image) -> dict[str, float]:
    """Of each filter over all patches its mean, its spread, and how far its lowest and highest
    tenth lie from the middle: a spot on a plain surface shows in the tails, not in the mean."""
    features = _BANK.describe(fitted(image, _LONGEST))
    cells = features.reshape(-1, features.shape[2]).astype(np.float64)
    low, middle, high = np.quantile(cells, [0.1, 0.5, 0.9], axis=0)
    told = np.concatenate([cells.mean(axis=0), cells.std(axis=0), low - middle, high - middle])
    return dict(zip(COLUMNS, told.tolist(), strict=True))


def described(table: Table) -> Table:
    """A gallery with these numbers in place of its names of images; other tables as they are."""
    if not isinstance(table, Gallery):
        return table
    rows = [summary(table.picture(row)) for row in range(table.rows)]
    told: dict[str, Any] = {n: c for n, c in table.columns.items() if n != table.image}
    told |= {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}
    return Table(told, table.digest, table.where)
