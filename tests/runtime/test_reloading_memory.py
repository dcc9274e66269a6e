"""Another plant file: models, memories, alarms, pushes and files that were read go on."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import numpy as np
from tests.runtime.reloading import LINES, Twin, pushed, twin, until

from gemel.core.time import SECOND
from gemel.runtime.configuration import load
from gemel.runtime.daemon import Daemon


async def test_models_memories_and_alarms_go_on(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        rooms = running.daemon.rooms
        watch, adviser, alarms = rooms.watches["odd"], rooms.advisers["note"], rooms.alarms
        now = time.time_ns()
        noise = np.random.default_rng(1).normal(20, 1, 240)
        rows = [("tank/level", now - (240 - i) * SECOND, float(v)) for i, v in enumerate(noise)]
        await running.push(*rows)
        await running.push(("tank/state", now, 6), ("tank/count", now, 5), ("tank/level", now, 80))
        await until(lambda: watch.state == "watching" and alarms.view("high").active)
        model, raised = watch.model_id, alarms.view("high").raised
        unit = rooms.operations.machine("tank")

        # Another alarm: all that was goes on, and the standing alarm is not told again
        other = "  low: {asset: tank, when: 'flow < 1'}\n"
        told = await running.become(pushed(alarms=other))
        assert told["added"] == {"alarms": ["low"]}
        assert rooms.watches["odd"] is watch
        assert rooms.advisers["note"] is adviser
        assert (alarms.view("high").raised, alarms.view("high").active) == (raised, True)
        assert alarms.view("high").evaluable
        raises = [e for e in running.told("alarm") if e.payload["transition"] == "raise"]
        assert len(raises) == 1
        assert rooms.operations.machine("tank").since == unit.since

        # Only `hold` changes: another watch with the same model; a rule keeps its memory
        told = await running.become(pushed(alarms=other, hold="20 s", hold_off="5 min"))
        assert told["changed"] == {"detectors": ["odd"], "reasoners": ["note"]}
        assert rooms.watches["odd"] is not watch
        assert rooms.watches["odd"].model_id == model
        await until(lambda: len(running.told("part_started")) == 2)
        assert {e.payload["fresh"] for e in running.told("part_started")} == {False}
        # Other settings of the detector: another model
        told = await running.become(pushed(alarms=other, own=", smoothing: 0.3"))
        assert rooms.watches["odd"].model_id != model or rooms.watches["odd"].model is None
        await until(lambda: any(e.payload["fresh"] for e in running.told("part_started")))

        # Its limit is moved away from the value, which does not change: the alarm ends at once
        await running.become(pushed(limit=85))
        await until(lambda: not alarms.view("high").active)
        await running.become(pushed(limit=50))
        await until(lambda: alarms.view("high").active)
        text = pushed().replace("  high:", "  other:")
        told = await running.become(text)
        assert told["removed"] == {"alarms": ["high"]}
        await until(lambda: running.told("alarm")[-1].payload["alarm"] == "other")
        ended = [e for e in running.told("alarm") if e.payload["alarm"] == "high"][-1]
        assert (ended.payload["transition"], ended.payload["active"]) == ("removed", False)
        assert [view.name for view in alarms.active()] == ["other"]
        # It comes back, and is not taken for what it was
        await running.become(pushed())
        await until(lambda: [view.name for view in alarms.active()] == ["high"])


async def test_a_push_during_the_change_of_its_connector_is_stored_once(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        sent = 0

        async def push_all() -> None:
            nonlocal sent
            while True:
                await running.push(("tank/level", 10**18 + sent, float(sent)))
                sent += 1

        pushing = asyncio.create_task(push_all())
        for more in ("      extra: {}\n", "", "      extra: {}\n"):
            seen = sent
            await until(lambda s=seen: sent > s + 3)
            await running.become(pushed(more=more))
        seen = sent
        await until(lambda: sent > seen + 3)
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        await until(lambda: running.daemon.pipeline.backlog() == (0, 0))
        stored = running.stored("tank/level")
        assert stored[:sent] == [float(n) for n in range(sent)]
        assert len(stored) - sent in (0, 1)
        await running.push(("tank/extra", time.time_ns(), 1.0))
        await running.become(pushed())
        told = await running.daemon.receive(
            "push", json.dumps({"signal": "tank/extra", "time": 1, "value": 1}).encode(), LINES
        )
        assert (told.stored, list(told.rejected)) == (
            0, ["no signal 'tank/extra'; did you mean 'tank/state'?"],
        )  # fmt: skip


async def test_a_file_that_is_added_is_read_and_the_former_one_not_again(tmp_path: Path) -> None:
    def text(*names: str) -> str:
        return (
            f"format: 1\nconnectors:\n  file: {{kind: files, paths: [{', '.join(names)}]}}\n"
            "assets:\n  m: {connector: file, signals: {x: {address: x}}}\n"
        )

    for name, minute in (("one.csv", 0), ("two.csv", 1)):
        rows = "".join(f"2026-03-01T06:{minute:02}:{i:02}Z,{60 * minute + i}\n" for i in range(60))
        (tmp_path / name).write_text("time,x\n" + rows)
    plant = tmp_path / "plant.yaml"
    plant.write_text(text("one.csv"))
    async with Daemon(load(plant), tmp_path / "data").run() as daemon:
        running = Twin(daemon)
        await until(lambda: daemon.links["file"].reason == "at its end")
        await running.become(text("one.csv") + "alarms: {a: {asset: m, when: x > 500}}\n")
        assert daemon.links["file"].totals().sessions == 1
        await running.become(text("one.csv", "two.csv"))
        await until(lambda: daemon.links["file"].reason == "at its end")
        assert running.stored("m/x") == [float(n) for n in range(120)]
        assert daemon.links["file"].totals().sessions == 2
        assert daemon.status()["state"] == "good"
        await running.become("format: 1\nassets: {m: {signals: {x: {}}}}\n")
        assert daemon.links == {}
        assert len(running.stored("m/x")) == 120
