"""`gemel demo`: the virtual bottling line in one process, its twin in another, the browser open."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import typer

from gemel.core.errors import Unavailable
from gemel.core.time import zone
from gemel.doors.serving import Served, served
from gemel.doors.story import Story
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import load

__all__ = ["demo"]

HISTORY_S = 1_500
"""The line has run for so long when the twin first sees it: what its models learn from."""
READY_S = 60.0
ORDERS_BEGIN = datetime.fromisoformat("2026-01-05 06:00")
"""Local time of the virtual plant's orders, in its file."""


async def demo(
    data: Path | None, host: str, port: int, *, browser: bool, scenario: str, seed: int
) -> None:
    """Run until cancelled."""
    folder = data or Path(tempfile.mkdtemp(prefix="gemel-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        typer.echo("starting the virtual bottling line …")
        async with virtual_line(folder, scenario, seed) as url:
            plan = load(write_plant(folder, url))
            typer.echo(f"the line serves {url}; starting its twin …")
            async with served(plan, folder / "data", host, port) as running:
                running.app.state.story = Story(running.daemon, url, scenario)
                await _show(running, browser=browser)
                await asyncio.Event().wait()
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _show(running: Served, *, browser: bool) -> None:
    typer.echo(f"Gemel is ready: {running.url}")
    typer.echo(f"open once, without typing: {running.link}")
    typer.echo("end with Ctrl+C")
    if browser:
        await asyncio.to_thread(webbrowser.open, running.link)


def write_plant(folder: Path, url: str) -> Path:
    """The plant file of the virtual line, for a server at `url`."""
    text = files("gemel.virtual").joinpath("line2.yaml").read_text(encoding="utf-8")
    text = text.replace("opc.tcp://127.0.0.1:4841", url)
    # The key figures are those of a shift: this one began when the line did.
    local = zone("Europe/Berlin")
    begun = datetime.fromtimestamp(system_clock() / 1e9 - HISTORY_S, local)
    shift = f"{{name: Demo, start: '{begun:%H:%M}', end: '{begun + timedelta(hours=8):%H:%M}', "
    text = re.sub(r"  - \{name: Early, start: '06:00', end: '14:00', ", f"  - {shift}", text)
    text = re.sub(r"  - \{name: (Late|Night),.*\n", "", text)
    path = folder / "plant.yaml"
    path.write_text(text, encoding="utf-8")
    _write_beside(folder, datetime.fromtimestamp(system_clock() / 1e9, local))
    return path


def _write_beside(folder: Path, now: datetime) -> None:
    """What the virtual plant file names: orders are due from now on as theirs are after 6 o'clock,
    and what was sold was sold until yesterday."""
    days = now.replace(tzinfo=None) - datetime(2026, 1, 5)  # noqa: DTZ001 - a local time of the file
    for name in ("upkeep.yaml", "packaging.yaml", "packaging_demand.csv", "packaging_failures.csv"):
        text = files("gemel.virtual").joinpath(name).read_text(encoding="utf-8")

        def moved(found: re.Match[str]) -> str:
            return str(date.fromisoformat(found[0]) + timedelta(days=days.days))

        text = re.sub(r"\d{4}-\d\d-\d\d", moved, text)
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("bottling.yaml", "bottling.csv"):
        text = files("gemel.virtual").joinpath(name).read_text(encoding="utf-8")
        shift = now.replace(tzinfo=None, second=0, microsecond=0) - ORDERS_BEGIN

        def later(found: re.Match[str], shift: timedelta = shift) -> str:
            return f"{datetime.fromisoformat(found[0]) + shift:%Y-%m-%d %H:%M}"

        text = re.sub(r"2026-01-05 \d\d:\d\d", later, text)
        (folder / name).write_text(text, encoding="utf-8")


@contextlib.asynccontextmanager
async def virtual_line(folder: Path, scenario: str, seed: int) -> AsyncIterator[str]:
    """The virtual line as a child process; gives its address when it is ready."""
    port_file = folder / "line.url"
    port_file.unlink(missing_ok=True)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gemel.virtual", "--endpoint", "opc.tcp://127.0.0.1:0",
        "--port-file", str(port_file), "--scenario", scenario, "--seed", str(seed),
        "--history", str(HISTORY_S), "--truth", str(folder / "truth.jsonl"), "--with-parent",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield await asyncio.wait_for(_address(child, port_file), READY_S)
    except TimeoutError:
        raise Unavailable(f"the virtual line was not ready within {READY_S:.0f} s") from None
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()


async def _address(child: asyncio.subprocess.Process, port_file: Path) -> str:
    while not (url := await asyncio.to_thread(_read, port_file)):
        if child.returncode is not None and child.stderr is not None:
            said = (await child.stderr.read()).decode(errors="replace").strip()
            raise Unavailable(f"the virtual line did not start: {said}")
        await asyncio.sleep(0.05)
    return url


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""
