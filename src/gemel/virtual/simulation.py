"""The object Objects/Simulation: what only a virtual plant has.

Its methods break and repair machines and cut the network; its variables tell a test how much was
produced and what time it is in there.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncua import Server, ua

from gemel.virtual.space import Method, Parameter, Space

NAME = "Simulation"
_STRING = ua.ObjectIds.String
_DOUBLE = ua.ObjectIds.Double
_KIND = Parameter("kind", _STRING, "Kind of fault, e.g. filler_valve")
_ASSET = Parameter("asset", _STRING, "Machine (Filler) or sensor (Filler.FillLevel)")
_SEVERITY = Parameter("severity", _DOUBLE, "Strength; 1 is typical")
_SECONDS = Parameter("seconds", _DOUBLE, "Simulated seconds without network")


def arguments(parameters: Sequence[Parameter], given: Sequence[ua.Variant]) -> ua.StatusCode:
    """Whether a method call has the right number and types of arguments (Part 4, 5.11.2)."""
    if len(given) < len(parameters):
        return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
    if len(given) > len(parameters):
        return ua.StatusCode(ua.StatusCodes.BadTooManyArguments)
    for parameter, variant in zip(parameters, given, strict=True):
        if variant.is_array or variant.VariantType.value != parameter.type:
            return ua.StatusCode(ua.StatusCodes.BadTypeMismatch)
    return ua.StatusCode()


def checked_method(parameters: Sequence[Parameter], call: Callable[..., ua.StatusCode]) -> Method:
    """A method as the server wants it: arguments are checked, `call` gets plain values."""

    async def method(parent: ua.NodeId, *given: ua.Variant) -> ua.StatusCode:
        del parent
        status = arguments(parameters, given)
        return status if status.is_bad() else call(*(variant.Value for variant in given))

    return method


def build_simulation(
    space: Space,
    scenario: str,
    seed: int,
    inject: Callable[[str, str, float], ua.StatusCode],
    clear: Callable[[str, str], ua.StatusCode],
    cut_off: Callable[[float], ua.StatusCode],
) -> None:
    """The object with its methods and variables."""
    space.object(
        NAME, ua.NodeId(ua.ObjectIds.ObjectsFolder), ua.NodeId(ua.ObjectIds.BaseObjectType),
        "Faults, network cuts and counts of the virtual plant", reference=ua.ObjectIds.Organizes,
    )  # fmt: skip
    for name, parameters, call, text in (
        ("InjectFault", (_KIND, _ASSET, _SEVERITY), inject, "Break something"),
        ("ClearFault", (_KIND, _ASSET), clear, "Repair it"),
        ("CutOff", (_SECONDS,), cut_off, "Close all connections; the line runs on"),
    ):
        space.method(f"{NAME}.{name}", parameters, checked_method(parameters, call), text)
    for name, value, kind, text in (
        ("ProducedSamples", 0, ua.VariantType.UInt64, "Values produced since the start"),
        ("SimulatedTime", datetime(1970, 1, 1, tzinfo=UTC), ua.VariantType.DateTime, "Its clock"),
        ("ActiveFaults", "", ua.VariantType.String, "Faults that are there now"),
        ("Scenario", scenario, ua.VariantType.String, "What happens"),
        ("Seed", seed, ua.VariantType.Int64, "Same seed, same line"),
    ):
        space.variable(
            space.id(f"{NAME}.{name}"), space.id(NAME), space.line_name(name),
            ua.Variant(value, kind), kind.value, description=text,
        )  # fmt: skip


async def show(server: Server, space: Space, values: dict[str, Any]) -> None:
    """Bring the object's variables up to date; these are about the plant and are not counted."""
    now = datetime.now(UTC)
    for name, variant in values.items():
        await server.iserver.aspace.write_attribute_value(
            space.id(f"{NAME}.{name}"),
            ua.AttributeIds.Value,
            ua.DataValue(variant, SourceTimestamp=now, ServerTimestamp=now),
        )
