"""Tasks from the command line: a file that Gemel has never seen, and a few words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, Damaged, DataError, GemelError, Refused
from gemel.core.table import Table
from gemel.doors.cli.main import app
from gemel.runtime.tables import read_table
from gemel.testing.prognostics import wearing_runs
from gemel.twin.learning.evaluation import Groups, Rows
from gemel.twin.learning.tasks import Fitted, read_task
from gemel.twin.learning.tasks.quality import _inner

FEW = {"boosting": {"iterations": 30, "rate": 0.2, "leaves": 6, "least": 5}, "seeds": 1}


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=True)
    if isinstance(result.exception, GemelError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Parts of a press: too hot or too slow ones are scrap, but for a few, on two machines."""
    random = np.random.default_rng(0)
    lines = ["part,machine,temperature,speed,grade,thickness"]
    for number in range(400):
        temperature, speed = random.normal(200, 10), random.normal(50, 5)
        machine = random.choice(["north", "south"])
        bad = (temperature > 210 or speed < 44) != (random.random() < 0.03)
        thickness = 0.1 * temperature + (2 if machine == "north" else 0) + random.normal(0, 0.2)
        lines.append(
            f"p{number},{machine},{temperature:.2f},{speed:.2f},{'scrap' if bad else 'good'},"
            f"{thickness:.3f}"
        )
    path = tmp_path / "parts.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def task(tmp_path: Path) -> Path:
    path = tmp_path / "task.yaml"
    path.write_text(
        "task: quality\ntarget: grade\nignore: [part, thickness]\nseeds: 1\n"
        f"split: {{by: row, folds: 3}}\nmodel: {json.dumps(FEW)}\n"
    )
    return path


def test_train_score_and_explain_a_class(parts, task, tmp_path):
    model = tmp_path / "grade.model"
    said = run("train", str(parts), "--task", str(task), "-o", str(model))
    assert "class: 'scrap' where its probability is at least" in said

    told = json.loads(run("score", str(model), str(parts), "--format", "json"))
    truth = read_table(parts)["grade"]
    right = np.mean([row["grade"] == word for row, word in zip(told, truth, strict=True)])
    assert right > 0.9
    assert told[0]["probability good"] + told[0]["probability scrap"] == pytest.approx(1)

    hot = int(np.argmax(read_table(parts)["temperature"])) + 1
    why = json.loads(run("explain", str(model), str(parts), "--row", str(hot), "--json"))
    assert why["answer"].startswith(f"row {hot}: grade scrap (probability")
    assert why["shares"][0]["column"] == "temperature"


def test_backtest_says_how(parts, task):
    found = json.loads(run("backtest", str(parts), "--task", str(task), "--json"))
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert figures["F1"]["value"] > 0.75
    assert figures["F1"]["low"] < figures["F1"]["value"] < figures["F1"]["high"]
    assert found["protocol"]["split"] == "3 folds of single rows, alike in classes"
    assert found["protocol"]["data"] == read_table(parts).digest
    assert "how: 400 rows judged" in run("backtest", str(parts), "--task", str(task)).replace(
        "\n", " "
    )


def test_a_number_has_an_interval(parts):
    words = {"task": "quality", "target": "thickness", "ignore": ["part", "grade"], "model": FEW}
    wanted = read_task(words | {"seeds": 1})
    report = wanted.backtest(read_table(parts), lambda _: None)
    found = {figure.name: figure.value for figure in report.figures}
    assert found["R²"] > 0.8
    assert 0.82 < found["coverage"] < 0.97

    fitted = wanted.fit(read_table(parts), lambda _: None)
    why = wanted.explain(fitted, read_table(parts), 0)
    assert {why.shares[0][0], why.shares[1][0]} == {"machine", "temperature"}


def test_a_class_may_be_missing_in_a_fitting_part(tmp_path):
    """Blocks of rows, of which the last alone has a third class: it is never told, and judged."""
    random = np.random.default_rng(0)
    grade = np.array(["a", "b"] * 75 + ["c"] * 50)
    x = np.where(grade == "a", 0.0, 2.0) + random.normal(0, 0.7, 200)
    table = Table({"x": x, "grade": grade})
    words = {"task": "quality", "target": "grade", "split": {"by": "block", "folds": 4}}
    report = read_task(words | {"model": FEW}).backtest(table, lambda _: None)
    rows = {row["class"]: row for row in report.tables["classes"]}
    assert (rows["c"]["rows"], rows["c"]["recall"]) == (50, 0)
    assert rows["a"]["recall"] > 0.7


