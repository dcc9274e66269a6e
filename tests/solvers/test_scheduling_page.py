"""The page on plans: its Python runs, and the command says what a program needs."""

import json
import re
from contextlib import chdir
from pathlib import Path
from typing import Any

from tests.solvers.test_scheduling_exact import FT06
from typer.testing import CliRunner

from gemel.core.errors import GemelError
from gemel.doors.cli.main import app

ROOT = Path(__file__).parents[2]


def gemel(*arguments: str, folder: Path, code: int = 0) -> str:
    """What the command says, or what the person is told who made a mistake."""
    with chdir(folder):
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output
    if isinstance(done.exception, GemelError):
        return str(done.exception)
    return done.output if code else done.stdout


def test_the_page_runs() -> None:
    page = ROOT / "docs" / "how-to" / "schedule.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - the page is ours
    assert (names["plan"].value, names["plan"].status) == (9.0, "optimal")
    assert names["check"](names["problem"], names["plan"]) == ()


def test_json_says_what_a_program_needs(tmp_path: Path) -> None:
    (tmp_path / "ft06").write_text(FT06)
    told = json.loads(gemel("schedule", "ft06", "--time-limit", "10", "--json", folder=tmp_path))
    assert (told["format"], told["status"]) == ("jsplib", "optimal")
    assert told["makespan"] == told["lower_bound"] == 55
    assert len(told["operations"]) == 36
    assert set(told["operations"][0]) == {"operation", "job", "machine", "start", "end", "left"}


def test_a_plan_is_written_and_repaired(tmp_path: Path) -> None:
    (tmp_path / "ft06").write_text(FT06)
    run = ("schedule", "ft06", "--iterations", "500")
    gemel(*run, "--out", "plan.csv", folder=tmp_path)
    same = json.loads(gemel(*run, "--plan", "plan.csv", "--now", "20", "--json", folder=tmp_path))
    assert (same["makespan"], same["parts"]["moved"]) == (55, 0)
    down = ("--plan", "plan.csv", "--now", "20", "--down", "M2:20-30", "--json")
    told = json.loads(gemel(*run, *down, folder=tmp_path))
    assert 55 <= told["makespan"] <= told["repair"]["right_shift"]["makespan"] <= 65


def test_mistakes_are_explained(tmp_path: Path) -> None:
    (tmp_path / "ft06").write_text(FT06)
    run = ("schedule", "ft06", "--iterations", "50")
    gemel(*run, "--out", "plan.csv", folder=tmp_path)
    for arguments, words, code in (
        (("schedule", "ft07"), "no such file; in that folder: ft06, plan.csv", 1),
        ((*run, "--solver", "tabuu"), "no scheduler named 'tabuu'; did you mean 'tabu'?", 1),
        ((*run, "--down", "M2:1-2"), "--now and --down go with --plan", 2),
        ((*run, "--plan", "plan.csv", "--down", "M9:1-2"), "no machine named 'M9'", 1),
        ((*run, "--plan", "plan.csv", "--down", "M2:now"), "write e.g. 'saw:120-180'", 2),
        (("schedule", "ft06", "--for", "0"), "must be more than 0", 2),
        ((*run, "--format", "sm"), "no format named 'sm'", 1),
    ):
        assert words in " ".join(gemel(*arguments, folder=tmp_path, code=code).split())
