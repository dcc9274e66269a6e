"""Sounds: recordings of a microphone, and tables of which one column names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gemel.core.frame import Values
from gemel.core.table import Column, Table

__all__ = ["Sound", "Sounds"]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A recording of one channel.

    value  float64[n]  −1 to 1, where 1 is the largest that the recorder can write
    rate   samples per second
    name   what to call it in a message
    """

    value: Values
    rate: float
    name: str = "the sound"

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.value) / self.rate


@dataclass(frozen=True, slots=True)
class Sounds(Table):
    """Rows with a sound each. Sounds are read when asked for, one by one: all of them may not fit
    in memory.

    sound    column with the names
    content  str[rows]: hash of the file of each row; files of one content are one sound
    read     gives the sound of a name; raises `DataError` if it is none
    """

    sound: str = "sound"
    content: Column = field(default_factory=lambda: np.zeros(0, np.str_))
    read: Callable[[str], Sound] | None = None

    def heard(self, row: int) -> Sound:
        """The sound of a row."""
        if self.read is None:
            raise ValueError("sounds without a reader")
        return self.read(str(self[self.sound][row]))

    def take(self, rows: Any) -> Sounds:
        chosen = {name: column[rows] for name, column in self.columns.items()}
        content = self.content[rows]
        return Sounds(chosen, self.digest, self.where, self.sound, content, self.read)
