"""`gemel supply` as people type it, and what is wrong with files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gemel.core.errors import GemelError
from gemel.doors.cli.main import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "supply"
FEW = ("--replications", "8", "--periods", "300")


def supply(*arguments: str) -> str:
    """What it prints. Raises what `main` would print as an error."""
    done = CliRunner(env={"COLUMNS": "180"}).invoke(app, ["supply", *arguments])
    if isinstance(done.exception, GemelError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def answer(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(supply(*arguments, "--json"))
    return found


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return answer(str(EXAMPLE / "pumps.yaml"), *FEW)


def test_all_of_a_network_is_told(told: dict[str, Any]) -> None:
    assert set(told["stages"]) == {"casting", "motor", "seal", "pump", "north", "south", "rotor"}
    north = told["stages"]["north"]
    assert len(north["stock"]["middle"]) == len(told["dates"]) == 28
    assert north["demand"]["ordered"][3] == 60
    assert north["demand"]["mean"][3] >= 60
    assert 0.85 <= north["demand"]["coverage"] <= 1
    out = north["out"]
    assert 0 <= out["low"] <= out["value"] <= out["high"] <= 1
    assert {r["stage"] for r in told["risks"]} == {"casting", "motor", "pump"}
    assert told["risks"][0]["index"] == 1
    learned = next(r for r in told["risks"] if r["stage"] == "casting")["chance"]
    assert learned["low"] < learned["value"] < learned["high"]
    assert all(o["quantity"] == int(o["quantity"]) for o in told["orders"])
    assert all(told["sentences"][s] for s in ("runs out", "order now", "risk", "moves"))


def test_transport_keeps_to_its_links(told: dict[str, Any]) -> None:
    moves = told["moves"]
    assert moves["how"] == "mixed_integer"
    assert moves["bound"] <= moves["cost"] <= moves["by_hand"]
    for one in moves["departures"]:
        assert one["load"] <= one["room"] * (1 + 1e-9)
        assert one["date"][:3] not in ("Sat", "Sun")
    busy: dict[int, int] = {}
    for row in moves["handled"]:
        if row["site"] == "plant":
            assert row["hours"] <= 4 * (1 + 1e-6)
            busy[row["period"]] = 1
    assert busy


def test_the_same_seed_gives_the_same_answer(told: dict[str, Any]) -> None:
    assert answer(str(EXAMPLE / "pumps.yaml"), *FEW) == told
    assert answer(str(EXAMPLE / "pumps.yaml"), *FEW, "--seed", "4")["cost"] != told["cost"]


def test_tables_for_people() -> None:
    text = supply(str(EXAMPLE / "pumps.yaml"), *FEW)
    for words in ("Castings", "Risk", "Order now", "Moves", "% probability", "held-out"):
        assert words in text


def test_a_network_without_tables(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(
        "review: periodic\nstages:\n  a:\n    demand: {kind: poisson, mean: 3}\n    holding_cost: 1"
        "\n    backorder_cost: 9\n    at_hand: 2\n"
    )
    found = answer(str(file), *FEW, "--start", "2026-01-05")
    assert found["policies"][0]["name"] == "newsvendor"
    assert (found["risks"], found["moves"]) == ([], None)
    assert found["dates"][0] == "Mon 5 Jan"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("file: demand.csv, time: date, column: pieces, where: {item: rotor}",
         "file: demnd.csv, time: date, column: pieces", r"pumps.yaml:\d+: .*demnd.csv: no such file"
         "; in that folder: demand.csv"),
        ("column: pieces, where: {item: rotor}", "column: piece, where: {item: rotor}",
         r"pumps.yaml:\d+: .*has no column 'piece'; did you mean 'pieces'"),
        ("{item: rotor}", "{item: rotors}", r"column 'item' of demand.csv never is 'rotors'"),
        ("column: casting, step: 7 d", "column: week, step: 7 d", r"pumps.yaml:\d+: .*'week'"),
        ("site: harbour", "site: habour", r"pumps.yaml:\d+: links.0.origin: no stage stands at "
         "'harbour'; did you mean 'habour'"),
        ("capacity: 40", "capacity: 4", r"makes at most 4 in a period, and 1\d.* cannot be served"),
        ("after: pump", "after: pum", r"comes after 'pum', which is no stage"),
        ("horizon: 28 d", "horizon: 28", r"pumps.yaml:\d+: horizon: .*28 needs a unit"),
        ("column: motor, step: 7 d", "column: motor, stepp: 7 d",
         r"stepp: is not known here; did you mean 'step'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    folder = tmp_path / "supply"
    shutil.copytree(EXAMPLE, folder)
    file = folder / "pumps.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(GemelError, match=words):
        supply(str(file), *FEW)


def test_a_history_that_ended_long_ago(tmp_path: Path) -> None:
    with pytest.raises(GemelError, match="ends 50 periods of 1 d ago, and 28 are looked ahead"):
        supply(str(EXAMPLE / "pumps.yaml"), *FEW, "--start", "2026-03-02")
    found = answer(str(EXAMPLE / "pumps.yaml"), *FEW, "--start", "2026-01-16")
    assert found["dates"][0] == "Fri 16 Jan"
    assert found["stages"]["north"]["demand"]["ordered"][6] == 30
