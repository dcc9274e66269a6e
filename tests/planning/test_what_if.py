"""Alternatives side by side, and lines of a plant file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.line import Cap, Line
from gemel.parts.simulators.base import Trial
from gemel.runtime.configuration import check, load
from gemel.twin.planning import refuse_long, what_if

LINE = Line.read(
    {
        "stations": {
            "saw": {"time": "10 s"},
            "mill": {"time": {"mean": "12 s", "cv": 0.3}, "places": 4},
            "wash": {"time": "9 s", "places": 4},
        }
    }
)

PLANT = """\
format: 1
connectors: {push: {kind: http}}
assets:
  saw: {connector: push, signals: {state: {}}}
shifts:
  - {name: Day, start: '06:00', end: '14:00'}
lines:
  cutting:
    begins: mon 06:00
    stations:
      saw: {asset: saw, time: 10 s, calendar: shifts}
      mill: {time: 12 s, places: 4}
"""


def test_the_better_one_is_found_and_how_sure_that_is() -> None:
    trial = Trial(2_000, replications=10, keep=("states",))
    found = what_if(LINE, ["mill.time*0.9", "wash.time*0.9"], trial).record()
    faster, other = found["alternatives"][1:]
    assert faster["alternative"] == "mill.time*0.9"
    assert faster["best"] > 0.99
    assert faster["gain"]["value"] == pytest.approx(0.1, abs=0.02)
    assert faster["gain"]["low"] > 0
    assert abs(other["gain"]["value"]) < 0.005
    assert found["bottleneck"]["found"] == ["mill"]
    states = found["alternatives"][0]["states"]["mill"]
    assert sum(states.values()) == pytest.approx(1)
    json.dumps(found, allow_nan=False)


def test_changes_are_common_to_all() -> None:
    trial = Trial(1_000, replications=3)
    found = what_if(LINE, ["saw.time*0.9"], trial, changes=["mill.time*0.5"])
    assert found.names == ("mill.time*0.5", "saw.time*0.9")
    faster = what_if(LINE, ["mill.time*0.5, saw.time*0.9"], trial)
    assert np.array_equal(found.run.throughput[1], faster.run.throughput[1])


def test_a_line_is_tried_with_fewer_parts_at_once() -> None:
    """A cap that it has not is one of the whole line; nothing else is another."""
    trial = Trial(2_000, replications=5)
    found = what_if(LINE, ["caps.line.most=2", "caps.line.most=50", "wash.places=0"], trial)
    few, many, fewer = (found.run.wip[i].mean() for i in (1, 2, 3))
    free = what_if(LINE, ["wash.places=0"], trial).run
    assert found.simulator == "flow_line"
    assert few <= 2
    assert np.array_equal(found.run.throughput[[0, 2, 3]], free.throughput[[0, 0, 1]])
    assert (many, fewer) == (free.wip[0].mean(), free.wip[1].mean())
    capped = LINE.model_copy(update={"caps": {"line": Cap(most=2)}})
    other = what_if(capped, [], trial, changes=["mill.time*0.5"]).run
    same = what_if(LINE, ["mill.time*0.5, caps.line.most=2"], trial).run
    assert np.array_equal(other.throughput[0], same.throughput[1])
    with pytest.raises(ConfigurationError, match=r"'caps\.line\.most=0': .*must be at least 1"):
        what_if(LINE, ["caps.line.most=0"], trial)


def test_what_is_not_finished_is_left_out() -> None:
    tries = [f"mill.time*{1 - i / 10_000:.4f}" for i in range(1_100)]
    found = what_if(LINE, tries, Trial(50), progress=lambda _d, _a: False)
    record = found.record()
    assert not record["finished"]
    assert len(record["alternatives"]) < 1_101
    assert record["bottleneck"] is None
    assert {a["alternative"] for a in record["alternatives"]} <= {*tries, "as it is"}


def test_what_takes_far_too_long_is_refused_before_it_begins() -> None:
    refuse_long(LINE, Trial(None, 8 * 3_600.0, replications=20), 4)
    for trial in (Trial(None, 3.6e6, replications=1_000), Trial(10_000_000, replications=100)):
        with pytest.raises(ConfigurationError, match=r"a minute is enough for 1e\+09: take fewer"):
            refuse_long(LINE, trial, 4)
    oven = Line.read({"stations": {"oven": {"time": "60 s", "batch": {"most": 8}}}})
    with pytest.raises(ConfigurationError, match=r"enough for 1e\+07"):
        refuse_long(oven, Trial(1_000_000, replications=10), 0)


def test_a_plant_file_has_lines_with_its_shifts(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT, encoding="utf-8")
    line = load(path).lines["cutting"]
    assert line.calendars["shifts"][0].name == "Day"
    found = what_if(line, [], Trial(None, 7 * 86_400.0, 0.0)).record()
    week = found["alternatives"][0]["good_parts_per_hour"]["value"] * 7 * 24
    assert week == pytest.approx(5 * 8 * 300, rel=0.01), "five days of eight hours"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "asset: saw",
            "asset: sew",
            "plant.yaml:11: line 'cutting', station 'saw': no asset",
        ),
        ("places: 4", "places: -4", "plant.yaml:12: lines 'cutting'"),
        ("calendar: shifts", "calendar: nights", "plant.yaml:11: lines 'cutting'"),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT.replace(before, after), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        load(path)
    assert any(str(advice).startswith(said) for advice in check(path))
