"""Models: what learns, which model is champion, and what people say of findings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from gemel.core.errors import ConfigurationError, Unknown, did_you_mean
from gemel.core.event import Event
from gemel.core.time import DAY, isoformat, parse_time, zone
from gemel.doors.api.access import Engineer, Operator, Running, Viewer
from gemel.doors.api.alarms import Reason
from gemel.doors.api.decisions import Approval
from gemel.doors.api.history import plain_event
from gemel.runtime.daemon import Daemon
from gemel.twin.decisions import Promotion
from gemel.twin.learning.labels import Answer, label, observed

router = APIRouter(tags=["models"])

_MOST: Final = 10_000
_STEPS: Final = 100_000
_BACK: Final = 90 * DAY
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_READ: Final = frozenset({"began", "columns", "target", "conditions", "tells"})
"""Of a step, what only lineage tells: a fit may read hundreds of signals."""


class Wanted(BaseModel):
    """A model that is to be champion, whatever comparisons say."""

    model: str = Field(pattern=r"^[0-9a-f]{16}$")
    reason: str = Field(min_length=1, max_length=1_000)


class Because(BaseModel):
    """Why a model is to be fitted again."""

    because: str = Field(
        "",
        max_length=1_000,
        description="What has changed, where scores of a detector have crept up and it is no fault",
    )


class Said(BaseModel):
    """What somebody says of a finding."""

    answer: Answer
    cause: str = Field("", max_length=200)
    note: str = Field("", max_length=1_000)


@router.get("/models")
async def models(daemon: Running, _: Viewer) -> dict[str, Any]:
    """Every task and detector: its model, what stands in shadow, drift; and what is proposed."""
    rooms = daemon.rooms
    steps = await asyncio.to_thread(daemon.store.events, "model", limit=200)
    return {
        "tasks": [learner.report() for learner in rooms.learners.values()],
        "detectors": [watch.report() for watch in rooms.watches.values()],
        "proposals": [plain_promotion(p) for p in rooms.promotions.items()],
        "steps": [
            {"time": isoformat(e.time), "asset": e.subject, "source": e.source,
             **{name: value for name, value in e.payload.items() if name not in _READ}}
            for e in steps
        ],
    }  # fmt: skip


@router.get("/models/lineage")
async def model_lineage(
    daemon: Running,
    _: Viewer,
    task: str | None = None,
    start: str | None = None,
    namespace: Annotated[str | None, Query(max_length=200)] = None,
) -> StreamingResponse:
    """Every fit and every change of champion as run events of OpenLineage, one JSON object in a
    line, in the order in which they became known: of one task or of all, from `start` on. The last
    100,000 steps of models are told; the namespace is the plant's names if none is given."""
    if namespace is not None and not _URI.fullmatch(namespace):
        raise ConfigurationError(f"namespace '{namespace}' is no URI; write e.g. gemel://plant7")
    now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
    first = None if start is None else parse_time(start, local, now)
    lines = await asyncio.to_thread(_lineage, daemon, task, first, namespace)
    name = 'attachment; filename="gemel-lineage.ndjson"'
    return StreamingResponse(
        lines, media_type="application/x-ndjson", headers={"Content-Disposition": name}
    )  # fmt: skip


def _lineage(
    daemon: Daemon, task: str | None, start: int | None, namespace: str | None
) -> Iterator[str]:
    # Here, because it loads the estimators; see live_tasks.
    from gemel.twin.learning.lineage.live import Plantwide, lineage, namespace_of
    from gemel.twin.learning.lineage.openlineage import line
    from gemel.twin.learning.live.registry import Registry

    steps = daemon.store.events("model", limit=_STEPS)
    if task is not None:
        known = {str(e.payload["task"]) for e in steps if "task" in e.payload}
        known |= {*daemon.plan.tasks, *daemon.plan.watches}
        if task not in known:
            raise Unknown(f"no task or detector '{task}'; {did_you_mean(task, known)}")
        steps = [e for e in steps if e.payload.get("task") == task]
    where = namespace or namespace_of(daemon.plan.plant.plant)
    plant = Plantwide(where, daemon.planned, Registry(daemon.folder / "models").size)
    # Not at once: a plant that has fitted on hundreds of signals for years tells gigabytes.
    return (line(event) for event in lineage(steps, plant, start))


