"""What changes from one plan to another: pure, and asked before anything is touched.

A thing of a plant file is what it says together with what its names lead to: a rule whose text is
the same is another rule when a name in it means another signal, or a signal of another unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gemel.core.event import Payload
from gemel.core.plant import PlantSignal
from gemel.runtime.configuration import Plan
from gemel.runtime.links import wanted_of
from gemel.runtime.live_tasks import source_of
from gemel.twin.alarms import looks_at
from gemel.twin.decisions import targets
from gemel.twin.learning import Condition, Normal, chosen_signals
from gemel.twin.mirror.names import Names, Resolver
from gemel.twin.operations import surroundings

__all__ = ["Changes", "Difference", "PlanChange", "compare", "needs_restart", "outline"]

Things = dict[str, Any]
"""By name: something that is equal exactly if the thing is."""

_SHOWN: Final = 100
_WORDS: Final = {
    "connectors": "connector", "assets": "asset", "signals": "signal", "commands": "command",
    "features": "feature", "detectors": "detector", "tasks": "task",
    "pictures": "inspection", "reasoners": "rule",
    "alarms": "alarm", "machines": "machine",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of one section, each in the order of its plant file; removed ones in the old order."""

    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def fresh(self) -> tuple[str, ...]:
        """What is not as it was, and is there."""
        return self.changed + self.added

    @property
    def ended(self) -> tuple[str, ...]:
        """What was, and is not as it was."""
        return self.changed + self.removed

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        return bool(self.changed or self.added or self.removed)

    @classmethod
    def of(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        """Between two sections."""
        return cls(
            tuple(name for name in new if name in old and old[name] == new[name]),
            tuple(name for name in new if name in old and old[name] != new[name]),
            tuple(name for name in new if name not in old),
            tuple(name for name in old if name not in new),
        )


class PlanChange(Payload):
    """Kind ``plan``: another plant file holds from now on. By section; of many names the first."""

    old: str
    """Hash of the plan before."""
    new: str
    actor: str
    kept: dict[str, int]
    changed: dict[str, tuple[str, ...]]
    added: dict[str, tuple[str, ...]]
    removed: dict[str, tuple[str, ...]]
    sentence: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a plan changes."""

    sections: Mapping[str, Difference]

    def __getitem__(self, section: str) -> Difference:
        return self.sections[section]

    @property
    def any(self) -> bool:
        """Whether anything that runs is different."""
        return any(difference.any for difference in self.sections.values())

    def payload(self, old: str, new: str, actor: str) -> PlanChange:
        """For the Event, and for whoever asked."""

        def names(kind: str) -> dict[str, tuple[str, ...]]:
            found = {s: getattr(d, kind)[:_SHOWN] for s, d in self.sections.items()}
            return {section: some for section, some in found.items() if some}

        return PlanChange(
            old=old, new=new, actor=actor,
            kept={s: len(d.kept) for s, d in self.sections.items() if d.kept},
            changed=names("changed"), added=names("added"), removed=names("removed"),
            sentence=str(self),
        )  # fmt: skip

    def __str__(self) -> str:
        """In words: ``changed connector 'a'; added 12 signals; kept all else``."""
        said = []
        for kind in ("changed", "added", "removed"):
            counts = [
                _count(section, getattr(difference, kind))
                for section, difference in self.sections.items()
                if getattr(difference, kind)
            ]
            if counts:
                said.append(f"{kind} {', '.join(counts)}")
        return "; ".join([*said, "kept all else"]) if said else "nothing changes"


def _count(section: str, names: tuple[str, ...]) -> str:
    word = _WORDS[section]
    return f"{word} '{names[0]}'" if len(names) == 1 else f"{len(names)} {word}s"


def compare(old: Mapping[str, Things], new: Mapping[str, Things]) -> Changes:
    """Between two outlines."""
    return Changes({section: Difference.of(old[section], new[section]) for section in _WORDS})


def needs_restart(old: Plan, new: Plan) -> str:
    """The sentence that says why a plan cannot hold without a restart; empty if it can."""
    end = "that takes a restart: stop Gemel, change the file, and start it again"
    before, after = old.plant.plant.time_zone, new.plant.plant.time_zone
    if before != after:
        return f"plant.time_zone changes from {before} to {after}; {end}"
    if old.plant.retention != new.plant.retention:
        return f"retention changes; {end}"
    known = {planned.path: planned.signal.type for planned in old.signals}
    for planned in new.signals:
        was, now = known.get(planned.path, planned.signal.type), planned.signal.type
        if was != now:
            # Its stored values, and the one that is shown, would mean something else.
            return f"signal '{planned.path}' changes from {was} to {now}; {end}"
    return ""


def outline(plan: Plan) -> dict[str, Things]:
    """Everything that runs by a plan, by section and name. Takes as long as compiling the plan."""
    places = {planned.path: place for place, planned in enumerate(plan.signals)}
    signals = {planned.path: planned for planned in plan.signals}
    # Paths, not numbers: a plan knows no numbers.
    wanted = wanted_of(plan.signals, dict.fromkeys(places, 0))
    return {
        "connectors": {
            name: (connector, frozenset(wanted.get(name, ())))
            for name, connector in plan.connectors.items()
        },
        "assets": {
            path: asset.model_copy(update={"signals": {}, "commands": {}})
            for path, asset in plan.plant.assets.items()
        },
        "signals": dict(signals),
        "commands": _commands(plan, places),
        "features": {
            name: (made.looked, made.features, _meanings(made.paths, signals))
            for name, made in plan.features.items()
        },
        "detectors": _detectors(plan, places, signals),
        "tasks": _tasks(plan, places, signals),
        "pictures": dict(plan.pictures),
        "reasoners": _reasoners(plan, signals),
        "alarms": {
            name: (plan.alarms[name], _meanings(paths, signals))
            for name, paths in looks_at(plan.alarms, plan.signals).items()
        },
        "machines": _machines(plan, signals),
    }


def _commands(plan: Plan, places: Mapping[str, int]) -> Things:
    signals = plan.signals
    found: Things = {}
    for path, target in targets(plan.plant, signals, places).items():
        conditions = [*target.interlocks, *([target.watch] if target.watch else [])]
        inputs = [signals[place] for c in conditions for place in c.inputs.values()]
        found[path] = (
            target.settings, target.connector, target.address,
            [_meaning(one) for one in (signals[target.number], *inputs)],
        )  # fmt: skip
    return found


def _detectors(plan: Plan, places: Mapping[str, int], signals: Mapping[str, PlantSignal]) -> Things:
    found: Things = {}
    for name, (watch, detector) in plan.watches.items():
        normal = Normal.of(
            chosen_signals(watch, plan.signals), dict(places), watch.step, watch.lateness,
            watch.normal, plan.signals, watch.asset,
        )  # fmt: skip
        inputs = [plan.signals[place].path for _, place in normal.inputs]
        if watch.event:
            event = Condition.of(watch.event, plan.signals, dict(places), watch.asset)
            inputs += [plan.signals[place].path for _, place in event.inputs]
        meanings = _meanings([*normal.names, *inputs], signals)
        found[name] = (watch, detector, plan.scores.get(name), meanings)
    return found


def _tasks(plan: Plan, places: Mapping[str, int], signals: Mapping[str, PlantSignal]) -> Things:
    found: Things = {}
    for name, form in plan.tasks.items():
        source = source_of(form, plan.signals, places)
        inputs = [plan.signals[place].path for place in source.inputs]
        found[name] = (form, _meanings([*source.paths, *inputs], signals))
    return found


def _reasoners(plan: Plan, signals: Mapping[str, PlantSignal]) -> Things:
    index = Names(plan.signals)
    found: Things = {}
    for name, reasoner in plan.reasoners.items():
        names = Resolver(index, reasoner.asset)
        inputs = reasoner.start(name, names, known=names.known).inputs
        found[name] = (reasoner, _meanings(map(names.path, inputs), signals))
    return found


def _machines(plan: Plan, signals: Mapping[str, PlantSignal]) -> Things:
    settings = plan.operations
    rest = settings.model_copy(update={"assets": {}})
    found = surroundings(plan.plant.assets, plan.machines)
    return {
        path: (
            around, rest, plan.plant.shifts,
            [_meanings(machine.inputs.values(), signals) for machine in around],
        )
        for path, around in found.items()
    }  # fmt: skip


def _meaning(planned: PlantSignal) -> tuple[Any, ...]:
    """What a signal means to whoever looks at its values."""
    signal = planned.signal
    return planned.path, signal.type, signal.unit, tuple(sorted(signal.labels.items()))


def _meanings(paths: Iterable[str], signals: Mapping[str, PlantSignal]) -> list[Any]:
    return [_meaning(signals[path]) for path in paths]
