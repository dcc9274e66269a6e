"""What is expected of a line that does not exist yet, where it can be computed by hand."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.doors.cli.main import app
from gemel.twin.planning.experiments.expectation import share_interval
from gemel.twin.planning.experiments.new_line import (
    Sampled,
    design_of,
    expected,
    learned,
    mattering,
)
from gemel.twin.planning.experiments.settings import Experiment

ONE = Line.read({"stations": {"press": {"time": "10 s"}}})


def asked(demand: str = "360 per hour", **more: Any) -> Experiment:
    new = {
        "demand": demand, "samples": 400,
        "tolerances": {"press.time": {"from": "9 s", "to": "11 s"}}, **more,
    }  # fmt: skip
    return Experiment.read(
        {
            "line": "-", "play": {"parts": 50}, "new": new,
            "cost": {"investment": 400_000, "per_hour": 30},
            "prices": {"hours_per_year": 4_000, "years": 5},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals_of_shares(hits: int, count: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3."""
    found = share_interval(hits, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_capacity_of_one_machine_by_hand() -> None:
    """Its time is uniform between 9 and 11 s: it reaches 360 parts/h with one half, and is short of
    them by (360 − 3600 ln 1.1) / 2 on average."""
    found = expected(design_of(asked(), ONE))
    assert found.reaches.value == pytest.approx(0.5, abs=0.003)
    assert found.reaches.low < 0.5 < found.reaches.high
    assert found.shortfall.mean() == pytest.approx((360 - 3_600 * log(1.1)) / 2, rel=0.01)
    assert found.rate.max() <= 400.001
    assert np.median(found.cost) == pytest.approx((30 + 400_000 / 20_000) / 360, rel=0.01)
    (effect,) = found.matters.values()
    assert effect.value == pytest.approx(-72.7, abs=2), "3600/9 − 3600/11, nearly straight"
    assert "reached with 50 %" in found.sentence
    json.dumps(found.record(), allow_nan=False)


def test_learning_curves_by_hand() -> None:
    """T. P. Wright's 80 % curve: what doubles leaves 80 %."""
    assert [learned(2.0, 0.8, w) for w in (1, 2, 4)] == pytest.approx([2, 1.6, 1.28])
    assert learned(2.0, 0.8, 100) == 1
    assert learned(1.0, 0.8, 1) == 1


def test_a_ramp_up_by_hand() -> None:
    ramp = {"weeks": 4, "time": 2, "rate": 0.8, "hours_per_week": 40}
    found = expected(design_of(asked("300 per hour", tolerances={}, samples=20, ramp_up=ramp), ONE))
    rates = [360 / learned(2, 0.8, w) for w in (1, 2, 3, 4)]
    assert [w.mean for w in found.weeks] == pytest.approx(rates)
    assert [w.reached for w in found.weeks] == [0, 0, 0, 0]
    assert found.weeks[-1].made == pytest.approx(40 * sum(rates))
    assert found.weeks[-1].wanted == 48_000
    assert found.reaches.value == 1


def test_failures_of_the_first_weeks() -> None:
    line = Line.read(
        {
            "stations": {
                "press": {
                    "time": "10 s",
                    "failures": {
                        "jam": {"every": {"kind": "exponential", "mean": "100 s"}, "repair": "50 s"}
                    },
                }
            }
        }
    )
    settings = asked(tolerances={}, samples=20, ramp_up={"weeks": 2, "failures": 4, "repair": 2})
    longer = settings.play.model_copy(update={"parts": 2_000})
    found = expected(design_of(settings.model_copy(update={"play": longer}), line))
    # 10 s of work, and 4 · 2 times the 5 s of repair that it has in the end.
    assert found.weeks[0].mean == pytest.approx(3_600 / (10 + 40), rel=0.03)
    assert found.rate.mean() == pytest.approx(3_600 / 15, rel=0.03)


def test_what_matters_is_told_from_what_does_not() -> None:
    random, held = np.random.default_rng(1), 0
    for _ in range(200):
        points = random.uniform(-1, 1, (60, 2))
        rate = 100 + 3 * points[:, 0] + random.normal(0, 4, 60)
        found = mattering(["a", "b"], points, rate)
        held += found["b"].low <= 0 <= found["b"].high
        held += found["a"].low <= 6 <= found["a"].high
    assert abs(held / 400 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400)
    assert mattering(["a"], np.zeros((2, 1)), np.zeros(2)) == {}


def test_threads_and_an_early_end() -> None:
    one = expected(design_of(asked(samples=220), ONE))
    with ThreadPoolExecutor(3) as executor:
        many = expected(design_of(asked(samples=220), ONE), executor=executor, workers=3)
    assert many.rate.tobytes() == one.rate.tobytes()
    ended = expected(design_of(asked(samples=220), ONE), progress=lambda done, _all: done < 210)
    assert not ended.finished
    assert 200 <= len(ended.rate) < 211
    assert ended.rate.tolist() == one.rate[: len(ended.rate)].tolist()


def test_what_is_kept_goes_on_to_the_same_end() -> None:
    """Ended among the samples and among the weeks, as often as it likes."""
    design = design_of(asked(samples=60, ramp_up={"weeks": 3, "time": 2}), ONE)
    whole = expected(design)
    kept: list[Sampled] = []
    for end in (25, 61, 100):
        before = kept[-1] if kept else None
        ended = expected(design, progress=lambda d, _: d < end, kept=before, keep=kept.append)  # noqa: B023
        assert not ended.finished
        assert len(ended.rate) + len(kept[-1].ramp) >= end - 2, "a piece at most is lost"
    done = expected(design, kept=kept[-1])
    assert done.record() == whole.record()


def test_the_curve_of_the_capacity_holds_what_the_answer_says() -> None:
    found = expected(design_of(asked(samples=60), ONE))
    curve = found.record()["capacity"]
    (at,) = [p for p in curve if p["good_parts_per_hour"] == 360]
    assert (at["value"], at["low"], at["high"]) == pytest.approx(
        (found.reaches.value, found.reaches.low, found.reaches.high)
    )
    assert curve[0]["value"] == 1
    shares = [p["value"] for p in curve]
    assert shares == sorted(shares, reverse=True)


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text("stations: {press: {time: 10 s}}\n", encoding="utf-8")
    path = tmp_path / "new.yaml"
    text = (
        "line: line.yaml\nplay: {parts: 50}\nnew:\n  demand: 8640 per day\n  samples: 50\n"
        "  tolerances:\n    press.time: {from: '*0.9', to: '*1.1'}\n"
        "  ramp_up: {weeks: 3, time: 2}\n"
    )
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["whatif", "design", str(path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["demand_per_hour"] == 360
    assert len(told["ramp_up"]) == 3
    keep = ["whatif", "design", str(path), "--json", "--keep", str(tmp_path / "kept.json")]
    for _ in range(2):  # played, and read again
        assert json.loads(CliRunner().invoke(app, keep).stdout) == told
    path.write_text(text.replace("8640", "9000"), encoding="utf-8")
    more = json.loads(CliRunner().invoke(app, keep).stdout)
    assert more["reaches"]["value"] < told["reaches"]["value"], "of the same lines"
    path.write_text(text.replace("weeks: 3", "weeks: 4"), encoding="utf-8")
    other = CliRunner().invoke(app, keep)
    assert "was kept from something else: ramp_up differ" in str(other.exception)
    path.write_text(text, encoding="utf-8")
    shown = CliRunner().invoke(app, ["whatif", "design", str(path)])
    assert "360 good parts per hour are reached with 50 %" in shown.output
    for old, new, said in (
        ("press.time", "pres.time", "new.yaml:7: tolerance 'pres.time': no station 'pres'"),
        ("8640 per day", "many", "new.yaml:4: new.demand"),
        ("weeks: 3", "weeks: 0", "new.yaml:8: new.ramp_up.weeks"),
    ):
        path.write_text(text.replace(old, new), encoding="utf-8")
        wrong = CliRunner().invoke(app, ["whatif", "design", str(path)])
        assert isinstance(wrong.exception, ConfigurationError)
        assert said in str(wrong.exception)
