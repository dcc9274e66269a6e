"""The types of the language, as a resolver declares them for names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Boolean", "Duration", "Enumeration", "Number", "Resolve", "Text", "Type"]


@dataclass(frozen=True, slots=True)
class Number:
    """A real number; the unit is shown and carried, never converted."""

    unit: str = ""

    def __str__(self) -> str:
        return "number"


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false, 1 and 0 in a column."""

    def __str__(self) -> str:
        return "boolean"


@dataclass(frozen=True, slots=True)
class Enumeration:
    """One of a few labels. `codes` are their numbers in a column: 0, 1, 2… unless given.

    Several codes may share a label, as device makers like to do; codes without one equal no label.
    """

    labels: tuple[str, ...]
    codes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.codes:
            object.__setattr__(self, "codes", tuple(range(len(self.labels))))
        if not self.labels or len(self.codes) != len(self.labels):
            raise ValueError("an enumeration needs labels, and as many codes as labels")
        if len(set(self.codes)) != len(self.codes):
            raise ValueError("the codes of an enumeration must differ from each other")

    def __str__(self) -> str:
        return "enumeration"

    def codes_of(self, label: str) -> tuple[int, ...]:
        return tuple(c for c, known in zip(self.codes, self.labels, strict=True) if known == label)

    def merge(self, other: Enumeration) -> Enumeration:
        """An enumeration with the labels of both; one that already has them all stays as it is."""
        if set(other.labels) <= set(self.labels):
            return self
        if set(self.labels) <= set(other.labels):
            return other
        return Enumeration(tuple(dict.fromkeys(self.labels + other.labels)))


@dataclass(frozen=True, slots=True)
class Text:
    """A text, coded by the signal's own growing dictionary, which comes with its column."""

    def __str__(self) -> str:
        return "text"


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, in seconds in a column."""

    def __str__(self) -> str:
        return "duration"


Type: TypeAlias = Number | Boolean | Enumeration | Text | Duration

Resolve: TypeAlias = Mapping[str, Type] | Callable[[str], Type | None]
"""Gives the type of a name; a function answers None for a name that it does not know."""
