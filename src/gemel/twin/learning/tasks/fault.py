"""Which fault it is, or that it is a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from gemel.core.errors import ConfigurationError, DataError, Refused, did_you_mean
from gemel.core.frame import Values
from gemel.core.signal.features import BurstFeatures
from gemel.core.signal.machine import BEARINGS, Bearing
from gemel.core.signal.spectrum import bursts
from gemel.core.table import Table
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers import DIAGNOSERS, Diagnoser
from gemel.parts.diagnosers.base import Case, Example
from gemel.twin.learning.evaluation import Groups, Order, Protocol, Rows, Shuffled
from gemel.twin.learning.evaluation.protocol import digest
from gemel.twin.learning.tasks._open_set import Answer, judged
from gemel.twin.learning.tasks.base import (
    AnySplit,
    Explained,
    Fitted,
    Progress,
    ReadWaveform,
    Report,
    Task,
)

__all__ = ["FaultTask"]

_BURST: str = "burst"
AnyBearing: TypeAlias = Bearing | str


class FaultTask(Task):
    """Rows, or waveforms, of which it is known what was wrong: what is wrong with others?

    The rows of one `case` are told together, as one. With `waveform`, each row of the table
    names a file; it is cut in bursts of `length`, and these become rows of features.
    """

    task: Literal["fault"]
    target: str = Field(description="Column with the name of what was wrong, or of normal")
    case: str | None = Field(
        None, description="Column that says which rows are one case; each its own if not given"
    )
    waveform: str | None = Field(
        None, description="Column that names files (.npy, .wav, .csv) beside the table"
    )
    length: float = Field(2.0, gt=0, description="Seconds of a burst")
    rate: str | None = Field(None, description="Column with the samples per second")
    assumed_rate: float | None = Field(
        None, gt=0, description="Samples per second where none was recorded"
    )
    speed: str | None = Field(None, description="Column with the speed of the shaft")
    speed_unit: Literal["rpm", "Hz"] = Field("rpm", description="Unit of the speed")
    assumed_speed: float | None = Field(
        None,
        gt=0,
        description="Speed where none was recorded; the median of others if not given",
    )
    bearing: AnyBearing | None = Field(
        None, description="Bearing on that shaft: its geometry, or a name such as 6205"
    )
    bearings: dict[str, AnyBearing] = Field(
        {}, description="Bearings by what stands in the column `place`"
    )
    place: str | None = Field(None, description="Column that says at which bearing it was measured")
    highest: float | None = Field(
        None, gt=0, description="Hz up to which spectra are compared; half of the lowest rate if "
        "not given"
    )  # fmt: skip
    bands: int = Field(24, ge=0, le=1000, description="Bands of the spectrum that are compared")
    seeds: int = Field(
        3, ge=1, le=20, description="Splits that a backtest tries, where one is drawn"
    )

    @field_validator("bearing", "bearings")
    @classmethod
    def _known(cls, value: Any) -> Any:
        for one in value.values() if isinstance(value, dict) else [value]:
            if isinstance(one, str) and one not in BEARINGS:
                raise ValueError(f"no bearing '{one}' is known; {did_you_mean(one, BEARINGS)}")
        return value

    def prepare(
        self, table: Table, read: ReadWaveform, progress: Progress
    ) -> tuple[FaultTask, Table]:
        """Bursts of the waveforms as rows of features; a table without waveforms as it is."""
        if self.waveform is None or _BURST in table.columns:
            return self, table
        names = table[self.waveform]
        waves, hashes = [], []
        for number, name in enumerate(names, 1):
            progress(f"waveform {number} of {len(names)}")
            value, rate, hash_ = read(str(name))
            waves.append((value, rate))
            hashes.append(hash_)
        rates = table.numbers(self.rate) if self.rate else np.full(table.rows, np.nan)
        told = [float(r) if np.isfinite(r) else w for r, (_, w) in zip(rates, waves, strict=True)]
        lowest = min([r for r in told if r], default=self.assumed_rate)
        if lowest is None:
            raise ConfigurationError(
                "nothing says at how many samples per second the waveforms were taken; name a "
                "column `rate`, or give `assumed_rate`"
            )
        speeds, usual = self._speeds(table)
        highest = self.highest or lowest / 2
        features = BurstFeatures(highest, self.bands)
        rows, owner = [], []
        for i, (value, _) in enumerate(waves):
            progress(f"features of waveform {i + 1} of {len(waves)}")
            sampled = told[i] or self.assumed_rate
            if sampled is None:
                raise DataError(f"{names[i]}: its rate is not known; give `assumed_rate`")
            for burst in bursts(value, min(round(self.length * sampled), len(value))):
                speed = None if speeds is None else float(speeds[i])
                bearing = self._bearing(table, i)
                rows.append(
                    features.of(burst, told[i], speed, bearing, assumed_rate=self.assumed_rate)
                )
                owner.append(i)
        kept = [self.target, self.unit, self.case, self.waveform, self.time]
        columns = {name: table[name][owner] for name in kept if name and name in table.columns}
        columns[_BURST] = np.array(owner, np.float64)
        value = np.array(rows)
        columns |= {name: value[:, j] for j, name in enumerate(features.names)}
        made = Table(columns, digest({"table": table.digest, "files": hashes}), table.where)
        # Later waveforms are looked at as these were.
        return self.model_copy(update={"highest": highest, "assumed_speed": usual}), made

    def fit(self, table: Table, progress: Progress) -> Fitted:
        cases = self._cases(table)
        progress(f"fitting on {len(cases.examples)} cases")
        model = self._part().fit(cases.inner(np.arange(len(cases.examples))))
        protocol = self._protocol(table, cases, "fitted on all cases", 1)
        return Fitted(self.record(), model.save(), model.evidence(), protocol.record())

    def backtest(self, table: Table, progress: Progress) -> Report:
        cases = self._cases(table)
        part, split = self._part(), self._split(cases)
        drawn = isinstance(split, Groups | Shuffled) and not (
            isinstance(split, Groups) and split.folds == len(np.unique(cases.unit))
        )
        seeds = self.seeds if drawn else 1
        told: list[Answer] = []
        for seed in range(seeds):
            if isinstance(split, Groups | Shuffled):
                split = split.model_copy(update={"seed": seed})
            folds = split.cut(cases.rows)
            for number, fold in enumerate(folds, 1):
                progress(f"split {seed + 1} of {seeds}, fold {number} of {len(folds)}")
                train, test = cases.of_rows(fold.train), cases.of_rows(fold.test)
                told += _asked(part, cases, train, test, "")
                for withheld in sorted({cases.examples[i].cause for i in test}):
                    progress(f"fold {number} of {len(folds)}, '{withheld}' withheld")
                    told += _asked(part, cases, train, test, withheld)
        if not told:
            raise DataError("no fold could be judged: in none has the fitting part two causes")
        figures, tables = judged(told, cases.group)
        return Report(figures, self._protocol(table, cases, str(split), seeds), tables)

    def score(self, fitted: Fitted, table: Table) -> Table:
        model = self._part().load(fitted.model)
        cases = self._cases(table, model.names)
        told = [model.diagnose(example.case) for example in cases.examples]
        classes = sorted({cause.name for d in told for cause in d.causes})
        columns: dict[str, npt.NDArray[Any]] = {}
        for name in (self.case, self.waveform, self.unit):
            if name and name in table.columns:
                columns[name] = table[name][cases.first]
        columns[self.target] = np.array([d.causes[0].name for d in told])
        columns["new"] = np.array([float(d.new) for d in told])
        columns["novelty"] = np.array([d.novelty for d in told])
        for name in classes:
            columns[f"probability {name}"] = np.array(
                [sum(c.probability for c in d.causes if c.name == name) for d in told]
            )
        return Table(columns, table.digest, table.where)

    def explain(self, fitted: Fitted, table: Table, row: int) -> Explained:
        model = self._part().load(fitted.model)
        cases = self._cases(table, model.names)
        # With waveforms the row is that of the list of files, not of a burst.
        place = row if self.waveform else int(cases.case[row])
        told = model.diagnose(cases.examples[place].case)
        first = told.causes[0]
        sure = f"probability {first.probability:.2f}, {first.low:.2f} to {first.high:.2f}"
        answer = f"row {row + 1}: {self.target} {first.name} ({sure})"
        if told.new:
            answer = (
                f"row {row + 1}: new, {told.novelty:.1f} times as far from what is known as it may "
                f"be; nearest is {first.name}"
            )
        window = cases.examples[place].case.window
        seen = dict(zip(window.names, np.nanmean(window.value, axis=0), strict=True))
        shares = tuple((r.name, r.weight, f"{seen[r.name]:.4g}") for r in first.reasons)
        return Explained(answer, 0.0, shares, "distance" if told.new else "log odds")

    def _part(self) -> Diagnoser:
        return DIAGNOSERS.build({"kind": "learned_classes", **self.model}, "model")

    def _split(self, cases: _Cases) -> AnySplit:
        if self.split is not None:
            return self.split
        if self.unit or self.case or self.waveform:
            return Groups(folds=max(min(5, len(np.unique(cases.unit))), 2))
        return Order() if self.time else Shuffled()

    def _speeds(self, table: Table) -> tuple[Values | None, float | None]:
        """Revolutions per second of each row; and the usual speed, in its own unit."""
        speed = np.full(table.rows, np.nan)
        if self.speed is not None and self.speed in table.columns:
            speed = table.numbers(self.speed)
        usual = self.assumed_speed
        if usual is None:
            if not np.isfinite(speed).any():
                return None, None
            usual = float(np.nanmedian(speed))
        unit = 60 if self.speed_unit == "rpm" else 1
        return np.where(np.isfinite(speed), speed, usual) / unit, usual

    def _bearing(self, table: Table, row: int) -> Bearing | None:
        found: AnyBearing | None = self.bearing
        if self.place is not None:
            found = self.bearings.get(str(table[self.place][row]), found)
        return BEARINGS[found] if isinstance(found, str) else found

    def _protocol(self, table: Table, cases: _Cases, split: str, seeds: int) -> Protocol:
        settings = self._part().model_dump(mode="json")
        return Protocol(
            "fault", table.digest, len(cases.examples), len(np.unique(cases.unit)), split,
            f"{DIAGNOSERS.name_of(self._part())} {digest(settings)}",
            threshold="units held out of the fitting part", seeds=tuple(range(seeds)),
        )  # fmt: skip

    def _cases(self, table: Table, names: tuple[str, ...] | None = None) -> _Cases:
        if self.waveform and _BURST not in table.columns:
            raise ConfigurationError(f"the waveforms of {table.where} were not read")
        case = self.case if not self.waveform else _BURST
        codes = table.codes(case)[0] if case else np.arange(table.rows)
        _, first, code = np.unique(codes, return_index=True, return_inverse=True)
        unit_of = self.unit or self.case or self.waveform
        unit = table.codes(unit_of)[0] if unit_of and unit_of in table.columns else code
        if (unit != unit[first][code]).any():
            raise Refused(
                f"rows of one {case} lie in two units of '{self.unit}': a split would put windows "
                "of one recording on both sides, and the model would know the recording again"
            )
        if names is None:
            apart = {
                self.target,
                self.unit,
                self.case,
                self.waveform,
                self.time,
                _BURST,
                *self.ignore,
            }
            names = tuple(name for name in table.columns if name not in apart)
        value = np.stack([table.numbers(name) for name in names], axis=1)
        target = _told(table, self.target) if self.target in table.columns else None
        order = np.argsort(code, kind="stable")
        members = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
        examples = []
        for mine in members:
            window = Window(np.arange(len(mine), dtype=np.int64), value[mine], names)
            cause = "" if target is None else str(target[mine[0]])
            if target is not None and (target[mine] != cause).any():
                raise DataError(f"rows of one {case} have different causes in '{self.target}'")
            examples.append(Example(Case(window), cause))
        alone = unit_of is None
        time = table.numbers(self.time) if self.time and self.time in table.columns else None
        rows = Rows(table.rows, None if alone else unit, time)
        known = np.array([e.cause != "" for e in examples])
        return _Cases(examples, code, first, unit[first], code[first], rows, known)


@dataclass(frozen=True, slots=True)
class _Cases:
    """case   int64[rows]   to which case each row of the table belongs
    first  int64[cases]  its first row
    unit   int64[cases]  what is kept on one side of a split
    group  int64[cases]  what it is a recording of
    rows   as splits look at them
    known  bool[cases]   whether the cause is told
    """

    examples: list[Example]
    case: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    unit: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    rows: Rows
    known: npt.NDArray[np.bool_]

    def of_rows(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The cases of these rows whose cause is told."""
        found = np.unique(self.case[rows])
        return found[self.known[found]]

    def inner(self, chosen: npt.NDArray[np.int64]) -> list[Example]:
        """Examples, with what is held out together inside the fitting part: units, where there are
        two or more of them, otherwise each case by itself."""
        chosen = chosen[self.known[chosen]]
        of = self.unit if len(np.unique(self.unit[chosen])) > 1 else np.arange(len(self.examples))
        return [replace(self.examples[i], unit=str(of[i])) for i in chosen]


def _asked(
    part: Diagnoser,
    cases: _Cases,
    train: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
    withheld: str,
) -> list[Answer]:
    """What a model of the fitting part, without the withheld class, says of the judged one."""
    examples = [e for e in cases.inner(train) if e.cause != withheld]
    known = {example.cause for example in examples}
    try:
        model = part.fit(examples)
    except DataError:
        return []  # too few causes or units in this fitting part: it is not judged
    return [
        Answer(
            int(i), example.cause, example.cause in known, withheld, model.diagnose(example.case)
        )
        for i in test
        for example in [cases.examples[i]]
    ]


def _told(table: Table, name: str) -> npt.NDArray[np.str_]:
    codes, names = table.codes(name)
    told = np.array(["" if n == "nan" else n for n in names])
    return np.asarray(told[codes])
