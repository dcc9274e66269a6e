"""Kill the daemon while samples are pushed over HTTP, and count what it had answered with 2xx."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa

from tests.faults.counting import Result, count
from tests.faults.feeder import SIGNALS, batch
from tests.faults.twin import Twin, eventually

SENDERS = 2
ARROW = "application/vnd.apache.arrow.stream"
PLANT = "\n".join(
    [
        "format: 1",
        "connectors: {push: {kind: http}}",
        "assets:",
        "  line:",
        "    connector: push",
        "    signals:",
        *(f"      s{i}: {{}}" for i in range(SIGNALS)),
    ]
)


def body(number: int) -> bytes:
    """Batch `number` as the body of a request."""
    rows = batch(number)
    table = pa.table({"signal": rows.signal, "time": rows.time, "value": rows.value})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


class Senders:
    """Threads that push, and push again what was not answered, until they are stopped.

    They take turns at numbers, so that rows arrive out of order too.
    """

    def __init__(self, twin: Twin) -> None:
        self.acknowledged: list[int] = []
        self.unusable: list[str] = []
        """Answers that no sender should get."""
        self._twin = twin
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(first,)) for first in range(SENDERS)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, number: int) -> None:
        with httpx.Client(timeout=30, trust_env=False) as http:
            while not self._stop.is_set():
                if self._push(http, number):
                    self.acknowledged.append(number)
                    number += SENDERS
                else:
                    time.sleep(0.02)

    def _push(self, http: httpx.Client, number: int) -> bool:
        client = self._twin.client
        if client is None:
            return False
        try:
            answer = http.post(
                f"{client.url}/api/connectors/push/samples",
                content=body(number),
                headers={"Authorization": self._twin.authorization, "Content-Type": ARROW},
            )
        except httpx.HTTPError:
            return False
        if answer.status_code not in (200, 401, 503):  # 401: the token of the one that was killed
            self.unusable.append(f"{answer.status_code}: {answer.text[:200]}")
        return answer.is_success

    def stop(self) -> None:
        """Stop, after what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def kill_under_load(folder: Path, kills: int, seed: int) -> Result:
    """Start the daemon, push, kill -9 it at a random moment, `kills` times; then count."""
    chance = random.Random(seed)
    twin = Twin(folder, PLANT)
    senders = Senders(twin)
    slowest = 0.0
    try:
        for _ in range(kills):
            slowest = max(slowest, twin.start())
            before = len(senders.acknowledged)
            eventually(lambda before=before: len(senders.acknowledged) > before, "rows are stored")
            time.sleep(chance.uniform(0.0, 1.0))
            twin.end()
    finally:
        senders.stop()
        twin.end()
    assert not senders.unusable, senders.unusable[:3]
    acknowledged = np.unique(senders.acknowledged)
    sent = int(acknowledged.max()) + 2 * SENDERS
    return count(twin.data, acknowledged, kills, slowest, sent)
