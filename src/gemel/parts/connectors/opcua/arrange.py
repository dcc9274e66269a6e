"""From variables to assets: which object is a machine, what belongs to it, what is left out. Pure.

A machine is recognised by companion specifications (DI DeviceSet, the Machines folder of Machinery,
types of PackML, MachineTool, Robotics …), and otherwise by structure: an object with two or more
live numeric variables, where folders such as Status or Admin count as part of their parent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gemel.parts.connectors.base import FoundAsset, FoundCommand, FoundSignal
from gemel.parts.connectors.opcua.address import text_of
from gemel.parts.connectors.opcua.browse import Object, Variable, Walk
from gemel.parts.connectors.opcua.describe import Candidate
from gemel.parts.connectors.opcua.guess import is_group, is_safety, level_of, role_of, slug
from gemel.parts.connectors.opcua.pace import LONGEST_SAMPLE, sample_for

__all__ = ["Arrangement", "arrange"]

_COMPANIONS: Final = {
    "http://opcfoundation.org/UA/PackML/": "PackML",
    "http://opcfoundation.org/UA/MachineTool/": "MachineTool",
    "http://opcfoundation.org/UA/Robotics/": "Robotics",
    "http://opcfoundation.org/UA/CNC": "CNC",
    "http://opcfoundation.org/UA/Weihenstephan/": "Weihenstephan",
    "http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/": "Euromap 77",
    "http://opcfoundation.org/UA/Pumps/": "Pumps",
    "http://opcfoundation.org/UA/Scales": "Scales",
}
_MACHINE_FOLDERS: Final = {"DeviceSet": "DI DeviceSet", "Machines": "Machinery"}
_CONTAINERS: Final = frozenset(
    [
        "device_set",
        "machines",
        "objects",
        "plc",
        "opc",
        "opcua",
        "data",
        "root",
        "tags",
        "global_vars",
        "programs",
        "application",
        "applications",
        "controller",
    ]
)
_STATIC_PER_ASSET: Final = 20
_MOST_SIGNALS: Final = 5000
_MEASURED: Final = frozenset(
    {"run", "state", "speed", "count", "reject", "alarm", "energy", "power", "quality", "condition"}
)
_ONE_PER_ASSET: Final = frozenset(
    {"run", "state", "speed", "count", "reject", "order", "product", "lot"}
)


@dataclass(slots=True)
class Arrangement:
    """Which candidates belong to which object. `assets` is called once they are described."""

    owners: dict[int, Object]
    reasons: dict[int, str]
    chosen: list[Candidate]
    notes: list[str] = field(default_factory=list)
    truncated: bool = False

    def assets(self, namespaces: Sequence[str]) -> tuple[tuple[FoundAsset, ...], dict[str, str]]:
        """The proposed assets by path, and the fields of the plant's section `plant`."""
        members: dict[int, tuple[Object, list[Candidate]]] = {}
        for candidate in self.chosen:
            owner = self.owners[id(candidate)]
            members.setdefault(id(owner), (owner, []))[1].append(candidate)
        site = _site([owner for owner, _ in members.values()])
        found: dict[str, FoundAsset] = {}
        for owner, candidates in members.values():
            path = _unique(_path(owner, set(site.values())), found)
            found[path] = self._asset(path, owner, candidates, namespaces)
        return tuple(found[path] for path in sorted(found)), site

    def _asset(
        self, path: str, owner: Object, candidates: list[Candidate], namespaces: Sequence[str]
    ) -> FoundAsset:
        signals: dict[str, FoundSignal] = {}
        commands: list[FoundCommand] = []
        safety = measured = 0
        short = [_key(candidate.variable, owner, with_groups=False) for candidate in candidates]
        met = Counter(short)
        for candidate, name in zip(candidates, short, strict=True):
            if met[name] > 1:
                name = _key(candidate.variable, owner, with_groups=True)
            key = _unique(name, signals)
            signal = _signal(key, candidate, namespaces)
            signals[key] = signal
            if not candidate.writable:
                continue
            if is_safety(candidate.variable.name):
                safety += 1
                continue
            if signal.role in _MEASURED:
                measured += 1
                continue
            low, high = candidate.range or (None, None)
            commands.append(
                FoundCommand(
                    f"set_{key.removesuffix('_setpoint')}", key, "", low, high,
                    "the server lets this account write",
                )
            )  # fmt: skip
        if safety:
            self.notes.append(f"{path}: {safety} writable safety variables are no commands")
        if measured:
            self.notes.append(
                f"{path}: {measured} variables are writable but look measured, so they are no "
                "commands; the server should not let this account write them"
            )
        level = level_of(owner.name, owner.type_name)
        return FoundAsset(
            path=path,
            title=owner.title,
            level=level if level in ("area", "work_center") else "work_unit",
            type=slug(owner.type_name.removesuffix("Type")) if _has_own_type(owner) else "",
            signals=tuple(_roles_once(signals)),
            commands=tuple(sorted(commands, key=lambda c: c.key)),
            why=self.reasons.get(id(owner), ""),
        )


