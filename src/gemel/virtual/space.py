"""The address space: object types, the plant's objects, variables with units, ranges and limits.

Two namespaces, as in a real plant: one for the machine builder's types, one for this line. Node
ids are strings and live in the line's namespace; the browse names of what a type declares are in
the types' namespace (Part 3, 6.2.6), so that a path relative to the model works on every instance.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import Server, ua

from gemel.virtual.signals import CONVEYORS, LINE, MACHINES, SIGNALS, Signal, Unit

LINE_URI = "urn:gemel:virtual:line"
TYPES_URI = "urn:gemel:virtual:types"
SITE = "Northfield"
AREA = "Bottling"

VARIANT_TYPES: dict[str, ua.VariantType] = {
    "double": ua.VariantType.Double,
    "uint32": ua.VariantType.UInt32,
    "int32": ua.VariantType.Int32,
    "boolean": ua.VariantType.Boolean,
    "string": ua.VariantType.String,
}

_EMPTY: dict[str, float | bool | str] = {
    "double": 0.0,
    "uint32": 0,
    "int32": 0,
    "boolean": False,
    "string": "",
}
Method = Callable[..., Awaitable[Any]]
_UNITS_URI = "http://www.opcfoundation.org/UA/units/un/cefact"
_READ = ua.AccessLevel.CurrentRead.mask
_WRITE = ua.AccessLevel.CurrentWrite.mask
_HISTORY = ua.AccessLevel.HistoryRead.mask


def unit_id(code: str) -> int:
    """The number of a UNECE common code in EUInformation: its letters as bytes (Part 8, 5.6.4)."""
    return int.from_bytes(code.encode("ascii"), "big")


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input argument of a method."""

    name: str
    type: int
    description: str


