"""Files of experiments and what is kept of their results: read, checked, written, read again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from pydantic import ValidationError

from gemel import __version__
from gemel.core.errors import ConfigurationError, Damaged
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.changes import Change, Variant, changed, line_hash, read_changes
from gemel.core.settings import Settings, problems
from gemel.runtime.lines import read_line, read_snapshot
from gemel.runtime.yaml12 import Document, parse
from gemel.twin.durable import write_whole
from gemel.twin.planning.experiments.comparing import Columns, Plan
from gemel.twin.planning.experiments.differences import differences
from gemel.twin.planning.experiments.settings import Cost, Experiment, Measure, Scenario

__all__ = [
    "AS_IT_IS", "File", "Keeping", "Kept", "fingerprint", "is_line", "plain", "plan_of",
    "read_experiment", "read_kept", "same_or_none", "side_by_side", "tried", "write_kept",
]  # fmt: skip

AS_IT_IS: Final = "as it is"
FORMAT: Final = 1
_PAUSE_S: Final = 1.0
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class File:
    """An experiment, its line, and where everything stands in the file."""

    path: Path
    experiment: Experiment
    line: Line
    document: Document

    def where(self, *path: str | int) -> str:
        return self.document.where(path)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a result file holds: the protocol, the answer, and every replication."""

    protocol: dict[str, Any]
    record: dict[str, Any]
    values: Columns


def is_line(path: Path) -> bool:
    """Whether a file describes a line, and no experiment."""
    try:
        data = parse(path.read_text(encoding="utf-8"), path.name).data
    except (OSError, UnicodeDecodeError):
        return True  # `read_line` says what is wrong with it
    return not isinstance(data, dict) or "stations" in data


def read_experiment(path: Path, text: str | None = None) -> File:
    """The experiment of a file. Raises `ConfigurationError` with its line in the file."""
    try:
        text = path.read_text(encoding="utf-8") if text is None else text
    except FileNotFoundError:
        raise ConfigurationError("no such file", str(path)) from None
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"is no file of an experiment: {error}", str(path)) from None
    document = parse(text, path.name)
    if not isinstance(document.data, dict):
        raise ConfigurationError(
            "an experiment begins with 'line:', the file of its line", path.name
        )
    if document.data.get("format", 1) != FORMAT:
        raise ConfigurationError(
            f"format is {document.data['format']!r}, this Gemel reads {FORMAT}",
            document.where(("format",)),
        )
    values = {key: value for key, value in document.data.items() if key != "format"}
    play = values.get("play")
    if isinstance(play, dict) and isinstance(named := play.get("start"), str):
        at = path.parent / named
        read_snapshot(at)  # says what is wrong with it, at its place
        values["play"] = play | {"start": parse(at.read_text(encoding="utf-8"), at.name).data}
    if isinstance(line := values.get("line"), dict):
        # By itself first: of what is a line or a name, it would be said that it is no name.
        _checked(Line, line, document, "line")
    experiment = _checked(Experiment, values, document)
    return File(path, experiment, _line(path, experiment, experiment.line), document)


def _checked(kind: type[S], values: Any, document: Document, *above: str) -> S:
    try:
        return kind.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = problems(error, kind)[0]
        place = (*above, *(p for p in first.path if p != "[key]"))
        words = ".".join(str(p) for p in place)
        raise ConfigurationError(
            f"{words}: {first.sentence}" if words else first.sentence, document.where(place)
        ) from None


def _line(path: Path, experiment: Experiment, said: str | Line) -> Line:
    """The line itself, or of a file beside this one, at the time of the week at which it begins."""
    line = said if isinstance(said, Line) else read_line(path.parent / said)
    start = experiment.play.start
    if start is None:
        return line
    start.check(line)
    return start.line(line)


def plan_of(file: File) -> Plan:
    """The line as it is and the scenarios of a file. Raises `ConfigurationError` with the line."""
    experiment = file.experiment
    variants, costs = [Variant(file.line)], [experiment.cost]
    names, titles = [AS_IT_IS], [AS_IT_IS]
    for name, scenario in experiment.scenarios.items():
        if name == AS_IT_IS:
            raise ConfigurationError(
                f"'{AS_IT_IS}' is the line of the file; give the scenario another name",
                file.where("scenarios", name),
            )
        variants.append(_variant(file, name, scenario))
        costs.append(
            Cost(
                investment=experiment.cost.investment + scenario.cost.investment,
                per_hour=experiment.cost.per_hour + scenario.cost.per_hour,
            )
        )
        names.append(name)
        titles.append(scenario.title or name)
    return Plan(experiment, tuple(names), tuple(titles), tuple(variants), tuple(costs))


def _variant(file: File, name: str, scenario: Scenario) -> Variant:
    line = _line(file.path, file.experiment, scenario.line) if scenario.line else file.line
    try:
        return changed(line, [Change(path, value) for path, value in scenario.changes.items()])
    except ConfigurationError as error:
        place = ("scenarios", name, "changes", *([error.where] if error.where else []))
        said = error.message
        if error.where and not said.startswith((error.where, f"stations.{error.where}")):
            said = f"{error.where}: {said}"
        raise ConfigurationError(f"scenario '{name}', {said}", file.where(*place)) from None


