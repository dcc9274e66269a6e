"""Maintenance and supply of a running plant: worked out when somebody looks, kept until something
changes."""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.reloading import Twin, twin

from gemel.core.errors import ConfigurationError, Refused, Unknown
from gemel.core.time import SECOND
from gemel.doors.serving import served
from gemel.runtime.configuration import load
from gemel.runtime.lazy import Lazy
from gemel.testing.clock import TurnableClock

EXAMPLES = Path(__file__).parents[2] / "examples"

PLANT = """\
format: 1
plant: {time_zone: UTC}
connectors:
  push: {kind: http}
assets:
  pump:
    connector: push
    signals:
      life: {unit: d}
      life_low: {unit: d}
      life_high: {unit: d}
      caps: {}
maintenance:
  pump:
    title: Pumps
    file: upkeep.yaml
    assets:
      seal: {asset: pump, life: pump/life}
supply:
  net:
    file: supply.yaml
    stock: {caps: pump/caps}
"""
UPKEEP = """\
visit_cost: 100
assets:
  seal:
    life: {kind: weibull, shape: 2.5, scale: 120 d}
    age: 50 d
    planned_cost: 800
    failure_cost: 6000
  belt: {life: {kind: weibull, shape: 2.5, scale: 90 d}, planned_cost: 80, failure_cost: 600}
"""
SUPPLY = """\
review: periodic
horizon: 10 d
stages:
  caps:
    demand: {kind: poisson, mean: 3}
    holding_cost: 1
    backorder_cost: 9
    lead_time: 2 d
    at_hand: 90
"""


def write(folder: Path) -> None:
    (folder / "upkeep.yaml").write_text(UPKEEP)
    (folder / "supply.yaml").write_text(SUPPLY)


async def told(one: Twin, signals: dict[str, float]) -> None:
    now = one.daemon.clock()
    await one.push(*((f"pump/{name}", now, value) for name, value in signals.items()))


async def test_a_prognostic_is_heard(tmp_path: Path) -> None:
    write(tmp_path)
    async with twin(tmp_path, PLANT) as one:
        before = await one.daemon.upkeeping.ask("pump", wait=True)
        assert before.found is not None
        seal = before.found["assets"]["seal"]
        assert seal["policy"] == "age"
        assert seal["notes"][-1] == "its prognostic says nothing yet"
        await told(one, {"life": 10, "life_low": 7, "life_high": 15})
        after = await one.daemon.upkeeping.ask("pump", wait=True)
        assert after.found is not None
        seal = after.found["assets"]["seal"]
        assert seal["policy"] == "remaining_life"
        assert seal["prognosis"]["told_by"] == "prognostic"
        assert after.found["visits"] is not None
        made = after.made
        # Nothing changed: nothing is worked out.
        assert (await one.daemon.upkeeping.ask("pump", wait=True)).made == made
        with pytest.raises(Unknown, match="no maintenance 'pum'; did you mean 'pump'"):
            await one.daemon.upkeeping.ask("pum", wait=True)


async def test_stock_is_that_of_the_signal(tmp_path: Path) -> None:
    write(tmp_path)
    async with twin(tmp_path, PLANT) as one:
        before = await one.daemon.supplying.ask("net", wait=True)
        assert before.found is not None
        assert before.found["stages"]["caps"]["at_hand"] == 90
        assert before.found["orders"] == []
        await told(one, {"caps": 2})
        after = await one.daemon.supplying.ask("net", wait=True)
        assert after.found is not None
        caps = after.found["stages"]["caps"]
        assert caps["at_hand"] == 2
        assert caps["out"]["value"] > 0.5
        assert after.found["orders"][0]["stage"] == "caps"


async def test_files_that_are_gone_are_told_and_what_was_found_stays(tmp_path: Path) -> None:
    write(tmp_path)
    async with twin(tmp_path, PLANT) as one:
        for asking, name, file in (
            (one.daemon.upkeeping, "pump", "upkeep.yaml"),
            (one.daemon.supplying, "net", "supply.yaml"),
        ):
            before = (await asking.ask(name, wait=True)).found
            assert before is not None
            (tmp_path / file).unlink()
            after = await asking.ask(name, wait=True)
            assert file in after.trouble
            assert after.found == before


