"""Forecasts from a table: the grid, the choice, what is planned, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.public import public_data
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, DataError, GemelError
from gemel.core.table import Table
from gemel.core.time import SECOND, parse_time
from gemel.doors.cli.main import app
from gemel.runtime.tables import read_table
from gemel.twin.learning.tasks import read_task
from gemel.twin.learning.tasks.base import Fitted
from gemel.twin.learning.tasks.panels import seasons_of, series_of

FEW = {"kind": "boosted", "windows": [24], "trees": {"iterations": 50}, "rows": 5_000}
BEGIN = parse_time("2026-01-05") / SECOND


def quiet(_: str) -> None:
    """Tells nobody."""


def hourly(days: int = 40, seed: int = 0) -> Table:
    """Energy of a hall by the hour: a day's rhythm, and 30 kWh more while shifts are planned."""
    random = np.random.default_rng(seed)
    hour = np.arange(24 * days)
    shift = (random.random(days) < 0.7).repeat(24) * ((hour % 24) // 8 == 1) * 1.0
    energy = 50 + 10 * np.sin(2 * np.pi * hour / 24) + 30 * shift + random.normal(0, 1, len(hour))
    return Table({"time": BEGIN + 3600.0 * hour, "energy": energy, "shift": shift}, "d", "hall.csv")


def words(**more: object) -> dict[str, object]:
    return {"task": "forecast", "target": "energy", "time": "time", "horizon": 24, **more}


# The grid


def series(table: Table, **more: object):
    given = {"unit": None, "time": "time", "time_unit": "s", "step": "", "gather": "mean",
             "known": ()}  # fmt: skip
    return series_of(table, "energy", **{**given, **more})


def test_a_clock_that_wanders_by_less_than_half_a_step_changes_nothing() -> None:
    table = hourly(3)
    wandering = np.random.default_rng(1).uniform(-1200, 1200, table.rows)
    wandering[0] = 0
    shifted = Table({**table.columns, "time": table["time"] + wandering})
    assert np.array_equal(series(shifted).panel.value, series(table).panel.value)


def test_missing_rows_are_gaps_and_several_in_a_step_are_gathered() -> None:
    table = hourly(2).take(np.delete(np.arange(48), [7, 30]))
    found = series(table)
    assert len(found.panel) == 48
    assert np.flatnonzero(np.isnan(found.panel.value[0])).tolist() == [7, 30]
    daily = series(hourly(2), step="1 d", gather="sum")
    assert daily.panel.value[0] == pytest.approx(hourly(2)["energy"].reshape(2, 24).sum(axis=1))
    assert daily.doubled == 46
    last = series(hourly(2), step="1 d", gather="last")
    assert last.panel.value[0].tolist() == hourly(2)["energy"][[23, 47]].tolist()


def test_months_are_a_grid_across_years() -> None:
    days = ["2025-11-30", "2025-12-01", "2026-01-31", "2026-03-01"]
    table = Table({"time": np.array(days), "energy": np.array([1.0, 2.0, 3.0, 5.0])})
    found = series(table)
    assert found.panel.value[0].tolist() == pytest.approx([1, 2, 3, np.nan, 5], nan_ok=True)
    assert found.ahead(2).tolist() == ["2026-04", "2026-05"]


def test_seasons_are_those_of_the_calendar_that_were_seen_three_times() -> None:
    assert seasons_of(series(hourly(40)).grid, 960) == (24, 168)
    assert seasons_of(series(hourly(20)).grid, 480) == (24,)
    numbered = Table({"time": np.arange(100.0), "energy": np.arange(100.0)})
    assert seasons_of(series(numbered).grid, 100) == ()


def test_a_step_that_cannot_be_is_told() -> None:
    table = Table({"time": BEGIN + np.array([0, 1, 2, 5e8]), "energy": np.arange(4.0)}, "", "x.csv")
    with pytest.raises(DataError, match=r"4 rows for 500,000,001 steps .* is `step` right\? it is"):
        series(table)
    same = Table({"time": np.full(5, BEGIN), "energy": np.arange(5.0)}, "", "x.csv")
    with pytest.raises(DataError, match="all rows have one time"):
        series(same)
    with pytest.raises(ConfigurationError, match="need a `time` column"):
        series(hourly(2), unit="shift", time=None)


# The task


def test_the_plan_is_used_and_what_comes_later_is_not() -> None:
    table = hourly()
    planned = Table({n: c.copy() for n, c in table.columns.items()}, "d", "hall.csv")
    planned.columns["energy"][-24:] = np.nan
    task = read_task(words(known=["shift"], model=FEW))
    fitted = task.fit(planned, quiet)
    told = task.score(fitted, planned)
    assert told.rows == 24
    assert told["time"][0] == "2026-02-13T00:00:00Z"
    truth, shift = table["energy"][-24:], table["shift"][-24:]
    assert shift.any(), "the seed gives a last day with a shift"
    assert np.abs(told["energy"] - truth).mean() < 2.5
    idle = Table({**planned.columns, "shift": planned["shift"] * (np.arange(960) < 936)})
    without = task.score(fitted, idle)
    assert (told["energy"] - without["energy"])[shift == 1].mean() == pytest.approx(30, abs=4)
    why = task.explain(fitted, planned, int(np.flatnonzero(shift)[0]))
    assert why.shares[0][0] == "planned shift"
    assert why.mean + sum(share for _, share, _ in why.shares) == pytest.approx(
        told["energy"][np.flatnonzero(shift)[0]]
    )


def test_the_choice_never_sees_what_judges() -> None:
    """Other values in the judged part change the figures, not what was chosen."""
    table = hourly(30)
    judged = 20 * 24
    other = Table({**table.columns, "energy": table["energy"].copy()}, "d", "hall.csv")
    other.columns["energy"][-1:] += 500
    task = read_task(words(origins=10))
    assert len(table["energy"]) - 10 * 24 == judged
    first, second = (task.backtest(t, quiet) for t in (table, other))
    assert first.tables["how it was chosen"] == second.tables["how it was chosen"]
    assert first.figures != second.figures
    assert first.protocol.rows == 240


def test_a_backtest_stands_beside_naive_and_holds_its_band() -> None:
    report = read_task(words(known=["shift"], model=FEW)).backtest(hourly(60), quiet)
    figures = {f.name: f for f in report.figures}
    assert figures["MASE beside naive"].high < 0.8
    assert figures["coverage"].value == pytest.approx(0.9, abs=0.06)
    assert [row["steps ahead"] for row in report.tables["by step"]][-1] == 24
    assert "20 origins, 24 steps apart" in str(report.protocol)


def test_series_that_stand_together_are_told_together(tmp_path: Path) -> None:
    """From the command line: train, score, explain; the same from a model file."""
    random = np.random.default_rng(0)
    rows = ["part,month,sold"]
    for part in range(30):
        sold = random.poisson(0.5 + part / 10, 48)
        rows += [
            f"p{part:02d},{2022 + m // 12}-{m % 12 + 1:02d}-01,{n}" for m, n in enumerate(sold)
        ]
    data, model = tmp_path / "sales.csv", tmp_path / "sales.model"
    data.write_text("\n".join(rows) + "\n", encoding="utf-8")
    options = ["--task", "forecast", "--target", "sold", "--unit", "part", "--time", "month"]
    run("train", str(data), *options, "--horizon", "6", "-o", str(model))
    told = json.loads(run("score", str(model), str(data), "--format", "json"))
    assert len(told) == 180
    assert told[0]["part"] == "p00"
    assert told[5]["month"] == "2026-06"
    assert told[174]["sold"] > 2 * told[0]["sold"]
    assert all(row["low"] >= 0 for row in told), "sales are never negative"
    again = Fitted.parse(model.read_text(encoding="utf-8"), "x")
    task = read_task(again.task)
    table = task.score(again, read_table(data))
    assert table["sold"].tolist() == [row["sold"] for row in told]
    why = json.loads(run("explain", str(model), str(data), "--row", "175", "--json"))
    assert why["answer"].startswith("p29, 2026-01: sold")


def run(*given: str) -> str:
    result = CliRunner().invoke(app, given, catch_exceptions=True)
    if isinstance(result.exception, GemelError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"horizon": [1, 2]}, "is not one number of steps"),
        ({"split": {"by": "time"}}, "judged by origins that move on in time"),
        ({"target": "enrgy"}, "no column 'enrgy'; did you mean 'energy'"),
        ({"horizon": 5000}, "too few to choose a forecaster"),
        ({"known": ["shifts"]}, "no column 'shifts'"),
        ({"step": "0 s"}, "must be longer than nothing"),
        ({"model": {"kind": "etz"}}, "no forecaster named 'etz'"),
        ({"model": {"kind": "ets", "levels": [0.5]}}, "must have"),
    ],
)
def test_what_cannot_be_is_told(more: dict[str, object], said: str) -> None:
    with pytest.raises(GemelError, match=said):
        read_task(words(**more)).fit(hourly(5), quiet)


def test_nothing_known_is_told() -> None:
    empty = Table({"time": BEGIN + 3600 * np.arange(50.0), "energy": np.full(50, np.nan)})
    with pytest.raises(DataError, match="has no value"):
        read_task(words()).fit(empty, quiet)
    constant = Table({"time": BEGIN + 3600 * np.arange(200.0), "energy": np.full(200, 7.0)})
    task = read_task(words(model={"kind": "ets", "season": 24}))
    told = task.score(task.fit(constant, quiet), constant)
    assert told["energy"].tolist() == [7.0] * 24
    assert (told["high"] - told["low"]).max() == 0


@pytest.mark.data
def test_the_choice_is_better_than_last_week_on_steel_energy() -> None:
    """Six hours in a step, so that it takes seconds; the default, one command."""
    table = read_table(public_data("steel_energy", "steel_industry_data.csv.gz"))
    task = read_task(
        {"task": "forecast", "target": "Usage_kWh", "time": "timestamp", "step": "6 h",
         "gather": "sum", "horizon": 4, "origins": 20}
    )  # fmt: skip
    figures = {f.name: f for f in task.backtest(table, quiet).figures}
    assert figures["scaled pinball loss beside naive"].high < 1
    assert 0.8 < figures["coverage"].value < 0.99
