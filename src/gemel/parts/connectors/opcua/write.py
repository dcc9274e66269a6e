"""Writing one value: with the node's own type, within its range, and with the server's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua

from gemel.core.errors import ConfigurationError, DataError, Unavailable
from gemel.parts.connectors.base import JOBS, Outcome, Write
from gemel.parts.connectors.opcua.address import parse
from gemel.parts.connectors.opcua.jobs import Jobs
from gemel.parts.connectors.opcua.link import Link, status_text, translate
from gemel.parts.connectors.opcua.resolve import Resolver, forward

__all__ = ["Writer"]

_PROPERTY: Final = 46
_INTEGERS: Final = {
    "SByte": (-(2**7), 2**7 - 1), "Byte": (0, 2**8 - 1),
    "Int16": (-(2**15), 2**15 - 1), "UInt16": (0, 2**16 - 1),
    "Int32": (-(2**31), 2**31 - 1), "UInt32": (0, 2**32 - 1),
    "Int64": (-(2**63), 2**63 - 1), "UInt64": (0, 2**64 - 1),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Target:
    node: Any
    type: Any
    low: float | None = None
    high: float | None = None
    owner: Any = None
    """The object of a method; None for a variable."""


class Writer:
    """Writes for one session; the type and range of a node are asked once."""

    def __init__(self, link: Link, resolver: Resolver) -> None:
        self._link = link
        self._resolver = resolver
        self._targets: dict[str, _Target] = {}
        self.jobs = Jobs(link, resolver)

    async def write(self, write: Write) -> Outcome:
        """The server's answer. Raises `Unavailable` if it is not known whether it got the value."""
        if write.address.endswith(JOBS):
            return await self.jobs.send(write.address.removesuffix(JOBS), str(write.value))
        try:
            target = self._targets.get(write.address) or await self._look_up(write.address)
            value = _fit(write.value, target)
        except (ConfigurationError, DataError) as error:
            return Outcome(False, str(error))
        self._targets[write.address] = target
        variant = ua.Variant(value, target.type)
        if target.owner is not None:
            return await self._call(target, variant)
        request = ua.WriteRequest()
        item = ua.WriteValue()
        item.NodeId = target.node
        item.AttributeId = ua.AttributeIds.Value
        # Value alone: many servers refuse to have status or timestamps written.
        item.Value = ua.DataValue(variant)
        item.Value.StatusCode = None
        request.Parameters.NodesToWrite.append(item)
        try:
            answer = await self._link.call(request, ua.WriteResponse)
        except ConfigurationError as error:
            return Outcome(False, error.message)
        return _outcome(answer.Results[0])

    async def _call(self, target: _Target, argument: Any) -> Outcome:
        request = ua.CallRequest()
        method = ua.CallMethodRequest()
        method.ObjectId = target.owner
        method.MethodId = target.node
        method.InputArguments = [argument]
        request.Parameters.MethodsToCall.append(method)
        try:
            answer = await self._link.call(request, ua.CallResponse)
        except ConfigurationError as error:
            return Outcome(False, error.message)
        return _outcome(answer.Results[0].StatusCode)

    async def _look_up(self, address: str) -> _Target:
        parsed = parse(address)
        node = await self._resolver.node(parsed)
        properties = {
            str(reference.BrowseName.Name): reference.NodeId
            for reference in (await forward(self._link, [node], _PROPERTY))[0]
        }
        if parsed.call:
            return await self._look_up_method(address, node, properties)
        [data_type] = await self._link.read([node], ua.AttributeIds.DataType)
        if not data_type.StatusCode.is_good():
            name, text = status_text(data_type.StatusCode.value)
            raise ConfigurationError(f"{address}: {name} ({text})")
        [current] = await self._link.read([node])
        kind = _variant_type(data_type.Value.Value)
        if kind is None and current.Value is not None:
            kind = current.Value.VariantType
        if kind is None or (current.Value is not None and current.Value.is_array):
            raise ConfigurationError(f"{address}: only single values can be written")
        low, high = None, None
        if "EURange" in properties:
            [found] = await self._link.read([properties["EURange"]])
            bounds = found.Value.Value if found.Value is not None else None
            if bounds is not None and bounds.Low < bounds.High:
                low, high = float(bounds.Low), float(bounds.High)
        return _Target(node, kind, low, high)

    async def _look_up_method(self, address: str, node: Any, properties: dict[str, Any]) -> _Target:
        arguments: list[Any] = []
        if "InputArguments" in properties:
            [found] = await self._link.read([properties["InputArguments"]])
            arguments = list(found.Value.Value or []) if found.Value is not None else []
        if len(arguments) != 1:
            raise ConfigurationError(f"{address}: takes {len(arguments)} arguments, must take 1")
        kind = _variant_type(arguments[0].DataType)
        if kind is None:
            raise ConfigurationError(f"{address}: its argument is no simple value")
        parameters = ua.BrowseParameters()
        description = ua.BrowseDescription()
        description.NodeId = node
        description.BrowseDirection = ua.BrowseDirection.Inverse
        description.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HasComponent)
        description.IncludeSubtypes = True
        description.ResultMask = ua.BrowseResultMask.All
        parameters.NodesToBrowse.append(description)
        try:
            [result] = await self._link.services.browse(parameters)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise translate(error) from None
        if not result.References:
            raise ConfigurationError(f"{address}: belongs to no object, so it cannot be called")
        return _Target(node, kind, owner=result.References[0].NodeId)


def _variant_type(data_type: Any) -> Any:
    """The built-in type of a standard DataType; None if it is derived from one."""
    if data_type.NamespaceIndex != 0 or not isinstance(data_type.Identifier, int):
        return None
    return ua.VariantType(data_type.Identifier) if 1 <= data_type.Identifier <= 13 else None


def _fit(value: float | str | bool, target: _Target) -> Any:
    """The value in the node's type. Raises `DataError` if it does not fit."""
    name = target.type.name
    if name == "String":
        return str(value)
    if isinstance(value, str):
        raise DataError(f"BadTypeMismatch: '{value}' is text, the node takes {name}")
    if name == "Boolean":
        if value not in (0, 1):
            raise DataError(f"BadTypeMismatch: {value!r} is not true or false")
        return bool(value)
    number = float(value)
    low, high = target.low, target.high
    if low is not None and high is not None and not low <= number <= high:
        raise DataError(
            f"BadOutOfRange: {number:g} is outside the node's range {low:g} to {high:g}"
        )
    if name in _INTEGERS:
        least, most = _INTEGERS[name]
        if not number.is_integer() or not least <= number <= most:
            raise DataError(f"BadTypeMismatch: {number:g} is not an {name}")
        return int(number)
    if name in ("Float", "Double"):
        return number
    raise DataError(f"BadTypeMismatch: a {name} cannot be written")


def _outcome(status: Any) -> Outcome:
    if status.is_good():
        return Outcome(True)
    name, text = status_text(status.value)
    if name in ("BadTimeout", "BadNoCommunication", "BadCommunicationError"):
        # The server cannot say whether the device behind it took the value.
        raise Unavailable(f"{name} ({text})")
    return Outcome(False, f"{name} ({text})")
