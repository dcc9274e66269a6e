"""A gallery: a table of which one column names images, and what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gemel.core.image.picture import Image
from gemel.core.table import Table

__all__ = ["Gallery"]


@dataclass(frozen=True, slots=True)
class Gallery(Table):
    """Rows with an image each. Images are read when asked for, one by one: all of them may not fit
    in memory.

    image  column with the names
    read   gives the image of a name; raises `DataError` if it is none
    """

    image: str = "image"
    read: Callable[[str], Image] | None = None

    def picture(self, row: int) -> Image:
        """The image of a row."""
        return self.picture_of(str(self[self.image][row]))

    def picture_of(self, name: str) -> Image:
        """The image of a name, e.g. of a mask."""
        if self.read is None:
            raise ValueError("a gallery without a reader")
        return self.read(name)

    def take(self, rows: Any) -> Gallery:
        chosen = {name: column[rows] for name, column in self.columns.items()}
        return Gallery(chosen, self.digest, self.where, self.image, self.read)
