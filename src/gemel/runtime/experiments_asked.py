"""Experiments that are asked of the running twin, as files of `gemel whatif`: one text that holds
the line and what stands in it, so that the command does the same with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.core.line.changes import read_changes, written
from gemel.runtime.experiments import AS_IT_IS, plan_of, read_experiment
from gemel.runtime.lines import line_text
from gemel.runtime.sweeps import grid_of
from gemel.twin.planning.experiments.comparing import trial_of
from gemel.twin.planning.experiments.playing import common_simulator

__all__ = ["FILE", "Kind", "check", "experiment_text"]

Kind = Literal["best", "sweep"]

FILE: Final = "what-if.yaml"
MOST_RUNS: Final = 2_000_000
MOST_SCENARIOS: Final = 200
_OWN: Final = {
    "line": "is the one of the plant file that is asked; leave it out",
    "new": "is for `gemel whatif design`; leave it out",
    "format": "is that of files; leave it out",
}


def experiment_text(
    line: Line,
    asked: Mapping[str, Any],
    tries: Sequence[str] = (),
    *,
    title: str = "",
    snapshot: Mapping[str, Any] | None = None,
) -> str:
    """`asked` is what a file of an experiment says without its line; `tries` are further scenarios,
    as ``filler.time*0.95, capper.servers=2``; `snapshot` is where it begins, as `gemel snapshot`
    writes it. Raises `ConfigurationError`."""
    for key, said in _OWN.items():
        if key in asked:
            raise ConfigurationError(said, key)
    found: dict[str, Any] = {"title": title} if title else {}
    found |= {key: value for key, value in asked.items() if key != "play"}
    scenarios = found.get("scenarios") or {}
    if not isinstance(scenarios, Mapping):
        raise ConfigurationError("must be scenarios by name", "scenarios")
    scenarios = dict(scenarios)
    for text in tries:
        if text in scenarios:
            raise ConfigurationError(f"'{text}' is given twice")
        scenarios[text] = {"changes": _changes(text)}
    if scenarios:
        found["scenarios"] = scenarios
    play = asked.get("play") or {}
    if not isinstance(play, Mapping):
        raise ConfigurationError("must say e.g. horizon: 8 h", "play")
    if "start" in play:
        raise ConfigurationError("is what stands in the line now, or an empty line", "play.start")
    begins = {} if snapshot is None else {"start": dict(snapshot)}
    if play or begins:
        found["play"] = {**play, **begins}
    return line_text({**found, "line": written(line)}, {("line",): "As it was when it was asked."})


def _changes(text: str) -> dict[str, Any]:
    if text == AS_IT_IS or not text.strip():
        raise ConfigurationError("an alternative changes something, e.g. 'filler.time*0.95'")
    found: dict[str, Any] = {}
    for change in read_changes(text):
        if change.text in found:
            raise ConfigurationError(f"'{text}' changes {change.text} twice")
        found[change.text] = change.value
    return found


def check(text: str, kind: Kind) -> None:
    """Raises `ConfigurationError` for what cannot be played, before anything is."""
    try:
        _check(text, kind)
    except ConfigurationError as error:
        raise ConfigurationError(error.message) from None  # nobody has seen the lines of this file


def _check(text: str, kind: Kind) -> None:
    file = read_experiment(Path(FILE), text)
    experiment = file.experiment
    if any(scenario.line for scenario in experiment.scenarios.values()):
        raise ConfigurationError("a scenario here changes the line of the plant file: no `line`")
    if kind == "sweep":
        if experiment.sweep is None:
            raise ConfigurationError("has no `sweep`: say which factors go from where to where")
        most = experiment.sweep.points * experiment.sweep.replications
        if experiment.sweep.design in ("latin_hypercube", "sobol") and most > MOST_RUNS:
            _too_many(most)
        grid = grid_of(file)
        if (most := len(grid.points) * experiment.sweep.replications) > MOST_RUNS:
            _too_many(most)
        return
    if not experiment.scenarios:
        raise ConfigurationError("there is nothing to choose from: give alternatives")
    if len(experiment.scenarios) > MOST_SCENARIOS:
        raise ConfigurationError(
            f"{len(experiment.scenarios)} alternatives, at most {MOST_SCENARIOS} beside the twin"
        )
    plan = plan_of(file)
    play = experiment.play
    common_simulator([v.line for v in plan.variants], play.simulator, play.start)
    trial_of(play, plan.line)


def _too_many(runs: int) -> None:
    raise ConfigurationError(
        f"{runs:,} runs, at most {MOST_RUNS:,} beside the twin; fewer points or replications, or "
        "`gemel whatif sweep` on another machine"
    )
