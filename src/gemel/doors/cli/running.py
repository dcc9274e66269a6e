"""`gemel run` and `gemel replay`: the daemon, with and without doors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer

from gemel.core.errors import ConfigurationError
from gemel.parts.connectors import CONNECTORS
from gemel.runtime.configuration import Plan, load
from gemel.runtime.daemon import Daemon
from gemel.runtime.logs import set_up_logs
from gemel.twin.operations import machines

__all__ = ["demo", "replay", "run"]

TRIES: Final = 5
"""A recording that cannot be read so many times in a row will not be."""


def run(file: Path, data: Path, http: str, certificate: Path | None, key: Path | None) -> None:
    """See `gemel run --help`."""
    from gemel.doors.serving import serve

    host, port = _address(http)
    set_up_logs()
    plan = load(file)
    _until_signal(serve(plan, data, host, port, certificate, key))


def demo(data: Path | None, http: str, *, browser: bool, scenario: str, seed: int) -> None:
    """See `gemel demo --help`."""
    from gemel.doors.cli.demo import demo as show

    host, port = _address(http)
    set_up_logs(logging.WARNING)
    _until_signal(show(data, host, port, browser=browser, scenario=scenario, seed=seed))


def _address(http: str) -> tuple[str, int]:
    host, _, port = http.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise typer.BadParameter(f"--http {http}: write HOST:PORT, e.g. 127.0.0.1:8080")
    return host, int(port)


def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    async def supervised() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    asyncio.run(supervised())


def replay(
    file: Path, recordings: list[str], data: Path, speed: str, *, again: bool, as_json: bool
) -> None:
    """See `gemel replay --help`."""
    set_up_logs(logging.CRITICAL)  # what is wrong is told at the end, once
    plan = recorded(load(file), recordings, speed)
    started = time.perf_counter()
    summary = asyncio.run(replayed(plan, data, again=again, quiet=as_json))
    summary["seconds"] = round(time.perf_counter() - started, 3)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        _show(summary)
    if summary["problem"]:
        raise ConfigurationError(summary["problem"])


def recorded(plan: Plan, recordings: list[str], speed: str) -> Plan:
    """The plan with the recordings in the place of its sources, and without reasoners: there is
    nothing left to decide."""
    if speed == "max":
        factor: float | str = "max"
    else:
        try:
            factor = float(speed.removesuffix("x"))
        except ValueError:
            factor = -1.0
        if not 0 < float(factor) < 1e9:
            raise typer.BadParameter(f"--speed {speed}: write 'max' or a number such as 10")
    files = [(n, s) for n, s in plan.plant.connectors.items() if s.get("kind") == "files"]
    if len(files) > 1:
        names = ", ".join(name for name, _ in files)
        raise ConfigurationError(f"the plant file has several 'files' connectors ({names})")
    paths = [str(Path(p).resolve()) for p in recordings]
    name, settings = files[0] if files else ("recording", {"kind": "files"})
    settings = {**settings, "paths": paths, "speed": factor}
    settings.setdefault("time_zone", plan.plant.plant.time_zone)
    connector = CONNECTORS.build(settings, f"connectors '{name}'")
    signals = []
    for planned in plan.signals:
        if planned.told_by:
            signals.append(planned)  # not of the recording: it is told anew
        elif planned.connector == name or not files:
            address = planned.address if planned.connector == name else planned.path
            signals.append(
                type(planned)(planned.path, planned.asset, name, address, planned.signal)
            )
        else:
            signals.append(planned)
    return replace(
        plan, signals=tuple(signals), connectors={name: connector}, reasoners={},
        machines=machines(plan.plant.assets, signals, plan.operations),
    )  # fmt: skip


async def replayed(plan: Plan, data: Path, *, again: bool, quiet: bool) -> dict[str, Any]:
    # Not at the top: what only a replay shows would make every start wait.
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    daemon = Daemon(plan, data)
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    async with daemon.run(connect=False):
        (link,) = daemon.links.values()
        if again:
            link.start_over()
        task = asyncio.create_task(link.run())
        with Progress(
            *columns, console=console, transient=True, disable=quiet or not sys.stderr.isatty()
        ) as progress:
            shown = progress.add_task("reading", total=None)
            while not task.done():
                await asyncio.wait({task}, timeout=0.2)
                if link.failures >= TRIES:
                    task.cancel()
                    break
                stored = daemon.pipeline.history.received
                progress.update(shown, description=f"{stored:,} samples stored")
        reason = link.reason
        with contextlib.suppress(asyncio.CancelledError):
            await task
            reason = link.reason
        totals = link.totals()
        problem = "" if reason == "at its end" else reason
        bad = dict(link.last_bad_items)
    history = daemon.pipeline.history
    return {
        "received": totals.received,
        "rejected": totals.rejected,
        "reasons": totals.reasons,
        "bad_items": bad,
        "stored": history.accepted + history.late,
        "late": history.late,
        "repeated": history.repeated,
        "refused": history.refused,
        "problem": problem,
    }


def _show(summary: dict[str, Any]) -> None:
    line = f"{summary['stored']:,} samples stored"
    if summary["late"]:
        line += f" ({summary['late']:,} of them late)"
    if summary["repeated"]:
        line += f", {summary['repeated']:,} were there already"
    if summary["rejected"]:
        line += f", {summary['rejected']:,} rejected"
    typer.echo(f"{line}, in {summary['seconds']:.1f} s")
    for reason, rows in summary["reasons"].items():
        typer.echo(f"  • {rows:,}: {reason}")
    for path, reason in summary["bad_items"].items():
        typer.echo(f"  • {path}: {reason}")
    if not summary["received"] and not summary["problem"]:
        typer.echo("  nothing new: these rows were replayed before; --again reads them again")
