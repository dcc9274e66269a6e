"""`gemel dispatch` as people type it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError
from gemel.doors.cli.main import app

LINE = """\
stations:
  saw:
    time: {kind: exponential, mean: 5 s}
    after: []
    setup: {time: 2 s, crew: fitter}
    arrivals: {every: {kind: exponential, mean: 9 s}}
  mill: {time: {kind: exponential, mean: 5 s}, after: [], setup: {time: 2 s, crew: fitter}}
products:
  a: {due: 60 s, route: [{station: saw}, {station: mill}]}
  b: {due: 20 s, route: [{station: mill}, {station: saw}]}
crews:
  fitter: {number: 1}
"""


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.yaml"
    path.write_text(LINE, encoding="utf-8")
    return path


def told(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["dispatch", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_train_and_compare(line: Path) -> None:
    policy = line.with_name("policy.json")
    short = ("--parts", "40", "--episodes", "3")
    trained = told("train", str(line), "-o", str(policy), "--generations", "1", *short)
    written = json.loads(policy.read_text(encoding="utf-8"))
    assert trained["acts"] is written["acts"]
    assert written["record"]["objective"] == "tardiness"
    found = told("compare", str(line), "--policy", str(policy), *short)
    costs = [one["value"] for one in found["deciders"]]
    assert costs == sorted(costs)
    names = {one["who"] for one in found["deciders"]}
    assert {"learned", "fifo, first", "atcs, earliest_due"} <= names
    assert told("compare", str(line), "--policy", str(policy), *short) == found
    shown = CliRunner().invoke(app, ["dispatch", "compare", str(line), *short])
    assert "least: " in shown.output
    assert "lead time" not in shown.output


def test_a_policy_of_another_line(line: Path) -> None:
    policy = line.with_name("policy.json")
    short = ("--parts", "20", "--episodes", "2")
    told("train", str(line), "-o", str(policy), "--generations", "1", *short)
    line.write_text("stations:\n  press: {time: 5 s}\n", encoding="utf-8")
    command = ["dispatch", "compare", str(line), "--policy", str(policy), *short]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, ConfigurationError)
    assert "was trained for stations saw, mill" in str(done.exception)
    policy.write_text("weights: none", encoding="utf-8")
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, ConfigurationError)
    assert "policy.json: no policy can be read" in str(done.exception)


def test_lead_time_where_nothing_is_due(line: Path) -> None:
    line.write_text("stations:\n  press: {time: 5 s}\n", encoding="utf-8")
    assert (
        told("compare", str(line), "--parts", "20", "--episodes", "2")["objective"] == "lead_time"
    )
    done = CliRunner().invoke(app, ["dispatch", "compare", str(line), "--objective", "tardiness"])
    assert "nothing is ever late" in str(done.exception)
