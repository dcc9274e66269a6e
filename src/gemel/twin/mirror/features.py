"""Features of fast signals: what an operator tells of each window becomes a signal of its own.

They are made in the stream, before the mirror's watchers look, so that rules, alarms, detectors and
tasks may use them like any other signal, and go to the disk in one step with the samples that they
were made of.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.catalogue import glob_pattern
from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.frame import EMPTY, Frame, concatenate
from gemel.core.plant import PlantSignal, Signal
from gemel.core.settings import Settings
from gemel.parts.historians.base import Query, Store
from gemel.parts.operators import OPERATORS, Feature
from gemel.parts.operators.base import Step

__all__ = ["FeatureUse", "Features", "Made", "Shaper"]

_MOST_WAITING: Final = 500_000
"""Rows, so that what is done at once stays short."""
_MOST_QUESTIONS: Final = 16
"""To history, when windows are taken up."""
_NAME: Final = re.compile(r"[\w.%+-]+")


class FeatureUse(Settings):
    """Of which signals features are made, and which; the rest is the operator's own."""

    signals: tuple[str, ...] = Field(
        min_length=1, description="Paths or globs of the signals that are looked at"
    )
    tell: tuple[str, ...] = Field(
        (), description="What is told of each window; all that the operator can tell if empty"
    )


@dataclass(frozen=True, slots=True)
class Features:
    """An entry of `features:` in the plant file, checked.

    own     settings of the operator as they stand there
    beside  fields that name another signal, with its path or its name within the same asset
    tell    what is told
    """

    name: str
    use: FeatureUse
    own: Mapping[str, Any]
    beside: Mapping[str, str]
    tell: tuple[str, ...]

    @classmethod
    def read(cls, name: str, settings: Mapping[str, Any]) -> Features:
        """Raises `ConfigurationError`."""
        mine = {key: settings[key] for key in settings if key in FeatureUse.model_fields}
        use = FeatureUse.read(mine)
        own = {key: settings[key] for key in settings if key not in mine}
        if "outputs" in own:
            raise ConfigurationError(
                "outputs: name signals by `signals`, and what is told by `tell`"
            )
        part = OPERATORS.load(kind) if isinstance(kind := own.get("kind"), str) else None
        if part is not None and not issubclass(part, Feature):
            known = [one for one in OPERATORS.names() if issubclass(OPERATORS.load(one), Feature)]
            raise ConfigurationError(
                f"kind: '{kind}' tells no features of windows; {did_you_mean(str(kind), known)}"
            )
        fields = part.named if part is not None else ()
        beside = {field: own[field] for field in fields if isinstance(own.get(field), str)}
        for field in fields:
            if field not in beside and own.get(field) is not None:
                raise ConfigurationError(f"{field}: {own[field]!r}, must be the path of a signal")
        operator = _operator(own, dict.fromkeys(beside, 0), {})
        for wanted in use.tell:
            if wanted not in operator.names():
                raise ConfigurationError(
                    f"tell: no '{wanted}'; {did_you_mean(wanted, operator.names())}"
                )
        if not (tell := use.tell or tuple(operator.names())):
            raise ConfigurationError("tells nothing: name bands, orders or frequencies")
        for wanted in tell:
            if not _NAME.fullmatch(wanted):
                raise ConfigurationError(
                    f"'{wanted}' cannot end the path of a signal; take letters, digits and _"
                )
        return cls(name, use, own, beside, tell)

    def of(self, signals: Sequence[PlantSignal]) -> Made:
        """What is made of these signals. Raises `ConfigurationError` where a name means none, one
        that is no number, or what is made is there already."""
        known = {planned.path: planned for planned in signals}
        operator = _operator(self.own, dict.fromkeys(self.beside, 0), {})
        looked, outputs = [], []
        for planned in self._chosen(signals):
            made = {told: f"{planned.path}_{told}" for told in self.tell}
            looked.append(_Looked(planned.path, self._beside(planned, known), made))
            title = planned.signal.title or planned.path.rpartition("/")[2]
            for told, path in made.items():
                if path in known:
                    raise ConfigurationError(f"'{path}' is a signal already; tell something else")
                signal = Signal(
                    title=f"{title}, {told.replace('_', ' ')}",
                    unit=operator.unit(told, planned.signal.unit),
                    note=f"made of {planned.path} by feature '{self.name}'",
                )
                outputs.append(PlantSignal(path, planned.asset, "", path, signal))
        return Made(self, tuple(looked), tuple(outputs))

    def _chosen(self, signals: Sequence[PlantSignal]) -> list[PlantSignal]:
        matches = [glob_pattern(pattern).fullmatch for pattern in self.use.signals]
        for pattern, match in zip(self.use.signals, matches, strict=True):
            if not any(match(planned.path) for planned in signals):
                hint = did_you_mean(pattern, (planned.path for planned in signals))
                raise ConfigurationError(f"signals: no signal matches '{pattern}'; {hint}")
        found = [p for p in signals if any(match(p.path) for match in matches)]
        for planned in found:
            if planned.signal.type != "number":
                raise ConfigurationError(
                    f"signals: '{planned.path}' is a {planned.signal.type}, must be a number"
                )
        return found

    def _beside(self, planned: PlantSignal, known: Collection[str]) -> dict[str, str]:
        found = {}
        for field, name in self.beside.items():
            own = f"{planned.asset}/{name}"
            path = own if own in known else name
            if path not in known:
                raise ConfigurationError(
                    f"{field}: no signal '{name}' beside '{planned.path}'; "
                    f"{did_you_mean(name, known)}"
                )
            if path == planned.path:
                raise ConfigurationError(f"{field}: '{path}' is the signal that is looked at")
            found[field] = path
        return found


