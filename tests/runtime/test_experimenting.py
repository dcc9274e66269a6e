"""Experiments of the running twin: played beside it until the best is certain, ended and continued
without losing anything, the same as the command says, and there after a restart."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.twin import Twin, eventually
from tests.runtime.doors import bearer
from typer.testing import CliRunner

from gemel.client import AsyncClient
from gemel.core.errors import ConfigurationError, Refused, Unknown
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
  line/pack:
    connector: push
    after: [line/fill]
    signals:
      state: {type: enumeration, role: state, labels: {2: Stopped, 6: Execute, 9: Aborted}}
      queue: {}
lines:
  line:
    stations:
      fill: {asset: line/fill, time: {mean: 1.8 s, cv: 0.3}}
      pack: {asset: line/pack, time: {mean: 2 s, cv: 0.3}, places: 50, waiting: line/pack/queue,
             failures: {jam: {every: {kind: exponential, mean: 1 h}, repair: 5 min}}}
"""
QUICK = {"play": {"parts": 300}}
ENDLESS = {"play": {"parts": 3000, "most": 100_000}, "difference": 1e-6}
"""Two alternatives that differ by less than can be found out in the time of a test."""
ALIKE = ["pack.time*0.5", "pack.time*0.500001"]


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT)
    return path


@pytest.fixture
async def running(plant: Path) -> AsyncIterator[Served]:
    async with served(load(plant), plant.parent / "data") as answer:
        yield answer


