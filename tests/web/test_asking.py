"""How pages ask: in their own process, and only once for what changes with the plant file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from gemel.client import AsyncClient
from gemel.core.errors import Refused, Unavailable, Unknown
from gemel.doors.later import Pages
from gemel.doors.web.inside import Inside
from gemel.doors.web.kept import Kept


@pytest.fixture
def client() -> AsyncClient:
    app = FastAPI()

    @app.api_route("/api/said/{name:path}", methods=["GET", "POST"])
    async def said(request: Request, name: str) -> dict[str, Any]:
        body = await request.body()
        given = request.query_params.multi_items()
        who = request.headers["authorization"]
        return {"name": name, "given": given, "who": who, "body": body.decode()}

    @app.get("/api/parts")
    async def parts() -> StreamingResponse:
        async def several() -> AsyncIterator[bytes]:
            for part in (b"[1", b", 2", b"]"):
                await asyncio.sleep(0)
                yield part

        return StreamingResponse(several(), media_type="application/json")

    @app.get("/api/wrong/{status}")
    async def wrong(status: int) -> None:
        if not status:
            raise RuntimeError("a fault of ours")
        raise HTTPException(status)

    return AsyncClient("http://gemel", "secret", http=Inside(app, "secret"))


async def test_requests_arrive_as_over_http(client: AsyncClient) -> None:
    told = await client.get("/api/said/line2%2Ffill%20er", {"path": ["a/b", "ö&="], "after": None})
    assert told["name"] == "line2/fill er"
    assert told["given"] == [["path", "a/b"], ["path", "ö&="]]
    assert told["who"] == "Bearer secret"
    assert (await client.post("/api/said/x", {"note": "ß"}))["body"] == '{"note": "\\u00df"}'
    assert await client.get("/api/parts") == [1, 2]


@pytest.mark.parametrize(
    ("status", "error"), [(403, Refused), (404, Unknown), (503, Unavailable), (0, Unavailable)]
)
async def test_errors_are_those_of_http(
    client: AsyncClient, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await client.get(f"/api/wrong/{status}")


async def test_answers_are_kept_as_long_as_their_plan_holds() -> None:
    kept, asked = Kept(), []

    async def ask() -> int:
        asked.append(len(asked))
        await asyncio.sleep(0)
        return asked[-1]

    assert [await kept.once("one", "lines", ask) for _ in range(3)] == [0, 0, 0]
    assert await kept.once("one", "order", ask) == 1
    assert await kept.once("two", "lines", ask) == 2
    assert await kept.once("one", "lines", ask) == 3


async def test_an_answer_of_a_former_plan_does_not_become_one_of_the_next() -> None:
    kept, go_on = Kept(), asyncio.Event()

    async def slowly() -> str:
        await go_on.wait()
        return "of one"

    async def at_once() -> str:
        return "of two"

    asking = asyncio.create_task(kept.once("one", "lines", slowly))
    await asyncio.sleep(0)
    assert await kept.once("two", "order", at_once) == "of two"
    go_on.set()
    assert await asking == "of one"
    assert await kept.once("two", "lines", at_once) == "of two"


async def test_who_asks_for_a_page_before_there_are_pages_waits() -> None:
    app, pages = FastAPI(), Pages()
    app.mount("/", pages)
    asking = asyncio.create_task(Inside(app, "").request("GET", "/login"))
    await asyncio.sleep(0.01)
    assert not asking.done()
    showing = asyncio.create_task(pages.live(app))
    answer = await asking
    assert answer.status_code == 200
    assert "Log in" in answer.text
    assert (await Inside(app, "").request("GET", "/nowhere")).status_code == 404
    pages.end()
    await showing
