"""`gemel dispatch`: rules and learned policies on a line, side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import typer

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.core.line.statistics import Estimate
from gemel.doors.cli import telling
from gemel.doors.cli.output import may_write
from gemel.doors.cli.telling import number, one_of, plain
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import Decide
from gemel.runtime.lines import read_line
from gemel.twin.planning import dispatching
from gemel.twin.planning.dispatching import OBJECTIVES, Compared, Effort, Objective, Play, Policy

__all__ = ["compare", "train"]

_UNSEEN = 3_000_000
"""Number of the first episode of a comparison: training has used none from here on."""
_TITLES = {"tardiness": "late by, s", "lead_time": "lead time, s", "makespan": "makespan, s"}


def train(
    file: Path, output: Path, parts: int, objective: str | None, generations: int, episodes: int,
    seed: int, *, as_json: bool,
) -> None:  # fmt: skip
    """See `gemel dispatch train --help`."""
    line = read_line(file)
    may_write(output)
    wanted = _objective(line, objective)
    play = _play(line, parts, seed, wanted)
    unit = sum(s.time.mean_s for s in line.stations.values()) / len(line.stations)
    quiet = as_json or not sys.stderr.isatty()

    def told(generation: int, of: int, cost: float) -> None:
        if not quiet:
            end = "\n" if generation == of else "\r"
            sys.stderr.write(f"generation {generation} of {of}: {number(cost)} s at best  {end}")

    policy, tried = dispatching.train(
        play, dispatching.rules_for(line), unit or 1.0, seed=seed,
        effort=Effort(generations=generations, test=episodes), told=told,
    )  # fmt: skip
    about = {"line": file.name, "stations": list(line.names), "objective": wanted, "parts": parts}
    policy.record.update(about)
    output.write_text(json.dumps(plain(policy.document()), indent=1) + "\n", encoding="utf-8")
    rule = ", ".join(policy.rules)
    more = tried.more("learned", rule)
    _show(tried, wanted, rule, as_json, {"acts": policy.acts, "policy": str(output)}, [
        f"{episodes} episodes of {parts:,} parts that neither the search nor the choice of the "
        f"best rule has seen, seed {seed}",
        f"learned: {_difference(more)} than '{rule}'",
        f"written to {output}",
    ], _verdict(policy, more))  # fmt: skip


def compare(
    file: Path, policy: Path | None, parts: int, objective: str | None, episodes: int, seed: int,
    *, as_json: bool,
) -> None:  # fmt: skip
    """See `gemel dispatch compare --help`."""
    line = read_line(file)
    wanted = _objective(line, objective)
    by_part, by_crew = dispatching.rules_for(line)
    deciders: dict[str, Decide] = {
        f"{p}, {c}": dispatching.rule(p, c) for p in by_part for c in by_crew
    }
    notes = [f"{episodes} episodes of {parts:,} parts, seed {seed}; all meet the same luck"]
    learned = None if policy is None else _read(policy, line)
    if learned is not None:
        deciders["learned"] = learned
        if not learned.acts:
            notes.append("the policy was not surely better when it was trained: its rules act")
    tried = dispatching.compare(_play(line, parts, seed, wanted), deciders, episodes, _UNSEEN)
    _show(tried, wanted, tried.best, as_json, {}, notes, f"least: {tried.best}")


def _objective(line: Line, wanted: str | None) -> Objective:
    if wanted is not None:
        return one_of(wanted, OBJECTIVES, "--objective")
    due = any(p.due is not None for p in line.products.values())
    return "tardiness" if due else "lead_time"


def _play(line: Line, parts: int, seed: int, objective: Objective) -> Play:
    return dispatching.of_line(line, Trial(parts=parts, seed=seed, keep=()), objective)


def _read(path: Path, line: Line) -> Policy:
    try:
        found = Policy.of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no policy can be read: {error}", str(path)) from None
    except ConfigurationError as error:
        raise error.at(str(path)) from None
    known = found.record.get("stations")
    if known is not None and known != list(line.names):
        raise ConfigurationError(
            f"was trained for stations {', '.join(known)}, the line has {', '.join(line.names)}; "
            "train one for this line", str(path),
        )  # fmt: skip
    return found


def _verdict(policy: Policy, more: Estimate) -> str:
    rule = ", ".join(policy.rules)
    if policy.acts:
        return f"learned is surely better than the best rule, '{rule}': it acts"
    if more.low > 0:
        return f"learned is worse than the best rule: '{rule}' stays"
    return f"learned is not surely better than the best rule: '{rule}' stays"


def _difference(more: Estimate) -> str:
    half = (more.high - more.low) / 2
    return f"{number(more.low, half)} to {number(more.high, half)} s more (95 %, paired)"


def _show(
    tried: Compared, objective: Objective, against: str, as_json: bool, about: dict[str, Any],
    notes: list[str], sentence: str,
) -> None:  # fmt: skip
    rows = []
    for name in sorted(tried.names, key=lambda n: tried.of(n).value):
        found, more = tried.of(name), tried.more(name, against)
        rows.append((name, found, more))
    if as_json:
        told = [
            {"who": name, **_plainly(found), f"more_than_{against}": _plainly(more)}
            for name, found, more in rows
        ]
        body = {**about, "objective": objective, "unit": "s", "deciders": told, "says": sentence}
        typer.echo(json.dumps(plain(body), indent=2))
        return
    table = telling.table("part, crew", _TITLES[objective], "95 % interval", f"more than {against}")
    for name, found, more in rows:
        half = (found.high - found.low) / 2
        low, high = number(found.low, half), number(found.high, half)
        cell = "" if name == against else f"{number(more.low)} to {number(more.high)}"
        table.add_row(name, number(found.value, half), f"{low} to {high}", cell)
    console = telling.console()
    console.print(table)
    telling.say(console, sentence, notes)


def _plainly(found: Estimate) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}
