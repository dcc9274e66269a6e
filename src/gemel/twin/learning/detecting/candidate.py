"""A fit of a detector: the first on enough normal operation, later ones on a window of history.

A later one learns only from rows that nothing calls abnormal, and from none after which the scores
of the champion crept up without anybody saying why: a slow fault looks like that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.time import isoformat
from gemel.parts.detectors.base import Detector, Model, Window
from gemel.parts.historians.base import Store
from gemel.twin.learning.detecting import creeping
from gemel.twin.learning.detecting.apart import Apart, inside
from gemel.twin.learning.detecting.rare import Kept, Regimes, mixed
from gemel.twin.learning.findings import WatchSettings
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.tasks.base import Fitted
from gemel.twin.learning.windows import Normal, recorded

__all__ = ["KIND", "Made", "Scene", "keep", "kept", "renew"]

KIND: Final = "detector"
"""Word of the model files of detectors, in the place of a task's."""
_ENOUGH: Final = 0.7
"""Of the wanted rows; stops and gaps may take the rest."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What every fit of one detector has in common."""

    name: str
    settings: WatchSettings
    detector: Detector
    normal: Normal
    store: Store
    regimes: Regimes | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A model that was fitted, and kept."""

    model: Model
    name: str
    """Hash of its file."""
    evidence: dict[str, Any]
    window: tuple[int, int]
    data: str
    """Hash of the rows."""


def renew(
    scene: Scene, registry: Registry, champion: Model, evidence: Mapping[str, Any], start: int,
    end: int, because: str, progress: Callable[[str], None],
) -> Made:  # fmt: skip
    """Fit anew on history, start <= time < end, and on kept rows of regimes that were not made in
    it. `evidence` is what the registry has of the champion, `because` what a person says of scores
    that have crept up since.

    Raises `DataError` where too little is left that may be learned from.
    """
    progress("reads history")
    settings = scene.settings
    window = recorded(scene.normal, scene.store, start, end)
    apart = Apart.read(
        scene.store, scene.name, settings.asset, settings.renewal, start, end
    )  # fmt: skip
    may, left_out = apart.learned(window.time)
    learned = window.rows(may)
    progress("looks whether scores have crept up")
    usual = (evidence.get("level") or {}).get("high")
    crept = _crept(champion, learned, apart, usual)
    if crept is not None and not because:
        # What people call normal stays: they know more than a score.
        stay = (learned.time < crept) | inside(learned.time, apart.believed)
        left_out["creeping"] = int((~stay).sum())
        learned = learned.rows(stay)
    wanted = settings.learn // settings.step
    if len(learned) < _ENOUGH * wanted:
        why = ", ".join(f"{n} {_WORDS[reason]}" for reason, n in left_out.items())
        hint = (
            "; what crept up could be a slow fault: say why it is none (`because`) to learn from it"
            if "creeping" in left_out
            else ""
        )
        raise DataError(
            f"{len(learned)} normal rows since {isoformat(start)}, {round(_ENOUGH * wanted)} wanted"
            + (f"; left out: {why}" if why else "")
            + hint
        )
    kept = _recalled(scene, evidence, learned, start, progress)
    progress("is being fitted")
    model = scene.detector.fit(mixed(learned, kept))
    more: dict[str, Any] = {"left out": left_out}
    if crept is not None:
        more |= {"crept up since": crept, "because": because}
    return keep(scene, registry, model, learned, more, kept)


def _recalled(
    scene: Scene, evidence: Mapping[str, Any], learned: Window, start: int,
    progress: Callable[[str], None],
) -> Kept:  # fmt: skip
    """Rows from before `start` of regimes of which there are too few since."""
    regimes, store, settings = scene.regimes, scene.store, scene.settings
    if regimes is None:
        return _NONE
    progress("reads what was made earlier")
    known = evidence.get("regimes")
    if known is None and "window" in evidence:  # it was fitted before regimes were remembered
        first, last = evidence["window"]
        earlier = recorded(scene.normal, store, first, last + 1)
        known = regimes.remembered(store, earlier, _NONE, settings.step)

    def read(first: int, last: int) -> Window:
        rows = recorded(scene.normal, store, first, last)
        apart = Apart.read(store, scene.name, settings.asset, settings.renewal, first, last)
        return rows.rows(apart.learned(rows.time)[0])

    return regimes.recall(store, known or {}, learned, read, start)


_WORDS: Final = {
    "stops": "in stops", "alarms": "in alarms", "marked": "in periods that the plant file leaves "
    "out", "right": "in findings that were right", "open": "in findings that nobody has answered",
    "creeping": "since scores crept up",
}  # fmt: skip


def _crept(champion: Model, rows: Window, apart: Apart, usual: float | None) -> int | None:
    """Time from which the scores of what nobody has explained are higher than they were."""
    if not len(rows):
        return None
    ratio = creeping.ratios(champion, rows)
    ratio[inside(rows.time, apart.believed)] = np.nan
    place = creeping.creeps_from(ratio, np.inf if usual is None else usual)
    return None if place is None else int(rows.time[place])


_NONE: Final = Kept({})


def keep(
    scene: Scene, registry: Registry, model: Model, rows: Window, more: dict[str, Any],
    kept: Kept = _NONE,
) -> Made:  # fmt: skip
    """Put a model in the registry, on disk, with the rows that it was fitted on as evidence:
    those of its window, and those that were `kept` from before."""
    window = (int(rows.time[0]), int(rows.time[-1]))
    every = mixed(rows, kept)
    evidence = {**model.evidence(), "level": creeping.level(creeping.ratios(model, every)), **more}
    evidence["window"] = list(window)
    if kept.stretches:
        evidence.pop("held_out_from", None)  # all kinds of rows are held out, in blocks
    if scene.regimes is not None:
        evidence["regimes"] = scene.regimes.remembered(scene.store, rows, kept, scene.settings.step)
    fitted = _file(scene.detector, model, evidence)
    before = [stretch for some in kept.stretches.values() for stretch in some]
    parts = [part for one in (rows, *before) for part in (one.time, one.value)]
    data = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    return Made(model, registry.put(fitted), evidence, window, data)


def kept(scene: Scene, registry: Registry, model: Model) -> str:
    """Name of a model that was fitted before models of detectors were in the registry."""
    return registry.put(_file(scene.detector, model, model.evidence()))


def _file(detector: Detector, model: Model, evidence: dict[str, Any]) -> Fitted:
    task = {"task": KIND, "detector": detector.model_dump(mode="json"), "names": list(model.names)}
    # As it is read again: JSON has no tuples.
    saved, plain = (json.loads(json.dumps(value)) for value in (model.save(), evidence))
    return Fitted(task=task, model=saved, evidence=plain, protocol={})
