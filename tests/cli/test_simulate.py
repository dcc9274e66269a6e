"""`gemel simulate` as people type it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError
from gemel.doors.cli.main import app
from gemel.runtime.lines import read_line
from gemel.twin.planning import alternatives, simulator_for

ROOT = Path(__file__).parents[2]
LINE = ROOT / "examples" / "line.yaml"
SIX_LINES = """\
stations:
  saw: {time: 30 s}
  mill: {time: {mean: 40 s, cv: 0.3}, places: 5}
  wash: {time: 20 s, places: 5}
"""


def told(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["simulate", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_six_lines_are_a_line(tmp_path: Path) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(SIX_LINES)
    found = told(str(path), "--parts", "2000", "--replications", "3")
    (only,) = found["alternatives"]
    assert found["simulator"] == "flow_line"
    assert only["good_parts_per_hour"]["value"] == pytest.approx(90, rel=0.03)
    assert found["bottleneck"]["found"] == ["mill"]
    assert only["states"]["mill"]["working"] > 0.98


def test_the_table_says_what_limits() -> None:
    done = CliRunner().invoke(
        app, ["simulate", str(LINE), "--parts", "3000", "--replications", "4", "--threads", "1"]
    )
    assert done.exit_code == 0, done.output
    assert "filler" in done.output
    assert "good parts per hour" in done.output
    assert "limits" in done.output


def test_alternatives_stand_beside_it() -> None:
    found = told(
        str(LINE), "--parts", "3000", "--replications", "5", "--try", "filler.time*0.8",
        "--try", "filler.places=40, capper.repair*0.5",
    )  # fmt: skip
    rates = [a["good_parts_per_hour"]["value"] for a in found["alternatives"]]
    assert len(rates) == 3
    assert rates[1] > rates[0]
    assert sum(a["best"] for a in found["alternatives"]) <= 1 + 1e-9


def test_set_changes_the_line_and_all_alternatives() -> None:
    plain = told(str(LINE), "--parts", "1000", "--replications", "2", "--try", "filler.time*0.8")
    other = told(
        str(LINE), "--parts", "1000", "--replications", "2", "--set", "filler.time*0.8",
    )  # fmt: skip
    assert other["alternatives"][0]["lead_time_s"] == plain["alternatives"][1]["lead_time_s"]


def test_both_simulators_say_the_same() -> None:
    asked = (str(LINE), "--parts", "400", "--replications", "2", "--warm-up", "0")
    one, other = (
        told(*asked, "--simulator", s)["alternatives"][0] for s in ("flow_line", "events")
    )
    assert one["good_parts_per_hour"]["value"] == pytest.approx(
        other["good_parts_per_hour"]["value"], rel=0.02
    )


def test_so_many_hours() -> None:
    found = told(str(LINE), "--for", "2 h", "--replications", "3")
    assert found["horizon_s"] == 7200
    assert found["parts"] is None
    assert 2000 < found["alternatives"][0]["good_parts_per_hour"]["value"] < 3600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "fillr.time*0.9"], "did you mean 'filler'?"),
        (["--set", "filler.tme*0.9"], "did you mean 'time'?"),
        (["--set", "filler"], "is no change; write e.g. 'filler.time*0.95'"),
        (["--set", "filler.time=3"], "3 needs a unit; write e.g. '3 s'"),
        (["--set", "filler.places=-3"], "is -3, must be at least 0"),
        (["--set", "filler.servers=2"], "`gemel whatif` tries everything else"),
        (["--for", "8"], "not a duration"),
        (["--simulator", "flowline"], "did you mean 'flow_line'?"),
        (["--parts", "100000000"], "must be 1 to 10,000,000"),
    ],
)
def test_mistakes_are_told(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["simulate", str(LINE), *arguments])
    assert isinstance(done.exception, ConfigurationError)
    assert said in str(done.exception)


def test_the_fastest_simulator_that_covers_the_line(tmp_path: Path) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(SIX_LINES.replace("places: 5}\n", "places: 5, servers: 2}\n", 1))
    line = read_line(path)
    assert simulator_for(line)[0] == "events"
    with pytest.raises(ConfigurationError, match="'mill' has several servers"):
        simulator_for(line, "flow_line")


def test_changes_multiply() -> None:
    line = read_line(LINE)
    found = alternatives(line, ["", "*.time*0.5, filler.time*0.5", "filler.places=none"])
    assert found.time[0].tolist() == [1] * 5
    assert found.time[1].tolist() == [0.5, 0.5, 0.25, 0.5, 0.5]
    assert found.places[2].tolist() == [-1, 20, -1, 5, 30]


def test_lines_on_the_page_are_good(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "simulate.md").read_text(encoding="utf-8")
    blocks = [
        b
        for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        if re.search("^stations:", b, re.MULTILINE)
    ]
    assert blocks
    for block in blocks:
        path = tmp_path / "line.yaml"
        path.write_text(block)
        read_line(path)
    entries = re.findall(r"^\| [^|]+ \| `(.+)` \|$", page, re.MULTILINE)
    assert len(entries) >= 8


def test_one_replication_has_an_interval_by_batches() -> None:
    asked = ["simulate", str(LINE), "--parts", "20000", "--replications", "1", "--threads", "1"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    (row,) = [line for line in done.output.splitlines() if line.startswith("as it is")]
    value, low, high = (float(v) for v in re.findall(r"[\d.]+", row)[:3])
    assert low < value < high
    assert high - low < 0.3 * value


def test_a_warm_up_that_is_too_short_is_told(tmp_path: Path) -> None:
    """It is quick until the many places of the slow branch are full."""
    path = tmp_path / "line.yaml"
    path.write_text(
        """\
stations:
  in: {time: 1 s}
  quick: {time: 1 s, places: 5, after: [in]}
  slow: {time: 10 s, places: 200, after: [in]}
"""
    )
    asked = ["simulate", str(path), "--replications", "2"]
    done = CliRunner().invoke(app, [*asked, "--parts", "1000", "--warm-up", "0.05"])
    assert done.exit_code == 0, done.output
    assert "until the line has settled" in done.output
    done = CliRunner().invoke(app, [*asked, "--parts", "5000"])
    assert "until the line has settled" not in done.output
