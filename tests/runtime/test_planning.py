"""Planning through the doors: a line that is pushed to, its snapshot, a what-if from now on, and a
schedule that is planned, released and repaired."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.runtime.doors import bearer
from typer.testing import CliRunner

from gemel.client import Client
from gemel.core.errors import ConfigurationError, GemelError, Refused, Unknown
from gemel.doors.cli.main import app
from gemel.doors.serving import Served, served
from gemel.runtime.configuration import load

PLANT = """\
format: 1
plant: {site: Test, time_zone: Europe/Berlin}
connectors:
  push: {kind: http}
assets:
  line/fill:
    connector: push
    signals:
      state: {type: enumeration, role: state, labels: {2: Stopped, 6: Execute, 9: Aborted}}
      order: {type: text, role: order}
      made: {role: count}
  line/pack:
    connector: push
    after: [line/fill]
    signals:
      state: {type: enumeration, role: state, labels: {2: Stopped, 6: Execute, 9: Aborted}}
      queue: {}
lines:
  line:
    stations:
      fill: {asset: line/fill, time: 1 s}
      pack: {asset: line/pack, time: 2 s, places: 50, waiting: line/pack/queue,
             failures: {jam: {every: {kind: exponential, mean: 1 h}, repair: 5 min}}}
    caps: {line: {}}
schedules:
  day:
    file: day.yaml
    machines: {line: {asset: line/fill, line: line, done: line/fill/made}}
    notice: 1 s
    usual_repair: 20 min
    search: 500 ms
    repair: 300 ms
"""
DAY = """\
schedule: 1
machines: {line: , hand: }
objective: {tardiness: 10, makespan: 1}
products:
  box: {steps: [{name: make, on: {line: {each: 2 s}, hand: {each: 6 s}}}]}
orders:
  - {order: P-1, product: box, quantity: 600}
  - {order: P-2, product: box, quantity: 900}
  - {order: P-3, product: box, quantity: 900}
