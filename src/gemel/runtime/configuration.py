"""Reading a plant file: text → checked plan, with every problem at its line.

`load` raises the first problem, `check` lists all. The plan is what the daemon runs: parts built,
types applied, names resolved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.plant import Plant, PlantSignal
from gemel.core.settings import problems
from gemel.parts.connectors import CONNECTORS, Connector
from gemel.parts.detectors import DETECTORS, Detector
from gemel.parts.reasoners import REASONERS, Reasoner
from gemel.runtime.live_tasks import build_task, read_tasks, source_of
from gemel.runtime.memory import uncollected
from gemel.runtime.schedule_settings import build_schedule, schedules
from gemel.runtime.supply_settings import build_supply, supplies
from gemel.runtime.upkeep_settings import build_upkeep, upkeeps
from gemel.runtime.yaml12 import Document, parse
from gemel.twin.alarms import AlarmSettings
from gemel.twin.alarms import check as check_alarms
from gemel.twin.decisions import targets
from gemel.twin.learning import Condition, Normal, WatchSettings, chosen_signals
from gemel.twin.learning.detecting.rare import regime_path
from gemel.twin.mirror.names import Names, Resolver
from gemel.twin.operations import Machine, OperationsSettings, machines

if TYPE_CHECKING:
    from gemel.core.line import Line
    from gemel.runtime.pictures.task import PictureTask
    from gemel.twin.learning.live.forms import Form
    from gemel.twin.mirror.features import Features, Made
    from gemel.twin.planning.plans.settings import PlanSettings
    from gemel.twin.planning.supply.settings import SupplySettings
    from gemel.twin.planning.upkeep.settings import MaintenanceSettings

__all__ = ["Advice", "Plan", "check", "load", "read_document"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plant file, checked and ready to run."""

    path: Path
    hash: str
    plant: Plant
    signals: tuple[PlantSignal, ...]
    connectors: dict[str, Connector] = field(default_factory=dict)
    features: dict[str, Made] = field(default_factory=dict)
    watches: dict[str, tuple[WatchSettings, Detector]] = field(default_factory=dict)
    """Detectors at work: those of `detectors`, and those that tasks become."""
    tasks: dict[str, Form] = field(default_factory=dict)
    """Without those that have become detectors or look at pictures."""
    scores: dict[str, str] = field(default_factory=dict)
    """Of detectors that were tasks: the path of the signal that tells their score."""
    pictures: dict[str, PictureTask] = field(default_factory=dict)
    """Tasks that look at pictures."""
    alarms: dict[str, AlarmSettings] = field(default_factory=dict)
    reasoners: dict[str, Reasoner] = field(default_factory=dict)
    operations: OperationsSettings = field(default_factory=OperationsSettings)
    machines: dict[str, Machine] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    schedules: dict[str, PlanSettings] = field(default_factory=dict)
    maintenance: dict[str, MaintenanceSettings] = field(default_factory=dict)
    supply: dict[str, SupplySettings] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Relative paths in the plant file start here."""
        return self.path.parent


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that `gemel check` says. An *error* keeps the plant from running."""

    where: str
    severity: str
    sentence: str

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.where}: {mark}{self.sentence}"


def read_document(path: Path, text: str | None = None) -> Document:
    """The plant file as plain data with lines; `text` is what is to stand in it. Raises
    `ConfigurationError`."""
    try:
        text = path.read_text(encoding="utf-8") if text is None else text
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        hint = f"; in that folder: {', '.join(near[:5])}" if near else ""
        raise ConfigurationError(
            f"no such file{hint}. `gemel discover URL-OR-FILE -o {path.name}` writes one", str(path)
        ) from None
    except IsADirectoryError:
        raise ConfigurationError("is a folder; give the plant file in it", str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"is not text in UTF-8 (byte {error.start}); is it a plant file?", str(path)
        ) from None
    document = parse(text, path.name)
    if not isinstance(document.data, dict):
        found = "empty" if document.data is None else f"a {type(document.data).__name__}"
        raise ConfigurationError(
            f"is {found}; a plant file begins with 'format: 1' and has sections such as "
            "'connectors' and 'assets'",
            path.name,
        )
    return document