def arrange(walked: Walk, candidates: Sequence[Candidate]) -> Arrangement:
    """Decide on assets, and which candidates are worth a signal."""
    reasons = _recognised(walked.objects)
    recognised = frozenset(reasons)
    live: dict[int, int] = {}
    for candidate in candidates:
        if candidate.is_live and candidate.type in ("number", "boolean"):
            home = _beyond_groups(candidate.variable.parent)
            live[id(home)] = live.get(id(home), 0) + 1
    for item in walked.objects:
        inside = any(id(above) in recognised for above in item.chain())
        if not inside and live.get(id(item), 0) >= 2 and not is_group(item.name):
            reasons[id(item)] = "has live variables of its own"
    owners: dict[int, Object] = {}
    chosen: list[Candidate] = []
    static: dict[int, int] = {}
    homeless = unasked = 0
    for candidate in candidates:
        owner = _owner(candidate.variable, reasons)
        if owner is None:
            homeless += 1
            continue
        guess = role_of(slug(candidate.variable.name), candidate.type, "")
        if not candidate.is_live and guess.confidence < 0.6:
            static[id(owner)] = static.get(id(owner), 0) + 1
            if static[id(owner)] > _STATIC_PER_ASSET:
                unasked += 1
                continue
        owners[id(candidate)] = owner
        chosen.append(candidate)
    arrangement = Arrangement(owners, reasons, chosen)
    if homeless:
        arrangement.notes.append(f"left out: {homeless} variables that belong to no machine")
    if unasked:
        arrangement.notes.append(
            f"left out: {unasked} variables that did not change and look like configuration; "
            f"the first {_STATIC_PER_ASSET} of each asset are here"
        )
    if len(chosen) > _MOST_SIGNALS:
        # What changes or says what it is comes first; the server's order decides among equals.
        chosen.sort(key=lambda c: not c.is_live)
        arrangement.notes.append(
            f"left out: {len(chosen) - _MOST_SIGNALS} signals beyond {_MOST_SIGNALS}"
        )
        del chosen[_MOST_SIGNALS:]
        arrangement.truncated = True
    return arrangement


def _recognised(objects: Sequence[Object]) -> dict[int, str]:
    """Objects that a companion specification calls a machine; the uppermost one counts."""
    found: dict[int, str] = {}
    for item in objects:  # level by level, so what is above comes first
        if any(id(above) in found for above in item.chain()):
            continue
        parent = item.parent
        if parent is not None and parent.name in _MACHINE_FOLDERS and parent.depth == 1:
            found[id(item)] = f"a machine of {_MACHINE_FOLDERS[parent.name]}"
        elif item.type_uri in _COMPANIONS and not is_group(item.name):
            found[id(item)] = f"a {item.type_name} of {_COMPANIONS[item.type_uri]}"
    return found