async def test_both_are_told_by_the_api(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "plant.yaml").write_text(PLANT)
    async with served(load(tmp_path / "plant.yaml"), tmp_path / "data") as running:
        from gemel.client import Client

        client = Client(running.url, token=running.daemon.token)
        try:
            assert await asyncio.to_thread(client.get, "/api/maintenance") == [
                {"name": "pump", "title": "Pumps"}
            ]
            found: Any = await asyncio.to_thread(
                client.get, "/api/maintenance/pump", {"wait": True}
            )
            assert found["found"]["assets"]["seal"]["asset"] == "pump"
            assert found["found"]["assets"]["belt"]["due"].endswith("Z")
            assert await asyncio.to_thread(client.get, "/api/supply") == [
                {"name": "net", "title": "net"}
            ]
            found = await asyncio.to_thread(client.get, "/api/supply/net")
            assert found["working"] or found["found"] is not None
            found = await asyncio.to_thread(client.get, "/api/supply/net", {"wait": True})
            assert len(found["found"]["stages"]["caps"]["stock"]["low"]) == 10
        finally:
            client.close()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("file: upkeep.yaml", "file: upkep.yaml",
         r"plant.yaml:16: maintenance 'pump': .*no such file; in that folder: plant.yaml, supply"),
        ("seal: {asset: pump,", "sel: {asset: pump,", r"asset 'sel': no asset of the file 'sel'; "
         "did you mean 'seal'"),
        ("{asset: pump, life", "{asset: pum, life", r"plant.yaml:18: maintenance 'pump', asset "
         "'seal': no asset 'pum'"),
        ("life: pump/life}", "life: pump/caps}", "no signal 'pump/caps_low'"),
        ("life: pump/life}", "life: pump/life, since: soon}", "since: 'soon' is not a time"),
        ("title: Pumps", "title: Pumps\n    schedule: bottling", "no schedule 'bottling'"),
        ("file: supply.yaml", "file: suply.yaml", r"plant.yaml:21: supply 'net': .*no such file"),
        ("{caps: pump/caps}", "{caps: pump/cap}", r"supply 'net': no signal 'pump/cap'; did you "
         "mean 'pump/caps'"),
        ("{caps: pump/caps}", "{cap: pump/caps}", r"no stage 'cap'; did you mean 'caps'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    write(tmp_path)
    assert old in PLANT
    (tmp_path / "plant.yaml").write_text(PLANT.replace(old, new))
    with pytest.raises(ConfigurationError, match=words):
        load(tmp_path / "plant.yaml")


def test_a_table_that_is_wrong_is_told_at_load(tmp_path: Path) -> None:
    write(tmp_path)
    shutil.copytree(EXAMPLES / "supply", tmp_path / "net")
    (tmp_path / "net" / "demand.csv").write_text("date,item\n2025-01-01,pump\n")
    text = PLANT.replace("file: supply.yaml\n    stock: {caps: pump/caps}", "file: net/pumps.yaml")
    (tmp_path / "plant.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"supply 'net': pumps.yaml:\d+: .*'region'"):
        load(tmp_path / "plant.yaml")


async def test_one_run_at_a_time_and_not_too_often() -> None:
    clock, runs = TurnableClock(), []
    with ThreadPoolExecutor(1) as pool:
        lazy = Lazy(pool, clock, 10 * SECOND)

        def make() -> dict[str, Any]:
            runs.append(1)
            return {"run": len(runs)}

        assert await lazy.ask(1, make, wait=True) == {"run": 1}
        assert await lazy.ask(1, make, wait=True) == {"run": 1}
        assert await lazy.ask(2, make, wait=False) == {"run": 1}
        assert not lazy.working  # within ten seconds nobody starts again
        clock.turn(11 * SECOND)
        await lazy.ask(2, make, wait=False)
        assert lazy.working
        assert await lazy.ask(2, make, wait=True) == {"run": 2}
        assert len(runs) == 2

        def fail() -> dict[str, Any]:
            raise Refused("no policy covers it")

        clock.turn(11 * SECOND)
        assert await lazy.ask(3, fail, wait=True) == {"run": 2}
        assert lazy.trouble == "no policy covers it"
        lazy.stop()
