"""A bounded walk through a server: objects, and the variables below them.

Needs no more than the right to browse and read. Goes level by level, in batches, with a pause after
each request, and stops at a number of nodes; what it asked is counted in `Link.requests`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import ua

from gemel.parts.connectors.opcua.link import Link
from gemel.parts.connectors.opcua.resolve import forward

__all__ = ["Object", "Variable", "Walk", "walk"]

_PAUSE_S: Final = 0.005
_DEEPEST: Final = 12
_MOST_NODES: Final = 50_000
_PROPERTY, _SUBTYPE, _EVENT_SOURCE, _NOTIFIER = 46, 45, 36, 48
_SKIPPED_REFERENCES: Final = frozenset({_PROPERTY, _SUBTYPE, _EVENT_SOURCE, _NOTIFIER})
_CLUTTER: Final = frozenset(
    {
        "Server", "Aliases", "TagVariables", "Topics", "NetworkSet", "DeviceTopology",
        "DeviceFeatures", "MethodSet", "Lock", "FileSystem", "HA Configuration",
        "HAConfiguration", "ServerDiagnostics", "TypeDictionaries", "TypeDictionary", "Resources",
        "Dictionaries", "InterfaceTypes", "Quantities", "PubSub", "PublishSubscribe",
        "SoftwareUpdate", "TransferServices", "ConnectionPoint", "ProtocolSupport",
        "DocumentationFiles",
    }
)  # fmt: skip
_CLUTTER_AT_THE_TOP: Final = frozenset(
    {"Diagnostics", "DiagnosticInfo", "Types", "Views", "Locations", "Trace", "Logs"}
)
"""Below a machine these names may hold what its condition shows."""


@dataclass(slots=True, eq=False)
class Object:
    """An object or folder on the way."""

    node: Any
    name: str
    title: str
    parent: Object | None
    type_node: Any
    depth: int
    type_name: str = ""
    type_uri: str = ""

    def chain(self) -> list[Object]:
        """This object and those above it, the topmost first; Objects itself is not among them."""
        found: list[Object] = []
        here: Object | None = self
        while here is not None and here.parent is not None:
            found.append(here)
            here = here.parent
        return found[::-1]


@dataclass(slots=True, eq=False)
class Variable:
    """A variable that may be a signal."""

    node: Any
    name: str
    title: str
    parent: Object
    type_number: int
    """Number of a standard variable type, -1 for another one."""
    uri: str = ""


@dataclass(slots=True)
class Walk:
    """What was met."""

    objects: list[Object] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    nodes: int = 0
    skipped: list[str] = field(default_factory=list)
    truncated: bool = False


async def walk(
    link: Link,
    tell: Callable[[str], Awaitable[None]],
    most_nodes: int = _MOST_NODES,
    deepest: int = _DEEPEST,
) -> Walk:
    """Everything below Objects that may belong to a machine; each node under its first parent."""
    root = Object(ua.NodeId(ua.ObjectIds.ObjectsFolder), "Objects", "Objects", None, None, 0)
    found = Walk()
    seen: set[Any] = {root.node}
    level: list[Object] = [root]
    while level and not found.truncated:
        following: list[Object] = []
        for start in range(0, len(level), link.limits.browse):
            parents = level[start : start + link.limits.browse]
            lists = await forward(link, [parent.node for parent in parents])
            await asyncio.sleep(_PAUSE_S)
            for parent, references in zip(parents, lists, strict=True):
                for reference in references:
                    if found.nodes >= most_nodes:
                        found.truncated = True
                        break
                    _meet(reference, parent, found, seen, following)
        if level[0].depth + 1 >= deepest and following:
            found.truncated = True
        level = following
        await tell(f"{found.nodes} nodes, {len(found.variables)} variables")
    await _name_types(link, found)
    return found


def _meet(
    reference: Any,
    parent: Object,
    found: Walk,
    seen: set[Any],
    following: list[Object],
) -> None:
    kind = reference.ReferenceTypeId
    if kind.NamespaceIndex == 0 and kind.Identifier in _SKIPPED_REFERENCES:
        return
    node = ua.NodeId(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex)
    if node in seen:
        return
    seen.add(node)
    found.nodes += 1
    name = str(reference.BrowseName.Name or "")
    title = str(reference.DisplayName.Text or "") or name
    if reference.NodeClass == ua.NodeClass.Object:
        if name in _CLUTTER or (parent.depth <= 1 and name in _CLUTTER_AT_THE_TOP):
            found.skipped.append(name)
            return
        made = Object(node, name, title, parent, reference.TypeDefinition, parent.depth + 1)
        found.objects.append(made)
        following.append(made)
    elif reference.NodeClass == ua.NodeClass.Variable:
        definition = reference.TypeDefinition
        standard = definition.NamespaceIndex == 0 and isinstance(definition.Identifier, int)
        number = int(definition.Identifier) if standard else -1
        found.variables.append(Variable(node, name, title, parent, number))


async def _name_types(link: Link, found: Walk) -> None:
    """Read the names of the types that objects have, each once."""
    types: dict[Any, list[Object]] = {}
    for item in found.objects:
        node = ua.NodeId(item.type_node.Identifier, item.type_node.NamespaceIndex)
        if not node.is_null():
            types.setdefault(node, []).append(item)
    nodes: Sequence[Any] = list(types)
    names = await link.read(nodes, ua.AttributeIds.BrowseName)
    for node, name in zip(nodes, names, strict=True):
        if name.Value is None or name.Value.Value is None:
            continue
        for item in types[node]:
            item.type_name = str(name.Value.Value.Name or "")
            if node.NamespaceIndex < len(link.namespaces):
                item.type_uri = link.namespaces[node.NamespaceIndex]
