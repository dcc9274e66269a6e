"""Who looks at a page: the session's rights, the plant's zone, and what was said to the page.

A page asks the API in the same process with the viewer's own session, so that it can do exactly
what the viewer may.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Hashable
from datetime import tzinfo
from typing import Any, TypeAlias, TypeVar

from fastapi import FastAPI, Request
from nicegui import ui

from gemel.client import AsyncClient
from gemel.client.asynchronous import Plain
from gemel.core.errors import GemelError, Refused
from gemel.core.role import Role, includes
from gemel.core.time import zone
from gemel.doors.web.inside import Inside
from gemel.doors.web.kept import Kept
from gemel.doors.web.markup import Html, clock, h

__all__ = ["COOKIE", "Action", "Part", "Viewer", "client_of", "viewer_of"]

COOKIE = "gemel_session"

T = TypeVar("T")

Action: TypeAlias = Callable[[Plain], Awaitable[str | None]]
"""What happens on an action of the page, with its values; gives a sentence to show."""


class Viewer:
    """One open page of one person."""

    def __init__(self, client: AsyncClient, me: Plain, plant: Plain, kept: Kept) -> None:
        self.client = client
        self._kept = kept
        self.name = str(me["name"])
        self.role = str(me["role"])
        self.plant = plant
        self.zone: tzinfo = zone(str(plant["time_zone"]))
        self.now = 0
        """Time of the last answer of the daemon, ns."""
        self._actions: dict[str, Action] = {}
        self._refreshes: list[Callable[[], Awaitable[None]]] = []

    def may(self, least: Role) -> bool:
        """Whether the role includes `least`; the API checks it again."""
        return includes(self.role, least)

    def clock(self, value: Any) -> str:
        """A time in the plant's zone, with the date unless it is today's."""
        return clock(value, self.zone, self.now)

    async def once(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` finds out, for something that changes only with the plant file: it is asked
        once for all pages."""
        return await self._kept.once(str(self.plant["plan"]), key, ask)

    # Actions

    def on(self, action: str, handler: Action) -> None:
        """What an action of the page does."""
        self._actions[action] = handler

    def first(self, look_again: Callable[[], Awaitable[None]]) -> None:
        """The same as `refresh`, before all others."""
        self._refreshes.insert(0, look_again)

    def refresh(self, look_again: Callable[[], Awaitable[None]]) -> None:
        """What brings a part of the page up to date; called every few seconds and on news."""
        self._refreshes.append(look_again)

    def watch(self, look_again: Callable[[], Awaitable[None]], every: float = 0.5) -> None:
        """The same as `refresh`, more often: for what moves while somebody waits for it."""

        async def look() -> None:
            with contextlib.suppress(GemelError):  # `look_again` says what is wrong
                await look_again()

        ui.timer(every, look, immediate=False)

    def listen(self, every: float = 2.0) -> None:
        """Take the page's actions, and look again every so many seconds."""
        ui.on("gemel", lambda event: self._take(event.args))
        ui.timer(every, self.look_again, immediate=False)

    async def look_again(self) -> None:
        """Bring the page up to date. What fails now is tried again the next time."""
        for look in self._refreshes:
            try:
                await look()
            except GemelError:
                if await self._gone():
                    ui.navigate.to("/login")
                    return

    async def _gone(self) -> bool:
        """Whether the session has ended; other refusals are of one part of the page."""
        try:
            await self.client.me()
        except Refused:
            return True
        except GemelError:
            return False
        return False

    async def _take(self, told: Any) -> None:
        values: Plain = told if isinstance(told, dict) else {}
        if values.get("action") == "changed":
            await self.look_again()
            return
        handler = self._actions.get(str(values.get("action")))
        if handler is None:
            return
        sentence, wrong = "", False
        try:
            sentence = await handler(values) or ""
        except (GemelError, ValueError, KeyError) as error:
            sentence, wrong = str(error) or "that did not work", True
        await self.look_again()
        arguments = json.dumps([values.get("id", 0), sentence, wrong])
        ui.run_javascript(f"gemel.done(...{arguments})")


class Part:
    """A part of the page that is replaced when its content has changed."""

    def __init__(self, name: str, content: Html) -> None:
        self._name = name
        self._content = content

    @property
    def html(self) -> Html:
        """Where it stands on the page, with what it showed at first."""
        return h("div", self._content, data_part=self._name, cls="slot")

    def show(self, content: Html) -> None:
        """Replace the content, unless it is the same; not while somebody types in it."""
        if content == self._content:
            return
        self._content = content
        ui.run_javascript(f"gemel.put({json.dumps(self._name)}, {json.dumps(content)})")


def client_of(app: FastAPI, secret: str) -> AsyncClient:
    """A client of the application in this process, with the rights of a session."""
    return AsyncClient("http://gemel", secret, http=Inside(app, secret))


async def viewer_of(request: Request) -> Viewer | None:
    """The viewer of a request, None if nobody is logged in."""
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        return None
    app: FastAPI = request.scope["gemel"]
    client = client_of(app, secret)
    try:
        return Viewer(client, await client.me(), await client.plant(), app.state.kept)
    except Refused:
        await client.close()
        return None
