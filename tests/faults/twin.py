"""A daemon and a virtual plant as processes of their own, to be killed and started again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gemel.client import Client
from gemel.core.errors import GemelError

WAIT_S = 150.0
"""A busy machine takes long to start a process; nothing that works takes longer."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(true: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> float:
    """Seconds until something is true."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < wait_s, f"did not happen in {wait_s:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun


class Twin:
    """`gemel run` of one plant file on one data folder, at one port, as often as it is started."""

    def __init__(self, folder: Path, plant: str) -> None:
        self.data = folder / "data"
        self.client: Client | None = None
        self._plant = folder / "plant.yaml"
        self._plant.write_text(plant)
        self._log = folder / "twin.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> Client:
        """Its client."""
        assert self.client is not None, "it is not started"
        return self.client

    @property
    def authorization(self) -> str:
        """The header by which one who may read `run.json` comes in."""
        try:
            return "Bearer " + json.loads((self.data / "run.json").read_text())["token"]
        except FileNotFoundError:
            return ""

    def start(self) -> float:
        """Start it; seconds until it answers."""
        command = [sys.executable, "-m", "gemel.doors.cli.main", "run", str(self._plant), "--data",
                   str(self.data), "--http", f"127.0.0.1:{self._port}"]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        return eventually(self._answers, f"the twin starts: {self._log}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-1_000:]
        try:
            self.client = Client.of(self.data)
        except GemelError:
            return False
        return self.client is not None

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it, by kill -9 unless another signal is given."""
        if self.client is not None:
            self.client.close()
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
        self._process = self.client = None

    def connector(self, name: str) -> dict[str, Any]:
        """What health says of a connector."""
        found: dict[str, Any] = next(
            c for c in self.running.status()["connectors"] if c["name"] == name
        )
        return found

    def gaps(self) -> list[dict[str, Any]]:
        """Payloads of the gaps that were recorded."""
        found = self.running.get("/api/events", {"kind": "gap", "order": "oldest"})
        return [event["payload"] for event in found]


class Line:
    """The virtual plant at one port; every start may have other options."""

    def __init__(self, folder: Path) -> None:
        self.url = f"opc.tcp://127.0.0.1:{free_port()}"
        self._log = folder / "line.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it, and wait until it is ready."""
        ready = self._log.with_name("line.url")
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "gemel.virtual", "--endpoint", self.url, "--port-file",
                   str(ready), *options]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(ready.exists, f"the virtual plant starts: {self._log}")

    def end(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None
