"""Another plant file that cannot hold, or fails half-way, or comes with others at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from tests.runtime.reloading import pushed, twin

from gemel.core.errors import ConfigurationError, Refused
from gemel.runtime.configuration import load


async def test_what_cannot_hold_changes_nothing(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        daemon = running.daemon
        before = (daemon.plan, dict(daemon.links), list(daemon.pipeline.watchers), daemon.numbers)
        session = daemon.links["push"].session
        for text, error, says in (
            (pushed(limit="levle"), ConfigurationError, "'levle' is not known|levle"),
            ("format: 1\nx: [", ConfigurationError, "plant.yaml"),
            (pushed() + "plant: {time_zone: Asia/Tokyo}\n", Refused, "from UTC to Asia/Tokyo"),
            (pushed() + "retention: {age: 30 d}\n", Refused, "retention changes; that takes"),
            (pushed().replace("flow: {}", "flow: {type: text}"), Refused, "from number to text"),
        ):
            with pytest.raises(error, match=says):
                await running.become(text)
            now = (daemon.plan, dict(daemon.links), list(daemon.pipeline.watchers), daemon.numbers)
            assert now == before
            assert daemon.links["push"].session is session
        await running.become(pushed())
        assert running.told("plan") == []


async def test_an_error_in_the_swap_lets_the_old_plan_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with twin(tmp_path, pushed()) as running:
        daemon = running.daemon

        def fail(*_: object) -> None:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(daemon.rooms.operations, "become", fail)
        text = pushed(more="      extra: {role: reject}\n").replace("flow: {}", "flow: {unit: l}")
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await running.become(text)
        assert "tank/extra" not in daemon.planned
        assert daemon.catalogue[daemon.numbers["tank/flow"]].unit == ""
        await running.push(("tank/level", time.time_ns(), 3.0))
        monkeypatch.undo()
        await running.become(text)
        await running.push(("tank/extra", time.time_ns(), 3.0))


async def test_reloads_wait_for_each_other(tmp_path: Path) -> None:
    async with twin(tmp_path, pushed()) as running:
        daemon = running.daemon
        plans = [load(daemon.plan.path, pushed(limit=limit)) for limit in (51, 52, 53)]
        told = await asyncio.gather(*(daemon.reload(plan, "eva") for plan in plans))
        assert [t.old for t in told[1:]] == [t.new for t in told[:-1]]
        assert daemon.plan is plans[-1]
