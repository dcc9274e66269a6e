"""Logging in and out, people and tokens."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from gemel.core.errors import Refused
from gemel.core.role import Role
from gemel.core.time import SECOND, Duration, isoformat
from gemel.doors.api.access import COOKIE, Admin, Viewer
from gemel.runtime.access import SESSION_LASTS, Access, Token

router = APIRouter(tags=["access"])


def _remember(request: Request, response: Response, secret: str) -> None:
    response.set_cookie(
        COOKIE,
        secret,
        max_age=SESSION_LASTS // SECOND,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


@router.get("/enter", include_in_schema=False)
async def enter(request: Request, once: str) -> Response:
    """Follow a one-time link."""
    access: Access = request.app.state.access
    try:
        secret = access.follow(once)
    except Refused:
        return RedirectResponse("/login?used", 303)
    response = RedirectResponse("/", 303)
    _remember(request, response, secret)
    return response


@router.post("/login", include_in_schema=False)
async def log_in(
    request: Request, name: Annotated[str, Form()], password: Annotated[str, Form()]
) -> Response:
    """Log in with name and password, from the login page's form."""
    access: Access = request.app.state.access
    try:
        secret = await asyncio.to_thread(access.log_in, name, password)
    except Refused:
        return RedirectResponse("/login?wrong", 303)
    response = RedirectResponse("/", 303)
    _remember(request, response, secret)
    return response


@router.post("/logout")
async def log_out(request: Request, response: Response, _: Viewer) -> dict[str, Any]:
    """End the session."""
    access: Access = request.app.state.access
    access.end(request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE)
    return {}


@router.get("/me")
async def me(actor: Viewer) -> dict[str, Any]:
    """Who is asking."""
    return {"name": actor.name, "role": actor.role}


class Person(BaseModel):
    """Somebody who may log in."""

    name: str
    role: Role
    password: str


class TokenWanted(BaseModel):
    """A token for a program."""

    name: str = Field(min_length=1, max_length=100)
    role: Role
    lasts: Duration | None = Field(None, gt=0, description="e.g. '90 d'; for ever if empty")


@router.get("/people")
async def people(request: Request, _: Admin) -> list[dict[str, Any]]:
    """Everybody who may log in."""
    access: Access = request.app.state.access
    return [{"name": p.name, "role": p.role} for p in access.people()]


@router.put("/people")
async def set_person(request: Request, person: Person, _: Admin) -> dict[str, Any]:
    """Add a person, or change role and password."""
    access: Access = request.app.state.access
    await asyncio.to_thread(access.set_person, person.name, person.role, person.password)
    return {"name": person.name, "role": person.role}


@router.delete("/people/{name:path}")
async def remove_person(request: Request, name: str, _: Admin) -> dict[str, Any]:
    """Remove a person; sessions and tokens made by the person end at once."""
    access: Access = request.app.state.access
    access.remove_person(name)
    return {}


@router.get("/tokens")
async def tokens(request: Request, _: Admin) -> list[dict[str, Any]]:
    """The tokens of programs: id, name, role, who made it and when it expires."""
    access: Access = request.app.state.access
    return [plain_token(token) for token in access.tokens()]


def plain_token(token: Token) -> dict[str, Any]:
    """A token as plain data; times are ISO 8601 text."""
    return asdict(token) | {"expires": token.expires and isoformat(token.expires)}


@router.post("/tokens")
async def make_token(request: Request, wanted: TokenWanted, actor: Admin) -> dict[str, Any]:
    """Make a token; it is shown only in this answer."""
    access: Access = request.app.state.access
    return {"token": access.token(wanted.name, wanted.role, wanted.lasts, actor.name)}


@router.delete("/tokens/{id}")
async def revoke(request: Request, id: str, _: Admin) -> dict[str, Any]:
    """End a token at once."""
    access: Access = request.app.state.access
    access.revoke(id)
    return {}
