"""JSON in the one form that RFC 8785 (JCS) prescribes: what is hashed and signed.

>>> canonical({"b": 1.0, "a": [1e-7, "ü", None]})
b'{"a":[1e-7,"\\xc3\\xbc",null],"b":1}'
"""

from __future__ import annotations

import json
from typing import Any

from gemel.core.errors import DataError

__all__ = ["canonical"]

_EXACT = 2**53


def canonical(value: Any) -> bytes:
    """UTF-8, keys in order of their UTF-16 code units, no spaces, numbers as ECMAScript has them.

    Raises `DataError` for what has no such form: NaN, infinities, whole numbers beyond 2^53.
    """
    try:
        return _text(value).encode()
    except UnicodeEncodeError:
        raise DataError(
            "a text holds half of a surrogate pair; such has no canonical form"
        ) from None


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > _EXACT:
            raise DataError(f"{value} is beyond 2^53; write it as text")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        pairs = (f"{json.dumps(key, ensure_ascii=False)}:{_text(value[key])}" for key in keys)
        return f"{{{','.join(pairs)}}}"
    raise DataError(f"{type(value).__name__} has no form in JSON")


def _number(value: float) -> str:
    """The shortest digits that give the value back, as ECMAScript places them."""
    if value != value or value in (float("inf"), float("-inf")):
        raise DataError(f"{value} has no form in JSON")
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len(digits))
    digits = digits.rstrip("0")
    return ("-" if value < 0 else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """`digits` with the decimal point behind the first `point` of them."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    shown = digits[0] + (f".{digits[1:]}" if count > 1 else "")
    return f"{shown}e{'+' if point > 0 else '-'}{abs(point - 1)}"
