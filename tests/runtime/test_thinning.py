"""What the deadband of a signal leaves out of history, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.reloading import Twin, twin

from gemel.core.time import MINUTE, SECOND

T0 = 1_700_000_000 * SECOND
PLANT = """\
format: 1
connectors: {{push: {{kind: http}}}}
assets:
  tank:
    connector: push
    signals: {{level: {{unit: mm, deadband: {width}}}, flow: {{}}}}
alarms: {{high: {{asset: tank, when: level > 10.35}}}}
"""
LEVELS = [10.0, 10.2, 10.4, 10.3, 10.6, 10.5, 11.2, 11.2]


async def push(running: Twin, start: int = 0) -> None:
    rows = [("tank/level", T0 + (start + i) * SECOND, v) for i, v in enumerate(LEVELS)]
    await running.push(*rows, ("tank/flow", T0 + start * SECOND, 1.0))


async def test_history_has_what_moved_and_everybody_else_sees_all(tmp_path: Path) -> None:
    async with twin(tmp_path, PLANT.format(width=0.5)) as running:
        await push(running)
        assert running.stored("tank/level") == [10.0, 10.6, 11.2]
        assert running.stored("tank/flow") == [1.0]
        assert running.value("tank/level") == 11.2
        assert [e.time for e in running.told("alarm")][:1] == [T0 + 2 * SECOND]
        assert running.daemon.status()["thinned"] == 5
        # Nothing of this is left, and it is acknowledged all the same.
        await running.push(*(("tank/level", T0 + i * MINUTE, 11.2) for i in range(1, 10)))
        assert running.stored("tank/level") == [10.0, 10.6, 11.2]
        await running.push(("tank/level", T0 + 11 * MINUTE, 11.2))
        assert running.stored("tank/level") == [10.0, 10.6, 11.2, 11.2], "it still comes"


@pytest.mark.parametrize(("width", "more"), [(0.05, 7), (2.0, 0)])
async def test_another_deadband_holds_from_then_on(tmp_path: Path, width: float, more: int) -> None:
    async with twin(tmp_path, PLANT.format(width=0.5)) as running:
        await push(running)
        await running.become(PLANT.format(width=width))
        await push(running, start=20)
        assert len(running.stored("tank/level")) == 3 + more


async def test_a_restart_stores_the_first_again(tmp_path: Path) -> None:
    for start in (0, 20):
        async with twin(tmp_path, PLANT.format(width=0.5)) as running:
            await push(running, start)
            stored = running.stored("tank/level")
    assert stored == [10.0, 10.6, 11.2] * 2
