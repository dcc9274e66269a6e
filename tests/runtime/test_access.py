"""Who may do what, and for how long: people, tokens, sessions, and what is open to nobody."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from tests.runtime.doors import bearer

from gemel.core.errors import Refused, Unknown
from gemel.core.role import ROLES
from gemel.doors.serving import Served
from gemel.runtime.access import Access, Actor
from gemel.testing.clock import TurnableClock

PASSWORD = "a long enough password"


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock(10**18)


@pytest.fixture
def access(tmp_path: Path, clock: TurnableClock) -> Iterator[Access]:
    found = Access(tmp_path, clock)
    yield found
    found.close()


def test_a_removed_person_is_out_at_once(access: Access) -> None:
    access.set_person("ada", "admin", PASSWORD)
    access.set_person("eva", "engineer", PASSWORD)
    session = access.log_in("eva", PASSWORD)
    link = access.link("eva", "engineer")
    hers = access.token("gateway", "operator", owner="eva")
    other = access.token("report", "viewer", owner="ada")
    access.remove_person("eva")
    assert [p.name for p in access.people()] == ["ada"]
    assert access.who(session) is None
    assert access.who(hers) is None
    assert access.who(other) == Actor("report", "viewer")
    with pytest.raises(Refused):
        access.follow(link)
    with pytest.raises(Refused, match="wrong"):
        access.log_in("eva", PASSWORD)
    with pytest.raises(Unknown, match="no person 'eva'"):
        access.remove_person("eva")


def test_the_last_admin_stays(access: Access) -> None:
    access.set_person("ada", "admin", PASSWORD)
    access.set_person("eva", "viewer", PASSWORD)
    with pytest.raises(Refused, match="last admin"):
        access.remove_person("ada")
    with pytest.raises(Refused, match="last admin"):
        access.set_person("ada", "engineer", PASSWORD)
    assert Actor("ada", "admin") in access.people()
    access.set_person("eva", "admin", PASSWORD)
    access.remove_person("ada")
    assert access.people() == [Actor("eva", "admin")]


def test_who_may_do_less_keeps_no_token_that_may_do_more(access: Access) -> None:
    access.set_person("ada", "admin", PASSWORD)
    access.set_person("eva", "admin", PASSWORD)
    tokens = {role: access.token(role, role, owner="eva") for role in ROLES}
    access.set_person("eva", "operator", PASSWORD)
    assert [t.name for t in access.tokens()] == ["operator", "viewer"]
    assert access.who(tokens["admin"]) is None


def test_tokens_are_listed_and_revoked(access: Access, clock: TurnableClock) -> None:
    secret = access.token("press 4", "operator", lasts=1_000, owner="ada")
    access.token("report", "viewer")
    press, report = access.tokens()
    assert (press.name, press.role, press.owner) == ("press 4", "operator", "ada")
    assert press.expires == clock() + 1_000
    assert report.expires is None
    assert secret not in str(press)
    access.revoke(report.id)
    with pytest.raises(Unknown, match=f"known: {press.id}"):
        access.revoke(report.id)
    clock.turn(1_000)
    assert access.tokens() == []
    assert access.who(secret) is None


def test_a_session_is_not_listed_and_not_revoked_as_a_token(access: Access) -> None:
    access.set_person("ada", "admin", PASSWORD)
    access.log_in("ada", PASSWORD)
    assert access.tokens() == []


def test_a_file_from_before_tokens_had_owners(tmp_path: Path, clock: TurnableClock) -> None:
    with sqlite3.connect(tmp_path / "access.sqlite") as db:
        db.execute(
            "create table token(hash text primary key, kind text not null, name text not null, "
            "role text not null, expires integer) without rowid"
        )
        db.execute("insert into token values ('00112233445566', 'token', 'old', 'viewer', null)")
    db.close()
    access = Access(tmp_path, clock)
    (old,) = access.tokens()
    assert (old.id, old.name, old.owner) == ("001122334455", "old", "")
    access.close()


# Over HTTP


async def test_an_admin_lists_removes_and_revokes(running: Served, http: httpx.AsyncClient) -> None:
    admin = bearer(running.daemon.token)
    for name, role in (("ada", "admin"), ("eva/night", "operator")):
        body = {"name": name, "role": role, "password": PASSWORD}
        assert (await http.put("/api/people", json=body, headers=admin)).status_code == 200
    wanted = {"name": "report", "role": "viewer", "lasts": "90 d"}
    made = (await http.post("/api/tokens", json=wanted, headers=admin)).json()["token"]
    (listed,) = (await http.get("/api/tokens", headers=admin)).json()
    assert (listed["name"], listed["role"], listed["owner"]) == ("report", "viewer", "local")
    assert listed["expires"].endswith("Z")
    assert (await http.get("/api/me", headers=bearer(made))).status_code == 200
    path = f"/api/tokens/{listed['id']}"
    assert (await http.delete(path, headers=admin)).status_code == 200
    assert (await http.get("/api/me", headers=bearer(made))).status_code == 401
    assert (await http.delete(path, headers=admin)).status_code == 404
    assert (await http.delete("/api/people/eva/night", headers=admin)).status_code == 200
    assert (await http.delete("/api/people/eva/night", headers=admin)).status_code == 404
    last = await http.delete("/api/people/ada", headers=admin)
    assert (last.status_code, "last admin" in last.json()["message"]) == (403, True)


@pytest.mark.faults
async def test_only_an_admin_manages_access(running: Served, http: httpx.AsyncClient) -> None:
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/api/people", {}),
        ("PUT", "/api/people", {"json": {"name": "m", "role": "admin", "password": PASSWORD}}),
        ("DELETE", "/api/people/ada", {}),
        ("GET", "/api/tokens", {}),
        ("POST", "/api/tokens", {"json": {"name": "m", "role": "admin"}}),
        ("DELETE", "/api/tokens/0", {}),
    ]
    engineer = bearer(running.access.token("an engineer", "engineer"))
    for method, path, more in asked:
        assert (await http.request(method, path, **more)).status_code == 401
        assert (await http.request(method, path, headers=engineer, **more)).status_code == 403
    assert running.access.people() == []


async def test_the_description_of_the_api_needs_a_login(
    running: Served, http: httpx.AsyncClient
) -> None:
    for path in ("/api/openapi.json", "/openapi.json", "/docs", "/redoc", "/api/docs"):
        answer = await http.get(path)
        assert answer.status_code in (303, 401, 404), path
        assert "paths" not in answer.text
    viewer = bearer(running.access.token("a viewer", "viewer"))
    found = (await http.get("/api/openapi.json", headers=viewer)).json()
    assert "/api/history" in found["paths"]
    names = {p["name"] for p in found["paths"]["/api/history.arrow"]["get"]["parameters"]}
    assert {"signal", "start", "end", "every", "at", "as_of", "limit"} <= names


async def test_what_does_not_exist_is_404_and_what_is_wrong_400(
    running: Served, http: httpx.AsyncClient
) -> None:
    admin = bearer(running.daemon.token)
    for path, status in (
        ("/api/asset?path=nowhere", 404),
        ("/api/history?signal=nothing", 404),
        ("/api/kpis?asset=nowhere", 404),
        ("/api/history?signal=**&start=soon", 400),
        ("/api/history?signal=**&limit=0", 400),
    ):
        answer = await http.get(path, headers=admin)
        assert (answer.status_code, bool(answer.json()["message"])) == (status, True), path
    pushed = await http.post("/api/connectors/other/samples", content=b"", headers=admin)
    assert pushed.status_code == 404
    assert "known: push" in pushed.json()["message"]


async def test_an_open_socket_ends_with_its_token(running: Served) -> None:
    secret = running.access.token("a screen", "viewer")
    url = running.url.replace("http", "ws") + "/api/live"
    async with websockets.connect(url, additional_headers=bearer(secret)) as socket:
        await socket.send('{"signals": ["**"]}')
        await socket.recv()
        (token,) = running.access.tokens()
        running.access.revoke(token.id)
        async with asyncio.timeout(120):
            await socket.wait_closed()
    assert socket.close_code == 4401
