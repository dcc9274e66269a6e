"""Experiments that are asked of the running twin, as files of `gemel whatif`: one text that holds
the line and what stands in it, so that the command does the same with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.core.line.changes import read_changes, written
from gemel.runtime.designs import design_in
from gemel.runtime.experiments import AS_IT_IS, plan_of, read_experiment
from gemel.runtime.experiments_held import Kind
from gemel.runtime.layouts import Comments, Layouts
from gemel.runtime.lines import line_text
from gemel.runtime.sweeps import grid_of
from gemel.twin.planning.experiments.comparing import trial_of
from gemel.twin.planning.experiments.playing import common_simulator

__all__ = ["FILE", "check", "experiment_text", "with_most"]

FILE: Final = "what-if.yaml"
MOST_RUNS: Final = 2_000_000
MOST_SCENARIOS: Final = 200
MOST_SAMPLES: Final = 100_000
_OWN: Final = {
    "line": "is the one of the plant file that is asked; leave it out",
    "new": "is of a line that does not exist yet, of the kind `design`; leave it out",
    "format": "is that of files; leave it out",
}
_THEN: Final = "As it was when it was asked."
_OTHERS: Final = {"best": (), "sweep": ("scenarios",), "design": ("scenarios", "sweep")}
"""What a file may say and a kind has no use for. It is left out: lines that it names would have to
be there."""


def experiment_text(
    line: Line,
    asked: Mapping[str, Any],
    tries: Sequence[str] = (),
    *,
    kind: Kind = "best",
    title: str = "",
    snapshot: Mapping[str, Any] | None = None,
    layouts: Sequence[str] = (),
    known: Layouts = Layouts(),  # noqa: B008  # frozen
) -> str:
    """`asked` is what a file of an experiment says without its line; `tries` are further scenarios,
    as ``filler.time*0.95, capper.servers=2``, and so are `layouts`, names of lines that are
    `known`; `snapshot` is where it begins, as `gemel snapshot` writes it. A design may say another
    `line`, itself or by name. Raises `ConfigurationError`."""
    for key, said in _OWN.items():
        if key in asked and (kind != "design" or key == "format"):
            raise ConfigurationError(said, key)
    if kind != "best" and (tries or layouts):
        raise ConfigurationError("alternatives are of the kind `best`; leave them out")
    left_out = ("play", "line", *_OTHERS[kind])
    found: dict[str, Any] = {"title": title} if title else {}
    found |= {key: value for key, value in asked.items() if key not in left_out}
    scenarios, comments = _scenarios(asked, tries, layouts, known) if kind == "best" else ({}, {})
    if scenarios:
        found["scenarios"] = scenarios
    play = asked.get("play") or {}
    if not isinstance(play, Mapping):
        raise ConfigurationError("must say e.g. horizon: 8 h", "play")
    if "start" in play:
        raise ConfigurationError("is what stands in the line now, or an empty line", "play.start")
    if kind == "design" and snapshot is not None:
        raise ConfigurationError(
            "nothing stands in a line that does not exist yet; ask it from an empty line"
        )
    begins = {} if snapshot is None else {"start": dict(snapshot)}
    if play or begins:
        found["play"] = {**play, **begins}
    whole, comments["line",] = _line(line, asked.get("line"), known)
    return line_text({**found, "line": whole}, comments)


def _line(line: Line, said: Any, known: Layouts) -> tuple[Any, str]:
    """The line of a design as plain data, and where it is from."""
    if isinstance(said, str) and said:
        line, told = known.line(said, "line")
        return written(line), told
    return (written(line), _THEN) if said is None else (said, "As asked.")


def _scenarios(
    asked: Mapping[str, Any], tries: Sequence[str], layouts: Sequence[str], known: Layouts
) -> tuple[dict[str, Any], Comments]:
    scenarios = asked.get("scenarios") or {}
    if not isinstance(scenarios, Mapping):
        raise ConfigurationError("must be scenarios by name", "scenarios")
    scenarios = dict(scenarios)
    for text in tries:
        if text in scenarios:
            raise ConfigurationError(f"'{text}' is given twice")
        scenarios[text] = {"changes": _changes(text)}
    return known.whole(scenarios, layouts)


def with_most(text: str, most: int) -> str:
    """The same experiment with another `play.most`. Raises `ConfigurationError` where that is no
    more than it has."""
    file = read_experiment(Path(FILE), text)
    if (has := file.experiment.play.most) >= most:
        raise ConfigurationError(f"is {most:,}, must be above {has:,}, its replications", "most")
    data: dict[str, Any] = file.document.data
    comments: Comments = {("line",): _THEN}
    comments |= {("scenarios", name, "line"): _THEN for name in data.get("scenarios") or {}}
    return line_text({**data, "play": {**(data.get("play") or {}), "most": most}}, comments)


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
    if kind == "design":
        new = experiment.new
        if new is not None and new.samples > MOST_SAMPLES:
            raise ConfigurationError(
                f"{new.samples:,} samples, at most {MOST_SAMPLES:,} beside the twin; fewer, or "
                "`gemel whatif design` on another machine"
            )
        design_in(file)
        return
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
