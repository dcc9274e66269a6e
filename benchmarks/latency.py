"""From the change of a sensor to the write of an actuator over OPC UA, beside a bare asyncua loop.

    python -m benchmarks.latency [--events N] [--rounds N] [--no-load]

A server (asyncua) of its own has `LANES` pairs of Sensor and Actuator. Every 10 to 30 ms (uniform,
seed 1) the next pair's Sensor gets the number of the event; the moment before that write, and the
moment at which a write of the same number arrives at the pair's Actuator, are read from one clock
in that process. Latency is the difference, in ms. An event that is never answered counts as
infinitely late: a percentile that it reaches is None. The first events of a round are not counted.

Both contestants are processes of their own, subscribe at 10 ms, and write what they are told. Gemel
is `gemel run` with one rule per pair (command class approved by rule, dead time 0), and journals
every command on disk before it sends. They take turns, each with a new server. With load, both also
subscribe to 1,000 other signals at 10 Hz of a second server process.

There are several pairs since Gemel lets one command at a time be on its way to a signal, until its
read-back confirms it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages import twin
from benchmarks.push import free_port

LANES = 24
WARM_UP = 4 * LANES
SHORTEST_S, LONGEST_S = 0.010, 0.030
PUBLISHING_MS = 10
PATIENCE_S = 5.0
"""An answer later than this after the last event counts as none."""
LOAD_SIGNALS = 1_000
LOAD_HZ = 10
WAIT_S = 180.0
URI = "urn:example:latency"


async def serve(url: str, seed: int) -> None:
    """The server: `ready`, then for a line with a number of events a line with their latencies."""
    from asyncua import Server, ua

    logging.disable(logging.CRITICAL)
    server = Server()
    await server.init()
    server.set_endpoint(url)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    changed: dict[int, int] = {}
    answered: dict[int, int] = {}

    async def arrived(_: int, value: Any) -> None:
        answered.setdefault(int(value.Value.Value), time.perf_counter_ns())

    sensors = []
    index = await server.register_namespace(URI)
    for lane in range(LANES):
        sensor, actuator = [
            await server.nodes.objects.add_variable(
                ua.NodeId(f"{name}{lane}", index),
                f"{index}:{name}{lane}",
                0.0,
                ua.VariantType.Double,
            )
            for name in ("Sensor", "Actuator")
        ]
        await actuator.set_writable()
        space = server.iserver.aspace
        space.add_datachange_callback(actuator.nodeid, ua.AttributeIds.Value, arrived)
        sensors.append(sensor.nodeid)
    rng = np.random.default_rng(seed)
    async with server:
        print("ready", flush=True)
        events = int(await asyncio.to_thread(sys.stdin.readline)) + WARM_UP
        for number, pause in enumerate(rng.uniform(SHORTEST_S, LONGEST_S, events).tolist(), 1):
            await asyncio.sleep(pause)
            variant = ua.Variant(float(number), ua.VariantType.Double)
            value = ua.DataValue(variant, SourceTimestamp=datetime.now(UTC))
            changed[number] = time.perf_counter_ns()
            await server.write_attribute_value(sensors[number % LANES], value)
        await asyncio.sleep(PATIENCE_S)
        taken = [
            (answered[number] - moment) if number in answered else None
            for number, moment in changed.items()
            if number > WARM_UP
        ]
        print(json.dumps(taken), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


async def bare(url: str, load: str) -> None:
    """The other contestant: what a notification says is written at once, and nothing else."""
    from asyncua import Client, ua

    logging.disable(logging.CRITICAL)
    tasks: set[asyncio.Task[None]] = set()

    class Loop:
        def datachange_notification(self, node: Any, value: float, _: Any) -> None:
            if value:
                actuator = actuators[node.nodeid.Identifier.removeprefix("Sensor")]
                variant = ua.Variant(value, ua.VariantType.Double)
                task = asyncio.create_task(actuator.write_value(ua.DataValue(variant)))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

    class Other:
        def datachange_notification(self, node: Any, value: float, _: Any) -> None:
            """Only received."""

    actuators: dict[str, Any] = {}
    client = Client(url)
    async with client:
        index = await client.get_namespace_index(URI)
        actuators |= {str(i): client.get_node(f"ns={index};s=Actuator{i}") for i in range(LANES)}
        sensors = [client.get_node(f"ns={index};s=Sensor{i}") for i in range(LANES)]
        subscription = await client.create_subscription(PUBLISHING_MS, Loop())
        await subscription.subscribe_data_change(sensors)
        async with Client(load) if load else nullcontext() as other:
            if other is not None:
                index = await other.get_namespace_index("urn:gemel:virtual:line")
                nodes = [other.get_node(f"ns={index};s={name}") for name in load_names()]
                second = await other.create_subscription(100, Other())
                await second.subscribe_data_change(nodes)
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)


def load_names() -> list[str]:
    """Node ids of the other signals, in the virtual plant."""
    return [f"Extra.S{i:05d}" for i in range(1, LOAD_SIGNALS + 1)]


def plant(url: str, load: str) -> str:
    """The same task as a plant file."""
    fast = f"publishing: {PUBLISHING_MS} ms, sample: {PUBLISHING_MS} ms"
    lines = [
        "format: 1",
        "connectors:",
        f"  line: {{kind: opcua, url: '{url}', security: None, {fast}}}",
    ]
    if load:
        lines += [f"  load: {{kind: opcua, url: '{load}', security: None}}"]
    lines += ["assets:", "  line:", "    connector: line", "    signals:"]
    for lane in range(LANES):
        lines += [
            f"      sensor{lane}: {{address: 'nsu={URI};s=Sensor{lane}'}}",
            f"      actuator{lane}: {{address: 'nsu={URI};s=Actuator{lane}'}}",
        ]
    lines += ["    commands:"]
    envelope = "{low: 0, high: 1e9, dead_time: 0 s, approval: rule, fresh_within: 60 s}"
    for lane in range(LANES):
        lines += [
            f"      follow{lane}: {{signal: actuator{lane}, armed: true, envelope: {envelope}}}"
        ]
    if load:
        lines += ["  load:", "    connector: load", "    signals:"]
        for i, name in enumerate(load_names()):
            lines += [f"      s{i}: {{address: 'nsu=urn:gemel:virtual:line;s={name}'}}"]
    lines += ["reasoners:"]
    for lane in range(LANES):
        # Shorter than the time between two changes of a pair, longer than read-back takes: until
        # the actuator shows the value, the rule would propose the same again at every sample.
        lines += [
            f"  follow{lane}:",
            "    kind: rules",
            "    asset: line",
            f"    when: sensor{lane} != actuator{lane}",
            f"    hold_off: {int(SHORTEST_S * LANES * 1000) - 20} ms",
            f"    propose: {{command: line/follow{lane}, value: sensor{lane}}}",
        ]
    return "\n".join(lines)


@contextmanager
def child(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process with pipes, killed at the end."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()


def told(process: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError("a process of the benchmark ended before its time")
    return line


def latencies(contestant: str, load: str, events: int, seed: int) -> tuple[list[int | None], Any]:
    """One round: latencies in ns (None: never answered), and what Gemel counted."""
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    me = ("-m", "benchmarks.latency")
    with child(*me, "--serve", url, "--seed", str(seed)) as server:
        assert told(server) == "ready"

        def go() -> list[int | None]:
            assert server.stdin is not None
            server.stdin.write(f"{events}\n")
            server.stdin.flush()
            found: list[int | None] = json.loads(told(server))
            return found

        if contestant == "asyncua":
            with child(*me, "--bare", url, "--other", load) as loop:
                assert told(loop) == "ready"
                return go(), None
        with tempfile.TemporaryDirectory(prefix="gemel-bench-") as name:  # noqa: SIM117 - too long for a line
            with twin(Path(name), plant(url, load)) as client:
                until = time.monotonic() + WAIT_S
                while True:
                    state = client.get("/api/state", {"signal": "**"})["signals"]
                    if all(signal["quality"] == "good" for signal in state):
                        break
                    assert time.monotonic() < until, "the signals did not come"
                    time.sleep(0.2)
                found = go()
                status = client.status()
                commands = client.get("/api/journal", {"limit": 1_000})["items"]
                return found, _counted(status, commands)


def _counted(status: dict[str, Any], entries: list[dict[str, Any]]) -> dict[str, Any]:
    kinds: dict[str, int] = {}
    for entry in entries:
        kinds[str(entry["kind"])] = kinds.get(str(entry["kind"]), 0) + 1
    return {
        "last journal entries by kind": kinds,
        "problems": status["problems"],
        "received": {c["name"]: c["received"] for c in status["connectors"]},
        "rejected": status["live"]["rejected"],
        "refused": status["history"]["refused"],
    }


def summary(taken: list[int | None]) -> dict[str, float | int | None]:
    """Percentiles in ms; an event that was never answered is later than all others."""
    late = np.array([np.inf if t is None else t / 1e6 for t in taken])
    found: dict[str, float | int | None] = {"events": len(late)}
    for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99), ("p99.9_ms", 0.999)):
        value = float(np.quantile(late, share, method="higher"))
        found[name] = value if np.isfinite(value) else None
    return found | {"never answered": int(np.isinf(late).sum())}


def compared(events: int, rounds: int, load: str) -> dict[str, Any]:
    """Both contestants in turns; percentiles over all rounds, ratios of them."""
    taken: dict[str, list[int | None]] = {"asyncua": [], "gemel": []}
    counted = []
    for number in range(rounds):
        for contestant, mine in taken.items():
            found, told_by_twin = latencies(contestant, load, events // rounds, seed=number + 1)
            mine += found
            if told_by_twin is not None:
                counted.append(told_by_twin)
    result: dict[str, Any] = {name: summary(mine) for name, mine in taken.items()}
    for name in ("p50_ms", "p99_ms", "p99.9_ms"):
        ours, theirs = result["gemel"][name], result["asyncua"][name]
        result[f"ratio of {name}"] = None if None in (ours, theirs) else ours / theirs
    return result | {"gemel counted": counted}


def run(events: int = 10_000, rounds: int = 2, *, loaded: bool = True) -> dict[str, Any]:
    """Quiet, and beside the load."""
    found = {"lanes": LANES, "quiet": compared(events, rounds, "")}
    if loaded:
        other = ("-m", "gemel.virtual", "--endpoint", "opc.tcp://127.0.0.1:0", "--rate", "1")
        extra = ("--extra-signals", str(LOAD_SIGNALS), "--extra-rate", str(LOAD_HZ))
        with child(*other, *extra) as server:
            found["loaded"] = compared(events, rounds, told(server))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--no-load", action="store_true", help="only the quiet case")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    parser.add_argument("--bare", default="", help=argparse.SUPPRESS)
    parser.add_argument("--other", default="", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.seed))
    elif given.bare:
        asyncio.run(bare(given.bare, given.other))
    else:
        print(json.dumps(run(given.events, given.rounds, loaded=not given.no_load), indent=2))
