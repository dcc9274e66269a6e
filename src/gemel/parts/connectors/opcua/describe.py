"""Types, units, ranges and words of variables, as the server describes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua

from gemel.core.catalogue import SignalType
from gemel.core.units import canonical, symbol_of_unit_id
from gemel.parts.connectors.opcua.browse import Variable
from gemel.parts.connectors.opcua.link import Link
from gemel.parts.connectors.opcua.resolve import forward

__all__ = ["Candidate", "look", "look_closer"]

_AGAIN_S: Final = 1.0
_PAUSE_S: Final = 0.005
_PROPERTY: Final = 46
_WRITE_BIT: Final = 2
_DA_TYPES: Final = frozenset({2365, 2368, 2372, 2373, 2376, 11238, 15318, 17497, 17570, 17567})
"""Standard variable types of process data: DataItem, AnalogItem, TwoState, MultiState …"""
_WHOLE: Final = frozenset({"SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32"})
_NUMBERS: Final = _WHOLE | {"Int64", "UInt64", "Float", "Double"}
_TEXTS: Final = frozenset({"String", "LocalizedText", "DateTime", "Guid"})


@dataclass(slots=True, eq=False)
class Candidate:
    """A variable that can be a signal, with what is known of it."""

    variable: Variable
    type: SignalType
    variant: str
    changes: bool = False
    interval: int | None = None
    """How far its changes are apart, ns, where that is known."""
    writable: bool = False
    data_type: Any = None
    unit: str = ""
    range: tuple[float, float] | None = None
    labels: tuple[tuple[int, str], ...] = ()
    description: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it is process data rather than configuration."""
        return self.changes or self.variable.type_number in _DA_TYPES


async def look(link: Link, variables: Sequence[Variable]) -> tuple[list[Candidate], dict[str, int]]:
    """The variables that can be signals, and why others cannot, with numbers.

    Reads all values twice, a second apart, to see which ones change.
    """
    nodes = [variable.node for variable in variables]
    first = await link.read(nodes)
    found: list[Candidate] = []
    refused: dict[str, int] = {}
    for variable, value in zip(variables, first, strict=True):
        variant = value.Value
        if variant is None or variant.VariantType == ua.VariantType.Null:
            status = value.StatusCode
            good = status is None or status.is_good()
            reason = "without a value" if good else f"with status {status.name}"
            refused[reason] = refused.get(reason, 0) + 1
            continue
        name = variant.VariantType.name
        kind: SignalType | None = None
        if variant.is_array:
            reason = "arrays"
        elif name == "Boolean":
            kind = "boolean"
        elif name in _NUMBERS:
            kind = "number"
        elif name in _TEXTS:
            kind = "text"
        else:
            reason = "structures and other types"
        if kind is None:
            refused[reason] = refused.get(reason, 0) + 1
            continue
        found.append(Candidate(variable, kind, name))
    await asyncio.sleep(_AGAIN_S)
    by_variable = dict(zip(map(id, variables), first, strict=True))
    second = await link.read([c.variable.node for c in found])
    levels = await link.read([c.variable.node for c in found], ua.AttributeIds.UserAccessLevel)
    for candidate, value, level in zip(found, second, levels, strict=True):
        before = by_variable[id(candidate.variable)].Value.Value
        now = value.Value.Value if value.Value is not None else None
        candidate.changes = bool(before != now) and not (before != before and now != now)
        mask = level.Value.Value if level.Value is not None else 0
        candidate.writable = bool(int(mask or 0) & _WRITE_BIT)
    return found, refused


async def look_closer(link: Link, candidates: Sequence[Candidate]) -> None:
    """Fill in units, ranges, words and descriptions."""
    nodes = [c.variable.node for c in candidates]
    descriptions = await link.read(nodes, ua.AttributeIds.Description)
    types = await link.read(nodes, ua.AttributeIds.DataType)
    for candidate, text, data_type in zip(candidates, descriptions, types, strict=True):
        shown = text.Value.Value if text.Value is not None else None
        candidate.description = str(getattr(shown, "Text", "") or "").strip()
        candidate.data_type = data_type.Value.Value if data_type.Value is not None else None
    by_candidate = await _properties(link, nodes)
    for candidate, properties in zip(candidates, by_candidate, strict=True):
        _apply(candidate, properties)
    await _enumerations(link, [c for c in candidates if _may_be_enumeration(c)])


