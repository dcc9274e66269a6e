"""Beside the running twin: other layouts as alternatives, lines that do not exist yet, and more
replications where those that were allowed are spent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.runtime.test_experimenting import ALIKE, PLANT, over, told, until, whatif

from gemel.client import AsyncClient
from gemel.core.errors import ConfigurationError, Refused
from gemel.doors.serving import Served, served
from gemel.runtime.configuration import load
from gemel.runtime.experiments import plan_of, read_experiment

OTHER = """\
  spare:
    title: The spare line
    stations:
      fill: {time: {mean: 1.7 s, cv: 0.3}}
      pack: {time: {mean: 1.9 s, cv: 0.3}, places: 50}
"""
LAYOUT = """\
# One machine that does both
stations:
  fill: {time: {mean: 1.2 s, cv: 0.3}}
  check: {time: 1 s, places: 5}
  pack: {time: {mean: 1.4 s, cv: 0.3}, places: 50}
"""
TEXT = """\
scenarios:
  without checks:
    cost: 20000
    line:
      stations:
        fill: {time: {mean: 1.5 s, cv: 0.3}}
        pack: {time: {mean: 1.6 s, cv: 0.3}, places: 10}
"""
NEW = """\
line: new.yaml
play: {parts: 100}
cost: {per_hour: 60}
new:
  demand: 2500 per hour
  samples: 60
  tolerances: {pack.time: {from: '*0.9', to: '*1.2'}}
  ramp_up: {weeks: 3, time: 2}
