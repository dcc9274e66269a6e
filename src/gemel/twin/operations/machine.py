"""One machine: which signals say what it does, and what their values mean in the time model.

The class comes from the first of these roles that the asset has: `state` (PackML, or an enumeration
whose labels the settings explain), `run` (a boolean), `speed` (above 0). Booleans of starved and
blocked, and the reason of a stop, make a stop more precise; they never make a running machine stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core import quality as q
from gemel.core.expression import Column
from gemel.core.plant import Asset, PlantSignal
from gemel.core.units import canonical
from gemel.twin.operations.settings import AssetOperations, OperationsSettings
from gemel.twin.operations.times import WORDS, TimeClass

__all__ = ["Machine", "machines"]

_USUAL: Final = AssetOperations()

_EXTERNAL: Final = -2
"""Waits for others; whether before or after it, the booleans say."""

_PACKML: Final = {
    "undefined": TimeClass.UNKNOWN, "clearing": TimeClass.FAULT, "stopped": TimeClass.STOPPED,
    "starting": TimeClass.STOPPED, "idle": TimeClass.IDLE, "suspended": _EXTERNAL,
    "execute": TimeClass.PRODUCTION, "stopping": TimeClass.STOPPED, "aborting": TimeClass.FAULT,
    "aborted": TimeClass.FAULT, "holding": TimeClass.STOPPED, "held": TimeClass.STOPPED,
    "unholding": TimeClass.STOPPED, "suspending": _EXTERNAL, "unsuspending": _EXTERNAL,
    "resetting": TimeClass.STOPPED, "completing": TimeClass.PRODUCTION, "complete": TimeClass.IDLE,
    # Not of PackML, and met as often.
    "running": TimeClass.PRODUCTION, "run": TimeClass.PRODUCTION, "producing": TimeClass.PRODUCTION,
    "production": TimeClass.PRODUCTION, "fault": TimeClass.FAULT, "error": TimeClass.FAULT,
    "failure": TimeClass.FAULT, "alarm": TimeClass.FAULT, "stop": TimeClass.STOPPED,
    "setup": TimeClass.SETUP, "set-up": TimeClass.SETUP, "changeover": TimeClass.SETUP,
    "maintenance": TimeClass.PLANNED, "cleaning": TimeClass.PLANNED, "starved": TimeClass.STARVED,
    "blocked": TimeClass.BLOCKED, "off": TimeClass.STOPPED, "ready": TimeClass.IDLE,
}  # fmt: skip
_NUMBERS: Final = (
    "undefined", "clearing", "stopped", "starting", "idle", "suspended", "execute", "stopping",
    "aborting", "aborted", "holding", "held", "unholding", "suspending", "unsuspending",
    "resetting", "completing", "complete",
)  # fmt: skip
"""PackML states by their number (ISA-TR88.00.02, PackTags `Status.StateCurrent`)."""

_ROLES: Final = ("state", "run", "speed", "count", "reject", "order", "product", "lot")
_PER_HOUR: Final = {"1/h": 1.0, "1/min": 60.0, "1/s": 3600.0, "Hz": 3600.0, "1/d": 1 / 24}


@dataclass(frozen=True, slots=True)
class Machine:
    """An asset with signals that say what it does.

    inputs      path of the signal behind each of the names state, run, speed, setpoint, count,
                reject, starved, blocked, reason, order, product, lot
    states      class of each code of the state signal; reasons the same for the reason of a stop
    rate        pieces per hour of one unit of the speed signal; None if its unit is not a rate
    ideal_rate  pieces per hour, None if nobody says
    others      further numbers of the asset, which may explain why it is slow
    owns_order  False where the order is that of the line, told by another asset
    connector   of the signal that tells the class; lot_connector of the one that tells the lot
    unit        of the speed as the plant file writes it: bottles/h are not cases/h
    """

    asset: str
    inputs: Mapping[str, str]
    states: Mapping[int, int] = field(default_factory=dict)
    reasons: Mapping[int, int] = field(default_factory=dict)
    rate: float | None = None
    ideal_rate: float | None = None
    pieces: float = 1.0
    counter_top: float | None = None
    count_includes_rejects: bool = True
    others: tuple[str, ...] = ()
    owns_order: bool = True
    connector: str = ""
    unit: str = ""
    lot_connector: str = ""

    @property
    def judges(self) -> bool:
        """Whether its signals tell the class of time it is in."""
        return any(role in self.inputs for role in ("state", "run", "speed"))

    @property
    def counted(self) -> dict[str, str]:
        """The inputs on which classes, counts and orders rest. Speed and setpoint, which change
        all the time, are left out where a state or a run signal tells more."""
        judge = next((name for name in ("state", "run", "speed") if name in self.inputs), "")
        left_out = {"state", "run", "speed", "setpoint"} - {judge}
        return {name: path for name, path in self.inputs.items() if name not in left_out}

    def classify(self, columns: Mapping[str, Column]) -> npt.NDArray[np.int64]:
        """The `TimeClass` of each row, int64[n]; `columns` by the names of `inputs`."""
        if "state" in self.inputs:
            column = columns["state"]
            result = _coded(column, self.states, TimeClass.UNKNOWN)
        elif "run" in self.inputs:
            column = columns["run"]
            result = np.where(column.value > 0, TimeClass.PRODUCTION, TimeClass.STOPPED)
        elif "speed" in self.inputs:
            column = columns["speed"]
            result = np.where(column.value > 0, TimeClass.PRODUCTION, TimeClass.STOPPED)
        else:
            rows = len(next(iter(columns.values())).value) if columns else 0
            return np.full(rows, int(TimeClass.UNKNOWN), np.int64)
        result = result.astype(np.int64)
        waits = result == _EXTERNAL
        vague = waits | (result == TimeClass.STOPPED)
        if "reason" in self.inputs:
            given = _coded(columns["reason"], self.reasons, -1)
            named = vague & (given >= 0) & _usable(columns["reason"])
            result = np.where(named, given, result)
            vague &= ~named
        for name, meaning in (("starved", TimeClass.STARVED), ("blocked", TimeClass.BLOCKED)):
            if name in self.inputs:
                flag = columns[name]
                result = np.where(vague & (flag.value > 0) & _usable(flag), int(meaning), result)
        result = np.where(result == _EXTERNAL, int(TimeClass.STOPPED), result)
        return np.where(_usable(column), result, int(TimeClass.UNKNOWN)).astype(np.int64)

    def waits(self, columns: Mapping[str, Column]) -> npt.NDArray[np.bool_]:
        """Rows whose state says that it waits for others, whether or not a flag says for whom."""
        column = columns.get("state")
        if column is None:
            return np.zeros(len(next(iter(columns.values())).value) if columns else 0, np.bool_)
        return np.asarray(_coded(column, self.states, TimeClass.UNKNOWN) == _EXTERNAL)

    def counts(self, columns: Mapping[str, Column], name: str) -> npt.NDArray[np.float64] | None:
        """A counter's values, NaN where they cannot be believed; None without such a signal."""
        if name not in self.inputs:
            return None
        column = columns[name]
        # A held count is as true as it was; only a bad one is no number.
        return np.where(column.quality >= 0, column.value, np.nan)


