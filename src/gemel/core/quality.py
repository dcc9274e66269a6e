"""Quality of a sample: the upper half of the OPC UA StatusCode, read as signed 16 bits.

So ``0`` is good, ``0x4000 …`` is uncertain and every negative number is bad, and a store needs no
unsigned type (OPC 10000-4 §7.39, bits 31-30 severity, bits 27-16 sub-code). The sub-codes 0xF00 to
0xFFF, which the OPC Foundation leaves free, carry Gemel's own reasons.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "AHEAD",
    "BAD",
    "CLOCK_SUSPECT",
    "FLAT_LINE",
    "GOOD",
    "NOT_A_NUMBER",
    "NO_COMMUNICATION",
    "NO_COMMUNICATION_LAST_USABLE",
    "OUT_OF_RANGE",
    "RATE",
    "STALE",
    "TEXT_OVERFLOW",
    "UNCERTAIN",
    "from_status",
    "is_bad",
    "is_good",
    "reason",
    "to_status",
    "word",
]

GOOD: Final = 0
UNCERTAIN: Final = 0x4000
BAD: Final = -0x8000

AHEAD: Final = 5_000_000_000
"""A source time further ahead of its arrival than this, in ns, makes the source's clock suspect."""

# Gemel's own reasons.
OUT_OF_RANGE: Final = UNCERTAIN | 0xF01
RATE: Final = UNCERTAIN | 0xF02
FLAT_LINE: Final = UNCERTAIN | 0xF03
STALE: Final = UNCERTAIN | 0xF04
CLOCK_SUSPECT: Final = UNCERTAIN | 0xF05
NOT_A_NUMBER: Final = BAD | 0xF06
TEXT_OVERFLOW: Final = BAD | 0xF07

# Reasons of OPC UA that are met often enough to be named (upper half of the StatusCode).
NO_COMMUNICATION: Final = 0x8031 - 0x10000
NO_COMMUNICATION_LAST_USABLE: Final = 0x408F

_REASONS: Final[dict[int, str]] = {
    GOOD: "good",
    UNCERTAIN: "uncertain",
    BAD: "bad",
    OUT_OF_RANGE: "outside its range",
    RATE: "changes faster than it can",
    FLAT_LINE: "has not moved for too long",
    STALE: "stale",
    CLOCK_SUSPECT: "source clock suspect",
    NOT_A_NUMBER: "not a number",
    TEXT_OVERFLOW: "text dictionary full",
    NO_COMMUNICATION: "no communication",
    0x8032 - 0x10000: "waiting for initial data",
    0x8033 - 0x10000: "node id invalid",
    0x8034 - 0x10000: "unknown node id",
    0x8089 - 0x10000: "configuration error",
    0x808A - 0x10000: "not connected",
    0x808B - 0x10000: "device failure",
    0x808C - 0x10000: "sensor failure",
    0x808D - 0x10000: "out of service",
    NO_COMMUNICATION_LAST_USABLE: "no communication, last usable value",
    0x4090: "last usable value",
    0x4091: "substitute value",
    0x4092: "initial value",
    0x4093: "sensor not accurate",
    0x4094: "engineering units exceeded",
    0x4095: "sub-normal",
}


def from_status(code: int) -> int:
    """Quality of an OPC UA StatusCode (unsigned 32 bits)."""
    upper = (code >> 16) & 0xFFFF
    return upper - 0x10000 if upper & 0x8000 else upper


def to_status(quality: int) -> int:
    """The OPC UA StatusCode (unsigned 32 bits) of a quality."""
    return (quality & 0xFFFF) << 16


def word(quality: int) -> str:
    """``good``, ``uncertain`` or ``bad``."""
    return "bad" if quality < 0 else "uncertain" if quality >= UNCERTAIN else "good"


def reason(quality: int) -> str:
    """The quality in words, for people.

    >>> reason(OUT_OF_RANGE), reason(-0x8000 | 0x8C)
    ('uncertain: outside its range', 'bad: sensor failure')
    """
    if quality in (GOOD, UNCERTAIN, BAD):
        return _REASONS[quality]
    known = _REASONS.get(quality, f"code 0x{quality & 0xFFFF:04X}")
    return f"{word(quality)}: {known}"


def is_bad(quality: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Where a quality column is bad."""
    return quality < 0


def is_good(quality: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Where a quality column is good (neither bad nor uncertain)."""
    return (quality >= 0) & (quality < UNCERTAIN)