"""
QUICK = {"play": {"parts": 300}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("twin")
    (folder / "plant.yaml").write_text(PLANT + OTHER)
    async with served(load(folder / "plant.yaml"), folder / "data") as answer:
        yield answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(running: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(running.url, running.daemon.token) as found:
        yield found


async def done(client: AsyncClient, asked: dict[str, Any]) -> dict[str, Any]:
    return await until(client, asked["number"], over)


def file_of(running: Served, found: dict[str, Any]) -> Path:
    return running.daemon.folder / "experiments" / str(found["number"]) / "what-if.yaml"


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_other_layouts_are_alternatives(client: AsyncClient, running: Served) -> None:
    asked = await client.begin_experiment(
        "line", QUICK, ["pack.time*0.9"], text=TEXT, layouts=["spare", "both.yaml"],
        files={"both.yaml": LAYOUT},
    )  # fmt: skip
    found = await done(client, asked)
    rows = [(row["scenario"], row["title"]) for row in found["result"]["scenarios"]]
    assert rows == [
        ("as it is", "as it is"), ("without checks", "without checks"),
        ("pack.time*0.9", "pack.time*0.9"), ("spare", "The spare line"), ("both", "both"),
    ]  # fmt: skip
    assert found["result"]["best"] == "both"
    assert found["certain"]
    path = file_of(running, found)
    assert "# As it was in both.yaml." in path.read_text()
    said = await asyncio.to_thread(whatif, str(path), "--workers", "threads:1")
    assert said == found["result"], "the file holds all lines, and says the same"


async def test_a_layout_begins_with_the_same_parts_or_not_at_all(
    client: AsyncClient, running: Served
) -> None:
    """Nobody tells what the machines do: a part is taken to be at each of them."""
    begin = client.begin_experiment
    asked = await begin("line", QUICK, layouts=["both.yaml"], files={"both.yaml": LAYOUT}, now=True)
    assert asked["parts_at_start"] == 2
    assert len(plan_of(read_experiment(file_of(running, asked))).variants) == 2
    await client.delete_experiment("line", asked["number"])
    renamed = {"both.yaml": LAYOUT.replace("pack:", "packer:")}
    with pytest.raises(ConfigurationError, match="1 part at 'pack', which it has not; begin with"):
        await begin("line", QUICK, layouts=["both.yaml"], files=renamed, now=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"layouts": ["both.yaml"], "files": {"both.yaml": LAYOUT.replace("time: 1 s", "tim: 1")}},
         "both.yaml:4: stations.check.time: is missing"),
        ({"layouts": ["both.yaml"], "files": {"both.yaml": "stations: [\n"}}, "both.yaml:2: "),
        ({"layouts": ["spar"]}, "scenarios.spar.line: 'spar' is neither a file"),
        ({"layouts": ["spar"]}, "did you mean 'spare'"),
        ({"layouts": ["spare"], "text": "scenarios: {spare: {cost: 1}}"}, "'spare' is given twice"),
        ({"text": TEXT.replace("places: 10", "places: ten"), "name": "mine.yaml"},
         "mine.yaml:7: scenarios.without checks.line.stations.pack.places"),
        ({"text": LAYOUT}, "is a line; as another layout"),
        ({"kind": "sweep", "layouts": ["spare"]}, "are of the kind `best`"),
        ({"kind": "design", "text": NEW}, "line: 'new.yaml' is neither a file"),
        ({"kind": "design", "text": NEW, "files": {"new.yaml": LAYOUT}, "now": True},
         "nothing stands in a line that does not exist yet"),
        ({"kind": "design", "text": NEW.replace("pack.time", "pakc.time"),
          "files": {"new.yaml": LAYOUT}}, "tolerance 'pakc.time': no station 'pakc'"),
        ({"kind": "design"}, "has no `new`"),
        ({"kind": "design", "files": {"new.yaml": LAYOUT},
          "text": NEW.replace("samples: 60", "samples: 1000000")}, "at most 100,000 beside"),
    ],
)  # fmt: skip
async def test_mistakes_are_told_where_they_are(
    client: AsyncClient, body: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        await client.post("/api/lines/line/experiments", body)
    assert said in str(error.value)


async def test_a_line_that_does_not_exist_yet(client: AsyncClient, running: Served) -> None:
    asked = await client.begin_experiment(
        "line", {}, kind="design", text=NEW, files={"new.yaml": LAYOUT}, title="A new hall"
    )
    found = await done(client, asked)
    assert found["state"] == "done", found["trouble"]
    result = found["result"]
    assert (result["samples"], len(result["ramp_up"])) == (60, 3)
    assert "2500 good parts per hour are reached with" in found["sentence"]
    path = file_of(running, found)
    said = await asyncio.to_thread(whatif, "design", str(path), "--workers", "threads:1")
    assert said == result, "page and command say the same, to the last bit"
    number = str(found["number"])
    shown = await asyncio.to_thread(told, running.daemon.folder, "show", "line", number)
    assert "2500 good parts per hour are reached with" in shown
    assert "cost of a good part" in shown
    longer = NEW.replace("samples: 60", "samples: 4000").replace("parts: 100", "parts: 3000")
    asked = await client.begin_experiment(
        "line", {"line": "spare"}, kind="design", text=longer.replace("line: new.yaml\n", "")
    )
    seen = await until(client, asked["number"], lambda now: now["sentence"] and now["progress"])
    assert not seen["result"]["finished"]
    stopped = await client.stop_experiment("line", asked["number"])
    kept = json.loads(file_of(running, asked).with_name("results.json").read_text())["values"]
    rate = kept["good_parts_per_hour"][0]
    assert stopped["state"] == "stopped"
    assert 0 < len(rate) < 4000
    await client.continue_experiment("line", asked["number"])
    more = await until(
        client, asked["number"], lambda now: (now["progress"] or {"done": 0})["done"] > len(rate)
    )
    assert more["state"] == "running"
    await client.stop_experiment("line", asked["number"])
    kept = json.loads(file_of(running, asked).with_name("results.json").read_text())["values"]
    assert kept["good_parts_per_hour"][0][: len(rate)] == rate, "nothing was played twice"
    both = await client.compared_experiments("line", [found["number"], asked["number"]])
    assert [one["result"]["demand_per_hour"] for one in both["experiments"]] == [2500, 2500]


async def test_spent_replications_are_added_to(client: AsyncClient, running: Served) -> None:
    play = {"play": {"parts": 300, "most": 23}, "difference": 1e-6}
    asked = await client.begin_experiment("line", play, ALIKE)
    found = await done(client, asked)
    assert (found["state"], found["spent"]) == ("done", True)
    number = found["number"]
    results = file_of(running, found).with_name("results.json")
    before = json.loads(results.read_text())["values"]["good_parts_per_hour"][1]
    with pytest.raises(Refused, match="are spent; say `most`"):
        await client.continue_experiment("line", number)
    with pytest.raises(ConfigurationError, match="most: is 23, must be above 23"):
        await client.continue_experiment("line", number, most=23)
    data = running.daemon.folder
    shown = await asyncio.to_thread(told, data, "show", "line", str(number))
    assert f"gemel experiments continue line {number} --most" in shown
    await asyncio.to_thread(told, data, "continue", "line", str(number), "--most", "41")
    stopped = await client.stop_experiment("line", number)
    assert stopped["state"] == "stopped", "and not over, at whatever it was"
    await client.continue_experiment("line", number)
    found = await done(client, found)
    after = json.loads(results.read_text())["values"]["good_parts_per_hour"][1]
    assert (len(before), len(after)) == (23, 41)
    assert after[:23] == before
    said = await asyncio.to_thread(whatif, str(file_of(running, found)), "--workers", "threads:1")
    assert said == found["result"]


async def test_the_commands(client: AsyncClient, running: Served, tmp_path: Path) -> None:
    """Lines that a file names go with it, from beside it or from the plant file."""
    data = running.daemon.folder
    (tmp_path / "new.yaml").write_text(LAYOUT)
    (tmp_path / "design.yaml").write_text(NEW)
    (tmp_path / "what-if.yaml").write_text(
        "play: {parts: 300}\nscenarios: {one: {line: new.yaml}, two: {line: spare}}"
    )
    robot = tmp_path / "robot.yaml"
    robot.write_text("stations: {robot: {time: 1 s}}")

    def begin(file: str, *more: str) -> dict[str, Any]:
        found: dict[str, Any] = told(data, "begin", "line", str(tmp_path / file), *more, "--json")
        return found

    best = await asyncio.to_thread(begin, "what-if.yaml", "--layout", str(robot))
    plan = plan_of(read_experiment(file_of(running, best)))
    assert plan.names == ("as it is", "one", "two", "robot")
    assert [v.line.names for v in plan.variants[1:]] == [
        ("fill", "check", "pack"), ("fill", "pack"), ("robot",)
    ]  # fmt: skip
    new = await asyncio.to_thread(begin, "design.yaml", "--design")
    assert read_experiment(file_of(running, new)).line.names == ("fill", "check", "pack")
    for found in (best, new):
        await client.delete_experiment("line", found["number"])