def test_words_that_were_never_seen_are_unknown(parts, tmp_path):
    words = {"task": "quality", "target": "thickness", "ignore": ["part", "grade"], "model": FEW}
    wanted = read_task(words)
    fitted = wanted.fit(read_table(parts), lambda _: None)
    other = tmp_path / "other.csv"
    other.write_text("machine,temperature,speed\nwest,200,50\n,,\n")
    told = wanted.score(fitted, read_table(other))
    assert np.isfinite(told.columns["thickness"]).all()


def test_a_leaky_request_is_refused_with_the_reason(parts, task, tmp_path):
    text = task.read_text().replace("ignore: [part, thickness]", "unit: machine\nignore: [part]")
    task.write_text(text)
    with pytest.raises(Refused, match=r"same unit on both sides \(2 units, 400 rows\)"):
        run("backtest", str(parts), "--task", str(task))

    leaky = tmp_path / "leaky.csv"
    rows = parts.read_text().splitlines()
    told = [f"{row},{int(row.split(',')[4] == 'scrap')}" for row in rows[1:]]
    leaky.write_text("\n".join([f"{rows[0]},sorted_out", *told]))
    with pytest.raises(Refused, match=r"'sorted_out' tells class .* written down after the answer"):
        run("backtest", str(leaky), "--target", "grade", "--ignore", "part")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--target", "grad"], "no column 'grad'; did you mean 'grade'"),
        (["--target", "grade"], "column 'part' .* 400 different words"),
        (["--task", "nonsense"], "give a file such as task.yaml, or one of .*quality"),
        (["--task", "missing.yaml"], "missing.yaml"),
        ([], "target: is missing"),
    ],
)
def test_what_is_wrong_is_said(parts, words, why):
    with pytest.raises(ConfigurationError, match=why):
        run("backtest", str(parts), *words)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (["1,good"] * 9 + ["2,scrap"] * 3, "12 rows .* at least 20"),
        (["1,good"] * 30, "all rows are of class 'good'"),
        (["1,good"] * 30 + ["2,scrap"] * 3, "class 'scrap' has 3 rows; at least 5"),
    ],
)
def test_too_little_to_learn_from(tmp_path, rows, why):
    path = tmp_path / "few.csv"
    path.write_text("\n".join(["x,grade", *rows]))
    with pytest.raises(DataError, match=why):
        run("train", str(path), "--target", "grade", "-o", str(tmp_path / "m"))


def test_odd_columns_are_no_harm(parts, task, tmp_path):
    rows = parts.read_text().splitlines()
    odd = [f"{row},7,,{'inf' if i % 9 == 0 else i % 5}" for i, row in enumerate(rows[1:])]
    path = tmp_path / "odd.csv"
    path.write_text("\n".join([f"{rows[0]},constant,empty,infinite", *odd]))
    found = json.loads(run("backtest", str(path), "--task", str(task), "--json"))
    assert next(f["value"] for f in found["figures"] if f["name"] == "F1") > 0.75


def _engines(seed: int = 0, **more: object) -> Table:
    runs = wearing_runs(units=20, seed=seed)
    columns = dict(zip(runs.names, runs.value.T, strict=True))
    return Table({"engine": runs.unit.astype(float), "hours": runs.age, **columns})


def test_thresholds_are_set_on_whole_units_too():
    """Three units are left in a fitting part: three inner folds, not rows at random."""
    rows = Rows(90, unit=np.repeat([0, 1, 2], 30))
    folds = _inner(Groups(folds=5), rows)
    assert len(folds) == 3
    for train, test in folds:
        assert not set(rows.unit[train]) & set(rows.unit[test])
    with pytest.raises(DataError, match="1 units, at least 2"):
        _inner(Groups(folds=5), Rows(30, unit=np.zeros(30, np.int64)))


def test_remaining_life_of_units():
    words = {
        "task": "remaining_life", "unit": "engine", "time": "hours", "cap": 80,
        "conditions": ["load"], "life_unit": "h", "model": FEW,
    }  # fmt: skip
    wanted = read_task(words)
    report = wanted.backtest(_engines(), lambda _: None)
    found = {(figure.name, figure.note): figure for figure in report.figures}
    assert found["RMSE", ""].value < 20
    assert 0.75 < found["coverage", ""].value <= 1
    assert report.protocol.units == 20
    assert report.protocol.cap == 80
    assert "whole units" in report.protocol.split

    fitted = Fitted.parse(wanted.fit(_engines(), lambda _: None).text(), "here")
    others = _engines(seed=1)
    shuffled = others.take(np.random.default_rng(0).permutation(others.rows))
    told, mixed = wanted.score(fitted, others), wanted.score(fitted, shuffled)
    assert np.array_equal(told["remaining"], mixed["remaining"]), "the order of rows is no matter"
    why = wanted.explain(fitted, others, 60)
    assert why.answer.startswith("engine 0 at 61: ")
    assert " h left (90% between " in why.answer


