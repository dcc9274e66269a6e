"""Processes to kill, made in milliseconds: one interpreter imports everything, and forks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

_PARENT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import asyncio
from pathlib import Path
from commanded import World, by_rule
from gemel.twin.decisions.journal import Draft, Journal
from gemel.twin.mirror import Mirror
Mirror.warm_up()

def say(path, line):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, (line + "\\n").encode())
    os.close(handle)

print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        exec(order["code"], globals() | {"arguments": order["arguments"]})
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


class Forks:
    """Runs code in a process of its own; `kill` is kill -9. One at a time."""

    def __init__(self) -> None:
        here = str(Path(__file__).parent)
        self._parent = subprocess.Popen(
            [sys.executable, "-c", _PARENT, here],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"
        self._child = 0

    def start(self, code: str, *arguments: str) -> None:
        """Run `code` with `arguments`; it may `say(path, line)` what survives a kill."""
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps({"code": code, "arguments": arguments}) + "\n")
        self._parent.stdin.flush()
        self._child = int(self._line())

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        assert self._line() == "gone"

    def close(self) -> None:
        """End the interpreter."""
        self._parent.kill()
        self._parent.wait()
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.stdout.close()

    def _line(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().strip()