class Space:
    """Collects nodes and adds them in one go.

    asyncua compares each new node with all siblings, so large flat folders are slow to build.
    """

    def __init__(self, server: Server, line_index: int, types_index: int) -> None:
        self.line_index = line_index
        self.types_index = types_index
        self._server = server
        self._items: list[ua.AddNodesItem] = []
        self._references: list[ua.AddReferencesItem] = []
        self._calls: list[tuple[ua.NodeId, Method]] = []

    def id(self, path: str) -> ua.NodeId:
        """Node id of an instance."""
        return ua.NodeId(path, self.line_index)

    def type_id(self, name: str) -> ua.NodeId:
        return ua.NodeId(name, self.types_index)

    def line_name(self, name: str) -> ua.QualifiedName:
        return ua.QualifiedName(name, self.line_index)

    def type_name(self, name: str) -> ua.QualifiedName:
        return ua.QualifiedName(name, self.types_index)

    def object(
        self,
        path: str,
        parent: ua.NodeId,
        definition: ua.NodeId,
        description: str = "",
        browse_name: ua.QualifiedName | None = None,
        reference: int = ua.ObjectIds.HasComponent,
    ) -> ua.NodeId:
        attributes = ua.ObjectAttributes()
        attributes.EventNotifier = 0
        name = browse_name or self.line_name(path.rpartition(".")[2])
        return self._add(
            self.id(path), parent, reference, name, ua.NodeClass.Object, attributes, definition,
            description,
        )  # fmt: skip

    def object_type(self, name: str, parent: ua.NodeId, description: str) -> ua.NodeId:
        attributes = ua.ObjectTypeAttributes()
        attributes.IsAbstract = False
        return self._add(
            self.type_id(name), parent, ua.ObjectIds.HasSubtype, self.type_name(name),
            ua.NodeClass.ObjectType, attributes, ua.NodeId(), description,
        )  # fmt: skip

    def variable(
        self,
        node_id: ua.NodeId,
        parent: ua.NodeId,
        browse_name: ua.QualifiedName,
        value: ua.Variant,
        data_type: int,
        definition: int = ua.ObjectIds.BaseDataVariableType,
        description: str = "",
        access: int = _READ,
    ) -> ua.NodeId:
        attributes = ua.VariableAttributes()
        attributes.Value = value
        attributes.DataType = ua.NodeId(data_type)
        rank = ua.ValueRank.OneDimension if isinstance(value.Value, list) else ua.ValueRank.Scalar
        attributes.ValueRank = rank
        attributes.AccessLevel = access
        attributes.UserAccessLevel = access
        attributes.Historizing = bool(access & _HISTORY)
        is_property = definition == ua.ObjectIds.PropertyType
        reference = ua.ObjectIds.HasProperty if is_property else ua.ObjectIds.HasComponent
        return self._add(
            node_id, parent, reference, browse_name, ua.NodeClass.Variable, attributes,
            ua.NodeId(definition), description,
        )  # fmt: skip

    def property(
        self,
        owner: ua.NodeId,
        name: str,
        value: ua.Variant,
        data_type: int,
        index: int = 0,
    ) -> None:
        """A property; `index` is the namespace of its browse name, 0 for the standard's own."""
        self.variable(
            ua.NodeId(f"{owner.Identifier}.{name}", owner.NamespaceIndex), owner,
            ua.QualifiedName(name, index), value, data_type, ua.ObjectIds.PropertyType,
        )  # fmt: skip

    def signal(self, signal: Signal, parent: ua.NodeId | None = None) -> ua.NodeId:
        """The variable of a signal with all that describes it, below its asset by default."""
        kind = VARIANT_TYPES[signal.type]
        access = _READ | _HISTORY | (_WRITE if signal.writable else 0)
        node = self.variable(
            self.id(signal.path), parent or self.id(signal.asset), self.type_name(signal.name),
            ua.Variant(_EMPTY[signal.type], kind), kind.value, _definition(signal),
            signal.description, access,
        )  # fmt: skip
        self._describe(node, signal)
        return node

    def method(
        self, path: str, parameters: Sequence[Parameter], call: Method, description: str
    ) -> None:
        owner = path.rpartition(".")[0]
        attributes = ua.MethodAttributes()
        attributes.Executable = True
        attributes.UserExecutable = True
        node = self._add(
            self.id(path), self.id(owner), ua.ObjectIds.HasComponent,
            self.type_name(path.rpartition(".")[2]), ua.NodeClass.Method, attributes, ua.NodeId(),
            description,
        )  # fmt: skip
        arguments = []
        for parameter in parameters:
            argument = ua.Argument()
            argument.Name = parameter.name
            argument.DataType = ua.NodeId(parameter.type)
            argument.ValueRank = ua.ValueRank.Scalar
            argument.Description = ua.LocalizedText(parameter.description)
            arguments.append(argument)
        value = ua.Variant(arguments, ua.VariantType.ExtensionObject)
        self.property(node, "InputArguments", value, ua.ObjectIds.Argument)
        self._calls.append((node, call))

    def mandatory(self, declaration: ua.NodeId) -> None:
        """Every instance of the type has what is declared here (Part 3, 6.4.4.4.1)."""
        item = ua.AddReferencesItem()
        item.SourceNodeId = declaration
        item.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HasModellingRule)
        item.IsForward = True
        item.TargetNodeId = ua.NodeId(ua.ObjectIds.ModellingRule_Mandatory)
        item.TargetNodeClass = ua.NodeClass.Object
        self._references.append(item)

    async def commit(self) -> None:
        """Add what was collected; raises when the server refuses a node."""
        session = self._server.iserver.isession
        for result in await session.add_nodes(self._items):
            result.StatusCode.check()
        for status in await session.add_references(self._references):
            status.check()
        for node, call in self._calls:
            session.add_method_callback(node, call)
        self._items.clear()
        self._references.clear()
        self._calls.clear()

    def _describe(self, node: ua.NodeId, signal: Signal) -> None:
        if signal.unit is not None:
            value = ua.Variant(_information(signal.unit), ua.VariantType.ExtensionObject)
            self.property(node, "EngineeringUnits", value, ua.ObjectIds.EUInformation)
        if signal.low is not None and signal.high is not None:
            value = ua.Variant(ua.Range(signal.low, signal.high), ua.VariantType.ExtensionObject)
            self.property(node, "EURange", value, ua.ObjectIds.Range)
        for name, limit in (("LowLimit", signal.low_limit), ("HighLimit", signal.high_limit)):
            if limit is not None:
                value = ua.Variant(limit, ua.VariantType.Double)
                self.property(node, name, value, ua.ObjectIds.Double, self.types_index)
        if signal.enumeration:
            texts = [ua.LocalizedText(text) for text in signal.enumeration]
            value = ua.Variant(texts, ua.VariantType.LocalizedText)
            self.property(node, "EnumStrings", value, ua.ObjectIds.LocalizedText)
        if signal.type == "boolean":
            for name, text in (("FalseState", "No"), ("TrueState", "Yes")):
                value = ua.Variant(ua.LocalizedText(text), ua.VariantType.LocalizedText)
                self.property(node, name, value, ua.ObjectIds.LocalizedText)

    def _add(
        self,
        node_id: ua.NodeId,
        parent: ua.NodeId,
        reference: int,
        browse_name: ua.QualifiedName,
        node_class: ua.NodeClass,
        attributes: Any,
        definition: ua.NodeId,
        description: str,
    ) -> ua.NodeId:
        attributes.DisplayName = ua.LocalizedText(browse_name.Name)
        attributes.Description = ua.LocalizedText(description)
        attributes.WriteMask = 0
        attributes.UserWriteMask = 0
        item = ua.AddNodesItem()
        item.ParentNodeId = parent
        item.ReferenceTypeId = ua.NodeId(reference)
        item.RequestedNewNodeId = node_id
        item.BrowseName = browse_name
        item.NodeClass = node_class
        item.NodeAttributes = attributes
        item.TypeDefinition = definition
        self._items.append(item)
        return node_id