def tried(line: Line, tries: list[str], settings: Mapping[str, Any]) -> Plan:
    """Alternatives of a command line: each a scenario of its own, with the words as its name."""
    experiment = Experiment.read({"line": "-", **settings})
    variants = [Variant(line)]
    for text in tries:
        try:
            variants.append(changed(line, read_changes(text)))
        except ConfigurationError as error:
            raise ConfigurationError(f"'{text}': {error}") from None
    names = (AS_IT_IS, *tries)
    if len(set(names)) < len(names):
        raise ConfigurationError("an alternative is given twice")
    return Plan(experiment, names, names, tuple(variants), (experiment.cost,) * len(names))


def fingerprint(plan: Plan) -> dict[str, Any]:
    """What must be the same for results to go on from each other: lines, changes, luck, measure of
    time. The version of Gemel is told, too: another may play a line otherwise."""
    play = plan.experiment.play
    return {
        "format": FORMAT,
        "gemel": __version__,
        "lines": [line_hash(v.line) for v in plan.variants],
        "beside": [
            {**{f"{n}.{w}": f for (n, w), f in v.factors.items()},
             **{f"{n}.places": p for n, p in v.places.items()},
             **{f"caps.{n}.most": c for n, c in v.caps.items()}} for v in plan.variants
        ],
        "scenarios": list(plan.names),
        "costs": [c.model_dump() for c in plan.costs],
        "prices": plan.experiment.prices.model_dump(),
        "order": plan.experiment.order,
        "parts": play.parts, "horizon_ns": play.horizon, "warm_up": play.warm_up,
        "seed": play.seed, "simulator": play.simulator,
        "start": None if play.start is None else play.start.model_dump(mode="json"),
    }  # fmt: skip


def write_kept(
    path: Path, protocol: dict[str, Any], record: dict[str, Any], values: Columns
) -> None:
    """Write a result so that a reader finds the old one or the new one, never half of one."""
    columns = {m: [[float(x) for x in v] for v in vs] for m, vs in values.items()}
    text = json.dumps(
        plain({"protocol": protocol, "result": record, "values": columns}), allow_nan=False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{text}\n".encode())


class Keeping:
    """Writes what is played of a comparison into a file, at most once a second until `write` is
    called at its end. `time` counts seconds."""

    def __init__(
        self, path: Path, protocol: dict[str, Any], time: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self.protocol, self.time = path, protocol, time
        self._written = time() - _PAUSE_S

    def __call__(self, values: Columns) -> None:
        if self.time() - self._written >= _PAUSE_S:
            self.write({}, values)

    def write(self, record: dict[str, Any], values: Columns) -> None:
        """Values, with `record`, what they say; nothing where nothing was played."""
        if any(len(column) for columns in values.values() for column in columns):
            write_kept(self.path, self.protocol, record, values)
            self._written = self.time()


def same_or_none(path: Path, protocol: dict[str, Any]) -> Kept | None:
    """What is kept in a file, None where there is none. Raises `ConfigurationError` where it was
    kept from something else."""
    if not path.exists():
        return None
    kept = read_kept(path)
    differing = sorted(k for k in protocol if kept.protocol.get(k) != plain(protocol[k]))
    if differing:
        raise ConfigurationError(
            f"was kept from something else: {', '.join(differing)} differ; give another --keep",
            str(path),
        )
    return kept


def side_by_side(one: Kept, other: Kept) -> dict[str, Any]:
    """The second less the first, by scenario and measure; JSON-able but for NaN."""
    same_luck = all(
        one.protocol[k] == other.protocol[k]
        for k in ("parts", "horizon_ns", "warm_up", "seed", "gemel")
    )
    names = [k.protocol["scenarios"] for k in (one, other)]
    return {
        "paired": same_luck,
        "scenarios": differences(
            (names[0], one.values), (names[1], other.values), same_luck=same_luck
        ),
        "only_in_one": sorted(set(names[0]) ^ set(names[1])),
        "differing": sorted(k for k in one.protocol if one.protocol[k] != other.protocol.get(k)),
    }


def read_kept(path: Path) -> Kept:
    """A result that was kept. Raises `ConfigurationError` or `Damaged`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        values: dict[Measure, list[Values]] = {
            m: [np.array([np.nan if x is None else x for x in v], np.float64) for v in vs]
            for m, vs in data["values"].items()
        }
        kept = Kept(dict(data["protocol"]), dict(data["result"]), values)
        count = len(kept.protocol["scenarios"])
        sizes = {tuple(len(v) for v in vs) for vs in values.values()}
    except FileNotFoundError:
        raise ConfigurationError("no such file", str(path)) from None
    except (ValueError, KeyError, TypeError, AttributeError, IsADirectoryError) as error:
        raise Damaged(f"{path}: is no result of `gemel whatif`: {error}") from None
    if kept.protocol.get("format") != FORMAT:
        raise ConfigurationError(
            f"format is {kept.protocol.get('format')!r}, this Gemel reads {FORMAT}", str(path)
        )
    if any(len(size) != count for size in sizes) or len(sizes) > 1:
        raise Damaged(f"{path}: {count} scenarios, but columns of other lengths")
    return kept


def plain(value: Any) -> Any:
    """The same with NaN and infinity as None, which JSON has no word for."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
