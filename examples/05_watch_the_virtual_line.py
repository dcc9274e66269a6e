"""A twin of an OPC UA server that you did not write: discover, check, run, ask."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gemel.client import Client


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        with process("-m", "gemel.virtual", "--endpoint", "opc.tcp://127.0.0.1:0",
                     "--port-file", "line.url", "--seed", "1"):  # fmt: skip
            url = wait(lambda: Path("line.url").exists() and Path("line.url").read_text().strip())
            gemel("discover", url, "-o", "plant.yaml")
            gemel("check", "plant.yaml")
            with process("-m", "gemel.doors.cli.main", "run", "plant.yaml", "--data", "data",
                         "--http", "127.0.0.1:0"):  # fmt: skip
                look(wait(lambda: Client.of(Path("data"))))


def look(client: Client) -> None:
    """What the twin says of the line."""
    wait(lambda: client.status()["connectors"][0]["received"] > 200)
    status = client.status()
    (link,) = status["connectors"]
    print("the twin is", status["state"])
    print("connector:", link["name"], link["state"], link["delivery"])
    print("signals that cannot be had:", len(link["bad_items"]))
    found = client.get("/api/state", {"signal": "**/fill_level"})["signals"]
    for signal in found:
        plausible = 450 < signal["number"] < 550
        print(signal["path"], signal["unit"], signal["reason"], "plausible:", plausible)


def gemel(*arguments: str) -> None:
    """Run a command; what it prints for people on standard error stays out of the way."""
    subprocess.run(
        [sys.executable, "-m", "gemel.doors.cli.main", *arguments],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@contextmanager
def process(*arguments: str) -> Iterator[None]:
    """A Python process that ends with the block."""
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def wait(condition):  # type: ignore[no-untyped-def]
    """What `condition` gives as soon as it gives something."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise SystemExit("nothing came within a minute")


if __name__ == "__main__":
    main()
