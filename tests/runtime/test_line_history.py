"""The past of a line through the doors: what limited it, what it is learned to be, and a film."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gemel.client import Client
from gemel.core.errors import ConfigurationError, DataError, GemelError, Unknown
from gemel.core.time import SECOND
from gemel.doors.cli.main import app
from gemel.doors.serving import served
from gemel.runtime.configuration import load
from gemel.runtime.line_history import Remembered
from gemel.runtime.lines import read_line

PLANT = """\
format: 1
plant: {site: Test, time_zone: Europe/Berlin}
connectors:
  push: {kind: http}
types:
  machine:
    signals:
      state:
        type: enumeration
        role: state
        labels: {2: Stopped, 5: Suspended, 6: Execute, 14: Unsuspending}
      starved: {type: boolean}
      blocked: {type: boolean}
      made: {role: count}
assets:
  line/fill: {connector: push, type: machine}
  line/pack: {connector: push, type: machine, after: [line/fill]}
operations: {assets: {line/pack: {pieces: 2}}}
lines:
  line:
    stations:
      fill: {asset: line/fill, time: 800 ms}
      pack: {asset: line/pack, time: 1 s, places: 20}
"""
MINUTES = 40


def history(now: int) -> str:
    """Of every minute, `fill` works 40 s and is blocked for 20, of which 2 come back from it
    without saying so; `pack` works 50 s, and is stopped for 10. Both make 40 parts, `pack` two at
    a time."""
    begin = now - 60 * MINUTES * SECOND
    rows: list[dict[str, Any]] = []

    def tell(at: float, **values: Any) -> None:
        moment = begin + round(at * SECOND)
        rows.extend(
            {"signal": f"line/{name.replace('__', '/')}", "time": moment, "value": value}
            for name, value in values.items()
        )

    for minute in range(MINUTES):
        at, parts = 60.0 * minute, 40 * minute
        tell(at, fill__state=6, fill__blocked=False, fill__starved=False, pack__state=6,
             pack__starved=False, pack__blocked=False)  # fmt: skip
        for part in range(40):
            tell(at + 1 + part * 0.999, fill__made=float(parts + part + 1))
        tell(at + 40, fill__state=5, fill__blocked=True)
        tell(at + 58, fill__state=14, fill__blocked=False)
        for case in range(20):
            tell(at + 2.5 * (case + 1) - 0.01, pack__made=float(parts // 2 + case + 1))
        tell(at + 50, pack__state=2)
    rows.sort(key=lambda row: row["time"])
    return "\n".join(json.dumps(row) for row in rows)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT)
    async with served(load(plant), tmp_path / "data"):
        found = await asyncio.to_thread(Client.of, tmp_path / "data")
        assert found is not None
        yield found


async def push(client: Client) -> None:
    await asyncio.to_thread(
        client.request, "POST", "/api/connectors/push/samples",
        content=history(time.time_ns()).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )  # fmt: skip


async def get(client: Client, path: str, **params: Any) -> Any:
    return await asyncio.to_thread(client.get, path, params)


async def test_what_limited_the_line(client: Client) -> None:
    with pytest.raises(DataError, match="no machine of line 'line'"):
        await get(client, "/api/lines/line/limits")
    await push(client)
    found = await get(client, "/api/lines/line/limits")
    assert found["replay"]["found"] == ["pack"]
    assert found["replayed"]["line"] == "learned"
    by_name = {m["method"]: m for m in found["methods"]}
    # Blocked for 20 s of every minute, the two without a flag among them.
    assert by_name["utilisation"]["score"]["fill"] == pytest.approx(2 / 3, abs=0.01)
    assert by_name["utilisation"]["score"]["pack"] == pytest.approx(1.0, abs=0.01)
    assert by_name["active period"]["found"] == ["pack"]
    over = found["over_time"]
    assert over["now"]["stations"] == ["pack"]
    assert over["end_s"] - over["start_s"] == pytest.approx(60 * MINUTES, abs=60)
    again = await get(client, "/api/lines/line/limits")
    assert again["end"] == found["end"], "kept for a minute"
    with pytest.raises(Unknown, match="no line 'lime'"):
        await get(client, "/api/lines/lime/limits")
    with pytest.raises(ConfigurationError, match="from a minute to two weeks"):
        await get(client, "/api/lines/line/limits", start="-5s")


async def test_the_line_is_learned_from_the_twin(client: Client, tmp_path: Path) -> None:
    await push(client)
    found = await get(client, "/api/lines/line/learn", start="-2h")
    rows = {(one["station"], one["what"]): one for one in found["beside"]}
    assert rows["fill", "time"]["learned"] == pytest.approx(1.0, rel=0.02)
    assert rows["fill", "time"]["described"] == 0.8
    assert rows["pack", "time"]["learned"] == pytest.approx(1.25, rel=0.02)
    assert rows["pack", "stop"]["learned"] == pytest.approx(10, rel=0.02)
    assert rows["pack", "stop"]["described"] is None
    assert found["fit"]["made"] == pytest.approx(40 * MINUTES / 3, rel=0.05)
    assert found["fit"]["mean"] == pytest.approx(40 * MINUTES / 3, rel=0.1)
    out = tmp_path / "learned.yaml"
    words = ["learn", "line", "--from-twin", "line", "--since", "-2h", "--data",
             str(tmp_path / "data"), "--output", str(out)]  # fmt: skip
    told = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert told.exit_code == 0, told.output
    assert "written" in told.output
    assert read_line(out).stations["pack"].time.mean_s == pytest.approx(1.25, rel=0.02)
    both = await asyncio.to_thread(CliRunner().invoke, app, ["learn", "line"])
    assert isinstance(both.exception, GemelError)
    assert "--from-twin" in str(both.exception)


async def test_a_film_of_a_what_if(client: Client) -> None:
    asked = {"hours": 0.5, "moments": 31, "changes": ["pack.time*0.5"]}
    found = await asyncio.to_thread(client.post, "/api/lines/line/film", asked)
    assert found["stations"] == ["fill", "pack"]
    assert found["times"][:2] == [0.0, 60.0]
    # 0.8 s a part, after the first of each station.
    assert found["left"][-1] == 1_800 / 0.8 - 1
    assert found["shares"][10] == [[1, 0, 0, 0, 0, 0], [0.625, 0.375, 0, 0, 0, 0]]
    with pytest.raises(ConfigurationError, match="a minute is enough"):
        await asyncio.to_thread(client.post, "/api/lines/line/film", asked | {"hours": 8_000})


async def test_answers_are_kept_for_a_minute_and_errors_are_not() -> None:
    now, asked = 0, []

    def compute() -> int:
        asked.append(now)
        if len(asked) == 1:
            raise DataError("not yet")
        return len(asked)

    kept = Remembered(lambda: now)
    with pytest.raises(DataError):
        await kept.ask("a", compute)
    first, same = await asyncio.gather(kept.ask("a", compute), kept.ask("a", compute))
    assert first == same == 2
    now = 61 * SECOND
    assert await kept.ask("a", compute) == 3