def load(path: Path, text: str | None = None) -> Plan:
    """The plan of a plant file, or of a `text` that is to stand in it. Raises `ConfigurationError`
    with the first problem."""
    with uncollected():
        document = read_document(path, text)
        plant, found = _structure(document)
        for advice in found:
            raise ConfigurationError(advice.sentence, advice.where)
        plan = _plan(document, path, plant)
        for advice in _trial(document, plan):
            raise ConfigurationError(advice.sentence, advice.where)
        return plan


def check(path: Path, text: str | None = None) -> list[Advice]:
    """Everything that is wrong with a plant file, or with a `text` that is to stand in it, and what
    is doubtful, in the order of the file."""
    try:
        document = read_document(path, text)
    except ConfigurationError as error:
        return [Advice(error.where or path.name, "error", error.message)]
    plant, found = _structure(document)
    if not found:
        found += _parts(document)
    if not any(a.severity == "error" for a in found):
        try:
            plan = _plan(document, path, plant)
            found += [*_trial(document, plan), *_doubts(document, plan)]
        except ConfigurationError as error:
            found.append(Advice(error.where, "error", error.message))
    return found


def _structure(document: Document) -> tuple[Plant | None, list[Advice]]:
    """The plant as the file says it, or what is wrong with its fields."""
    data = document.data
    if "format" not in data:
        sentence = "'format' is missing; begin the file with 'format: 1'"
        return None, [Advice(document.name, "error", sentence)]
    try:
        return Plant.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        found = []
        for problem in problems(error, Plant):
            path = tuple(p for p in problem.path if p != "[key]")
            found.append(Advice(document.where(path), "error", _named(path, problem.sentence)))
        return None, found


def _named(path: tuple[str | int, ...], sentence: str) -> str:
    """``signal 'line2/filler/level': unit: …`` instead of a chain of keys."""
    words = [str(p) for p in path]
    match words:
        case ["assets", asset, "signals", signal, *rest]:
            place = f"signal '{asset}/{signal}'"
        case ["assets", asset, "commands", command, *rest]:
            place = f"command '{asset}/{command}'"
        case ["assets", asset, *rest]:
            place = f"asset '{asset}'"
        case [section, name, *rest] if rest:
            place = f"{section} '{name}'"
        case _:
            place, rest = ".".join(words), []
    tail = ".".join(rest)
    return f"{place}: {tail}: {sentence}" if tail else f"{place}: {sentence}"


def _parts(document: Document) -> Iterator[Advice]:
    for section, build in _BUILDERS.items():
        for name, settings in (document.data.get(section) or {}).items():
            try:
                if section == "lines":
                    settings = _with_shifts(settings or {}, document.data.get("shifts"))
                build(name, settings or {})
            except ConfigurationError as error:
                yield Advice(
                    _line(document, (section, name), error.message),
                    "error",
                    f"{section} '{name}': {error.message}",
                )


def _line(document: Document, path: tuple[str, ...], message: str) -> str:
    """The line of the field that a part's message begins with, if it does."""
    fields = message.partition(":")[0].split(".")
    for depth in range(len(fields), 0, -1):
        if (*path, *fields[:depth]) in document.lines:
            return document.where((*path, *fields[:depth]))
    for word in message.replace("'", " ").replace(":", " ").split():
        if (*path, word) in document.lines:
            return document.where((*path, word))
    return document.where(path)


def _build_connector(_: str, settings: dict[str, Any]) -> Connector:
    return CONNECTORS.build(settings)


def _build_feature(name: str, settings: dict[str, Any]) -> Features:
    from gemel.twin.mirror.features import Features  # for a plant without any see _build_task

    return Features.read(name, settings)


def _build_watch(_: str, settings: dict[str, Any]) -> tuple[WatchSettings, Detector]:
    use, own = WatchSettings.split(settings)
    return WatchSettings.read(use), DETECTORS.build(own)


