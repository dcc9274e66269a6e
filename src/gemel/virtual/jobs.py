"""ISA-95 Job Control (OPC 10031-4): a receiver of job orders, with responses.

The types are those of the specification, with its numbers, browse names and structures, as far as
a client of job orders sees them; events and the objects of the state machine are left out.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asyncua import Server, ua
from asyncua.common.structures104 import (
    load_data_type_definitions,
    new_struct,
    new_struct_field,
)

JOBS_URI = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
STATES = ("NotAllowedToStart", "AllowedToStart", "Running", "Interrupted", "Ended", "Aborted")
DONE, UNKNOWN, WRONG_STATE, NOT_ACCEPTED = 1, 1 << 1, 1 << 3, 1 << 4
"""Bits of ReturnStatus."""
_BEFORE = ("NotAllowedToStart", "AllowedToStart")
_MOVES = {
    "Start": (_BEFORE[:1], "AllowedToStart"),
    "RevokeStart": (_BEFORE[1:], "NotAllowedToStart"),
    "Pause": (("Running",), "Interrupted"),
    "Resume": (("Interrupted",), "Running"),
    "Stop": (("Running", "Interrupted"), "Ended"),
    "Abort": ((*_BEFORE, "Running", "Interrupted"), "Aborted"),
    "Cancel": (_BEFORE, ""),
    "Clear": (("Ended", "Aborted"), ""),
}
"""From which states to which; '' forgets the job order."""
_OVER, _CALLS = 100, 1_000
_V = ua.VariantType
_OWN = {
    "Property": 3002, "Parameter": 3003, "Equipment": 3005, "State": 3006, "WorkMaster": 3007,
    "JobOrder": 3008, "Material": 3010, "Personnel": 3011, "PhysicalAsset": 3012,
    "JobResponse": 3013, "JobOrderAndState": 3015,
}  # fmt: skip
_TEXTS = ("Description", _V.LocalizedText, True, True)
_UNITS = ("EngineeringUnits", ua.NodeId(ua.ObjectIds.EUInformation), False, True)


def _resource(name: str) -> list[tuple[Any, ...]]:
    return [
        ("ID", _V.String), _TEXTS, (f"{name}Use", _V.String, False, True),
        ("Quantity", _V.String, False, True), _UNITS, ("Properties", "Property", True, True),
    ]  # fmt: skip


_FIELDS: dict[str, list[tuple[Any, ...]]] = {
    "Property": [("ID", _V.String), ("Value", _V.Variant), _TEXTS, _UNITS,
                 ("Subproperties", "Property", True, True)],
    "Parameter": [("ID", _V.String), ("Value", _V.Variant), _TEXTS, _UNITS,
                  ("Subparameters", "Parameter", True, True)],
    "Equipment": _resource("Equipment"), "Personnel": _resource("Personnel"),
    "PhysicalAsset": _resource("PhysicalAsset"),
    "State": [("BrowsePath", ua.NodeId(ua.ObjectIds.RelativePath)),
              ("StateText", _V.LocalizedText), ("StateNumber", _V.UInt32)],
    "WorkMaster": [("ID", _V.String), ("Description", _V.LocalizedText, False, True),
                   ("Parameters", "Parameter", True, True)],
    "Material": [("MaterialClassID", _V.String, False, True),
                 ("MaterialDefinitionID", _V.String, False, True),
                 ("MaterialLotID", _V.String, False, True),
                 ("MaterialSublotID", _V.String, False, True), _TEXTS,
                 ("MaterialUse", _V.String, False, True), ("Quantity", _V.String, False, True),
                 _UNITS, ("Properties", "Property", True, True)],
    "JobOrder": [("JobOrderID", _V.String), _TEXTS, ("WorkMasterID", "WorkMaster", True, True),
                 ("StartTime", _V.DateTime, False, True), ("EndTime", _V.DateTime, False, True),
                 ("Priority", _V.Int16, False, True),
                 ("JobOrderParameters", "Parameter", True, True),
                 ("PersonnelRequirements", "Personnel", True, True),
                 ("EquipmentRequirements", "Equipment", True, True),
                 ("PhysicalAssetRequirements", "PhysicalAsset", True, True),
                 ("MaterialRequirements", "Material", True, True)],
    "JobOrderAndState": [("JobOrder", "JobOrder"), ("State", "State", True)],
    "JobResponse": [("JobResponseID", _V.String), ("Description", _V.LocalizedText, False, True),
                    ("JobOrderID", _V.String), ("StartTime", _V.DateTime, False, True),
                    ("EndTime", _V.DateTime, False, True), ("JobState", "State", True),
                    ("JobResponseData", "Parameter", True, True),
                    ("PersonnelActuals", "Personnel", True, True),
                    ("EquipmentActuals", "Equipment", True, True),
                    ("PhysicalAssetActuals", "PhysicalAsset", True, True),
                    ("MaterialActuals", "Material", True, True)],
}  # fmt: skip


@dataclass(slots=True)
class Job:
    """A job order as the machine has it; `order` is the structure of the specification."""

    order: Any
    state: str
    start: datetime | None = None
    end: datetime | None = None
    good: int | None = None


class JobControl:
    """Receiver of job orders and provider of responses in one namespace of a server.

    now     the machine's clock
    accept  why a job order is not taken; empty if it is
    """

    def __init__(
        self, server: Server, now: Callable[[], datetime] = lambda: datetime.now(UTC),
        accept: Callable[[Any], str] = lambda _: "",
    ) -> None:  # fmt: skip
        self.jobs: dict[str, Job] = {}
        """What is over goes when there are more than 100 of it, the oldest first."""
        self.calls: list[tuple[str, str]] = []
        """The last 1,000 calls as (method, JobOrderID)."""
        self._server, self._now, self._accept = server, now, accept
        self._list: Any = None
        self._told: list[tuple[str, str, int]] = []

    async def build(self, parent: Any, index: int, path: str = "") -> None:
        """Objects `JobOrderControl` and `JobOrderResults` below a node; their ids are of `index`
        and begin with `path`."""
        server = self._server
        own = await server.register_namespace(JOBS_URI)
        # From the last on: the library numbers encodings on from the highest number that is there.
        for name in sorted(_OWN, key=lambda name: -_OWN[name]):
            made = [_field(own, *field) for field in _FIELDS[name]]
            kind = f"ISA95{name}DataType"
            await new_struct(server, ua.NodeId(_OWN[name], own), ua.QualifiedName(kind, own), made)
        await load_data_type_definitions(server, overwrite_existing=True)
        receiver = await parent.add_object(
            ua.NodeId(f"{path}JobOrderControl", index), ua.QualifiedName("JobOrderControl", index)
        )
        listed = ua.Variant([], _V.ExtensionObject, is_array=True)
        self._list = await receiver.add_variable(
            ua.NodeId(f"{path}JobOrderList", index), ua.QualifiedName("JobOrderList", own),
            listed, datatype=ua.NodeId(_OWN["JobOrderAndState"], own),
        )  # fmt: skip
        order, job = _argument("JobOrder", own, "JobOrder"), _argument("JobOrderID")
        said, status = _argument("Comment", array=True), _argument("ReturnStatus")
        for name in ("Store", "StoreAndStart", "Update"):
            await self._method(receiver, own, name, self._whole(name), [order, said], [status])
        for name in _MOVES:
            await self._method(receiver, own, name, self._named(name), [job, said], [status])
        results = await parent.add_object(
            ua.NodeId(f"{path}JobOrderResults", index), ua.QualifiedName("JobOrderResults", index)
        )
        answer = [_argument("JobResponse", own, "JobResponse"), status]
        name = "RequestJobResponseByJobOrderID"
        await self._method(results, own, name, self._respond, [job], answer)

    # What the machine does

    async def follow(
        self, job: str, product: str, work_order: str, good: int, start: datetime
    ) -> None:
        """The machine makes a job order by its own book, sent to it or not; what it made before
        has ended."""
        for name, other in list(self.jobs.items()):
            if other.state == "Running" and name != job:
                await self.end(name)
        if job not in self.jobs:
            order = self.order(job, product, work_order)
            self.jobs[job] = Job(order, "AllowedToStart", start)
        await self.run(job, good)

    async def run(self, job: str, good: int | None = None) -> None:
        """The machine works on a job order, and has made so many."""
        found = self.jobs[job]
        if found.state == "AllowedToStart":
            found.state, found.start = "Running", found.start or self._now()
        found.good = good if good is not None else found.good
        await self.publish()

    async def end(self, job: str) -> None:
        """The machine is done with it."""
        self.jobs[job].state, self.jobs[job].end = "Ended", self._now()
        await self.publish()

    async def publish(self) -> None:
        """Let clients see the list of job orders, if it has changed."""
        over = [name for name, job in self.jobs.items() if job.state in ("Ended", "Aborted")]
        for name in over[:-_OVER]:
            del self.jobs[name]
        told = [(name, job.state, id(job.order)) for name, job in self.jobs.items()]
        if told != self._told:
            self._told = told
            listed = [
                self._made("JobOrderAndState", JobOrder=job.order, State=[self._state(job.state)])
                for job in self.jobs.values()
            ]
            value = ua.DataValue(ua.Variant(listed, _V.ExtensionObject, is_array=True))
            await self._server.write_attribute_value(self._list.nodeid, value)

    def order(self, job: str, product: str, work_order: str) -> Any:
        """A job order that nobody has sent: the machine had it before."""
        value = ua.Variant(work_order, _V.String)
        return self._made(
            "JobOrder", JobOrderID=job, WorkMasterID=[self._made("WorkMaster", ID=product)],
            JobOrderParameters=[self._made("Parameter", ID="WorkOrder", Value=value)],
        )  # fmt: skip

    # What clients call

    def _called(self, method: str, job: str) -> None:
        self.calls = [*self.calls[1 - _CALLS :], (method, job)]

    def _whole(self, name: str) -> Callable[..., Awaitable[list[ua.Variant]]]:
        async def call(_: ua.NodeId, told: ua.Variant, __: ua.Variant) -> list[ua.Variant]:
            order = told.Value
            job = str(order.JobOrderID)
            self._called(name, job)
            known = self.jobs.get(job)
            if name == "Update":
                if known is None:
                    return _status(UNKNOWN)
                if known.state not in _BEFORE:
                    return _status(WRONG_STATE)
            elif known is not None or not job:
                return _status(NOT_ACCEPTED)
            if self._accept(order):
                return _status(NOT_ACCEPTED)
            if known is not None:
                known.order = order
            else:
                self.jobs[job] = Job(order, _BEFORE[name == "StoreAndStart"])
            await self.publish()
            return _status(DONE)

        return call

    def _named(self, name: str) -> Callable[..., Awaitable[list[ua.Variant]]]:
        async def call(_: ua.NodeId, job: ua.Variant, __: ua.Variant) -> list[ua.Variant]:
            self._called(name, str(job.Value))
            known, (before, after) = self.jobs.get(str(job.Value)), _MOVES[name]
            if known is None:
                return _status(UNKNOWN)
            if known.state not in before:
                return _status(WRONG_STATE)
            if not after:
                del self.jobs[str(job.Value)]
            else:
                known.state = after
                known.end = self._now() if after in ("Ended", "Aborted") else None
            await self.publish()
            return _status(DONE)

        return call

    async def _respond(self, _: ua.NodeId, job: ua.Variant) -> list[ua.Variant]:
        known = self.jobs.get(str(job.Value))
        if known is None:
            return [ua.Variant(None, _V.ExtensionObject), *_status(UNKNOWN)]
        optional: dict[str, Any] = {}
        if known.good is not None:
            optional["MaterialActuals"] = [
                self._made("Material", MaterialUse="Material Produced", Quantity=str(known.good))
            ]
        times = {"StartTime": known.start, "EndTime": known.end}
        optional |= {name: time for name, time in times.items() if time is not None}
        told = self._made(
            "JobResponse", JobResponseID=f"{job.Value}/response", JobOrderID=str(job.Value),
            JobState=[self._state(known.state)], **optional,
        )  # fmt: skip
        return [ua.Variant(told, _V.ExtensionObject), *_status(DONE)]

    def _state(self, state: str) -> Any:
        return self._made(
            "State", BrowsePath=ua.RelativePath(), StateText=ua.LocalizedText(state),
            StateNumber=STATES.index(state) + 1,
        )  # fmt: skip

    @staticmethod
    def _made(name: str, **fields: Any) -> Any:
        made = getattr(ua, f"ISA95{name}DataType")()
        optional = [field[0] for field in _FIELDS[name] if len(field) > 3 and field[3]]
        for field, value in fields.items():
            setattr(made, field, value)
        if optional:
            made.Encoding = sum(1 << n for n, field in enumerate(optional) if field in fields)
        return made

    @staticmethod
    async def _method(
        owner: Any, index: int, name: str, call: Callable[..., Any],
        inputs: Sequence[ua.Argument], outputs: Sequence[ua.Argument],
    ) -> None:  # fmt: skip
        node = ua.NodeId(f"{owner.nodeid.Identifier}.{name}", owner.nodeid.NamespaceIndex)
        await owner.add_method(
            node, ua.QualifiedName(name, index), call, list(inputs), list(outputs)
        )


def _field(
    index: int, name: str, kind: Any, array: bool = False, optional: bool = False
) -> ua.StructureField:
    kind = ua.NodeId(_OWN[kind], index) if isinstance(kind, str) else kind
    return new_struct_field(name, kind, array, optional)


def _argument(name: str, index: int = 0, kind: str = "", array: bool = False) -> ua.Argument:
    argument = ua.Argument()
    argument.Name = name
    plain = {"JobOrderID": 12, "ReturnStatus": 9, "Comment": 21}
    argument.DataType = ua.NodeId(_OWN[kind], index) if kind else ua.NodeId(plain[name])
    argument.ValueRank = 1 if array else -1
    return argument


def _status(bits: int) -> list[ua.Variant]:
    return [ua.Variant(bits, _V.UInt64)]
