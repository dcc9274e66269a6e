"""Tasks about failures and about what is normal, through the doors of a running twin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.learning.live import PLANT
from tests.learning.openlineage import read, runs
from tests.learning.test_live_anomaly import DETECTOR, ODD
from tests.learning.test_live_failure import FAILS
from tests.runtime.doors import bearer
from tests.runtime.reloading import until
from typer.testing import CliRunner

from gemel.client import Client
from gemel.core.event import Event
from gemel.core.time import SECOND
from gemel.doors.cli.main import app
from gemel.doors.serving import Served, served
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import load
from gemel.runtime.reloading import read_again

ALARMS = """\
alarms:
  breaks: {asset: press, when: fails_within_20_s > 0.5, response: change the part}
  strange: {asset: press, when: odd > 3, response: look at it}
"""
TEXT = PLANT + FAILS + ODD


def samples(start: int, end: int, random: np.random.Generator) -> str:
    """Of a press whose part lasts 100 to 200 s; the last one is about to fail at `end`."""
    rows, wear, pace = [], 12.0, 0.0
    worn = 9.7 - 0.075 * np.arange((end - start) // SECOND)[::-1]
    for number, time in enumerate(range(start, end, SECOND)):
        if wear > 10.5:
            wear, pace = 0.0, 10 / random.uniform(100, 200)
        wear += pace * random.uniform(0.5, 1.5)
        if worn[number] > 0:
            wear = float(worn[number])
        force = random.normal(50, 2)
        values = {"force": force, "thickness": 0.1 * force + random.normal(0, 0.01), "wear": wear}
        for name, value in {**values, "state": 6}.items():
            rows.append({"signal": f"press/{name}", "time": time, "value": value})
    return "\n".join(map(json.dumps, rows))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Served]:
    """A twin that was given half an hour when it began, in which ten parts failed."""
    plant = tmp_path / "plant.yaml"
    plant.write_text(TEXT + ALARMS, encoding="utf-8")
    async with served(load(plant), tmp_path / "data") as found:
        client = await asyncio.to_thread(Client.of, tmp_path / "data")
        assert client is not None
        now, random = system_clock(), np.random.default_rng(0)

        async def push(start: int, end: int) -> None:
            text = samples(start, end, random).encode()
            await asyncio.to_thread(client.push, "push", text, "application/x-ndjson")

        await push(now - 1_800 * SECOND, now)
        rooms = found.daemon.rooms
        learner, watch = rooms.learners["fails"], rooms.watches["odd"]
        await until(lambda: learner.champion and watch.state == "watching")
        await push(now, now + 2 * SECOND)
        await until(lambda: learner.last is not None and watch.last is not None)
        yield found


async def test_they_are_told_as_signals_on_all_ways(running: Served, tmp_path: Path) -> None:
    daemon = running.daemon
    viewer = bearer(running.access.token("screen", "viewer"))

    async def state(path: str) -> Any:
        answer = await http.get("/api/state", params={"signal": path}, headers=viewer)
        (found,) = (one for one in answer.json()["signals"] if one["path"] == path)
        return found["value"]

    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as http:
        models = (await http.get("/api/models", headers=viewer)).json()
        (task,), (detector,) = models["tasks"], models["detectors"]
        near, far = task["last"]["chances"]
        assert (near["horizon"], near["unit"], far["horizon"]) == (20, "s", 60)
        assert near["chance"] > 0.5
        assert near["warns"] is True
        assert await state("press/fails_within_20_s") == near["chance"]
        assert await state("press/fails_warn_60_s") == 1
        assert (detector["name"], detector["score"]) == ("odd", "press/odd")
        _, score, limit = detector["last"]
        assert await state("press/odd") == pytest.approx(score / limit)
        wall = {"Cookie": f"gemel_session={running.access.token('wall', 'viewer')}"}
        for path, words in (("/health", "chance of failure"), ("/models", "press · failure")):
            page = (await http.get(path, headers=wall)).text
            assert words in page
            assert f"<b>{near['chance']:.0%}" in page.replace(" %", "%")
            assert "within 20 s" in page
            assert 'data-scale="0|1"' in page
            assert " warned" in page
        await until(lambda: daemon.store.events("alarm"))
        assert {e.source for e in daemon.store.events("alarm")} == {"alarms.breaks"}

    given = ["models", "list", "--data", str(daemon.folder)]
    told = (await asyncio.to_thread(CliRunner().invoke, app, given)).stdout
    assert "within 20 s (warned)" in " ".join(told.split())
    assert "watching" in told

    # A person has the detector fitted again: the new model scores beside it, and raises nothing.
    watch = daemon.rooms.watches["odd"]

    async def command(*words: str) -> str:
        given = [*words, "--data", str(daemon.folder)]
        result = await asyncio.to_thread(CliRunner().invoke, app, given)
        assert result.exit_code == 0, result.output
        return result.stdout

    await command("models", "fit", "odd", "--because", "it has much more to learn from")
    await until(lambda: watch.report()["candidate"])
    first, shown = watch.champion, json.loads(await command("models", "show", "odd", "--json"))
    second = shown["candidate"]["model"]
    assert (shown["model"], second != first) == (first, True)
    assert shown["candidate"]["evidence"]["rows"]["all"] > 1_000
    assert second in await command("models", "show", "odd")
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as http:
        page = (await http.get("/models", headers=wall)).text
        assert "a new model is in shadow" in page
        assert second[:8] in page
        assert second[:8] not in (await http.get("/health", headers=wall)).text
        refused = await http.post("/api/models/odd/fit", headers=viewer)
        assert refused.status_code == 403
        # What it notices is no finding of the twin, and can be answered.
        now, noticed = system_clock(), {"detector": "odd", "model": second, "title": "odd"}
        event = Event("shadow_finding", "press", now, "odd shadow", now, now, noticed)
        daemon.pipeline.emit([event])
        await until(lambda: daemon.store.events("shadow_finding"))
        assert event.id not in (await http.get("/api/findings", headers=viewer)).text
        await command("labels", "answer", event.id, "wrong")
        await until(lambda: daemon.store.events("label"))
        (told,) = daemon.store.events("label")
        assert (told.payload["finding"], told.payload["detector"]) == (event.id, "odd")
    await command("models", "champion", "odd", second, "--reason", "it knows more")
    assert watch.champion == second
    assert watch.report()["former"]["model"] == first
    await until(lambda: sum(e.payload["task"] == "odd" for e in daemon.store.events("model")) == 5)
    steps = json.loads(await command("models", "history", "odd", "--json"))
    assert [s["step"] for s in reversed(steps)] == [
        "fitted", "champion", "fitted", "shadow", "champion"
    ]  # fmt: skip
    out = tmp_path / "lineage.ndjson"
    await command("models", "lineage", "odd", "--out", str(out))
    runs([read(line) for line in out.read_text().splitlines()])
    assert "champions/odd" in out.read_text()
    assert "signals/press/odd" in out.read_text(), "its score"
    assert any(e.draft.kind == "model promoted" for e in daemon.rooms.journal.entries())

    # The same as a detector: it tells no score any more, and keeps its model.
    model = daemon.rooms.watches["odd"].model_id
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT + FAILS + DETECTOR, encoding="utf-8")
    change = await read_again(daemon, "eva")
    assert "odd" in change.sentence
    watch = daemon.rooms.watches["odd"]
    assert (watch.model_id, watch.report()["score"]) == (model, None)
    assert daemon.rooms.learners["fails"].champion
