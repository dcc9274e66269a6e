"""`gemel schedule`: a plan from a file, or an old one repaired."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer
from rich.console import Console

from gemel.core.errors import ConfigurationError, Infeasible, did_you_mean
from gemel.core.time import SECOND, parse_duration
from gemel.doors.cli import telling
from gemel.parts.solvers.scheduling import (
    SCHEDULERS,
    Late,
    Robust,
    Standing,
    check,
    frozen,
    late_jobs,
    robust,
    several,
    solve_in_turn,
    steady,
    uncovered,
)
from gemel.parts.solvers.scheduling.base import NEVER, Budget, Problem, Schedule
from gemel.runtime.schedules import Times, read_plan, read_problem, rows_of, write_plan
from gemel.runtime.workers import workers as workers_of

__all__ = ["schedule"]

_SHOWN: Final = 40
_SEARCHES: Final = 8
"""Where somebody says who works, and not how many searches: whoever works, they are as many."""
_MOMENT = r"\d+|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?"
_DOWN: Final = re.compile(rf"(?P<machine>.+?):(?P<first>{_MOMENT})-(?P<last>{_MOMENT})")


def schedule(
    file: Path,
    budget: str,
    iterations: int | None,
    seed: int,
    solver: str,
    format: str | None,
    out: Path | None,
    plan: Path | None,
    now: str | None,
    down: list[str],
    *,
    spread: float,
    workers: str | None,
    searches: int | None,
    as_json: bool,
) -> None:
    """See `gemel schedule --help`."""
    problem, name, times, first = read_problem(file, format)
    scheduler = SCHEDULERS.build({"kind": solver})
    limit = Budget(None, iterations) if iterations else Budget(_seconds(budget))
    start: Schedule | None = None
    repair: dict[str, Any] = {}
    if plan is not None:
        problem, start, repair = _repaired(problem, plan, now, down, times)
    elif now is not None or down:
        raise typer.BadParameter("--now and --down go with --plan")
    console = Console(stderr=True)
    count = searches or (1 if workers is None else _SEARCHES)
    with (
        workers_of(workers or "threads:1") as who,
        console.status("Getting ready, which takes up to a minute the first time …") as status,
    ):
        if count > 1:
            scheduler = several(scheduler, count, who.executor, who.count)
        scheduler.ready(problem)
        status.update("Planning …")

        def told(found: Schedule) -> None:
            status.update(f"Planning … {_value(found)}")

        trial: Robust | None = None
        try:
            if spread:
                trial = robust(
                    scheduler, problem, spread, first, seed=seed, budget=limit,
                    clock=time.perf_counter_ns, start=start,
                )  # fmt: skip
                found = trial.schedule
            else:
                found = solve_in_turn(
                    scheduler, problem, first, seed=seed, budget=limit,
                    clock=time.perf_counter_ns, start=start, told=told,
                )  # fmt: skip
        except Infeasible as error:
            # A planner reads local times, whoever searches counts ticks.
            words = re.sub(r"tick (\d+)", lambda m: times.short(int(m[1])), error.message)
            raise Infeasible(words, error.conflict, file.name) from None
    if broken := check(problem, found):
        raise AssertionError(f"{solver} broke a rule: {broken[0]}")
    if out is not None:
        write_plan(out, problem, found, times)
    late = late_jobs(problem, found)
    if as_json:
        dates = None if trial is None else _dates(problem, trial)
        typer.echo(_json(problem, found, times, late, repair, name, solver, seed, count, dates))
    else:
        _print(problem, found, times, late, repair, out)
        if trial is not None:
            _print_dates(problem, trial)


def _seconds(text: str) -> float:
    stripped = text.strip()
    try:
        seconds = float(stripped)
    except ValueError:
        seconds = parse_duration(stripped) / SECOND
    if not 0 < seconds < 1e6:
        raise typer.BadParameter(f"--for {text}: must be more than 0")
    return seconds


def _repaired(
    problem: Problem, plan: Path, now: str | None, down: list[str], times: Times
) -> tuple[Problem, Schedule | None, dict[str, Any]]:
    """The problem with what has begun fixed, the plan put off, and what that took."""
    old = read_plan(plan, problem, times)
    rows = []
    for one in down:
        match = _DOWN.fullmatch(one)
        if match is None:
            raise typer.BadParameter(f"--down {one}: write e.g. 'saw:120-180', see --help")
        machine = match["machine"]
        if machine not in problem.machines:
            hint = did_you_mean(machine, problem.machines)
            raise ConfigurationError(f"--down {one}: no machine named '{machine}'; {hint}")
        first, last = times.tick_of(match["first"]), times.tick_of(match["last"])
        if first >= last:
            raise typer.BadParameter(f"--down {one}: ends before it begins")
        rows.append((problem.machines.index(machine), first, last))
    at = times.tick_of(now) if now is not None else min((row[1] for row in rows), default=0)
    repair: dict[str, Any] = {"now": at, "old": dict(old.parts)}
    asked = frozen(problem, old, at, rows)
    if uncovered(asked):
        return steady(asked, old), old, repair
    standing = Standing(problem, old)
    begun = time.perf_counter_ns()
    shifted = standing.repair(at, rows).schedule
    repair["right_shift"] = dict(shifted.parts)
    repair["right_shift_seconds"] = (time.perf_counter_ns() - begun) / SECOND
    problem = steady(asked, shifted)
    return problem, replace(shifted, value=problem.objective.value(shifted.parts)), repair


def _value(found: Schedule) -> str:
    return f"{found.value:,.6g}, at best {found.bound:,.6g}"


def _json(
    problem: Problem, found: Schedule, times: Times, late: list[Late], repair: dict[str, Any],
    name: str, solver: str, seed: int, searches: int, dates: dict[str, Any] | None,
) -> str:  # fmt: skip
    return json.dumps({
        "format": name, "solver": solver, "seed": seed, "searches": searches,
        "status": found.status,
        "makespan": int(found.parts["makespan"]), "value": found.value,
        "lower_bound": found.bound, "gap": found.gap, "objective": problem.objective.weights(),
        "parts": found.parts, "tick_s": problem.tick / SECOND,
        "late": [
            {"job": problem.jobs[one.job], "late": one.late, "end": times.text(one.end),
             "work": one.work, "waits": dict(one.waits),
             "chain": [problem.names[i] for i in one.chain]}
            for one in late
        ],
        "history": [{"seconds": s, "iterations": i, "value": v} for s, i, v in found.history],
        "operations": rows_of(problem, found, times), "repair": repair or None,
        "trial": dates,
    })  # fmt: skip


def _print(
    problem: Problem,
    found: Schedule,
    times: Times,
    late: list[Late],
    repair: dict[str, Any],
    out: Path | None,
) -> None:
    console = telling.console()
    words = {
        "optimal": "there is no better plan, that is proved",
        "feasible": f"a better plan may exist, but at most {found.gap:.1%} better",
    }
    ends = times.short(int(found.parts["makespan"]))
    telling.say(
        console,
        f"{len(problem)} operations, the last ends at {ends}; {words[found.status]}",
        [*_measures(problem, found, times), *_repair_notes(found, times, repair)],
    )
    table = telling.table("machine", "start", "end", "what")
    machine = problem.machine[found.mode]
    order = np.lexsort((found.start, machine))
    for i in order[:_SHOWN]:
        name = problem.machines[machine[i]] if machine[i] >= 0 else ""
        begin, end = int(found.start[i]), int(found.end[i])
        table.add_row(name, times.short(begin), times.short(end), problem.names[i])
    console.print(table)
    if len(order) > _SHOWN:
        rest = f"… and {len(order) - _SHOWN} more"
        console.print(f"{rest}; --out plan.csv writes all" if out is None else rest)
    if late:
        console.print(f"[bold]{len(late)} late[/bold]")
    for one in late[:_SHOWN]:
        console.print(f"• {_why(problem, one, times)}", soft_wrap=True)
    if out is not None:
        console.print(f"written to {out}", soft_wrap=True)


def _measures(problem: Problem, found: Schedule, times: Times) -> Iterable[str]:
    parts = found.parts
    yield f"makespan {times.span(parts['makespan'])}; objective {_value(found)}"
    if (problem.due < NEVER).any():
        late = f"weighted lateness {times.span(parts['tardiness'])}"
        yield f"late: {parts['late_jobs']:.0f} of {len(problem.jobs)} jobs, {late}"
    if problem.setup.size:
        yield f"set-ups {times.span(parts['setup'])}"
    if len(problem.price):
        yield f"energy {parts['energy']:,.2f}"


def _repair_notes(found: Schedule, times: Times, repair: dict[str, Any]) -> Iterable[str]:
    if not repair:
        return
    yield f"moved against the old plan: {found.parts['moved']:.0f} operations"
    if put_off := repair.get("right_shift"):
        yield (
            f"if all were only put off: makespan {times.span(put_off['makespan'])}, weighted "
            f"lateness {times.span(put_off['tardiness'])}, {put_off['moved']:.0f} operations moved"
        )


def _dates(problem: Problem, trial: Robust) -> dict[str, Any]:
    """How the plan does when work takes longer or shorter than planned."""
    return {
        "padding": trial.padding, "mean_value": float(trial.tried.value.mean()),
        "value_90": float(np.quantile(trial.tried.value, 0.9)),
        "on_time": {
            problem.jobs[j]: float(trial.tried.on_time[j])
            for j in np.flatnonzero(problem.due < NEVER)
        },
    }  # fmt: skip


def _print_dates(problem: Problem, trial: Robust) -> None:
    console = telling.console()
    told = _dates(problem, trial)
    console.print(
        f"with durations that vary: value {told['mean_value']:,.6g} on average, "
        f"{told['value_90']:,.6g} or less in nine of ten; operations were planned "
        f"{trial.padding:g} standard deviations longer"
    )
    table = telling.table("order", "in time")
    rows = sorted(told["on_time"].items(), key=lambda row: row[1])
    for name, share in rows[:_SHOWN]:
        table.add_row(name, f"{share:.0%}")
    if rows:
        console.print(table)


def _why(problem: Problem, one: Late, times: Times) -> str:
    told = f"{problem.jobs[one.job]} is {times.span(one.late)} late"
    told += f"; its own work takes {times.span(one.work)}"
    if one.waits:
        waits = "; ".join(f"{times.span(ticks)}: {what}" for what, ticks in one.waits[:4])
        told += f"; it waits {waits}"
    else:
        told += ", and it never waits: the date cannot be met"
    chain = [problem.names[i] for i in one.chain]
    if len(chain) > 6:
        chain = [*chain[:2], "…", *chain[-3:]]
    return f"{told}; chain: {' → '.join(chain)}"