def machines(
    assets: Mapping[str, Asset],
    signals: Iterable[PlantSignal],
    settings: OperationsSettings,
) -> dict[str, Machine]:
    """Every asset of which something is known that operations count, by path."""
    of_asset: dict[str, list[PlantSignal]] = {path: [] for path in assets}
    for planned in signals:
        of_asset.setdefault(planned.asset, []).append(planned)
    found = {}
    for path, own in of_asset.items():
        means = settings.assets.get(path, _USUAL)
        if chosen := _chosen(path, own, means):
            found[path] = _machine(path, assets.get(path), own, chosen, means)
    owners: dict[str, Machine] = {}
    for machine in found.values():
        if "order" in machine.inputs:
            for place in _places(machine.asset):
                owners.setdefault(place, machine)
    return {path: _with_order(machine, owners) for path, machine in found.items()}


def _with_order(machine: Machine, owners: Mapping[str, Machine]) -> Machine:
    """The order of a machine that has none is that of the nearest asset of its line; `owners` are
    the first of those with an order at each place."""
    if "order" in machine.inputs:
        return machine
    near = next((owners[place] for place in _places(machine.asset) if place in owners), None)
    if near is None:
        return machine
    taken = {n: p for n, p in near.inputs.items() if n in ("order", "product")}
    return replace(machine, inputs={**machine.inputs, **taken}, owns_order=False)


