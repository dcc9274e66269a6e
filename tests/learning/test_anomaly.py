"""Anomalies from the command line: rows of a pump, some of them normal, and a promise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.detection_tasks import table_of
from benchmarks.public_data import tep
from tests.public import public_data
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, DataError, GemelError, Refused
from gemel.core.table import Table
from gemel.core.time import isoformat
from gemel.doors.cli.main import app
from gemel.runtime.tables import read_table
from gemel.twin.learning.tasks import Fitted, read_task

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
WORDS = {"task": "anomaly", "time": "time", "normal": "first 800 rows"}


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=True)
    if isinstance(result.exception, GemelError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def pump(rows: int = 1200, seed: int = 0, fault: tuple[int, int] = (1000, 1100)) -> Table:
    """A pump each 10 s: flow and power follow the speed; in the fault, power rises beside it."""
    random = np.random.default_rng(seed)
    speed = random.normal(50, 2, rows)
    flow = 2 * speed + random.normal(0, 0.5, rows)
    power = 0.1 * speed + random.normal(0, 0.05, rows)
    broken = (np.arange(rows) >= fault[0]) & (np.arange(rows) < fault[1])
    power[broken] += 0.4
    columns = {
        "time": np.arange(rows) * 10.0 + START / SECOND, "speed": speed, "flow": flow,
        "power": power, "broken": broken.astype(float),
    }  # fmt: skip
    return Table(columns, "abc", "pump.csv")


def fit(table: Table, **words: object) -> tuple[Table, Fitted]:
    """Scored by a model of the same rows that went through a file."""
    task = read_task(WORDS | {"ignore": ["broken"]} | words)
    fitted = Fitted.parse(task.fit(table, lambda _: None).text(), "here")
    return task.score(fitted, table), fitted


def changed(table: Table, **columns: np.ndarray) -> Table:
    return Table({**table.columns, **columns}, table.digest, table.where)


@pytest.fixture
def pumped(tmp_path: Path) -> Path:
    table = pump()
    lines = [",".join(table.columns)]
    for i in range(table.rows):
        time = isoformat(START + i * 10 * SECOND)
        values = (f"{table[name][i]:.4f}" for name in list(table.columns)[1:])
        lines.append(",".join([time, *values]))
    path = tmp_path / "pump.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_train_score_backtest_and_explain(pumped, tmp_path):
    model = tmp_path / "pump.model"
    given = ["--task", "anomaly", "--time", "time", "--normal", "first 800 rows"]
    given += ["--label", "broken", "--false-alarms", "2 per day"]
    said = run("train", str(pumped), *given, "-o", str(model))
    assert "normal rows: 800" in said

    told = json.loads(run("score", str(model), str(pumped), "--format", "json"))
    alarm = np.array([row["alarm"] for row in told])
    assert alarm[1030:1100].mean() > 0.95
    assert alarm[800:1000].mean() < 0.02
    assert told[1050]["because"].startswith("power")
    assert (told[1050]["score"] > told[1050]["limit"]) == (told[1050]["alarm"] == 1)

    why = json.loads(run("explain", str(model), str(pumped), "--row", "1051", "--json"))
    assert why["answer"].startswith("row 1051: alarm, score")
    assert why["shares"][0]["column"] == "power"
    assert sum(share["adds"] for share in why["shares"]) == pytest.approx(
        told[1050]["score"] / told[1050]["limit"]
    )
    assert "all rows on average" not in run("explain", str(model), str(pumped), "--row", "1051")

    report = json.loads(run("backtest", str(pumped), *given, "--json"))
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert figures["events found"]["note"] == "1 of 1"
    assert figures["median delay"]["value"] <= 300
    assert "always alarm has" in figures["F1"]["note"]
    assert "promised 0.000231" in figures["false-alarm rate"]["note"]
    held = figures["false alarms"]
    assert held["low"] <= held["value"] <= held["high"]
    assert held["high"] > 0, "none seen is not none possible"
    assert held["unit"] == "per day"
    assert "point adjustment: never" in report["protocol"]["threshold"]
    assert "how:" in run("backtest", str(pumped), *given)


def test_a_file_says_the_same(pumped, tmp_path):
    task = tmp_path / "task.yaml"
    task.write_text(
        "task: anomaly\ntime: time\nignore: [broken]\nfalse_alarms: 1 per 1000 rows\n"
        "normal:\n  periods: [['2023-11-14T22:13:20Z', '2023-11-15T00:26:40Z']]\n"
        "model: {kind: cva}\n"
    )
    model = tmp_path / "m"
    assert "normal rows: 800" in run("train", str(pumped), "--task", str(task), "-o", str(model))
    assert "broken" not in run("score", str(model), str(pumped), "--format", "csv").splitlines()[0]


def test_labels_change_nothing_that_is_learned():
    table = pump()
    other = changed(table, broken=1 - table["broken"])
    first, second = (fit(t, ignore=[], label="broken")[1] for t in (table, other))
    assert first.model == second.model
    with pytest.raises(Refused, match="what is judged by would be learned from"):
        fit(table, ignore=[], label="broken", normal="broken")


def test_marked_rows_never_count_as_normal():
    table = pump(fault=(300, 400))  # in the middle of what is called normal
    service = ((np.arange(table.rows) >= 290) & (np.arange(table.rows) < 410)).astype(float)
    marked = changed(table, service=service)
    words = {"first": "800 rows", "but_columns": ["service"]}
    told, fitted = fit(marked, normal=words)
    assert fitted.evidence["normal rows"] == 680
    assert told["alarm"][330:400].mean() > 0.95
    unknown = changed(marked, service=np.where(service == 1, 1.0, np.nan))
    with pytest.raises(DataError, match="no row is normal"):
        fit(unknown, normal=words)


def test_units_have_a_model_each_and_strangers_none():
    parts = [pump(seed=0), pump(seed=1)]
    columns = {n: np.concatenate([p[n] for p in parts]) for n in parts[0].columns}
    columns["speed"][1200:] *= 3  # another machine
    columns["flow"][1200:] *= 3
    table = Table({**columns, "pump": np.repeat(["a", "b"], 1200)}, "abc", "pumps")
    task = read_task(WORDS | {"unit": "pump", "each": True, "label": "broken"})
    fitted = task.fit(table, lambda _: None)
    assert list(fitted.model["units"]) == ["a", "b"]
    order = np.random.default_rng(0).permutation(table.rows)
    told, mixed = task.score(fitted, table), task.score(fitted, table.take(order))
    assert np.array_equal(told["score"][order], mixed["score"], equal_nan=True)
    report = task.backtest(table, lambda _: None)
    figures = {figure.name: figure for figure in report.figures}
    assert figures["events found"].value == 1
    assert figures["F1"].low <= figures["F1"].value <= figures["F1"].high
    assert {row["unit"] for row in report.tables["events"]} == {"a", "b"}
    stranger = changed(table, pump=np.repeat(["a", "c"], 1200))
    with pytest.raises(DataError, match=r"unit 'c' was not there .* known: a, b"):
        task.score(fitted, stranger)


def test_the_promise_is_kept_on_rows_that_stay_the_same():
    """20,000 independent normal rows: what is promised lies in the interval, or below it."""
    table = pump(20_000, fault=(0, 0))
    task = read_task({"task": "anomaly", "time": "time", "normal": "all", "ignore": ["broken"]})
    figures = {f.name: f for f in task.backtest(table, lambda _: None).figures}
    assert figures["false-alarm rate"].value < 0.003
    assert figures["false-alarm rate"].low <= 0.001


def test_odd_columns_are_told_or_survived():
    table = pump()
    rows = np.arange(table.rows)
    odd = changed(
        table, constant=np.full(table.rows, 7.0), empty=np.full(table.rows, np.nan),
        infinite=np.where(rows % 50 == 0, np.inf, rows % 7), number=rows * 1.0,
        word=np.where(rows % 2, "on", "off"),
    )  # fmt: skip
    told, fitted = fit(odd)
    assert fitted.evidence["not looked at"] == {
        "word": "text", "number": "counts the rows", "empty": "no value in normal rows"
    }  # fmt: skip
    assert fitted.evidence["missing %"] == {"infinite": 2.0}
    assert fitted.evidence["constant"] == ["constant"]
    assert told["alarm"][1030:1100].mean() > 0.9
    moved = changed(odd, constant=np.where(rows > 900, 7.1, 7.0))
    task = read_task(WORDS | {"ignore": ["broken"]})
    assert task.score(fitted, moved)["alarm"][950:].all()


def test_repeated_times_and_missing_rows_are_flagged():
    table = pump()
    time, speed = table["time"].copy(), table["speed"].copy()
    time[500] = time[499]
    gone = {name: np.where(np.arange(1200) == 900, np.nan, table[name]) for name in
            ("speed", "flow", "power")}  # fmt: skip
    del speed
    odd = changed(table, time=time, **gone)
    told, fitted = fit(odd)
    assert fitted.evidence["repeated time stamps"] == 1
    assert told["note"][500] == "repeated time stamp, not scored"
    assert told["note"][900] == "values missing, not scored"
    assert np.isnan(told["score"][[500, 900]]).all()
    assert not told["alarm"][[500, 900]].any()
    task = read_task(WORDS | {"ignore": ["broken"]})
    assert "time stamp is repeated" in task.explain(fitted, odd, 500).answer
    assert "values missing" in task.explain(fitted, odd, 900).answer


@pytest.mark.parametrize(
    ("words", "kind", "why"),
    [
        ({"normal": None}, ConfigurationError, "`normal` is missing: which rows are normal"),
        ({"normal": "broke"}, ConfigurationError, "no column 'broke'; did you mean 'broken'"),
        ({"normal": "speed"}, ConfigurationError, "'speed' .* must be 0 or 1 .* in row 1"),
        ({"normal": "first few"}, ConfigurationError, "'few' is neither rows nor a duration"),
        ({"normal": "first 10 rows"}, DataError, "of normal operation, 10 rows are too few"),
        ({"normal": "first 2 h", "time": None}, ConfigurationError, "'2 h' needs a `time` column"),
        ({"false_alarms": "some"}, ConfigurationError, "'some' is no budget; write e.g."),
        ({"false_alarms": "9 per 10 rows"}, ConfigurationError, "0.9 of all rows, must be above 0"),
        ({"false_alarms": "0 per day"}, ConfigurationError, "is 0 of all rows, must be above 0"),
        ({"false_alarms": "1 per day", "time": None}, ConfigurationError, "how long a row is"),
        ({"time_unit": "h"}, ConfigurationError, "holds dates, whose numbers are seconds"),
        ({"columns": ["sped"]}, ConfigurationError, "no column 'sped'; did you mean 'speed'"),
        ({"model": {"kind": "pcaa"}}, ConfigurationError, "did you mean 'pca'"),
        ({"split": {"by": "row"}}, Refused, "judged by their neighbours in time"),
        ({"point_adjusted": True}, Refused, "better than published models"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(words, kind, why):
    given = {n: v for n, v in (WORDS | {"ignore": ["broken"]} | words).items() if v is not None}
    with pytest.raises(kind, match=why):
        read_task(given).backtest(pump(), lambda _: None)


def test_ten_rows_are_too_few():
    with pytest.raises(DataError, match=r"pump.csv: 10 rows of 3 signals .* needs at least \d+"):
        fit(pump().take(slice(0, 10)))


def test_a_time_that_is_not_known_is_said():
    time = pump()["time"].copy()
    time[7] = np.nan
    with pytest.raises(DataError, match="'time' is not known in row 8"):
        fit(changed(pump(), time=time))


def test_times_may_be_text_with_an_offset(pumped, tmp_path):
    lines = pumped.read_text().splitlines()
    text = [lines[0], *(f"{line.replace('Z', '+00:00')}" for line in lines[1:])]
    other = tmp_path / "offset.csv"
    other.write_text("\n".join(text))
    first, second = (fit(read_table(path))[0] for path in (pumped, other))
    assert np.array_equal(first["score"], second["score"], equal_nan=True)


def test_a_pause_is_no_jump():
    """Rows ten days later go on from a new beginning; a gap of a few rows is held."""
    table = pump()
    late = table["time"] + np.where(np.arange(1200) >= 900, 864_000.0, 0)
    told, _ = fit(changed(table, time=late))
    assert not told["alarm"][900:1000].any()
    short = table.take(np.arange(1200) % 97 != 0)
    assert fit(short)[0]["alarm"][1020:1080].mean() > 0.9


@pytest.mark.data
def test_tennessee_eastman_through_the_task():
    """Learned from d00 and d00_te; of the training runs, not those that benchmarks report on."""
    data = public_data()
    names = ["d00", "d00_te", "d01", "d06", "d14"]
    table = table_of([tep(data, name) for name in names], {"d00", "d00_te"})
    words = {"task": "anomaly", "time": "time", "unit": "run", "normal": "normal"}
    task = read_task(words | {"ignore": ["changepoint", "anomaly"]})
    told = task.score(task.fit(table, lambda _: None), table)
    assert told["alarm"][table["normal"] == 1].mean() < 0.005
    assert told["alarm"][table["anomaly"] == 1].mean() > 0.95
