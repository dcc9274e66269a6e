"""All pages, and how they are added to the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import nicegui
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from nicegui import ui
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gemel.doors.web import (
    advice,
    alarms,
    connections,
    health,
    labels,
    limits,
    live,
    login,
    maintenance,
    models,
    plant_file,
    quality,
    schedule,
    supply,
    trends,
    what_if,
)
from gemel.doors.web.frame import Surroundings, frame
from gemel.doors.web.kept import Kept
from gemel.doors.web.markup import Html
from gemel.doors.web.statics import ICON, add_statics, head
from gemel.doors.web.viewer import viewer_of

__all__ = ["make_pages"]

Build: TypeAlias = Callable[[Surroundings], Awaitable[Html]]
"""Asks for what a page needs, draws it, and says what keeps it up to date."""

_PAGES: dict[str, tuple[str, Build]] = {
    "/": ("Live", live.build),
    "/trends": ("Trends", trends.build),
    "/alarms": ("Alarms", alarms.build),
    "/health": ("Health", health.build),
    "/quality": ("Quality", quality.build),
    "/models": ("Models", models.build),
    "/labels": ("Labels", labels.build),
    "/line": ("Line", limits.build),
    "/what-if": ("What-if", what_if.build),
    "/schedule": ("Schedule", schedule.build),
    "/maintenance": ("Maintenance", maintenance.build),
    "/supply": ("Supply", supply.build),
    "/advice": ("Advice", advice.build),
    "/connections": ("Connections", connections.build),
    "/plant-file": ("Plant file", plant_file.build),
}

# NiceGUI compiles its templates in the browser, hence 'unsafe-eval'; nothing comes from elsewhere.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def make_pages(api: FastAPI) -> FastAPI:
    """The pages, as an application beside that of the API."""
    api.state.kept = Kept()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_statics(app)
    app.add_api_route("/login", _login, include_in_schema=False, response_class=HTMLResponse)
    app.add_api_route("/trends.csv", trends.download, include_in_schema=False)
    app.add_middleware(_Host, host=api)
    for path, (title, build) in _PAGES.items():
        _add(path, title, build)
    # One process may serve several plants one after the other; NiceGUI's application is one.
    nicegui.app.middleware_stack = None
    nicegui.app.user_middleware.clear()
    ui.run_with(
        app, title="Gemel", favicon=ICON, dark=None, tailwind=False, reconnect_timeout=10,
        binding_refresh_interval=None, show_welcome_message=False,
    )  # fmt: skip
    return app


class _Host:
    """Names the application to its pages, and sends the headers that keep a page to itself."""

    def __init__(self, app: ASGIApp, host: FastAPI) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["gemel"] = self._host

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def _add(path: str, title: str, build: Build) -> None:
    async def show(request: Request) -> Response | None:
        viewer = await viewer_of(request)
        if viewer is None:
            return RedirectResponse("/login", 303)
        ui.context.client.on_delete(viewer.client.close)
        around = Surroundings(viewer, dict(request.query_params))
        await around.ask()
        await around.ask_order()
        content = await build(around)
        ui.add_head_html(head())
        # Not as an element of NiceGUI: the browser shows it as it reads it, and need not wait for
        # the scripts that make elements.
        ui.add_body_html(frame(around, path, content))
        return None

    ui.page(path, title=f"{title} · Gemel", response_timeout=120.0)(show)


async def _login(request: Request) -> Response:
    if await viewer_of(request) is not None:
        return RedirectResponse("/", 303)
    return HTMLResponse(login.page(dict(request.query_params)))
