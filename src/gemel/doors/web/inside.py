"""How pages ask the API in their own process: the same routes, with the rights of whoever looks."""

from __future__ import annotations

import asyncio
import json as text
from typing import Any
from urllib.parse import unquote

import httpx
from starlette.types import ASGIApp, Message

__all__ = ["Inside"]


class Inside:
    """In place of an `httpx.AsyncClient`; one for each session.

    A page asks eight things, and httpx would take as long for each as the route that answers: it
    reads addresses, looks for redirects and cookies, and tries to import another event loop.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._headers = [
            (b"host", b"gemel"),
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-type", b"application/json"),
        ]

    async def aclose(self) -> None:
        """Nothing is open."""

    async def request(
        self, method: str, path: str, /, *, params: Any = None, json: Any = None
    ) -> httpx.Response:
        """One request; an error that nobody expected is a 500."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": str(httpx.QueryParams(params)).encode(),
            "root_path": "",
            "headers": self._headers,
            "server": ("gemel", 80),
            "client": ("127.0.0.1", 0),
        }
        body = b"" if json is None else text.dumps(json).encode()
        asked, over = False, asyncio.Event()
        status, headers, parts = 500, [], []

        async def receive() -> Message:
            nonlocal asked
            if asked:
                # An answer in parts ends as soon as it hears that nobody listens any more.
                await over.wait()
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message.get("headers", [])
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    over.set()

        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - what goes wrong inside must not end the page
            if not parts:
                parts = [str(error).encode()]
        finally:
            over.set()
        return httpx.Response(status, headers=headers, content=b"".join(parts))
