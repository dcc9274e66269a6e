"""How long until a unit fails."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError, Refused
from gemel.core.frame import Values
from gemel.core.table import Table
from gemel.parts.prognostics import PROGNOSTICS, Prognostic
from gemel.parts.prognostics.base import Life, Model, Runs
from gemel.twin.learning.evaluation import Groups, Protocol, Rows, scores
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.tasks.base import Explained, Figure, Fitted, Progress, Report, Task

__all__ = ["RemainingLifeTask", "judged", "within_bands"]

_NEAR = 30.0


class RemainingLifeTask(Task):
    """Rows of units that were used until they failed: how much life is left at each row?

    Each unit failed after its last row, unless the column `ended` is 0 there.
    """

    task: Literal["remaining_life"]
    unit: str = Field(description="Column that says which unit a row belongs to")
    time: str = Field(description="Column with the age of the unit, in the unit of life")
    ended: str | None = Field(None, description="Column that is 0 in units that have not failed")
    conditions: tuple[str, ...] = Field((), description="Columns that set the operating condition")
    cap: float | None = Field(None, gt=0, description="Longest life that is told apart")
    life_unit: str = Field("", description="Unit of life, e.g. 'cycles' or 'h'")

    def fit(self, table: Table, progress: Progress) -> Fitted:
        runs, _ = self.runs(table)
        progress(f"fitting on {len(runs.starts)} units")
        model = self.part().fit(runs)
        units = len(runs.starts)
        protocol = self.protocol(table, len(runs), units, "fitted on all units")
        return Fitted(self.record(), model.save(), model.evidence(), protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        runs, _ = self.runs(table)
        split = self.split or Groups()
        if not isinstance(split, Groups):
            raise Refused(
                f"a split by {split.by} lets rows of one unit tell its own end: remaining life is "
                "judged on whole units; use `split: {by: unit}` or leave it out"
            )
        folds = split.cut(Rows(len(runs), unit=runs.unit, time=runs.age))
        failed = runs.unit[runs.starts][runs.ended]
        part, truth, told, units = self.part(), [], [], []
        for number, fold in enumerate(folds, 1):
            progress(f"fold {number} of {len(folds)}")
            model = part.fit(runs.units(np.unique(runs.unit[fold.train])))
            mine = runs.units(np.intersect1d(np.unique(runs.unit[fold.test]), failed))
            life = model.predict(mine)
            told.append(np.stack([life.value, life.low, life.high]))
            truth.append(mine.remaining())
            units.append(mine.unit)
        value, low, high = np.concatenate(told, axis=1)
        life, unit = Life(value, low, high), np.concatenate(units)
        told_of = f"all rows; {split}"
        protocol = self.protocol(table, len(unit), len(runs.starts), told_of)
        return Report(
            tuple(judged(np.concatenate(truth), life, unit, self.cap, self.life_unit)),
            protocol,
            {
                "interval by predicted life": tuple(
                    within_bands(np.concatenate(truth), life, self.cap)
                )
            },
        )

    def score(self, fitted: Fitted, table: Table) -> Table:
        model = self.model_of(fitted)
        runs, order = self.runs(table, model.names)
        life = model.predict(runs)
        told = {self.unit: table[self.unit][order], self.time: runs.age}
        told |= {"remaining": life.value, "low": life.low, "high": life.high}
        return Table(told, table.digest, table.where)

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        model = self.model_of(fitted)
        runs, order = self.runs(table, model.names)
        place = int(np.flatnonzero(order == row)[0])
        one = runs.units([runs.unit[place]])
        here = int(np.flatnonzero(one.age == runs.age[place])[0])
        reasons, life = model.explain(one, np.array([here])), model.predict(one)
        shares = [
            (name, float(share), f"{one.value[here, i]:g}")
            for i, (name, share) in enumerate(zip(model.names, reasons.share[0], strict=True))
        ]
        shares.append((self.time, float(reasons.age[0]), f"{one.age[here]:g}"))
        shares.sort(key=lambda item: -abs(item[1]))
        told = f"{life.value[here]:.0f} {self.life_unit}".strip()
        sure = f"{model.confidence:.0%} between {life.low[here]:.0f} and {life.high[here]:.0f}"
        unit = table[self.unit][row]
        name = f"{unit:g}" if isinstance(unit, float) else unit
        answer = f"{self.unit} {name} at {one.age[here]:g}: {told} left ({sure})"
        answer = "; ".join([answer, *reasons.words])
        return Explained(answer, reasons.mean, tuple(shares), self.life_unit)

    def model_of(self, fitted: Fitted) -> Model:
        """The model itself, kept once it was read."""
        if "model" not in fitted.opened:
            fitted.opened["model"] = self.part().load(fitted.model)
        return cast("Model", fitted.opened["model"])

    def part(self) -> Prognostic:
        """The prognostic that the settings describe."""
        settings: dict[str, Any] = {"kind": "boosted", **self.model}
        for name, value in (("cap", self.cap), ("conditions", list(self.conditions))):
            if value and name not in settings:
                settings[name] = value
        return PROGNOSTICS.build(settings, "model")

    def runs(
        self, table: Table, names: tuple[str, ...] | None = None
    ) -> tuple[Runs, npt.NDArray[np.int64]]:
        """The runs in a table, and which of its rows each of theirs is."""
        unit, told = table.codes(self.unit)
        age = table.numbers(self.time)
        if np.isnan(age).any():
            row = int(np.flatnonzero(np.isnan(age))[0]) + 1
            raise DataError(f"{table.where}: '{self.time}' is not known in row {row}")
        order = np.lexsort((age, unit))
        if names is None:
            apart = {self.unit, self.time, self.ended, *self.ignore}
            names = tuple(
                n for n, c in table.columns.items() if n not in apart and c.dtype.kind == "f"
            )
        if not names:
            raise ConfigurationError(f"{table.where} has no column of numbers to learn from")
        value = np.stack([table.numbers(name) for name in names], axis=1)[order]
        starts = np.unique(unit[order], return_index=True)[1]
        lasts = np.append(starts[1:], len(order)) - 1
        ended = np.ones(len(starts), np.bool_)
        if self.ended is not None and self.ended in table.columns:
            ended = table.numbers(self.ended)[order][lasts] != 0
        try:
            return Runs(names, unit[order], age[order], value, ended), order
        except ValueError:
            same = np.flatnonzero((np.diff(unit[order]) == 0) & (np.diff(age[order]) == 0))
            row = order[same[0]]
            raise DataError(
                f"{table.where}: {self.unit} {told[unit[row]]} has two rows at "
                f"{self.time} {age[row]:g}"
            ) from None

    def protocol(self, table: Table, rows: int, units: int, split: str) -> Protocol:
        """What stands beside figures of this task: so many rows of units, judged in this way."""
        part = self.part()
        settings = {"kind": PROGNOSTICS.name_of(part), **part.model_dump(mode="json")}
        return Protocol(
            "remaining_life", table.digest, rows, units, split,
            f"{settings['kind']} {digest(settings)}",
            threshold="intervals from units held out of the fitting part", cap=self.cap,
        )  # fmt: skip


def judged(
    truth: Values, life: Life, unit: npt.NDArray[np.int64], cap: float | None, name: str
) -> list[Figure]:
    """Figures of predictions against the true remaining life, capped and not."""
    capped = np.minimum(truth, np.inf if cap is None else cap)
    root = scores.root_mean_square_error

    def figure(title: str, of: Any, measured: str = name, note: str = "") -> Figure:
        low, high = scores.interval(of, unit)
        return Figure(title, of(np.arange(len(truth))), low, high, measured, note)

    found = [
        figure("RMSE", lambda i: root(capped[i], life.value[i])),
        figure("MAE", lambda i: scores.mean_absolute_error(capped[i], life.value[i])),
    ]
    if cap is not None:
        note = "truth not capped"
        found.append(figure("RMSE", lambda i: root(truth[i], life.value[i]), note=note))
    near = np.flatnonzero(truth <= _NEAR)
    if len(near) > 1:
        low, high = scores.interval(lambda i: root(truth[near[i]], life.value[near[i]]), unit[near])
        value = root(truth[near], life.value[near])
        found.append(Figure("RMSE", value, low, high, name, f"where at most {_NEAR:g} are left"))
    found += [
        figure("coverage", lambda i: scores.coverage(capped[i], life.low[i], life.high[i]), ""),
        figure("mean width", lambda i: float(np.mean(life.high[i] - life.low[i]))),
    ]
    score = scores.phm_score(capped, life.value) / len(truth)
    found.append(Figure("PHM08 score per row", score, note="a few units make most of it"))
    return found


def within_bands(truth: Values, life: Life, cap: float | None) -> list[dict[str, Any]]:
    """How often the interval holds the capped truth, and how wide it is, by predicted life."""
    capped = np.minimum(truth, np.inf if cap is None else cap)
    edges = np.unique(np.quantile(life.value, np.linspace(0, 1, 6)))
    rows = []
    for low, high in pairwise(edges):
        mine = (life.value >= low) & ((life.value < high) | (high == edges[-1]))
        if mine.any():
            rows.append(
                {
                    "predicted from": round(float(low), 1),
                    "to": round(float(high), 1),
                    "rows": int(mine.sum()),
                    "coverage": scores.coverage(capped[mine], life.low[mine], life.high[mine]),
                    "mean width": float(np.mean(life.high[mine] - life.low[mine])),
                }
            )
    return rows