"""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "day.yaml").write_text(DAY)
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT)
    async with served(load(plant), tmp_path / "data") as answer:
        yield answer


@pytest.fixture
async def client(running: Served, tmp_path: Path) -> Client:
    found = await asyncio.to_thread(Client.of, tmp_path / "data")
    assert found is not None
    return found


async def push(client: Client, **values: Any) -> None:
    """The signals, now: fill__state is that of line/fill."""
    rows = [
        {"signal": f"line/{name.replace('__', '/')}", "time": time.time_ns(), "value": value}
        for name, value in values.items()
    ]
    body = "\n".join(json.dumps(row) for row in rows).encode()
    await asyncio.to_thread(
        client.request, "POST", "/api/connectors/push/samples", content=body,
        headers={"Content-Type": "application/x-ndjson"},
    )  # fmt: skip


async def runs(client: Client, **more: Any) -> None:
    values = {"fill__state": 6, "pack__state": 6, "pack__queue": 30.0, "fill__order": "P-1",
              "fill__made": 400.0}  # fmt: skip
    await push(client, **{**values, **more})
    await asyncio.sleep(2.5)  # operations gather for a second, schedules look once a second


async def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return await asyncio.to_thread(client.post, path, body)


async def get(client: Client, path: str) -> Any:
    return await asyncio.to_thread(client.get, path)


async def test_what_stands_in_the_line_now(client: Client) -> None:
    await runs(client, pack__state=9)
    found = await get(client, "/api/lines/line/now")
    stations = found["snapshot"]["stations"]
    assert stations["pack"]["waiting"][0]["count"] == 30
    assert "repaired_for" in stations["pack"]["busy"][0]
    assert found["parts"] == 32
    assert found["under_caps"] == {"line": 32}
    (line,) = await get(client, "/api/lines")
    assert line["stretches"] == {"line": ["fill", "pack"]}
    asked = {"now": True, "hours": 0.5, "replications": 5, "tries": ["pack.time*0.5"]}
    told = await post(client, "/api/lines/line/what-if", asked)
    as_it_is, faster = told["alternatives"]
    assert told["parts_at_start"] == 32
    assert faster["gain"]["low"] > 0.3
    assert as_it_is["states"]["pack"]["down"] > 0.1, "the jam goes on"
    slow = await post(client, "/api/lines/line/what-if", asked | {"repairs": {"pack": "20 min"}})
    assert slow["alternatives"][0]["states"]["pack"]["down"] > 0.6
    counts = slow["made"]["mean"][0]
    assert counts[0] == 0
    assert counts == sorted(counts)
    with pytest.raises(Unknown, match="pack"):
        await post(client, "/api/lines/line/what-if", asked | {"repairs": {"pick": "1 h"}})
    with pytest.raises(ConfigurationError, match="is not a duration"):
        await post(client, "/api/lines/line/what-if", asked | {"repairs": {"pack": "soon"}})


async def test_nothing_known_is_said(client: Client) -> None:
    found = await get(client, "/api/lines/line/now")
    assert any("is not known" in remark for remark in found["remarks"])


async def test_a_plan_is_made_released_and_repaired(client: Client, tmp_path: Path) -> None:
    await runs(client)
    assert (await get(client, "/api/schedules"))[0]["held"] is None
    with pytest.raises(Unknown, match="no plan"):
        await get(client, "/api/schedules/day/job-orders")
    made = await post(client, "/api/schedules/day/plan", {})
    plan = made["proposed"]
    (running,) = [row for row in plan["rows"] if row["fixed"]]
    assert (running["order"], running["machine"]) == ("P-1", "line")
    took = datetime.fromisoformat(running["end"]) - datetime.fromisoformat(made["now"])
    # 200 are missing, of which 32 stand in the line; a jam comes once an hour.
    assert 250 < took.total_seconds() < 700
    with pytest.raises(Refused, match="not proposed any more"):
        await post(client, "/api/schedules/day/release", {"number": plan["number"] + 1})
    held = await post(client, "/api/schedules/day/release", {"number": plan["number"]})
    assert held["held"]["number"] == plan["number"]
    assert held["proposed"] is None
    (path,) = (tmp_path / "data" / "job-orders").glob("*.csv")
    rows = list(csv.DictReader(path.open()))
    assert {row["job_order"] for row in rows} == {"P-1", "P-2", "P-3"}
    orders = await get(client, "/api/schedules/day/job-orders")
    (first,) = [order for order in orders if order["workOrder"] == "P-1"]
    assert first["jobResponse"]["jobState"] == "Running"
    assert first["jobResponse"]["quantity"] == 400

    await push(client, pack__state=9)
    for _ in range(600):
        found = await get(client, "/api/schedules/day")
        if found["proposed"] and found["proposed"]["stage"] == "planned":
            break
        await asyncio.sleep(0.2)
    assert "broken down" in found["proposed"]["why"]
    (down,) = found["proposed"]["down"]
    assert down["machine"] == "line"
    again = await post(client, "/api/schedules/day/down", {"machine": "line", "takes": "3 h"})
    on_line = [r for r in again["proposed"]["rows"] if r["machine"] == "line" and not r["fixed"]]
    until = again["down"]["line"]["until"]
    assert all(row["start"] >= until[:16] for row in on_line)
    assert again["down"]["line"]["said"]
    number = again["proposed"]["number"]
    thrown = await post(client, "/api/schedules/day/discard", {"number": number})
    assert thrown["proposed"] is None
    assert thrown["held"]["number"] == plan["number"]


async def test_a_bar_is_put_elsewhere(client: Client) -> None:
    await runs(client)
    made = await post(client, "/api/schedules/day/plan", {"seconds": 0.3})
    await post(client, "/api/schedules/day/release", {"number": made["proposed"]["number"]})
    start = datetime.fromisoformat(made["now"]).timestamp() + 7_200
    when = datetime.fromtimestamp(start).astimezone().isoformat()
    body = {"operation": "P-3/make", "machine": "hand", "start": when}
    moved = await post(client, "/api/schedules/day/move", body)
    (row,) = [r for r in moved["proposed"]["rows"] if r["operation"] == "P-3/make"]
    assert row["machine"] == "hand"
    assert abs(datetime.fromisoformat(row["start"]).timestamp() - start) <= 60
    with pytest.raises(Refused, match="has begun"):
        await post(client, "/api/schedules/day/move", body | {"operation": "P-1/make"})


async def test_who_may_plan(running: Served) -> None:
    token = running.access.token("a viewer", "viewer")
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as http:
        seen = await http.get("/api/schedules/day", headers=bearer(token))
        assert seen.status_code == 200
        refused = await http.post("/api/schedules/day/plan", headers=bearer(token), json={})
        assert refused.status_code == 403


async def test_from_the_command_line(client: Client, tmp_path: Path) -> None:
    await runs(client)
    data = ["--data", str(tmp_path / "data")]

    async def gemel(*words: str) -> str:
        told = await asyncio.to_thread(CliRunner().invoke, app, [*words, *data])
        if isinstance(told.exception, GemelError):
            return f"refused: {told.exception}"
        return told.output

    assert "day" in await gemel("plans", "list")
    assert "no plan holds" in await gemel("plans", "show", "day")
    assert "P-2" in await gemel("plans", "make", "day", "--for", "0.3")
    assert "plan 1 holds" in await gemel("plans", "release", "day", "1")
    assert "none late" in await gemel("plans", "show", "day")
    assert "line is down for 120 min" in await gemel("plans", "down", "day", "line", "2 h")
    assert "no machine 'lime'" in await gemel("plans", "down", "day", "lime", "2 h")
    out = tmp_path / "now.yaml"
    assert "32 parts" in await gemel("snapshot", "line", "--output", str(out))
    assert "waiting" in out.read_text()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("line: line, done", "line: lime, done"), "no line 'lime'; did you mean 'line'"),
        (("asset: line/fill, line", "asset: line/fil, line"), "no asset 'line/fil'"),
        (("done: line/fill/made", "done: line/fill/mad"), "no signal 'line/fill/mad'"),
        (("machines: {line: {", "machines: {lyne: {"), "no machine 'lyne'"),
        (("file: day.yaml", "file: night.yaml"), "no such file"),
        (("waiting: line/pack/queue", "waiting: line/pack/queu"), "no signal 'line/pack/queu'"),
    ],
)
def test_a_wrong_plant_file_is_told_with_its_line(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    (tmp_path / "day.yaml").write_text(DAY)
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT.replace(*change))
    with pytest.raises(ConfigurationError) as error:
        load(plant)
    assert told in str(error.value)
    assert "plant.yaml:" in str(error.value)
