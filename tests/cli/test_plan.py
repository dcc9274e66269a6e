"""`gemel plan stock` and `gemel plan maintenance` as people type them, and what is wrong with
files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gemel.core.errors import GemelError
from gemel.doors.cli.main import app

EXAMPLES = Path(__file__).parents[2] / "examples"


def plan(*arguments: str) -> str:
    """What it prints. Raises what `main` would print as an error."""
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["plan", *arguments])
    if isinstance(done.exception, GemelError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def answer(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plan(*arguments, "--json"))
    return found


def test_stock_in_json() -> None:
    found = answer("stock", str(EXAMPLES / "stock.yaml"), "--replications", "20")
    assert (found["currency"], found["period"]) == ("EUR", "1 d")
    bought, row = found["networks"]
    best = bought["options"][0]
    assert best["name"] == "r_q"
    assert best["rules"]["filter"] == {"kind": "r_q", "reorder": 3, "quantity": 5}
    assert best["plan"]["cost"] == pytest.approx(107.92358063314975)
    assert best["played"]["low"] < best["played"]["value"] < best["played"]["high"]
    assert bought["options"][-1]["name"] == "as today"
    assert "s_s" in bought["uncovered"]
    assert row["options"][0]["name"] == "serial"
    assert row["exposures"][0]["stage"] == "steel"
    assert "14 % less than today" in found["sentence"]


def test_stock_is_the_same_for_the_same_seed() -> None:
    file = str(EXAMPLES / "stock.yaml")
    few = ("--replications", "5", "--periods", "100")
    assert plan("stock", file, *few, "--seed", "7") == plan("stock", file, *few, "--seed", "7")
    assert plan("stock", file, *few, "--seed", "7") != plan("stock", file, *few, "--seed", "8")


def test_known_orders_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(
        "stages:\n  part:\n    demand: {kind: known, orders: [90, 120, 80, 70]}\n"
        "    holding_cost: 2\n    order_cost: 500\n"
    )
    text = plan("stock", str(file))
    assert "order 210 in 1, 150 in 3" in text
    assert "all 4 periods cost 1380" in text


def test_service_that_is_wanted_decides(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(
        "stages:\n  part:\n    demand: {kind: poisson, mean: 4}\n    lead_time: 3 d\n"
        "    holding_cost: 1\n    order_cost: 30\n    service: 0.97\n"
    )
    found = answer("stock", str(file), "--replications", "20")["networks"][0]["options"]
    assert found[0]["name"] != "eoq"
    assert found[0]["fill"]["part"]["high"] >= 0.97


def test_maintenance_in_json(tmp_path: Path) -> None:
    file = tmp_path / "upkeep.yaml"
    file.write_text(
        "period: 1 h\nassets:\n  seal:\n    life: {kind: weibull, shape: 2, scale: 1000 h}\n"
        "    planned_cost: 100\n    failure_cost: 1000\n    today: 800 h\n"
    )
    found = answer("maintenance", str(file))["assets"]["seal"]
    best, *_, today = found["options"]
    assert best["name"] == "age"
    assert best["action"]["age"] == pytest.approx(336.451, abs=0.01)
    assert best["cost"] == pytest.approx(0.605612, abs=1e-6)
    assert best["to_failure"] == pytest.approx(1.128379, abs=1e-6)
    assert today["name"] == "as today"
    assert today["action"]["age"] == 800
    assert {s["what"] for s in found["sensitivity"]} == {"failure_cost", "planned_cost", "life"}


def test_what_does_not_wear_runs_to_failure(tmp_path: Path) -> None:
    file = tmp_path / "upkeep.yaml"
    file.write_text(
        "assets:\n  fuse:\n    life: {kind: exponential, mean: 400 d}\n"
        "    planned_cost: 10\n    failure_cost: 90\n"
    )
    text = plan("maintenance", str(file))
    assert "'fuse': run to failure (age)" in text
    assert "the same as running to failure" in text


def test_lives_from_a_table(tmp_path: Path) -> None:
    rows = ["hours,failed"] + [f"{900 + 40 * i},{int(i % 3 > 0)}" for i in range(12)]
    (tmp_path / "lives.csv").write_text("\n".join(rows) + "\n")
    file = tmp_path / "upkeep.yaml"
    text = (
        "assets:\n  seal:\n    life: {kind: table, file: lives.csv, age: hours, unit: 1 h, failed: "
        "failed}\n    planned_cost: 100\n    failure_cost: 1000\n"
    )
    file.write_text(text)
    fit = answer("maintenance", str(file))["assets"]["seal"]["fit"]
    assert (fit["failed"], fit["rows"]) == (8, 12)
    assert fit["shape"]["low"] > 1
    file.write_text(text.replace("failed: failed", "failed: fialed"))
    with pytest.raises(GemelError, match="fialed"):
        plan("maintenance", str(file))
    file.write_text(text.replace("unit: 1 h, ", ""))
    with pytest.raises(GemelError, match=r"upkeep.yaml:3: life.unit is missing"):
        plan("maintenance", str(file))


def test_work_is_done_together(tmp_path: Path) -> None:
    """Two that are due a little apart, and a visit that costs much."""
    file = tmp_path / "upkeep.yaml"
    life = "{life: {kind: weibull, shape: 3, scale: 200 d}, planned_cost: 90, failure_cost: 2000"
    file.write_text(
        f"visit_cost: 300\nassets:\n  a: {life}, age: 40 d}}\n  b: {life}, age: 50 d}}\n"
    )
    found = answer("maintenance", str(file))["visits"]
    assert [v["assets"] for v in found["visits"]] == [["a", "b"]]
    assert found["alone"] == 600
    assert 300 <= found["cost"] < 350
    assert answer("maintenance", str(file), "--asset", "a")["visits"] is None


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        ("stock", "", "stock.yaml: is empty; such a file has `stages`"),
        ("stock", "stages: {}\n", "at least 1 item"),
        ("stock", "stages:\n  a:\n    demand: {kind: poisson, mean: -1}\n",
         r"stock.yaml:3: stages.a.demand.poisson.mean: is -1, must be greater than 0"),
        ("stock", "stages:\n  a: {after: b}\n  b: {after: a}\n",
         r"stages supply each other in a circle: "),
        ("stock", "stages:\n  b: {}\n  a:\n    demand: {kind: constant, mean: 9}\n    capacity: 5\n"
         "    after: b\n", "stock.yaml:3: stage 'a' makes at most 5 .* cannot be served"),
        ("stock", "stages:\n  a:\n    demand: {kind: poisson, mean: 3}\n",
         r"stock.yaml:2: no policy covers 'a'. base_stock: 'a' says no holding_cost"),
        ("stock", "stages:\n  a: [1]\n", "stock.yaml:2"),
        ("stock", "stages:\n  a:\n  - x: [\n", "stock.yaml:"),
        ("maintenance", "assets:\n  a: {planned_cost: 1, failure_cost: 2}\n",
         "nothing says how it fails"),
        ("maintenance", "assets:\n  a:\n    planned_cost: 1\n    failure_cost: 2\n    life: {kind: "
         "weibull, shape: 2, scale: 10 d}\n    inspect_every: 300 d\n",
         "maintenance.yaml:2: asset 'a': inspect_every is 300 d"),
        ("maintenance", "assets:\n  a:\n    planned_cost: 1\n    failure_cost: 2\n    wear: {kind: "
         "gamma, rate: 1, spread: 1, limit: 9}\n",
         r"maintenance.yaml:2: no policy covers it. age: 'a' says no life"),
        ("maintenance", "assets:\n  a:\n    planned_cost: 1\n    failure_cst: 2\n",
         "did you mean 'failure_cost'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, command: str, text: str, said: str
) -> None:
    file = tmp_path / f"{command}.yaml"
    file.write_text(text)
    with pytest.raises(GemelError, match=said):
        plan(command, str(file))


def test_a_file_that_is_not_there_and_an_asset_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("x: 1\n")
    with pytest.raises(GemelError, match=r"no such file; in that folder: other.yaml"):
        plan("stock", str(tmp_path / "stok.yaml"))
    with pytest.raises(GemelError, match="is a folder"):
        plan("stock", str(tmp_path))
    file = tmp_path / "upkeep.yaml"
    file.write_text(
        "assets:\n  seal:\n    life: {kind: exponential, mean: 4 d}\n    planned_cost: 1\n"
        "    failure_cost: 2\n"
    )
    with pytest.raises(GemelError, match="no asset named 'seel'; did you mean 'seal'"):
        plan("maintenance", str(file), "--asset", "seel")
