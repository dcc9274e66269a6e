"""Catalogue: which number stands for which signal, for ever.

Numbers are given once and never reused; a rename keeps its number. The catalogue also holds the
text dictionaries: a text signal (product, lot, program) travels as a code into its own append-only
dictionary. Both only grow, so that a stored number means the same in ten years.

The historian owns the one catalogue of a data folder: it gives numbers by `declare`, and stores
what `take_changes` returns before it stores rows that use it. Encoding may be called from any
thread.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError, Unknown, did_you_mean

__all__ = [
    "TEXT_BYTES",
    "TEXT_VALUES",
    "Catalogue",
    "Change",
    "Entry",
    "SignalType",
    "glob_pattern",
]

SignalType: TypeAlias = Literal["number", "boolean", "enumeration", "text"]

TEXT_VALUES: Final = 65_536
"""Most values that one text dictionary takes; beyond, the sample is bad with the reason."""
TEXT_BYTES: Final = 1_024
"""Longest text, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a signal number means since `valid_from` (ns UTC)."""

    number: int
    path: str
    type: SignalType = "number"
    unit: str = ""
    labels: tuple[tuple[int, str], ...] = ()
    valid_from: int = 0

    def label(self, value: float) -> str | None:
        """The enumeration's label of a value, if it has one."""
        return dict(self.labels).get(int(value)) if self.labels else None


@dataclass(frozen=True, slots=True)
class Change:
    """Something new that must be on disk before rows that use it."""

    entry: Entry | None = None
    text: tuple[int, int, str] | None = None
    """(signal number, code, text)"""


class Catalogue:
    """The signals that a data folder has ever known."""

    def __init__(
        self, entries: Iterable[Entry] = (), texts: Iterable[tuple[int, int, str]] = ()
    ) -> None:
        self._entries: list[Entry] = []
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, list[str]] = {}
        self._codes: dict[int, dict[str, int]] = {}
        self._changes: list[Change] = []
        self._lock = threading.Lock()
        for entry in entries:
            self._put(entry)
        for number, code, text in sorted(texts):
            self._texts.setdefault(number, []).append(text)
            self._codes.setdefault(number, {})[text] = code

    def __len__(self) -> int:
        """How many numbers have been given; the next one is this."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __contains__(self, path: str) -> bool:
        return path in self._numbers

    def __getitem__(self, number: int) -> Entry:
        return self._entries[number]

    def number(self, path: str) -> int:
        """The number of a path. Raises `Unknown` with the nearest known one."""
        try:
            return self._numbers[path]
        except KeyError:
            raise Unknown(f"no signal '{path}'; {did_you_mean(path, self._numbers)}") from None

    def find(self, pattern: str) -> npt.NDArray[np.int32]:
        """Numbers of the paths that a glob matches, in order of path; ``*`` crosses no slash,
        ``**`` does. Raises `Unknown` when there is none."""
        if not any(c in pattern for c in "*?["):
            return np.array([self.number(pattern)], np.int32)
        match = glob_pattern(pattern).fullmatch
        # A copy: a plant file that is read again adds paths meanwhile.
        numbers = self._numbers.copy()
        found = sorted((path, number) for path, number in numbers.items() if match(path))
        if not found:
            raise Unknown(f"no signal matches '{pattern}'; {did_you_mean(pattern, self._numbers)}")
        return np.array([number for _, number in found], np.int32)

    def declare(
        self,
        path: str,
        type: SignalType = "number",
        unit: str = "",
        labels: Iterable[tuple[int, str]] = (),
        now: int = 0,
    ) -> int:
        """The number of a signal, given now if the path is new.

        A changed unit, type or enumeration is a new meaning of the same number, valid from `now`.
        """
        with self._lock:
            number = self._numbers.get(path, len(self._entries))
            entry = Entry(number, path, type, unit, tuple(sorted(labels)), now)
            if number < len(self._entries):
                known = self._entries[number]
                if entry == replace(known, valid_from=now):
                    return number
            self._put(entry)
            self._changes.append(Change(entry=entry))
        return number

    def rename(self, old: str, new: str, now: int) -> int:
        """Give a signal another path; history keeps its number."""
        number = self.number(old)
        if new in self._numbers:
            raise ConfigurationError(f"cannot rename '{old}': '{new}' exists already")
        with self._lock:
            entry = replace(self._entries[number], path=new, valid_from=now)
            self._put(entry)
            self._changes.append(Change(entry=entry))
        return number

    def encode(self, number: int, text: str) -> int | None:
        """The code of a text, new if needed; None when text or dictionary is too large."""
        codes = self._codes.setdefault(number, {})
        code = codes.get(text)
        if code is not None:
            return code
        if len(codes) >= TEXT_VALUES or len(text.encode("utf-8", "replace")) > TEXT_BYTES:
            return None
        with self._lock:
            code = codes.get(text)
            if code is None:
                code = len(codes)
                self._texts.setdefault(number, []).append(text)
                codes[text] = code
                self._changes.append(Change(text=(number, code, text)))
        return code

    def decode(self, number: int, code: float) -> str | None:
        """The text of a code, None if it is not one."""
        texts = self._texts.get(number, [])
        index = int(code) if code == code and abs(code) < 2**31 else -1
        return texts[index] if 0 <= index < len(texts) else None

    def texts(self, number: int) -> Sequence[str]:
        """The dictionary of a text signal, by code; it grows with the catalogue."""
        return self._texts.get(number, ())

    def show(self, number: int, value: float) -> float | bool | str | None:
        """A stored value as a person or a program expects it: text, label, truth or number."""
        if value != value:
            return None
        entry = self._entries[number]
        if entry.type == "text":
            return self.decode(number, value)
        if entry.type == "enumeration":
            return entry.label(value) or str(int(value))
        if entry.type == "boolean":
            return bool(value)
        return value

    def take_changes(self) -> list[Change]:
        """What is new since the last call; the caller stores it before any row that uses it."""
        with self._lock:
            changes, self._changes = self._changes, []
        return changes

    def put_back(self, changes: list[Change]) -> None:
        """Changes that could not be stored; they come again with the next `take_changes`."""
        with self._lock:
            self._changes = changes + self._changes

    def _put(self, entry: Entry) -> None:
        if entry.number == len(self._entries):
            self._entries.append(entry)
        else:
            old = self._entries[entry.number]
            if self._numbers.get(old.path) == entry.number:
                del self._numbers[old.path]
            self._entries[entry.number] = entry
        self._numbers[entry.path] = entry.number


def glob_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression for a path glob: ``*`` and ``?`` stay within a level, ``**`` does not.

    >>> bool(glob_pattern("line2/*/speed").fullmatch("line2/filler/speed"))
    True
    >>> bool(glob_pattern("line2/*").fullmatch("line2/filler/speed"))
    False
    """
    parts = []
    position = 0
    while position < len(pattern):
        if pattern.startswith("**", position):
            parts.append(".*")
            position += 2
            continue
        character = pattern[position]
        parts.append({"*": "[^/]*", "?": "[^/]"}.get(character, re.escape(character)))
        position += 1
    return re.compile("".join(parts))
