"""Whether a machine sounds as usual, learned from recordings of it in normal operation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError, Refused
from gemel.core.sound import Sound, Sounds
from gemel.core.table import Table
from gemel.parts.listeners import LISTENERS, Listener
from gemel.parts.listeners.base import Clips, Heard, Model
from gemel.twin.learning.evaluation import Groups, Protocol, Rows
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.tasks._listened import Listened
from gemel.twin.learning.tasks.base import (
    Explained,
    Fitted,
    Progress,
    ReadWaveform,
    Report,
    Task,
)

__all__ = ["SoundTask"]

_MACHINE: Final = "machine"
_FOLDS: Final = 5
_TOLD: Final = 8


class SoundTask(Task):
    """A folder of sounds, or a table that names them: which machine does not sound as usual?

    Each `unit` is a machine with a model of its own, learned from its sounds whose `label` is
    `good`; others are only judged. Sounds of one `session`, and files of one content, are learned
    from or judged, never both.
    """

    task: Literal["sound"]
    sound: str | None = Field(None, description="Column with the names of WAV files")
    label: str = Field("label", description="Column that says normal, or what is wrong")
    good: tuple[str, ...] = Field(("normal", "good"), description="Labels of normal sounds")
    session: str | None = Field(
        None, description="Column that says what was recorded in one go; each file by itself if "
        "not given",
    )  # fmt: skip
    channel: int | None = Field(
        None, ge=1, description="Channel of files that have several, from 1"
    )

    def prepare(
        self, table: Table, read: ReadWaveform, progress: Progress
    ) -> tuple[SoundTask, Table]:
        """A folder has its machines in a column, whether the task names it or not."""
        if self.unit is None and isinstance(table, Sounds) and _MACHINE in table.columns:
            return self.model_copy(update={"unit": _MACHINE}), table
        return self, table

    def fit(self, table: Table, progress: Progress) -> Fitted:
        rows = self._rows(table)
        models: dict[str, Any] = {}
        evidence: dict[str, Any] = {}
        for name, mine in rows.machines():
            chosen = mine[rows.good[mine]]
            progress(f"{_called(name)}: fitting on {len(chosen)} normal sounds")
            model = self._fitted(rows.clips(chosen), _called(name))
            models[name] = model.save()
            evidence |= {_key(name, word): told for word, told in model.evidence().items()}
        protocol = self._protocol(rows, "fitted on all normal sounds")
        return Fitted(self.record(), {"machines": models}, evidence, protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        rows = self._rows(table)
        score, limit = np.full((2, rows.table.rows), np.nan)
        folds = 0
        for name, mine in rows.machines():
            split = self._split(len(np.unique(rows.session[mine])), name)
            folds = max(folds, split.folds)
            clips = rows.clips(mine)
            for number, fold in enumerate(split.cut(Rows(len(mine), rows.session[mine])), 1):
                progress(f"{_called(name)}: fold {number} of {split.folds}")
                known = fold.train[rows.good[mine[fold.train]]]
                model = self._fitted(clips.take(known), f"{_called(name)}, fold {number}")
                for place in fold.test.tolist():
                    told = model.hear(clips.sound(place))
                    score[mine[place]], limit[mine[place]] = told.score, told.limit
        found = Listened(
            rows.machine, rows.names, rows.good, rows.label, rows.session, score, limit,
            self._part().false_alarms,
        )  # fmt: skip
        split_words = f"up to {folds} folds of whole sessions of each machine"
        tables = {"by machine": tuple(found.by_machine()), "by label": tuple(found.by_label())}
        return Report(tuple(found.figures()), self._protocol(rows, split_words), tables)

    def score(self, fitted: Fitted, table: Table) -> Table:
        """What cannot be listened to is not judged, and it is said why."""
        sounds = _sounds(table)
        models = self._models(fitted)
        answer, why = [], []
        score, limit = np.full((2, sounds.rows), np.nan)
        for row in range(sounds.rows):
            try:
                told = self._model_of(models, sounds, row).hear(sounds.heard(row))
            except DataError as error:
                answer.append("not judged")
                why.append(str(error))
                continue
            score[row], limit[row] = told.score, told.limit
            answer.append("abnormal" if told.abnormal else "normal")
            why.append(_differences(told)[0][0] if told.abnormal else "")
        columns: dict[str, npt.NDArray[Any]] = {sounds.sound: sounds[sounds.sound]}
        if self.unit is not None and self.unit in sounds.columns:
            columns[self.unit] = np.array(sounds[self.unit])
        columns |= {
            "answer": np.array(answer), "score": score, "limit": limit, "why": np.array(why),
        }  # fmt: skip
        return Table(columns, table.digest, table.where)

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        sounds = _sounds(table)
        told = self._model_of(self._models(fitted), sounds, row).hear(sounds.heard(row))
        word = "abnormal" if told.abnormal else "normal"
        most = _differences(told)
        answer = (
            f"{sounds[sounds.sound][row]}: {word} (score {told.score:.3g}, "
            f"limit {told.limit:.3g}); most of all {most[0][0]}, {most[0][2]}"
        )
        return Explained(answer, None, tuple(most), "to score")

    def _part(self) -> Listener:
        return LISTENERS.build({"kind": "gaussian", **self.model}, "model")

    def _fitted(self, clips: Clips, what: str) -> Model:
        try:
            return self._part().fit(clips)
        except DataError as error:
            raise DataError(f"{what}: {error}") from None

    def _models(self, fitted: Fitted) -> dict[str, Model]:
        if not fitted.opened:
            saved = fitted.model.get("machines")
            if not isinstance(saved, dict):
                raise DataError("not a saved model of sounds: it has no machines")
            fitted.opened.update({name: self._part().load(one) for name, one in saved.items()})
        return fitted.opened

    def _model_of(self, models: dict[str, Model], sounds: Sounds, row: int) -> Model:
        name = "" if self.unit is None else str(sounds[self.unit][row])
        if name not in models and self.unit == _MACHINE and self.label in sounds.columns:
            # A folder of sounds that nobody has labelled yet: files lie in that of the machine.
            below = str(sounds[self.label][row])
            name = f"{name}/{below}" if name else below
        if name not in models:
            known = ", ".join(f"'{one}'" for one in list(models)[:_TOLD])
            raise DataError(f"no model of machine '{name}'; there are {known}")
        return models[name]

    def _split(self, sessions: int, name: str) -> Groups:
        if self.split is not None and not isinstance(self.split, Groups):
            raise Refused(
                "sounds are split by whole sessions of each machine: parts of one recording on "
                "both sides would be known again"
            )
        if sessions < 3:
            raise DataError(
                f"{_called(name)}: {sessions} sessions, at least 3 are needed: one to judge, and "
                "two to learn from and to set the limit"
            )
        return self.split or Groups(folds=min(_FOLDS, sessions))

    def _rows(self, table: Table) -> _Rows:
        sounds = _sounds(table)
        codes, names = sounds.codes(self.label)
        label = np.array(names)[codes]
        good = np.isin(label, self.good)
        if not good.any():
            found = ", ".join(f"'{name}'" for name in names[:_TOLD])
            raise ConfigurationError(
                f"{sounds.where}: no sound is labelled {' or '.join(self.good)} in column "
                f"'{self.label}', which has {found}; say which labels are normal under `good`"
            )
        machine = np.zeros(sounds.rows, np.int64)
        machines: tuple[str, ...] = ("",)
        if self.unit is not None:
            machine, machines = sounds.codes(self.unit)
        content = np.unique(sounds.content, return_inverse=True)[1]
        session = content if self.session is None else sounds.codes(self.session)[0]
        self._apart(sounds, content, session, machine)
        _, session = np.unique(np.stack([machine, session]), axis=1, return_inverse=True)
        return _Rows(sounds, label, good, machine, machines, session.ravel())

    def _apart(
        self,
        sounds: Sounds,
        content: npt.NDArray[np.int64],
        session: npt.NDArray[np.int64],
        machine: npt.NDArray[np.int64],
    ) -> None:
        """Raises `Refused` where one sound is given as two."""
        order = np.argsort(content, kind="stable")
        same = np.diff(content[order]) == 0
        for what, of in (("session", session), ("machine", machine)):
            odd = np.flatnonzero(same & (np.diff(of[order]) != 0))
            if len(odd):
                one, other = (sounds[sounds.sound][order[i]] for i in (odd[0], odd[0] + 1))
                raise Refused(
                    f"{sounds.where}: '{one}' and '{other}' hold the same sound and are of another "
                    f"{what} each: it would be learned from and judged"
                )

    def _protocol(self, rows: _Rows, split: str) -> Protocol:
        part = self._part()
        settings = part.model_dump(mode="json")
        return Protocol(
            "sound", rows.table.digest, rows.table.rows, len(rows.names),
            f"{split}; learned from normal only",
            f"{LISTENERS.name_of(part)} {digest(settings)}",
            threshold=f"held-out normal sounds of each machine, {part.false_alarms:g} above it",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rows:
    """machine  int64[n]  which of `names` it is
    session  int64[n]  what is learned from or judged together; of one machine each
    """

    table: Sounds
    label: npt.NDArray[np.str_]
    good: npt.NDArray[np.bool_]
    machine: npt.NDArray[np.int64]
    names: tuple[str, ...]
    session: npt.NDArray[np.int64]
    kept: dict[Any, Any] = field(default_factory=dict)

    def machines(self) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
        """Each machine by name, with its rows."""
        for number, name in enumerate(self.names):
            yield name, np.flatnonzero(self.machine == number)

    def clips(self, rows: npt.NDArray[np.int64]) -> Clips:
        """The sounds of these rows."""
        return Clips(_Files(self.table), self.session[rows], rows, self.kept)


class _Files(Sequence[Sound]):
    """The sounds of a table, read when asked for."""

    def __init__(self, table: Sounds) -> None:
        self._table = table

    def __len__(self) -> int:
        return self._table.rows

    def __getitem__(self, row: Any) -> Any:
        return self._table.heard(row)


def _differences(told: Heard) -> list[tuple[str, float, str]]:
    """The bands that differ most, none beside another: which and when, what each adds to the score,
    and by how many dB."""
    left = told.share.copy()
    found: list[tuple[str, float, str]] = []
    for _ in range(min(5, len(left))):
        band = int(left.argmax())
        if not left[band] > 0 and found:
            break
        level = told.map[:, band]
        frame = int(np.abs(level).argmax())
        always = abs(float(np.median(level))) > abs(float(level[frame])) / 2
        shown = float(np.median(level)) if always else float(level[frame])
        when = "throughout" if always else f"at {told.time[frame]:.2f} s"
        low, high = told.bands[band]
        found.append(
            (f"{low:.0f} to {high:.0f} Hz {when}", float(told.share[band]), f"{shown:+.1f} dB")
        )
        left[max(band - 2, 0) : band + 3] = -np.inf
    return found


def _called(name: str) -> str:
    return f"machine '{name}'" if name else "the machine"


def _key(name: str, word: str) -> str:
    return f"{name}: {word}" if name else word


def _sounds(table: Table) -> Sounds:
    if not isinstance(table, Sounds):
        raise ConfigurationError(f"{table.where}: this task needs sounds, found a plain table")
    return table
