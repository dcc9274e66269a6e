"""New, named, learned: a fault that nobody knew, through the doors of a running twin."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from tests.learning.live import PLANT
from tests.learning.test_live_fault import FAULT
from tests.runtime.reloading import until
from typer.testing import CliRunner

from gemel.client import Client
from gemel.core.time import SECOND, isoformat
from gemel.doors.cli.main import app
from gemel.doors.serving import served
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import load

ALARM = """\
alarms:
  slipped: {asset: press, when: what == 'feed slipped', response: set the feed}
"""


class Line:
    """Pushes what a press tells, second by second, from half an hour ago on."""

    def __init__(self) -> None:
        self.time = self.start = system_clock() // SECOND * SECOND - 1_800 * SECOND
        self.random = np.random.default_rng(1)

    def rows(self, seconds: int, wear: float = 0.0, off: float = 0.0) -> bytes:
        """The next ones."""
        found = []
        for _ in range(seconds):
            force, heat = self.random.normal(50, 2), self.random.normal(180, 3)
            values = {
                "force": force, "heat": heat, "state": 6, "wear": self.random.normal(wear, 0.05),
                "thickness": 0.1 * force - 0.02 * heat + off + self.random.normal(0, 0.01),
            }  # fmt: skip
            found += [
                {"signal": f"press/{name}", "time": self.time, "value": value}
                for name, value in values.items()
            ]
            self.time += SECOND
        return "\n".join(map(json.dumps, found)).encode()


async def test_a_new_fault_is_named_and_known_from_then_on(tmp_path: Path) -> None:
    line = Line()
    worn = [isoformat(line.start + second * SECOND) for second in (200, 259)]
    text = FAULT % f"    cases: [['{worn[0]}', '{worn[1]}', worn die]]\n"
    text = text.replace("window: 10 min", "window: 2 h").replace("shadow: 60 s", "shadow: 1 s")
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT + text + ALARM, encoding="utf-8")
    async with served(load(plant), tmp_path / "data") as found:
        daemon = found.daemon
        client = await asyncio.to_thread(Client.of, tmp_path / "data")
        assert client is not None
        learner = daemon.rooms.learners["what"]

        async def push(seconds: int, **more: float) -> None:
            body = line.rows(seconds, **more)
            await asyncio.to_thread(client.push, "push", body, "application/x-ndjson")

        async def command(*words: str) -> str:
            given = [*words, "--data", str(daemon.folder)]
            result = await asyncio.to_thread(CliRunner().invoke, app, given)
            assert result.exit_code == 0, result.output
            return " ".join(result.stdout.split())

        async def state() -> Any:
            found = await asyncio.to_thread(client.get, "/api/state", {"signal": "press/what"})
            return found["signals"][0]["value"]

        async def findings() -> list[dict[str, Any]]:
            return list(await asyncio.to_thread(client.get, "/api/findings", {}))

        async def page(path: str) -> str:
            wall = {"Cookie": f"gemel_session={found.access.token('wall', 'operator')}"}
            async with httpx.AsyncClient(base_url=found.url, trust_env=False) as http:
                return (await http.get(path, headers=wall)).text

        await push(200)
        await push(60, wear=4.0)
        await push(300)
        await until(lambda: learner.champion)
        await push(60)
        await push(30, off=1.0)
        await until(lambda: daemon.store.events("finding"))
        await until(lambda: (learner.last or {}).get("why", {}).get("cause") == "new")
        assert "new, " in await command("models", "list")
        for path in ("/health", "/models"):
            shown = await page(path)
            assert "times as far from what is known as it may be" in shown
            assert "What is wrong" in shown
        await push(20)
        await until(lambda: daemon.store.events("finding")[0].end is not None)
        (finding,) = await findings()
        assert finding["payload"]["title"] == "What is wrong: new"
        assert finding["diagnosis"]["new"]
        assert "new" in await command("labels", "findings")
        assert "What is wrong: new" in await page("/labels")

        # A person names it; what is fitted then knows the name, and is promoted by a person.
        await command("labels", "answer", finding["id"], "right", "--cause", "feed slipped")
        await until(lambda: learner.roles.candidate)
        await asyncio.sleep(1.2)  # its time in shadow
        await push(10)
        await until(lambda: daemon.rooms.promotions.items())
        (waiting,) = daemon.rooms.promotions.items()
        assert "it knows 'feed slipped'" in waiting.request.reason
        await command("models", "approve", waiting.id)
        assert not daemon.store.events("alarm")
        await push(60)
        await push(30, off=1.0)
        await until(lambda: (learner.last or {}).get("why", {}).get("cause") == "feed slipped")
        while await state() != "feed slipped":  # it is mirrored a moment after it was told
            await push(1, off=1.0)
        await until(lambda: len(daemon.store.events("finding")) == 2)
        newest, _ = await findings()
        assert newest["payload"]["title"] == "What is wrong: feed slipped"
        assert newest["diagnosis"]["alike"][0]["finding"] == finding["cause"]
        assert "feed slipped, " in await command("models", "list")
        shown = await page("/health")
        assert "feed slipped" in shown
        assert "Most like" in shown
        assert "Known faults" in await page("/models")
        await until(lambda: daemon.store.events("alarm"))
        counts = await asyncio.to_thread(client.get, "/api/labels", {})
        (mine,) = (one for one in counts["observed"] if one["detector"] == "what")
        assert (mine["findings"], mine["right"], mine["open"]) == (2, 1, 1)