def _places(path: str) -> Iterator[str]:
    """An asset and what it is part of, the nearest first."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _chosen(
    path: str, signals: list[PlantSignal], means: AssetOperations
) -> dict[str, PlantSignal]:
    """The signal behind each name of `Machine.inputs` that there is."""
    by_key = {s.path[len(path) + 1 :]: s for s in signals}
    roles: dict[str, PlantSignal] = {}
    for planned in signals:
        if planned.signal.role is not None:
            roles.setdefault(planned.signal.role, planned)
    chosen: dict[str, PlantSignal] = {name: roles[name] for name in _ROLES if name in roles}
    if "speed" in chosen:
        # An asset may have several setpoints; that of its speed has the speed's unit.
        unit = canonical(chosen["speed"].signal.unit)
        for planned in signals:
            if planned.signal.role == "setpoint" and canonical(planned.signal.unit) == unit:
                chosen.setdefault("setpoint", planned)
    # Of keys that differ only in case the first is meant.
    by_name = {key.casefold(): s for key, s in reversed(by_key.items())}
    for name, key in (
        ("starved", means.starved), ("blocked", means.blocked), ("reason", means.reason),
        ("lot", means.lot),
    ):  # fmt: skip
        wanted = by_key.get(key) if key else by_name.get(name)
        if wanted is not None and (name != "lot" or wanted.signal.type == "text"):
            chosen[name] = wanted
    return chosen


def _machine(
    path: str,
    asset: Asset | None,
    signals: list[PlantSignal],
    chosen: Mapping[str, PlantSignal],
    means: AssetOperations,
) -> Machine:
    reasons = {
        code: WORDS.index(means.reasons[label])
        for code, label in _labels(chosen.get("reason")).items()
        if label in means.reasons
    }
    rate = None
    if "speed" in chosen:
        per_hour = _PER_HOUR.get(canonical(chosen["speed"].signal.unit))
        rate = None if per_hour is None else per_hour * means.pieces
    ideal = means.ideal_rate or (asset.ideal_rate if asset is not None else None)
    taken = {s.path for s in chosen.values()}
    return Machine(
        asset=path,
        inputs={name: s.path for name, s in chosen.items()},
        states=_states(chosen.get("state"), means),
        reasons=reasons,
        rate=rate,
        ideal_rate=None if ideal is None else ideal * means.pieces,
        pieces=means.pieces,
        counter_top=means.counter_top,
        count_includes_rejects=means.count_includes_rejects,
        unit=chosen["speed"].signal.unit if "speed" in chosen else "",
        connector=next((chosen[n].connector for n in _ROLES if n in chosen), ""),
        lot_connector=chosen["lot"].connector if "lot" in chosen else "",
        others=tuple(
            s.path
            for s in signals
            if s.path not in taken and s.signal.type == "number" and s.signal.role != "energy"
        ),
    )


def _labels(planned: PlantSignal | None) -> dict[int, str]:
    return {} if planned is None else planned.signal.labels


def _states(planned: PlantSignal | None, means: AssetOperations) -> dict[int, int]:
    if planned is None:
        return {}
    labels = planned.signal.labels or dict(enumerate(_NUMBERS))
    own = {label.casefold(): WORDS.index(word) for label, word in means.states.items()}
    return {
        code: own.get(label.casefold(), int(_PACKML.get(label.casefold(), TimeClass.UNKNOWN)))
        for code, label in labels.items()
    }


def _coded(column: Column, meaning: Mapping[int, int], other: int) -> npt.NDArray[np.int64]:
    result = np.full(len(column.value), int(other), np.int64)
    for code, word in meaning.items():
        result[column.value == code] = word
    return result


def _usable(column: Column) -> Any:
    """Neither bad nor only held because the source is silent or cut off."""
    quality = column.quality
    lost = (quality == q.STALE) | (quality == q.NO_COMMUNICATION_LAST_USABLE)
    return (quality >= 0) & ~lost & ~np.isnan(column.value)