@pytest.mark.parametrize(
    ("kind", "says"),
    [("similarity", "; most alike: one that failed at "), ("weibull", "; scale of life against ")],
)
def test_remaining_life_by_other_prognostics(kind, says, tmp_path):
    """The whole way, from a file to a reason."""
    table, model = _engines(), tmp_path / "engines.model"
    rows = np.column_stack([table.numbers(name) for name in table.columns])
    engines = tmp_path / "engines.csv"
    engines.write_text(
        "\n".join([",".join(table.columns), *(",".join(f"{v:.6g}" for v in row) for row in rows)])
    )
    task = tmp_path / "task.yaml"
    task.write_text(
        "task: remaining_life\nunit: engine\ntime: hours\ncap: 80\nconditions: [load]\n"
        f"life_unit: h\nmodel: {{kind: {kind}}}\nsplit: {{by: unit, folds: 3}}\n"
    )
    found = json.loads(run("backtest", str(engines), "--task", str(task), "--json"))
    figures = {figure["name"]: figure["value"] for figure in reversed(found["figures"])}
    assert figures["RMSE"] < 20
    assert 0.75 < figures["coverage"] <= 1
    assert kind in json.dumps(found["protocol"])

    run("train", str(engines), "--task", str(task), "-o", str(model))
    told = json.loads(run("score", str(model), str(engines), "--format", "json"))
    assert len(told) == table.rows
    assert all(0 <= row["low"] <= row["remaining"] <= row["high"] <= 80 for row in told)
    why = json.loads(run("explain", str(model), str(engines), "--row", "61", "--json"))
    assert why["answer"].startswith("engine 0 at 61: ")
    assert says in why["answer"]


def test_remaining_life_is_never_split_otherwise():
    words = {"task": "remaining_life", "unit": "engine", "time": "hours"}
    for split in ({"by": "time"}, {"by": "row"}, {"by": "block"}):
        wanted = read_task(words | {"split": split})
        with pytest.raises(Refused, match="tell its own end"):
            wanted.backtest(_engines(), lambda _: None)


def test_two_rows_of_a_unit_at_one_time_are_refused():
    table = _engines()
    twice = table.take(np.append(np.arange(table.rows), 5))
    wanted = read_task({"task": "remaining_life", "unit": "engine", "time": "hours"})
    with pytest.raises(DataError, match="engine 0 has two rows at hours 6"):
        wanted.fit(twice, lambda _: None)


def test_an_altered_model_file_is_refused(parts, task, tmp_path):
    model = tmp_path / "grade.model"
    run("train", str(parts), "--task", str(task), "-o", str(model))
    text = model.read_text()
    for wrong, kind in (
        (text.replace("0.2", "0.3", 1), Damaged),
        (text[: len(text) // 2], Damaged),
        (text.replace('"gemel model": 1', '"gemel model": 9'), DataError),
        ("import os", DataError),
        ("[" * 100_000, DataError),
        ("", DataError),
    ):
        model.write_text(wrong)
        with pytest.raises(kind):
            run("score", str(model), str(parts))


def test_tables_are_read_as_they_are(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "time;speed;on;word\n2024-01-01 00:00:01;1.5;true;a\n2024-01-01 00:00:02;;false;\n"
    )
    table = read_table(path)
    assert table["time"].tolist() == [1704067201.0, 1704067202.0]
    assert table["speed"][0] == 1.5
    assert np.isnan(table["speed"][1])
    assert table["on"].tolist() == [1.0, 0.0]
    assert table["word"].tolist() == ["a", ""]
    with pytest.raises(ConfigurationError, match=r"'word' .* must be numbers, found text.* 'a'"):
        table.numbers("word")


@pytest.mark.parametrize(
    ("text", "why"),
    [("a,a\n1,2\n", "'a' is there twice"), ("a,b\n", "no rows"), ("a,b\n1\n", "not a table")],
)
def test_what_is_no_table_is_refused(tmp_path, text, why):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=why):
        read_table(path)
