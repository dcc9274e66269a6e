"""The plant file: read, try, replace, and the way back."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gemel.core.errors import Refused
from gemel.doors.api.access import LOCAL, Engineer, Running, Viewer
from gemel.runtime.configuration import Advice, check, load
from gemel.runtime.reloading import read_again

router = APIRouter(tags=["plant file"])


class Text(BaseModel):
    """A plant file's text."""

    text: str = Field(max_length=20_000_000)


class Which(BaseModel):
    """Which plant file to read; the present one where none is named."""

    path: str | None = None


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
async def replace(wanted: Replacement, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """Replace the file, if it is still the one with `hash` and the new one has no errors.

    It holds at once, and the answer says what was kept, changed, added and removed. What takes a
    restart is refused, and the file stays as it was. The former version is kept.
    """
    path = daemon.plan.path
    async with daemon.changing:
        former, problems = await asyncio.to_thread(_replaceable, wanted, path)
        plan = await asyncio.to_thread(load, path, wanted.text)
        kept = daemon.folder / "plant-files"
        kept = kept / f"{daemon.clock()}-{actor.name.replace('/', '_')}.yaml"
        await asyncio.to_thread(_write, kept, former)
        await asyncio.to_thread(_write, path, wanted.text)
        try:
            change = await daemon.reload(plan, actor.name)
        except Exception:  # whatever it was goes on to the caller; the file is the former one again
            await asyncio.to_thread(_write, path, former)
            await asyncio.to_thread(kept.unlink)
            raise
    told = change.model_dump(mode="json")
    return {"hash": _hash(wanted.text), "problems": problems, "restart": False, **told}


@router.post("/plant-file/reload")
async def reload(wanted: Which, daemon: Running, actor: Engineer) -> dict[str, Any]:
    """Read the file from disk again and let it hold; says what was kept, changed, added, removed.

    Another file can be named only by the command line on the same machine.
    """
    if wanted.path is not None and actor.name != LOCAL:
        raise Refused("another plant file can only be named on the machine itself: gemel reload")
    path = None if wanted.path is None else Path(wanted.path)
    change = await read_again(daemon, actor.name, path)
    return {"path": str(daemon.plan.path), "restart": False, **change.model_dump(mode="json")}


def _replaceable(wanted: Replacement, path: Path) -> tuple[str, list[dict[str, Any]]]:
    """The text that is to be replaced, and what is doubtful in the new one. Raises `Refused`."""
    now = path.read_text(encoding="utf-8")
    if _hash(now) != wanted.hash:
        raise Refused("the file was changed by somebody else; load it again")
    problems = _check(wanted.text, path)
    if any(p["severity"] == "error" for p in problems):
        raise Refused(f"not saved: {problems[0]['where']}: {problems[0]['message']}")
    return now, problems


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _check(text: str, path: Path) -> list[dict[str, Any]]:
    return [_plain(advice) for advice in check(path, text)]


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
