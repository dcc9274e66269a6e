"""A daemon whose plant file a test changes while samples are pushed.

The pushed plant has one of everything that can go on over a change; `pushed` gives its file.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gemel.core.errors import Unavailable
from gemel.core.time import SECOND
from gemel.parts.historians.base import Query
from gemel.runtime.configuration import load
from gemel.runtime.daemon import Daemon
from gemel.runtime.reloading import read_again

PATIENCE_S = 120
LINES = "application/x-ndjson"

PUSHED = """\
format: 1
connectors:
  push: {{kind: http}}
assets:
  tank:
    connector: push
    signals:
      level: {{}}
      flow: {{}}
      state: {{type: enumeration, labels: {{2: Stopped, 6: Execute}}, role: state}}
      count: {{role: count}}
{more}detectors:
  odd: {{kind: control_chart, asset: tank, signals: [tank/level], learn: 200 s, hold: {hold}{own}}}
alarms:
  high: {{asset: tank, when: "level > {limit}"{alarm}}}
{alarms}reasoners:
  note: {{kind: rules, asset: tank, when: "level > 90 for 20 s", hold_off: {hold_off},
    finding: {{title: high level}}}}
"""


def pushed(**more: Any) -> str:
    return PUSHED.format(
        **{"more": "", "hold": "10 s", "own": "", "limit": 50, "alarm": "", "alarms": "",
           "hold_off": "10 min"} | more
    )  # fmt: skip


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


class Twin:
    """A running daemon whose plant file a test changes."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.events: list[Any] = []
        daemon.listen(self.events.extend)

    async def become(self, text: str) -> dict[str, Any]:
        await asyncio.to_thread(self.daemon.plan.path.write_text, text)
        return (await read_again(self.daemon, "eva")).model_dump(mode="json")

    async def push(self, *rows: tuple[str, int, float]) -> None:
        lines = (json.dumps({"signal": s, "time": t, "value": v}) for s, t, v in rows)
        body = "\n".join(lines).encode()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    told = await self.daemon.receive("push", body, LINES)
                except Unavailable:
                    await asyncio.sleep(0.01)  # as a sender does: once more
                else:
                    assert told.stored == len(rows), told.rejected
                    return

    def stored(self, path: str) -> list[float]:
        number = self.daemon.catalogue.number(path)
        query = Query(np.array([number], np.int32), 0, time.time_ns() + 10 * SECOND)
        return list(self.daemon.store.query(query).column("value").to_pylist())

    def told(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.kind == kind]

    def value(self, path: str) -> float:
        number = self.daemon.numbers[path]
        return float(self.daemon.mirror.snapshot(self.daemon.clock()).value[number])


@asynccontextmanager
async def twin(folder: Path, text: str) -> AsyncIterator[Twin]:
    plant = folder / "plant.yaml"
    plant.write_text(text)
    async with Daemon(load(plant), folder / "data").run() as daemon:
        links = daemon.links.values()
        await until(lambda: all(link.state == "active" for link in links))
        yield Twin(daemon)
