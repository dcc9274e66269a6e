"""Times as files write them → nanoseconds UTC, a column at a time.

The cells of a column have few *shapes* (the text with every digit replaced by 0). A shape is
matched once by a regular expression; the spans that it gives hold for all cells of that shape,
which are then decoded together as a matrix of bytes. So any way of writing costs about the same as
ISO 8601, and fractions are exact to the nanosecond because no number passes through a float.

Formats: ``iso``; ``clock`` (time of day without date); the linear ones of `LINEAR`, such as
``epoch_ms``, ``elapsed_s`` and ``excel``; or a pattern of strptime. Patterns are read generously:
seconds, fraction, AM/PM and offset may be there or not, as programs drop them when they are zero.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.time import DAY, HOUR, MINUTE, SECOND

__all__ = ["LINEAR", "Cells", "Decoded", "Linear", "cells_of", "decode", "is_format"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Linear:
    """A number that is a time: `scale` ns per unit, counted from `origin` (in units, before 1970);
    None = from a start that is told elsewhere."""

    scale: int
    origin: int | None
    grain: int = 1
    """Rounded to this, where the way of writing is coarser than a nanosecond."""


_UNITS: Final = {
    "ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY,
}  # fmt: skip
LINEAR: Final[dict[str, Linear]] = {
    **{f"epoch_{unit}": Linear(_UNITS[unit], 0) for unit in ("s", "ms", "us", "ns")},
    **{f"elapsed_{unit}": Linear(scale, None) for unit, scale in _UNITS.items()},
    "excel": Linear(DAY, 25_569, 1_000_000),  # days since 1899-12-30, exact to about 1 µs
    "matlab": Linear(DAY, 719_529, 1_000_000),  # datenum: days since the year 0
    "ticks": Linear(100, 621_355_968_000_000_000),  # .NET: 100 ns since 0001-01-01
    "filetime": Linear(100, 116_444_736_000_000_000),  # Windows: 100 ns since 1601-01-01
}

_ZONES: Final = {  # hours; words that mean several zones, such as CST and IST, are left out
    "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "WET": 0, "WEST": 1, "EST": -5,
    "EDT": -4, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "JST": 9, "KST": 9,
}  # fmt: skip
_ZONE = rf"(?P<z>[Zz]|UTC|GMT|(?:UTC|GMT)?[+-]\d\d(?::?\d\d)?|{'|'.join(_ZONES)})"
_CLOCK = (
    r"(?P<H>\d{1,2}):(?P<M>\d{1,2})(?::(?P<S>\d{1,2})(?:[.,:](?P<f>\d{1,18}))?)?"
    rf"(?:\s*(?P<p>[AaPp]\.?[Mm]\.?))?(?:\s*{_ZONE})?"
)
_TOKENS: Final = {
    "Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d{2})", "m": r"(?P<m>\d{1,2})", "d": r"(?P<d>\s?\d{1,2})",
    "b": r"(?P<b>[A-Za-z]{3,9})\.?", "B": r"(?P<b>[A-Za-z]{3,9})\.?", "j": r"(?P<j>\d{1,3})",
    "H": r"(?P<H>\d{1,2})", "I": r"(?P<H>\d{1,2})", "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})(?:[.,](?P<F>\d{1,18}))?", "f": r"(?P<f>\d{1,18})",
    "p": r"(?P<p>[AaPp]\.?[Mm]\.?)", "z": _ZONE, "Z": _ZONE, "a": r"[A-Za-z]{2,9}\.?",
    "A": r"[A-Za-z]{2,9}\.?", "%": "%",
}  # fmt: skip
_FIXED: Final = {
    "m": r"(?P<m>\d\d)", "d": r"(?P<d>\d\d)", "j": r"(?P<j>\d{3})", "H": r"(?P<H>\d\d)",
    "M": r"(?P<M>\d\d)", "S": r"(?P<S>\d\d)(?:[.,](?P<F>\d{1,18}))?",
}  # fmt: skip
_ISO = rf"(?P<Y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})(?:[T\s_]+{_CLOCK})?"
_NUMBER = r"(?P<sign>[+-]?)(?P<whole>\d*)(?:[.,](?P<part>\d*))?"
_MONTHS: Final = {
    word: number
    for number, words in enumerate(
        ("jan gen ene", "feb fév fev", "mar mär mrz maa", "apr avr abr", "may mai mag mei maj",
         "jun giu juin", "jul lug juil", "aug ago aoû aou", "sep set", "oct okt ott out", "nov",
         "dec dez dic déc"), 1)
    for word in words.split()
}  # fmt: skip
_SHAPES: Final = 200
"""A column with more shapes than this is not a column of times; its rest is decoded one by one."""


class Cells(NamedTuple):
    """A column of texts: bytes, and where each cell starts and how long it is, blanks cut off."""

    data: Bytes
    start: Ints
    length: Ints


class Decoded(NamedTuple):
    """`time` is meaningful where `ok`; where `local` it still lacks its zone."""

    time: Ints
    ok: Bools
    local: Bools


def cells_of(column: Any) -> Cells:
    """The bytes of an Arrow string column, without copying; an empty cell is a missing one."""
    n = len(column)
    if n == 0:
        nothing = np.zeros(0, np.int64)
        return Cells(np.zeros(1, np.uint8), nothing, nothing)
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32, n + 1, column.offset * 4).astype(np.int64)
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    start, length = ends[:-1].copy(), np.diff(ends)
    if column.null_count:
        length[np.asarray(column.is_null())] = 0
    for _ in range(64):
        blank = (length > 0) & (raw[np.minimum(start, len(raw) - 1)] <= 32)
        if not blank.any():
            break
        start += blank
        length -= blank
    for _ in range(64):
        blank = (length > 0) & (raw[np.clip(start + length - 1, 0, len(raw) - 1)] <= 32)
        if not blank.any():
            break
        length -= blank
    return Cells(raw, start, length)


def is_format(name: str) -> bool:
    """Whether `decode` knows this format, or it is a pattern."""
    return name in LINEAR or name in ("iso", "clock") or "%" in name


@functools.lru_cache(maxsize=256)
def _regex(form: str) -> re.Pattern[str]:
    if form in LINEAR:
        return re.compile(_NUMBER)
    if form == "iso":
        return re.compile(_ISO)
    if form == "clock":
        generous = _CLOCK.replace(r"(?P<H>\d{1,2}):", r"(?P<H>\d{1,3})[:.]")
        return re.compile(generous.replace("(?::(?P<S>", "(?:[:.](?P<S>"))
    used: set[str] = set()
    for clock in re.finditer(r"(T|\s+)?%[HI]:%M(:%S([.,:]%f)?)?(\s*%p)?(\s*%[zZ])?$", form):
        if "%" in form[: clock.start()]:
            head = _spelled(form[: clock.start()].rstrip(" ,"), used)
            return re.compile(rf"{head}(?:\s*[T\s_,;:-]\s*{_CLOCK})?")
    whole = _spelled(form, used)
    has_zone = "H" not in used or used & {"z", "Z"}
    return re.compile(whole if has_zone else rf"{whole}(?:\s*{_ZONE})?")


def _spelled(form: str, used: set[str]) -> str:
    parts = []
    position = 0
    while position < len(form):
        if form[position] == "%" and position + 1 < len(form):
            parts.append(_token(form, position, used))
            position += 2
        else:
            parts.append(r"\s+" if form[position] == " " else re.escape(form[position]))
            position += 1
    return "".join(parts)


def _token(form: str, position: int, used: set[str]) -> str:
    letter = form[position + 1]
    if letter not in _TOKENS:
        raise ConfigurationError(
            f"time_format '{form}': '%{letter}' is not known; use %Y %m %d %H %M %S %f %p %z %b %j"
        )
    if letter in used and letter != "%":
        raise ConfigurationError(f"time_format '{form}': '%{letter}' is there twice")
    used.add(letter)
    touches = form[position + 2 : position + 3] == "%" or (
        position >= 2 and form[position - 2] == "%" and form[position - 1] != "%"
    )
    return _FIXED[letter] if touches and letter in _FIXED else _TOKENS[letter]


def decode(cells: Cells, form: str) -> Decoded:
    """Decode every cell; one that does not fit, or is no date that exists, is not `ok`.

    Times without offset come out as if they were UTC, with `local` set; `clock` and the elapsed
    formats count from zero. Raises `ConfigurationError` if `form` is not a format.
    """
    n = len(cells.start)
    result = Decoded(np.zeros(n, np.int64), np.zeros(n, np.bool_), np.zeros(n, np.bool_))
    regex = _regex(form)
    shapes = 0
    lengths = np.unique(cells.length)
    for length in lengths[(lengths > 0) & (lengths <= 64)].tolist():
        rows = np.flatnonzero(cells.length == length)
        while len(rows):
            matrix = _matrix(cells, rows, length)
            shape = np.where(matrix - np.uint8(48) < 10, np.uint8(48), matrix)
            same = (shape == shape[0]).all(axis=1)
            chosen, rows_of_shape = matrix[same], rows[same]
            rows = rows[~same]
            shapes += 1
            if shapes > _SHAPES:
                return result
            try:
                match = regex.fullmatch(shape[0].tobytes().decode("ascii"))
            except UnicodeDecodeError:
                continue
            if match is None:
                if form in LINEAR:
                    _decode_scientific(chosen, rows_of_shape, LINEAR[form], result)
                continue
            if form in LINEAR:
                time, ok = _linear(chosen, match, LINEAR[form])
                local = False
            else:
                time, ok, local = _calendar(chosen, match, form == "clock")
            result.time[rows_of_shape] = time
            result.ok[rows_of_shape] = ok
            result.local[rows_of_shape] = local
    return result


def _matrix(cells: Cells, rows: Ints, length: int) -> Bytes:
    start = cells.start[rows]
    last = start[0] + length * len(start)
    is_dense = last - length == start[-1] and last <= len(cells.data)
    if is_dense and bool((np.diff(start) == length).all()):
        return cells.data[start[0] : last].reshape(-1, length)
    matrix: Bytes = cells.data[start[:, None] + np.arange(length)]
    return matrix


def _digits(matrix: Bytes, span: tuple[int, int]) -> Ints:
    total = np.zeros(len(matrix), np.int64)
    for position in range(*span):
        if matrix[0, position] != 32:  # the same in all cells of a shape
            total *= 10
            total += matrix[:, position] - np.uint8(48)
    return total


def _fraction(matrix: Bytes, span: tuple[int, int], scale: int) -> Ints:
    """The digits after the point, as a share of `scale`, rounded."""
    size = min(span[1] - span[0], 15)
    if size <= 0:
        return np.zeros(len(matrix), np.int64)
    digits = _digits(matrix, (span[0], span[0] + size))
    if 10**size <= scale and scale % 10**size == 0:
        digits *= scale // 10**size
        return digits
    share: Ints = np.rint(digits / 10.0**size * scale).astype(np.int64)
    return share


def _linear(matrix: Bytes, match: re.Match[str], linear: Linear) -> tuple[Ints, Bools]:
    whole = match.span("whole")
    n = len(matrix)
    has_digits = whole[1] > whole[0] or bool(match["part"])
    if not has_digits or whole[1] - whole[0] > 19:
        return np.zeros(n, np.int64), np.zeros(n, np.bool_)
    size = np.zeros(n, np.float64)
    for position in range(*whole):
        size = size * 10 + (matrix[:, position] - np.uint8(48))
    part = match.span("part") if match["part"] else (0, 0)
    sign = -1 if match["sign"] == "-" else 1
    origin = linear.origin or 0
    since = sign * _fraction(matrix, part, linear.scale)
    since += (sign * _digits(matrix, whole) - origin) * linear.scale
    fits = np.abs((sign * size - origin) * linear.scale) < 9.2e18
    return _grain(since, linear), fits


def _grain(time: Ints, linear: Linear) -> Ints:
    if linear.grain == 1:
        return time
    return (time + linear.grain // 2) // linear.grain * linear.grain


def _decode_scientific(matrix: Bytes, rows: Ints, linear: Linear, result: Decoded) -> None:
    """Numbers such as 1.5e9: rare, so one by one, and exact."""
    if not (matrix[0] | np.uint8(32) == ord("e")).any():
        return
    for row, cell in zip(rows.tolist(), matrix, strict=True):
        try:
            number = Decimal(cell.tobytes().decode("ascii").replace(",", "."))
            if number.adjusted() > 20:
                continue
            time = round((number - (linear.origin or 0)) * linear.scale)
        except (ArithmeticError, ValueError):
            continue
        if abs(time) < 2**63:
            result.time[row] = _grain(np.array([time]), linear)[0]
            result.ok[row] = True


def _calendar(matrix: Bytes, match: re.Match[str], is_clock: bool) -> tuple[Ints, Bools, bool]:
    groups = match.re.groupindex
    n = len(matrix)

    def part(name: str, default: int) -> Ints:
        if name in groups and match[name]:
            return _digits(matrix, match.span(name))
        return np.full(n, default, np.int64)

    hour, minute, second = part("H", 0), part("M", 0), part("S", 0)
    ok = (minute < 60) & (second <= 60)
    ok &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0)) | is_clock
    if "p" in groups and match["p"]:
        ok &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + (12 if match["p"][0] in "pP" else 0)
    time = (hour * 3600 + minute * 60 + second) * SECOND
    for name in ("f", "F"):
        if name in groups and match[name]:
            time += _fraction(matrix, match.span(name), SECOND)
    if not is_clock:
        year = part("Y", 1970)
        if "y" in groups and match["y"]:
            year = part("y", 0)
            year += np.where(year < 69, 2000, 1900)  # as POSIX strptime reads two digits
        month = part("m", 1)
        if "b" in groups and match["b"]:
            month = np.full(n, _month(match["b"]), np.int64)
        day = part("d", 1)
        days, valid = _days(year, month, day)
        if "j" in groups and match["j"]:
            days = _days(year, np.ones_like(year), np.ones_like(year))[0] + part("j", 1) - 1
        ok &= valid & (year >= 1678) & (year <= 2261)
        time += np.where(ok, days, 0) * DAY
    zone = match["z"] if "z" in groups else None
    if not zone:
        return time, ok, not is_clock
    time = time - _ZONES.get(zone, 0) * HOUR
    digits = [match.start("z") + i for i, c in enumerate(zone) if c.isdigit()]
    if digits:
        offset = _digits(matrix, (digits[0], digits[0] + 2)) * HOUR
        if len(digits) == 4:
            offset += _digits(matrix, (digits[2], digits[2] + 2)) * MINUTE
        ok &= offset <= 18 * HOUR
        time = time + offset if "-" in zone else time - offset
    return time, ok, False


def _month(word: str) -> int:
    low = word.lower()
    return _MONTHS.get(low[:4]) or _MONTHS.get(low[:3]) or 0


def _days(year: Ints, month: Ints, day: Ints) -> tuple[Ints, Bools]:
    """Days since 1970-01-01 of the proleptic Gregorian calendar, and whether the date exists.

    H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.clip(month, 0, 12)]
    length = length + ((month == 2) & leap)
    return days, (month >= 1) & (month <= 12) & (day >= 1) & (day <= length)
