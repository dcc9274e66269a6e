"""`gemel train --lineage`: what was read and written, and how it ended."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tests.learning.openlineage import RunEvent, read, runs
from typer.testing import CliRunner

from gemel.core.errors import GemelError
from gemel.doors.cli.learning import told
from gemel.doors.cli.main import app
from gemel.twin.learning.tasks import read_task


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 2))
    rows = [f"{a},{b},{2 * a - b},{'ok' if a > 0 else 'slow'}" for a, b in x]
    path = tmp_path / "parts.csv"
    path.write_text("\n".join(["force,heat,thickness,shift", *rows]))
    return path


def train(table: Path, target: str) -> list[RunEvent]:
    """Train, and give what the file of lineage has then."""
    lineage = table.with_name("lineage.ndjson")
    words = ["train", str(table), "-o", str(table.with_name("model.json")), "--target", target]
    done = CliRunner().invoke(app, [*words, "--ignore", "shift", "--lineage", str(lineage)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return [read(line) for line in lineage.read_text(encoding="utf-8").splitlines()]


def test_a_fit_of_a_file(table: Path) -> None:
    start, complete = train(table, "thickness")
    assert (start.eventType, complete.eventType) == ("START", "COMPLETE")
    assert not start.outputs, "nothing is written yet"
    (data,), (model,) = complete.inputs, complete.outputs
    assert (data.namespace, data.name) == ("file", str(table))
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    assert data.facets["version"]["datasetVersion"] == digest
    assert [(f["name"], f["type"]) for f in data.facets["schema"]["fields"]] == [
        ("force", "double"), ("heat", "double"), ("thickness", "double"), ("shift", "string")
    ]  # fmt: skip
    content = hashlib.sha256(Path(model.name).read_bytes()).hexdigest()
    assert model.facets["version"]["datasetVersion"] == content
    fit = complete.run.facets["gemel_fit"]
    assert (fit["task"], fit["model"], fit["data"]) == ("quality", content, digest)
    assert fit["settings"]["target"] == "thickness"


def test_lines_are_added_and_a_failure_is_told(table: Path) -> None:
    before = train(table, "thickness")
    with pytest.raises(GemelError, match="no column 'thicknes'"):
        train(table, "thicknes")
    events = [
        read(line)
        for line in table.with_name("lineage.ndjson").read_text(encoding="utf-8").splitlines()
    ]
    assert events[:2] == before
    assert [event.eventType for event in events[2:]] == ["START", "FAIL"]
    why = events[-1].run.facets["errorMessage"]
    assert "no column 'thicknes'" in why["message"]
    assert not events[-1].outputs
    assert len(runs(events)) == 2


def test_one_that_is_stopped_has_ended(table: Path) -> None:
    task = read_task({"task": "quality", "target": "thickness"})
    lineage = table.with_name("lineage.ndjson")
    with pytest.raises(KeyboardInterrupt), told(lineage, table, Path("model.json"), task):
        raise KeyboardInterrupt
    events = [read(line) for line in lineage.read_text(encoding="utf-8").splitlines()]
    assert [event.eventType for event in events] == ["START", "ABORT"]


def test_a_file_that_cannot_be_written_is_told_before_the_fit(table: Path) -> None:
    model = table.with_name("model.json")
    words = ["train", str(table), "-o", str(model), "--target", "thickness"]
    done = CliRunner().invoke(app, [*words, "--lineage", str(table.parent)])
    assert isinstance(done.exception, GemelError)
    assert "cannot be written" in str(done.exception)
    assert not model.exists()


def test_without_the_option_nothing_is_written(table: Path) -> None:
    words = ["train", str(table), "-o", str(table.with_name("model.json")), "--target", "thickness"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert sorted(path.name for path in table.parent.iterdir()) == ["model.json", "parts.csv"]
