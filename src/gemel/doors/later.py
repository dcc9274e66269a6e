"""Pages come up a moment after the API: importing what they are made of takes as long as a quarter
of the start, and machines that push their samples need none of it."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import Callable

from fastapi import FastAPI
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Pages"]

log = logging.getLogger("gemel")


class Pages:
    """The application of the pages. Requests wait until it is made; nothing is found if it cannot
    be."""

    def __init__(self) -> None:
        self._app: ASGIApp = Router()
        self._made = asyncio.Event()
        self._over = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._made.wait()
        await self._app(scope, receive, send)

    async def live(self, api: FastAPI) -> None:
        """Make the pages of an API, and keep them going until `end`."""
        # What NiceGUI imports silences this itself; that is lost if another thread puts the filters
        # of warnings back meanwhile, as numba does.
        warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
        try:
            make = await asyncio.to_thread(_maker)
            if make is None:
                return
            app = make(api)
            async with app.router.lifespan_context(app):
                self._app = app
                gc.freeze()  # what was imported stays
                self._made.set()
                await self._over.wait()
        finally:
            self._made.set()

    def end(self) -> None:
        """Let `live` come to its end."""
        self._over.set()


def _maker() -> Callable[[FastAPI], FastAPI] | None:
    try:
        from gemel.doors.web import make_pages
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("gemel"):
            log.warning("no pages: pip install 'gemel[web]' for the browser, the API works without")
        return None
    return make_pages
