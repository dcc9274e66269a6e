"""Experiments with lines of the plant file: asked, followed, ended, continued, compared."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from gemel.core.errors import ConfigurationError, Unknown
from gemel.core.time import SECOND, Duration, isoformat
from gemel.doors.api.access import Operator, Running, Viewer
from gemel.doors.plain import plain
from gemel.runtime.daemon import Daemon
from gemel.runtime.experimenting import Held
from gemel.runtime.yaml12 import parse

router = APIRouter(tags=["planning"])

_FILES = {"what-if": "what-if.yaml", "results": "results.json"}


class ExperimentAsked(BaseModel):
    """What is to be found out of a line."""

    kind: Literal["best", "sweep", "design"] = Field(
        "best", description="Choose the best, a sweep, or a line that does not exist yet"
    )
    title: str = Field("", max_length=200, description="For people")
    tries: list[str] = Field(
        [], max_length=200, description="Alternatives, e.g. 'filler.time*0.95, capper.servers=2'"
    )
    experiment: dict[str, Any] = Field(
        {}, description="What a file for `gemel whatif` says, without its line and where it begins"
    )
    text: str = Field(
        "", max_length=1_000_000, description="The same as YAML; its line is left out, but of a "
        "design, and so is its start"
    )  # fmt: skip
    name: str = Field(
        "text", max_length=200, description="Of the file that `text` is; errors name it"
    )
    layouts: list[str] = Field(
        [], max_length=50, description="Alternatives that are another layout: names of `files`, or "
        "of other lines of the plant file"
    )  # fmt: skip
    files: dict[str, Annotated[str, Field(max_length=400_000)]] = Field(
        {}, max_length=50, description="Texts of files of lines, by the names with which `layouts` "
        "and `line` name them"
    )  # fmt: skip
    now: bool = Field(False, description="Begin with what stands in the line now; else empty")
    repairs: dict[str, str] = Field(
        {}, max_length=100, description="How long the repair of a station still takes, e.g. '2 h'"
    )
    within: Duration | None = Field(
        None, gt=0, description="It is ended after so long, e.g. '10 min'; never if not given"
    )


class GoingOn(BaseModel):
    """How long one that was ended may go on."""

    within: Duration | None = Field(None, gt=0, description="As before if not given")
    most: int | None = Field(
        None, ge=2, le=1_000_000, description="Replications that each alternative may have "
        "altogether; needed where those it had are spent"
    )  # fmt: skip


@router.get("/experiments")
async def experiments(daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """The experiments of all lines, the newest first, without their results."""
    return [_told(held) for held in daemon.experimenting.of()]


@router.get("/lines/{name}/experiments")
async def of_line(name: str, daemon: Running, _: Viewer) -> list[dict[str, Any]]:
    """The experiments of a line, the newest first, without their results."""
    return [_told(held) for held in daemon.experimenting.of(name)]


@router.post("/lines/{name}/experiments")
async def begin(
    name: str, asked: ExperimentAsked, daemon: Running, actor: Operator
) -> dict[str, Any]:
    """Ask one. It is played beside the twin as soon as those before it are over."""
    held = await daemon.experimenting.begin(
        name, asked.kind, actor.name, _merged(asked), [t for t in asked.tries if t.strip()],
        title=asked.title, now=asked.now, repairs=asked.repairs,
        within_s=_seconds(asked.within), layouts=asked.layouts, files=asked.files,
    )  # fmt: skip
    return _whole(held)


@router.get("/lines/{name}/experiments/compared")
async def compared(
    name: str, daemon: Running, _: Viewer,
    number: Annotated[list[int], Query(min_length=2, max_length=10)],
) -> dict[str, Any]:  # fmt: skip
    """Two or more of one kind beside each other: what scenarios of the others differ by from those
    of the first, or the effects of all."""
    found = [daemon.experimenting.one(name, n) for n in dict.fromkeys(number)]
    if len(found) < 2:
        raise ConfigurationError("two different experiments are compared")
    if len({held.kind for held in found}) > 1:
        raise ConfigurationError(
            "a sweep, a choice of the best and a new line cannot be compared with each other"
        )
    told = [_told(held) for held in found]
    if found[0].kind == "sweep":
        return {"kind": "sweep", "experiments": told, **_effects(found)}
    if found[0].kind == "design":
        return {"kind": "design", "experiments": [_whole(held) for held in found], "others": []}
    others = await asyncio.to_thread(_beside, daemon, found)
    return {"kind": "best", "experiments": told, "others": plain(others)}


@router.get("/lines/{name}/experiments/{number}")
async def one(name: str, number: int, daemon: Running, _: Viewer) -> dict[str, Any]:
    """One, with how far it is and what it says so far."""
    return _whole(daemon.experimenting.one(name, number))


@router.get("/lines/{name}/experiments/{number}/file/{which}")
async def file(
    name: str, number: int, which: Literal["what-if", "results"], daemon: Running, _: Viewer
) -> Response:
    """What `gemel whatif` takes, to do the same; or every replication, for
    `gemel whatif compare`."""
    held = daemon.experimenting.one(name, number)
    path = daemon.experimenting.folder(held) / _FILES[which]
    if not path.exists():
        raise Unknown(f"experiment {number} has no such file" + _why(held, which))
    known = "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{name}-{number}")
    return FileResponse(path, filename=f"{known}-{path.name}", media_type="text/plain")


@router.post("/lines/{name}/experiments/{number}/stop")
async def stop(name: str, number: int, daemon: Running, _: Operator) -> dict[str, Any]:
    """End it; everything that is finished is kept."""
    held = daemon.experimenting.one(name, number)
    await daemon.experimenting.stop(held)
    return _whole(held)


@router.post("/lines/{name}/experiments/{number}/continue")
async def go_on(
    name: str, number: int, asked: GoingOn, daemon: Running, _: Operator
) -> dict[str, Any]:
    """Let one that was ended go on from what is finished; with `most`, one whose replications are
    spent, too."""
    held = daemon.experimenting.one(name, number)
    await daemon.experimenting.go_on(held, _seconds(asked.within), asked.most)
    return _whole(held)


@router.delete("/lines/{name}/experiments/{number}")
async def delete(name: str, number: int, daemon: Running, actor: Operator) -> dict[str, Any]:
    """Remove one, with its results: one's own, or as an engineer anybody's."""
    held = daemon.experimenting.one(name, number)
    if held.by != actor.name:
        actor.must("engineer")
    await daemon.experimenting.delete(held)
    return {}


def _merged(asked: ExperimentAsked) -> dict[str, Any]:
    """What a text says, and what is said beside it, which goes first."""
    found = _read(asked) if asked.text.strip() else {}
    if isinstance(play := found.get("play"), dict):
        found["play"] = {k: v for k, v in play.items() if k != "start"}
        if isinstance(mine := asked.experiment.get("play"), dict):
            found["play"] |= mine
    said = {k: v for k, v in asked.experiment.items() if k != "play" or k not in found}
    if isinstance(new := found.get("new"), dict) and isinstance(said.get("new"), dict):
        said["new"] = {**new, **said["new"]}
    return {**found, **said}


def _read(asked: ExperimentAsked) -> dict[str, Any]:
    """What the text says; lines in it are told at their place when they are wrong."""
    document = parse(asked.text, asked.name)
    if not isinstance(document.data, dict):
        raise ConfigurationError("an experiment says e.g. 'objective: lead_time_s'", asked.name)
    if "stations" in document.data:
        raise ConfigurationError(
            "is a line; as another layout it is one of `files`, and an experiment says what is "
            "tried", asked.name,
        )  # fmt: skip
    from gemel.runtime.experiments import check_lines  # compiled

    left_out: tuple[str, ...] = ("format",)
    if asked.kind != "design":
        left_out = ("line", "new", *left_out)
    kept = {key: value for key, value in document.data.items() if key not in left_out}
    check_lines(replace(document, data=kept))
    return kept


def _seconds(within: int | None) -> float | None:
    return None if within is None else within / SECOND


def _told(held: Held) -> dict[str, Any]:
    record = held.record or {}
    return {
        "number": held.number, "line": held.line, "kind": held.kind, "title": held.title,
        "by": held.by, "made": isoformat(held.made), "plan": held.plan,
        "from": "an empty line" if held.parts is None else "the line as it was",
        "parts_at_start": held.parts, "remarks": list(held.remarks), "state": held.state,
        "restarted": held.restarted, "trouble": held.trouble,
        "ended": isoformat(held.ended) if held.ended else None, "within_s": held.within_s,
        "played_s": held.played_s, "progress": held.progress,
        "sentence": record.get("sentence", ""), "certain": record.get("certain"),
        "objective": record.get("objective", ""), "spent": held.spent,
    }  # fmt: skip


def _whole(held: Held) -> dict[str, Any]:
    return _told(held) | {"result": held.record}


def _why(held: Held, which: str) -> str:
    if which == "what-if":
        return ""
    return (
        "; a sweep keeps Parquet files in the data folder"
        if held.kind == "sweep" else " yet; nothing is finished"
    )  # fmt: skip


def _beside(daemon: Daemon, found: list[Held]) -> list[dict[str, Any]]:
    from gemel.runtime.experiments import read_kept, side_by_side  # compiled

    paths: list[Path] = [daemon.experimenting.folder(held) / "results.json" for held in found]
    for held, path in zip(found, paths, strict=True):
        if not path.exists():
            raise Unknown(f"of experiment {held.number} nothing is finished yet")
    first, *others = [read_kept(path) for path in paths]
    return [
        {"number": held.number, **side_by_side(first, other)}
        for held, other in zip(found[1:], others, strict=True)
    ]


def _effects(found: list[Held]) -> dict[str, Any]:
    for held in found:
        if not (held.record or {}).get("effects"):
            raise Unknown(f"of experiment {held.number} no effects are known yet")
    records = [held.record or {} for held in found]
    told = [{row["term"]: row for row in record["effects"]} for record in records]
    terms = list(dict.fromkeys(term for rows in told for term in rows))
    first = records[0]["protocol"]
    return {
        "effects": [
            {"term": term, "told": [_effect(rows.get(term)) for rows in told]} for term in terms
        ],
        "others": [
            {
                "number": held.number,
                "differing": sorted(k for k in first if first[k] != record["protocol"].get(k)),
            }
            for held, record in zip(found[1:], records[1:], strict=True)
        ],
    }


def _effect(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {k: row[k] for k in ("value", "low", "high", "known")}
