"""`gemel chart`, `capability` and `gauge` as people and scripts type them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.quality.examples import APPRAISED, JUICE, RINGS
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, DataError
from gemel.doors.cli.main import app


def gemel(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "120", "TERM": "dumb"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def rings(tmp_path: Path) -> str:
    path = tmp_path / "rings.csv"
    rows = [f"{i + 1},{v:.3f}" for i, row in enumerate(RINGS.tolist()) for v in row]
    path.write_text("\n".join(["sample,diameter (mm)", *rows]) + "\n")
    return str(path)


@pytest.fixture
def cans(tmp_path: Path) -> str:
    path = tmp_path / "cans.parquet"
    table = pa.table({"bad": JUICE.astype(int), "filled": [50] * 30, "who": ["a"] * 30})
    pq.write_table(table, path)
    return str(path)


@pytest.fixture
def appraised(tmp_path: Path) -> str:
    path = tmp_path / "gauge.csv"
    rows = [
        f"{i + 1};{'ABC'[j]};{APPRAISED[i, j, k]}".replace(".", ",")
        for k, j, i in itertools.product(range(3), range(3), range(10))
    ]
    path.write_text("\n".join(["part;who;mm", *rows]) + "\n")
    return str(path)


def test_a_chart_of_subgroups(rings: str) -> None:
    said = gemel("chart", rings, "--column", "diameter", "--by", "sample")
    assert "xbar-r: mean   74.00118     73.98777     74.01458      25" in said
    assert "in control: 25 points, no rule is broken" in said
    told = json.loads(gemel("chart", rings, "--column", "diameter", "--subgroup", "5", "--json"))
    assert told["in_control"] is True
    assert told["chart"]["sigma"] == pytest.approx(0.02324 / 2.32593, rel=1e-4)
    assert [t["statistic"] for t in told["tracks"]] == ["mean", "range"]


def test_a_chart_says_where_rules_are_broken(cans: str) -> None:
    asked = ("chart", cans, "--column", "bad", "--kind", "p", "--size", "filled")
    said = gemel(*asked)
    assert "not in control: rules are broken 4 times in 30 points" in said
    assert "rule 1: a point beyond a limit, above" in said
    told = json.loads(gemel(*asked, "--json", "--rules", "limits"))
    assert [(v["rule"], v["first"], v["last"]) for v in told["violations"]] == [
        (1, 15, 15), (1, 23, 23),
    ]  # fmt: skip
    unjudged = json.loads(gemel(*asked, "--json", "--rules", "none"))
    assert (unjudged["in_control"], unjudged["violations"]) == (None, [])


def test_later_points_on_the_limits_of_the_first(rings: str) -> None:
    path = Path(rings)
    later = "".join(f"{30 + i},74.03\n" for i in range(2) for _ in range(5))
    path.write_text(path.read_text() + later)
    asked = ("chart", rings, "--column", "diameter", "--by", "sample", "--phase-one", "25")
    told = json.loads(gemel(*asked, "--json"))
    assert told["chart"]["points"] == 25
    assert told["tracks"][0]["upper"][0] == pytest.approx(74.01458, abs=2e-5)
    assert {v["first"] for v in told["violations"] if v["rule"] == 1} == {26}
    said = gemel(*asked)
    assert "26-27   127-136" in said


@pytest.mark.parametrize("kind", ["i-mr", "ewma", "cusum"])
def test_charts_of_single_values(rings: str, kind: str) -> None:
    told = json.loads(gemel("chart", rings, "--column", "diameter", "--kind", kind, "--json"))
    assert told["chart"]["kind"] == kind
    assert len(told["tracks"][0]["value"]) == 125


def test_capability(rings: str) -> None:
    asked = ("--column", "diameter", "--lower", "73.95", "--upper", "74.05", "--target", "74")
    said = gemel("capability", rings, *asked, "--by", "sample")
    assert "Cpk   1.62   1.39 to 1.86  Bissell" in said
    assert "capable: Cpk is 1.62 (1.39 to 1.86); 1.33 is usually asked for" in said
    told = json.loads(gemel("capability", rings, *asked, "--subgroup", "5", "--json"))
    assert told["in_control"] is True
    assert {i["name"] for i in told["indices"]} == {
        "Cp", "Cpl", "Cpu", "Cpk", "Cpm", "Pp", "Ppl", "Ppu", "Ppk",
    }  # fmt: skip


def test_capability_of_a_process_that_is_not_in_control(rings: str) -> None:
    path = Path(rings)
    path.write_text(path.read_text() + "99,74.2\n")
    asked = ("capability", rings, "--column", "diameter", "--upper", "74.05")
    said = gemel(*asked)
    assert "no judgement, the process is not in control" in said
    assert "Cpk" not in said.partition("Ppk")[0]
    assert json.loads(gemel(*asked, "--json"))["observed"]["below"] is None
    assert "because you asked" in gemel(*asked, "--anyway")


def test_gauge(appraised: str) -> None:
    """Decimal commas are found out, as everywhere."""
    asked = ("gauge", appraised, "--part", "part", "--appraiser", "who", "--value", "mm")
    said = gemel(*asked, "--tolerance", "6")
    assert "GRR is 27.9 % of the study variation and 30.2 % of the tolerance" in said
    assert "the interaction is taken to be none" in said
    told = json.loads(gemel(*asked, "--method", "range", "--json"))
    assert (told["categories"], told["verdict"], told["table"]) == (5, "marginal", [])


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("n,x\n" + "".join(f"{i},{i % 3 if i != 5 else ''}\n" for i in range(12)))
    said = gemel("chart", str(path), "--column", "x", "--subgroup", "5")
    assert "• rows without a value, left out: 1" in said
    assert "• the last 2 rows make no whole subgroup; they are left out" in said
    assert "• limits from 2 points only; 20 to 30 are wanted" in said


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("chart {rings} --column diameter --kind xbr", "xbar-"),
        ("chart {rings} --column diameter --rules nelsn", "nelson"),
        ("chart {rings} --column diameter --kind xbar-s", "--subgroup N"),
        ("chart {cans} --column bad --kind p", "p needs --size"),
        ("chart {cans} --column bad --size filled", "--size is for"),
        ("chart {rings} --column diameter --kind c --subgroup 5", "not for c"),
        ("chart {rings} --column diameter --by sample --subgroup 5", "not both"),
        ("capability {rings} --column diameter", "--lower, --upper, or both"),
        ("gauge {gauge} --part who --appraiser who --value mm", "are both 'who'"),
        ("gauge {gauge} --part part --appraiser who --value mm --method x", "known: anova, range"),
    ],
)
def test_wrong_usage_is_told(line: str, says: str, rings: str, cans: str, appraised: str) -> None:
    words = line.format(rings=rings, cans=cans, gauge=appraised).split()
    assert says in gemel(*words, code=2)


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ("chart {rings} --column diametr", ConfigurationError,
         r"rings.csv: no column 'diametr'; did you mean 'diameter \(mm\)'\?"),
        ("chart {gauge} --column who", ConfigurationError,
         r"gauge.csv:2: column 'who' holds 'A', which is no number, and 89 more"),
        ("chart {cans} --column who", ConfigurationError,
         r"cans.parquet:1: column 'who' holds 'a'"),
        ("chart {cans} --column filled", DataError,
         r"cans.parquet: column 'filled': all values are 50: they have no spread"),
        ("chart nothing.csv --column x", ConfigurationError, r"nothing.csv: cannot be read"),
        ("chart {cans} --column bad --phase-one 99", DataError, r"has 30 points only"),
        ("capability {rings} --column diameter --lower 9 --upper 1", DataError,
         r"lower limit 9 is not below"),
        ("gauge {gauge} --part mm --appraiser who --value part", DataError,
         r"appraiser A measured part 0,29 once, others twice; in a crossed study"),
    ],
)  # fmt: skip
def test_what_can_be_mended_is_told(
    line: str, error: type[Exception], says: str, rings: str, cans: str, appraised: str
) -> None:
    with pytest.raises(error, match=says):
        gemel(*line.format(rings=rings, cans=cans, gauge=appraised).split())


def test_columns_of_other_types(tmp_path: Path) -> None:
    path = tmp_path / "typed.parquet"
    columns: dict[str, Any] = {
        "at": pa.array([0, 1, 2], pa.timestamp("s")),
        "whole": pa.array([1, None, 3], pa.int32()),
        "batch": pa.array([1.5, 2.0, None]),
    }
    pq.write_table(pa.table(columns), path)
    with pytest.raises(ConfigurationError, match=r"column 'at' is of type timestamp\[.*numbers"):
        gemel("chart", str(path), "--column", "at")
    told = json.loads(gemel("chart", str(path), "--column", "whole", "--json"))
    assert told["tracks"][0]["value"] == [1, None, 3]


def test_a_row_that_does_not_fit_is_told(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    rows = [f"{i},{i % 4}" for i in range(30)]
    rows[10] = "10,1,7,7"
    path.write_text("\n".join(["n,x", *rows]) + "\n")
    told = json.loads(gemel("chart", str(path), "--column", "x", "--json"))
    assert told["chart"]["points"] == 29
    assert any("line 12" in note and "left out" in note for note in told["notes"])


def test_the_line_of_a_text_among_numbers(tmp_path: Path) -> None:
    path = tmp_path / "text.csv"
    rows = [f"{i},{i % 4}" for i in range(30)]
    rows[20] = "20,broken off"
    path.write_text("\n".join(["n,x", *rows]) + "\n")
    with pytest.raises(ConfigurationError, match=r"text.csv:22: column 'x' holds 'broken off'"):
        gemel("chart", str(path), "--column", "x")
