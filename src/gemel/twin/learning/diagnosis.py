"""What a finding is: which signals moved, what upstream is behind it, when it was like this before.

A finding says that something is abnormal. Its diagnosis is another Event (kind ``diagnosis``,
caused by the finding): signals with their distance from what was usual, signals of the machines
before, ranked under the order of the flow, and the earlier findings that are most alike, with what
people said they were. When the finding ends it is diagnosed again, by all its rows. It decides
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from gemel.core.errors import DataError, GemelError
from gemel.core.event import Event, Payload
from gemel.core.frame import Values
from gemel.core.plant import PlantSignal
from gemel.core.time import DAY, SECOND
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers.base import Case, Diagnosis, Example
from gemel.parts.historians.base import Store
from gemel.twin.learning.chosen import measured
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.windows import Normal, recorded

__all__ = [
    "Alike",
    "Deviation",
    "Diagnosed",
    "Diagnoses",
    "Likely",
    "Scene",
    "direction",
    "upstream",
]

SETTLE: Final = 20 * SECOND
"""After the finding has opened: so many more rows say more than a few."""
_LATER: Final = 5
"""So many times as long until the next look at one that lasts."""
_BACK: Final = 90 * DAY
_SHOWN: Final = 6
_FAR: Final = 3.0
_FEW: Final = 8
"""Earlier findings that are compared with as cases; fewer are only shown."""
_LEAST: Final = 5
_LEAST_NORMAL: Final = 30
_CLIP: Final = 30.0


class Deviation(Payload):
    """How far a signal was from what it usually is."""

    signal: str
    usual: float
    now: float
    sigmas: float
    """In standard deviations of normal operation."""


class Likely(Payload):
    """A cause and how probable it is; `low` and `high` say how far that can be trusted."""

    name: str
    probability: float
    low: float
    high: float
    said: str = ""


class Alike(Payload):
    """An earlier finding that looked like this one."""

    finding: str
    time: int
    alike: float
    answer: str = ""
    cause: str = ""
    note: str = ""


class Diagnosed(Payload):
    """Kind ``diagnosis``; the subject is the finding's asset, the cause is the finding."""

    finding: str
    detector: str
    deviations: tuple[Deviation, ...]
    itself: bool = False
    """Nothing upstream explains it: it arises in this asset."""
    upstream: tuple[Likely, ...] = ()
    known: tuple[Likely, ...] = ()
    """What it is, by what people said of findings that looked like it."""
    new: bool = False
    """It looks like none of them."""
    alike: tuple[Alike, ...] = ()
    notes: tuple[str, ...] = ()
    normal: tuple[int, int]
    case: tuple[int, int]
    profile: dict[str, float] = {}
    """Direction in which all signals moved, by which findings are compared."""


