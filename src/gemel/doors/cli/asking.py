"""`gemel query`, `status` and `reload`: through a running daemon, or straight from the data folder
where there is none."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from gemel.client import Client
from gemel.core import quality as q
from gemel.core.errors import Unavailable
from gemel.core.time import SECOND, duration_text, isoformat, zone
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Store
from gemel.runtime.answers import Question, answer
from gemel.runtime.clock import system_clock

__all__ = ["query", "reload", "status"]

FORMATS: Final = ("table", "csv", "json", "parquet", "arrow")


def query(
    data: Path,
    patterns: list[str],
    start: str | None,
    end: str | None,
    every: str | None,
    at: str | None,
    as_of: str | None,
    format: str,
    limit: int | None,
    output: Path | None,
) -> None:
    """See `gemel query --help`."""
    if format not in FORMATS:
        raise typer.BadParameter(f"'{format}' is not one of {', '.join(FORMATS)}")
    if at and (start or end or every):
        raise typer.BadParameter(
            "--at gives the values at one time; leave out --start, --end, --every"
        )
    if format in ("parquet", "arrow") and output is None and sys.stdout.isatty():
        raise typer.BadParameter(f"{format} is not for a terminal; give -o FILE or a pipe")
    with open_history(data) as history:
        table = history.ask(patterns, start, end, every, at, as_of, limit)
        zone_name = history.time_zone
    write(table, format, output, zone_name)


def status(data: Path, *, as_json: bool) -> None:
    """See `gemel status --help`."""
    client = Client.of(data)
    if client is not None:
        report = client.status()
    else:
        with open_history(data) as history:
            report = history.status()
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        show_status(report)
    if report["state"] == "impaired":
        raise typer.Exit(1)


def running(data: Path) -> Client:
    """The twin that runs on a data folder. Raises `Unavailable` if there is none."""
    client = Client.of(data)
    if client is None:
        raise Unavailable(
            f"no Gemel runs with the data folder {data}; give another with --data, or start it: "
            "gemel run FILE"
        )
    return client


def reload(data: Path, file: Path | None, *, as_json: bool) -> None:
    """See `gemel reload --help`."""
    client = running(data)
    path = None if file is None else str(file.resolve())
    told = client.post("/api/plant-file/reload", {"path": path})
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"{told['path']}: {told['sentence']}")


# Where answers come from


class _Direct:
    """A data folder that no daemon has open."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.time_zone = (store.kept("plan") or {}).get("time_zone", "UTC")

    def ask(
        self,
        patterns: list[str],
        start: str | None = None,
        end: str | None = None,
        every: str | None = None,
        at: str | None = None,
        as_of: str | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        question = Question(tuple(patterns), start, end, every, at, as_of, limit)
        return answer(self._store, question, system_clock(), zone(self.time_zone))

    def status(self) -> dict[str, Any]:
        report = self._store.report()
        problems = [f"segment {d['segment']}: {d['what']}" for d in report["damaged"]]
        return {
            "state": "impaired" if problems else "stopped",
            "problems": problems,
            "connectors": [],
            "history": report,
        }


@contextmanager
def open_history(data: Path) -> Iterator[Client | _Direct]:
    """The daemon that has the folder open, or the folder itself, read-only."""
    client = Client.of(data)
    if client is not None:
        yield client
        return
    historian = HISTORIANS.build({"kind": "duckdb"})
    try:
        with historian.open(data, system_clock, read_only=True) as store:
            yield _Direct(store)
    except Unavailable as error:
        raise Unavailable(f"{error} (it has just started, or does not answer)") from None


# Writing


def write(table: pa.Table, format: str, output: Path | None, zone_name: str) -> None:
    """Print or write an answer."""
    if format in ("parquet", "arrow"):
        _write_binary(table, format, output)
        return
    if output is None:
        _write_text(table, format, sys.stdout, zone_name)
    else:
        with output.open("w", encoding="utf-8", newline="") as file:
            _write_text(table, format, file, zone_name)


def _write_binary(table: pa.Table, format: str, output: Path | None) -> None:
    position = table.schema.get_field_index("time")
    time = table.column("time").cast(pa.timestamp("ns", "UTC"))
    table = table.set_column(position, "time", time)
    sink: Any = str(output) if output is not None else pa.PythonFile(sys.stdout.buffer, "w")
    if format == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)


def rows_of(table: Any, zone_name: str = "UTC") -> Iterator[dict[str, Any]]:
    """The rows of an answer as plain data; times as ISO 8601 text."""
    local = zone(zone_name)
    names = [n for n in table.schema.names if n != "text"]
    has_text = "text" in table.schema.names
    for batch in table.to_batches(max_chunksize=20_000):
        columns = {name: batch.column(name).to_pylist() for name in table.schema.names}
        for i in range(len(batch)):
            row = {name: columns[name][i] for name in names}
            row["time"] = isoformat(row["time"], local)
            value = row.get("value")
            if value is not None and value != value:
                row["value"] = None
            if has_text and columns["text"][i] is not None:
                row["value"] = columns["text"][i]
            yield row


def _write_text(table: pa.Table, format: str, file: IO[str], zone_name: str) -> None:
    if format == "json":
        file.write("[")
        for i, row in enumerate(rows_of(table)):
            file.write(("," if i else "") + "\n" + json.dumps(row, ensure_ascii=False))
        file.write("\n]\n")
        return
    names = [n for n in table.schema.names if n != "text"]
    if format == "csv":
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in rows_of(table):
            writer.writerow(["" if row[n] is None else _plain(row[n]) for n in names])
        return
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        numeric = name not in ("signal", "time", "unit", "quality")
        shown.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for i, row in enumerate(rows_of(table, zone_name)):
        if i == 1_000 and file.isatty():
            break
        if "quality" in row:
            row["quality"] = q.reason(row["quality"])
        shown.add_row(*("" if row[n] is None else _plain(row[n]) for n in names))
    width = None if file.isatty() else 200
    Console(file=file, width=width).print(shown)
    if table.num_rows > 1_000 and file.isatty():
        typer.echo(f"… {table.num_rows:,} rows; --format csv gives all of them", err=True)
    elif not table.num_rows:
        typer.echo("no samples there; `gemel status` tells what the history holds", err=True)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)


def show_status(report: dict[str, Any]) -> None:
    """Health for people."""
    console = Console()
    now = report.get("now", system_clock())
    history = report["history"]
    words = {"good": "running, good", "impaired": "IMPAIRED", "stopped": "no daemon is running"}
    console.print(f"[bold]{words[report['state']]}[/bold]", highlight=False)
    for problem in report["problems"]:
        console.print(f"  • {problem}", highlight=False)
    if report["connectors"]:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("connector", "state", "for", "signals", "received", "rejected", "lost", "lag"):
            table.add_column(name, justify="left" if name in ("connector", "state") else "right")
        for link in report["connectors"]:
            lag = link["lag"]
            table.add_row(
                link["name"],
                link["state"],
                duration_text((now - link["since"]) // SECOND * SECOND),
                f"{link['signals']:,}",
                f"{link['received']:,}",
                f"{link['rejected']:,}",
                f"{link['lost']:,}",
                "" if lag is None else f"{lag / 1e9:.3f} s",
            )
        console.print(table)
    console.print(
        f"history: {history['rows']:,} samples of {history['signals']:,} signals, "
        f"{history['bytes'] / 1e6:.1f} MB in {history['segments']['closed']} closed and "
        f"{history['segments']['open']} open segments, {history['free'] / 1e9:.1f} GB free",
        highlight=False,
    )
