"""The daemon with its doors, over real HTTP and WebSockets, by a client."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import numpy as np
import pyarrow as pa
import pytest
import websockets
from tests.runtime.doors import PLANT, bearer

from gemel.client import Client
from gemel.core.errors import ConfigurationError, DataError, Refused
from gemel.doors.serving import Served


def lines(*rows: dict[str, object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


async def push(
    client: Client, body: bytes, kind: str = "application/x-ndjson"
) -> dict[str, object]:
    return await asyncio.to_thread(client.push, "push", body, kind)


async def test_pushed_samples_are_mirrored_stored_and_asked(client: Client) -> None:
    now = time.time_ns()
    told = await push(
        client,
        lines(
            {"signal": "line/m1/speed", "time": now, "value": 50.5},
            {"signal": "line/m1/speed", "time": now + 1_000, "value": 500},
            {"signal": "line/m1/state", "time": now, "value": "Execute"},
            {"signal": "line/m1/product", "time": now, "value": "Still 0.5 l"},
            {"signal": "line/m1/sped", "time": now, "value": 1},
            {"signal": "line/m1/speed", "time": "soon", "value": 1},
            {"signal": "line/m1/speed"},
        ),
    )
    assert told["stored"] == 4
    reasons = " ".join(told["rejected"])
    assert "did you mean 'line/m1/speed'" in reasons
    assert "'soon' is not a time" in reasons
    state = await asyncio.to_thread(client.get, "/api/state", {"signal": "line/m1/*"})
    shown = {s["path"]: s for s in state["signals"]}
    assert shown["line/m1/speed"]["quality"] == "uncertain: outside its range"
    assert shown["line/m1/state"]["value"] == "Execute"
    assert shown["line/m1/product"]["value"] == "Still 0.5 l"
    table = await asyncio.to_thread(client.ask, ["**"])
    assert table.num_rows == 4


async def test_arrow_by_path_and_by_number(client: Client) -> None:
    time_ns = time.time_ns() + np.arange(1_000)
    for column in (
        pa.array(["line/m1/speed"] * 1_000).dictionary_encode(),
        pa.array(np.zeros(1_000, np.int32)),
    ):
        table = pa.table({"signal": column, "time": time_ns, "value": np.arange(1_000.0)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body = sink.getvalue().to_pybytes()
        told = await push(client, body, "application/vnd.apache.arrow.stream")
        assert told == {"stored": 1_000, "rejected": {}}
    status = await asyncio.to_thread(client.status)
    assert status["history"]["repeated"] == 1_000
    assert status["history"]["rows"] == 1_000


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"{", "application/x-ndjson", "not JSON"),
        (b"[" * 100_000, "application/x-ndjson", "more than 65536 bytes"),
        (b"[" * 60_000, "application/x-ndjson", "not JSON|an object"),
        (b"nonsense", "application/vnd.apache.arrow.stream", "not an Arrow stream"),
        (b"x", "text/plain", "content type 'text/plain' is not known"),
    ],
)
async def test_unusable_payloads_are_refused_with_the_reason(
    client: Client, body: bytes, kind: str, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        await push(client, body, kind)


@pytest.mark.faults
async def test_a_hundred_megabytes_are_refused(client: Client) -> None:
    with pytest.raises(DataError, match=r"at most|more than"):
        await push(client, b"x" * 100_000_000)
    assert (await asyncio.to_thread(client.status))["state"] == "good"


@pytest.mark.faults
async def test_who_may_do_what(running: Served, http: httpx.AsyncClient) -> None:
    roles = ("viewer", "operator", "engineer")
    tokens = {role: running.access.token(f"a {role}", role) for role in roles}
    expired = running.access.token("late", "admin", lasts=1)

    async def status(method: str, path: str, token: str | None, **more: object) -> int:
        headers = {} if token is None else bearer(token)
        answer = await http.request(method, path, headers=headers, **more)
        if answer.status_code >= 400:
            assert answer.json()["message"]
        return answer.status_code

    assert await status("GET", "/api/health", None) == 200
    assert await status("GET", "/api/status", None) == 401
    assert await status("GET", "/api/status", "wrong") == 401
    assert await status("GET", "/api/status", expired) == 401
    assert await status("GET", "/api/status", tokens["viewer"]) == 200
    samples = "/api/connectors/push/samples"
    assert await status("POST", samples, tokens["viewer"], content=b"") == 403
    body = lines({"signal": "line/m1/speed", "time": 1, "value": 1})
    kind = {"Content-Type": "application/x-ndjson"}
    headers = kind | bearer(tokens["operator"])
    assert (await http.post(samples, content=body, headers=headers)).status_code == 200
    assert await status("GET", "/api/people", tokens["engineer"]) == 403
    assert await status("PUT", "/api/plant-file", tokens["operator"], json={}) in (400, 403)


@pytest.mark.faults
async def test_oversized_and_strange_questions(http: httpx.AsyncClient, client: Client) -> None:
    params = {"signal": "**", "limit": 10**9}
    with pytest.raises(ConfigurationError, match="is more than 100000 rows"):
        await asyncio.to_thread(client.get, "/api/history", params)
    with pytest.raises(ConfigurationError, match="no signal"):
        await asyncio.to_thread(client.ask, ["../../etc/passwd"])
    with pytest.raises(ConfigurationError):
        await asyncio.to_thread(client.get, "/api/asset", {"path": "../secret"})
    for path in ("/api/../../etc/passwd", "/static/gemel/../../../run.json", "/run.json"):
        assert (await http.get(path)).status_code in (303, 307, 401, 404)


async def test_a_link_logs_in_once(running: Served) -> None:
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as http:
        first = await http.get(running.link)
        assert first.status_code == 303
        assert "httponly" in first.headers["set-cookie"].lower()
        me = await http.get(f"{running.url}/api/me")
        assert me.json() == {"name": "admin", "role": "admin"}
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as http:
        again = await http.get(running.link)
        assert again.headers["location"] == "/login?used"
        assert (await http.get(f"{running.url}/api/me")).status_code == 401


async def test_changes_come_over_a_websocket(running: Served, client: Client) -> None:
    url = running.url.replace("http", "ws") + "/api/live"
    headers = bearer(running.daemon.token)
    async with websockets.connect(url, additional_headers=headers) as socket:
        await socket.send(json.dumps({"signals": ["line/m1/speed"], "every": 0.05}))
        first = json.loads(await socket.recv())
        assert first["signals"][0]["quality"] == "no sample yet"
        body = lines({"signal": "line/m1/speed", "time": time.time_ns(), "value": 7})
        await push(client, body)
        async with asyncio.timeout(120):
            change = json.loads(await socket.recv())
        assert change["signals"][0]["value"] == 7
    with pytest.raises(websockets.exceptions.WebSocketException):
        await refused_socket(url)


async def refused_socket(url: str) -> None:
    async with websockets.connect(url) as socket:
        await socket.recv()


async def test_wrong_passwords_have_to_wait(running: Served) -> None:
    running.access.set_person("eva", "operator", "a long enough password")
    assert running.access.log_in("eva", "a long enough password")
    for _ in range(5):
        with pytest.raises(Refused, match="wrong"):
            running.access.log_in("eva", "guess")
    with pytest.raises(Refused, match="wait"):
        running.access.log_in("eva", "a long enough password")
    with pytest.raises(ConfigurationError, match="at least 12"):
        running.access.set_person("eva", "operator", "short")


async def test_the_plant_file_is_tried_replaced_and_kept(running: Served, client: Client) -> None:
    found = await asyncio.to_thread(client.get, "/api/plant-file")
    assert found["text"] == PLANT
    tried = await asyncio.to_thread(
        client.post, "/api/plant-file/check", {"text": PLANT.replace("kind: http", "kind: x")}
    )
    assert tried["problems"][0]["line"] == 4

    def put(text: str, known: str) -> object:
        body = {"text": text, "hash": known}
        return client.request("PUT", "/api/plant-file", json=body).json()

    with pytest.raises(Refused, match="changed by somebody else"):
        await asyncio.to_thread(put, PLANT, "0")
    with pytest.raises(Refused, match="not saved"):
        await asyncio.to_thread(put, PLANT + "x: 1\n", found["hash"])
    with pytest.raises(Refused, match="from Europe/Berlin to UTC; that takes a restart"):
        await asyncio.to_thread(put, PLANT.replace("Europe/Berlin", "UTC"), found["hash"])
    kept = await asyncio.to_thread(client.get, "/api/plant-file")
    assert (kept["text"], kept["former"]) == (PLANT, [])
    told = await asyncio.to_thread(put, PLANT + "# better\n", found["hash"])
    assert told["restart"] is False
    assert told["sentence"] == "nothing changes"
    again = await asyncio.to_thread(client.get, "/api/plant-file")
    assert again["text"].endswith("# better\n")
    assert again["former"][0]["text"] == PLANT


async def test_a_saved_plant_file_holds_at_once(
    running: Served, client: Client, http: httpx.AsyncClient
) -> None:
    def put(text: str) -> dict[str, object]:
        known = client.get("/api/plant-file")["hash"]
        body = {"text": text, "hash": known}
        answer: dict[str, object] = client.request("PUT", "/api/plant-file", json=body).json()
        return answer

    def paths(found: dict[str, list[dict[str, object]]], key: str) -> list[object]:
        return [item["path"] for item in found[key]]

    url = running.url.replace("http", "ws") + "/api/live"
    headers = bearer(running.daemon.token)
    async with websockets.connect(url, additional_headers=headers) as socket:
        await socket.send(json.dumps({"signals": ["**"], "every": 0.05}))
        first = json.loads(await socket.recv())
        assert len(first["signals"]) == 3
        before = await asyncio.to_thread(client.get, "/api/plant")
        changed = PLANT.replace("speed:", "pace:") + "  line/m2: {title: Second}\n"
        told = await asyncio.to_thread(put, changed)
        assert told["added"] == {"assets": ["line/m2"], "signals": ["line/m1/pace"]}
        assert told["removed"] == {"signals": ["line/m1/speed"]}
        assert told["restart"] is False
        async with asyncio.timeout(120):
            after = json.loads(await socket.recv())
        assert paths(after, "signals") == ["line/m1/state", "line/m1/product", "line/m1/pace"]
    plant = await asyncio.to_thread(client.get, "/api/plant")
    assert plant["plan"] != before["plan"]
    assert (plant["assets"], plant["signals"]) == (2, 3)
    found = await asyncio.to_thread(client.get, "/api/signals")
    assert paths(found, "items") == ["line/m1/pace", "line/m1/product", "line/m1/state"]
    found = await asyncio.to_thread(client.get, "/api/assets")
    assert paths(found, "items") == ["line/m1", "line/m2"]
    state = await asyncio.to_thread(client.get, "/api/state", {"signal": "line/**"})
    assert "line/m1/speed" not in paths(state, "signals")
    state = await asyncio.to_thread(client.get, "/api/state", {"signal": "line/m1/speed"})
    assert paths(state, "signals") == ["line/m1/speed"]
    body = {"path": "/etc/passwd"}
    engineer = running.access.token("an engineer", "engineer")
    answer = await http.post("/api/plant-file/reload", json=body, headers=bearer(engineer))
    assert answer.status_code == 403
    assert "on the machine itself" in answer.json()["message"]
