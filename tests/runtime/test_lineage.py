"""Lineage through the doors of a running twin: for whom, as what, and of which task."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.learning.live import PLANT, SOFT
from tests.learning.openlineage import read, runs
from tests.runtime.doors import bearer
from tests.runtime.reloading import until
from typer.testing import CliRunner

from gemel.client import Client
from gemel.core.errors import ConfigurationError, Unknown
from gemel.core.time import SECOND
from gemel.doors.cli.main import app
from gemel.doors.serving import Served, served
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import load

LINEAGE = "/api/models/lineage"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Served]:
    """A twin that has learned from ten minutes that were pushed when it began."""
    plant = tmp_path / "plant.yaml"
    site = "plant: {enterprise: Acme, site: Hall 2}\n"
    plant.write_text(PLANT.replace("connectors:", f"{site}connectors:", 1) + SOFT % "")
    async with served(load(plant), tmp_path / "data") as found:
        client = await asyncio.to_thread(Client.of, tmp_path / "data")
        assert client is not None
        await asyncio.to_thread(
            client.push, "push", samples(system_clock()).encode(), "application/x-ndjson"
        )
        learner = found.daemon.rooms.learners["estimate"]
        await until(lambda: learner.champion and len(found.daemon.store.events("model")) == 2)
        yield found


@pytest.fixture
async def http(running: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        yield client


def samples(now: int) -> str:
    """Ten minutes of a press until now, a row in a second."""
    random, rows = np.random.default_rng(0), []
    for time in range(now - 600 * SECOND, now, SECOND):
        force, heat = random.normal(50, 2), random.normal(180, 3)
        thickness = 0.1 * force - 0.02 * heat + random.normal(0, 0.01)
        for name, value in (("force", force), ("heat", heat), ("thickness", thickness)):
            rows.append({"signal": f"press/{name}", "time": time, "value": value})
        rows.append({"signal": "press/state", "time": time, "value": 6})
    return "\n".join(map(json.dumps, rows))


async def test_a_viewer_gets_a_line_for_each_event(
    running: Served, http: httpx.AsyncClient
) -> None:
    assert (await http.get(LINEAGE)).status_code == 401
    viewer = bearer(running.access.token("catalogue", "viewer"))
    answer = await http.get(LINEAGE, headers=viewer)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert "gemel-lineage.ndjson" in answer.headers["content-disposition"]
    events = [read(line) for line in answer.text.splitlines()]
    assert [mine[0].job.name for mine in runs(events).values()] == [
        "estimate", "estimate.promotion", "estimate.telling"
    ]  # fmt: skip
    assert {event.job.namespace for event in events} == {"gemel://Acme/Hall%202"}
    assert (await http.get(LINEAGE, headers=viewer)).text == answer.text

    champion = running.daemon.rooms.learners["estimate"].champion
    (wrote,) = events[1].outputs
    size = wrote.outputFacets["outputStatistics"]["size"]
    assert size == (running.daemon.folder / wrote.name).stat().st_size
    assert wrote.facets["version"]["datasetVersion"] == champion
    # What pages show often stays short.
    (fitted,) = [
        step
        for step in (await http.get("/api/models", headers=viewer)).json()["steps"]
        if step["step"] == "fitted"
    ]
    assert "columns" not in fitted

    other = {"namespace": "gemel://elsewhere", "task": "estimate"}
    named = (await http.get(LINEAGE, params=other, headers=viewer)).text.splitlines()
    assert {read(line).job.namespace for line in named} == {"gemel://elsewhere"}
    assert {read(line).run.runId for line in named}.isdisjoint({e.run.runId for e in events})
    later = await http.get(LINEAGE, params={"start": "2100-01-01"}, headers=viewer)
    assert (later.status_code, later.text) == (200, "")


async def test_what_cannot_be_told_is_refused(running: Served, http: httpx.AsyncClient) -> None:
    viewer = bearer(running.access.token("catalogue", "viewer"))
    answer = await http.get(LINEAGE, params={"task": "estimat"}, headers=viewer)
    assert answer.status_code == 404
    assert "did you mean 'estimate'" in answer.json()["message"]
    for namespace in ("no uri", "plant", "gemel://a b", "gemel://" + 300 * "a"):
        answer = await http.get(LINEAGE, params={"namespace": namespace}, headers=viewer)
        assert answer.status_code == 400, namespace
    assert (await http.get(LINEAGE, params={"start": "soon"}, headers=viewer)).status_code == 400


async def test_the_command_writes_what_the_api_tells(running: Served, tmp_path: Path) -> None:
    out = tmp_path / "lineage.ndjson"

    async def gemel(*words: str) -> str:
        given = ["models", "lineage", *words, "--data", str(running.daemon.folder)]
        done = await asyncio.to_thread(CliRunner().invoke, app, given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    printed = await gemel()
    assert [read(line).eventType for line in printed.splitlines()].count("START") == 3
    assert "5 events written" in await gemel("estimate", "--out", str(out))
    assert out.read_text(encoding="utf-8") == printed
    with pytest.raises(Unknown, match="did you mean 'estimate'"):
        await gemel("estimat")
    with pytest.raises(ConfigurationError, match="'no uri' is no URI"):
        await gemel("--namespace", "no uri")
