"""Answers about a plant with more signals than one page holds, and how soon they come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gemel.client import Client
from gemel.core.errors import GemelError
from gemel.doors import serving
from gemel.doors.serving import served
from gemel.runtime.configuration import load

COUNT = 1_200
PLANT = """\
format: 1
connectors: {push: {kind: http}}
types:
  machine: {signals: {speed: {unit: 1/h, role: speed}}}
assets:
  z_office:
    signals:
      number: {type: text, role: order}
      recipe: {type: text, role: product}
      done_quantity: {}
      planned_quantity: {}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Client, str]]:
    folder: Path = tmp_path_factory.mktemp("signals")
    assets = [f"  m{i:04d}: {{type: machine, connector: push}}" for i in range(COUNT)]
    (folder / "plant.yaml").write_text("\n".join([PLANT.rstrip(), *assets]))
    async with served(load(folder / "plant.yaml"), folder / "data") as running:
        client = await asyncio.to_thread(Client.of, folder / "data")
        assert client is not None
        yield client, running.link
        client.close()


in_module = pytest.mark.asyncio(loop_scope="module")


async def get(client: Client, **query: object) -> dict[str, object]:
    found: dict[str, object] = await asyncio.to_thread(client.get, "/api/signals", query)
    return found


@in_module
async def test_pages_follow_one_another_to_the_end(asked: tuple[Client, str]) -> None:
    client, _ = asked
    seen: list[str] = []
    after = ""
    while after is not None:
        page = await get(client, after=after, limit=500)
        assert page["total"] == COUNT + 4
        seen += [item["path"] for item in page["items"]]
        after = page["next"]
    assert seen == sorted(seen)
    assert len(set(seen)) == COUNT + 4


@in_module
async def test_by_role_and_by_pattern(asked: tuple[Client, str]) -> None:
    client, _ = asked
    order = await get(client, role="order")
    assert [i["path"] for i in order["items"]] == ["z_office/number"]
    assert (await get(client, role="energy"))["total"] == 0
    assert (await get(client, match="m000?/speed"))["total"] == 10
    assert (await get(client, match="m0000/speed"))["total"] == 1
    assert (await get(client, match="m000*/*", role="speed"))["total"] == 10
    with pytest.raises(GemelError, match="did you mean"):
        await get(client, match="m0000/sped")


@in_module
async def test_the_order_is_found_behind_a_thousand_signals(asked: tuple[Client, str]) -> None:
    """The header once looked for it among the first thousand only."""
    _, link = asked
    async with httpx.AsyncClient(follow_redirects=True, timeout=60, trust_env=False) as http:
        page = (await http.get(link)).text
    assert "z_office/number" in page
    assert "z_office/recipe" in page
    assert "z_office/done_quantity" in page


@in_module
async def test_several_assets_are_described_in_one_answer(asked: tuple[Client, str]) -> None:
    client, _ = asked
    paths = ["z_office", "m0007"]
    found = await asyncio.to_thread(client.get, "/api/descriptions", {"path": paths})
    alone = [await asyncio.to_thread(client.get, "/api/asset", {"path": p}) for p in paths]
    assert found == alone
    with pytest.raises(GemelError, match="did you mean 'm0007'"):
        await asyncio.to_thread(client.get, "/api/descriptions", {"path": ["m00007"]})


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head() -> None:
    """Nagle's algorithm cost 40 ms a request: asyncio looks at the protocol of the socket."""
    listener = serving._listen("127.0.0.1", 0)
    with listener:
        assert listener.proto == socket.IPPROTO_TCP
