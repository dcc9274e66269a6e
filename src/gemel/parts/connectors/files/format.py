"""How one file is written: the words that finding out, reading and discovery share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.parts.connectors.files.naming import split_unit
from gemel.parts.connectors.files.rows import Text
from gemel.parts.connectors.files.timeplan import TimePlan

__all__ = ["Column", "Format", "Options"]


class Options(Protocol):
    """The settings that say how a file is written; empty means to be found out."""

    @property
    def layout(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def decimal(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def header(self) -> str: ...
    @property
    def time_column(self) -> str: ...
    @property
    def time_format(self) -> str: ...
    @property
    def name_column(self) -> str: ...
    @property
    def value_column(self) -> str: ...
    @property
    def quality_column(self) -> str: ...
    @property
    def quality_codes(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    kind: str
    """``number``, ``boolean``, ``text``, ``time``, ``missing`` (no value seen), ``other``."""
    unit: str = ""
    title: str = ""
    decimal: str = "."
    suffix: str = ""
    """A unit written behind every number."""
    quality: int = -1
    """The column that holds its qualities, in a wide file."""
    quality_codes: str = ""
    cells: tuple[str, ...] = ()
    """The first cells, for people and for guesses."""


@dataclass(frozen=True, slots=True)
class Format:
    """All that must be known to read one file."""

    path: Path
    kind: Literal["text", "parquet"]
    columns: tuple[Column, ...]
    time: TimePlan
    layout: Literal["wide", "long"]
    text: Text = field(default_factory=Text)
    offset: int = 0
    """Of the first row of data, in the decompressed file."""
    line: int = 0
    has_header: bool = True
    has_comments: bool = False
    name: int = -1
    value: int = -1
    quality: int = -1
    quality_codes: str = ""
    notes: tuple[str, ...] = ()

    @property
    def roles(self) -> frozenset[int]:
        """Columns that are no signals: time, name, value and quality."""
        return frozenset((*self.time.columns, self.name, self.value, self.quality)) - {-1}

    @property
    def paired(self) -> frozenset[int]:
        """Columns of a wide file that hold the qualities of others."""
        return frozenset(c.quality for c in self.columns) - {-1}

    def find(self, name: str) -> int:
        """Position of a column. Raises `ConfigurationError` with the nearest name."""
        names = [c.name for c in self.columns]
        wanted = name.strip().casefold()
        for index, known in enumerate(names):
            if known == name:
                return index
        for index, known in enumerate(names):
            if known.casefold() == wanted or split_unit(known).title.casefold() == wanted:
                return index
        raise ConfigurationError(f"no column '{name}'; {did_you_mean(name, names)}", str(self.path))
