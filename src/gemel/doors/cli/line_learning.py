"""`gemel learn line`: from a log or a running twin, learn the line, hold it against what came
later, write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import typer

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.time import SECOND, parse_duration
from gemel.doors.cli import telling
from gemel.doors.cli.asking import running
from gemel.doors.cli.output import may_write
from gemel.doors.cli.telling import plain
from gemel.runtime.line_logs import read_log
from gemel.runtime.lines import line_text
from gemel.twin.planning.learned import Learned, Validation, learn_from_log, validate
from gemel.twin.planning.learned.report import span

__all__ = ["learn_from_twin", "learn_line"]

_MINUTE: Final = 60 * SECOND


def learn_line(
    file: Path,
    named: Mapping[str, str | None],
    products: int,
    output: Path | None,
    *,
    validated: bool,
    period: str,
    periods: int | None,
    futures: int,
    seed: int,
    force: bool,
    as_json: bool,
) -> None:
    """See `gemel learn line --help`."""
    may_write(output, force=force)
    length = parse_duration(period)
    if length < _MINUTE:
        raise ConfigurationError(f"--period {period}: is too short, at least a minute is needed")
    log, columns = read_log(file, named)
    learned = learn_from_log(log, title=f"Learned from {file.name}", products=products)
    judged, why = None, ""
    if validated:
        try:
            judged = validate(
                log, periods=periods, period=length / SECOND, futures=futures, products=products,
                seed=seed,
            )  # fmt: skip
        except DataError as error:  # the line is there all the same
            why = str(error)
    if output is not None:
        output.write_text(line_text(learned.document, learned.comments), encoding="utf-8")
    if as_json:
        told = learned.record() | {
            "columns": columns,
            "validation": None if judged is None else judged.record(),
            "not_validated": why,
        }
        typer.echo(json.dumps(plain(told), indent=2))
        return
    _show(learned, judged, columns)
    if why:
        typer.echo(f"• not held against later periods: {why}")
    if output is None:
        typer.echo("next: --output line.yaml writes the line")
    else:
        typer.echo(f"{output}: written; next: gemel simulate {output} --for '{period}'")


def learn_from_twin(
    line: str, since: str, data: Path, output: Path | None, *, force: bool, as_json: bool
) -> None:
    """See `gemel learn line --help`; the running twin learns it from its history."""
    may_write(output, force=force)
    found = running(data).get(f"/api/lines/{quote(line, safe='')}/learn", {"start": since})
    if output is not None:
        output.write_text(found["yaml"], encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(plain(found), indent=2))
        return
    console = telling.console()
    table = telling.table("station", "number", "learned", "95 % interval", "plant file")
    for one in found["beside"]:
        shown = _parts if one["what"] == "places" else span
        known = one["low"] is not None and one["high"] is not None
        table.add_row(
            one["station"], one["what"],
            *("" if v is None else shown(v) for v in (one["learned"],)),
            f"{shown(one['low'])} to {shown(one['high'])}" if known else "",
            "" if one["described"] is None else shown(one["described"]),
        )  # fmt: skip
    console.print(table)
    console.print()
    sentence = f"{found['finished']:,} parts from {found['start']} to {found['end']}"
    telling.say(console, sentence, [*found["notes"], _later(found)])
    if output is None:
        typer.echo("next: --output line.yaml writes the line")
    else:
        typer.echo(f"{output}: written; next: gemel simulate {output} --for '2 h'")


def _later(found: Mapping[str, Any]) -> str:
    fit = found["fit"]
    if fit is None:
        return f"not held against later time: {found['not_fitted']}"
    return (
        f"the last {span(fit['span_s'])}, told from the time before: {fit['mean']:,.0f} parts "
        f"[{fit['low']:,.0f}, {fit['high']:,.0f}], made were {fit['made']:,.0f}; the pace so far "
        f"says {fit['so_far']:,.0f}"
    )


def _parts(count: float) -> str:
    return f"{count:,.0f}"


def _show(learned: Learned, judged: Validation | None, columns: Mapping[str, str]) -> None:
    console = telling.console()
    table = telling.table(
        "station", "seen", "mean time", "cv", "family", "p", "servers", "working %", "way"
    )
    for s in learned.stations:
        family = s.time.distribution.shape_name
        table.add_row(
            s.name, f"{s.visits:,}", span(s.time.mean), f"{s.time.cv:.2f}", family,
            "" if isnan(s.time.p) else f"{s.time.p:.2g}", str(s.servers), f"{100 * s.working:.0f}",
            "" if s.travel is None else span(s.travel.mean),
        )  # fmt: skip
    console.print(table)
    console.print()
    cases, finished = learned.cases
    taken = ", ".join(f"{kind} = '{name}'" for kind, name in columns.items())
    notes = [f"columns: {taken}", *learned.notes]
    sentence = (
        f"{cases:,} cases, {finished:,} of them finished, at {len(learned.stations)} stations"
    )
    telling.say(console, sentence, notes)
    if judged is not None:
        _held(judged)


def _held(found: Validation) -> None:
    """The validation in words."""
    console = telling.console()
    console.print()
    table = telling.table("later periods", "line", "coverage of 90 %", "naive", "coverage")
    mine, naive = found.throughput, found.naive_throughput
    table.add_row(
        "cases finished, error", f"{mine.error:.2f}", f"{100 * mine.coverage:.0f} %",
        f"{naive.error:.2f}", f"{100 * naive.coverage:.0f} %",
    )  # fmt: skip
    lead, past = found.lead, found.naive_lead
    if lead.count:
        table.add_row(
            "lead time, error", span(lead.error), f"{100 * lead.coverage:.0f} %", span(past.error),
            f"{100 * past.coverage:.0f} %",
        )  # fmt: skip
        table.add_row("lead time, CRPS", span(lead.crps), "", span(past.crps), "")
    console.print(table)
    count = len(found.periods)
    better = [
        what
        for what, a, b in (("throughput", mine, naive), ("lead times", lead, past))
        if a.count and a.crps < b.crps
    ]
    said = " and ".join(better) if better else "nothing"
    telling.say(
        console,
        f"{count} later periods of {span(found.period_s)}, each told from what was known before: "
        f"better than the naive forecast in {said}",
        [
            "naive: the mean of the last four periods (Poisson), and the lead times of the cases "
            "finished so far",
            f"{lead.count} lead times of cases that begin in the periods, {found.futures} futures "
            f"each, seed {found.seed}",
        ],
    )
