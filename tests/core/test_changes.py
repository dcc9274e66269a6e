"""Changes to a line by path: what is read, what is made of it, what is refused and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.core.line.changes import Change, changed, factor_of, line_hash, read_changes, written

DESCRIBED: dict[str, Any] = {
    "stations": {
        "saw": {"time": "10 s", "arrivals": {"every": {"kind": "exponential", "mean": "12 s"}}},
        "mill": {
            "time": {"kind": "triangular", "low": "8 s", "mode": "9 s", "high": "12 s"},
            "times": {"b": "15 s"},
            "places": 4,
            "failures": {"jam": {"every": {"kind": "exponential", "mean": "20 min"},
                                 "repair": "3 min", "crew": "fitters"}},
            "scrap": 0.02,
            "calendar": "day",
        },
        "wash": {"time": {"kind": "empirical", "values": ["5 s", "7 s"]}, "places": 4},
    },
    "products": {"a": {"share": 3}, "b": {}},
    "crews": {"fitters": {"number": 2}},
    "calendars": {"day": [{"name": "Day", "start": "06:00", "end": "14:00"}]},
}  # fmt: skip
LINE = Line.read(DESCRIBED)


def make(*changes: tuple[str, Any]) -> Any:
    return changed(LINE, [Change(path, value) for path, value in changes])


def test_what_is_written_is_read_as_the_same_line() -> None:
    again = Line.read(written(LINE))
    assert again.model_dump() == LINE.model_dump()
    assert line_hash(again) == line_hash(LINE)
    assert line_hash(make(("saw.servers", 2)).line) != line_hash(LINE)


def test_factors_and_places_are_played_beside_the_same_line() -> None:
    found = make(("mill.time", "*0.9"), ("stations.wash.places", 9), ("mill.between", "+50 %"))
    assert found.line is LINE
    assert dict(found.factors) == {("mill", "time"): 0.9, ("mill", "between"): 1.5}
    assert dict(found.places) == {"wash": 9}
    everywhere = make(("*.time", "*0.5"), ("wash.places", None))
    assert set(everywhere.factors) == {(n, "time") for n in LINE.names}
    assert everywhere.places == {"wash": -1}


@pytest.mark.parametrize(
    ("path", "value", "look", "expected"),
    [
        ("mill.servers", 3, lambda line: line.stations["mill"].servers, 3),
        ("mill.time", "11 s", lambda line: line.stations["mill"].time.mean_s, 11.0),
        ("mill.times.b", "*2", lambda line: line.stations["mill"].times["b"].mean_s, 30.0),
        (
            "mill.failures.jam.repair", "-50 %",
            lambda line: line.stations["mill"].failures["jam"].repair.mean_s, 90.0,
        ),
        ("mill.failures.jam", None, lambda line: dict(line.stations["mill"].failures), {}),
        ("saw.arrivals.every", "*0.5", lambda line: line.stations["saw"].arrivals.every.mean_s, 6),
        ("mill.scrap", "*0.5", lambda line: line.stations["mill"].scrap, 0.01),
        ("crews.fitters.number", "*2", lambda line: line.crews["fitters"].number, 4),
        ("products.c", {"share": 1}, lambda line: sorted(line.products), ["a", "b", "c"]),
        (
            "calendars.day.0.end", "22:00",
            lambda line: line.calendars["day"][0].end, "22:00",
        ),
        ("stations.dry", {"time": "4 s"}, lambda line: line.feeders("dry"), ("wash",)),
        ("mill", None, lambda line: line.feeders("wash"), ("saw",)),
        ("sequence", ["a", "a", "b"], lambda line: line.sequence, ("a", "a", "b")),
        ("begins", "mon 06:00", lambda line: line.begins, "mon 06:00"),
        ("mill.power.idle", 3, lambda line: line.stations["mill"].power.idle, 3),
    ],
)  # fmt: skip
def test_everything_of_a_line_can_be_another(
    path: str, value: Any, look: Any, expected: Any
) -> None:
    found = make((path, value))
    assert look(found.line) == expected
    assert not found.factors
    assert LINE.model_dump() == Line.read(DESCRIBED).model_dump(), "the line itself stays"


def test_a_factor_stretches_the_whole_distribution() -> None:
    line = make(("stations.mill.time", "*2"), ("mill.times", None)).line
    assert line.stations["mill"].time.mean_s == LINE.stations["mill"].time.mean_s
    again = make(("stations.dry", {"time": "4 s"}), ("dry.time", "*0.5")).line
    assert again.stations["dry"].time.mean_s == 2.0
    both = changed(LINE, [Change("mill.failures.jam.every", "*3")]).line
    assert both.stations["mill"].failures["jam"].every.mean_s == 3_600


@pytest.mark.parametrize(
    ("path", "value", "where", "said"),
    [
        ("mil.servers", 2, "mil.servers", "did you mean 'mill'?"),
        ("mill.tme", "*2", "mill.tme", "nothing called 'tme'; did you mean 'time'?"),
        ("mill.servrs", 2, "mill.servrs", "did you mean 'servers'?"),
        ("mill.servers", 0, "mill.servers", "must be at least 1"),
        ("mill.time", 3, "mill.time", "3 needs a unit; write e.g. '3 s'"),
        ("mill.time", "*0", "mill.time", "must be above 0"),
        ("mill.repair", 2, "mill.repair", "takes a factor, e.g. '*0.5'"),
        ("mill.between", "20 s", "mill.between", "'mill.failures.CAUSE.every'"),
        ("mill.calendar", "*2", "mill.calendar", "multiplies a number or a time, found 'day'"),
        ("mill.setup", "*2", "mill.setup", "multiplies a number or a time, found nothing"),
        ("mill.calendar", "night", "mill.calendar", "no calendar 'night'"),
        ("calendars.day.3.end", "22:00", "calendars.day.3.end", "leads nowhere"),
        ("stations.dry", None, "stations.dry", "no station 'dry' to remove"),
        ("crews.fitters.number", "*0.6", "crews.fitters.number", "is 1.2"),
        ("mill.failures.jam.number", 3, "mill.failures.jam.number", "takes 3 of crew"),
    ],
)
def test_what_makes_no_sense_is_told_at_its_path(
    path: str, value: Any, where: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        make(("saw.servers", 2), (path, value))
    assert told.value.where == where
    assert said in told.value.message


def test_places_are_checked_where_a_loop_could_fill_up() -> None:
    loop = Line.read(
        {
            "stations": {
                "cut": {"time": "1 s", "places": None},
                "test": {"time": "1 s", "places": 4, "rework": {"share": 0.1, "to": "cut"}},
            }
        }
    )
    assert changed(loop, [Change("test.places", 2)]).line is not loop
    with pytest.raises(ConfigurationError, match="nothing can move"):
        changed(loop, [Change("test.places", 2), Change("cut.places", 3)])


def test_caps_are_played_beside_a_line_that_has_them() -> None:
    line = Line.read({**DESCRIBED, "caps": {"line": {"most": 9}}})
    found = changed(line, read_changes("caps.line.most=4, mill.time*0.9"))
    assert found.line is line
    assert found.caps == {"line": 4}
    assert changed(line, read_changes("caps.line.most=none")).caps == {"line": -1}
    other = changed(LINE, [Change("caps.line.most", 4)]).line
    assert other.caps["line"].most == 4
    assert Line.read(written(other)).caps == other.caps
    narrower = changed(line, [Change("caps.line.first", "mill"), Change("caps.line.most", 3)])
    assert (narrower.line.caps["line"].first, narrower.caps) == ("mill", {})
    with pytest.raises(ConfigurationError) as told:
        changed(line, [Change("caps.line.most", 0)])
    assert told.value.where == "caps.line.most"
    assert "is 0, must be at least 1" in told.value.message


def test_a_cap_is_checked_where_a_batch_waits() -> None:
    oven = {"time": "9 s", "batch": {"least": 3, "most": 4}}
    line = Line.read({"stations": {"oven": oven}, "caps": {"line": {"most": 9}}})
    assert changed(line, [Change("caps.line.most", 3)]).line.caps["line"].most == 3
    with pytest.raises(ConfigurationError, match="begins with 3 parts"):
        changed(line, [Change("caps.line.most", 2)])


def test_places_of_another_line_are_part_of_it() -> None:
    found = make(("mill.servers", 2), ("wash.places", 7), ("mill.time", "*0.9"))
    assert not found.places
    assert found.line.stations["wash"].places == 7
    assert dict(found.factors) == {("mill", "time"): 0.9}
    with pytest.raises(ConfigurationError, match="removed and also changed"):
        make(("mill", None), ("mill.time", "*0.9"))


def test_the_words_of_a_command_line() -> None:
    found = read_changes("filler.time*0.95, *.repair*0.5, capper.servers=2, filler.places=none")
    assert [(c.text, c.value) for c in found] == [
        ("filler.time", "*0.95"), ("*.repair", "*0.5"), ("capper.servers", 2),
        ("filler.places", None),
    ]  # fmt: skip
    assert [factor_of(v) for v in ("*0.9", "+10 %", "-10%", "9", 9, None)] == [
        0.9, pytest.approx(1.1), 0.9, None, None, None,
    ]  # fmt: skip
    with pytest.raises(ConfigurationError, match="is no change; write"):
        read_changes("filler")


def test_the_example_line_can_be_changed() -> None:
    from gemel.runtime.lines import read_line

    line = read_line(Path(__file__).parents[2] / "examples" / "line.yaml")
    two = changed(line, read_changes("capper.servers=2, filler.failures.valve.every*2")).line
    assert two.stations["capper"].servers == 2
    assert two.stations["filler"].failures["valve"].every.mean_s == 3_000