def build_line(space: Space) -> dict[str, ua.NodeId]:
    """Types, objects and variables of the line; returns node ids by signal path."""
    objects = ua.NodeId(ua.ObjectIds.ObjectsFolder)
    base = ua.NodeId(ua.ObjectIds.BaseObjectType)
    site = space.object_type("SiteType", base, "ISA-95 site")
    area = space.object_type("AreaType", base, "ISA-95 area")
    line = space.object_type("LineType", base, "ISA-95 production line")
    conveyor = space.object_type("ConveyorType", base, "Buffer between two machines")
    order = space.object_type("OrderType", base, "The job order that runs")
    machine = space.object_type("MachineType", base, "A PackML machine")
    organizes = ua.ObjectIds.Organizes
    space.object(SITE, objects, site, "Site Northfield", reference=organizes)
    space.object(f"{SITE}.{AREA}", space.id(SITE), area, "Bottling hall")
    space.object(LINE, space.id(f"{SITE}.{AREA}"), line, "Bottling line 2")
    for name in MACHINES:
        own = space.object_type(f"{name}Type", machine, f"The {name.lower()}")
        space.object(f"{LINE}.{name}", space.id(LINE), own, f"{name} of line 2")
    for name in CONVEYORS:
        space.object(f"{LINE}.{name}", space.id(LINE), conveyor, f"{name} of line 2")
    space.object(f"{LINE}.Order", space.id(LINE), order, "The job order that runs")
    owners = {LINE: "LineType", f"{LINE}.Order": "OrderType"}
    owners |= {f"{LINE}.{name}": "ConveyorType" for name in CONVEYORS}
    owners |= {f"{LINE}.{name}": f"{name}Type" for name in MACHINES}
    _declare(space, owners)
    return {signal.path: space.signal(signal) for signal in SIGNALS}


def _declare(space: Space, owners: dict[str, str]) -> None:
    """Put each signal into the type that promises it: what all machines have into MachineType."""
    names = [{s.name for s in SIGNALS if s.asset == f"{LINE}.{name}"} for name in MACHINES]
    common = set.intersection(*names)
    declared: set[str] = set()
    for signal in SIGNALS:
        owner = owners[signal.asset]
        if signal.name in common and signal.asset.rpartition(".")[2] in MACHINES:
            owner = "MachineType"
        path = f"{owner}.{signal.name}"
        if path in declared:
            continue
        declared.add(path)
        kind = VARIANT_TYPES[signal.type]
        node = space.variable(
            space.type_id(path), space.type_id(owner), space.type_name(signal.name),
            ua.Variant(_EMPTY[signal.type], kind), kind.value, _definition(signal),
            signal.description,
        )  # fmt: skip
        space.mandatory(node)


def _definition(signal: Signal) -> ua.ObjectIds:
    """The variable type of Part 8 that fits what the signal carries."""
    if signal.enumeration:
        return ua.ObjectIds.MultiStateDiscreteType
    if signal.type == "boolean":
        return ua.ObjectIds.TwoStateDiscreteType
    if signal.unit is None:
        return ua.ObjectIds.BaseDataVariableType
    return ua.ObjectIds.AnalogUnitRangeType


def _information(unit: Unit) -> ua.EUInformation:
    return ua.EUInformation(
        NamespaceUri=_UNITS_URI,
        UnitId=unit_id(unit.code),
        DisplayName=ua.LocalizedText(unit.symbol),
        Description=ua.LocalizedText(unit.name),
    )
