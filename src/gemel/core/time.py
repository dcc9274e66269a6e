"""Times are integer nanoseconds UTC inside, and become local at the last moment, for a person.

Parsing is explicit: a naive time is read in the zone that the caller gives, never in the zone of
the machine. Local times that a clock change skips or repeats are resolved as PEP 495 does with
``fold=0`` (the earlier of two, the moment after a gap).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from math import isfinite
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, WithJsonSchema

from gemel.core.errors import ConfigurationError

__all__ = [
    "DAY",
    "HOUR",
    "MILLISECOND",
    "MINUTE",
    "SECOND",
    "Clock",
    "Duration",
    "duration_text",
    "isoformat",
    "parse_duration",
    "parse_time",
    "time_text",
    "zone",
]

Clock: TypeAlias = Callable[[], int]
"""A function that gives the time now, in ns UTC. The system clock lives in `gemel.runtime`."""

MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": MILLISECOND,
    "s": SECOND,
    "min": MINUTE,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": 7 * DAY,
}
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|min|m|h|d|w)\s*")
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?"
    r"\s*(Z|[+-]\d\d:?\d\d)?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str) -> int:
    """Nanoseconds of ``30 s``, ``1m``, ``1h30m`` … Raises `ConfigurationError`.

    >>> parse_duration("1h30m") // MINUTE
    90
    """
    position, total = 0, 0.0
    for match in _DURATION.finditer(text):
        if match.start() != position:
            break
        position = match.end()
        total += float(match[1]) * _UNITS[match[2]]
    if position != len(text) or not text.strip():
        raise ConfigurationError(
            f"'{text}' is not a duration; write e.g. '100 ms', '30 s', '1 min', '2h30m'"
        )
    return round(total)


def duration_text(nanoseconds: int) -> str:
    """A duration for people, exact if it is a whole number of a unit.

    >>> duration_text(90 * SECOND), duration_text(500 * MILLISECOND)
    ('90 s', '500 ms')
    """
    for unit in ("d", "h", "min", "s", "ms", "us"):
        if nanoseconds and nanoseconds % _UNITS[unit] == 0:
            return f"{nanoseconds // _UNITS[unit]} {unit}"
    return f"{nanoseconds} ns"


def time_text(nanoseconds: float) -> str:
    """A computed time for people: three digits, in the largest unit of which it has two."""
    if not isfinite(nanoseconds):
        return "never"
    if nanoseconds <= 0:
        return "now"
    for unit, size in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if nanoseconds >= 2 * size:
            value = nanoseconds / size
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
    return f"{nanoseconds / SECOND:.3g} s"


def _read_duration(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"{value} needs a unit; write e.g. '{value} s'")
    return value


Duration: TypeAlias = Annotated[
    int,
    BeforeValidator(_read_duration),
    WithJsonSchema({"type": "string", "examples": ["100 ms", "30 s", "5 min"]}),
]
"""A field that is written ``30 s`` in the plant file and is nanoseconds inside."""


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises `ConfigurationError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"'{name}' is not a time zone; write e.g. 'Europe/Berlin' or 'UTC'"
        ) from None


def parse_time(text: str, naive: tzinfo = UTC, now: int | None = None) -> int:
    """Nanoseconds UTC of an ISO 8601 time, of ``now``, or of a time before now such as ``-2h``.

    `naive` is the zone in which a time without offset is read. Raises `ConfigurationError`.
    """
    stripped = text.strip()
    if now is not None:
        if stripped == "now":
            return now
        if stripped.startswith("-") and not stripped[1:2].isspace():
            return now - parse_duration(stripped[1:])
    match = _ISO.fullmatch(stripped)
    if match is None:
        hint = ", 'now' or '-2h'" if now is not None else ""
        raise ConfigurationError(f"'{text}' is not a time; write e.g. '2026-03-01T06:00:00Z'{hint}")
    year, month, day, hour, minute, second = (int(g) if g else 0 for g in match.groups()[:6])
    fraction = int((match[7] or "0").ljust(9, "0"))
    leap = second == 60  # a leap second is read as the second after it
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError as error:
        raise ConfigurationError(f"'{text}' is not a time: {error}") from None
    if match[8] is None:
        moment = moment.replace(tzinfo=naive)
    elif match[8] != "Z":
        sign = -1 if match[8][0] == "-" else 1
        digits = match[8][1:].replace(":", "")
        moment -= sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    delta = moment - _EPOCH
    seconds = delta.days * 86_400 + delta.seconds + (1 if leap else 0)
    return seconds * SECOND + fraction


def isoformat(time: int, local: tzinfo = UTC) -> str:
    """ISO 8601 with as many fractional digits as the time has, in the zone `local`.

    >>> isoformat(1_500_000_000)
    '1970-01-01T00:00:01.5Z'
    """
    seconds, fraction = divmod(time, SECOND)
    moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(local)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if fraction:
        text += f".{fraction:09d}".rstrip("0")
    offset = moment.strftime("%z")
    return text + ("Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}")
