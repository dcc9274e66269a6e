"""A table: columns of numbers or of text, for models that learn from files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.frame import Values

__all__ = ["Column", "Table"]

Column: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as columns of one length.

    columns  by name: float64[n] with NaN where unknown, or str[n] with '' where unknown
    digest   hash of where it came from
    where    what to call it in a message, e.g. the path of the file
    """

    columns: Mapping[str, Column]
    digest: str = ""
    where: str = "the data"
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self.columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        object.__setattr__(self, "rows", lengths.pop() if lengths else 0)

    def __getitem__(self, name: str) -> Column:
        """A column. Raises `ConfigurationError` naming the nearest if there is none."""
        if name not in self.columns:
            hint = did_you_mean(name, self.columns)
            raise ConfigurationError(f"{self.where} has no column '{name}'; {hint}")
        return self.columns[name]

    def numbers(self, name: str) -> Values:
        """A column of numbers. Raises `ConfigurationError` if it holds text."""
        column = self[name]
        if column.dtype.kind != "f":
            told = np.flatnonzero(column != "")
            example = f", e.g. '{column[told[0]]}' in row {told[0] + 1}" if len(told) else ""
            raise ConfigurationError(
                f"column '{name}' of {self.where} must be numbers, found text{example}"
            )
        return column

    def codes(self, name: str) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """A column as numbers of its distinct values, and these as text, in their order."""
        values, codes = np.unique(self[name], return_inverse=True)
        if values.dtype.kind == "f":
            return codes, tuple(f"{value:g}" for value in values.tolist())
        return codes, tuple(str(value) for value in values.tolist())

    def take(self, rows: Any) -> Table:
        """The chosen rows (numbers, slice or mask)."""
        chosen = {name: column[rows] for name, column in self.columns.items()}
        return Table(chosen, self.digest, self.where)
