"""Which fault it is, or that it is a new one, in the live twin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from pydantic import Field, field_validator

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.event import Event
from gemel.core.frame import Values
from gemel.core.plant import PlantSignal, Signal
from gemel.core.table import Table
from gemel.core.time import DAY, MINUTE, SECOND, Clock, Duration, parse_time
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers.learned_classes import KnownClasses, LearnedClasses
from gemel.parts.historians.base import Store
from gemel.twin.learning.chosen import chosen_signals
from gemel.twin.learning.live import told_classes as told
from gemel.twin.learning.live.casebook import NEW, NORMAL, Casebook, Marked
from gemel.twin.learning.live.forms.base import Follow, Followed, Form, digest
from gemel.twin.learning.live.recognising import Recognised
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.renewal.band import AdaptiveBand
from gemel.twin.learning.tasks import Fitted, read_task
from gemel.twin.learning.tasks.fault import FaultTask

__all__ = ["FaultForm", "FaultUse"]

_FILES_ONLY: Final = {
    "unit": "what belongs together is a finding, a period or a stretch of the target",
    "case": "what belongs together is a finding, a period or a stretch of the target",
    "time": "rows of the twin have their own",
    "waveform": "make features of fast signals by an entry of `features`; they are signals",
    "split": "findings, periods and stretches are never on both sides",
}
_CAUSE: Final = "cause?"
_CASE: Final = "case?"
"""Columns of the table that are no signals: no path holds a '?'."""
_CALLED_NEW: Final = 0.01
_KEPT: Final = 20_000
"""Rows of which it is remembered what was told, until people say what they were."""
_CASE_ROWS: Final = 2_000
"""Most rows that are read of a case that began before the window."""


class FaultUse(TaskUse):
    """What a task `fault` learns classes from, and when it says something. It has the fields of
    any task, too."""

    target: str = Field(
        "",
        description="Signal that tells what is wrong, e.g. a reason code; answers to findings and "
        "`cases` if empty. Answers count more than it does",
    )
    normal: tuple[str, ...] = Field(
        (NORMAL,), description="Words of the target that mean that nothing is wrong"
    )
    cases: tuple[tuple[str, str, str], ...] = Field(
        (),
        description="Periods of which it is known what they were, e.g. [2026-03-01T06:00Z, "
        "2026-03-01T07:00Z, bearing outer race]; times without offset are UTC",
    )
    memory: Duration = Field(
        365 * DAY, gt=0, description="Answered findings and `cases` are learned from for so long"
    )
    least_rows: int = Field(
        10, ge=2, description="A class with fewer rows than this is not learned yet"
    )
    settle: Duration = Field(
        10 * MINUTE,
        ge=0,
        description="Rows that count, and of which nothing and nobody has said anything for so "
        "long, are normal: no finding, stop or alarm of the asset, no other word of the target",
    )
    hold: Duration = Field(
        10 * SECOND,
        ge=0,
        description="A finding opens when rows were not normal for this long, and ends likewise",
    )
    sure: float = Field(
        0.7, gt=0, le=1, description="Least probability with which a fault counts as recognised"
    )

    @field_validator("cases")
    @classmethod
    def _times(cls, cases: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
        for first, last, cause in cases:
            try:
                if parse_time(first) >= parse_time(last):
                    raise ValueError(f"{first} is not before {last}")
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
            if not cause.strip() or cause.strip().casefold() == NEW:
                raise ValueError(f"'{cause}' names no fault; write what it was from {first} on")
        return cases

    @property
    def marked(self) -> tuple[Marked, ...]:
        """`cases`, ns UTC."""
        return tuple((parse_time(a), parse_time(b), " ".join(c.split())) for a, b, c in self.cases)


@dataclass(frozen=True, slots=True)
class FaultForm(Form):
    """Which of the known faults each row is, or a new one. Classes are named by people."""

    task: FaultTask
    use: FaultUse

    judged = True
    whole = False
    forgets = False
    """A fault that comes back after a year is the same."""
    idle = Form.idle | {"cases", "hold", "sure", "settle", "memory"}

    @classmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> FaultForm:
        for field, why in _FILES_ONLY.items():
            if field in own:
                raise ConfigurationError(f"{field}: {why}; leave it out")
        kind = own.get("model", {}).get("kind", "learned_classes")
        if kind != "learned_classes":
            raise ConfigurationError(
                f"model: '{kind}' works on files; in a plant file: learned_classes"
            )
        # Rows come each second: one in twenty of them called new would be new all the time.
        own["model"] = {"known_called_new": _CALLED_NEW, **own.get("model", {})}
        task = read_task({"seeds": 1, **own, "target": _CAUSE, "unit": _CASE})
        if not isinstance(task, FaultTask) or not isinstance(use, FaultUse):
            raise TypeError(f"{task} is not a task of faults")
        return cls(name, use, task)

    @property
    def needed(self) -> tuple[str, ...]:
        return (self.use.target,) if self.use.target else ()

    @property
    def target(self) -> str:
        return self.use.target

    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        return ""

    def tells(self, signals: Mapping[str, PlantSignal]) -> Iterator[tuple[str, Signal]]:
        """The class in words, its probability, and how unlike all that is known it is."""
        yield "", Signal(title=self.title, type="text")
        yield "_probability", Signal(title=f"{self.title}, probability", range=(0, 1))
        yield "_novelty", Signal(title=f"{self.title}, unlike what is known (new above 1)")

    def outputs(self, signals: Sequence[PlantSignal]) -> tuple[PlantSignal, ...]:
        known = {planned.path: planned for planned in signals}
        target = next((p for p in self._places() if p in known), "")
        for path in chosen_signals(self.use, signals):
            if path != target and known[path].signal.type in ("text", "enumeration"):
                raise ConfigurationError(
                    f"signals: '{path}' is {known[path].signal.type}, and classes are told by "
                    "numbers; leave it out, or take it as `target` if it says what is wrong"
                )
        if self.use.target and not target:
            own = [p.removeprefix(f"{self.use.asset}/") for p in known]
            hint = did_you_mean(self.use.target, own)
            raise ConfigurationError(f"target: no signal '{self.use.target}'; {hint}")
        return super(FaultForm, self).outputs(signals)  # a dataclass with slots is another class

    # Rows, and what is known of them

    def recall(
        self, past: Callable[[int, int], Rows], store: Store, start: int, end: int,
        champion: Fitted | None,
    ) -> Rows:  # fmt: skip
        """Rows of the window, and of what was named before it; of stretches that the target told,
        those that the champion knows."""
        book = self._book(store, end)
        stretches = [(known.start, known.end) for known in book.cases]
        if champion is not None:
            stretches += [(c["start"], c["end"]) for c in champion.evidence.get("cases", ())]
        longest = _CASE_ROWS * self.use.step
        found = [past(start, end)]
        found += [
            past(first, min(last, first + longest, start - 1) + 1)
            for first, last in sorted(set(stretches))
            if first < start
        ]
        time = np.concatenate([rows.time for rows in found])
        value = np.concatenate([rows.value for rows in found])
        _, first = np.unique(time, return_index=True)
        unit, age = np.zeros(len(first), np.int64), np.zeros(len(first))
        rows = Rows(found[0].names, time[first], value[first], unit, age)
        return self.informed(rows, store, end)

    def informed(self, rows: Rows, store: Store, now: int) -> Rows:
        book = self._book(store, now)
        if self.use.target and len(rows):
            values = rows.value[:, rows.names.index(self.use.target)]
            number = next(store.catalogue.number(p) for p in self._places() if p in store.catalogue)
            shown = {v: store.catalogue.show(number, v) for v in np.unique(values).tolist()}
            words = {v: told.word(text) for v, text in shown.items() if text is not None}
            book = replace(book, words=words)
        return replace(rows, book=book)

    def heard(self, store: Store, now: int) -> str:
        return self._book(store, now).fingerprint

    def lacks(self, rows: Rows) -> str:
        truth = self.truth(rows)
        counts, few = truth.counts(self.use.least_rows)
        missing = [f"{n} of {self.use.least_rows} rows of '{cause}'" for cause, n in few.items()]
        if NORMAL not in counts:
            missing.append(
                "no row of normal running: all that count lie in findings, stops or alarms, or are "
                "too new"
            )
        if len(counts) - (NORMAL in counts) == 0:
            missing.append(
                "no fault has a name yet; answer findings with what it was, or mark periods under "
                "`cases`"
            )
        if NORMAL in counts and len(counts) > 1:
            return ""
        return "; ".join(missing + told.nowhere(truth, rows.book))

    def table(self, rows: Rows) -> Table:
        truth = self.truth(rows)
        kept = truth.thinned(self.use.least_rows)
        columns: dict[str, Any] = {
            name: rows.value[kept, i]
            for i, name in enumerate(rows.names)
            if name != self.use.target
        }
        columns[_CAUSE] = truth.cause[kept].astype(str)
        columns[_CASE] = truth.case[kept].astype(np.float64)
        hashed = hashlib.sha256(digest(rows).encode())
        hashed.update("\n".join(columns[_CAUSE].tolist()).encode())
        return Table(columns, hashed.hexdigest(), f"history of {self.use.asset}")

    def evidence(self, rows: Rows, fitted: Fitted) -> dict[str, Any]:
        """What it was learned from: cases with what they looked like, and what was left out."""
        truth = self.truth(rows)
        _, few = truth.counts(self.use.least_rows)
        model, book = self.model(fitted), rows.book or Casebook()
        left = {cause: f"{n} rows, {self.use.least_rows} wanted" for cause, n in few.items()}
        return {
            "cases": told.cases_of(truth, self.window(rows, model.names), model, book),
            "no fault": sorted(book.harmless & set(model.classes)),
            "left out": left, "without rows": told.nowhere(truth, book),
        }  # fmt: skip

    # Asking

    def model(self, fitted: Fitted) -> KnownClasses:
        """What was learned."""
        if "classes" not in fitted.opened:
            part = LearnedClasses.model_validate(
                {k: v for k, v in self.task.model.items() if k != "kind"}
            )
            fitted.opened["classes"] = part.load(fitted.model)
        found = fitted.opened["classes"]
        assert isinstance(found, KnownClasses)  # noqa: S101 - put there above
        return found

    def words(self, fitted: Fitted) -> tuple[str, ...]:
        return (*self.model(fitted).classes, NEW)

    def follow(self, fitted: Fitted, band: AdaptiveBand | None = None) -> Follow:
        return _Following(self, self.model(fitted))

    def gains(self, champion: Fitted, candidate: Fitted) -> str:
        had, has = (set(self.model(one).classes) for one in (champion, candidate))
        said = []
        if more := sorted(has - had):
            said.append(f"it knows {told.listed(more)}, which the champion does not")
        if less := sorted(had - has):
            said.append(f"nobody speaks of {told.listed(less)} any more")
        return " and ".join(said)

    def plain(self, said: Values) -> dict[str, Any]:
        """Beside the class, which `why` says."""
        _, probability, novelty = said.tolist()
        return {"probability": probability, "novelty": novelty}

    def why(self, fitted: Fitted, rows: Rows) -> dict[str, Any]:
        model = self.model(fitted)
        recent = rows.take(slice(-max(self.use.hold // self.use.step, 1), None))
        return told.newest(model, self.window(recent, model.names), fitted.evidence)

    def notices(self, store: Store, clock: Clock) -> Recognised:
        left = store.events("finding", self.use.asset, start=clock(), limit=1_000)
        lasting = next((e for e in left if e.source == self.name and e.lasts), None)
        return Recognised(
            self.name, self.title, self.use.asset, self.use.hold, self.use.sure, clock, lasting
        )

    def noticed(
        self, notices: Recognised, model: str, fitted: Fitted, rows: Rows, said: Values
    ) -> list[Event]:
        notices.model, classes = model, self.model(fitted)
        window = self.window(rows, classes.names)
        return notices.take(classes, fitted.evidence, window, said, rows.book or Casebook())

    def window(self, rows: Rows, names: tuple[str, ...]) -> Window:
        """The columns of a model."""
        places = [rows.names.index(name) for name in names]
        return Window(rows.time, rows.value[:, places], names)

    def truth(self, rows: Rows) -> told.Truth:
        """What is known of rows."""
        place = rows.names.index(self.use.target) if self.use.target else None
        return told.Truth.of(rows, place, frozenset(self.use.normal), self.use.settle)

    def _book(self, store: Store, now: int) -> Casebook:
        use = self.use
        return Casebook.read(store, use.asset, use.marked, now - use.memory, now)

    def _places(self) -> tuple[str, str]:
        return f"{self.use.asset}/{self.use.target}", self.use.target


class _Following:
    """Each row by itself. What was told is remembered until it is known what the row was."""

    def __init__(self, form: FaultForm, model: KnownClasses) -> None:
        self._form, self._model = form, model
        self._rows: Rows | None = None
        self._told = np.zeros((0, len(model.classes)))
        self._new = np.zeros(0, np.bool_)

    def begin(self, rows: Rows) -> None:
        """Nothing has to be known of before."""

    def __call__(self, rows: Rows) -> Followed:
        model = self._model
        probability, novelty = model.each(self._form.window(rows, model.names))
        known = np.isfinite(novelty)
        new = novelty > 1
        first = np.where(known, np.nan_to_num(probability).argmax(axis=1), np.nan)
        said = np.column_stack([
            np.where(new, len(model.classes), first),
            np.where(new, 0.0, np.max(probability, axis=1)), novelty,
        ])  # fmt: skip
        self._keep(rows.take(known), probability[known], new[known])
        of, losses = self._known()
        now = rows.time[-1] if len(rows) else 0
        return Followed(said, np.full(len(of), now, np.int64), losses, None, of)

    def _keep(self, rows: Rows, probability: Values, new: Any) -> None:
        before = self._rows if self._rows is not None else Rows.empty(rows.names)
        recent = slice(-_KEPT, None)
        # Later rows bring the newest book, also where none of them is known.
        self._rows = replace(before.then(rows), book=rows.book).take(recent)
        self._told = np.concatenate([self._told, probability])[recent]
        self._new = np.concatenate([self._new, new])[recent]

    def _known(self) -> tuple[Any, Values]:
        """The rows of which it is known by now what they were, and how far off it was."""
        rows = self._rows
        if rows is None or not len(rows):
            return np.zeros(0, np.int64), np.zeros(0)
        cause = self._form.truth(rows).cause
        known = cause != ""
        losses = told.losses(self._model.classes, self._told[known], self._new[known], cause[known])
        of = rows.time[known]
        self._rows = rows.take(~known)
        self._told, self._new = self._told[~known], self._new[~known]
        return of, losses
