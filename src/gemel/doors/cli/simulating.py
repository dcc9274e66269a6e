"""`gemel simulate`: read a line, play it out, say what comes out and what limits it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import typer
import yaml
from rich.table import Table

from gemel.core.line import Line
from gemel.core.line.statistics import Estimate, batch_means, best_of, estimate, warm_up
from gemel.core.time import SECOND, parse_duration
from gemel.doors.cli import telling
from gemel.doors.cli.asking import running
from gemel.doors.cli.telling import number, plain
from gemel.parts.simulators.base import STATES, Run, Scenarios, Simulator, Trial
from gemel.runtime.lines import read_line, read_snapshot
from gemel.twin.planning import Bottleneck, alternatives, simulator_for, what_if

__all__ = ["simulate", "snapshot"]

_PARTS = 10_000
_UNSETTLED = 0.2
"""Where a run has settled is known roughly only: less is not worth a word."""


def simulate(
    file: Path,
    parts: int | None,
    horizon: str | None,
    replications: int,
    changes: list[str],
    tries: list[str],
    left_out: float,
    seed: int,
    simulator: str | None,
    threads: int | None,
    start: Path | None,
    *,
    as_json: bool,
) -> None:
    """See `gemel simulate --help`."""
    if parts is not None and horizon is not None:
        raise typer.BadParameter("give --parts or --for, not both")
    line = read_line(file)
    seconds = None if horizon is None else parse_duration(horizon) / SECOND
    if seconds is None:
        parts = _PARTS if parts is None else parts
    begun = None if start is None else read_snapshot(start)
    if begun is not None:
        line, left_out = begun.line(line), 0.0
    trial = Trial(parts, seconds, left_out, replications, seed, start=begun)
    with _threads(threads) as executor:
        found = what_if(line, tries, trial, changes=changes, simulator=simulator, executor=executor)
    if as_json:
        typer.echo(json.dumps(plain(found.record()), indent=2))
        return
    line, name, run, limit = found.line, found.simulator, found.run, found.limit
    played, common = simulator_for(line, name, begun)[1], ", ".join(changes)
    settled, single = _first_run(line, played, trial, alternatives(line, [common]))
    if begun is not None:
        settled = 0.0  # what is to come, settled or not, is what was asked for
    console = telling.console()
    console.print(_states(line, run))
    console.print()
    console.print(_figures(run, list(found.names), single))
    often = "one replication" if replications == 1 else f"{replications} replications"
    notes = [f"{_length(trial)}, {telling.measured(trial)}; {often}, seed {seed}, simulator {name}"]
    if settled > max(2 * left_out, _UNSETTLED):
        notes.append(
            f"it takes about {100 * settled:.0f} % of the run until the line has settled; "
            f"--warm-up {np.ceil(20 * settled) / 20:.2f} leaves that out, a longer run is better"
        )
    if tries:
        notes.insert(0, _which(run, list(found.names)))
    telling.say(console, _sentence(run, limit, single), notes)


def snapshot(line: str, output: Path | None, data: Path) -> None:
    """See `gemel snapshot --help`."""
    found = running(data).get(f"/api/lines/{quote(line, safe='')}/now")
    text = yaml.safe_dump(found["snapshot"], sort_keys=False, allow_unicode=True)
    for remark in found["remarks"]:
        typer.echo(f"not known: {remark}", err=True)
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    typer.echo(f"{found['parts']:,} parts in the line; written to {output}")


@contextmanager
def _threads(count: int | None) -> Iterator[Executor | None]:
    wanted = count or len(os.sched_getaffinity(0))
    if wanted == 1:
        yield None
        return
    with ThreadPoolExecutor(wanted, thread_name_prefix="simulate") as executor:
        yield executor


def _first_run(
    line: Line, simulator: Simulator, trial: Trial, scenarios: Scenarios
) -> tuple[float, Estimate | None]:
    """Which share of the first run is unlike the rest, from the times between parts that leave;
    and parts per hour with an interval by batches, where there is no other run."""
    one = replace(trial, replications=1, warm_up=0.0, keep=("departures",))
    run = simulator.run(line, one, scenarios.part(0, 1))
    if run.departures is None:
        raise AssertionError("departures are kept")
    times = run.departures[0, 0]
    gaps = np.diff(times[np.isfinite(times)])
    if len(gaps) < 40:
        return 0.0, None
    settled = warm_up(gaps) / len(gaps)
    if trial.replications > 1:
        return settled, None
    measured = batch_means(gaps[int(trial.warm_up * len(gaps)) :])
    good = 3_600 * float(run.throughput[0, 0] * gaps.mean())  # of those that leave
    low, high = good / measured.high, good / measured.low
    return settled, Estimate(good / measured.value, low, high, measured.count)


def _length(trial: Trial) -> str:
    if trial.horizon_s is not None:
        return f"{trial.horizon_s / 3_600:.4g} h played out"
    return f"{trial.parts:,} parts played out"


def _states(line: Line, run: Run) -> Table:
    shown = [s for s in range(len(STATES)) if _some(run, s)]
    table = telling.table("station", *(f"{STATES[s]} %" for s in shown))
    if run.states is None:
        raise AssertionError("states are kept")
    shares = np.nanmean(run.states[0], axis=0)
    for i, (key, station) in enumerate(line.stations.items()):
        table.add_row(station.title or key, *(f"{100 * shares[i, s]:.1f}" for s in shown))
    return table


def _some(run: Run, state: int) -> bool:
    """Whether a state is worth a column."""
    if run.states is None or state < 3:
        return True
    return bool(np.nanmax(run.states[:, :, :, state]) > 0)


def _figures(run: Run, names: list[str], single: Estimate | None) -> Table:
    energy = run.energy is not None and bool(np.nanmax(run.energy) > 0)
    scrap = bool(np.nanmax(run.scrapped) > 0)
    lost = bool(np.nanmax(run.lost) > 0)
    wanted = ["parts/h", "95 % interval", "parts inside", "lead, s"]
    wanted += ["scrap %"] * scrap + ["lost %"] * lost + ["kWh/part"] * energy
    if len(names) > 1:
        wanted += ["gain", "95 % interval"]
    table = telling.table("alternative", *wanted)
    for row, name in enumerate(names):
        rate = estimate(3_600 * run.throughput[row])
        shown = single if single is not None and row == 0 else rate
        half = (shown.high - shown.low) / 2
        cells = [number(rate.value, half), _interval(shown)]
        cells += [number(float(np.nanmean(c[row]))) for c in (run.wip, run.lead)]
        cells += [f"{100 * float(np.nanmean(run.scrapped[row])):.3g}"] * scrap
        cells += [f"{100 * float(np.nanmean(run.lost[row])):.3g}"] * lost
        if energy and run.energy is not None:
            cells += [number(float(np.nanmean(run.energy[row])))]
        if len(names) > 1:
            change = estimate(100 * (run.throughput[row] / run.throughput[0] - 1))
            cells += (
                ["", ""] if row == 0 else [f"{change.value:+.2f} %", _interval(change, "{:+.2f}")]
            )
        table.add_row(name, *cells)
    return table


def _interval(found: Estimate, form: str | None = None) -> str:
    if found.low != found.low:
        return "not known"
    if form is not None:
        return f"{form.format(found.low)} to {form.format(found.high)}"
    half = (found.high - found.low) / 2
    return f"{number(found.low, half)} to {number(found.high, half)}"


def _which(run: Run, names: list[str]) -> str:
    sure = best_of(run.throughput)
    best = int(np.argmax(run.throughput.mean(axis=1)))
    if run.throughput.shape[1] < 2:
        return f"most throughput: {names[best]}; how sure that is, more --replications tell"
    if sure[best] < 0.95:
        return (
            f"most throughput: {names[best]}, but that is only {100 * sure[best]:.0f} % sure; more "
            "--replications tell them apart, or they do not differ"
        )
    return f"most throughput: {names[best]}, {100 * min(sure[best], 0.999):.3g} % sure"


def _sentence(run: Run, limit: Bottleneck | None, single: Estimate | None) -> str:
    rate = single or estimate(3_600 * run.throughput[0])
    if not rate.value > 0:
        return "nothing comes out; play it for longer, or look at what is blocked"
    said = f"{number(rate.value, (rate.high - rate.low) / 2)} good parts per hour"
    if limit is None:
        return said
    by_name = dict(zip(limit.stations, limit.gain.tolist(), strict=True))
    if max(by_name.values()) < 0.001:
        return f"{said}; no station limits: 5 % faster anywhere gives nothing"
    first = limit.found[0]
    if limit.known:
        gain = f"5 % less time there gives {100 * by_name[first]:+.1f} %"
        return f"{said}; '{first}' limits: {gain}"
    if len(limit.found) == 1:
        return f"{said}; '{first}' seems to limit, more --replications tell how sure that is"
    names = " or ".join(f"'{name}'" for name in limit.found[:4])
    return f"{said}; {names} limits, which of them is not known"
