"""A twin that looks at pictures, running, as tests talk to it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gemel.client import Client
from gemel.doors.serving import Served, served
from gemel.runtime.configuration import load

PATIENCE_S = 120


class Twin:
    """A running twin as a test talks to it."""

    def __init__(self, running: Served, client: Client) -> None:
        self.running, self.client, self.daemon = running, client, running.daemon

    async def get(self, path: str = "", **params: Any) -> Any:
        return await asyncio.to_thread(self.client.get, f"/api/pictures{path}", params)

    async def send(self, body: bytes, **params: Any) -> Any:
        def post() -> Any:
            return self.client.request(
                "POST", "/api/pictures/surface", params=params, content=body
            ).json()

        return await asyncio.to_thread(post)

    async def until(self, states: list[str]) -> list[Any]:
        """All pictures, the oldest first, when they are in these states."""

        async def there() -> Any:
            found = (await self.get("/surface"))[::-1]
            return found if [one["state"] for one in found] == states else None

        return await patiently(there)

    async def ended(self) -> Any:
        """The only finding, when it has ended."""

        async def there() -> Any:
            found = await asyncio.to_thread(self.client.get, "/api/findings", {})
            return found[0] if [f["end"] is not None for f in found] == [True] else None

        return await patiently(there)


async def patiently(look: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await look()):  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)
    return found


class Running:
    """Starts and stops the same twin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def __aenter__(self) -> Twin:
        self._served = served(load(self.folder / "plant.yaml"), self.folder / "data")
        running = await self._served.__aenter__()
        client = await asyncio.to_thread(Client.of, self.folder / "data")
        assert client is not None

        async def begun() -> bool:
            return bool(running.daemon.pictures.tasks)

        await patiently(begun)
        return Twin(running, client)

    async def __aexit__(self, *_: object) -> None:
        await self._served.__aexit__(None, None, None)


async def stored(twin: Twin, count: int) -> bool:
    table = await asyncio.to_thread(twin.client.ask, ["line/press/surface"])
    return len(table) == count


async def all_told(twin: Twin) -> bool:
    rows = await twin.daemon.pictures.listed("surface", 10, None, "", "")
    return all(row.told for row in rows)


async def troubled(twin: Twin, said: str) -> bool:
    return any(said in problem for problem in twin.daemon.status()["problems"])


def write(path: Path, body: bytes, age: float) -> None:
    path.write_bytes(body)
    then = time.time_ns() - round(age * 1e9)
    os.utime(path, ns=(then, then))