def upstream(asset: str, after: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Assets from which material comes, by steps, the farthest first; each at its farthest step."""
    steps: dict[str, int] = {}
    ahead = [(asset, 0)]
    while ahead:
        here, step = ahead.pop()
        if step > len(after):  # a loop in the flow: rework that comes back
            continue
        for before in after.get(here, ()):
            if before != asset and steps.get(before, 0) < step + 1:
                steps[before] = step + 1
                ahead.append((before, step + 1))
    found = [sorted(a for a, s in steps.items() if s == n) for n in range(1, len(after) + 2)]
    return tuple(tuple(step) for step in reversed(found) if step)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a detector looks, and what lies upstream of it.

    own       the detector's signals
    every     these and the signals upstream, in normal operation
    anything  these, whatever is going on
    steps     the signals upstream by step of the flow, the farthest first
    learn     how much normal operation is looked at, ns
    """

    asset: str
    own: tuple[str, ...]
    every: Normal
    anything: Normal
    steps: tuple[tuple[str, ...], ...]
    learn: int


@dataclass(frozen=True, slots=True)
class _Due:
    """A finding that is to be looked at, at `time`, `wait` after the last look."""

    finding: Event
    time: int
    wait: int

    @property
    def first(self) -> str:
        """Id of the finding as it opened."""
        return self.finding.supersedes or self.finding.id


def scene_of(
    settings: WatchSettings, normal: Normal, signals: Sequence[PlantSignal],
    numbers: Mapping[str, int], before: Sequence[Sequence[str]],
) -> Scene:  # fmt: skip
    """What a finding is diagnosed by: its own signals, and those of the assets upstream."""
    steps = tuple(
        tuple(s.path for s in signals if s.asset in step and measured(s) and not s.told_by)
        for step in before
    )
    further = [path for step in steps for path in step if path not in normal.names]
    every = replace(
        normal, names=(*normal.names, *further),
        numbers=(*normal.numbers, *(numbers[path] for path in further)),
    )  # fmt: skip
    anything = replace(every, condition=None)
    return Scene(settings.asset, normal.names, every, anything, steps, settings.learn)


class Diagnoses:
    """The diagnoses of one detector's findings. Works in `executor`; `tick` takes the results."""

    def __init__(self, detector: str, scene: Scene, store: Store, executor: Executor) -> None:
        self._detector = detector
        self._scene = scene
        self._store = store
        self._executor = executor
        self._waiting: dict[str, _Due] = {}
        """By finding."""
        self._working: Future[Diagnosed] | None = None
        self._about: _Due | None = None
        self._told: dict[str, Event] = {}
        """By finding: the diagnosis that another one would supersede."""

    def take(self, events: Sequence[Event], now: int) -> None:
        """Findings that opened or ended."""
        for event in events:
            if event.kind == "finding":
                wait = SETTLE if event.lasts else 0
                self._waiting[event.supersedes or event.id] = _Due(event, now + wait, wait)

    def tick(self, now: int) -> list[Event]:
        """What has been found out since."""
        events = self._collect(now)
        due = next((d for d in self._waiting.values() if now >= d.time), None)
        if self._working is None and due is not None:
            self._about = self._waiting.pop(due.first)
            self._working = self._executor.submit(
                diagnose, self._detector, self._scene, self._store, due.finding, now
            )
        return events

    def _collect(self, now: int) -> list[Event]:
        if self._working is None or not self._working.done():
            return []
        working, about = self._working, self._about
        self._working = self._about = None
        assert about is not None  # noqa: S101 - whoever works has a finding
        finding, first = about.finding, about.first
        if finding.lasts and first not in self._waiting:  # while it grows, it tells more
            wait = _LATER * about.wait
            self._waiting[first] = _Due(finding, now + wait, wait)
        try:
            found = working.result()
        except GemelError:
            return []  # nothing is known of that time: the finding stands for itself
        before = self._told.pop(first, None)
        event = Event(
            "diagnosis", self._scene.asset, finding.time, f"diagnosis {self._detector}", now,
            finding.end or now, found.model_dump(), cause=first,
            supersedes=None if before is None else before.id,
            sequence=0 if before is None else before.sequence + 1,
        )  # fmt: skip
        if finding.lasts or first in self._waiting:
            self._told[first] = event
        return [event]


def diagnose(detector: str, scene: Scene, store: Store, finding: Event, now: int) -> Diagnosed:
    """Look at the rows before and since the finding. Raises `DataError` where there are too few."""
    start, end = finding.time, finding.end or now
    normal = recorded(scene.every, store, start - 2 * scene.learn, start)
    normal = normal.rows(slice(-max(scene.learn // scene.every.step, 1), None))
    case = recorded(scene.every, store, start, end + scene.every.step)
    if len(case) < _LEAST:  # it has left normal operation: a stop, then, says what it can
        case = recorded(scene.anything, store, start, end + scene.every.step)
    if len(normal) < _LEAST_NORMAL or not len(case):
        raise DataError(f"{len(normal)} rows before and {len(case)} since: too few to say more")
    whole = case
    case = _worst_half(normal, case, scene.own)
    usual, now_is, sigmas = _moved(normal, case, scene.own)
    order = np.argsort(-np.abs(np.nan_to_num(sigmas)), kind="stable")
    shown = [j for j in order if abs(sigmas[j]) >= _FAR][:_SHOWN] or [
        j for j in order if np.isfinite(sigmas[j])
    ][:2]
    deviations = tuple(
        Deviation(
            signal=scene.own[j], usual=float(usual[j]), now=float(now_is[j]),
            sigmas=round(float(sigmas[j]), 2),
        )
        for j in shown
    )  # fmt: skip
    blamed = finding.payload.get("contributions") or ()
    target = blamed[0]["signal"] if blamed else deviations[0].signal
    causes, itself, notes = _from_upstream(scene, normal, case, target)
    profile = direction(scene.own, sigmas)
    known, new, alike, further = _from_memory(detector, scene.asset, store, finding, profile)
    return Diagnosed(
        finding=finding.supersedes or finding.id, detector=detector, deviations=deviations,
        itself=itself, upstream=causes, known=known, new=new, alike=alike,
        notes=notes + further, profile=profile,
        normal=(int(normal.time[0]), int(normal.time[-1])),
        case=(int(whole.time[0]), int(whole.time[-1])),
    )  # fmt: skip


def _worst_half(normal: Window, case: Window, own: tuple[str, ...]) -> Window:
    """The rows that are farthest from usual. A fault that grows is itself in its last rows, and a
    score that is smoothed stays above its limit for a while after all is well again."""
    places = [normal.names.index(name) for name in own]
    before, since = normal.value[:, places], case.value[:, places]
    known = np.isfinite(before).any(axis=0)
    before, since = before[:, known], since[:, known]
    spread = np.maximum(np.nanstd(before, axis=0), 1e-300)
    far = np.nansum(np.square((since - np.nanmedian(before, axis=0)) / spread), axis=1)
    return case.rows(far >= np.median(far))


def _moved(normal: Window, case: Window, own: tuple[str, ...]) -> tuple[Values, Values, Values]:
    """Usual and present level of each signal, and the distance in standard deviations."""
    places = [normal.names.index(name) for name in own]
    before, since = normal.value[:, places], case.value[:, places]
    usual, level, spread = (np.full(len(own), np.nan) for _ in range(3))
    for j in range(len(own)):
        b, s = (x[:, j][np.isfinite(x[:, j])] for x in (before, since))
        if len(b) and len(s):
            usual[j], level[j], spread[j] = np.median(b), np.median(s), np.std(b)
    least = 1e-9 * np.maximum(np.abs(usual), 1e-300)
    return usual, level, np.asarray((level - usual) / np.maximum(spread, least))


def direction(own: tuple[str, ...], sigmas: Values) -> dict[str, float]:
    """Which way it went, not how far: a fault that grows looks like itself from early on."""
    held = np.clip(np.nan_to_num(sigmas), -_CLIP, _CLIP)
    length = float(np.linalg.norm(held))
    if not length:
        return {}
    return {name: round(float(x) / length, 4) for name, x in zip(own, held, strict=True)}


def _from_upstream(
    scene: Scene, normal: Window, case: Window, target: str
) -> tuple[tuple[Likely, ...], bool, tuple[str, ...]]:
    from gemel.parts.diagnosers.root_cause import RootCause  # compiled; most twins never need it

    place = {name: j for j, name in enumerate(normal.names)}

    def moves(name: str) -> bool:
        before, since = normal.value[:, place[name]], case.value[:, place[name]]
        before = before[np.isfinite(before)]
        return len(before) > 0 and bool(np.ptp(before) > 0 and np.isfinite(since).any())

    lively = {n for step in scene.steps for n in step if moves(n)}
    order = tuple(kept for step in scene.steps if (kept := tuple(n for n in step if n in lively)))
    if not order or target not in place:
        return (), False, ()
    part = RootCause(target=target, order=order)
    try:
        found = part.fit([Example(Case(normal), "normal")]).diagnose(Case(case))
    except DataError as error:
        return (), False, (f"upstream was not looked at: {error}",)
    told = _likely(found, "itself")
    return told, found.new, found.notes


def _from_memory(
    detector: str, asset: str, store: Store, finding: Event, profile: dict[str, float]
) -> tuple[tuple[Likely, ...], bool, tuple[Alike, ...], tuple[str, ...]]:
    """By earlier findings of this detector: what they were, and which were most alike."""
    start = finding.time - _BACK
    mine = finding.supersedes or finding.id
    told = {e.payload["finding"]: e.payload for e in store.events("label", asset, start=start)}
    past = [
        e
        for e in store.events("diagnosis", asset, start=start, end=finding.time)
        if e.payload["detector"] == detector and e.cause != mine
    ]
    alike = sorted(
        (_alike(e, told.get(e.payload["finding"], {}), profile) for e in past),
        key=lambda a: -a.alike,
    )[:3]
    examples = [
        Example(_case(e.payload["profile"], tuple(profile)), str(said["cause"]), done=said["note"])
        for e in past
        if (said := told.get(e.payload["finding"])) and said["answer"] != "wrong" and said["cause"]
    ]
    if not examples:
        return (), False, tuple(alike), ()
    if len(examples) < _FEW:
        return (), False, tuple(alike), (
            f"{len(examples)} earlier findings say what they were; from {_FEW} on a new one is "
            "compared with all of them",
        )  # fmt: skip
    from gemel.parts.diagnosers.nearest_case import NearestCase  # compiled; see above

    try:
        found = NearestCase().fit(examples).diagnose(_case(profile, tuple(profile)))
    except DataError as error:
        return (), False, tuple(alike), (f"earlier findings were not compared: {error}",)
    return _likely(found, ""), found.new, tuple(alike), found.notes


def _alike(past: Event, said: Mapping[str, Any], profile: dict[str, float]) -> Alike:
    """How alike: the cosine of the directions, 0 where they have nothing in common."""
    theirs = past.payload["profile"]
    cosine = sum(share * theirs.get(name, 0.0) for name, share in profile.items())
    return Alike(
        finding=past.payload["finding"], time=past.time, alike=round(max(cosine, 0.0), 3),
        answer=said.get("answer", ""), cause=said.get("cause", ""), note=said.get("note", ""),
    )  # fmt: skip


def _case(profile: Mapping[str, float], names: tuple[str, ...]) -> Case:
    value = np.array([[profile.get(name, 0.0) for name in names]])
    return Case(Window(np.zeros(1, np.int64), value, names))


def _likely(found: Diagnosis, itself: Literal["itself", ""]) -> tuple[Likely, ...]:
    return tuple(
        Likely(name=c.name, probability=c.probability, low=c.low, high=c.high, said=c.said)
        for c in found.causes[:_SHOWN]
        if c.probability > 0 and not (itself and c.name.endswith(f" {itself}"))
    )
