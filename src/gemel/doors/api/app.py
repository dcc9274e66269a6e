"""The FastAPI application: routes, errors, and who may call what.

Every answer that is not 2xx is ``{"message": …}`` with a sentence for a person.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gemel import __version__
from gemel.core.errors import (
    ConfigurationError,
    DataError,
    GemelError,
    Refused,
    Unavailable,
    Unknown,
)
from gemel.doors.api import (
    alarms,
    decisions,
    experiments,
    history,
    ingest,
    live,
    lots,
    models,
    pictures,
    planning,
    plant,
    plant_file,
    quality,
    schedules,
    session,
    supply,
    upkeep,
)
from gemel.doors.api.access import Viewer
from gemel.runtime.access import Access
from gemel.runtime.daemon import Daemon

__all__ = ["create_app"]

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(daemon: Daemon, access: Access) -> FastAPI:
    """The application for one daemon."""
    app = FastAPI(
        title="Gemel",
        version=__version__,
        summary="State, history, alarms and commands of a factory's twin.",
        docs_url=None,  # the stock pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # it needs a login: see `description` below
    )
    app.state.daemon = daemon
    app.state.access = access
    rooms = (
        alarms, decisions, models, quality, pictures, lots, planning, experiments,
        schedules, upkeep, supply,
    )  # fmt: skip
    for module in (session, plant, live, history, ingest, *rooms, plant_file):
        app.include_router(module.router, prefix="/api")
    app.include_router(plant.metrics)

    @app.get("/api/openapi.json", include_in_schema=False)
    async def description(_: Viewer) -> dict[str, Any]:
        """This API, as OpenAPI."""
        return app.openapi()

    app.add_route(
        "/api/{rest:path}", _nothing, ["GET", "POST", "PUT", "DELETE", "PATCH"],
        include_in_schema=False,
    )  # fmt: skip
    _handle_errors(app)

    app.add_middleware(_Headers)
    return app


async def _nothing(request: Request) -> Response:
    raise HTTPException(404, f"no '{request.url.path}' here")


class _Headers:
    """Puts the security headers on answers of the API. Plain ASGI: Starlette's own form of a
    middleware would copy every body through a queue."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        of_api = scope["type"] == "http" and scope["path"].startswith("/api")
        await self._app(scope, receive, with_headers if of_api else send)


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(GemelError)
    async def gemel_error(_: Request, error: GemelError) -> JSONResponse:
        status, extra = 500, {}
        if isinstance(error, Unavailable):
            status, extra = 503, {"Retry-After": "1"}
        elif isinstance(error, Refused):
            status = 403
        elif isinstance(error, DataError):
            status = 422
        elif isinstance(error, ConfigurationError):
            status = 404 if isinstance(error, Unknown) else 400
        return JSONResponse({"message": str(error)}, status, extra)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"][1:])
        return JSONResponse({"message": f"{place}: {first['msg'].lower()}"}, 400)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"message": str(error.detail)}, error.status_code, error.headers)
