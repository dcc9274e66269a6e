"""Designs, what they say of known surfaces, and sweeps that are ended and go on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, Damaged, DataError
from gemel.core.line import Cap, Line
from gemel.doors.cli.main import app
from gemel.runtime.sweeps import Folder
from gemel.twin.planning.experiments.designs import (
    Levels,
    fractional,
    latin_hypercube,
    levels_of,
    points_of,
    resolution_of,
)
from gemel.twin.planning.experiments.effects import effects_of
from gemel.twin.planning.experiments.settings import Experiment, Range, Sweep
from gemel.twin.planning.experiments.sweeping import BLOCK, Memory, analysed, grid, sweep

LINE = Line.read(
    {
        "stations": {
            "saw": {"time": {"mean": "10 s", "cv": 0.4}},
            "mill": {"time": {"mean": "12 s", "cv": 0.4}, "places": 3},
        }
    }
)


def asked(**more: Any) -> Experiment:
    factors = {"mill.time": {"from": 0.8, "to": 1.1}, "mill.places": {"from": 1, "to": 6}}
    return Experiment.read(
        {
            "line": "line.yaml",
            "play": {"parts": 100},
            "sweep": {"factors": factors, "points": 40, "replications": 3, **more},
        }
    )


# Designs


@pytest.mark.parametrize(
    ("factors", "resolution", "runs"),
    [
        (3, 3, 4), (7, 3, 8), (15, 3, 16),
        (4, 4, 8), (8, 4, 16), (16, 4, 32), (7, 4, 16),
        (5, 5, 16), (6, 5, 32), (7, 5, 64), (8, 5, 64), (3, 5, 8),
    ],
)  # fmt: skip
def test_fractions_have_the_published_number_of_runs(
    factors: int, resolution: int, runs: int
) -> None:
    """G. E. P. Box, W. G. Hunter and J. S. Hunter, Statistics for Experimenters (1978), table
    12.15; the resolution is found again from the points alone."""
    points = fractional(factors, resolution)
    assert points.shape == (runs, factors)
    assert len(np.unique(points, axis=0)) == runs
    assert (points.sum(axis=0) == 0).all()
    assert resolution_of(points) >= resolution


def test_a_latin_hypercube_has_one_point_in_each_stratum() -> None:
    points = latin_hypercube(50, 4, 7)
    for j in range(4):
        strata = np.floor((points[:, j] + 1) / 2 * 50).astype(int)
        assert sorted(strata) == list(range(50))
    assert np.abs(np.corrcoef(points.T) - np.eye(4)).max() < 0.5
    assert (latin_hypercube(50, 4, 7) == points).all()
    assert not (latin_hypercube(50, 4, 8) == points).all()


def test_sobol_points_are_even() -> None:
    settings = Sweep.model_validate_json(
        json.dumps({"factors": {"a.time": [1, 2], "b.time": [1, 2]}, "design": "sobol",
                    "points": 64})
    )  # fmt: skip
    points = points_of(settings, levels_of(settings.factors), 3)
    cells = np.floor((points + 1) / 2 * 8).astype(int)
    assert len(np.unique(cells, axis=0)) == 64, "one in each cell of 8 × 8"


def test_factorials_have_every_combination() -> None:
    settings = Sweep.model_validate_json(
        json.dumps({"factors": {"a.time": {"from": 0.5, "to": 1.5}, "a.servers": [1, 2],
                                "a.places": {"from": 2, "to": 4}},
                    "design": "factorial", "levels": 3})
    )  # fmt: skip
    levels = levels_of(settings.factors)
    points = points_of(settings, levels, 0)
    told = {tuple(lv.value(p) for lv, p in zip(levels, point, strict=True)) for point in points}
    assert len(points) == len(told) == 3 * 2 * 3
    assert {t[0] for t in told} == {"*0.5", "*1.0", "*1.5"}
    assert {t[1] for t in told} == {1, 2}
    assert {t[2] for t in told} == {2, 3, 4}


def test_what_a_factor_may_be() -> None:
    level = Levels("a.failures.x.repair", Range.model_validate({"from": "1 min", "to": "3 min"}))
    assert level.value(0.0) == "120000000000 ns"
    assert level.told(np.array([1.0])) == [180.0]
    text = Levels("a.dispatch", ("fifo", "spt", "edd"))
    assert text.told(np.array([-1.0, 0.0, 1.0])) == ["fifo", "spt", "edd"]
    unlimited = Levels("a.places", (1, None))
    assert [unlimited.value(p) for p in (-1, 1)] == [1, None]
    assert not text.is_number
    uneven = Levels("a.places", (1, 2, 11))
    assert uneven.coded(np.array([-1.0, 0.0, 1.0])).tolist() == pytest.approx([-1, -0.8, 1])
    for factor, said in (
        (Range.model_validate({"from": 1, "to": "3 s"}), "write both as"),
        (Range.model_validate({"from": 3, "to": 1}), "must rise"),
        (("fifo",), "no factor"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            Levels("a.places", factor)


# Effects


def test_effects_of_a_published_example() -> None:
    """The pilot plant of Box, Hunter and Hunter (1978), section 10.2: temperature 23.0,
    concentration −5.0, catalyst 1.5; interactions 1.5, 10.0 and 0.0."""
    yields = np.array([60, 72, 54, 68, 52, 83, 45, 80], np.float64)
    runs = np.arange(8)
    points = 2.0 * ((runs[:, None] >> np.arange(3)) & 1) - 1
    found = effects_of(("T", "C", "K"), (2, 2, 2), [(0, points, yields[None])])
    value = {found.terms.title(t): e.value for t, e in found.change.items()}
    assert value == pytest.approx(
        {"T": 23.0, "C": -5.0, "K": 1.5, "T × C": 1.5, "T × K": 10.0, "C × K": 0.0}
    )


def test_a_known_surface_is_found_and_its_error_judged() -> None:
    random = np.random.default_rng(1)
    points = latin_hypercube(120, 2, 1)
    a, b = points.T
    surface = 3 + 2 * a - b + 1.5 * a * b + 0.5 * a**2
    common = random.normal(0, 5, (6, 1))  # luck that all points share: no effect feels it
    measure = surface + common + random.normal(0, 0.1, (6, 120))
    found = effects_of(("a", "b"), (0, 0), [(0, points[:50], measure[:, :50]),
                                            (50, points[50:], measure[:, 50:])])  # fmt: skip
    value = {found.terms.title(t): e for t, e in found.change.items()}
    for name, true in (("a", 4), ("b", -2), ("a × b", 3), ("a²", 0.5), ("b²", 0)):
        assert abs(value[name].value - true) < 0.15
        assert value[name].low - 0.05 < true < value[name].high + 0.05
    assert found.surface.explained > 0.99
    assert found.surface.error == pytest.approx(0.1 / np.sqrt(6), rel=0.3)
    assert found.surface.noise == pytest.approx(0.1 / np.sqrt(6), rel=0.1)
    noise_only = effects_of(("a", "b"), (0, 0), [(0, points, random.normal(0, 1, (1, 120)))])
    assert noise_only.surface.explained < 0.1


def test_intervals_of_effects_hold_the_truth_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(2), 0
    points = fractional(4, 5)
    for _ in range(300):
        # A replication moves the slope, too: residuals of one fit would not show that.
        slopes = 1 + random.normal(0, 0.5, (5, 1))
        measure = slopes * points[:, 0] + random.normal(0, 0.2, (5, len(points)))
        found = effects_of("abcd", (2,) * 4, [(0, points, measure)]).change[0,]
        held += found.low <= 2 <= found.high
    assert abs(held / 300 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 300)


def test_mixed_effects_are_named() -> None:
    points = fractional(3, 3)
    found = effects_of("abc", (2, 2, 2), [(0, points, points[:, 0][None])])
    titles = {
        found.terms.title(t): found.terms.title(other) for t, other in found.mixed.items()
    }  # fmt: skip
    assert titles == {"a": "b × c", "b": "a × c", "c": "a × b"}
    with pytest.raises(DataError, match="say nothing"):
        effects_of("ab", (0, 0), [(0, points[:, :2], np.full((2, 4), np.nan))])


# Sweeps


def table(folder: Path) -> Any:
    rows = duckdb.sql(f"select * from '{folder}/*.parquet' order by replication, point")
    return [repr(row) for row in rows.fetchall()]  # to the last bit, and NaN like NaN


def test_an_ended_sweep_goes_on_to_the_same_table(tmp_path: Path) -> None:
    """Servers are played by events, so that a block has 16 points and the sweep several blocks."""
    factors = {"mill.servers": [1, 2], "saw.time": {"from": 0.8, "to": 1.2}}
    experiment = asked(factors=factors, points=150, replications=2)
    whole = grid(experiment, LINE)
    assert whole.blocks == 10
    assert sweep(whole, Folder(tmp_path / "whole", whole)).finished
    told = 0

    def ends(_done: int, whole: int) -> bool:
        nonlocal told
        told += 1
        assert whole == 300
        return told < 11

    first = sweep(whole, Folder(tmp_path / "parts", whole), progress=ends)
    assert first.replications == 1
    assert not first.finished
    kept = sorted((tmp_path / "parts").glob("*.parquet"))
    before = [(p.name, p.stat().st_mtime_ns) for p in kept]
    with ThreadPoolExecutor(3) as executor:
        again = sweep(whole, Folder(tmp_path / "parts", whole), executor=executor, workers=3)
    assert again.finished
    assert [(p.name, p.stat().st_mtime_ns) for p in kept] == before, "nothing is played twice"
    assert table(tmp_path / "parts") == table(tmp_path / "whole")
    assert len(table(tmp_path / "whole")) == 300


def test_a_point_is_what_the_line_would_give_alone(tmp_path: Path) -> None:
    from gemel.parts.simulators.base import Trial
    from gemel.twin.planning.experiments.playing import Task, play, scenarios_of

    whole, keeper = grid(asked(), LINE), Memory()
    sweep(whole, keeper)
    variant = whole.variant(whole.points[17])
    trial = Trial(100, first=2, keep=())
    alone = play(Task("flow_line", LINE, trial, scenarios_of(LINE, [variant])))
    found = keeper.get(2, 0, "good_parts_per_hour")[17]
    assert found == pytest.approx(3_600 * alone.throughput[0, 0], rel=1e-12)


def test_parts_at_once_are_swept() -> None:
    """Beside a line with the cap, as other lines where it has none: the same numbers."""
    factors = {"caps.line.most": [1, 2, 4, None], "mill.time": [0.9, 1.1]}
    experiment = asked(factors=factors, design="factorial", replications=1)
    capped = LINE.model_copy(update={"caps": {"line": Cap(most=3)}})
    found = []
    for line in (LINE, capped):
        whole, keeper = grid(experiment, line), Memory()
        sweep(whole, keeper)
        found.append(keeper.get(0, 0, "good_parts_per_hour"))
        assert found[0].tolist() == found[-1].tolist()
    told = whole.told(0)
    slow = np.array(told["mill.time"]) == 1.1
    assert [told["caps.line.most"][i] for i in np.flatnonzero(slow)] == ["1", "2", "4", "None"]
    assert np.diff(found[1][slow]).tolist()[0] > 0
    assert (np.diff(found[1][slow]) >= 0).all(), "more at once, never fewer"


def test_effects_have_the_sign_of_the_factory() -> None:
    whole, keeper = grid(asked(points=100), LINE), Memory()
    done = sweep(whole, keeper)
    found = analysed(whole, keeper, done.replications, "good_parts_per_hour").change
    assert found[0,].high < 0, "more time, fewer parts"
    assert found[1,].low > 0, "more places, more parts"


def test_it_ends_early_where_effects_are_known(tmp_path: Path) -> None:
    whole = grid(asked(replications=50, until=10.0), LINE)
    done = sweep(whole, Memory())
    assert done.early
    assert 3 <= done.replications < 50


def test_many_points_are_played_in_blocks() -> None:
    whole = grid(asked(points=10_000, replications=1), LINE)
    assert whole.blocks == 3
    assert whole.rows(2) == slice(2 * BLOCK, 10_000)
    rows = [whole.rows(b) for b in range(whole.blocks)]
    assert all(a.stop == b.start for a, b in pairwise(rows))


def test_folders_that_do_not_belong(tmp_path: Path) -> None:
    whole = grid(asked(), LINE)
    keeper = Folder(tmp_path, whole)
    sweep(whole, keeper)
    other = grid(asked(points=41), LINE)
    with pytest.raises(ConfigurationError, match="holds another sweep: points differ"):
        Folder(tmp_path, other)
    path = next(tmp_path.glob("r00000*.parquet"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Damaged, match="remove it, and it is played again"):
        keeper.get(0, 0, "scrap")


def test_a_sweep_that_is_interrupted_keeps_what_is_finished(tmp_path: Path) -> None:
    """Ctrl-C in a process of its own, and the same command again."""
    (tmp_path / "line.yaml").write_text(
        "stations:\n  saw: {time: {mean: 10 s, cv: 0.4}}\n  mill: {time: 12 s, places: 3}\n",
        encoding="utf-8",
    )
    path, out = tmp_path / "sweep.yaml", tmp_path / "out"
    path.write_text(
        "line: line.yaml\nplay: {parts: 100}\nsweep:\n  points: 4200\n  replications: 40\n"
        "  factors:\n    mill.time: {from: 0.8, to: 1.2}\n    saw.time: {from: 0.8, to: 1.2}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "gemel.doors.cli.main", "whatif", "sweep", str(path),
               "--out", str(out), "--workers", "threads:2"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while len(list(out.glob("*.parquet"))) < 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    kept = len(list(out.glob("*.parquet")))
    assert 3 <= kept < 80
    assert not list(out.glob(".*.new"))
    assert "the same command goes on" in said
    done = CliRunner().invoke(app, [*command[3:], "--json"])
    told = json.loads(done.stdout)
    assert told["finished"]
    assert told["replications"] == 40
    assert len(list(out.glob("*.parquet"))) == 80


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text(
        "stations:\n  saw: {time: {mean: 10 s, cv: 0.4}}\n  mill: {time: 12 s, places: 3}\n",
        encoding="utf-8",
    )
    path = tmp_path / "sweep.yaml"
    text = (
        "line: line.yaml\nplay: {parts: 200}\nsweep:\n  design: fractional\n  replications: 4\n"
        "  factors:\n    mill.time: {from: 0.8, to: 1.2}\n    saw.time: {from: 0.8, to: 1.2}\n"
    )
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["whatif", "sweep", str(path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["effects"][0]["term"] == "mill.time"
    assert told["best"][0]["mill.time"] == 0.8
    shown = CliRunner().invoke(app, ["whatif", "sweep", str(path), "--workers", "threads:1"])
    assert "most is done by mill.time" in shown.output
    path.write_text(text.replace("saw.time", "sow.time"), encoding="utf-8")
    wrong = CliRunner().invoke(app, ["whatif", "sweep", str(path)])
    assert "sweep.yaml:8: factor 'sow.time': no station 'sow'" in str(wrong.exception)