def _beyond_groups(item: Object) -> Object:
    while item.parent is not None and item.parent.parent is not None and is_group(item.name):
        item = item.parent
    return item


def _owner(variable: Variable, reasons: dict[int, str]) -> Object | None:
    for item in reversed(variable.parent.chain()):
        if id(item) in reasons:
            return item
    return None


def _key(variable: Variable, owner: Object, with_groups: bool) -> str:
    """The variable's name, with the objects between it and its asset; folders that only sort are
    named where the name would be taken otherwise."""
    between = []
    for item in reversed(variable.parent.chain()):
        if item is owner:
            break
        if with_groups or not is_group(item.name):
            between.append(slug(item.name))
    return "_".join([*reversed(between), slug(variable.name)])


def _path(owner: Object, site_names: set[str]) -> str:
    steps = []
    for item in owner.chain():
        word = slug(item.name)
        if item is owner or (word not in _CONTAINERS and item.title not in site_names):
            steps.append(word)
    return "/".join(steps)


def _site(owners: Sequence[Object]) -> dict[str, str]:
    """Enterprise, site and area above the assets, where those that have one have the same."""
    found: dict[str, str] = {}
    for level in ("enterprise", "site", "area"):
        titles = {
            next(
                (
                    item.title
                    for item in owner.chain()[:-1]
                    if level_of(item.name, item.type_name) == level
                ),
                "",
            )
            for owner in owners
        }
        titles.discard("")
        if len(titles) == 1:
            found[level] = titles.pop()
    return found


def _signal(key: str, candidate: Candidate, namespaces: Sequence[str]) -> FoundSignal:
    labels = candidate.labels if candidate.type == "enumeration" else ()
    guess = role_of(key, candidate.type, candidate.unit, labels, candidate.writable)
    reasons = [guess.why] if guess.why else []
    if candidate.type == "boolean" and candidate.labels:
        reasons.append(" / ".join(f"{code}: {label}" for code, label in candidate.labels))
    description = candidate.description if len(candidate.description) <= 80 else ""
    return FoundSignal(
        key=key,
        address=text_of(candidate.variable.node, namespaces),
        type=candidate.type,
        title=description or candidate.variable.title,
        unit=candidate.unit,
        range=candidate.range,
        labels=labels,
        sample=_sample(candidate),
        role=guess.role,
        confidence=guess.confidence if guess.role else 0.5,
        why="; ".join(reasons),
    )


def _sample(candidate: Candidate) -> int | None:
    """What must be said because the usual sampling would miss changes, ns."""
    if candidate.interval is None:
        return None
    sample = sample_for(candidate.interval)
    return sample if sample < LONGEST_SAMPLE else None


def _roles_once(signals: dict[str, FoundSignal]) -> list[FoundSignal]:
    """By key; of roles that an asset has once, only the surest guess stays."""
    best: dict[str, FoundSignal] = {}
    for signal in signals.values():
        if signal.role in _ONE_PER_ASSET:
            known = best.get(str(signal.role))
            if known is None or signal.confidence > known.confidence:
                best[str(signal.role)] = signal
    kept = []
    for key in sorted(signals):
        signal = signals[key]
        if signal.role in _ONE_PER_ASSET and best[str(signal.role)] is not signal:
            other = best[str(signal.role)].key
            why = f"'{other}' is surer to be the {signal.role}; {signal.why}"
            signal = replace(signal, role=None, confidence=0.5, why=why)
        kept.append(signal)
    return kept


def _unique(key: str, taken: dict[str, FoundAsset] | dict[str, FoundSignal]) -> str:
    number = 1
    found = key
    while found in taken:
        number += 1
        found = f"{key}_{number}"
    return found


def _has_own_type(item: Object) -> bool:
    return item.type_name not in ("", "BaseObjectType", "FolderType")
