"""`gemel whatif design`: what to expect of a line before it is built."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from gemel.core.errors import ConfigurationError
from gemel.doors.cli import telling
from gemel.doors.cli.experimenting import watched
from gemel.doors.cli.telling import number, plain
from gemel.runtime.experiments import read_experiment
from gemel.runtime.workers import workers
from gemel.twin.planning.experiments.new_line import Expected, expected

__all__ = ["design"]


def design(file: Path, who: str, *, as_json: bool) -> None:
    """See `gemel whatif design --help`."""
    read = read_experiment(file)
    with workers(who) as found, watched("Playing") as progress:
        try:
            told = expected(
                read.experiment, read.line, executor=found.executor, workers=found.count,
                progress=progress,
            )  # fmt: skip
        except ConfigurationError as error:
            place = ("new", "tolerances", error.where) if error.where else ()
            said = f"tolerance '{error.where}': {error.message}" if error.where else error.message
            raise ConfigurationError(said, read.where(*place)) from None
    if as_json:
        typer.echo(json.dumps(plain(told.record()), indent=2))
        return
    _show(told)


def _show(told: Expected) -> None:
    console, record = telling.console(), told.record()
    table = telling.table("of the samples", "5 %", "25 %", "half", "75 %", "95 %", "mean")
    rows = [("good parts per hour", record["good_parts_per_hour"]),
            ("missing per hour", record["shortfall_per_hour"])]  # fmt: skip
    if any(v > 0 for v in told.cost[told.cost == told.cost].tolist()):
        rows.append(("cost of a good part", record["cost_per_part"]))
    for name, cells in rows:
        if cells:
            keys = ("q05", "q25", "q50", "q75", "q95", "mean")
            table.add_row(name, *(number(cells[k]) for k in keys))
    console.print(table)
    console.print()
    if told.matters:
        matters = telling.table("what is not known", "parts/h over its width", "95 % interval")
        for path, e in told.matters.items():
            half = (e.high - e.low) / 2
            matters.add_row(
                path, number(e.value, half), f"{number(e.low, half)} to {number(e.high, half)}"
            )
        console.print(matters)
        console.print()
    if told.weeks:
        weeks = telling.table("week", "parts/h", "5 % to 95 %", "reached", "made", "wanted")
        for w in told.weeks:
            weeks.add_row(
                str(w.number), number(w.mean), f"{w.low:.5g} to {w.high:.5g}",
                f"{100 * w.reached:.0f} %", f"{w.made:,.0f}", f"{w.wanted:,.0f}",
            )  # fmt: skip
        console.print(weeks)
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
        notes.insert(0, "ended before all was played")
    telling.say(console, told.sentence, notes)
