"""The quality of a part, or a value of the laboratory, from what was measured while it was made."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.image.columns import COLUMNS, described
from gemel.core.table import Table
from gemel.parts.estimators import ESTIMATORS, Estimator
from gemel.parts.estimators.base import Examples, Folds, Model
from gemel.twin.learning.evaluation import (
    Groups,
    Order,
    Protocol,
    Rows,
    Shuffled,
    leaks,
    scores,
)
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.tasks.base import (
    AnySplit,
    Explained,
    Figure,
    Fitted,
    Progress,
    Report,
    Task,
)

__all__ = ["QualityTask"]

_FEW: int = 20
"""A column of numbers with at most so many different whole ones is taken for classes."""
_INNER: int = 5
_LEAST_OF_CLASS: int = 5
_SHOWN: int = 30


class QualityTask(Task):
    """Rows whose answer, the `target`, is known: what will it be where it is not?"""

    task: Literal["quality"]
    target: str = Field(description="Column with the answer")
    kind: Literal["number", "class"] | None = Field(
        None, description="Whether the answer is a number or a class; by its values if not given"
    )
    known_before: tuple[str, ...] = Field(
        (), description="Columns that are known when the model is asked, however well they tell"
    )
    image: str | None = Field(
        None, description="Column with names of pictures; numbers of their surface are looked at"
    )
    seeds: int = Field(
        3, ge=1, le=20, description="Splits that a backtest tries, where one is drawn"
    )

    def fit(self, table: Table, progress: Progress) -> Fitted:
        table = described(table)
        examples, rows = self._examples(table)
        progress(f"fitting on {len(examples)} rows")
        model = self._part().fit(examples, _inner(self._split(), rows))
        protocol = self._protocol(table, rows, "fitted on all rows", 1)
        return Fitted(self.record(), model.save(), model.evidence(), protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        table = described(table)
        examples, rows = self._examples(table)
        split = self._split()
        seeds = self.seeds if isinstance(split, Groups | Shuffled) else 1
        part, found = self._part(), []
        for seed in range(seeds):
            if isinstance(split, Groups | Shuffled):
                split = split.model_copy(update={"seed": seed})
            folds = split.cut(rows)
            value = np.full(len(examples), np.nan)
            sides = np.full((2, len(examples)), np.nan)
            probability = np.full((len(examples), len(examples.classes)), np.nan)
            for number, fold in enumerate(folds, 1):
                progress(f"split {seed + 1} of {seeds}, fold {number} of {len(folds)}")
                inner = _inner(split, _part_of(rows, fold.train))
                model = part.fit(examples.rows(fold.train), inner)
                told = model.estimate(examples.value[fold.test])
                value[fold.test], probability[fold.test] = told.value, told.probability
                sides[:, fold.test] = told.low, told.high
            judged = np.isfinite(value)
            group = rows.unit if rows.unit is not None else np.arange(len(examples))
            found.append(
                _classes(examples, value, probability, judged, group)
                if examples.classes
                else _numbers(examples.target, value, sides, judged, group)
            )
        figures = tuple(_together(list(same)) for same in zip(*found, strict=True))
        tables: dict[str, tuple[dict[str, Any], ...]] = {}
        if examples.classes:
            tables["classes"] = tuple(_confusion(examples, value, judged))
        return Report(figures, self._protocol(table, rows, str(split), seeds), tables)

    def score(self, fitted: Fitted, table: Table) -> Table:
        table = described(table)
        model = self._model(fitted)
        told = model.estimate(_coded(table, model.names, model.words))
        if not model.classes:
            columns = {self.target: told.value, "low": told.low, "high": told.high}
            return Table(columns, table.digest, table.where)
        names = np.array(model.classes)
        shown: dict[str, npt.NDArray[Any]] = {self.target: names[told.value.astype(np.int64)]}
        for number, name in enumerate(model.classes):
            shown[f"probability {name}"] = told.probability[:, number]
        return Table(shown, table.digest, table.where)

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        model = self._model(fitted)
        table, row, number = described(table.take(slice(row, row + 1))), 0, row
        value = _coded(table, model.names, model.words)
        told, reasons = model.estimate(value), model.explain(value)
        shares = []
        for i, name in enumerate(model.names):
            here = table[name][row]
            seen = here if isinstance(here, str) else f"{here:g}"
            shares.append((name, float(reasons.share[0, i]), seen))
        shares.sort(key=lambda item: -abs(item[1]))
        if model.classes:
            chosen = int(told.value[0])
            sure = told.probability[0, chosen]
            answer = (
                f"row {number + 1}: {self.target} {model.classes[chosen]} (probability {sure:.2f})"
            )
            return Explained(answer, float(reasons.mean[0]), tuple(shares), "log odds")
        between = f"between {told.low[0]:.4g} and {told.high[0]:.4g}"
        answer = f"row {number + 1}: {self.target} {told.value[0]:.4g} ({between})"
        return Explained(answer, float(reasons.mean[0]), tuple(shares))

    def _model(self, fitted: Fitted) -> Model:
        if "model" not in fitted.opened:
            fitted.opened["model"] = self._part().load(fitted.model)
        return cast("Model", fitted.opened["model"])

    def _part(self) -> Estimator:
        return ESTIMATORS.build({"kind": "quality", **self.model}, "model")

    def _split(self) -> AnySplit:
        if self.split is not None:
            return self.split
        return Groups() if self.unit else Order() if self.time else Shuffled()

    def _examples(self, table: Table) -> tuple[Examples, Rows]:
        target, classes = self._answers(table)
        known = np.flatnonzero(np.isfinite(target))
        apart = {self.target, self.unit, self.time, *self.ignore}
        names = tuple(name for name in table.columns if name not in apart)
        words = tuple(_words(table, name, self.known_before) for name in names)
        value = _coded(table, names, words)[known]
        told = Examples(names, value, words, target[known], classes)
        _enough(told)
        trusted = {*self.known_before, *COLUMNS}
        watched = [i for i, name in enumerate(names) if not words[i] and name not in trusted]
        unit = table.codes(self.unit)[0][known] if self.unit else None
        leaks.refuse_answers(
            value[:, watched], tuple(names[i] for i in watched), told.target,
            classes=bool(classes), unit=unit,
        )  # fmt: skip
        time = table.numbers(self.time)[known] if self.time else None
        label = told.target.astype(np.int64) if classes else None
        return told, Rows(len(known), unit, time, label)

    def _answers(self, table: Table) -> tuple[Values, tuple[str, ...]]:
        column = table[self.target]
        if column.dtype.kind == "f":
            values = np.unique(column[np.isfinite(column)])
            few = len(values) <= _FEW and bool((values == np.round(values)).all())
            if self.kind == "number" or (self.kind is None and not few):
                return column, ()
        elif self.kind == "number":
            table.numbers(self.target)  # says which row holds text
        codes, names = table.codes(self.target)
        missing = np.isnan(column) if column.dtype.kind == "f" else column == ""
        told = [name for name in names if name not in ("", "nan")]
        number = {name: place for place, name in enumerate(told)}
        place = np.array([number.get(name, -1) for name in names])
        return np.where(missing, np.nan, place[codes]).astype(np.float64), tuple(told)

    def _protocol(self, table: Table, rows: Rows, split: str, seeds: int) -> Protocol:
        settings = {"kind": "quality", **self._part().model_dump(mode="json")}
        return Protocol(
            "quality", table.digest, rows.count,
            len(np.unique(rows.unit)) if rows.unit is not None else 0, split,
            f"{settings['kind']} {digest(settings)}",
            threshold="rows held out of the fitting part", seeds=tuple(range(seeds)),
        )  # fmt: skip


def _enough(examples: Examples) -> None:
    for number, name in enumerate(examples.classes):
        count = int((examples.target == number).sum())
        if count < _LEAST_OF_CLASS <= len(examples) / _LEAST_OF_CLASS:
            raise DataError(
                f"class '{name}' has {count} rows; at least {_LEAST_OF_CLASS} of each are needed"
            )


def _words(table: Table, name: str, trusted: tuple[str, ...]) -> tuple[str, ...]:
    column = table[name]
    if column.dtype.kind == "f":
        return ()
    words = tuple(str(word) for word in np.unique(column) if word != "")
    if len(words) > _SHOWN and name not in trusted:
        raise ConfigurationError(
            f"column '{name}' of {table.where} has {len(words)} different words: a name or number "
            "of each row says nothing of the next; put it under `ignore`, or name it as `unit`"
        )
    return words or ("",)


def _coded(table: Table, names: tuple[str, ...], words: tuple[tuple[str, ...], ...]) -> Values:
    """float64[n,k]; a word that is not known is NaN."""
    columns = []
    for name, known in zip(names, words, strict=True):
        if not known:
            columns.append(table.numbers(name))
            continue
        column = table[name]
        if column.dtype.kind == "f":
            column = np.array([f"{value:g}" for value in column.tolist()])
        order = np.argsort(known)
        place = np.searchsorted(np.array(known)[order], column)
        place = np.minimum(place, len(known) - 1)
        found = order[place].astype(np.float64)
        columns.append(np.where(np.array(known)[order[place]] == column, found, np.nan))
    return np.stack(columns, axis=1) if columns else np.zeros((table.rows, 0))


def _part_of(rows: Rows, chosen: npt.NDArray[np.int64]) -> Rows:
    def of(column: Any) -> Any:
        return None if column is None else column[chosen]

    return Rows(len(chosen), of(rows.unit), of(rows.time), of(rows.label), rows.ahead)


def _inner(split: AnySplit, rows: Rows) -> Folds:
    """The same kind of split, inside the fitting part, in fewer folds where there is too little.

    Never another kind: what belongs together belongs together here as well.
    """
    for folds in range(min(split.folds, _INNER), 1, -1):
        try:
            found = split.model_copy(update={"folds": folds}).cut(rows)
        except DataError:
            if folds == 2:
                raise
        else:
            return [(fold.train, fold.test) for fold in found]
    raise AssertionError("a split has at least two folds")


def _classes(
    examples: Examples, value: Values, probability: Values, judged: Any, group: Any
) -> list[Figure]:
    truth, chosen = examples.target[judged].astype(np.int64), value[judged].astype(np.int64)
    told, unit = probability[judged], group[judged]

    def figure(title: str, of: Any, note: str = "") -> Figure:
        low, high = scores.interval(of, unit, repeats=200)
        return Figure(title, of(np.arange(len(truth))), low, high, note=note)

    counts = np.bincount(truth, minlength=len(examples.classes))
    most = float(counts.max() / len(truth))
    found = [
        figure(
            "accuracy", lambda i: scores.accuracy(truth[i], chosen[i]),
            f"always '{examples.classes[int(counts.argmax())]}' has {most:.3f}",
        ),
        figure("balanced error", lambda i: scores.balanced_error(truth[i], chosen[i])),
    ]  # fmt: skip
    if len(examples.classes) == 2:
        rare = int(counts.argmin())
        name = f"of '{examples.classes[rare]}'"
        base = f"{name}; by chance {counts[rare] / len(truth):.3f}"
        found += [
            figure(
                "F1", lambda i: scores.recall_precision_f1(truth[i], chosen[i], rare)[2], name
            ),
            figure(
                "average precision",
                lambda i: scores.average_precision(truth[i] == rare, told[i, rare]), base,
            ),
            figure("ROC area", lambda i: scores.roc_area(truth[i] == rare, told[i, rare]), name),
        ]  # fmt: skip
    else:
        kinds = np.unique(truth)
        found.append(
            figure(
                "macro F1",
                lambda i: float(
                    np.mean([scores.recall_precision_f1(truth[i], chosen[i], k)[2] for k in kinds])
                ),
            )
        )
    return found


def _numbers(truth: Values, value: Values, sides: Any, judged: Any, group: Any) -> list[Figure]:
    y, told, unit = truth[judged], value[judged], group[judged]
    low, high = sides[:, judged]
    spread = max(float(np.std(y)), 1e-300)

    def figure(title: str, of: Any, note: str = "") -> Figure:
        ends = scores.interval(of, unit, repeats=200)
        return Figure(title, of(np.arange(len(y))), *ends, note=note)

    root = scores.root_mean_square_error
    return [
        figure("RMSE", lambda i: root(y[i], told[i]), f"always the mean has {spread:.4g}"),
        figure("MAE", lambda i: scores.mean_absolute_error(y[i], told[i])),
        figure("R²", lambda i: 1 - (root(y[i], told[i]) / max(float(np.std(y[i])), 1e-300)) ** 2),
        figure("coverage", lambda i: scores.coverage(y[i], low[i], high[i])),
        figure("mean width", lambda i: float(np.mean(high[i] - low[i]))),
    ]


def _together(same: list[Figure]) -> Figure:
    """The mean over several splits, and the widest of their intervals."""
    first = same[0]
    lows, highs = [f.low for f in same], [f.high for f in same]
    return Figure(
        first.name, float(np.mean([f.value for f in same])),
        min(low for low in lows if low is not None), max(h for h in highs if h is not None),
        first.unit, first.note,
    )  # fmt: skip


def _confusion(examples: Examples, value: Values, judged: Any) -> list[dict[str, Any]]:
    truth, chosen = examples.target[judged].astype(np.int64), value[judged].astype(np.int64)
    rows = []
    for number, name in enumerate(examples.classes):
        recall, precision, f1 = scores.recall_precision_f1(truth, chosen, number)
        count = int((truth == number).sum())
        rows.append(
            {"class": name, "rows": count, "recall": recall, "precision": precision, "F1": f1}
        )
    return rows