@pytest.fixture
async def client(running: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(running.url, running.daemon.token) as found:
        yield found


async def until(
    client: AsyncClient, number: int, holds: Callable[[dict[str, Any]], Any], patience: float = 300
) -> dict[str, Any]:
    begun = time.monotonic()
    while not holds(found := await client.experiment("line", number)):
        assert found["state"] != "failed", found["trouble"]
        assert time.monotonic() - begun < patience, found
        await asyncio.sleep(0.05)
    return found


def over(found: dict[str, Any]) -> bool:
    return found["state"] not in ("waiting", "running")


def whatif(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["whatif", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_the_best_is_chosen_as_the_command_chooses_it(
    client: AsyncClient, tmp_path: Path
) -> None:
    told = {"objective": "good_parts_per_hour", "limits": {"lead_time_s": {"most": 500}}, **QUICK}
    tries = ["pack.time*0.9", "fill.time*0.9", "pack.repair*2"]
    asked = await client.begin_experiment("line", told, tries, title="Faster packing")
    assert (asked["number"], asked["by"], asked["from"]) == (1, "local", "an empty line")
    second = await client.begin_experiment("line", {**ENDLESS}, ALIKE)
    assert second["state"] == "waiting", "one at a time"
    found = await until(client, 1, over)
    assert found["state"] == "done"
    assert found["result"]["best"] == "pack.time*0.9"
    assert "pack.time*0.9, 95 % sure" in found["sentence"]

    path = client.url + "/api/lines/line/experiments/1/file/"
    files = {}
    for which in ("what-if", "results"):
        answer = await client.request("GET", path + which)
        files[which] = tmp_path / f"{which}.txt"
        files[which].write_bytes(answer.content)
    said = await asyncio.to_thread(whatif, str(files["what-if"]), "--workers", "threads:1")
    assert said == found["result"], "the page and the command do the same, to the last bit"

    third = await client.begin_experiment("line", told | {"play": {"parts": 300, "seed": 2}}, tries)
    await until(client, 2, lambda now: now["progress"])
    await client.stop_experiment("line", 2)
    await until(client, third["number"], over)
    beside = await client.compared_experiments("line", [1, 3])
    (other,) = beside["others"]
    assert other["differing"] == ["seed"]
    assert not other["paired"]
    assert {row["scenario"] for row in other["scenarios"]} == {"as it is", *tries}
    listed = await client.experiments("line")
    assert [one["number"] for one in listed] == [3, 2, 1]
    assert "result" not in listed[0]


async def test_what_is_stopped_goes_on_to_the_same_end(
    client: AsyncClient, running: Served
) -> None:
    play = {"play": {"parts": 4000, "most": 60, "first": 30}, "difference": 1e-6}
    await client.begin_experiment("line", play, ALIKE)
    folder = running.daemon.folder / "experiments" / "1"
    shown = await until(
        client, 1, lambda now: now["progress"] and (folder / "results.json").is_file()
    )
    assert 0 < shown["progress"]["done"] <= shown["progress"]["of"]
    stopped = await client.stop_experiment("line", 1)
    assert stopped["state"] == "stopped"
    kept = json.loads((folder / "results.json").read_text())["values"]["good_parts_per_hour"]
    assert 0 < len(kept[1]) < 60, "what was finished is kept, in the middle of a round, too"
    await client.continue_experiment("line", 1)
    with pytest.raises(Refused, match=r"only what was stopped"):
        await client.continue_experiment("line", 1)
    found = await until(client, 1, over)
    assert found["state"] == "done"
    whole = json.loads((folder / "results.json").read_text())["values"]["good_parts_per_hour"]
    assert whole[1][: len(kept[1])] == kept[1]
    said = await asyncio.to_thread(whatif, str(folder / "what-if.yaml"), "--workers", "threads:1")
    assert said == found["result"]
    with pytest.raises(Refused, match=r"is over"):
        await client.continue_experiment("line", 1)


async def test_time_is_up(client: AsyncClient) -> None:
    await client.begin_experiment("line", ENDLESS, ALIKE, within="4 s")
    found = await until(client, 1, over)
    assert found["state"] == "out of time"
    assert found["played_s"] < 30
    await client.delete_experiment("line", 1)
    assert await client.experiments("line") == []
    again = await client.begin_experiment("line", ENDLESS, ALIKE)
    assert again["number"] == 2, "a number never means another"
    await client.delete_experiment("line", 2)


async def test_a_sweep_and_a_restart(plant: Path) -> None:
    factors = {"pack.time": {"from": 0.9, "to": 1.1}, "pack.places": {"from": 5, "to": 50}}
    sweep = {
        "play": {"parts": 20_000},
        "sweep": {"design": "latin_hypercube", "points": 200, "replications": 12,
                  "factors": factors},
    }  # fmt: skip
    folder = plant.parent / "data" / "experiments" / "1"
    async with (
        served(load(plant), plant.parent / "data") as answer,
        AsyncClient(answer.url, answer.daemon.token) as client,
    ):
        await client.begin_experiment("line", sweep, kind="sweep", now=True)
        await until(client, 1, lambda _: any(folder.glob("runs/*.parquet")))
        await client.begin_experiment("line", QUICK, ["pack.time*0.5"])
    blocks = {path.name: path.stat().st_mtime_ns for path in folder.glob("runs/*.parquet")}
    assert blocks
    assert len(blocks) < 12
    async with (
        served(load(plant), plant.parent / "data") as answer,
        AsyncClient(answer.url, answer.daemon.token) as client,
    ):
        assert (await client.experiment("line", 1))["restarted"]
        found = await until(client, 1, over)
        assert found["state"] == "done"
        assert found["from"] == "the line as it was"
        assert "most is done by pack.time" in found["sentence"]
        after = {path.name: path.stat().st_mtime_ns for path in folder.glob("runs/*.parquet")}
        assert blocks.items() <= after.items(), "nothing was played twice"
        assert len(after) == 12
        assert (await until(client, 2, over))["state"] == "done", "the one that waited, too"
        command = await asyncio.to_thread(whatif, "sweep", str(folder / "what-if.yaml"))
        assert command["effects"] == found["result"]["effects"]
        with pytest.raises(ConfigurationError, match="cannot be compared with"):
            await client.compared_experiments("line", [1, 2])


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({}, "there is nothing to choose from"),
    ({"tries": ["pick.time*0.9"]}, "did you mean 'pack'"),
    ({"tries": ["pack.time*0.9", "pack.time*0.9"]}, "is given twice"),
    ({"tries": ["pack.time"]}, "is no change"),
    ({"tries": ["as it is"]}, "changes something"),
    ({"tries": ["pack.time*0.9"], "experiment": {"line": "x"}}, "line: is the one of the"),
    ({"tries": ["pack.time*0.9"], "experiment": {"objective": "joy"}}, "objective: is 'joy'"),
    ({"tries": ["pack.time*0.9"], "experiment": {"play": {"horizon": "8 x"}}}, "play.horizon"),
    ({"tries": ["pack.time*0.9"], "repairs": {"pack": "1 h"}}, "from now on"),
    ({"tries": ["pack.time*0.9"], "within": "soon"}, "within"),
    ({"kind": "sweep"}, "has no `sweep`"),
    (
        {"kind": "sweep", "experiment": {"sweep": {"factors": {"pack.time": [1]}}}},
        "a list of one value is no factor",
    ),
    (
        {"kind": "sweep", "experiment": {
            "sweep": {"points": 9_000_000, "factors": {"pack.time": [1, 2]}}}},
        "beside the twin",
    ),
]  # fmt: skip


async def test_mistakes_are_told_before_anything_is_played(client: AsyncClient) -> None:
    for body, said in MISTAKES:
        with pytest.raises(ConfigurationError) as error:
            await client.post("/api/lines/line/experiments", body)
        assert said in str(error.value)
    assert await client.experiments("line") == []


async def test_who_may(client: AsyncClient, running: Served) -> None:
    await client.begin_experiment("line", QUICK, ["pack.time*0.9"])
    path = "/api/lines/line/experiments"
    secrets = {
        role: running.access.token(role, role, None, "local") for role in ("viewer", "operator")
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as http:
        assert (await http.get(path)).status_code == 401
        head = bearer(secrets["viewer"])
        assert (await http.get(path, headers=head)).status_code == 200
        assert (await http.post(path, headers=head, json={})).status_code == 403
        assert (await http.post(f"{path}/1/stop", headers=head)).status_code == 403
        head = bearer(secrets["operator"])
        answer = await http.delete(f"{path}/1", headers=head)
        assert answer.status_code == 403, "somebody else's"
        assert (await http.post(f"{path}/1/stop", headers=head)).status_code == 200
    with pytest.raises(Unknown, match="no experiment 7; there are: 1"):
        await client.experiment("line", 7)
    with pytest.raises(Unknown, match="no line 'lime'; did you mean 'line'"):
        await client.experiments("lime")


def told(data: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(app, ["experiments", *arguments, "--data", str(data)])
    assert done.exit_code == 0, f"{done.output} {done.exception}"
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


async def test_the_commands(running: Served, tmp_path: Path) -> None:
    data = running.daemon.folder
    (tmp_path / "what-if.yaml").write_text(
        "line: elsewhere.yaml\nplay: {parts: 300}\nscenarios: {quick: {changes: {pack.time: -9 %}}}"
    )

    def commands() -> None:
        assert "nothing was asked yet" in told(data, "list")
        file = str(tmp_path / "what-if.yaml")
        found = told(data, "begin", "line", file, "--try", "fill.time*0.99", "--wait", "--json")
        assert found["result"]["best"] == "quick"
        shown = told(data, "show", "line", "1")
        assert "done: most parts/h: quick, 95 % sure" in shown
        assert "fill.time*0.99" in shown
        told(data, "begin", "line", "--try", "pack.time*0.5", "--within", "20 min")
        told(data, "stop", "line", "2")
        assert [one["number"] for one in told(data, "list", "--json")] == [2, 1]
        if told(data, "show", "line", "2", "--json")["state"] == "stopped":
            assert "goes on" in told(data, "continue", "line", "2")
        assert told(data, "show", "line", "2", "--wait", "--json")["state"] == "done"
        both = told(data, "compare", "line", "1", "2", "--json")
        assert both["others"][0]["only_in_one"] == ["fill.time*0.99", "pack.time*0.5", "quick"]
        assert "what differs in 1 and 2" in told(data, "compare", "line", "1", "2")
        told(data, "file", "line", "1", "-o", str(tmp_path / "again.yaml"))
        assert whatif(str(tmp_path / "again.yaml")) == found["result"]
        assert "gone" in told(data, "delete", "line", "2")

    await asyncio.to_thread(commands)


def test_a_twin_that_is_killed_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    twin = Twin(tmp_path, PLANT)
    twin.start()
    try:
        play = {"play": {"parts": 6000, "most": 60, "first": 60}, "difference": 1e-6}
        path = "/api/lines/line/experiments"
        twin.running.post(path, {"experiment": play, "tries": ALIKE})
        results = twin.data / "experiments" / "1" / "results.json"
        eventually(results.exists, "something is kept")
        twin.end()
        kept = json.loads(results.read_text())["values"]["good_parts_per_hour"][1]
        twin.start()
        eventually(lambda: twin.running.get(f"{path}/1")["state"] == "done", "it goes on")
        found = twin.running.get(f"{path}/1")
        assert found["restarted"]
        whole = json.loads(results.read_text())["values"]["good_parts_per_hour"][1]
        assert 0 < len(kept) <= len(whole)
        assert whole[: len(kept)] == kept
    finally:
        twin.end(signal.SIGTERM)


def test_what_a_library_prints_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    (tmp_path / "what-if.yaml").write_text(
        "line: {stations: {fill: {time: 1 s}}}\n"
        "scenarios: {quick: {changes: {fill.time: '*0.5'}}}\n"
    )
    program = (
        "import sys; from pathlib import Path\n"
        "from gemel.runtime import experiment_process as it\n"
        "real = it.compare\n"
        "it.compare = lambda *some, **more: (print('3', flush=True), real(*some, **more))[1]\n"
        "sys.exit(it.main(Path(sys.argv[1]), 'best'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], input="", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert "done" in told[-1]
    assert all(isinstance(one, dict) for one in told)
    assert done.stderr.strip() == "3"
