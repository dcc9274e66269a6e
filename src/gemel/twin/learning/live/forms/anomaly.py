"""Whether things are still normal: a task that becomes a watch.

Detectors live in the twin already (`twin.learning.watch`): they learn from normal operation, open
findings and say why. A task `anomaly` says the same in the words of the task on files, so it is not
a second way to do it, but becomes such a watch, whose score is told as a signal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.plant import PlantSignal, Signal
from gemel.core.time import SECOND, Duration, parse_duration
from gemel.parts.detectors import Detector
from gemel.twin.learning.chosen import chosen_signals
from gemel.twin.learning.findings import Judged, WatchSettings
from gemel.twin.learning.live.forms.base import told_signals
from gemel.twin.learning.tasks.anomaly import AnomalyTask
from gemel.twin.learning.tasks.recordings import Normal, budget_rate

__all__ = ["AnomalyForm", "AnomalyUse"]

_FILES_ONLY: Final = {
    "unit": "the asset is the unit; make a task for each",
    "each": "the asset is the unit; make a task for each",
    "time": "rows of the twin have their own",
    "time_unit": "rows of the twin have their own time",
    "label": "in the twin, answers to findings say what was right",
    "changepoint": "in the twin, answers to findings say what was right",
    "split": "nothing is judged with labels here; the limit is set on held-out rows",
}
_OF_TASKS: Final = ("window", "least", "every", "failed", "renewed", "interval")
_ROWS: Final = re.compile(r"(\d+) rows?")


class AnomalyUse(Judged):
    """Where the rows of a task `anomaly` come from, and when something is said of them."""

    when: str = Field(
        "", description="Expression that is true in rows that are learned from and scored"
    )
    learn: Duration | None = Field(
        None, gt=0, description="Length of normal operation to learn from; 30 min if not given"
    )
    hold: Duration = Field(
        10 * SECOND, ge=0, description="A finding opens after this long above the limit"
    )


@dataclass(frozen=True, slots=True)
class AnomalyForm:
    """A task `anomaly` of a plant file."""

    name: str
    use: AnomalyUse
    task: AnomalyTask

    @classmethod
    def read(cls, name: str, settings: Mapping[str, Any]) -> AnomalyForm:
        """From an entry of `tasks:`. Raises `ConfigurationError`."""
        for field, why in _FILES_ONLY.items():
            if settings.get(field):
                raise ConfigurationError(f"{field}: {why}; leave it out")
        for field in _OF_TASKS:
            if field in settings:
                raise ConfigurationError(
                    f"{field}: is of other tasks; `learn` says how much is learned from at first, "
                    "`renewal` when and from which window later, by default only when a person asks"
                )
        mine = {k: v for k, v in settings.items() if k in AnomalyUse.model_fields}
        own = {k: v for k, v in settings.items() if k not in mine}
        use, task = AnomalyUse.read(mine), AnomalyTask.read(own)
        learn = _learn(task.normal, use.step)
        if learn is not None and use.learn is not None:
            raise ConfigurationError("learn: `normal` says already how much is learned from")
        if task.columns and use.signals:
            raise ConfigurationError("columns: `signals` says already what is looked at")
        form = cls(name, use if learn is None else use.model_copy(update={"learn": learn}), task)
        form.detector()
        return form

    def detector(self) -> Detector:
        """The detector that the description names, with its budget of false alarms."""
        return self.task.part(budget_rate(self.task.false_alarms, self.use.step, timed=True))

    def outputs(self, signals: Sequence[PlantSignal]) -> tuple[PlantSignal, ...]:
        """The signal of its score."""
        title = f"{self.use.title or self.name.replace('_', ' ')}, score over its limit"
        known = {planned.path for planned in signals}
        return told_signals(self.name, self.use.asset, [("", Signal(title=title))], known)

    def watch(self, signals: Sequence[PlantSignal]) -> tuple[WatchSettings, Detector]:
        """What it becomes. Raises `ConfigurationError` where a column is no signal."""
        use = self.use
        chosen = tuple(self._paths(self.task.columns, signals)) or use.signals
        if left_out := self._paths(self.task.ignore, signals):
            every = use.model_copy(update={"signals": chosen})
            chosen = tuple(p for p in chosen_signals(every, signals) if p not in left_out)
            if not chosen:
                raise ConfigurationError("ignore: no signal is left to look at")
        words = {field: getattr(use, field) for field in Judged.model_fields}
        words |= {"signals": chosen, "normal": use.when, "hold": use.hold}
        if use.learn is not None:
            words["learn"] = use.learn
        # Not read again: what was read is in ns by now.
        return WatchSettings(asset=use.asset).model_copy(update=words), self.detector()

    def _paths(self, names: Sequence[str], signals: Sequence[PlantSignal]) -> list[str]:
        """Of columns: paths below the asset, or whole ones."""
        known, found = {planned.path for planned in signals}, []
        for name in names:
            path = next((p for p in (f"{self.use.asset}/{name}", name) if p in known), None)
            if path is None:
                own = [p.removeprefix(f"{self.use.asset}/") for p in known]
                raise ConfigurationError(f"no signal '{name}'; {did_you_mean(name, own)}")
            found.append(path)
        return found


def _learn(normal: Normal, step: int) -> int | None:
    """How much is learned from, ns, where `normal` says it. In the twin rows that are normal are
    said by an expression, which holds for those to come, too: columns and periods are of files."""
    for field in ("column", "periods", "but_columns", "but_periods"):
        if getattr(normal, field):
            raise ConfigurationError(
                f"normal: `{field}` is for files; in a plant file `when` is an expression that is "
                "true in rows that count, and `normal` is 'all', 'first 2 h' or 'first 400 rows'"
            )
    if normal.first is None:
        return None
    if match := _ROWS.fullmatch(normal.first):
        learn = int(match[1]) * step
    else:
        try:
            learn = parse_duration(normal.first)
        except ConfigurationError:
            learn = 0
    if learn <= 0:
        raise ConfigurationError(
            f"normal: 'first {normal.first}' is neither rows nor a duration; write e.g. "
            "'first 400 rows', 'first 2 h'"
        )
    return learn
