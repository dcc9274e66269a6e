"""Push samples to a running twin: JSON lines from a gateway, Arrow from a program."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from gemel.client import Client

PLANT = """\
format: 1
connectors:
  push: {kind: http}
assets:
  filler:
    title: Filler
    connector: push
    signals:
      level: {unit: ml, range: [450, 550]}
      speed: {unit: bottles/h}
      state: {type: enumeration, labels: {6: Execute, 2: Stopped}}
"""
START = 1_772_431_200_000_000_000  # 2026-03-02T06:00:00Z


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plant.yaml").write_text(PLANT)
        twin = subprocess.Popen(
            [sys.executable, "-m", "gemel.doors.cli.main", "run", str(folder / "plant.yaml"),
             "--data", str(folder / "data"), "--http", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            push(wait_for(twin, folder / "data"))
        finally:
            twin.terminate()
            twin.wait()


def wait_for(twin: subprocess.Popen[bytes], data: Path) -> Client:
    """The client of the twin that runs on a data folder, as soon as it answers."""
    while twin.poll() is None:
        client = Client.of(data)
        if client is not None:
            return client
        time.sleep(0.05)
    raise SystemExit("the twin did not start")


def push(client: Client) -> None:
    # --8<-- [start:lines]
    lines = [
        {"signal": "filler/level", "time": "2026-03-02T06:00:00Z", "value": 499.7},
        {"signal": "filler/state", "time": "2026-03-02T06:00:00Z", "value": "Execute"},
        {"signal": "filler/level", "time": "2026-03-02T06:00:01Z", "value": 612.0},
        {"signal": "filler/lvel", "time": "2026-03-02T06:00:01Z", "value": 500.1},
    ]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    print(client.push("push", body, "application/x-ndjson"))
    # --8<-- [end:lines]

    # --8<-- [start:arrow]
    table = pa.table(
        {
            "signal": pa.array(["filler/speed"] * 1_000).dictionary_encode(),
            "time": pa.array(range(START, START + 1_000 * 10**9, 10**9), pa.int64()),
            "value": pa.array([22_500.0] * 1_000),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    arrow = sink.getvalue().to_pybytes()
    print(client.push("push", arrow, "application/vnd.apache.arrow.stream"))
    # --8<-- [end:arrow]

    # --8<-- [start:again]
    print(client.push("push", arrow, "application/vnd.apache.arrow.stream"))
    history = client.status()["history"]
    print({name: history[name] for name in ("received", "accepted", "repeated")})
    # --8<-- [end:again]

    # --8<-- [start:ask]
    rows = client.ask(["filler/level", "filler/state"], start="2026-03-02", end="2026-03-03")
    for row in rows.to_pylist():
        print(row["signal"], row["text"] or row["value"], row["unit"], row["quality"])
    # --8<-- [end:ask]


if __name__ == "__main__":
    main()
