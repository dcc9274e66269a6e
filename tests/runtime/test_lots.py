"""Lots through the doors: from samples and statements to a release record that is verified."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.runtime.doors import bearer
from typer.testing import CliRunner

from gemel.client import Client
from gemel.core.errors import Unknown
from gemel.core.event import Event
from gemel.core.time import SECOND, isoformat
from gemel.doors.cli.main import app
from gemel.doors.serving import Served, served
from gemel.runtime.access import Actor
from gemel.runtime.configuration import load
from gemel.runtime.releases import sealed
from gemel.twin.decisions.record import check, check_chain

PLANT = """\
format: 1
plant: {site: Test, time_zone: Europe/Berlin}
connectors:
  push: {kind: http}
assets:
  line/mixer: {connector: push, signals: {lot: {type: text, role: lot}}}
  line/filler:
    connector: push
    signals:
      batch: {type: text}
      level: {unit: ml, specification: {lower: 490, upper: 510}}
  line/filler/valve:
    connector: push
    signals: {open: {unit: s, role: quality}}
  line/packer: {connector: push, signals: {speed: {unit: 1/h}}}
operations:
  assets:
    line/filler: {lot: batch}
    line/mixer: {remains: 5 s}
"""
PASSWORD = "correct horse battery"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "plant.yaml").write_text(PLANT)
    async with served(load(tmp_path / "plant.yaml"), tmp_path / "data") as answer:
        yield answer


class Line:
    """What a test says to the twin; `t` is seconds after the beginning, an hour ago."""

    def __init__(self, running: Served, client: Client) -> None:
        self.running, self.client = running, client
        self.begin = running.daemon.clock() - 3_600 * SECOND

    def at(self, t: float) -> str:
        return isoformat(self.begin + round(t * SECOND))

    async def push(self, **values: list[tuple[float, Any]]) -> None:
        rows = [
            {"signal": f"line/{name.replace('__', '/')}", "time": self.begin + round(t * SECOND),
             "value": value}
            for name, some in values.items() for t, value in some
        ]  # fmt: skip
        body = "\n".join(json.dumps(row) for row in sorted(rows, key=lambda r: r["time"]))
        await asyncio.to_thread(self.client.push, "push", body.encode(), "application/x-ndjson")

    async def get(self, path: str, **params: Any) -> Any:
        return await asyncio.to_thread(self.client.get, f"/api/lots{path}", params)

    async def post(self, path: str, **body: Any) -> Any:
        return await asyncio.to_thread(self.client.post, f"/api/lots/{path}", body)


@pytest.fixture
async def line(running: Served, tmp_path: Path) -> Line:
    client = await asyncio.to_thread(Client.of, tmp_path / "data")
    assert client is not None
    line = Line(running, client)
    await line.push(
        mixer__lot=[(0, "M1"), (100, "M2"), (200, "M3"), (300, "")],
        filler__batch=[(50, "F1"), (150, "F2"), (250, "")],
        filler__level=[(50 + i, 500 + (i % 7) - 3) for i in range(100)]
        + [(150 + i, 509 + (i % 5)) for i in range(60)],
        filler__valve__open=[(50 + i, 2 + (i % 7) / 10) for i in range(190)],
    )
    await line.post("made", statements=[
        {"made": "F1", "of": [{"lot": "M1", "quantity": 80, "unit": "kg"}], "asset": "line/filler",
         "start": line.at(50), "end": line.at(90)},
        {"made": "F2", "of": [{"lot": "M1"}, {"lot": "M2"}], "asset": "line/filler",
         "start": line.at(150), "end": line.at(240)},
    ])  # fmt: skip
    return line


def names(items: list[Any]) -> dict[str, bool]:
    return {item["lot"]: item["sure"] for item in items}


async def test_lots_are_traced_both_ways_as_of_any_time(line: Line, running: Served) -> None:
    found = await line.get("")
    assert {i["lot"]: i["assets"] for i in found["items"]} == {
        "M1": ["line/mixer"], "M2": ["line/mixer"], "M3": ["line/mixer"],
        "F1": ["line/filler"], "F2": ["line/filler"],
    }  # fmt: skip
    forward = (await line.get("/trace", lot="M1"))["items"]
    # M2 came into the mixer within 5 s after M1 had gone, M3 after M2.
    assert names(forward) == {"F1": True, "F2": True, "M2": False, "M3": False}
    backward = (await line.get("/trace", lot="F1", direction="backward"))["items"]
    assert names(backward) == {"M1": True}
    now = isoformat(running.daemon.clock())
    # A late sample: the mixer had another lot for a while.
    await line.push(mixer__lot=[(20, "M0"), (40, "M1")])
    assert "M0" in names((await line.get(""))["items"] and (
        await line.get("/suspects", asset="line/mixer", start=line.at(25), end=line.at(30))
    )["items"])  # fmt: skip
    then = await line.get(
        "/suspects", asset="line/mixer", start=line.at(25), end=line.at(30), as_of=now
    )
    assert "M0" not in names(then["items"])
    with pytest.raises(Exception, match="no lot 'M9'"):
        await line.get("/trace", lot="M9")


async def test_a_window_reaches_what_was_there_and_what_was_made_of_it(
    line: Line, running: Served
) -> None:
    found = await line.get("/suspects", asset="line/mixer", start=line.at(95), end=line.at(99))
    # F1 took of M1 until 90 only: it is sound. F2 took of it later.
    assert names(found["items"]) == {"M1": True, "F2": True, "M2": False, "M3": False}
    way = next(i["way"] for i in found["items"] if i["lot"] == "F2")
    assert [(s["how"], s["lot"], s["of"], s["asset"]) for s in way] == [
        ("was there", "M1", "", "line/mixer"), ("made of", "F2", "M1", "line/filler"),
    ]  # fmt: skip
    # What has no lot signal of its own takes that of what it is part of, perhaps.
    found = await line.get(
        "/suspects", asset="line/filler/valve", start=line.at(60), end=line.at(61)
    )
    assert names(found["items"]) == {"F1": False}
    assert "line/filler/valve tells no lot" in found["notes"][0]
    with pytest.raises(Exception, match="window begins"):
        await line.get("/suspects", asset="line/mixer", start=line.at(9), end=line.at(8))
    finding = Event("finding", "line/filler", line.begin + 160 * SECOND, "x", end=line.begin
                    + 170 * SECOND, payload={"title": "odd", "detector": "x"})  # fmt: skip
    running.daemon.pipeline.emit([finding])
    await line.push(packer__speed=[(1, 1)])  # returns when it is on disk, and so is the finding
    held = await line.post("hold", finding=finding.id, reason="odd level")
    assert [one["lot"] for one in held] == ["F2"]
    hold = held[0]["holds"][0]
    assert (hold["by"], hold["reason"]) == ("local", "odd level")
    assert hold["why"]["finding"] == finding.id
    step = hold["way"][0]
    assert (step["asset"], step["start"]) == ("line/filler", line.at(160))
    assert (await line.get("/about", lot="F2"))["holds"] == [hold]


async def test_a_lot_on_hold_goes_on_and_is_told(line: Line, running: Served) -> None:
    told: list[Event] = []
    end = running.daemon.listen(told.extend)
    await line.post("hold", lots=["F9"], reason="glass")
    now = running.daemon.clock()
    await line.push(filler__batch=[((now - line.begin) / SECOND, "F9")])
    async with asyncio.timeout(120):
        while not (found := [e for e in told if e.kind == "lot_on_hold"]):  # noqa: ASYNC110 - it is told, not awaited
            await asyncio.sleep(0.02)
    end()
    assert found[0].payload["sentence"] == "F9 is on hold (glass), and came to line/filler"
    assert found[0].subject == "line/filler"


async def test_a_release_is_signed_by_a_person_and_verified_without_the_twin(
    line: Line, running: Served, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    running.access.set_person("Ada", "engineer", PASSWORD)
    running.access.set_person("Bob", "operator", PASSWORD)

    async def refused(said: str, **body: Any) -> None:
        with pytest.raises(Exception, match=said):
            await line.post(
                "release", **{"lot": "F1", "person": "Ada", "password": PASSWORD, **body}
            )

    about = await line.get("/about", lot="F1")
    assert about["speaks_against_it"] == []
    (level,) = about["measured"][:1]
    assert (level["signal"], level["outside"]) == ("line/filler/level", 0)
    assert (level["least"], level["most"]) == (497, 503)
    assert [m["lot"] for m in about["made_of"]] == ["M1"]
    jumped = await line.get("/about", lot="F2")
    level = jumped["measured"][0]
    assert (level["values"], level["outside"]) == (60, 36)  # 511, 512 and 513 of 509 to 513
    assert any("36 of 60 values" in point for point in jumped["speaks_against_it"])
    broken = [m["rules_broken"] for m in (*about["measured"], *jumped["measured"])]
    assert not any("<" in sentence for some in broken for sentence in some)
    await refused("wrong", password="wrong password")
    await refused("needs the role engineer", person="Bob")
    await refused("no lot 'F7'", lot="F7")
    await refused("more is known", content="0" * 64)
    await refused("say in the comment", lot="F2")
    await line.post("hold", lots=["F1"], reason="label is missing")
    await refused("on hold", content=about["content"])
    await line.post("clear", lots=["F1"], reason="label was found")
    await refused("more is known", content=about["content"])
    await refused("was on hold")
    signed = await line.post("release", lot="F1", person="Ada", password=PASSWORD,
                             comment="label put on")  # fmt: skip
    await line.post("release", lot="F2", person="Ada", password=PASSWORD, comment="customer agreed")
    again = await line.post("release", lot="F1", person="Ada", password=PASSWORD, comment="reprint")
    assert (await line.get("/about", lot="F1"))["state"] == "released"

    session = running.access.token("x", "viewer")
    files = []
    for name in (signed["record"], again["record"]):
        answer = await http.get(f"/api/lots/records/{name}", headers=bearer(session))
        files.append(tmp_path / f"{name[:8]}.json")
        files[-1].write_bytes(answer.content)
    record = json.loads(files[1].read_bytes())["record"]
    assert (record["version"], record["supersedes"]) == (2, signed["record"])
    assert record["signed"]["by"] == "Ada"
    assert record["holds"][0]["disposition_reason"] == "label was found"
    key = tmp_path / "plant.pub"
    key.write_text((await line.get("/key"))["pem"])
    journal = running.daemon.rooms.journal
    assert not journal.verify()
    first = journal.entries(kind="lot-released", limit=1)
    assert [e.draft.payload["record"] for e in first] == [signed["record"]]

    cli = CliRunner()
    one = cli.invoke(app, ["lots", "verify", str(files[0]), "--key", str(key)])
    assert (one.exit_code, "as it was signed" in one.output) == (0, True), one.output
    both = cli.invoke(app, ["lots", "verify", *map(str, files), "--key", str(key), "--json"])
    assert both.exit_code == 1
    assert "is missing" in json.loads(both.output)["between"][0]  # that of F2, between them
    files[0].write_text(files[0].read_text().replace("label put on", "label put in"))
    altered = cli.invoke(app, ["lots", "verify", str(files[0]), "--key", str(key)])
    assert (altered.exit_code, "was altered" in altered.output) == (1, True)

    data = ["--data", str(tmp_path / "data")]

    def ask(*words: str) -> Any:
        done = cli.invoke(app, ["lots", *words, *data])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    assert "released" in await asyncio.to_thread(ask, "list")
    shown = await asyncio.to_thread(ask, "show", "F2")
    assert "outside" in shown
    assert "against a release" in shown
    assert "went into F2" in await asyncio.to_thread(ask, "trace", "M2")
    await asyncio.to_thread(ask, "made", "P1", "--of", "F2", "--asset", "line/packer")
    found = json.loads(await asyncio.to_thread(
        ask, "suspects", "--asset", "line/packer", "--from", "-1min", "--json"
    ))  # fmt: skip
    assert set(names(found["items"])) == {"P1"}  # F2 went into it, and was not made there
    assert "on hold: P1" in await asyncio.to_thread(ask, "hold", "P1", "--reason", "wet")
    assert "scrapped" in await asyncio.to_thread(ask, "scrap", "P1", "--reason", "wet")


async def test_a_release_that_was_not_finished_makes_no_fork(
    line: Line, running: Served, tmp_path: Path
) -> None:
    running.access.set_person("Ada", "engineer", PASSWORD)
    daemon, ada = running.daemon, Actor("Ada", "engineer")
    asked = {"person": "Ada", "password": PASSWORD, "comment": "all good"}
    first = await line.post("release", lot="F1", **asked)
    # It is on disk, and Gemel ends before the journal has it.
    lost, _ = await asyncio.to_thread(
        sealed, daemon, "F1", ada, "released", "again", "", daemon.rooms.lots.book.copy()
    )
    with pytest.raises(Unknown, match=f"no release record '{lost}'"):
        await asyncio.to_thread(line.client.get, f"/api/lots/records/{lost}")
    second = await line.post("release", lot="F1", **asked)
    folder = tmp_path / "data" / "releases"
    files = sorted(folder.glob("*.json"))
    assert {path.stem for path in files} == {first["record"], second["record"]}
    assert check_chain([check(path.read_bytes()) for path in files]) == []
    assert [path.stem for path in (folder / "unfinished").iterdir()] == [lost]


async def test_a_record_says_what_is_too_much_for_it(line: Line, running: Served) -> None:
    told = {"order": "A1", "product": "cola"}
    running.daemon.store.record([
        Event("order", "line/filler", line.begin + 60 * SECOND + i, "x", 0, payload=told)
        for i in range(10_000)
    ])  # fmt: skip
    assert not (await line.get("/about", lot="F1"))["notes"]
    running.daemon.store.record([
        Event("order", "line/filler", line.begin + 70 * SECOND, "x", 0, payload=told)
    ])  # fmt: skip
    about = await line.get("/about", lot="F1")
    note = (
        "more than 10,000 orders at line/filler and below it while it was there: the first of them "
        "are not in this record"
    )
    assert (about["notes"], about["speaks_against_it"]) == ([note], [note])
    assert about["orders"] == [{"asset": "line/filler", **told}]