@dataclass(frozen=True, slots=True)
class _Looked:
    """A signal that is looked at, others by field, and the paths of what is told of it."""

    path: str
    beside: dict[str, str]
    made: dict[str, str]


@dataclass(frozen=True, slots=True)
class Made:
    """Features of the signals of a plant: what is looked at, and the signals that are made."""

    features: Features
    looked: tuple[_Looked, ...]
    outputs: tuple[PlantSignal, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All that is looked at and made."""
        return tuple(
            path for one in self.looked
            for path in (one.path, *one.beside.values(), *one.made.values())
        )  # fmt: skip

    def start(self, numbers: Mapping[str, int]) -> Shaper:
        """Make features of samples from here on."""
        groups: dict[tuple[int, ...], dict[int, dict[str, int]]] = {}
        for one in self.looked:
            key = tuple(numbers[path] for path in one.beside.values())
            made = {told: numbers[path] for told, path in one.made.items()}
            groups.setdefault(key, {})[numbers[one.path]] = made
        features = self.features
        operators = [
            _operator(features.own, dict(zip(features.beside, key, strict=True)), outputs)
            for key, outputs in groups.items()
        ]
        return Shaper(features.name, operators)


def _operator(
    own: Mapping[str, Any], beside: Mapping[str, int], outputs: Mapping[int, Mapping[str, int]]
) -> Feature:
    found = OPERATORS.build({**own, **beside, "outputs": outputs})
    if not isinstance(found, Feature):
        raise TypeError(f"{found} tells no features")
    return found


class _Running:
    """One operator with what belongs to it."""

    def __init__(self, operator: Feature) -> None:
        self.step: Step = operator.start()
        self.window, self.reach = operator.window, operator.reach
        beside = [getattr(operator, field) for field in operator.named]
        self.inputs = frozenset([*operator.outputs, *(n for n in beside if n is not None)])
        made = {o: i for i, outputs in operator.outputs.items() for o in outputs.values()}
        self._outputs = np.array(sorted(made), np.int32)
        self._of = np.array([made[o] for o in self._outputs.tolist()], np.int32)
        self._first: dict[int, int] = {}
        """Time of the first sample of each signal: windows before it are not whole."""
        self._waiting: list[Frame] = []
        self._rows = 0
        self._newest = -1
        """Number of the window of the newest sample."""

    def __call__(self, frame: Frame) -> Frame:
        """What is told now. Samples wait until one of another window comes: an operator that is
        asked for each sample takes a hundred times as long for all of them."""
        number = frame.time // self.window
        same = self._newest == number[0] == number.min() == number.max()
        self._newest = int(number[-1])
        self._waiting.append(frame)
        self._rows += len(frame)
        if same and self._rows < _MOST_WAITING:
            return EMPTY
        frame = concatenate(self._waiting)
        self._waiting, self._rows = [], 0
        signals, first = np.unique(frame.signal, return_index=True)
        for signal, row in zip(signals.tolist(), first.tolist(), strict=True):
            self._first.setdefault(signal, int(frame.time[row]))
        told = self.step(frame)
        place = np.minimum(np.searchsorted(self._outputs, told.signal), len(self._outputs) - 1)
        mine = self._outputs[place] == told.signal
        begin = np.array([self._first.get(n, 0) for n in self._of.tolist()], np.int64)
        whole = told.time - self.window >= begin[place]
        return told[mine & whole]


class Shaper:
    """Features as samples come. A window in whose midst it began is not told."""

    def __init__(self, name: str, operators: Sequence[Feature]) -> None:
        self.name = name
        self._running = [_Running(operator) for operator in operators]
        self.inputs = frozenset().union(*(one.inputs for one in self._running))
        self._masks = [_mask(one.inputs) for one in self._running]

    def __call__(self, frame: Frame) -> Frame:
        """What is told now, without position."""
        found = [
            told
            for one, mask in zip(self._running, self._masks, strict=True)
            if len(mine := frame[mask[np.minimum(frame.signal, len(mask) - 1)]])
            and len(told := one(mine))
        ]
        return concatenate(found) if found else EMPTY

    def warm(self, store: Store, now: int) -> None:
        """Take up the windows that are open, from history: what was told before a stop is told no
        more, and the window that was open then is whole. Blocks on the disk."""
        for one in self._running:
            numbers = np.array(sorted(one.inputs), np.int32)
            last = store.at(numbers, now)
            if not last.num_rows:
                continue
            newest = int(np.max(last["time"].to_numpy()))
            begin = (newest - one.reach) // one.window * one.window
            # Not at once: windows of fast signals fill the memory, and each is forgotten when it
            # is told. Nor is each of thousands of short ones a question of its own.
            step = max(one.window, (newest - begin) // _MOST_QUESTIONS)
            for start in range(begin, newest + 1, step):
                frame = _history(store, numbers, start, min(start + step, newest + 1))
                if len(frame):
                    one(frame)

    def report(self) -> dict[str, Any]:
        """For health: what was left out, as it came too late or from a clock that is suspect."""
        steps = [one.step for one in self._running]
        return {
            "name": self.name,
            "late": sum(getattr(step, "late", 0) for step in steps),
            "suspect": sum(getattr(step, "suspect", 0) for step in steps),
        }


def _history(store: Store, numbers: npt.NDArray[np.int32], start: int, end: int) -> Frame:
    table = store.query(Query(numbers, start, end))
    columns = [table[name].to_numpy() for name in ("signal", "time", "value", "quality")]
    order = np.argsort(columns[1], kind="stable")
    return Frame.of(*(column[order] for column in columns))


def _mask(numbers: frozenset[int]) -> npt.NDArray[np.bool_]:
    """Whether a number is one of these; the last place is for all that are larger."""
    mask = np.zeros(max(numbers) + 2, np.bool_)
    mask[list(numbers)] = True
    return mask
