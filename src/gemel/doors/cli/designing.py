"""`gemel whatif design`: what to expect of a line before it is built."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from gemel.doors.cli import telling
from gemel.doors.cli.experimenting import watched
from gemel.doors.cli.telling import number, plain
from gemel.runtime.designs import KeepingDesign, design_in, kept_design
from gemel.runtime.experiments import read_experiment
from gemel.runtime.workers import workers
from gemel.twin.planning.experiments.expectation import Expected
from gemel.twin.planning.experiments.new_line import expected

__all__ = ["design", "tables"]


def design(file: Path, keep: Path | None, who: str, *, as_json: bool) -> None:
    """See `gemel whatif design --help`."""
    read = read_experiment(file)
    asked = design_in(read)
    kept = None if keep is None else kept_design(keep, asked)
    save = None if keep is None else KeepingDesign(keep, asked)
    with workers(who) as found, watched("Playing") as progress:
        told = expected(
            asked, executor=found.executor, workers=found.count, progress=progress, kept=kept,
            keep=save,
        )  # fmt: skip
    if save is not None:
        save.write(told.record())
    if as_json:
        typer.echo(json.dumps(plain(told.record()), indent=2))
        return
    _show(told)


def tables(record: dict[str, Any]) -> Iterator[Any]:
    """What a design says, a table for each thing."""
    table = telling.table("of the samples", "5 %", "25 %", "half", "75 %", "95 %", "mean")
    rows = [("good parts per hour", record["good_parts_per_hour"]),
            ("missing per hour", record["shortfall_per_hour"])]  # fmt: skip
    if record["cost_per_part"].get("q95", 0) > 0:
        rows.append(("cost of a good part", record["cost_per_part"]))
    for name, cells in rows:
        if "q05" in cells:
            keys = ("q05", "q25", "q50", "q75", "q95", "mean")
            table.add_row(name, *(number(cells[k]) for k in keys))
    yield table
    if record["matters"]:
        matters = telling.table("what is not known", "parts/h over its width", "95 % interval")
        for path, e in record["matters"].items():
            half = (e["high"] - e["low"]) / 2
            matters.add_row(
                path, number(e["value"], half),
                f"{number(e['low'], half)} to {number(e['high'], half)}",
            )  # fmt: skip
        yield matters
    if record["ramp_up"]:
        weeks = telling.table("week", "parts/h", "5 % to 95 %", "reached", "made", "wanted")
        for w in record["ramp_up"]:
            weeks.add_row(
                str(w["week"]), number(w["good_parts_per_hour"]),
                f"{w['low']:.5g} to {w['high']:.5g}", f"{100 * w['reaches']:.0f} %",
                f"{w['made']:,.0f}", f"{w['wanted']:,.0f}",
            )  # fmt: skip
        yield weeks


def _show(told: Expected) -> None:
    console = telling.console()
    for table in tables(told.record()):
        console.print(table)
        console.print()
    trial = told.trial
    length = (
        f"{trial.horizon_s / 3_600:.4g} h" if trial.horizon_s else f"{trial.parts:,} parts"
    )  # fmt: skip
    notes = [
        f"{len(told.rate):,} lines between their tolerances, {length} of each with luck of its "
        f"own, seed {trial.seed}, simulator {told.simulator}"
    ]
    late = next((w for w in told.weeks if w.reached >= 0.5), None)
    if told.weeks:
        notes.insert(
            0, f"half of them are there in week {late.number}" if late
            else f"fewer than half of them are there in week {told.weeks[-1].number}",
        )  # fmt: skip
    if not told.finished:
        notes.insert(0, "ended before all was played; with --keep the same command goes on")
    telling.say(console, told.sentence, notes)
