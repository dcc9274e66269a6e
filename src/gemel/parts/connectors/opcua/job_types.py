"""The structures of OPC 10031-4 (ISA-95 Job Control, 2.0), and where a server keeps them.

A server that describes its types (DataTypeDefinition, since 1.04) is believed; the others get what
the specification says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua

from gemel.core.errors import ConfigurationError
from gemel.parts.connectors.opcua.link import Link
from gemel.parts.connectors.opcua.resolve import forward
from gemel.parts.connectors.opcua.structures import Field, Structure, Structures, standard

__all__ = ["JOB_ORDER", "LISTED", "RESPONSE", "URI", "JobTypes", "types_of"]

URI: Final = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
JOB_ORDER: Final = "ISA95JobOrderDataType"
LISTED: Final = "ISA95JobOrderAndStateDataType"
RESPONSE: Final = "ISA95JobResponseDataType"
_HAS_ENCODING: Final = 38
_OPTIONAL_FIELDS: Final = 1
_IDS: Final = {
    "ISA95PropertyDataType": 3002, "ISA95ParameterDataType": 3003, "ISA95EquipmentDataType": 3005,
    "ISA95StateDataType": 3006, "ISA95WorkMasterDataType": 3007, JOB_ORDER: 3008,
    "ISA95MaterialDataType": 3010, "ISA95PersonnelDataType": 3011,
    "ISA95PhysicalAssetDataType": 3012, RESPONSE: 3013, LISTED: 3015,
}  # fmt: skip
_ENCODING: Final = 5014
"""Of a job order, in binary: the only structure that we send by itself."""


def _of(name: str, *fields: str) -> Structure:
    """'Name: Type', with [] for an array and ? for what may be left out."""
    made = []
    for text in fields:
        field, _, kind = text.partition(": ")
        made.append(
            Field(field.rstrip("?"), kind.removesuffix("[]"), kind.endswith("[]"), "?" in field)
        )
    return Structure(name, tuple(made))


def _resource(kind: str) -> Structure:
    return _of(
        f"ISA95{kind}DataType", "ID: String", "Description?: LocalizedText[]",
        f"{kind}Use?: String", "Quantity?: DecimalString", "EngineeringUnits?: EUInformation",
        "Properties?: ISA95PropertyDataType[]",
    )  # fmt: skip


def _value(kind: str) -> Structure:
    return _of(
        f"ISA95{kind}DataType", "ID: String", "Value: Variant", "Description?: LocalizedText[]",
        "EngineeringUnits?: EUInformation",
        f"Sub{'properties' if kind == 'Property' else 'parameters'}?: ISA95{kind}DataType[]",
    )  # fmt: skip


SPECIFIED: Final[Structures] = {
    one.name: one
    for one in (
        _value("Property"), _value("Parameter"), _resource("Equipment"), _resource("Personnel"),
        _resource("PhysicalAsset"),
        _of("ISA95StateDataType", "BrowsePath: RelativePath", "StateText: LocalizedText",
            "StateNumber: UInt32"),
        _of("ISA95WorkMasterDataType", "ID: String", "Description?: LocalizedText",
            "Parameters?: ISA95ParameterDataType[]"),
        _of("ISA95MaterialDataType", "MaterialClassID?: String", "MaterialDefinitionID?: String",
            "MaterialLotID?: String", "MaterialSublotID?: String", "Description?: LocalizedText[]",
            "MaterialUse?: String", "Quantity?: DecimalString", "EngineeringUnits?: EUInformation",
            "Properties?: ISA95PropertyDataType[]"),
        _of(JOB_ORDER, "JobOrderID: String", "Description?: LocalizedText[]",
            "WorkMasterID?: ISA95WorkMasterDataType[]", "StartTime?: DateTime",
            "EndTime?: DateTime", "Priority?: Int16",
            "JobOrderParameters?: ISA95ParameterDataType[]",
            "PersonnelRequirements?: ISA95PersonnelDataType[]",
            "EquipmentRequirements?: ISA95EquipmentDataType[]",
            "PhysicalAssetRequirements?: ISA95PhysicalAssetDataType[]",
            "MaterialRequirements?: ISA95MaterialDataType[]"),
        _of(LISTED, f"JobOrder: {JOB_ORDER}", "State: ISA95StateDataType[]"),
        _of(RESPONSE, "JobResponseID: String", "Description?: LocalizedText", "JobOrderID: String",
            "StartTime?: DateTime", "EndTime?: DateTime", "JobState: ISA95StateDataType[]",
            "JobResponseData?: ISA95ParameterDataType[]",
            "PersonnelActuals?: ISA95PersonnelDataType[]",
            "EquipmentActuals?: ISA95EquipmentDataType[]",
            "PhysicalAssetActuals?: ISA95PhysicalAssetDataType[]",
            "MaterialActuals?: ISA95MaterialDataType[]"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobTypes:
    """The structures of one server, and the id under which it takes a job order."""

    known: Structures
    encoding: Any


async def types_of(link: Link) -> JobTypes:
    """What this server says of the types. Raises `ConfigurationError` if it has no Job Control."""
    if URI not in link.namespaces:
        raise ConfigurationError(
            f"the server has no namespace '{URI}': it knows no ISA-95 Job Control (OPC 10031-4)"
        )
    index = link.namespaces.index(URI)
    names = await _data_types(link, index)
    known = dict(SPECIFIED)
    asked = list(names)
    values = await link.read(asked, ua.AttributeIds.DataTypeDefinition) if asked else []
    for node, value in zip(asked, values, strict=True):
        found = value.Value.Value if value.Value is not None else None
        if value.StatusCode.is_good() and isinstance(found, ua.StructureDefinition):
            told = _declared(names[node], found, names)
            if told is not None:
                known[told.name] = told
    encoding = ua.NodeId(_ENCODING, index)
    for node, name in names.items():
        if name == JOB_ORDER:
            for reference in (await forward(link, [node], _HAS_ENCODING))[0]:
                if str(reference.BrowseName.Name) == "Default Binary":
                    encoding = reference.NodeId
    return JobTypes(known, encoding)


async def _data_types(link: Link, index: int) -> dict[Any, str]:
    """The nodes of the types: by the numbers of the specification, and by name below Structure."""
    found = {ua.NodeId(number, index): name for name, number in _IDS.items()}
    structure = ua.NodeId(ua.ObjectIds.Structure)
    for reference in (await forward(link, [structure], 45))[0]:
        name = str(reference.BrowseName.Name)
        if reference.NodeId.NamespaceIndex == index and name in _IDS:
            found = {node: known for node, known in found.items() if known != name}
            found[reference.NodeId] = name
    return found


def _declared(name: str, told: Any, names: dict[Any, str]) -> Structure | None:
    """What the server declares; None if it uses a type that we cannot read."""
    fields = []
    for field in told.Fields or []:
        kind = names.get(field.DataType, "")
        if not kind and field.DataType.NamespaceIndex == 0:
            kind = standard(field.DataType.Identifier)
        if not kind:
            return None
        optional = int(told.StructureType) == _OPTIONAL_FIELDS and bool(field.IsOptional)
        fields.append(Field(str(field.Name), kind, int(field.ValueRank) >= 0, optional))
    return Structure(name, tuple(fields)) if fields else None
