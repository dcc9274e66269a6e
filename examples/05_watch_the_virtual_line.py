"""A twin of an OPC UA server that you did not write: discover, check, run, ask; in one script."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gemel.core.quality import reason
from gemel.doors.cli.main import app
from gemel.runtime.configuration import load
from gemel.runtime.daemon import Daemon


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        with virtual_line(Path("line.url")) as url:
            with contextlib.redirect_stderr(None):  # what discovery says of its work
                gemel("discover", url, "-o", "plant.yaml")
            gemel("check", "plant.yaml")
            asyncio.run(watch())
        os.chdir("/")


def gemel(*arguments: str) -> None:
    """Run a command in this process."""
    app(list(arguments), standalone_mode=False)


@contextlib.contextmanager
def virtual_line(port_file: Path) -> Iterator[str]:
    """The virtual bottling line as a process of its own; gives its address."""
    child = subprocess.Popen(
        [sys.executable, "-m", "gemel.virtual", "--endpoint", "opc.tcp://127.0.0.1:0",
         "--port-file", str(port_file)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not (port_file.exists() and port_file.read_text().strip()):
            time.sleep(0.05)
            if child.poll() is not None:
                raise SystemExit("the virtual line did not start")
        yield port_file.read_text().strip()
    finally:
        child.terminate()
        child.wait()


async def watch() -> None:
    """The twin itself, for a moment."""
    daemon = Daemon(load(Path("plant.yaml")), Path("data"))
    async with daemon.run():
        while daemon.pipeline.history.accepted < 200:  # noqa: ASYNC110 - a counter
            await asyncio.sleep(0.05)
        status = daemon.status()
        (link,) = status["connectors"]
        print("the twin is", status["state"])
        print("connector:", link["name"], link["state"], link["delivery"])
        print("signals that cannot be had:", len(link["bad_items"]))
        now = daemon.mirror.snapshot(daemon.clock())
        for number in daemon.catalogue.find("**/fill_level"):
            signal, value = daemon.catalogue[number], now.value[number]
            plausible = "plausible" if 450 < value < 550 else "not plausible"
            print(f"{signal.path}: {plausible} {signal.unit}, {reason(int(now.quality[number]))}")


if __name__ == "__main__":
    main()