def _build_line(_: str, settings: dict[str, Any]) -> Line:
    from gemel.core.line import Line  # for a plant without lines see live_tasks

    return Line.read(settings)


def _with_shifts(line: dict[str, Any], shifts: Any) -> dict[str, Any]:
    """A line in which the calendar `shifts` is that of the plant."""
    calendars = line.get("calendars") or {}
    users = [*(line.get("stations") or {}).values(), *(line.get("crews") or {}).values()]
    used = any(isinstance(user, dict) and user.get("calendar") == "shifts" for user in users)
    if not used or "shifts" in calendars or not shifts:
        return line
    return {**line, "calendars": {**calendars, "shifts": shifts}}


def _build_alarm(_: str, settings: dict[str, Any]) -> AlarmSettings:
    return AlarmSettings.read(settings)


def _build_reasoner(_: str, settings: dict[str, Any]) -> Reasoner:
    return REASONERS.build(settings)


_BUILDERS: dict[str, Callable[[str, dict[str, Any]], Any]] = {
    "connectors": _build_connector,
    "features": _build_feature,
    "detectors": _build_watch,
    "tasks": build_task,
    "alarms": _build_alarm,
    "reasoners": _build_reasoner,
    "lines": _build_line,
    "schedules": build_schedule,
    "maintenance": build_upkeep,
    "supply": build_supply,
}


