"""Is this still normal? From rows of normal operation, with a promise on false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError, Refused
from gemel.core.frame import Values
from gemel.core.table import Table
from gemel.parts.detectors import DETECTORS, Detector
from gemel.parts.detectors.base import Model, Score
from gemel.twin.learning.evaluation import Blocks, Groups, Order, Protocol, Rows
from gemel.twin.learning.evaluation.event_scores import point_adjusted
from gemel.twin.learning.evaluation.leaks import counts_rows
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.tasks.anomaly_report import Judged, held_out_figures, labelled_figures
from gemel.twin.learning.tasks.base import Explained, Fitted, Progress, Report, Task
from gemel.twin.learning.tasks.recordings import (
    Budget,
    Flags,
    Normal,
    Recording,
    TimeUnit,
    budget_rate,
    flags_of,
    joined,
    normal_rows,
    recordings,
)

__all__ = ["AnomalyTask"]

_GAP: Final = 20
"""Rows left out on both sides of a held-out block."""
_UNITS: Final = 5
"""With fewer units of normal operation, leaving one out leaves out too much: blocks, then."""
_BLAMED: Final = 3
_HOLD: Final = 300
"""Steps over which a row is held, as values are in the twin; what is further apart begins anew."""
_HOLD_NORMAL: Final = 10
"""The same for rows to learn from: more would teach that nothing ever moves."""


class AnomalyTask(Task):
    """Rows of normal operation, and rows of which it is to be said whether they still are.

    A limit is set on normal rows that the model was not fitted on, for a budget of false alarms.
    Labels, where there are any, are for judging only: nothing is learned from them.
    """

    task: Literal["anomaly"]
    time_unit: TimeUnit = Field("s", description="Unit of a `time` column of plain numbers")
    normal: Normal = Field(
        description="What normal operation is, to learn from: 'all', 'first 400 rows', 'first 2 h' "
        "of each unit, a column that is 1 in normal rows, or these and periods as keys"
    )
    each: bool = Field(
        False, description="A model for each unit, of its own normal rows, instead of one for all"
    )
    label: str | None = Field(
        None, description="Column that is 1 where something was wrong; only for judging"
    )
    changepoint: str | None = Field(
        None, description="Column that is 1 where something changed; only for judging"
    )
    false_alarms: Budget = Field(
        "1 per 1000 rows",
        description="How many are put up with in normal operation: per hour, day, week, month (of "
        "30 days) or so many rows",
    )
    columns: tuple[str, ...] = Field((), description="Columns to look at; all numbers if not given")

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str = "") -> Self:
        for name in ("point_adjust", "point_adjusted", "point_adjustment"):
            if values.get(name):
                point_adjusted()
        if "normal" not in values:
            raise ConfigurationError(
                "`normal` is missing: which rows are normal operation? 'all', 'first 400 rows', "
                "'first 2 h', or a column that is 1 there",
                where,
            )
        words = values["normal"]
        if isinstance(words, str):
            values = {**values, "normal": _normal(words)}
        return super().read(values, where)

    def fit(self, table: Table, progress: Progress) -> Fitted:
        given = self._given(table)
        saved: dict[str, Any] = {}
        evidence: dict[str, Any] = {}
        for number, (name, own) in enumerate(given.groups, 1):
            progress(f"fitting model {number} of {len(given.groups)}")
            columns, left_out = self._usable(given, own)
            model = self._fit(given, own, columns, given.normal)
            rows = np.concatenate([r.rows for r in own])
            value = given.value[rows[given.normal[rows]]][:, columns]
            saved[name] = {
                "detector": model.save(),
                "range": np.nanquantile(value, [0.005, 0.995], axis=0).T.tolist(),
            }
            evidence[name] = {**model.evidence(), **given.oddities(rows, columns), **left_out}
        what: dict[str, Any] = {"step": given.step, "each": self.each, "units": saved}
        told: dict[str, Any] = {
            "normal rows": int(given.normal.sum()),
            "rows": table.rows,
            "models": len(saved),
        }
        if len(saved) == 1:
            told |= next(iter(evidence.values()))
        else:
            told["of each"] = evidence
        protocol = self._protocol(given, int(given.normal.sum()), "fitted on all normal rows")
        return Fitted(self.record(), what, told, protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        given = self._given(table)
        held, how = self._held_out(given, progress)
        figures, tables = held_out_figures(held, given.step, self.false_alarms, given.rate)
        split = f"normal rows: {how}"
        judged = int(np.isfinite(held.score).sum())
        if self.label is not None:
            progress("judging the rows that were not learned from")
            found = self._labelled(given)
            if found.label[found.use].all():  # all that was normal was learned from: held out, then
                merged = np.isfinite(held.score) & held.use
                found = found.with_rows(held, merged)
                split += "; labels: rows that are not normal, and held-out normal rows"
            else:
                split += "; labels: all rows that were not learned from"
            more, further = labelled_figures(found, given.step, timed=self.time is not None)
            figures, tables = figures + more, tables | further
            judged += int((found.use & ~held.use).sum())
        return Report(tuple(figures), self._protocol(given, judged, split), tables)

    def score(self, fitted: Fitted, table: Table) -> Table:
        given, told = self._told(fitted, table)
        n = table.rows
        columns: dict[str, Any] = {
            name: table[name] for name in (self.unit, self.time) if name is not None
        }
        score, limit = np.full(n, np.nan), np.full(n, np.nan)
        because = np.full(n, "", dtype=object)
        for names, recording, place, found in told:
            rows = recording.rows
            score[rows], limit[rows] = found.value[place], found.limit[place]
            for row, at in zip(rows[found.alarm[place]], place[found.alarm[place]], strict=True):
                because[row] = _blame(names, found.contribution[at])
        note = np.where(given.repeated, "repeated time stamp, not scored", "")
        note = np.where(~given.repeated & ~np.isfinite(score), "values missing, not scored", note)
        columns |= {
            "score": score, "limit": limit, "alarm": (score > limit).astype(np.float64),
            "because": because.astype(np.str_), "note": note,
        }  # fmt: skip
        return Table(columns, table.digest, table.where)

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        given, told = self._told(fitted, table)
        if given.repeated[row]:
            return Explained(f"row {row + 1}: not scored, its time stamp is repeated", None, ())
        for names, recording, place, found in told:
            here = np.flatnonzero(recording.rows == row)
            if not len(here):
                continue
            at = place[here[0]]
            value, limit = float(found.value[at]), float(found.limit[at])
            if not np.isfinite(value):
                return Explained(f"row {row + 1}: not scored, too many values missing", None, ())
            ranges = dict(zip(names, _of(fitted, recording, self.each)["range"], strict=True))
            order = np.argsort(-found.contribution[at], kind="stable")
            shares = tuple(
                (
                    names[j], float(found.contribution[at, j] * value / limit),
                    _placed(float(table[names[j]][row]), ranges[names[j]]),
                )
                for j in order.tolist()
            )  # fmt: skip
            what = "alarm" if value > limit else "normal"
            unit = f"{self.unit} {recording.name}, " if self.unit else ""
            most = [f"{name} {seen}" for name, share, seen in shares[:_BLAMED] if share > 0]
            answer = (
                f"{unit}row {row + 1}: {what}, score {value / limit:.3g} times its limit"
                f"; most: {', '.join(most)}"
            )
            return Explained(answer, None, shares, "limits")
        raise DataError(f"row {row + 1} belongs to no unit")

    # What the task makes of a table

    def _given(self, table: Table) -> _Given:
        if self.normal.column is not None and self.normal.column == self.label:
            raise Refused(
                f"`normal` and `label` are both '{self.label}': what is judged by would be learned "
                "from; say otherwise which rows are normal, e.g. 'first 400 rows'"
            )
        found, step, repeated = recordings(table, self.unit, self.time, self.time_unit)
        rate = budget_rate(self.false_alarms, step, timed=self.time is not None)
        normal = normal_rows(self.normal, table, found, self.time, self.time_unit)
        if not normal.any():
            raise DataError(f"{table.where}: no row is normal operation by what `normal` says")
        names, dropped = self._names(table)
        value = np.stack([table.numbers(name) for name in names], axis=1)
        value = np.where(np.isfinite(value), value, np.nan)
        groups = [(r.name, [r]) for r in found] if self.each else [("", found)]
        return _Given(
            table, found, groups, step, repeated, normal, rate, names, value, dropped
        )  # fmt: skip

    def _names(self, table: Table) -> tuple[tuple[str, ...], dict[str, str]]:
        """Columns to look at, and why others are not."""
        apart = {
            self.unit, self.time, self.label, self.changepoint, self.normal.column,
            *self.normal.but_columns, *self.ignore,
        }  # fmt: skip
        if self.columns:
            for name in self.columns:
                table.numbers(name)
            return tuple(name for name in self.columns if name not in apart), {}
        names, dropped = [], {}
        for name, column in table.columns.items():
            if name in apart:
                continue
            if column.dtype.kind != "f":
                dropped[name] = "text"
            elif counts_rows(column):
                dropped[name] = "counts the rows"
            else:
                names.append(name)
        if not names:
            raise ConfigurationError(f"{table.where} has no column of numbers to look at")
        return tuple(names), dropped

    def _usable(self, given: _Given, own: list[Recording]) -> tuple[list[int], dict[str, Any]]:
        """Columns that normal rows have values of, and what is to be told of the others."""
        rows = np.concatenate([r.rows for r in own])
        known = np.isfinite(given.value[rows[given.normal[rows]]]).any(axis=0)
        if not known.any():
            raise DataError(f"{given.table.where}: no normal row has any value")
        empty = {n: "no value in normal rows" for n, k in zip(given.names, known, strict=True)
                 if not k}  # fmt: skip
        told = given.dropped | empty
        return np.flatnonzero(known).tolist(), {"not looked at": told} if told else {}

    def part(self, rate: float) -> Detector:
        """The detector that the settings describe, where that share of normal rows may alarm."""
        settings = {"kind": "pca", **self.model}
        known = DETECTORS.load(settings["kind"]).model_fields
        if "false_alarm_rate" in known:
            settings.setdefault("false_alarm_rate", rate)
        return DETECTORS.build(settings, "model")

    def _fit(self, given: _Given, own: list[Recording], columns: list[int], chosen: Flags) -> Model:
        names = tuple(given.names[j] for j in columns)
        value = given.value[:, columns]
        parts = [r.window(value, names, given.step, _HOLD_NORMAL, chosen)[0] for r in own]
        try:
            return self.part(given.rate).fit(joined(parts, given.step))
        except DataError as error:
            where = f"{self.unit} {own[0].name}: " if self.each else ""
            raise DataError(f"{given.table.where}: {where}{error}") from None

    def _held_out(self, given: _Given, progress: Progress) -> tuple[Judged, str]:
        """Every normal row, scored by a model that was fitted on other ones."""
        score = np.full(given.table.rows, np.nan)
        block = np.full(given.table.rows, -1)
        how, number = "", 0
        for name, own in given.groups:
            rows = np.concatenate([r.rows[given.normal[r.rows]] for r in own])
            split, about = self._split(given, own, rows)
            how = str(split)
            columns, _ = self._usable(given, own)
            try:
                folds = split.cut(about)
            except DataError as error:
                raise DataError(f"{given.table.where}: of normal operation, {error}") from None
            for fold in folds:
                progress(f"{name or 'normal rows'}: held-out block {number + 1}")
                chosen = np.zeros(given.table.rows, np.bool_)
                chosen[rows[fold.train]] = True
                model = self._fit(given, own, columns, chosen)
                judged = np.zeros(given.table.rows, np.bool_)
                judged[rows[fold.test]] = True
                for recording, place, found in _run(given, own, columns, model, given.normal):
                    mine = judged[recording.rows]
                    score[recording.rows[mine]] = (found.value / found.limit)[place[mine]]
                block[judged] = number
                number += 1
        return self._judged(given, score, given.normal, block), how

    def _split(
        self, given: _Given, own: list[Recording], rows: Any
    ) -> tuple[Blocks | Groups | Order, Rows]:
        codes = np.repeat(np.arange(len(own)), [int(given.normal[r.rows].sum()) for r in own])
        units = len(np.unique(codes))
        time = np.empty(given.table.rows)
        for recording in own:
            time[recording.rows] = recording.time
        split = self.split
        if split is None:
            split = Groups() if units >= _UNITS else Blocks(gap=_GAP)
        if not isinstance(split, Blocks | Groups | Order):
            raise Refused(
                "rows at random would be judged by their neighbours in time, which look alike: "
                "limits would alarm many times too often; use `split: {by: block}`"
            )
        if isinstance(split, Blocks):
            return split, Rows(len(rows))
        return split, Rows(len(rows), unit=codes if isinstance(split, Groups) else None,
                           time=time[rows])  # fmt: skip

    def _labelled(self, given: _Given) -> Judged:
        score = np.full(given.table.rows, np.nan)
        for _, own in given.groups:
            columns, _ = self._usable(given, own)
            model = self._fit(given, own, columns, given.normal)
            every = np.ones(given.table.rows, np.bool_)
            for recording, place, found in _run(given, own, columns, model, every):
                score[recording.rows] = (found.value / found.limit)[place]
        use = ~given.normal & ~given.repeated
        return self._judged(given, score, use, np.zeros(len(use), np.int64))

    def _judged(self, given: _Given, score: Values, use: Flags, block: Any) -> Judged:
        none = np.zeros(given.table.rows, np.bool_)
        label = flags_of(given.table, self.label) if self.label else none
        change = flags_of(given.table, self.changepoint) if self.changepoint else none
        return Judged(given.found, score, use, block, label, change)

    def _told(
        self, fitted: Fitted, table: Table
    ) -> tuple[_Given, list[tuple[tuple[str, ...], Recording, Any, Score]]]:
        """The recordings of a table, scored by a saved model."""
        found, step, repeated = recordings(table, self.unit, self.time, self.time_unit)
        step = int(fitted.model["step"]) if self.time is not None else step
        told, every = [], np.ones(table.rows, np.bool_)
        loaded: dict[str, Model] = {}
        for recording in found:
            name = recording.name if self.each else ""
            if name not in loaded:
                loaded[name] = self.part(0.001).load(_of(fitted, recording, self.each)["detector"])
            model = loaded[name]
            value = np.stack([table.numbers(column) for column in model.names], axis=1)
            value = np.where(np.isfinite(value), value, np.nan)
            window, place = recording.window(value, model.names, step, _HOLD, every)
            told.append((model.names, recording, place, model.start()(window)))
        given = _Given(table, found, [], step, repeated, every, 0.0, (), np.zeros((0, 0)), {})
        return given, told

    def _protocol(self, given: _Given, rows: int, split: str) -> Protocol:
        part = self.part(given.rate)
        settings = {"kind": self.model.get("kind", "pca"), **part.model_dump(mode="json")}
        return Protocol(
            "anomaly", given.table.digest, rows, len(given.found) if self.unit else 0, split,
            f"{settings['kind']} {digest(settings)}",
            threshold=f"normal rows held out of the fitting part, for {self.false_alarms}; point "
            "adjustment: never",
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """A table as the task sees it; `value` float64[rows, k] of `names`."""

    table: Table
    found: list[Recording]
    groups: list[tuple[str, list[Recording]]]
    step: int
    repeated: Flags
    normal: Flags
    rate: float
    names: tuple[str, ...]
    value: Values
    dropped: dict[str, str]

    def oddities(self, rows: Any, columns: list[int]) -> dict[str, Any]:
        """What a reader of the evidence should know of the data."""
        value = self.value[rows][:, columns]
        missing = 1 - np.isfinite(value).mean(axis=0)
        told: dict[str, Any] = {}
        if missing.any():
            names = [self.names[j] for j in columns]
            told["missing %"] = {
                n: round(100 * float(m), 1) for n, m in zip(names, missing, strict=True) if m
            }
        if self.repeated.any():
            told["repeated time stamps"] = int(self.repeated.sum())
        return told


def _normal(words: str) -> dict[str, str]:
    """What is normal, from the few words of a command line."""
    if words == "all":
        return {}
    return {"first": words[6:]} if words.startswith("first ") else {"column": words}


def _run(
    given: _Given, own: list[Recording], columns: list[int], model: Model, chosen: Flags
) -> list[tuple[Recording, Any, Score]]:
    """Each recording through the model from its beginning, chosen rows only."""
    value = given.value[:, columns]
    told = []
    for recording in own:
        window, place = recording.window(value, model.names, given.step, _HOLD, chosen)
        told.append((recording, place, model.start()(window)))
    return told


def _of(fitted: Fitted, recording: Recording, each: bool) -> dict[str, Any]:
    units = fitted.model["units"]
    name = recording.name if each else ""
    if name not in units:
        raise DataError(
            f"unit '{name}' was not there when the model was fitted, and `each` asks for a model "
            f"of its own; known: {', '.join(list(units)[:5])}"
        )
    found: dict[str, Any] = units[name]
    return found


def _blame(names: tuple[str, ...], share: Values) -> str:
    order = np.argsort(-share, kind="stable")[:_BLAMED]
    return ", ".join(f"{names[j]} {share[j]:.0%}" for j in order if share[j] >= 0.05)


def _placed(value: float, ends: list[float]) -> str:
    """A value beside what it normally is."""
    if not np.isfinite(value):
        return "missing"
    low, high = ends
    if value > high:
        return f"{value:.4g} (high: normally {low:.4g} to {high:.4g})"
    if value < low:
        return f"{value:.4g} (low: normally {low:.4g} to {high:.4g})"
    return f"{value:.4g} (as usual by itself)"
