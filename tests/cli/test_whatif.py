"""`gemel whatif` as people type it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError
from gemel.doors.cli.main import app
from gemel.runtime.experiments import plan_of, read_experiment
from gemel.runtime.yaml12 import parse

ROOT = Path(__file__).parents[2]
LINE = """\
stations:
  saw: {time: {mean: 10 s, cv: 0.5}}
  mill: {time: {mean: 12 s, cv: 0.5}, places: 4}
"""
FILE = """\
line: line.yaml
play: {parts: 200}
scenarios:
  quick: {changes: {mill.time: -10 %}}
  slow: {changes: {saw.time: +1 %}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "line.yaml").write_text(LINE, encoding="utf-8")
    (tmp_path / "what-if.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def told(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["whatif", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_file_of_scenarios(folder: Path) -> None:
    found = told(str(folder / "what-if.yaml"))
    assert found["best"] == "quick"
    assert found["certain"]
    assert found == told("play", str(folder / "what-if.yaml"), "--workers", "threads:1")


def test_a_line_with_what_to_try(folder: Path) -> None:
    line = str(folder / "line.yaml")
    done = CliRunner().invoke(
        app, ["whatif", line, "--try", "mill.time*0.9", "--try", "mill.time*1.1, saw.places=none",
              "--objective", "lead_time_s", "--difference", "1"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "least lead, s: mill.time*0.9, 95 % sure" in done.output
    assert "flow_line" in done.output


def test_what_is_kept_goes_on_and_is_compared(folder: Path) -> None:
    file, kept = str(folder / "what-if.yaml"), folder / "kept" / "one.json"
    first = told(file, "--keep", str(kept))
    assert told(file, "--keep", str(kept)) == first
    (folder / "what-if.yaml").write_text(FILE.replace("-10 %", "-20 %"), encoding="utf-8")
    other = folder / "kept" / "two.json"
    told(file, "--keep", str(other))
    with pytest.raises(ConfigurationError, match="was kept from something else: beside differ"):
        CliRunner().invoke(app, ["whatif", file, "--keep", str(kept)], catch_exceptions=False)
    found = told("compare", str(kept), str(other))
    assert found["paired"]
    rows = {
        (row["scenario"], row["measure"]): row["difference"] for row in found["scenarios"]
    }  # fmt: skip
    assert rows["as it is", "good_parts_per_hour"]["value"] == 0
    assert rows["quick", "good_parts_per_hour"]["low"] > 0
    shown = CliRunner().invoke(app, ["whatif", "compare", str(kept), str(other)])
    assert "what differs in them: beside" in shown.output
    assert "on the same luck, replication by replication" in shown.output


def test_a_file_that_holds_its_line(folder: Path) -> None:
    whole = FILE.replace("line: line.yaml", "line:\n  " + LINE.replace("\n", "\n  ").rstrip())
    alone = folder / "alone" / "what-if.yaml"
    alone.parent.mkdir()
    alone.write_text(whole, encoding="utf-8")
    assert told(str(alone)) == told(str(folder / "what-if.yaml"))
    alone.write_text(whole.replace("places: 4", "place: 4"), encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"what-if.yaml:4: line.stations.mill.place: is not known here"
    ):
        CliRunner().invoke(app, ["whatif", str(alone)], catch_exceptions=False)


def test_other_luck_has_wider_intervals(folder: Path) -> None:
    file = folder / "what-if.yaml"
    for seed in (1, 2):
        file.write_text(FILE.replace("parts: 200", f"parts: 200, seed: {seed}"), encoding="utf-8")
        told(str(file), "--keep", str(folder / f"{seed}.json"))
    found = told("compare", str(folder / "1.json"), str(folder / "2.json"))
    assert not found["paired"]
    row = found["scenarios"][0]["difference"]
    assert row["low"] < 0 < row["high"], "the same line, whatever its luck"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["line.yaml"], "a line needs --try"),
        (["what-if.yaml", "--try", "mill.time*0.9"], "are for a file of a line"),
        (["nothing.yaml"], "a line needs --try"),
        (["what-if.yaml", "--workers", "people"], "must be 'threads'"),
        (["line.yaml", "--try", "mil.time*0.9"], "did you mean 'mill'?"),
        (["line.yaml", "--try", "mill.time*0.9", "--try", "mill.time*0.9"], "given twice"),
        (["sweep", "what-if.yaml"], "has no `sweep`"),
        (["design", "what-if.yaml"], "has no `new`"),
        (["compare", "what-if.yaml", "line.yaml"], "is no result of `gemel whatif`"),
    ],
)
def test_mistakes_are_told(
    folder: Path, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["whatif", *arguments])
    assert done.exit_code != 0
    words = f"{done.output} {done.exception}".replace("│", " ")  # wrong usage stands in a frame
    assert said in " ".join(words.split())


def test_files_on_the_page_are_good(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "experiments.md").read_text(encoding="utf-8")
    (tmp_path / "line.yaml").write_text(
        (ROOT / "examples" / "line.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    blocks = [b for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "--8<--" not in b]
    assert blocks
    for block in blocks:
        text = block if parse(block, "page").data.get("line") else f"line: line.yaml\n{block}"
        path = tmp_path / "what-if.yaml"
        path.write_text(text, encoding="utf-8")
        plan_of(read_experiment(path))
    changes = re.findall(r"^\| `([^`]+: [^`]+)` \|", page, re.MULTILINE)
    assert len(changes) >= 10
    for change in changes:
        path.write_text(
            f"line: line.yaml\nscenarios: {{other: {{changes: {{{change}}}}}}}\n", encoding="utf-8"
        )
        plan_of(read_experiment(path))


def test_it_begins_with_what_stands_in_the_line(folder: Path) -> None:
    file = folder / "what-if.yaml"
    usual = told(str(file))
    now = {"begins": "tue 07:00:30", "stations": {"mill": {"busy": [{"repair_left": "3 h"}]}}}
    (folder / "now.yaml").write_text(json.dumps(now), encoding="utf-8")
    file.write_text(FILE.replace("parts: 200", "parts: 200, start: now.yaml"), encoding="utf-8")
    begun = told(str(file))
    slow, fast = (one["scenarios"][0]["good_parts_per_hour"]["value"] for one in (begun, usual))
    assert slow < 0.4 * fast, "three hours of repair, and 40 minutes of work"
    assert begun["warm_up"] == 0
    (folder / "now.yaml").write_text(json.dumps({"stations": {"mil": {}}}), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="did you mean 'mill'"):
        plan_of(read_experiment(file))
