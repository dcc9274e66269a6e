"""Whether a unit fails within so many hours."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, Literal, Self, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.table import Table
from gemel.parts.prognostics import PROGNOSTICS, Prognostic
from gemel.parts.prognostics.base import Model
from gemel.twin.learning.evaluation import Groups, Protocol, scores
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.evaluation.warned import Lives, Tally, isotonic, judge, loosest
from gemel.twin.learning.tasks.base import Explained, Figure, Fitted, Progress, Report, Task
from gemel.twin.learning.tasks.lived import FAILED, LIFE, Lived, in_lives
from gemel.twin.learning.tasks.remaining_life import RemainingLifeTask

__all__ = ["FailureTask"]

_INNER: Final = 3
_FURTHER: Final = 3.0
_REPEATS: Final = 200


class FailureTask(Task):
    """Rows of units that fail now and then: will this one fail within the horizon?

    A prognostic tells how much life is left. How often units failed within each horizon where so
    much life was told is the probability (isotonic), and the lowest life at which nobody is warned
    keeps false warnings within their budget; both are set on units that were held out of the
    fitting part. A unit fails in the rows where the column `failed` is not 0, and begins anew after
    them; without such a column it fails after its last row, unless the column `ended` is 0 there.
    """

    task: Literal["failure"]
    unit: str = Field(description="Column that says which unit a row belongs to")
    time: str = Field(description="Column with the time or age of a row")
    horizon: tuple[float, ...] = Field(
        (24.0,), min_length=1, description="Within how long a failure is asked for; one or several"
    )
    failed: str | None = Field(None, description="Column that is not 0 while a unit has failed")
    ended: str | None = Field(None, description="Column that is 0 in units that have not failed")
    budget: float = Field(1.0, gt=0, description="False warnings that a unit may get in a month")
    month: float = Field(730.5, gt=0, description="A month in the unit of `time`; of hours: 730.5")
    lead: float = Field(0.0, ge=0, description="How long before a failure a warning is in time")
    conditions: tuple[str, ...] = Field((), description="Columns that set the operating condition")
    cap: float | None = Field(
        None, gt=0, description="Longest life that is told apart; thrice the horizon if not given"
    )
    life_unit: str = Field("", description="Unit of `time`, e.g. 'h'")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if min(self.horizon) <= 0 or list(self.horizon) != sorted(set(self.horizon)):
            raise ValueError("horizon must be above 0, and rise where there are several")
        if self.failed and self.ended:
            raise ValueError("give `failed` or `ended`, not both: one says when, one whether")
        if self.lead >= min(self.horizon):
            raise ValueError(f"lead {self.lead:g} must be less than the horizon")
        if self.cap is not None and self.cap <= max(self.horizon):
            raise ValueError(f"cap {self.cap:g} must be greater than the horizon, or left out")
        return self

    def fit(self, table: Table, progress: Progress) -> Fitted:
        data = self._data(table)
        learned = self._learn(data, np.arange(len(data)), progress)
        protocol = self._protocol(table, data, "fitted on all units")
        evidence = {**learned["evidence"], "horizons": self._told(learned)}
        del learned["evidence"]
        return Fitted(self.record(), learned, evidence, protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        data = self._data(table)
        split = self.split or Groups()
        told = np.full((len(self.horizon), 2, len(data)), np.nan)  # chance, warns
        folds = split.cut(data.rows(max(self.horizon)))
        for number, fold in enumerate(folds, 1):
            progress(f"fold {number} of {len(folds)}")
            learned = self._learn(data, fold.train, lambda _: None)
            model = self._part().load(learned["prognostic"])
            life = _life_at(model, data, fold.test)
            for place, one in enumerate(learned["horizons"]):
                told[place, 0, fold.test] = _chance(one, life)
                told[place, 1, fold.test] = life <= one["threshold"]
        seen = np.flatnonzero(np.isfinite(told[0, 0]))
        judged, tables = data.part(seen), {}
        figures: list[Figure] = []
        for place, horizon in enumerate(self.horizon):
            chance, warns = told[place, 0, seen], told[place, 1, seen] == 1
            found, bands = self._figures(judged, chance, warns, horizon)
            figures += found
            tables[f"probability within {horizon:g} {self.life_unit}".strip()] = tuple(bands)
        return Report(tuple(figures), self._protocol(table, judged, str(split)), tables)

    def score(self, fitted: Fitted, table: Table) -> Table:
        model = self.life_model(fitted)
        data = self._data(table, model.names)
        chance, warns = self.chances(fitted, model.predict(data.runs).value)
        told = {self.unit: table[self.unit][data.order], self.time: data.lives.time}
        for place, one in enumerate(fitted.model["horizons"]):
            told[f"within {one['horizon']:g}"] = chance[:, place]
            told[f"warn {one['horizon']:g}"] = warns[:, place]
        return Table(told, table.digest, table.where)

    def life_model(self, fitted: Fitted) -> Model:
        """The prognostic that it stands on, kept once it was read."""
        if "model" not in fitted.opened:
            fitted.opened["model"] = self._part().load(fitted.model["prognostic"])
        return cast("Model", fitted.opened["model"])

    def chances(self, fitted: Fitted, life: Values) -> tuple[Values, Values]:
        """float64[n,h] each, of rows of which so much life is told: the probability to fail within
        each horizon, and 1 where it is warned; NaN where no life is told."""
        found = fitted.model["horizons"]
        chance = np.stack([_chance(one, life) for one in found], axis=1)
        warns = np.stack([np.where(life <= one["threshold"], 1.0, 0.0) for one in found], axis=1)
        warns[np.isnan(life)] = np.nan
        return chance, warns

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        names = tuple(fitted.model["prognostic"]["names"])
        data = self._data(table, names)
        found = np.flatnonzero(data.order == row)
        if not len(found):
            raise DataError(f"{table.where}: in row {row + 1} the unit has failed")
        within, *_ = in_lives(table, self.unit, self.time, self.failed, self.ended)
        inner = Fitted({}, fitted.model["prognostic"], {}, {})
        why = self._life().explain(inner, within, int(found[0]))
        model = self._part().load(inner.model)
        here = data.part(np.flatnonzero(data.runs.unit == data.runs.unit[found[0]]))
        life, place = model.predict(here.runs), np.flatnonzero(here.order == row)
        left, unit = life.value[place], self.life_unit
        chances = ", ".join(
            f"{float(_chance(one, left)[0]):.0%} within {one['horizon']:g} {unit}".rstrip()
            for one in fitted.model["horizons"]
        )
        asset = table[self.unit][row]
        name = f"{asset:g}" if isinstance(asset, float) else asset
        answer = (
            f"{self.unit} {name} at {data.lives.time[found[0]]:g}: fails with {chances}; "
            f"told life {left[0]:.0f} {unit}".rstrip()
        )
        return Explained(answer, why.mean, why.shares, why.unit)

    def _learn(
        self, data: Lived, rows: npt.NDArray[np.int64], progress: Progress
    ) -> dict[str, Any]:
        """The model of these rows; probabilities and thresholds from folds within them."""
        mine, part = data.part(rows), self._part()
        split = self.split or Groups()
        held = np.full(len(rows), np.nan)
        wanted = min(_INNER, split.folds)
        folds = split.model_copy(update={"folds": wanted}).cut(mine.rows(max(self.horizon)))
        for number, fold in enumerate(folds, 1):
            progress(f"held-out part {number} of {len(folds)}")
            model = part.fit(mine.part(fold.train).runs)
            held[fold.test] = _life_at(model, mine, fold.test)
        progress("fitting on all")
        model = part.fit(mine.runs)
        known = np.flatnonzero(np.isfinite(held))
        out, told = mine.part(known), held[known]
        found = []
        for horizon in self.horizon:
            label = out.lives.label(horizon)
            clear = np.isfinite(label)
            if not 0 < label[clear].sum() < clear.sum():
                raise DataError(
                    f"of {int(clear.sum())} held-out rows {int(label[clear].sum())} are within "
                    f"{horizon:g} of a failure; rows within and beyond are needed"
                )
            limit = loosest(out.lives, told, horizon, self.budget / self.month)
            one = {"horizon": horizon, "threshold": limit}
            one["chances"] = isotonic(told[clear], label[clear]).tolist()
            found.append(one)
        return {"prognostic": model.save(), "horizons": found, "evidence": model.evidence()}

    def _told(self, learned: dict[str, Any]) -> list[str]:
        told = []
        for one in learned["horizons"]:
            limit = one["threshold"]
            chance = float(_chance(one, np.array([limit]))[0])
            told.append(
                f"{one['horizon']:g}: warned from probability {chance:.2f} (life {limit:.3g})"
                if limit >= 0
                else f"{one['horizon']:g}: never warned, as no threshold keeps the budget"
            )
        return told

    def _figures(
        self, data: Lived, chance: Values, warns: npt.NDArray[np.bool_], horizon: float
    ) -> tuple[list[Figure], list[dict[str, Any]]]:
        label = data.lives.label(horizon)
        rows = np.flatnonzero(np.isfinite(label))
        truth, p, said, unit = label[rows] == 1, chance[rows], warns[rows], data.unit[rows]
        marks, saids = truth.astype(np.int64), said.astype(np.int64)
        base, within = float(truth.mean()), f"within {horizon:g} {self.life_unit}".strip()

        def figure(title: str, of: Any, note: str, measured: str = "") -> Figure:
            low, high = scores.interval(of, unit, repeats=_REPEATS)
            return Figure(title, of(np.arange(len(rows))), low, high, measured, f"{within}; {note}")

        def shares(i: Any) -> tuple[float, float, float]:
            return scores.recall_precision_f1(marks[i], saids[i], 1)

        rule = f"at most {self.budget:g} false warnings per unit and month on held-out units"
        figures = [
            figure("precision", lambda i: shares(i)[1], f"of rows; {rule}; base rate {base:.3f}"),
            figure("recall", lambda i: shares(i)[0], "of rows; always 'healthy' has 0"),
            figure("average precision", lambda i: scores.average_precision(truth[i], p[i]),
                   f"by chance {base:.3f}"),
            figure("Brier score", lambda i: float(np.mean((p[i] - truth[i]) ** 2)),
                   f"always the base rate has {base * (1 - base):.3f}"),
            figure("accuracy", lambda i: float(np.mean(said[i] == truth[i])),
                   f"always 'healthy' has {1 - base:.3f}"),
        ]  # fmt: skip
        figures += self._of_warnings(data, judge(data.lives, warns, horizon), within)
        bands: list[dict[str, Any]] = []
        for low, high in pairwise(np.linspace(0, 1, 6).tolist()):
            mine = (p >= low) & ((p < high) | (high == 1))
            if mine.any():
                said_of, failed = float(p[mine].mean()), float(truth[mine].mean())
                bands.append({"said from": low, "to": high, "rows": int(mine.sum()),
                              "said": said_of, "failed": failed})  # fmt: skip
        return figures, bands

    def _of_warnings(self, data: Lived, tally: Tally, within: str) -> list[Figure]:
        fails = np.isfinite(data.lives.failed)
        asset = data.unit[data.lives.start]
        in_time = fails & (np.nan_to_num(tally.lead, nan=-1.0) >= self.lead)

        def figure(title: str, of: Any, note: str, measured: str = "") -> Figure:
            low, high = scores.interval(of, asset, repeats=_REPEATS)
            return Figure(
                title, of(np.arange(len(asset))), low, high, measured, f"{within}; {note}"
            )

        def per_month(i: Any) -> float:
            return float(tally.false[i].sum() / max(tally.span[i].sum(), 1e-300) * self.month)

        def share(i: Any) -> float:
            return float(in_time[i].sum() / max(fails[i].sum(), 1))

        before = f"at least {self.lead:g} before; " if self.lead else ""
        found = [
            figure("false warnings per unit and month", per_month, f"wanted {self.budget:g}"),
            figure("failures warned of in time", share,
                   f"{before}{int(in_time.sum())} of {int(fails.sum())}; always 'healthy' has 0"),
        ]  # fmt: skip
        leads = tally.lead[in_time]
        if len(leads):
            low, high = np.quantile(leads, [0.1, 0.9])
            note = (
                f"{within}; of those warned of in time; a tenth below {low:.3g}, above {high:.3g}"
            )
            found.append(Figure("median lead", float(np.median(leads)), None, None,
                                self.life_unit, note))  # fmt: skip
        return found

    def _part(self) -> Prognostic:
        return self._life().part()

    def _life(self) -> RemainingLifeTask:
        """The task of telling the remaining life of each life, on which this one stands."""
        cap = self.cap if self.cap is not None else _FURTHER * max(self.horizon)
        apart = {self.unit, self.failed, self.ended, *self.ignore} - {None}
        return RemainingLifeTask(
            task="remaining_life", unit=LIFE, time=self.time, ended=FAILED, cap=cap,
            ignore=tuple(sorted(str(name) for name in apart)), conditions=self.conditions,
            life_unit=self.life_unit, model=self.model,
        )  # fmt: skip

    def _data(self, table: Table, names: tuple[str, ...] | None = None) -> Lived:
        within, order, unit, until = in_lives(table, self.unit, self.time, self.failed, self.ended)
        runs, _ = self._life().runs(within, names)
        return Lived(runs, Lives(runs.age, runs.starts, until), unit, order)

    def _protocol(self, table: Table, data: Lived, split: str) -> Protocol:
        part = self._part()
        settings = {"kind": PROGNOSTICS.name_of(part), **part.model_dump(mode="json")}
        fails = int(np.isfinite(data.lives.failed).sum())
        return Protocol(
            "failure", table.digest, len(data), len(np.unique(data.unit)),
            f"{fails} failures; {split}", f"{settings['kind']} {digest(settings)}",
            threshold=f"at most {self.budget:g} false warnings per unit and month of "
            f"{self.month:g} {self.life_unit}".strip() + ", on units held out of the fitting part",
            cap=self._life().cap,
        )  # fmt: skip


def _life_at(model: Model, data: Lived, rows: npt.NDArray[np.int64]) -> Values:
    """The life that is told of these rows, each by all before it in its life."""
    lives = np.unique(data.runs.unit[rows])
    whole = np.flatnonzero(np.isin(data.runs.unit, lives))
    life = model.predict(data.part(whole).runs).value
    return np.asarray(life[np.searchsorted(whole, rows)])


def _chance(one: Mapping[str, Any], life: Values) -> Values:
    """The probability to fail within the horizon, of rows of which so much life is told."""
    at, share = np.array(one["chances"], np.float64)
    return np.asarray(np.interp(life, at, share))
