"""The plant file: read, try, replace, and the way back."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gemel.core.errors import Refused
from gemel.doors.api.access import Engineer, Running, Viewer
from gemel.runtime.configuration import Advice, check

router = APIRouter(tags=["plant file"])


class Text(BaseModel):
    """A plant file's text."""

    text: str = Field(max_length=20_000_000)


class Replacement(Text):
    """A new text, for the file with this hash."""

    hash: str


@router.get("/plant-file")
async def plant_file(daemon: Running, _: Viewer) -> dict[str, Any]:
    """Text, hash and problems; `former` are the versions that were replaced, newest first."""
    path = daemon.plan.path
    text = await asyncio.to_thread(path.read_text, encoding="utf-8")
    problems = await asyncio.to_thread(_check, text, path)
    former = await asyncio.to_thread(_former, daemon.folder)
    return {
        "path": path.name,
        "text": text,
        "hash": _hash(text),
        "running": daemon.plan.hash,
        "problems": problems,
        "former": former,
    }


@router.post("/plant-file/check")
async def try_text(wanted: Text, daemon: Running, _: Viewer) -> dict[str, Any]:
    """What `gemel check` says of a text; nothing is changed."""
    return {"problems": await asyncio.to_thread(_check, wanted.text, daemon.plan.path)}


@router.put("/plant-file")
async def replace(
    wanted: Replacement, request: Request, daemon: Running, actor: Engineer
) -> dict[str, Any]:
    """Replace the file, if it is still the one with `hash` and the new one has no errors.

    The former version is kept. It takes effect at the next start of the daemon.
    """
    del request

    def work() -> dict[str, Any]:
        path = daemon.plan.path
        now = path.read_text(encoding="utf-8")
        if _hash(now) != wanted.hash:
            raise Refused("the file was changed by somebody else; load it again")
        problems = _check(wanted.text, path)
        if any(p["severity"] == "error" for p in problems):
            raise Refused(f"not saved: {problems[0]['where']}: {problems[0]['message']}")
        kept = daemon.folder / "plant-files"
        kept.mkdir(exist_ok=True)
        (kept / f"{daemon.clock()}-{actor.name.replace('/', '_')}.yaml").write_text(now)
        temporary = path.with_suffix(".new")
        temporary.write_text(wanted.text, encoding="utf-8")
        temporary.replace(path)
        return {"hash": _hash(wanted.text), "problems": problems, "restart": True}

    return await asyncio.to_thread(work)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _check(text: str, path: Path) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, encoding="utf-8")
        return [_plain(advice) for advice in check(trial)]


def _plain(advice: Advice) -> dict[str, Any]:
    _, _, line = advice.where.rpartition(":")
    return {
        "where": advice.where,
        "line": int(line) if line.isdigit() else None,
        "severity": advice.severity,
        "message": advice.sentence,
    }


def _former(folder: Path) -> list[dict[str, str]]:
    found = sorted((folder / "plant-files").glob("*.yaml"), reverse=True)[:20]
    return [{"name": p.name, "text": p.read_text(encoding="utf-8")} for p in found]
