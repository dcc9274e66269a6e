"""Another plant file for a daemon of its own: asked for by the command and by a signal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.runtime.reloading import PATIENCE_S, pushed
from typer.testing import CliRunner

from gemel.doors.cli.main import app


def test_a_signal_and_a_command_let_it_be_read_again(tmp_path: Path) -> None:
    plant, other = tmp_path / "plant.yaml", tmp_path / "other.yaml"
    plant.write_text(pushed())
    command = [sys.executable, "-m", "gemel.doors.cli.main"]
    data = ["--data", str(tmp_path / "data")]

    def reload(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["reload", *arguments, *data])

    assert "no Gemel runs" in str(reload().exception)
    assert reload("a", "b").exit_code == 2
    running = subprocess.Popen(
        [*command, "run", "plant.yaml", *data, "--http", "127.0.0.1:0"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def logged(what: str) -> str:
        """The next line of the log with `what`; a busy machine may have others before it."""
        assert running.stderr is not None
        while what not in (line := running.stderr.readline()):
            assert line, f"the daemon ended and never said '{what}'"
        return line

    try:
        assert running.stdout is not None
        assert "ready" in running.stdout.readline()
        running.stdout.readline()
        plant.write_text(pushed(limit=60))
        told = json.loads(reload("--json").stdout)
        assert told["sentence"] == "changed alarm 'high'; kept all else"
        plant.write_text(pushed(limit="x"))
        done = subprocess.run(
            [*command, "reload", *data], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("plant.yaml:")
        other.write_text(pushed(limit=70))
        assert "other.yaml: changed alarm 'high'; kept" in reload(str(other)).stdout
        other.write_text(pushed(limit=80))
        running.send_signal(signal.SIGHUP)
        assert "read again by SIGHUP: changed alarm 'high'" in logged("by SIGHUP")
        other.write_text("format: 2")
        running.send_signal(signal.SIGHUP)
        assert logged("the plant file is not taken")
    finally:
        running.terminate()
        running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0