@router.get("/forecasts")
async def forecasts(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """How signals will go on, as the champions of forecasts told last: the median, and the interval
    that holds it 90 % of the time, step by step."""
    found = []
    for learner in daemon.rooms.learners.values():
        if learner.continues is not None and (ahead := (learner.last or {}).get("ahead")):
            times = [isoformat(time) for time in ahead["time"]]
            found.append({
                "signal": learner.continues, "task": learner.name,
                "unit": learner.outputs[0].signal.unit,
                **ahead, "time": times,
            })  # fmt: skip
    return found


@router.post("/models/{task}/fit")
async def fit(
    task: str, daemon: Running, actor: Engineer, said: Because | None = None
) -> dict[str, Any]:
    """Fit a task or a detector again now; the model that comes of it goes into shadow."""
    await daemon.rooms.promotions.refit(task, actor, said.because if said else "")
    return _report(daemon, task)


@router.post("/models/{task}/stop")
async def stop(task: str, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """Give up the fit that runs."""
    await daemon.rooms.promotions.stop(task, actor)
    return _report(daemon, task)


@router.post("/models/{task}/champion")
async def champion(task: str, wanted: Wanted, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """Make a model champion without a comparison; the one before is asked beside it."""
    await daemon.rooms.promotions.force(task, wanted.model, actor, wanted.reason)
    return _report(daemon, task)


@router.post("/promotions/{id}/approve")
async def approve(id: str, said: Approval, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """The proposed model becomes champion."""
    return plain_promotion(await daemon.rooms.promotions.approve(id, actor, said.note))


@router.post("/promotions/{id}/decline")
async def decline(id: str, why: Reason, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """The champion stays."""
    return plain_promotion(await daemon.rooms.promotions.decline(id, actor, why.reason))


@router.get("/labels")
async def labels(daemon: Running, _: Viewer) -> dict[str, Any]:
    """What people said of findings, and how often detectors were wrong."""
    now = daemon.clock()
    findings, said = await _findings(daemon, "finding")
    first = {
        watch.name: max(int(watch.model.evidence()["window"][1]), now - _BACK)
        for watch in daemon.rooms.watches.values()
        if watch.model is not None
    }
    # What a task says of pictures, or of faults, is judged from its first finding on: since when it
    # looks is not kept.
    finds = [name for name, learner in daemon.rooms.learners.items() if learner.finds]
    told = {
        name: [e.time for e in findings if e.source == name]
        for name in (*daemon.plan.pictures, *finds)
    }
    first |= {name: min(times) for name, times in told.items() if times}
    return {
        "items": [
            {"time": isoformat(e.time), "known": isoformat(e.known), "asset": e.subject,
             **e.payload}
            for e in said
        ],
        "observed": [o.record() for o in observed(findings, said, first, now)],
        "since": isoformat(now - _BACK),
    }  # fmt: skip


@router.get("/findings")
async def findings(
    daemon: Running,
    _: Viewer,
    start: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> list[dict[str, Any]]:
    """What detectors noticed, the newest first, each with its newest diagnosis."""
    now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
    first = None if start is None else parse_time(start, local, now)

    def read() -> tuple[list[Event], list[Event]]:
        events = daemon.store.events
        return (
            events("finding", start=first, limit=limit),
            events("diagnosis", start=first, limit=4 * limit),
        )

    found, told = await asyncio.to_thread(read)
    # Newest first: of one that had to be told again after a restart, the newest counts.
    of = {e.cause: _diagnosis(e, daemon) for e in reversed(told)}
    return [{**plain_event(e), "diagnosis": of.get(e.supersedes or e.id)} for e in found]


def _diagnosis(event: Event, daemon: Daemon) -> dict[str, Any]:
    """A diagnosis as plain data, with the units of its signals."""
    told = dict(event.payload)
    told["deviations"] = [
        {**d, "unit": s.signal.unit if (s := daemon.planned.get(d["signal"])) else ""}
        for d in told["deviations"]
    ]
    told["alike"] = [{**a, "time": isoformat(a["time"])} for a in told["alike"]]
    for span in ("normal", "case"):
        told[span] = [isoformat(moment) for moment in told[span]]
    return told


@router.post("/findings/{id}/answer")
async def answer(id: str, said: Said, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Say whether a finding was right, wrong, or known and no fault, and what it was."""
    # What a model in shadow noticed is answered as well: by that it is compared.
    findings, labels = await _findings(daemon, "finding", "shadow_finding")
    finding = next((e for e in findings if id in (e.id, e.supersedes)), None)
    if finding is None:
        raise Unknown(f"there is no finding '{id}' in the last {_BACK // DAY} days")
    names = {finding.id, finding.supersedes, id}
    before = next((e for e in labels if e.payload["finding"] in names), None)
    event = label(
        finding, before, said.answer, said.cause, said.note, actor.name, daemon.clock()
    )  # fmt: skip
    daemon.pipeline.emit([event])
    return {"id": event.id, "time": isoformat(event.time), **event.payload}


async def _findings(daemon: Daemon, *kinds: str) -> tuple[list[Event], list[Event]]:
    start = daemon.clock() - _BACK

    def read() -> tuple[list[Event], list[Event]]:
        events = daemon.store.events
        return (
            [e for kind in kinds for e in events(kind, start=start, limit=_MOST)],
            events("label", start=start, limit=_MOST),
        )

    return await asyncio.to_thread(read)


def _report(daemon: Daemon, task: str) -> dict[str, Any]:
    return daemon.rooms.promotions.renewed[task].report()


def plain_promotion(promotion: Promotion) -> dict[str, Any]:
    """A proposal about a model as plain data; times are ISO 8601 text."""
    plain = promotion.report()
    return {**plain, "time": isoformat(promotion.time), "waiting": promotion.state == "waiting"}
