"""Who calls: the dependency of every route that is not open to all."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from gemel.core.errors import Refused
from gemel.core.role import Role
from gemel.runtime.access import Access, Actor
from gemel.runtime.daemon import Daemon

__all__ = ["COOKIE", "LOCAL", "Admin", "Engineer", "Operator", "Running", "Viewer", "caller"]

COOKIE = "gemel_session"
LOCAL = "local"
"""Who has the token in run.json, which only the owner of the data folder can read."""


def caller(connection: HTTPConnection) -> Actor | None:
    """Who makes a request, by its bearer token or session cookie; None if nobody known."""
    access: Access = connection.app.state.access
    daemon: Daemon = connection.app.state.daemon
    kind, _, secret = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        if hmac.compare_digest(secret, daemon.token):
            return Actor(LOCAL, "admin")
        return access.who(secret)
    secret = connection.cookies.get(COOKIE, "")
    return access.who(secret) if secret else None


def _least(role: Role) -> Callable[[HTTPConnection], Awaitable[Actor]]:
    # FastAPI calls a plain function in a thread: two threads for each request, for microseconds.
    async def check(connection: HTTPConnection) -> Actor:
        actor = caller(connection)
        if actor is None:
            raise HTTPException(
                401, "log in first, or send a valid token", {"WWW-Authenticate": "Bearer"}
            )
        actor.must(role)
        return actor

    return check


async def _daemon(connection: HTTPConnection) -> Daemon:
    daemon: Daemon = connection.app.state.daemon
    return daemon


def allowed(actor: Actor | None, role: Role) -> Actor:
    """The actor, if the role suffices. Raises `Refused`."""
    if actor is None:
        raise Refused("log in first, or send a valid token")
    actor.must(role)
    return actor


Viewer: TypeAlias = Annotated[Actor, Depends(_least("viewer"))]
Operator: TypeAlias = Annotated[Actor, Depends(_least("operator"))]
Engineer: TypeAlias = Annotated[Actor, Depends(_least("engineer"))]
Admin: TypeAlias = Annotated[Actor, Depends(_least("admin"))]
Running: TypeAlias = Annotated[Daemon, Depends(_daemon)]
