"""`gemel train`, `backtest`, `score` and `explain`: models from a file and a few words."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table as Shown

from gemel.core.errors import ConfigurationError
from gemel.core.table import Table
from gemel.doors.cli.output import may_write
from gemel.runtime.clock import system_clock
from gemel.runtime.configuration import read_document
from gemel.runtime.images import read_gallery, write_heat
from gemel.runtime.sounds import read_sounds
from gemel.runtime.tables import read_table
from gemel.runtime.waveforms import reader
from gemel.twin.learning.lineage.openlineage import line
from gemel.twin.learning.lineage.trained import Training
from gemel.twin.learning.tasks import TASKS, Fitted, Report, Task, read_task
from gemel.twin.learning.tasks.base import Progress
from gemel.twin.learning.tasks.sound import SoundTask

__all__ = ["backtest", "described", "explain", "score", "told", "train"]

_REASONS: Final = 8


def described(
    target: str | None,
    unit: str | None,
    time: str | None,
    cap: float | None,
    conditions: list[str] | None,
    ignore: list[str] | None,
    normal: str | None = None,
    label: str | None = None,
    false_alarms: str | None = None,
    horizon: list[float] | None = None,
    failed: str | None = None,
) -> dict[str, Any]:
    """The options of a task, under the names of its description."""
    return {
        "target": target, "unit": unit, "time": time, "cap": cap, "conditions": conditions,
        "ignore": ignore, "normal": normal, "label": label, "false_alarms": false_alarms,
        "horizon": horizon, "failed": failed,
    }  # fmt: skip


def train(
    data: Path,
    task: str,
    words: Mapping[str, Any],
    output: Path,
    *,
    lineage: Path | None,
    as_json: bool,
) -> None:
    """See `gemel train --help`."""
    wanted = _task(task, words)
    may_write(output)
    with told(lineage, data, output, wanted) as tell, _progress() as progress:
        read = _read(wanted, data)
        wanted, table = wanted.prepare(read, reader(data.parent), progress)
        fitted = wanted.fit(table, progress)
        text = fitted.text()
        output.write_text(text, encoding="utf-8")
        tell(fitted, read, text)
    if as_json:
        found = {"model": str(output), "evidence": fitted.evidence, "protocol": fitted.protocol}
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in fitted.evidence.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        typer.echo(f"{name}: {shown:.4g}" if isinstance(shown, float) else f"{name}: {shown}")
    typer.echo(f"{output}: written; next: gemel score {output} {data}")


def backtest(data: Path, task: str, words: Mapping[str, Any], *, as_json: bool) -> None:
    """See `gemel backtest --help`."""
    with _progress() as progress:
        wanted, table = _prepared(_task(task, words), data, progress)
        report = wanted.backtest(table, progress)
    if as_json:
        typer.echo(json.dumps(report.record(), indent=2))
    else:
        _show(report)


def score(model: Path, data: Path, format: str, *, last: bool) -> None:
    """See `gemel score --help`."""
    if format not in ("table", "csv", "json"):
        raise typer.BadParameter(f"'{format}' is not one of table, csv, json")
    fitted, wanted = _model(model)
    with _progress() as progress:
        wanted, table = _prepared(wanted, data, progress)
    told = wanted.score(fitted, table)
    if last:
        told = _last(told, wanted.unit)
    rows: list[list[Any]] = [
        [_plain(told.columns[name][row]) for name in told.columns] for row in range(told.rows)
    ]
    if format == "json":
        names = list(told.columns)
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    elif format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(told.columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    else:
        shown = Shown(*told.columns)
        for row in rows:
            shown.add_row(*(_cell(cell) for cell in row))
        Console().print(shown)


def explain(model: Path, data: Path, row: int, output: Path | None, *, as_json: bool) -> None:
    """See `gemel explain --help`."""
    fitted, wanted = _model(model)
    if output is not None and not wanted.images:
        raise ConfigurationError(f"--out: a model of {wanted.task} makes no heat map")
    table = _read(wanted, data)
    if not 1 <= row <= table.rows:
        raise ConfigurationError(f"--row {row}: {data} has rows 1 to {table.rows}")
    with _progress() as progress:
        wanted, table = wanted.prepare(table, reader(data.parent), progress)
    why = wanted.explain(fitted, table, row - 1)
    if output is not None and why.image is not None and why.heat is not None:
        write_heat(output, why.image, why.heat, why.limit)
    if as_json:
        shares = [{"column": n, "adds": s, "value": v} for n, s, v in why.shares]
        found = {"answer": why.answer, "mean": why.mean, "unit": why.unit, "shares": shares}
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(why.answer)
    shown = Shown("because", "is", f"adds {why.unit}".strip())
    if why.mean is not None:
        shown.add_row(why.usual, "", f"{why.mean:.3g}")
    for name, share, value in why.shares[:_REASONS]:
        shown.add_row(name, value, f"{share:+.3g}")
    rest = why.shares[_REASONS:]
    if rest:
        shown.add_row(f"{len(rest)} others", "", f"{sum(share for _, share, _ in rest):+.3g}")
    Console().print(shown)


def _task(task: str, words: Mapping[str, Any]) -> Task:
    """From a file of that name, or the name of a task; options overrule the file."""
    given = {name: value for name, value in words.items() if value not in (None, [], "")}
    path = Path(task)
    if task in TASKS:
        return read_task({"task": task, **given}, "the options")
    if path.suffix in (".yaml", ".yml", ".json"):
        document = read_document(path)
        return read_task({**document.data, **given}, str(path))
    known = ", ".join(TASKS)
    raise ConfigurationError(f"--task {task}: give a file such as task.yaml, or one of {known}")


def _prepared(wanted: Task, data: Path, progress: Progress) -> tuple[Task, Table]:
    return wanted.prepare(_read(wanted, data), reader(data.parent), progress)


def _read(task: Task, data: Path) -> Table:
    if isinstance(task, SoundTask):
        return read_sounds(data, task.sound, task.channel)
    image = getattr(task, "image", None)
    if task.images or image is not None or data.is_dir():
        return read_gallery(data, image)
    return read_table(data)


def _model(path: Path) -> tuple[Fitted, Task]:
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file; `gemel train` writes one")
    fitted = Fitted.parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
    return fitted, read_task(fitted.task, str(path))


@contextmanager
def told(
    file: Path | None, data: Path, output: Path, task: Task
) -> Iterator[Callable[[Fitted, Table, str], None]]:
    """Tells a fit to a file of lineage, if there is one: that it begins, and how it ends. Gives
    what is to be called when the model is written."""
    if file is None:
        yield lambda *_: None
        return
    training = Training(str(data.resolve()), str(output.resolve()), task.record(), system_clock())

    def write(event: dict[str, Any]) -> None:
        # Added to what is there: one file gathers many fits, as OpenLineage's file transport does.
        with file.open("a", encoding="utf-8") as lines:
            lines.write(line(event))

    def tell(fitted: Fitted, read: Table, text: str) -> None:
        content = hashlib.sha256(text.encode()).hexdigest()
        write(training.completed(system_clock(), fitted, read, content))

    try:
        write(training.started())
    except OSError as error:
        raise ConfigurationError(f"--lineage {file}: cannot be written: {error}") from None
    try:
        yield tell
    except KeyboardInterrupt:
        write(training.stopped(system_clock()))
        raise
    except Exception as error:
        write(training.failed(system_clock(), str(error) or type(error).__name__))
        raise


@contextmanager
def _progress() -> Iterator[Progress]:
    errors = Console(stderr=True)
    with errors.status("reading") as line:
        yield line.update


def _show(report: Report) -> None:
    console = Console()
    shown = Shown("figure", "value", "90 % between", "")
    for figure in report.figures:
        ends = "" if figure.low is None else f"{figure.low:.4g} and {figure.high:.4g}"
        note = " ".join(part for part in (figure.unit, figure.note) if part)
        shown.add_row(figure.name, f"{figure.value:.4g}", ends, note)
    console.print(shown)
    for title, rows in report.tables.items():
        if rows:
            more = Shown(*rows[0], title=title, title_justify="left")
            for row in rows:
                more.add_row(*(_cell(cell) for cell in row.values()))
            console.print(more)
    console.print(f"how: {report.protocol}", highlight=False)


def _last(told: Table, unit: str | None) -> Table:
    if unit is None:
        raise ConfigurationError("--last: the task of this model has no units")
    codes, names = told.codes(unit)
    return told.take(np.array([np.flatnonzero(codes == i)[-1] for i in range(len(names))]))


def _plain(cell: Any) -> Any:
    if isinstance(cell, str):
        return str(cell)
    return float(cell) if np.isfinite(cell) else None


def _cell(cell: Any) -> str:
    if cell is None:
        return "–"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
