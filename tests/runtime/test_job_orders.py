"""Job orders out and job responses in, over real servers: a machine by OPC UA, an ERP by HTTP."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.runtime.doors import bearer
from tests.runtime.job_peers import DAY, PLANT, Business, machine, until
from typer.testing import CliRunner

from gemel.client import Client
from gemel.core.errors import ConfigurationError, GemelError, Refused, Unknown
from gemel.doors.cli.main import app
from gemel.doors.serving import Served, served
from gemel.runtime.configuration import load
from gemel.virtual.jobs import _MOVES, Job, JobControl


class Plant:
    """A twin with its two peers."""

    def __init__(
        self, folder: Path, business: Business, control: JobControl | None = None,
        url: str = "opc.tcp://127.0.0.1:1",
    ) -> None:  # fmt: skip
        self.folder, self.erp = folder, business
        if control is not None:
            self.press = control
        text = PLANT.replace("PRESS", url).replace("ERP", business.url, 1)
        self.write(DAY)
        (folder / "plant.yaml").write_text(text)
        self.client: Client | None = None
        self.running: Served | None = None

    def write(self, day: str) -> None:
        (self.folder / "day.yaml").write_text(day)

    @asynccontextmanager
    async def twin(self) -> AsyncIterator[Plant]:
        async with served(load(self.folder / "plant.yaml"), self.folder / "data") as running:
            self.running = running
            self.client = await asyncio.to_thread(Client.of, self.folder / "data")
            yield self

    async def get(self, path: str) -> Any:
        assert self.client is not None
        return await asyncio.to_thread(self.client.get, f"/api/schedules/day{path}")

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        assert self.client is not None
        return await asyncio.to_thread(self.client.post, f"/api/schedules/day{path}", body)

    async def release(self) -> None:
        made = await self.post("/plan", {})
        await self.post("/release", {"number": made["proposed"]["number"]})

    async def words(self) -> dict[tuple[str, str], str]:
        found = await self.get("")
        return {
            (one["way"], job): one["word"]
            for job, told in found["jobs"].items()
            for one in told["sent"]
        }

    async def reason(self, way: str, job: str) -> str:
        found = await self.get("")
        [one] = [one for one in found["jobs"][job]["sent"] if one["way"] == way]
        return str(one["reason"])


@pytest.fixture
def business(monkeypatch: pytest.MonkeyPatch) -> Iterator[Business]:
    monkeypatch.setenv("TEST_ERP", "secret")
    found = Business()
    found.start()
    yield found
    found.stop()


@pytest.fixture
async def plant(tmp_path: Path, business: Business) -> AsyncIterator[Plant]:
    async with machine() as (url, control):
        yield Plant(tmp_path, business, control, url)


ALL = {("machine", "P-1/make"), ("machine", "P-2/make"), ("erp", "P-1/make"), ("erp", "P-2/make"),
       ("erp", "L-1/make")}  # fmt: skip


async def accepted(plant: Plant) -> bool:
    words = await plant.words()
    return set(words) == ALL and set(words.values()) == {"accepted"}


async def test_a_released_plan_is_sent_and_only_what_changed_after_it(plant: Plant) -> None:
    async with plant.twin():
        await plant.release()
        await until(lambda: accepted(plant))
        assert sorted(plant.press.calls) == [
            ("StoreAndStart", "P-1/make"), ("StoreAndStart", "P-2/make"),
        ]  # fmt: skip
        order = plant.press.jobs["P-1/make"].order
        assert order.WorkMasterID[0].ID == "box"
        assert order.MaterialRequirements[0].Quantity == "600"
        assert order.EquipmentRequirements[0].ID == "press"
        assert order.Priority == 3
        assert order.JobOrderParameters[0].Value.Value == "P-1"
        rows = {r["operation"]: r for r in (await plant.get(""))["held"]["rows"]}
        assert order.StartTime.isoformat()[:19] == rows["P-1/make"]["start"][:19]
        assert order.EndTime.isoformat()[:19] == rows["P-1/make"]["end"][:19]
        sent = plant.erp.took["day/P-1/make/1"]
        assert sent["Command"] == "Store"
        assert sent["Version"] == 1
        assert sent["WorkMasterID"] == "box"
        assert sent["MaterialRequirement"][0]["Quantity"] == {"QuantityString": "600"}
        assert plant.erp.authorized == {"Basic Z2VtZWw6c2VjcmV0"}

        # P-1 runs, P-2 is given up, L-2 comes: what runs is not touched, and nothing is said twice.
        await plant.press.run("P-1/make", 120)

        async def runs() -> bool:
            return (await plant.words())["machine", "P-1/make"] == "running"

        await until(runs)
        before, told = len(plant.press.calls), len(plant.erp.requests)
        again = DAY.replace("  - {order: P-2, product: box, quantity: 900}\n", "")
        plant.write(again + "  - {order: L-2, product: lid, quantity: 300}\n")
        await plant.release()

        async def settled() -> bool:
            words = await plant.words()
            return words.get(("machine", "P-2/make")) == "cancelled" and all(
                words.get(("erp", f"{job}/make")) == word
                for job, word in (("P-2", "cancelled"), ("L-2", "accepted"), ("L-1", "accepted"))
            )

        await until(settled)
        assert plant.press.calls[before:] == [("Cancel", "P-2/make")]
        assert set(plant.press.jobs) == {"P-1/make"}
        assert ("Cancel", "P-2/make") in plant.erp.told()[told:]
        assert ("Store", "L-2/make") in plant.erp.told()[told:]
        for command, job in plant.erp.told()[told:]:
            assert (command, job.partition("/")[0]) in {
                ("Cancel", "P-2"), ("Store", "L-2"), ("Update", "P-1"), ("Update", "L-1"),
            }  # fmt: skip

        await plant.press.end("P-1/make")

        async def ended() -> bool:
            return (await plant.words())["machine", "P-1/make"] == "ended"

        await until(ended)
        response = (await plant.get(""))["jobs"]["P-1/make"]["response"]
        assert response["JobState"] == "Ended"
        assert response["MaterialActual"][0]["Quantity"] == {"QuantityString": "120"}
        assert (await plant.get(""))["orders"]["P-1"]["end"], "its actuals are those of the machine"
        assert plant.client is not None
        journal = await asyncio.to_thread(plant.client.get, "/api/journal")
        kinds = [entry["kind"] for entry in journal["items"]]
        assert "job order sent" in kinds
        assert "job order accepted" in kinds

        shown = await asyncio.to_thread(
            CliRunner().invoke, app,
            ["plans", "show", "day", "--data", str(plant.folder / "data")],
        )  # fmt: skip
        assert "machine: ended" in shown.output
        told_json = await asyncio.to_thread(
            CliRunner().invoke, app,
            ["plans", "show", "day", "--json", "--data", str(plant.folder / "data")],
        )  # fmt: skip
        assert json.loads(told_json.output)["jobs"]["P-1/make"]["sent"]


async def test_an_erp_that_is_down_holds_up_nobody_and_a_restart_loses_nothing(
    plant: Plant,
) -> None:
    plant.erp.stop()
    async with plant.twin():
        await plant.release()

        async def machine_has_it() -> bool:
            words = await plant.words()
            return words["machine", "P-1/make"] == "accepted" and bool(
                await plant.reason("erp", "L-1/make")
            )

        await until(machine_has_it)
    # As after kill -9: the call was on its way, and nobody heard of its end.
    path = plant.folder / "data" / "job-orders" / "outbox.sqlite"
    with sqlite3.connect(path) as disk:
        for way, job in (("machine", "P-1/make"), ("erp", "P-1/make")):
            [(content,)] = disk.execute(
                "select content from posted where way = ? and job = ?", (way, job)
            )
            lost = json.loads(content) | {"state": "sent", "has": None}
            disk.execute(
                "update posted set content = ? where way = ? and job = ?",
                (json.dumps(lost), way, job),
            )
    calls = list(plant.press.calls)
    plant.write(DAY.replace("600", "700"))  # nobody has released that
    async with plant.twin():
        plant.erp.start()
        await until(lambda: accepted(plant))
    assert plant.press.calls == calls, "the machine had it: reading back settled that"
    assert set(plant.erp.took) == {f"day/{job}/make/1" for job in ("P-1", "P-2", "L-1")}
    [material] = plant.erp.took["day/P-1/make/1"]["MaterialRequirement"]
    assert material["Quantity"] == {"QuantityString": "600"}


async def test_what_is_refused_is_told_and_sent_again_when_somebody_says_so(plant: Plant) -> None:
    plant.erp.no["L-1/make"] = (422, "no work master lid")
    plant.erp.no["P-1/make"] = (500, "it fails, and holds up no other")
    plant.press._accept = lambda order: "full" if order.JobOrderID == "P-2/make" else ""
    async with plant.twin():
        await plant.release()

        async def refused() -> bool:
            words = await plant.words()
            return [words.get(key) for key in (("erp", "L-1/make"), ("machine", "P-2/make"))] == [
                "refused", "refused",
            ]  # fmt: skip

        await until(refused)
        assert await plant.reason("erp", "L-1/make") == "HTTP 422: no work master lid"
        assert "cannot accept the job order" in await plant.reason("machine", "P-2/make")
        assert plant.erp.told().count(("Store", "L-1/make")) == 1
        plant.erp.no.clear()
        plant.press._accept = lambda _: ""
        assert (await plant.post("/job-orders/send-again", {}))["again"] == 2
        await until(lambda: accepted(plant))
        assert plant.erp.took["day/L-1/make/2"]["Version"] == 2


async def test_a_kill_switch_and_people_hold_job_orders_back(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (plant.folder / "plant.yaml").read_text()
    (plant.folder / "plant.yaml").write_text(text.replace("armed: true", "armed: false"))
    async with plant.twin():
        await plant.release()

        async def refused() -> bool:
            words = await plant.words()
            return words.get(("machine", "P-1/make")) == "refused"

        await until(refused)
        assert "'armed: true'" in await plant.reason("machine", "P-1/make")
    # A kill switch can be set where a command stands.
    pressing = """shop/press:
    connector: press
    signals: {level: {address: i=2267}}
    commands: {level: {signal: level, envelope: {low: 0, high: 1}}}"""
    text = text.replace("shop/press: {connector: press}", pressing)
    text = text.replace("start: true}", "start: true, clear: true}")
    (plant.folder / "plant.yaml").write_text(text)
    async with plant.twin():
        assert plant.client is not None
        kill = {"place": "", "reason": "a test"}
        await asyncio.to_thread(plant.client.post, "/api/kill", kill)
        await plant.post("/job-orders/send-again", {})

        async def stopped() -> bool:
            return "kill switch of the plant" in await plant.reason("machine", "P-1/make")

        await until(stopped)
        release = {"place": "", "reason": "tested"}
        # No seat says which asset the press is: that of its connector holds it back, too.
        await asyncio.to_thread(plant.client.post, "/api/kill", kill | {"place": "shop/press"})
        await asyncio.to_thread(plant.client.post, "/api/release", release)
        await plant.post("/job-orders/send-again", {})

        async def machine_stopped() -> bool:
            return "kill switch of shop/press is" in await plant.reason("machine", "P-1/make")

        await until(machine_stopped)
        own = plant.press.order("X-9", "box", "X-9")
        plant.press.jobs["X-9"] = Job(own, "NotAllowedToStart")
        await plant.press.publish()
        start = {"job": "X-9", "command": "Start", "reason": "a job order of somebody else"}
        with pytest.raises(Refused, match="kill switch of shop/press is"):
            await plant.post("/job-orders/command", start)
        assert not plant.press.calls
        del plant.press.jobs["X-9"]
        await asyncio.to_thread(
            plant.client.post, "/api/release", release | {"place": "shop/press"}
        )
        await plant.post("/job-orders/send-again", {})
        await until(lambda: accepted(plant))
        # A person's own commands go to the same state machine, with a reason.
        await plant.press.run("P-1/make", 3)
        body = {"job": "P-1/make", "command": "Pause", "reason": "lunch"}
        assert (await plant.post("/job-orders/command", body))["state"] == "Interrupted"
        with pytest.raises(Refused, match="does not allow"):
            await plant.post("/job-orders/command", body | {"command": "Start"})
        with pytest.raises(Refused, match="only what has ended"):
            await plant.post("/job-orders/command", body | {"command": "Clear"})
        with pytest.raises(Refused, match="needs a reason"):
            await plant.post("/job-orders/command", body | {"reason": " "})
        with pytest.raises(Unknown, match="did you mean 'P-1/make'"):
            await plant.post("/job-orders/command", body | {"job": "P-1/mak"})
        # What is taken away at the machine is seen there, and not put there again.
        del plant.press.jobs["P-2/make"]
        await plant.press.publish()

        async def gone() -> bool:
            return "has it no more" in await plant.reason("machine", "P-2/make")

        await until(gone)
        assert plant.press.calls.count(("StoreAndStart", "P-2/make")) == 1
        # What has ended is cleared there. A machine that says no is asked after the next start.
        with monkeypatch.context() as changed:
            changed.setitem(_MOVES, "Clear", ((), ""))
            await plant.press.end("P-1/make")

            async def asked() -> bool:
                return ("Clear", "P-1/make") in plant.press.calls

            await until(asked)
            assert "P-1/make" in plant.press.jobs
    async with plant.twin():

        async def cleared() -> bool:
            return "P-1/make" not in plant.press.jobs

        await until(cleared)
        assert (await plant.words())["machine", "P-1/make"] == "ended"


async def test_responses_are_posted(tmp_path: Path, business: Business) -> None:
    plant = Plant(tmp_path, business)
    async with plant.twin():
        await plant.release()
        assert "not connected" in await plant.reason("machine", "P-1/make")
        one = {"JobOrderID": "L-1/make", "JobState": "Running", "StartTime": "2026-03-01T06:00:00Z"}
        told = {"JobResponse": [one | {"MaterialActual": [{"Quantity": {"QuantityString": "40"}}]}]}
        assert (await plant.post("/job-responses", told))["accepted"] == 1
        found = await plant.get("")
        assert found["jobs"]["L-1/make"]["response"]["JobState"] == "Running"
        assert found["orders"]["L-1"]["done"] == 40
        assert found["orders"]["L-1"]["start"].startswith("2026-03-01T06:00:00")
        planned = (await plant.post("/plan", {}))["proposed"]
        [row] = [row for row in planned["rows"] if row["order"] == "L-1"]
        assert row["fixed"], "what runs stays"
        completed = {"JobResponse": one | {"JobState": "Completed", "EndTime": "2026-03-01T08:00Z"}}
        await plant.post("/job-responses", completed)
        planned = (await plant.post("/plan", {}))["proposed"]
        assert "L-1" not in {row["order"] for row in planned["rows"]}
        for wrong, what in (
            ({"JobRespons": []}, 'write {"JobResponse"'),
            ({"JobResponse": []}, "nothing to tell"),
            ({"JobResponse": [one | {"JobState": "Done"}]}, r"\[0\].JobState: is 'Done'"),
            ({"JobResponse": [one | {"EndTime": "soon"}]}, r"\[0\].EndTime: is 'soon'"),
            ({"JobResponse": [one | {"EndTime": "2026-03-01T05:00:00Z"}]}, "before StartTime"),
            ({"JobResponse": [one, one | {"JobStat": "x"}]}, r"\[1\].JobStat.*did you mean"),
            ({"JobResponse": [one | {"MaterialActual": {"Quantity": -1}}]}, "at least 0"),
        ):  # fmt: skip
            with pytest.raises(GemelError, match=what):
                await plant.post("/job-responses", wrong)
        with pytest.raises(Unknown, match="no job order 'L-9/make'"):
            await plant.post("/job-responses", {"JobResponse": one | {"JobOrderID": "L-9/make"}})
        assert plant.running is not None
        token = plant.running.access.token("a viewer", "viewer")
        async with httpx.AsyncClient(base_url=plant.running.url, trust_env=False) as http:
            path = "/api/schedules/day/job-responses"
            refused = await http.post(path, headers=bearer(token), json=told)
            assert refused.status_code == 403


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("{connector: erp}", "{connector: epr}"), "no connector 'epr'; did you mean 'erp'"),
        (("receiver: /Press/JobOrderControl, ", ""), "name the `receiver`"),
        (("{connector: erp}", "{connector: erp, receiver: /x}"), "has no receiver"),
        (("machines: [press]", "machines: [pres]"), "no machine 'pres'; did you mean 'press'"),
        (("kind: erp, url: ERP", "kind: erp, url: 'http://erp.example.com'"), "write https"),
        (("kind: erp, url: ERP, user: gemel, password_env: TEST_ERP", "kind: http"),
         "takes no job orders"),
    ],
)  # fmt: skip
def test_a_wrong_way_is_told_with_its_line(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    (tmp_path / "day.yaml").write_text(DAY)
    text = PLANT.replace(*change).replace("PRESS", "opc.tcp://127.0.0.1:1")
    (tmp_path / "plant.yaml").write_text(text.replace("ERP", "http://127.0.0.1:1/", 1))
    with pytest.raises(ConfigurationError) as error:
        load(tmp_path / "plant.yaml")
    assert told in str(error.value)
    assert "plant.yaml:" in str(error.value)
