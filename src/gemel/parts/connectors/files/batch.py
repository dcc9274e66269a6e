"""Samples of some rows of a file, and the columns of a file by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Frame
from gemel.parts.connectors.files.naming import slug, split_unit

__all__ = ["ROWS", "Batch", "Names"]

ROWS: Final = 65_536
"""Most rows of a Frame."""


class Names:
    """The columns of a file, to be found by what a plant file calls them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = set(names)
        self._forms: list[dict[str, set[str]]] = [{}, {}, {}]
        for name in names:
            title = split_unit(name).title
            for forms, keys in zip(
                self._forms,
                ({name.strip().casefold()}, {title.casefold()}, {slug(name), slug(title)}),
                strict=True,
            ):
                for key in keys:
                    forms.setdefault(key, set()).add(name)

    def find(self, address: str) -> str | None:
        """The column that an address means: as written, else in other case, without its unit, or as
        the key that its name gives; None if none or several fit."""
        if address in self._names:
            return address
        folded = address.strip().casefold()
        last = address.rpartition("/")[2]
        same, titles, slugs = self._forms
        for forms, key in (
            (same, folded),
            (titles, folded),
            (slugs, slug(address)),
            (slugs, slug(last)),
        ):
            found = forms.get(key)
            if found:
                return next(iter(found)) if len(found) == 1 else None
        return None


@dataclass(slots=True)
class Batch:
    """Samples of some rows. Sample `first[r]` is the first one of row `r`."""

    signal: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.int16]
    first: npt.NDArray[np.int64]
    row_time: npt.NDArray[np.int64]
    """Latest time up to and with each row, for pacing."""
    position: Callable[[int], str]
    """The resume token behind a row."""
    source: str = ""

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return len(self.first) - 1

    def frame(self, start: int, stop: int) -> Frame:
        """Samples of the rows [start, stop), which must be few enough for one Frame."""
        a, b = int(self.first[start]), int(self.first[stop])
        return Frame(
            self.signal[a:b], self.time[a:b], self.value[a:b], self.quality[a:b],
            0, self.source, self.position(stop - 1),
        )  # fmt: skip

    def frames(self, start: int, stop: int, rows: int = ROWS) -> Iterator[Frame]:
        """Samples of the rows [start, stop) in Frames of at most `rows` samples, cut between rows
        of the file; a row with more samples than that is cut too."""
        while start < stop:
            limit = int(self.first[start]) + rows
            end = int(np.searchsorted(self.first[: stop + 1], limit, "right")) - 1
            end = max(end, start + 1)
            frame = self.frame(start, end)
            if len(frame) > rows:
                yield from frame.pieces(rows)
            elif len(frame):
                yield frame
            start = end