def _plan(document: Document, path: Path, plant: Plant | None) -> Plan:
    for advice in _parts(document):
        raise ConfigurationError(advice.sentence, advice.where)
    plant = plant or Plant.read(document.data, document.name)
    try:
        signals = plant.expand()
    except ConfigurationError as error:
        keys = _keys(document, error.where)
        raise ConfigurationError(error.message, document.where(keys)) from None
    folder = path.resolve().parent
    connectors = {
        name: _build_connector(name, s).located(folder) for name, s in plant.connectors.items()
    }
    text = json.dumps(document.data, sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    features: dict[str, Made] = {}
    for name, settings in plant.features.items():
        try:
            # A later one may look at what an earlier one makes.
            features[name] = _build_feature(name, settings).of(signals)
            signals += features[name].outputs
        except ConfigurationError as error:
            where = _line(document, ("features", name), error.message)
            raise ConfigurationError(f"feature '{name}': {error.message}", where) from None
    watches = {name: _build_watch(name, s) for name, s in plant.detectors.items()}
    signals, tasks, scores, pictures = read_tasks(
        plant, signals, watches, lambda path, message: _line(document, path, message), folder
    )
    alarms = {name: AlarmSettings.read(s) for name, s in plant.alarms.items()}
    shifts = document.data.get("shifts")
    lines = {name: _build_line(name, _with_shifts(s, shifts)) for name, s in plant.lines.items()}
    paths = {planned.path for planned in signals}
    for name, line in lines.items():
        for key, station in line.stations.items():
            for what, path_of, known in (
                ("asset", station.asset, plant.assets), ("waiting", station.waiting, paths),
            ):  # fmt: skip
                if path_of and path_of not in known:
                    kind = "asset" if what == "asset" else "signal"
                    raise ConfigurationError(
                        f"line '{name}', station '{key}': no {kind} '{path_of}'; "
                        f"{did_you_mean(path_of, known)}",
                        document.where(("lines", name, "stations", key, what)),
                    )
    reasoners = {name: _build_reasoner(name, s) for name, s in plant.reasoners.items()}
    operations = OperationsSettings.read(plant.operations, document.where(("operations",)))
    return Plan(
        path.resolve(), digest, plant, signals, connectors, features, watches, tasks, scores,
        pictures, alarms, reasoners, operations, machines(plant.assets, signals, operations), lines,
        schedules(plant, lines, paths, folder, document.where, connectors),
        upkeeps(plant, paths, folder, document.where),
        supplies(plant, paths, folder, document.where),
    )  # fmt: skip


def _trial(document: Document, plan: Plan) -> Iterator[Advice]:
    """Compile every expression and resolve every name, as the daemon will."""
    numbers = {planned.path: number for number, planned in enumerate(plan.signals)}
    try:
        targets(plan.plant, plan.signals, numbers)
    except ConfigurationError as error:
        where = document.where(_keys(document, error.where))
        yield Advice(where, "error", error.message)
    for name, field_name, sentence in check_alarms(plan.alarms, plan.signals, plan.plant.assets):
        where = document.where(("alarms", name, field_name))
        yield Advice(where, "error", f"alarm '{name}': {field_name}: {sentence}")
    index = Names(plan.signals)
    for name, reasoner in plan.reasoners.items():
        names = Resolver(index, reasoner.asset)
        try:
            reasoner.start(name, names, known=names.known)
        except ConfigurationError as error:
            where = _line(document, ("reasoners", name), error.message)
            yield Advice(where, "error", f"reasoner '{name}': {error.message}")
    for planned in plan.signals:
        asked = planned.signal.specification
        if asked is None or not asked.when:
            continue
        try:
            Condition.of(asked.when, plan.signals, numbers, planned.asset)
        except ConfigurationError as error:
            where = _line(document, ("assets", planned.asset), error.message)
            yield Advice(where, "error", f"signal '{planned.path}': specification: {error.message}")
    for name, (watch, _) in plan.watches.items():
        try:
            chosen_signals(watch, plan.signals)
            Normal.of(
                (), numbers, watch.step, watch.lateness, watch.normal, plan.signals, watch.asset
            )
            regime_path(watch, plan.signals)
            if watch.event:
                Condition.of(watch.event, plan.signals, numbers, watch.asset)
        except ConfigurationError as error:
            section = "tasks" if name in plan.scores else "detectors"
            where = _line(document, (section, name), error.message)
            yield Advice(where, "error", f"{section[:-1]} '{name}': {error.message}")
    for name, form in plan.tasks.items():
        try:
            source_of(form, plan.signals, numbers)
        except ConfigurationError as error:
            where = _line(document, ("tasks", name), error.message)
            yield Advice(where, "error", f"task '{name}': {error.message}")


def _keys(document: Document, where: str) -> tuple[str, ...]:
    """The path of keys that a dotted place names; asset paths may contain dots themselves."""
    best: tuple[str, ...] = ()
    for path in document.lines:
        dotted = ".".join(str(p) for p in path)
        if (where == dotted or where.startswith(dotted + ".")) and len(path) > len(best):
            best = tuple(str(p) for p in path)
    return best


def _doubts(document: Document, plan: Plan) -> Iterator[Advice]:
    """What runs, but is probably not meant."""
    if not plan.signals:
        yield Advice(document.name, "note", "there are no signals; nothing will be mirrored")
    for name in plan.plant.connectors:
        if not any(s.connector == name for s in plan.signals):
            yield Advice(
                document.where(("connectors", name)),
                "note",
                f"connector '{name}' has no signals; set 'connector: {name}' in an asset",
            )
    thinned = {s.path for s in plan.signals if s.signal.deadband is not None}
    for name, made in plan.features.items():
        if both := [one.path for one in made.looked if one.path in thinned]:
            yield Advice(
                document.where(("features", name)),
                "note",
                f"feature '{name}' looks at '{both[0]}', which has a deadband: after a restart the "
                "window that was open is made of what was stored",
            )
    for path, asset in plan.plant.assets.items():
        if asset.signals and not asset.connector:
            yield Advice(
                document.where(("assets", path)),
                "note",
                f"asset '{path}' has signals but no connector; only HTTP can bring samples for it",
            )
        for key, command in plan.plant.commands_of(path).items():
            place = document.where(("assets", path, "commands", key))
            limits = command.envelope
            if command.armed and (limits.low is None or limits.high is None):
                yield Advice(
                    place,
                    "error",
                    f"command '{path}/{key}' is armed without limits; set envelope.low and "
                    "envelope.high, or 'armed: false'",
                )
