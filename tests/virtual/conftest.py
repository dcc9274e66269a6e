"""The virtual plant as a real process on a free port."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import gemel

SOURCE = Path(gemel.__file__).parents[1]
COMMAND = [sys.executable, "-m", "gemel.virtual", "--endpoint", "opc.tcp://127.0.0.1:0"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(SOURCE)}


#: Starts the command line that follows, says its process id, and lives as long as it does.
PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
print(child.pid, flush=True)
child.wait()
"""


@dataclass
class Plant:
    """A running server; `url` waits until it is ready. With a parent, `pid` is the server's."""

    process: subprocess.Popen[str]
    truth: Path
    pid: int
    _url: str = ""

    @property
    def url(self) -> str:
        if not self._url:
            self._url = read_line(self.process)
            assert self._url.startswith("opc.tcp://127.0.0.1:"), "the server did not start"
        return self._url


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def start(folder: Path, name: str, *arguments: str, parent: bool = False) -> Plant:
    truth = folder / f"{name}.jsonl"
    command = [*COMMAND, "--truth", str(truth), *arguments]
    if parent:
        command = [sys.executable, "-c", PARENT, *command, "--with-parent"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    return Plant(process, truth, int(read_line(process)) if parent else process.pid)


@pytest.fixture(scope="session")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Plant]]:
    """Two servers, started at the same time because each takes seconds to build its nodes."""
    folder = tmp_path_factory.mktemp("virtual")
    plants = {
        "plain": start(folder, "plain", "--rate", "5", "--history", "60", parent=True),
        "guarded": start(
            folder, "guarded", "--namespaces-reversed", "--user", "op:secret", "--nodes", "300",
            "--extra-signals", "20", "--extra-rate", "10", "--rate", "1",
            "--port-file", str(folder / "guarded.url"), "--start", "2026-01-01T06:30:00",
        ),
    }  # fmt: skip
    yield plants
    for plant in plants.values():
        if plant.process.poll() is None:
            os.kill(plant.pid, signal.SIGKILL)
        plant.process.wait()
        assert plant.process.stdout is not None
        plant.process.stdout.close()


@pytest.fixture
def plain(plants: dict[str, Plant]) -> Plant:
    return plants["plain"]


@pytest.fixture
def guarded(plants: dict[str, Plant]) -> Plant:
    return plants["guarded"]
