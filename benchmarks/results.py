"""What the models reach on public data: writes docs/results.md, with the protocol of each figure.

    python -m benchmarks.results [--only NAME ...] [--output FILE]

Every model is the default of its task; a case is a table, a task description as a user would write
it, and the reference of `data/README.md`. Choices were made by cross-validation inside training
parts; a test part is judged by what stands here, and by nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import drift, renewal, thresholds
from benchmarks.detection_metrics import table as markdown
from benchmarks.detection_tasks import (
    TEP_CHOSEN,
    nab_judged,
    nab_table,
    skab_judged,
    skab_table,
    tep_judged,
    tep_table,
)
from benchmarks.public_data import digest, folder
from gemel.core.image import Gallery
from gemel.core.table import Table
from gemel.parts.prognostics.base import Life
from gemel.runtime.images import read_gallery
from gemel.runtime.tables import read_table
from gemel.runtime.waveforms import reader
from gemel.twin.learning.tasks import read_task
from gemel.twin.learning.tasks.base import Figure, Report
from gemel.twin.learning.tasks.remaining_life import RemainingLifeTask, judged, within_bands

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
HEAD = """\
# Results on public data

Written by `python -m benchmarks.results`. Every model is the default of its task, fitted and judged
by the code behind `gemel train` and `gemel backtest`; `task` is the whole description that it got.
The data sets are not part of Gemel (see each one's source for its licence). References marked (R)
were reproduced on the same files by others' code, (L) are quoted from the literature and may have
been judged otherwise. The interval beside a figure is where it lies with 90 % if other units (or
rows) had been drawn.

Defaults were set once and not tuned on these tables, except that prognostics look at half of the
columns in each node, chosen by cross-validation inside the training engines of C-MAPSS, and that
features and shrinkage of faults were chosen on the bearing records that they are judged on here.
The test engines of FD001 were judged twice: before and after the interval became the shortest
stretch of errors instead of one with equal tails, which was decided by nested validation inside
the training engines (it held 97.6 % where 90 % was wanted, then 93.5 %); predictions were the same
both times.

Detection: its defaults were first chosen on training runs of the Tennessee Eastman process and on
four of the 17 runs of SKAB that are judged here (`python -m benchmarks.detection --choose`). Limits
for the next block and for the rows after a start and the settings chosen for Tennessee Eastman were
decided on normal rows and on faults put into them (`python -m benchmarks.detection_injected`),
without a labelled run. The test runs of both sets had been looked at in earlier versions all the
same: it is from their tables that one knew that limits were too low after a start and from block to
block, so that these figures are no blind test. A third time scale as the default was judged here,
too (SKAB: F1 0.808, FAR 41 %, NAB 17.3; Tennessee Eastman: 67.33 % of rows of faults, FAR 0, 75
min) and taken back: on normal rows of SKAB it alarms in 5.9 % of the rows against 3.7 %, which had
been overlooked in the choice. Rows of SKAB are held over pauses of up to 300 steps, as values are
in the twin; the task first held them for 10, with F1 0.779 and NAB 31.0, and that was changed after
its alarms had been compared with those of `python -m benchmarks.detection`. The budget for NAB was
written down before its figures were seen; what the usual one gives stands beside it, and the best
threshold by the labels, which is no result. How far a promise on false alarms is kept stands in the
first line of each table: on SKAB, which learns from 400 s of a rig that still warms up, it is not.

Magnetic tiles: how patches are described and learned was chosen on half of the groups (see
[Vision](design/vision.md)), which are among those that the table judges; the other half, learned
from and judged by itself, once, has a ROC area of 0.82. NEU: images of one kind that are neighbours
in number often overlap, so stretches of fifteen stay together; neighbours across the ends of two
stretches may still be on both sides.
"""
RUN, RUN_ENDS = "<!-- run -->", "<!-- end of run -->"
SETTINGS = ["altitude", "mach", "throttle"]
SENSORS = [f"s{i}" for i in range(1, 22)]


@dataclass(frozen=True)
class Case:
    """A table, a task, and what others reached."""

    name: str
    title: str
    table: Callable[[Path], Table]
    task: dict[str, Any]
    reference: str
    wanted: tuple[tuple[str, str, float], ...] = ()
    """Figure (and its note), `<=` or `>=`, bar."""
    judge: Callable[[Any, Path], Report] | None = None


def cmapss(data: Path, name: str) -> Table:
    path = data / "cmapss" / f"{name}.txt.gz"
    with gzip.open(path) as file:
        rows = np.loadtxt(file)
    columns = dict(zip(["engine", "cycle", *SETTINGS, *SENSORS], rows.T, strict=True))
    return Table(columns, digest([path]), name)


def on_test_engines(number: str) -> Callable[[RemainingLifeTask, Path], Report]:
    """Fitted on all training engines; judged at the last row of each test engine."""

    def judge(task: RemainingLifeTask, data: Path) -> Report:
        train, test = (cmapss(data, f"{part}_{number}") for part in ("train", "test"))
        fitted = task.fit(train, lambda _: None)
        told = task.score(fitted, test).columns
        truth = np.loadtxt(data / "cmapss" / f"RUL_{number}.txt")
        last = np.append(np.flatnonzero(np.diff(told["engine"])), len(told["engine"]) - 1)
        life = Life(*(told[name][last] for name in ("remaining", "low", "high")))
        protocol = task.protocol(
            train, len(truth), len(truth),
            "fitted on all training engines, judged at the last row of each test engine",
        )  # fmt: skip
        figures = judged(truth, life, np.arange(len(truth)), task.cap, "cycles")
        figures.append(
            Figure("PHM08 score", figures[-1].value * len(truth), note="sum, truth capped")
        )
        bands = within_bands(truth, life, task.cap)
        return Report(tuple(figures), protocol, {"intervals by predicted life": tuple(bands)})

    return judge


def life(number: str, bar: float, best: float) -> Case:
    return Case(
        f"cmapss_{number}", f"Remaining life: C-MAPSS {number}",
        lambda data: cmapss(data, f"train_{number}"),
        {"task": "remaining_life", "unit": "engine", "time": "cycle", "cap": 125,
         "conditions": SETTINGS, "life_unit": "cycles"},
        f"{best} RMSE with capped truth (L: STAR, Sensors 24 (2024) 824); gradient boosting on "
        "rolling means 13.47 (FD001), 12.91 (FD003) (R)",
        (("RMSE", "<=", bar), ("RMSE", "<=", best)),
        on_test_engines(number),
    )  # fmt: skip


OTHER_PROGNOSTICS = {
    "wiener": (
        "Remaining life by one indicator",
        "none known; it follows one of 21 signals, and is made for plants in which little has "
        "failed: where so many engines have, `boosted` (next to it) is the one to take",
    ),
    "similarity": (
        "Remaining life by lives that were alike", "`boosted` on the same rows (next to it)",
    ),
    "weibull": (
        "Remaining life by Weibull regression", "`boosted` on the same rows (next to it)",
    ),
}  # fmt: skip
"""Title and reference of each."""


def life_on_training_engines(number: str, kind: str | None = None) -> Case:
    """On training engines only, so that the test engines are not touched again; `kind` is the
    prognostic, if not the default."""
    title, reference = OTHER_PROGNOSTICS.get(
        kind or "", ("Remaining life", "the default model, on the rows of the others")
    )
    task = {
        "task": "remaining_life", "unit": "engine", "time": "cycle", "cap": 125,
        "conditions": SETTINGS, "life_unit": "cycles",
    } | ({"model": {"kind": kind}} if kind else {})  # fmt: skip
    return Case(
        f"cmapss_{number}_{kind or 'folds'}", f"{title}: C-MAPSS {number}, training engines",
        lambda data: cmapss(data, f"train_{number}"), task, reference,
    )  # fmt: skip


def read(*parts: str) -> Callable[[Path], Table]:
    return lambda data: read_table(data.joinpath(*parts))


def experiments(data: Path) -> Table:
    files = sorted((data / "cnc_mill_tool_wear").glob("*.csv.gz"))
    tables = []
    for path in files:
        one = read_table(path)
        mark = np.full(one.rows, path.name.split(".")[0])
        tables.append({**one.columns, "experiment": mark})
    columns = {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
    return Table(columns, digest(files), "cnc_mill_tool_wear")


TEP_WANTED = (
    ("FAR", "<=", 0.002),
    ("FDR11 above CVA-Q + EWMA", ">=", 0.01),
    ("delay above CVA-Q + EWMA", "<=", -3.0),
)
CWRU: dict[str, Any] = {
    "task": "fault", "target": "fault", "waveform": "file", "rate": "fs_hz",
    "assumed_rate": 12_000, "speed": "rpm", "bearing": "6205",
}  # fmt: skip
SEEN = (
    "Shrinkage and features were chosen by leaving out loads and severities among these files: "
    "other loads, and the other end of the machine, were not looked at"
)


def bursts_alone(data: Path) -> Table:
    """The bursts of the bearing records as if each were alone, all at 12 kHz as is often taken for
    granted: what must not be done."""
    table = read_table(data / "cwru" / "manifest.csv")
    rate = np.nan_to_num(table.numbers("fs_hz"), nan=12_000.0)
    table = Table({**table.columns, "fs_hz": rate}, table.digest, table.where)
    task = read_task({**CWRU, "unit": "diameter_in"})
    _, table = task.prepare(table, reader(data / "cwru"), lambda _: None)
    kept = {n: c for n, c in table.columns.items() if n not in ("file", "burst")}
    return Table(kept, table.digest, table.where)


def strips(data: Path) -> Gallery:
    """Images of NEU-DET. Neighbours in number often show overlapping pieces of one strip (found by
    phase correlation): each fifteen numbers of a kind are one stretch, and stay together."""
    folder_ = data / "neu_det" / "images"
    gallery = read_gallery(folder_)
    names = [re.fullmatch(r"(.+)_(\d+)\.jpg", name) for name in gallery["image"].tolist()]
    found = [(match[1], (int(match[2]) - 1) // 15) for match in names if match]
    columns = {
        "file": gallery["image"],
        "label": np.array([label for label, _ in found]),
        "stretch": np.array([f"{label} {block}" for label, block in found]),
    }
    return Gallery(columns, gallery.digest, "neu_det", "file", gallery.read)


CASES: list[Case] = [
    life("FD001", 11.0, 10.6),
    life("FD003", 12.0, 10.7),
    *(
        life_on_training_engines(number, kind)
        for kind in OTHER_PROGNOSTICS
        for number in ("FD001", "FD003")
    ),
    life_on_training_engines("FD001"),
    life_on_training_engines("FD003"),
    Case(
        "cmapss_FD001_failure", "Failure within 48 cycles: C-MAPSS FD001, training engines",
        lambda data: cmapss(data, "train_FD001"),
        {"task": "failure", "unit": "engine", "time": "cycle", "horizon": [48], "month": 30,
         "budget": 0.1, "conditions": SETTINGS, "life_unit": "cycles"},
        "boosted trees that classify rows, whole engines in 5 folds, threshold 0.5: accuracy "
        "0.973, precision 0.946, recall 0.940, average precision 0.989 (R). Accuracy says little: "
        "always 'healthy' has 0.762. A month is taken to be 30 cycles",
        (("average precision", ">=", 0.989),),
    ),
    Case(
        "ai4i", "Machine failure: AI4I 2020", read("ai4i2020", "ai4i2020.csv"),
        {"task": "quality", "target": "Machine failure",
         "ignore": ["UID", "Product ID", "TWF", "HDF", "PWF", "OSF", "RNF"]},
        "random forest, 5-fold: F1 0.70, average precision 0.755, ROC area 0.969 (R)",
        (("F1", ">=", 0.70), ("average precision", ">=", 0.755), ("ROC area", ">=", 0.969)),
    ),
    Case(
        "secom", "Yield: SECOM, rows at random", read("secom", "secom_207.csv.gz"),
        {"task": "quality", "target": "label", "ignore": ["row", "timestamp"],
         "split": {"by": "row"}},
        "balanced logistic regression, shuffled 5-fold: ROC area 0.685, balanced error 0.407 (R)",
        (("ROC area", ">=", 0.685), ("balanced error", "<=", 0.407)),
    ),
    Case(
        "secom_time", "Yield: SECOM, in order of time", read("secom", "secom_207.csv.gz"),
        {"task": "quality", "target": "label", "time": "timestamp", "ignore": ["row"]},
        "none known on this part of the rows",
    ),
    Case(
        "steel_plates", "Surface faults: steel plates, rows at random",
        read("steel_plates_faults", "faults.csv"),
        {"task": "quality", "target": "fault", "split": {"by": "row"}, "ignore": ["block"]},
        "random forest, stratified 5-fold: accuracy 0.783, macro F1 0.800 (R)",
        (("accuracy", ">=", 0.783), ("macro F1", ">=", 0.800)),
    ),
    Case(
        "steel_plates_blocks", "Surface faults: steel plates, contiguous within each fault",
        read("steel_plates_faults", "faults.csv"),
        {"task": "quality", "target": "fault", "unit": "block", "seeds": 1},
        "random forest, contiguous 5-fold: accuracy 0.642 (R)",
        (("accuracy", ">=", 0.642),),
    ),
    Case(
        "injection", "Lens quality: injection moulding", read("injection_molding", "data.csv"),
        {"task": "quality", "target": "quality"},
        "random forest, 5-fold on these rows: accuracy 0.937 (R)",
        (("accuracy", ">=", 0.937),),
    ),
    Case(
        "tool_wear", "Worn or not: CNC milling, experiments left out", experiments,
        {"task": "quality", "target": "tool_condition", "unit": "experiment", "seeds": 1},
        "none known with whole experiments left out; ten of them say little, since whatever else "
        "changed between worn and unworn runs tells as well",
    ),
    Case(
        "uniwear", "Tool wear in mm: Uniwear, experiments left out",
        read("uniwear", "uniwear.csv.gz"),
        {"task": "quality", "target": "tool_wear", "unit": "experiment_tag", "seeds": 1,
         "kind": "number", "ignore": ["timestamp", "dataset_tag"],
         "split": {"by": "unit", "folds": 8}},
        "none known",
    ),
    Case(
        "tep", "Process faults: Tennessee Eastman", tep_table,
        {"task": "anomaly", "time": "time", "unit": "run", "normal": "normal",
         "label": "anomaly", "ignore": ["changepoint"]},
        "CVA-Q + EWMA re-run on the same normal rows, in the table below (R)",
        TEP_WANTED, tep_judged,
    ),
    Case(
        "tep_chosen", "Process faults: Tennessee Eastman, settings chosen for it", tep_table,
        {"task": "anomaly", "time": "time", "unit": "run", "normal": "normal",
         "label": "anomaly", "ignore": ["changepoint"], "model": TEP_CHOSEN},
        "CVA-Q + EWMA on the same normal rows, in the table below (R). Settings: of those of "
        "`python -m benchmarks.detection_injected` with at most 0.2 % false alarms on held-out "
        "blocks of d00 and d00_te and on stretches of them begun anew, the one that alarmed in "
        "most rows of the faults put into these blocks; test runs had been looked at before",
        TEP_WANTED, tep_judged,
    ),
    Case(
        "skab", "Anomalies of a water loop: SKAB v0.9, 17 of 34 runs", skab_table,
        {"task": "anomaly", "time": "time", "unit": "run", "each": True, "ignore": ["normal"],
         "normal": "first 400 rows", "label": "anomaly", "changepoint": "changepoint"},
        "on all 34 runs T²+Q F1 0.76, FAR 26.6 %, MAR 24.9 %, NAB 25.35; convolutional autoencoder "
        "F1 0.78, FAR 13.6 %, MAR 28.0 %; best NAB 32.42 (L: leaderboard)",
        (("F1", ">=", 0.78), ("FAR", "<=", 0.136), ("NAB change points, standard", ">=", 32.42)),
        skab_judged,
    ),
    Case(
        "nab", "Ambient temperature: NAB", nab_table,
        {"task": "anomaly", "time": "timestamp", "normal": "first 1090 rows", "label": "window",
         "false_alarms": "1 per week"},
        "whole corpus, standard profile, threshold by the labels: HTM 70.5, Bayesian change point "
        "17.7, random 11.0 (L: scoreboard)",
        judge=nab_judged,
    ),
    Case(
        "cwru_load", "Bearing faults: CWRU drive end, a load left out",
        read("cwru", "manifest.csv"), {**CWRU, "unit": "load_hp"},
        f"networks report 99-100 % on windows at random (L), which leak. {SEEN}. The one normal "
        "record is at one load: the other never has it in its fitting part",
    ),
    Case(
        "cwru_severity", "Bearing faults: CWRU drive end, a severity left out",
        read("cwru", "manifest.csv"), {**CWRU, "unit": "diameter_in"},
        "Smith and Randall (MSSP 64-65, 2015) find the outer race of 0.014 in and most ball faults "
        f"not diagnosable by the envelope (L). {SEEN}",
    ),
    Case(
        "cwru_record", "Bearing faults: CWRU drive end, records left out",
        read("cwru", "manifest.csv"), CWRU,
        f"the same damage at the other load is mostly among those learned from. {SEEN}",
    ),
    Case(
        "cwru_windows", "The same, windows of two seconds, a severity left out", bursts_alone,
        {"task": "fault", "target": "fault", "unit": "diameter_in"},
        "the honest side of the warning below: the same windows, features and model; the normal "
        "record is taken to be at 12 kHz",
    ),
    Case(
        "cwru_leak", "A warning: the same windows, split at random", bursts_alone,
        {"task": "fault", "target": "fault", "ignore": ["diameter_in"]},
        "**not a result**: windows of one record are on both sides, which `gemel backtest` refuses "
        "where it knows the record. The distance to the section above is the leak",
    ),
    Case(
        "magnetic_tile", "Surface defects without a network: magnetic tiles",
        lambda data: read_gallery(data / "magnetic_tile" / "manifest.csv", "file"),
        {"task": "inspection", "image": "file", "unit": "group", "good": ["free"], "mask": "mask"},
        "whole data set, learned from good tiles, other frames of the judged tiles among them: "
        "1-NN 0.800, GeoTrans 0.755, GANomaly 0.766; networks trained on other images DifferNet "
        "0.977, PatchCore 0.979 (L)",
        (("ROC area", ">=", 0.95), ("false rejects", "<=", 0.05)),
    ),
    Case(
        "neu_det", "Kind of a surface defect: NEU, stretches of each kind left out", strips,
        {"task": "quality", "image": "file", "target": "label", "unit": "stretch"},
        "random halves, AECLBP and support vectors: accuracy 0.989 (L: Song and Yan 2013)",
        (("accuracy", ">=", 0.97),),
    ),
]  # fmt: skip


def plates(table: Table) -> Table:
    """One column of names instead of seven of 0 and 1; and in which fifth of the rows of its fault
    each row lies, since the file is sorted by fault and its order tells the period."""
    kinds = ["Pastry", "Z_Scratch", "K_Scatch", "Stains", "Dirtiness", "Bumps", "Other_Faults"]
    marks = np.stack([table.numbers(name) for name in kinds], axis=1)
    columns = {name: column for name, column in table.columns.items() if name not in kinds}
    fault = marks.argmax(axis=1)
    block = np.zeros(table.rows)
    for kind in range(len(kinds)):
        mine = np.flatnonzero(fault == kind)
        block[mine] = np.arange(len(mine)) * 5 // len(mine)
    return Table({**columns, "fault": np.array(kinds)[fault], "block": block}, table.digest)


def section(case: Case, data: Path) -> str:
    task = read_task(case.task)
    began = time.process_time()
    if case.judge is not None:
        report = case.judge(task, data)
    else:
        table = case.table(data)
        table = plates(table) if case.name.startswith("steel_plates") else table
        task, table = task.prepare(
            table, reader(data / case.name.partition("_")[0]), lambda _: None
        )
        report = task.backtest(table, lambda _: None)
    spent = time.process_time() - began
    rows = [
        {"figure": f.name, "value": f"{f.value:.4g}",
         "90 % between": "" if f.low is None else f"{f.low:.4g} and {f.high:.4g}",
         "": " ".join(part for part in (f.unit, f.note) if part)}
        for f in report.figures
    ]  # fmt: skip
    lines = [f"## {case.title}", "", f"Task: `{case.task}`", "", f"How: {report.protocol}.", ""]
    lines += [f"Reference: {case.reference}.", "", markdown(rows), ""]
    for title, more in report.tables.items():
        lines += [f"{title.capitalize()}:", "", markdown(list(more)), ""]
    values = {}
    for f in report.figures:
        values.setdefault(f.name, f.value)
    for name, way, bar in case.wanted:
        value = values[name]
        good = value <= bar if way == "<=" else value >= bar
        lines.append(
            f"- {name} {value:.4g}; {way} {bar:g} wanted – **{'reached' if good else 'missed'}**"
        )
    lines += ["", f"{spent:.0f} s of one processor."]
    return "\n".join(lines) + "\n"


def renewal_section(data: Path) -> str:
    return f"## Drift and renewal\n\n{drift.section()}\n\n{renewal.section(data)}\n"


STUDIES: dict[str, Callable[[Path], str]] = {
    "drift": renewal_section,
    "thresholds": thresholds.section,
}
"""Sections that are no case of a task."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[*(case.name for case in CASES), *STUDIES])
    parser.add_argument("--output", type=Path, default=PAGE)
    given = parser.parse_args()
    page = given.output.read_text() if given.output.exists() else HEAD
    began, worked = time.monotonic(), time.process_time()
    written = {case.name: partial(section, case) for case in CASES} | STUDIES
    for name, write in written.items():
        if name not in given.only:
            continue
        mark = f"<!-- {name} -->"
        end = f"<!-- end of {name} -->"
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        text = f"{mark}\n{write(folder())}\n{day}.\n{end}\n"
        print(text, flush=True)
        old = re.compile(f"{re.escape(mark)}.*?{re.escape(end)}\n", re.DOTALL)
        page = old.sub(lambda _, text=text: text, page) if old.search(page) else f"{page}\n{text}"
        given.output.write_text(page)
    if set(given.only) == set(written):
        text = (
            f"{RUN}\nAll sections in one run: {(time.monotonic() - began) / 60:.0f} min, "
            f"{(time.process_time() - worked) / 60:.0f} min of it of a processor, "
            f"{datetime.now(UTC):%Y-%m-%d}.\n{RUN_ENDS}\n"
        )
        old = re.compile(f"{re.escape(RUN)}.*?{re.escape(RUN_ENDS)}\n", re.DOTALL)
        page = old.sub(lambda _: text, page) if old.search(page) else f"{page}\n{text}"
        given.output.write_text(page)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
