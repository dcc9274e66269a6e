"""From addresses to the nodes of this server, now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.parts.connectors.base import Counters, Wanted
from gemel.parts.connectors.opcua.address import Address, parse
from gemel.parts.connectors.opcua.link import Link, translate

__all__ = ["Resolver", "forward"]

_HIERARCHICAL: Final = 33
_MOST_ROUNDS: Final = 1000


class Resolver:
    """Resolves addresses for one session; what it browsed, it keeps for that long only."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._children: dict[Any, dict[str, Any]] = {}

    async def resolve(self, wanted: Sequence[Wanted], counters: Counters) -> dict[int, Any]:
        """Nodes by position in `wanted`; what leads nowhere goes to `counters.bad_items`."""
        found: dict[int, Any] = {}
        for handle, item in enumerate(wanted):
            try:
                found[handle] = await self.node(parse(item.address))
            except ConfigurationError as error:
                counters.bad_items[item.path] = error.message
        return found

    async def node(self, address: Address) -> Any:
        """The node of an address. Raises `ConfigurationError` if there is none."""
        if not address.steps:
            return address.node_id(self._link.namespaces)
        here = ua.NodeId(ua.ObjectIds.ObjectsFolder)
        for depth, step in enumerate(address.steps):
            children = await self._names_below(here)
            if step not in children:
                place = "/".join(("", *address.steps[:depth])) or "/Objects"
                raise ConfigurationError(
                    f"nothing named '{step}' in '{place}'; {did_you_mean(step, children)}"
                )
            here = children[step]
        return here

    async def _names_below(self, node: Any) -> dict[str, Any]:
        if node not in self._children:
            references = (await forward(self._link, [node]))[0]
            names: dict[str, Any] = {}
            for reference in references:
                names.setdefault(str(reference.BrowseName.Name), reference.NodeId)
            self._children[node] = names
        return self._children[node]


async def forward(link: Link, nodes: Sequence[Any], reference: int = _HIERARCHICAL) -> list[Any]:
    """References of many nodes to what lies below them, each list complete.

    Nodes that cannot be browsed give an empty list.
    """
    found: list[Any] = []
    for start in range(0, len(nodes), link.limits.browse):
        chunk = nodes[start : start + link.limits.browse]
        parameters = ua.BrowseParameters()
        parameters.RequestedMaxReferencesPerNode = 0
        for node in chunk:
            description = ua.BrowseDescription()
            description.NodeId = node
            description.BrowseDirection = ua.BrowseDirection.Forward
            description.ReferenceTypeId = ua.NodeId(reference)
            description.IncludeSubtypes = True
            description.NodeClassMask = 0
            description.ResultMask = ua.BrowseResultMask.All
            parameters.NodesToBrowse.append(description)
        link.requests += 1
        try:
            results = await link.services.browse(parameters)
            lists = [list(result.References or []) for result in results]
            await _continue(link, [result.ContinuationPoint for result in results], lists)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise translate(error) from None
        found += lists
    return found


async def _continue(link: Link, points: list[Any], lists: list[list[Any]]) -> None:
    for _ in range(_MOST_ROUNDS):
        open_rows = [row for row, point in enumerate(points) if point]
        if not open_rows:
            return
        parameters = ua.BrowseNextParameters()
        parameters.ReleaseContinuationPoints = False
        parameters.ContinuationPoints = [points[row] for row in open_rows]
        link.requests += 1
        results = await link.services.browse_next(parameters)
        for row, result in zip(open_rows, results, strict=True):
            lists[row] += result.References or []
            points[row] = result.ContinuationPoint
