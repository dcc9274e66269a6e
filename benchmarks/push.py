"""Samples over HTTP: Gemel with Arrow, beside VictoriaMetrics and InfluxDB with line protocol.

The same rows, one after the other on the same machine in the same run, each server a process of its
own; what was stored is read back and counted. ``python -m benchmarks.push [--batches N]``
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from gemel.client import Client

SIGNALS = 2_000
ROWS = 200_000  # of each Arrow body: 200 ms of 1,000 signals at 1 kHz
LINES = 10_000  # of each body of line protocol
WRITERS = 4


def rows(batches: int, start: int) -> list[list[dict[str, Any]]]:
    """Columns of each batch, by writer: each sends its own half of the signals, in order."""
    rng = np.random.default_rng(1)
    mine = SIGNALS // WRITERS
    steps_each = ROWS // mine
    given: list[list[dict[str, Any]]] = []
    for writer in range(WRITERS):
        level = rng.normal(20.0, 5.0, mine)
        made = []
        for number in range(batches // WRITERS):
            steps = rng.normal(0.0, 0.01, (steps_each, mine)).cumsum(axis=0)
            value = np.round(level + steps, 3)
            level = value[-1]
            grid = start + (number * steps_each + np.arange(steps_each)) * 1_000_000
            signals = np.arange(writer * mine, (writer + 1) * mine, dtype=np.int32)
            made.append(
                {
                    "signal": np.tile(signals, steps_each),
                    "time": np.repeat(grid, mine),
                    "value": value.ravel(),
                }
            )
        given.append(made)
    return given


def arrow(columns: dict[str, Any]) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def lines(columns: dict[str, Any]) -> Iterator[bytes]:
    told = [
        f"s,id={s} value={v} {t}"
        for s, t, v in zip(
            columns["signal"].tolist(), columns["time"].tolist(), columns["value"].tolist(),
            strict=True,
        )
    ]  # fmt: skip
    for first in range(0, len(told), LINES):
        yield "\n".join(told[first : first + LINES]).encode()


def send_all(
    bodies: list[list[bytes]],
    port: int,
    path: str,
    headers: dict[str, str],
    expected: Callable[[int, bytes], bool],
) -> float:
    """Seconds until every body was answered as `expected`; each writer has a connection of its own.

    Sent by `http.client`, which hands the body to the system as it is: `httpx` copies what is left
    of it at each turn of the socket, and took three times as much of the processor, 5 ms a body.
    """
    failures: list[BaseException] = []

    def work(mine: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for body in mine:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
                assert expected(answer.status, text), text
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)
        finally:
            connection.close()

    os.sync()  # what the one before has left to the disk is not this one's
    begun = time.perf_counter()
    threads = [threading.Thread(target=work, args=(mine,)) for mine in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - begun


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(command: list[str], ready: Callable[[], bool], folder: Path) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while not ready():
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text()[-500:])
            time.sleep(0.05)
        yield
    finally:
        child.terminate()
        child.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code < 500
    except httpx.HTTPError:
        return False


def gemel(batches: int, start: int) -> float:
    folder = Path(tempfile.mkdtemp(prefix="gemel-bench-"))
    plant = ["format: 1", "connectors: {push: {kind: http}}", "assets:", "  line:",
             "    connector: push", "    signals:"]  # fmt: skip
    plant += [f"      s{i}: {{}}" for i in range(SIGNALS)]
    (folder / "plant.yaml").write_text("\n".join(plant))
    port = free_port()
    data = folder / "data"
    command = [sys.executable, "-m", "gemel.doors.cli.main", "run", str(folder / "plant.yaml"),
               "--data", str(data), "--http", f"127.0.0.1:{port}"]  # fmt: skip
    try:
        # Pages come up a moment after the API, and take a core for that moment.
        with process(command, lambda: answers(f"http://127.0.0.1:{port}/login"), folder):
            client = Client.of(data)
            assert client is not None
            token = json.loads((data / "run.json").read_text())["token"]
            headers = {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/vnd.apache.arrow.stream",
            }
            path = "/api/connectors/push/samples"
            stored = {"stored": ROWS, "rejected": {}}
            bodies = [[arrow(c) for c in mine] for mine in rows(batches, start)]
            seconds = send_all(
                bodies, port, path, headers, lambda _, text: json.loads(text) == stored
            )
            counted = client.ask(["line/*"], every="36500d").column("count").to_numpy().sum()
            assert counted == batches * ROWS, counted
            return batches * ROWS / seconds
    finally:
        shutil.rmtree(folder)


def victoria(bodies: list[list[bytes]], count: int, start: int) -> float:
    folder = Path(tempfile.mkdtemp(prefix="vm-bench-"))
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = ["victoria-metrics", f"-storageDataPath={folder}/d",
               f"-httpListenAddr=127.0.0.1:{port}"]  # fmt: skip
    try:
        with process(command, lambda: answers(base + "/health"), folder):
            seconds = send_all(bodies, port, "/write", {}, lambda status, _: status == 204)
            httpx.get(base + "/internal/force_flush", trust_env=False)
            question = {
                "query": 'sum(count_over_time({__name__="s_value"}[1d]))',
                "time": str(start // 1_000_000_000 + 3_600),
            }
            stored = 0
            for _ in range(60):  # what was written is found a moment later
                answer = httpx.get(base + "/api/v1/query", params=question, trust_env=False).json()
                found = answer["data"]["result"]
                stored = int(found[0]["value"][1]) if found else 0
                if stored == count:
                    break
                time.sleep(0.5)
            assert stored == count, (stored, count)
            return count / seconds
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def influx(bodies: list[list[bytes]], count: int, start: int) -> float:
    del start
    folder = Path(tempfile.mkdtemp(prefix="influx-bench-"))
    port, rpc = free_port(), free_port()
    (folder / "conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
        f'[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\nmax-series-per-database = 0\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n'
    )
    base = f"http://127.0.0.1:{port}"
    command = ["influxd", "run", "-config", str(folder / "conf")]
    try:
        with process(command, lambda: answers(base + "/ping"), folder):
            httpx.post(base + "/query", params={"q": "create database bench"}, trust_env=False)
            path = "/write?db=bench&precision=n"
            seconds = send_all(bodies, port, path, {}, lambda status, _: status == 204)
            question = {"db": "bench", "q": "select count(value) from s"}
            answer = httpx.get(base + "/query", params=question, timeout=120, trust_env=False)
            stored = answer.json()["results"][0]["series"][0]["values"][0][1]
            assert stored == count, (stored, count)
            return count / seconds
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(batches: int = 40, rounds: int = 3) -> dict[str, Any]:
    """Median rows per second of each, and the ratios round by round."""
    found: dict[str, list[float]] = {"gemel": [], "victoriametrics": [], "influxdb": []}
    for _ in range(rounds):
        start = (time.time_ns() // 10**9 - 3_600) * 10**9
        given = [
            [body for columns in mine for body in lines(columns)] for mine in rows(batches, start)
        ]
        count = batches * ROWS
        found["gemel"].append(gemel(batches, start))
        found["victoriametrics"].append(victoria(given, count, start))
        found["influxdb"].append(influx(given, count, start))
    ratios = {
        name: statistics.median(a / b for a, b in zip(found["gemel"], found[name], strict=True))
        for name in ("victoriametrics", "influxdb")
    }
    return {
        "rows": batches * ROWS,
        "rows_per_second": {name: statistics.median(v) for name, v in found.items()},
        "ratio": ratios,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(run(given.batches, given.rounds), indent=2))