def _may_be_enumeration(candidate: Candidate) -> bool:
    data_type = candidate.data_type
    return (
        candidate.variant == "Int32"
        and candidate.type == "number"
        and data_type is not None
        and not (data_type.NamespaceIndex == 0 and data_type.Identifier in range(1, 29))
    )


async def _properties(link: Link, nodes: Sequence[Any]) -> list[dict[str, Any]]:
    """Values of the properties of many nodes, by name."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(nodes), link.limits.browse):
        lists = await forward(link, nodes[start : start + link.limits.browse], _PROPERTY)
        await asyncio.sleep(_PAUSE_S)
        flat = [reference for references in lists for reference in references]
        values = await link.read([reference.NodeId for reference in flat])
        position = 0
        for references in lists:
            properties: dict[str, Any] = {}
            for reference in references:
                value = values[position]
                position += 1
                if value.Value is not None and value.Value.Value is not None:
                    properties[str(reference.BrowseName.Name)] = value.Value.Value
            found.append(properties)
    return found


def _apply(candidate: Candidate, properties: dict[str, Any]) -> None:
    if candidate.type == "number":
        information = properties.get("EngineeringUnits")
        if information is not None and hasattr(information, "UnitId"):
            candidate.unit = unit_of(information)
        bounds = properties.get("EURange") or properties.get("InstrumentRange")
        if bounds is not None and hasattr(bounds, "Low") and bounds.Low < bounds.High:
            candidate.range = (float(bounds.Low), float(bounds.High))
    if candidate.variant in _WHOLE:
        labels = _labels(properties)
        if labels:
            candidate.type, candidate.labels = "enumeration", labels
            candidate.unit, candidate.range = "", None
    elif candidate.type == "boolean" and {"TrueState", "FalseState"} <= set(properties):
        states = [(0, properties["FalseState"]), (1, properties["TrueState"])]
        candidate.labels = tuple((code, _text(state)) for code, state in states)


def unit_of(information: Any) -> str:
    """The unit of an EUInformation: by its UNECE code, else as it is displayed."""
    shown = _text(information.DisplayName)
    known = symbol_of_unit_id(int(information.UnitId))
    if known is not None:
        return "" if known == "1" else known
    unit = canonical(shown)
    return "" if unit == "1" else unit


def _labels(properties: dict[str, Any]) -> tuple[tuple[int, str], ...]:
    strings = properties.get("EnumStrings")
    if isinstance(strings, list):
        return tuple((code, _text(text)) for code, text in enumerate(strings) if _text(text))
    values = properties.get("EnumValues")
    if isinstance(values, list):
        pairs = [(int(v.Value), _text(v.DisplayName)) for v in values if hasattr(v, "DisplayName")]
        return tuple(sorted(pairs))
    return ()


async def _enumerations(link: Link, candidates: Sequence[Candidate]) -> None:
    """Words of enumerations that only their DataType carries."""
    kinds = list(dict.fromkeys(c.data_type for c in candidates))
    described = await _properties(link, kinds)
    definitions = await link.read(kinds, ua.AttributeIds.DataTypeDefinition) if kinds else []
    words: dict[Any, tuple[tuple[int, str], ...]] = {}
    for kind, properties, definition in zip(kinds, described, definitions, strict=True):
        labels = _labels(properties)
        body = definition.Value.Value if definition.Value is not None else None
        if not labels and isinstance(body, ua.EnumDefinition):
            labels = tuple(
                sorted((int(f.Value), _text(f.DisplayName) or str(f.Name)) for f in body.Fields)
            )
        words[kind] = labels
    for candidate in candidates:
        if words[candidate.data_type]:
            candidate.type, candidate.labels = "enumeration", words[candidate.data_type]
            candidate.unit, candidate.range = "", None


def _text(value: Any) -> str:
    return str(getattr(value, "Text", value) or "")
