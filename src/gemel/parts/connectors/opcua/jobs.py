"""Job orders to a machine: the methods of OPC 10031-4, its list of job orders, its responses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from asyncua import ua
from asyncua.ua import ua_binary

from gemel.core.errors import ConfigurationError, DataError, Unavailable
from gemel.core.job import BEGUN, OVER, STATES, JobCall, JobOrder, JobResponse
from gemel.parts.connectors.base import Outcome
from gemel.parts.connectors.opcua.address import Address, parse
from gemel.parts.connectors.opcua.job_types import (
    JOB_ORDER,
    LISTED,
    RESPONSE,
    JobTypes,
    types_of,
)
from gemel.parts.connectors.opcua.link import Link, status_text, translate
from gemel.parts.connectors.opcua.resolve import Resolver, forward
from gemel.parts.connectors.opcua.structures import decode, encode

__all__ = ["Jobs"]

_WHOLE: Final = ("Store", "StoreAndStart", "Update")
"""Methods that take the job order itself; the others take its id."""
_ASK: Final = "RequestJobResponseByJobOrderID"
_PRODUCED: Final = "Material Produced"
_RETURNED: Final = {
    1: "the machine knows no job order of this id",
    2: "the command is not valid",
    3: "its state does not allow that",
    4: "the machine cannot accept the job order",
    32: "the request is not valid",
}
"""Bits of ReturnStatus (OPC 10031-4, annex B.2); bit 0 is success."""
_NOT_KNOWN: Final = ("BadTimeout", "BadNoCommunication", "BadCommunicationError")


@dataclass(frozen=True, slots=True)
class _Receiver:
    """A receiver of job orders, and who answers for it."""

    owner: Any
    methods: Mapping[str, Any]
    listed: Any = None
    provider: Any = None
    ask: Any = None


@dataclass(slots=True)
class Jobs:
    """Job orders over one connection; objects and types are looked up once."""

    link: Link
    resolver: Resolver
    _types: JobTypes | None = None
    _receivers: dict[str, _Receiver] = field(default_factory=dict)
    _ended: dict[str, dict[str, JobResponse]] = field(default_factory=dict)
    """By receiver what it still lists and has told the end of: that is not asked for again."""

    async def send(self, address: str, text: str) -> Outcome:
        """Make a call. Raises `Unavailable` if it is not known whether the server took it."""
        try:
            call = JobCall.parse(text)
            receiver, types = await self._receiver(address), await self._known()
            method = receiver.methods.get(call.command)
            if method is None:
                known = ", ".join(sorted(receiver.methods)) or "none"
                return Outcome(False, f"the receiver has no method {call.command}; it has {known}")
            first = ua.Variant(call.order.id, ua.VariantType.String)
            if call.command in _WHOLE:
                body = encode(types.known, JOB_ORDER, _plain(call.order))
                first = ua.Variant(
                    ua.ExtensionObject(types.encoding, body), ua.VariantType.ExtensionObject
                )
        except (ConfigurationError, DataError) as error:
            return Outcome(False, str(error))
        said = [ua.LocalizedText(call.comment)] if call.comment else []
        comment = ua.Variant(said, ua.VariantType.LocalizedText, is_array=True)
        result = await self._call(receiver.owner, method, [first, comment])
        name, meaning = status_text(result.StatusCode.value)
        if result.StatusCode.value >> 30 == 2:
            if name in _NOT_KNOWN:
                raise Unavailable(f"{name} ({meaning})")
            return Outcome(False, f"{name} ({meaning})")
        # A business failure is Uncertain or even Good: the returned bits have the last word.
        outputs = result.OutputArguments or []
        if not outputs:
            return Outcome(result.StatusCode.is_good(), f"{name} ({meaning})")
        status = int(outputs[-1].Value or 0)
        return Outcome(True) if status & 1 else Outcome(False, _words(status))

    async def look(
        self, address: str, wanted: Collection[str], over: Collection[str] = ()
    ) -> dict[str, JobResponse]:
        """See `JobReader.jobs`."""
        receiver, types = await self._receiver(address), await self._known()
        found: dict[str, JobResponse] = {}
        wanted, over = frozenset(wanted), frozenset(over)
        [value] = await self.link.read([receiver.listed])
        if not value.StatusCode.is_good():
            raise Unavailable("JobOrderList: {} ({})".format(*status_text(value.StatusCode.value)))
        for item in (value.Value.Value if value.Value is not None else None) or []:
            told = decode(types.known, LISTED, _body(item))
            order = told["JobOrder"]
            state, detail = _state(told["State"])
            found[str(order["JobOrderID"])] = JobResponse(
                str(order["JobOrderID"]), state, detail,
                planned=(order.get("StartTime"), order.get("EndTime")),
            )  # fmt: skip
        if receiver.ask is None:
            return found
        ended = {job: o for job, o in self._ended.get(address, {}).items() if job in found}
        self._ended[address] = ended
        for job in dict.fromkeys([*found, *sorted(wanted)]):
            listed = found.get(job)
            if listed is not None and job in ended and listed.state == ended[job].state:
                found[job] = replace(ended[job], planned=listed.planned)
                continue
            begun = listed is not None and listed.state in BEGUN and job not in over
            if begun or (listed is None and job in wanted):
                response = await self._response(receiver, types, job)
                if response is not None:
                    planned = None if listed is None else listed.planned
                    found[job] = JobResponse(
                        job, response.state or (listed.state if listed else ""), response.detail,
                        response.start, response.end, response.quantity, planned,
                    )  # fmt: skip
                    if listed is not None and response.end and found[job].state in OVER:
                        ended[job] = found[job]
        return found

    async def _response(self, receiver: _Receiver, types: JobTypes, job: str) -> JobResponse | None:
        argument = ua.Variant(job, ua.VariantType.String)
        result = await self._call(receiver.provider, receiver.ask, [argument])
        outputs = result.OutputArguments or []
        if result.StatusCode.value >> 30 == 2 or len(outputs) < 2 or not int(outputs[1].Value) & 1:
            return None
        told = decode(types.known, RESPONSE, _body(outputs[0].Value))
        state, detail = _state(told["JobState"])
        return JobResponse(
            job, state, detail, told.get("StartTime"), told.get("EndTime"),
            _quantity(told.get("MaterialActuals", [])),
        )  # fmt: skip

    async def _call(self, owner: Any, method: Any, arguments: list[Any]) -> Any:
        request = ua.CallRequest()
        wanted = ua.CallMethodRequest()
        wanted.ObjectId, wanted.MethodId, wanted.InputArguments = owner, method, arguments
        request.Parameters.MethodsToCall.append(wanted)
        return (await self.link.call(request, ua.CallResponse)).Results[0]

    async def _known(self) -> JobTypes:
        if self._types is None:
            self._types = await types_of(self.link)
        return self._types

    async def _receiver(self, address: str) -> _Receiver:
        if address not in self._receivers:
            self._receivers[address] = await self._find(parse(address), address)
        return self._receivers[address]

    async def _find(self, address: Address, text: str) -> _Receiver:
        owner = await self.resolver.node(address)
        below = await self._components(owner)
        if "JobOrderList" not in below or not {"Store", "StoreAndStart"} & set(below):
            found = ", ".join(sorted(below)) or "nothing"
            raise ConfigurationError(
                f"{text} is no receiver of job orders: it has no JobOrderList and Store; below it "
                f"is {found}"
            )
        provider, ask = await self._provider(owner, below)
        return _Receiver(owner, below, below["JobOrderList"], provider, ask)

    async def _provider(self, owner: Any, below: Mapping[str, Any]) -> tuple[Any, Any]:
        """Who gives responses, and by which method: the receiver itself, or an object beside it."""
        if _ASK in below:
            return owner, below[_ASK]
        for place in await self._above(owner):
            for other in (await self._components(place)).values():
                if (ask := (await self._components(other)).get(_ASK)) is not None:
                    return other, ask
        return None, None

    async def _components(self, node: Any) -> dict[str, Any]:
        references = (await forward(self.link, [node]))[0]
        return {str(r.BrowseName.Name): r.NodeId for r in references}

    async def _above(self, node: Any) -> list[Any]:
        parameters = ua.BrowseParameters()
        description = ua.BrowseDescription()
        description.NodeId = node
        description.BrowseDirection = ua.BrowseDirection.Inverse
        description.ReferenceTypeId = ua.NodeId(33)
        description.IncludeSubtypes = True
        description.ResultMask = ua.BrowseResultMask.All
        parameters.NodesToBrowse.append(description)
        try:
            [result] = await self.link.services.browse(parameters)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise translate(error) from None
        return [reference.NodeId for reference in result.References or []]


def _plain(order: JobOrder) -> dict[str, Any]:
    """The job order in the words of the specification; what is not known is left out."""
    material: dict[str, Any] = {
        "MaterialDefinitionID": order.work_master, "MaterialUse": _PRODUCED,
    }  # fmt: skip
    if order.quantity is not None:
        material["Quantity"] = f"{order.quantity:.15g}"
    told: dict[str, Any] = {
        "JobOrderID": order.id,
        "WorkMasterID": [{"ID": order.work_master}],
        "StartTime": order.start,
        "EndTime": order.end,
        "EquipmentRequirements": [{"ID": order.equipment}],
        "MaterialRequirements": [material],
    }
    if order.description:
        told["Description"] = [ua.LocalizedText(order.description)]
    if order.priority is not None:
        told["Priority"] = max(-(2**15), min(order.priority, 2**15 - 1))
    if order.work_order:
        value = ua.Variant(order.work_order, ua.VariantType.String)
        told["JobOrderParameters"] = [{"ID": "WorkOrder", "Value": value}]
    return told


def _body(item: Any) -> bytes:
    # Where somebody in this process has registered the type, the library has read it already.
    if isinstance(item, ua.ExtensionObject):
        return bytes(item.Body or b"")
    return bytes(ua_binary.struct_to_binary(item))


def _state(states: list[dict[str, Any]]) -> tuple[Any, str]:
    """The top state, and its text with those below it."""
    texts = [str(one["StateText"].Text or "") for one in states]
    number = int(states[0]["StateNumber"]) if states else 0
    known = STATES[number - 1] if 1 <= number <= len(STATES) else ""
    known = known or next((text for text in texts if text in STATES), "")
    return known, "/".join(text for text in texts if text)


def _quantity(materials: list[dict[str, Any]]) -> float | None:
    """Good parts: what was produced, or the only material that was told."""
    produced = [m for m in materials if "produced" in str(m.get("MaterialUse") or "").lower()]
    chosen = produced or (materials if len(materials) == 1 else [])
    try:
        counts = [float(m["Quantity"]) for m in chosen if m.get("Quantity")]
    except ValueError:
        return None
    return sum(counts) if counts else None


def _words(status: int) -> str:
    known = [text for bit, text in _RETURNED.items() if status >> bit & 1]
    return "; ".join(known) or f"the machine says {status} (ReturnStatus), which is no success"
