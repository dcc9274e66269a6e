"""The usual formats, descriptions of our own, and what is said of files that are wrong."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.parts.solvers.scheduling import read, recognise
from gemel.runtime.schedules import Times, read_problem

FLEXIBLE = "2 2 1.5\n2 1 1 3 2 1 4 2 5\n1 2 1 2 2 1\n"
SM = """\
************************************************************************
- renewable                 :  1   R
- nonrenewable              :  0   N
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        1          1           4
   3        1          1           4
   4        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1
------------------------------------------------------------------------
  1      1     0       0
  2      1     3       1
  3      1     2       1
  4      1     0       0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1
   1
************************************************************************
"""


def test_formats_are_recognised() -> None:
    assert recognise("2 2\n0 3 1 4\n1 5 0 2\n") == "jsplib"
    assert recognise("2 2\n3 4\n5 2\n") == "flow_shop"
    assert recognise(FLEXIBLE) == "fjsp"
    assert recognise(SM) == "psplib"
    with pytest.raises(DataError, match="not recognised"):
        recognise("3 3\n1 2\n")


def test_what_is_read() -> None:
    flexible = read(FLEXIBLE)
    assert flexible.mode_of.tolist() == [0, 1, 1, 2, 2]
    assert flexible.machine.tolist() == [0, 0, 1, 0, 1]
    assert flexible.duration.tolist() == [3, 4, 5, 2, 1]
    project = read(SM)
    assert project.duration.tolist() == [0, 3, 2, 0]
    assert sorted(zip(project.before.tolist(), project.after.tolist(), strict=True)) == [
        (0, 1), (0, 2), (1, 3), (2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 2\n0 3 1 4\n", "expected 2 rows"),
        ("1 2\n0 3 7 4\n", "line 2: machine 7 is not one of 0 to 1"),
        ("1 2\n0 3 x 4\n", "line 2: '0 3 x 4' is not a row of numbers"),
        ("", "there is nothing in it"),
        ("1 2\n0 -3 1 4\n", "operation 'J0/1': duration is -3 ticks"),
    ],
)
def test_wrong_files_say_where(text: str, words: str) -> None:
    with pytest.raises((DataError, ConfigurationError), match=words):
        read(text, "jsplib")


@pytest.fixture(scope="module")
def data() -> Path:
    given = os.environ.get("GEMEL_DATA", "../shared/data")
    if not given or not (Path(given) / "jsp").is_dir():
        message = "GEMEL_DATA does not name the folder of public data"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return Path(given)


@pytest.mark.data
@pytest.mark.parametrize(
    ("which", "format"),
    [("jsp", "jsplib"), ("fjsp", "fjsp"), ("pfsp", "flow_shop"), ("rcpsp", "patterson")],
)
def test_public_instances_are_recognised(data: Path, which: str, format: str) -> None:
    with (data / which / "best_known.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        name = row["instance"]
        near = (data / which / "instances" / name, data / which / name,
                data / which / f"{name}.txt", data / which / f"{name}.rcp")  # fmt: skip
        text = next(path for path in near if path.is_file()).read_text()
        assert recognise(text) == format, name
        problem = read(text)
        if "jobs" in row and which != "rcpsp":
            assert len(problem.jobs) == int(row["jobs"]), name
            assert len(problem.machines) == int(row["machines"]), name


HEAD = """\
schedule: 1
start: 2026-03-27 06:00
time_zone: Europe/Berlin
calendars:
  day: {open: [{days: mon-fri, start: "08:00", end: "16:00"}]}
  night: {open: [{days: mon-fri, start: "22:00", end: "06:00"}]}
machines:
  saw: {calendar: day}
  mill: {calendar: night}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return path


def test_calendars_are_local_and_know_the_change_of_clocks(tmp_path: Path) -> None:
    """On 29 March 2026 clocks in Berlin go forward: the weekend is an hour shorter."""
    path = written(tmp_path, HEAD + "orders: [{order: A, steps: [{on: saw, time: 1h}]}]\n")
    problem, name, times, _ = read_problem(path)
    assert name == "gemel"
    closed = problem.closed[problem.closed[:, 0] == 0, 1:]
    assert closed[:2].tolist() == [[0, 120], [600, 600 + 64 * 60 - 60]]
    assert times.text(120) == "2026-03-27T08:00:00+01:00"
    assert times.text(int(closed[1, 1])) == "2026-03-30T08:00:00+02:00"
    assert times.tick_of("2026-03-27 08:00") == 120
    night = problem.closed[problem.closed[:, 0] == 1, 1:]
    assert night[0].tolist() == [0, 16 * 60]
    assert night[1].tolist() == [24 * 60, (24 + 64 - 1) * 60 + 0]


def test_orders_come_from_products_and_quantities(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + """\
resources: {setter: 1}
products:
  plate:
    steps:
      - {name: cut, on: saw, time: 5 min, each: 30 s}
      - {name: mill, on: {mill: {each: 2 min}, saw: 90 s}, needs: {setter: 1}, wait: 10 min}
orders: orders.csv
""")  # fmt: skip
    (tmp_path / "orders.csv").write_text(
        "order;product;quantity;due;weight\nA;plate;10;2026-03-27 12:00;2\nB;plate;1;;\n"
    )
    problem = read_problem(path).problem
    assert problem.names == ("A/cut", "A/mill", "B/cut", "B/mill")
    assert problem.duration.tolist() == [10, 20, 2, 6, 2, 2]  # rounded up to whole minutes
    assert problem.lag.tolist() == [10, 10]
    assert problem.due[0] == 360
    assert problem.weight.tolist() == [2, 1]
    assert problem.demand[:, 0].tolist() == [0, 1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orders: [{order: A, product: plat}]\nproducts: {plate: {steps: [{on: saw}]}}\n",
         "order 'A': no product named 'plat'; did you mean 'plate'?"),
        ("orders: [{order: A, steps: [{on: sew, time: 1h}]}]\n",
         "order 'A', step 1: no machine named 'sew'; did you mean 'saw'?"),
        ("orders: [{order: A, steps: [{on: saw, time: 5}]}]\n", r"plan.yaml:10: .*needs a unit"),
        ("orders: [{order: A, steps: [{on: saw}], quantty: 3}]\n", "did you mean 'quantity'?"),
        ("orders: []\n", "there are no orders"),
        ("orders: [{order: A, steps: [{on: saw}]}, {order: A, steps: [{on: saw}]}]\n", "twice"),
        ("orders: [{order: A, due: soon, steps: [{on: saw}]}]\n", "'A': 'soon' is not a time"),
    ],
)  # fmt: skip
def test_descriptions_that_are_wrong_say_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_problem(written(tmp_path, HEAD + text))


def test_ticks_without_a_date() -> None:
    times = Times(1, None)
    assert times.text(7) == "7"
    assert times.tick_of("7") == 7
    with pytest.raises(ConfigurationError, match="whole number"):
        times.tick_of("2026-03-01")
    assert np.isfinite(times.tick_of("-3"))
