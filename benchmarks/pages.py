"""What a person waits for: the first page of a large plant, a chart, and the daemon's start.

    python -m benchmarks.pages [--assets N] [--samples N] [--requests N]

The daemon is `gemel run` in a process of its own, asked over HTTP on one kept connection by the
Python SDK: a time is from the call until the answer is plain data in Python. Figures in ms and s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import browser
from benchmarks.push import arrow, free_port
from gemel.client import Client
from gemel.core.errors import GemelError
from gemel.core.time import isoformat

START_S = 600.0
"""Longest wait for a start; a plant of 100,000 assets is read by then on any machine."""
BATCH = 200_000
SIGNALS = 1_000  # of the plant whose start is timed
DAEMON = """\
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "scipy", "sklearn"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
from gemel.doors.cli.main import main

main()
"""
"""`gemel` as it is installed: what only development needs is not there. Arrow and numba would
import it when they find it, for more than a second."""
ARROW = "application/vnd.apache.arrow.stream"


@contextmanager
def twin(folder: Path, plant: str, **environment: str) -> Iterator[Client]:
    """`gemel run` of a plant file in `folder`, from the moment that it has announced itself."""
    (folder / "plant.yaml").write_text(plant)
    data = folder / "data"
    command = [
        "env", *(f"{name}={value}" for name, value in environment.items()),
        sys.executable, "-c", DAEMON, "run", str(folder / "plant.yaml"),
        "--data", str(data), "--http", f"127.0.0.1:{free_port()}",
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + START_S
        while not (data / "run.json").exists():
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text()[-1_000:])
            time.sleep(0.005)
        client = Client.of(data)
        assert client is not None
        try:
            yield client
        finally:
            client.close()
    finally:
        child.terminate()
        child.wait()


def many_assets(count: int) -> str:
    """A plant of `count` machines of one type in lines of 100, one signal each."""
    lines = ["format: 1", "connectors: {push: {kind: http}}", "types:", "  machine:",
             "    signals: {speed: {unit: 1/h}}", "assets:"]  # fmt: skip
    names = [f"l{i // 100:04d}/m{i:06d}" for i in range(count)]
    lines += [f"  {name}: {{type: machine, connector: push}}" for name in names]
    return "\n".join(lines)


def many_signals(count: int) -> str:
    """A plant of one asset with `count` signals."""
    lines = ["format: 1", "connectors: {push: {kind: http}}", "assets:", "  line:",
             "    connector: push", "    signals:"]  # fmt: skip
    return "\n".join([*lines, *(f"      s{i}: {{}}" for i in range(count))])


def quantiles(seconds: list[float]) -> dict[str, float]:
    """In ms."""
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e3
    return {"p50_ms": float(p50), "p99_ms": float(p99), "max_ms": 1e3 * max(seconds)}


def first_page(assets: int, requests: int) -> dict[str, Any]:
    """The first 100 of `assets`, asked `requests` times; the very first answer apart."""
    taken = []
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as name:
        begun = time.perf_counter()
        with twin(Path(name), many_assets(assets)) as client:
            start_s = time.perf_counter() - begun
            for _ in range(requests + 1):
                begun = time.perf_counter()
                page = client.get("/api/assets", {"limit": 100})
                taken.append(time.perf_counter() - begun)
                assert (page["total"], len(page["items"])) == (assets, min(100, assets))
            html = browser.html(Path(name), "/", requests // 2 + 1)
    return {
        "assets": assets,
        "requests": requests,
        "first_ms": 1e3 * taken[0],
        **quantiles(taken[1:]),
        "html": {"first_ms": 1e3 * html[0], **quantiles(html[1:])},
        "start_s": start_s,
    }


def chart(samples: int, requests: int) -> dict[str, Any]:
    """A chart of 1,500 points over `samples` samples of one signal at 1 kHz."""
    rng = np.random.default_rng(1)
    value = np.round(20.0 + rng.normal(0.0, 0.01, samples).cumsum(), 3)
    begin = (time.time_ns() // 1_000_000_000 - 7_200) * 1_000_000_000
    moment = begin + np.arange(samples) * 1_000_000
    taken = []
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as name:  # noqa: SIM117 - too long for a line
        with twin(Path(name), many_signals(1)) as client:
            for first in range(0, samples, BATCH):
                rows = slice(first, first + BATCH)
                signal = np.zeros(len(value[rows]), np.int32)
                body = arrow({"signal": signal, "time": moment[rows], "value": value[rows]})
                client.push("push", body, ARROW)
            counted = client.ask(["line/s0"], every="36500d").column("count").to_numpy().sum()
            assert counted == samples, (counted, samples)
            end = isoformat(int(moment[-1]) + 1)
            span = {"start": isoformat(begin), "end": end}
            question = {"signal": "line/s0", **span, "points": 1_500}
            for _ in range(requests + 1):
                begun = time.perf_counter()
                shown = client.get("/api/sketch", question)
                taken.append(time.perf_counter() - begun)
            seen = np.array([v for v in shown["value"] if v is not None])
            assert (seen.min(), seen.max()) == (value.min(), value.max()), "an extreme is missing"
            drawn = None
            if browser.FOUND:
                last = int(moment[-1])
                drawn = browser.drawn(Path(name), "line/s0", begin, last, requests)
    return {
        "samples": samples,
        "points": len(seen),
        "requests": requests,
        "first_ms": 1e3 * taken[0],
        **quantiles(taken[1:]),
        "drawn": drawn,
    }


def start(signals: int) -> dict[str, Any]:
    """Seconds from the start of the process until a sample was answered as stored.

    Twice on one data folder: with empty caches of Python and numba, then with filled ones.
    """
    found: dict[str, Any] = {"signals": signals}
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as name:
        folder = Path(name)
        caches = {
            "NUMBA_CACHE_DIR": str(folder / "numba"),
            "PYTHONPYCACHEPREFIX": str(folder / "python"),
        }
        for turn in ("cold_s", "warm_s"):
            table = {
                "signal": pa.array(["line/s0"]),
                "time": pa.array([time.time_ns()]),
                "value": pa.array([1.0]),
            }
            begun = time.perf_counter()
            with twin(folder, many_signals(signals), **caches) as client:
                while True:
                    try:
                        told = client.push("push", arrow(table), ARROW)
                    except GemelError:
                        assert time.perf_counter() - begun < START_S
                        time.sleep(0.005)
                    else:
                        break
                found[turn] = time.perf_counter() - begun
                assert told["stored"] == 1, told
    return found


def run(
    assets: int = 100_000, samples: int = 1_000_000, requests: int = 200, signals: int = SIGNALS
) -> dict[str, Any]:
    """All three."""
    return {
        "start": start(signals),
        "chart": chart(samples, max(20, requests // 10)),
        "first_page": first_page(assets, requests),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--signals", type=int, default=SIGNALS)
    given = parser.parse_args()
    print(json.dumps(run(given.assets, given.samples, given.requests, given.signals), indent=2))
