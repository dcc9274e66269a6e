"""Structures on the wire, as far as job orders need them (OPC 10000-6, 5.2.6 and 5.2.7).

A structure is a dictionary here. Its fields are those that the server declares, or those of the
specification where it declares none; a field that may be left out stands in the mask only where the
dictionary has it. Nothing is registered anywhere: another server may number the same types
differently.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua import ua_binary

from gemel.core.errors import DataError

__all__ = ["Field", "Structure", "Structures", "decode", "encode", "from_datetime", "to_datetime"]

_EPOCH: Final = 116_444_736_000_000_000
"""1970 in steps of 100 ns since 1601."""
_STANDARD: Final = {
    1: "Boolean", 2: "SByte", 3: "Byte", 4: "Int16", 5: "UInt16", 6: "Int32", 7: "UInt32",
    8: "Int64", 9: "UInt64", 10: "Float", 11: "Double", 12: "String", 13: "DateTime", 21:
    "LocalizedText", 24: "Variant", 29: "Int32", 294: "DateTime", 540: "RelativePath", 887:
    "EUInformation", 12878: "DecimalString",
}  # fmt: skip
"""Names of standard types by number; numbers, texts, and what the specification uses beside."""
_SHORT: Final = {"DecimalString": "String"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `type` is a standard type or another structure."""

    name: str
    type: str
    array: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Structure:
    """Fields in the order of the wire; the mask comes first if one of them is optional."""

    name: str
    fields: tuple[Field, ...]


Structures = Mapping[str, Structure]


def standard(number: object) -> str:
    """The name of a type of the standard namespace; empty if it is not among those that are
    needed."""
    return _STANDARD.get(number, "") if isinstance(number, int) else ""


def encode(known: Structures, name: str, value: Mapping[str, Any]) -> bytes:
    """The bytes of a structure. Raises `DataError` for a field that it does not have or needs."""
    structure = known[name]
    if strange := set(value) - {field.name for field in structure.fields}:
        raise DataError(f"the server's {name} has no {', '.join(sorted(strange))}")
    optional = [field for field in structure.fields if field.optional]
    parts = []
    if optional:
        mask = sum(1 << bit for bit, field in enumerate(optional) if field.name in value)
        parts.append(mask.to_bytes(4, "little"))
    for field in structure.fields:
        if field.name in value:
            parts.append(_field(known, field, value[field.name]))
        elif not field.optional:
            raise DataError(f"{name} needs {field.name}")
    return b"".join(parts)


def decode(known: Structures, name: str, data: Any) -> dict[str, Any]:
    """What `encode` made. `data` is the library's buffer, or bytes. Raises `DataError`."""
    buffer = ua.utils.Buffer(data) if isinstance(data, bytes) else data
    try:
        return _structure(known, name, buffer)
    except (ValueError, TypeError, LookupError, struct.error, ua.UaError, OSError) as error:
        raise DataError(f"a {name} of the server cannot be read: {error!r}") from None


def to_datetime(time: int) -> int:
    """ns UTC as OPC UA counts."""
    return time // 100 + _EPOCH


def from_datetime(ticks: int) -> int | None:
    """ns UTC; None for the times that mean 'none'."""
    return None if ticks <= _EPOCH or ticks >= 2**62 else (ticks - _EPOCH) * 100


def _field(known: Structures, field: Field, value: Any) -> bytes:
    if not field.array:
        return _one(known, field.type, value)
    items = [_one(known, field.type, item) for item in value]
    return len(items).to_bytes(4, "little", signed=True) + b"".join(items)


def _one(known: Structures, kind: str, value: Any) -> bytes:
    if kind in known:
        return encode(known, kind, value)
    if kind == "DateTime":
        return to_datetime(value).to_bytes(8, "little", signed=True)
    if kind == "Variant":
        return bytes(ua_binary.variant_to_binary(value))
    primitive = getattr(ua_binary.Primitives, _SHORT.get(kind, kind), None)
    if primitive is not None:
        return bytes(primitive.pack(value))
    return bytes(ua_binary.struct_to_binary(value))


def _structure(known: Structures, name: str, buffer: Any) -> dict[str, Any]:
    fields = known[name].fields
    mask = 0
    if any(field.optional for field in fields):
        mask = int.from_bytes(buffer.read(4), "little")
    found: dict[str, Any] = {}
    bit = 0
    for field in fields:
        there = True
        if field.optional:
            there, bit = bool(mask >> bit & 1), bit + 1
        if there:
            found[field.name] = _read(known, field, buffer)
    return found


def _read(known: Structures, field: Field, buffer: Any) -> Any:
    if not field.array:
        return _read_one(known, field.type, buffer)
    count = int.from_bytes(buffer.read(4), "little", signed=True)
    if count > len(buffer):
        raise DataError(f"{field.name} claims {count} items")
    return [_read_one(known, field.type, buffer) for _ in range(max(count, 0))]


def _read_one(known: Structures, kind: str, buffer: Any) -> Any:
    if kind in known:
        return _structure(known, kind, buffer)
    if kind == "DateTime":
        return from_datetime(int.from_bytes(buffer.read(8), "little", signed=True))
    if kind == "Variant":
        return ua_binary.variant_from_binary(buffer)
    primitive = getattr(ua_binary.Primitives, _SHORT.get(kind, kind), None)
    if primitive is not None:
        return primitive.unpack(buffer)
    return ua_binary.struct_from_binary(getattr(ua, kind), buffer)
