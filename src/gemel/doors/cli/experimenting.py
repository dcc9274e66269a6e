"""`gemel whatif`: scenarios until the best is certain, and kept results side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from gemel.core.errors import ConfigurationError
from gemel.doors.cli import experiment_tables as tables
from gemel.doors.cli import telling
from gemel.doors.cli.telling import plain
from gemel.runtime import experiments
from gemel.runtime.lines import read_line
from gemel.runtime.workers import workers
from gemel.twin.planning.experiments.comparing import Compared, Plan
from gemel.twin.planning.experiments.comparing import compare as compare_scenarios
from gemel.twin.planning.experiments.measures import MEASURES

__all__ = ["compare", "play", "watched"]


def play(
    file: Path,
    tries: list[str],
    objective: str | None,
    difference: float | None,
    keep: Path | None,
    who: str,
    *,
    as_json: bool,
) -> None:
    """See `gemel whatif play --help`."""
    plan = _plan(file, tries, objective, difference)
    protocol = experiments.fingerprint(plan)
    kept = None if keep is None else experiments.same_or_none(keep, protocol)
    save = None if keep is None else experiments.Keeping(keep, protocol)
    with workers(who) as found, watched("Playing") as progress:
        compared = compare_scenarios(
            plan, executor=found.executor, workers=found.count, progress=progress,
            kept=None if kept is None else kept.values, keep=save,
        )  # fmt: skip
    record = compared.record()
    if save is not None:
        save.write(record if compared.finished else {}, compared.values)
    if as_json:
        typer.echo(json.dumps(plain(record), indent=2))
        return
    _show(compared, record)


def _plan(file: Path, tries: list[str], objective: str | None, difference: float | None) -> Plan:
    said = {"objective": objective, "difference": difference}
    given = {key: value for key, value in said.items() if value is not None}
    if experiments.is_line(file):
        if not tries:
            raise typer.BadParameter("a line needs --try, or a file with scenarios")
        return experiments.tried(read_line(file), tries, given)
    if tries or given:
        raise typer.BadParameter(
            "--try, --objective and --difference are for a file of a line; an experiment has them "
            "written down"
        )
    read = experiments.read_experiment(file)
    if not read.experiment.scenarios:
        other = "sweep" if read.experiment.sweep else "design" if read.experiment.new else ""
        hint = f"; it has something for `gemel whatif {other}`" if other else ""
        raise ConfigurationError(f"has no `scenarios`{hint}", str(file))
    return experiments.plan_of(read)


@contextmanager
def watched(what: str) -> Iterator[Callable[[int, int], bool]]:
    """Progress on the error console; Ctrl-C ends with what is finished, a second one at once."""
    console = Console(stderr=True)
    stopped = False
    with console.status(f"{what} …") as status:
        import signal

        def stop(_number: int, _frame: Any) -> None:
            nonlocal stopped
            if stopped:
                raise KeyboardInterrupt
            stopped = True
            status.update("Ending with what is finished …")

        try:
            before = signal.signal(signal.SIGINT, stop)
        except ValueError:  # not on the main thread: nobody presses Ctrl-C there
            before = None

        def progress(done: int, whole: int) -> bool:
            if not stopped:
                status.update(f"{what} … {done:,} of {whole:,}")
            return not stopped

        try:
            yield progress
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)


def _show(compared: Compared, record: dict[str, Any]) -> None:
    plan, console = compared.plan, telling.console()
    console.print(tables.scenarios(record))
    console.print()
    trial = compared.trial
    length = (
        f"{trial.horizon_s / 3_600:.4g} h" if trial.horizon_s else f"{trial.parts:,} parts"
    )  # fmt: skip
    aim = MEASURES[plan.experiment.objective].title
    notes = [
        f"{length} in each replication, {telling.measured(trial)}; common "
        f"luck, seed {trial.seed}, simulator {compared.simulator}",
        f"the gain is that in {aim}; {compared.difference:.3g} matters",
    ]
    notes += plan.remarks
    if not compared.finished:
        notes.insert(0, "ended before it was certain; with --keep the same command goes on")
    elif compared.spent:
        notes.insert(0, f"{plan.experiment.play.most} replications are spent; with --keep the same "
                     "command goes on from them with a greater `play.most`")  # fmt: skip
    telling.say(console, compared.sentence, notes)


def compare(first: Path, second: Path, *, as_json: bool) -> None:
    """See `gemel whatif compare --help`."""
    one, other = experiments.read_kept(first), experiments.read_kept(second)
    beside = experiments.side_by_side(one, other)
    told = {
        "first": {"file": str(first), "protocol": one.protocol},
        "second": {"file": str(second), "protocol": other.protocol},
        **{key: beside[key] for key in ("paired", "scenarios", "only_in_one")},
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(plain(told), indent=2))
        return
    console = telling.console()
    console.print(tables.differences(beside["scenarios"], first.name, second.name))
    differing, alone = beside["differing"], beside["only_in_one"]
    notes = [f"only in one of them: {', '.join(alone)}"] * bool(alone)
    notes.append("on the same luck, replication by replication" if beside["paired"]
                 else "on luck of their own: the intervals are wider")  # fmt: skip
    what = f"what differs in them: {', '.join(differing)}" if differing else "the same protocol"
    telling.say(console, what, notes)
