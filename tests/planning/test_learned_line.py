"""Lines are played, logged, and learned back from the log."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from tests.public import public_data

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.closed import WEEK
from gemel.parts.simulators.base import Trial
from gemel.parts.simulators.events import Events, logged
from gemel.parts.simulators.events.journal import Journal
from gemel.twin.planning import simulator_for
from gemel.twin.planning.learned import Learned, Log, learn_from_log, validate
from gemel.twin.planning.learned.calendars import open_hours, shifts_of
from gemel.twin.planning.learned.endings import ended
from gemel.twin.planning.learned.groups import distance, represented
from gemel.twin.planning.learned.log import MONDAY
from gemel.twin.planning.learned.validation import crps, judged

DAY = {"name": "day", "start": "06:00", "end": "22:00"}


def by_chance(mean: str) -> dict[str, Any]:
    return {"every": {"kind": "exponential", "mean": mean}}


LINES: dict[str, dict[str, Any]] = {
    "serial": {
        "stations": {
            "cut": {"time": {"mean": "60 s", "cv": 0.3}},
            "mill": {"time": {"kind": "gamma", "mean": "62 s", "cv": 0.5}, "places": 3},
            "wash": {"time": {"kind": "weibull", "mean": "58 s", "cv": 0.8}, "places": 5},
        }
    },
    "rework": {
        "stations": {
            "cut": {"time": {"mean": "60 s", "cv": 0.3}, "arrivals": by_chance("100 s")},
            "mill": {"time": {"mean": "120 s", "cv": 0.5}, "servers": 2, "scrap": 0.05},
            "test": {
                "time": {"kind": "exponential", "mean": "58 s"},
                "rework": {"share": 0.1, "to": "mill"},
            },
        }
    },
    "branches": {
        "calendars": {"day": [DAY]},
        "stations": {
            "cut": {
                "time": {"mean": "10 min", "cv": 0.3}, "calendar": "day",
                "arrivals": by_chance("15 min") | {"rates": [DAY | {"rate": 1}]},
                "split": "share", "shares": {"mill": 0.7, "grind": 0.3},
            },
            "mill": {"time": {"mean": "12 min", "cv": 0.5}, "calendar": "day"},
            "grind": {
                "after": ["cut"], "time": {"mean": "30 min", "cv": 0.5}, "calendar": "day",
                "travel": {"mean": "20 min", "cv": 0.3},
            },
            "pack": {
                "after": ["mill", "grind"], "time": {"mean": "8 min", "cv": 0.2}, "calendar": "day",
            },
        },
    },
    "oven": {
        "stations": {
            "load": {"time": {"mean": "60 s", "cv": 0.3}, "arrivals": by_chance("100 s")},
            "oven": {"time": {"mean": "10 min", "cv": 0.1}, "batch": {"least": 4, "most": 10}},
            "unload": {"time": {"kind": "exponential", "mean": "58 s"}},
        }
    },
    "shop": {
        "stations": {
            "saw": {"time": {"mean": "10 min", "cv": 0.5}, "arrivals": by_chance("20 min")},
            "mill": {"time": {"mean": "20 min", "cv": 0.5}, "servers": 2},
            "drill": {"time": {"kind": "gamma", "mean": "9 min", "cv": 0.5}},
            "pack": {"time": "2 min"},
        },
        "products": {
            "x": {"share": 3, "route": [{"station": s} for s in ("saw", "mill", "drill", "pack")]},
            "y": {"route": [{"station": s} for s in ("drill", "mill", "saw", "mill", "pack")]},
            "z": {"route": [{"station": s} for s in ("saw", "drill", "saw", "drill", "pack")]},
        },
    },
}  # fmt: skip


def as_log(journal: Journal, **more: Any) -> Log:
    return Log.of(
        [f"part {p}" for p in journal.part], journal.station, np.array(journal.start) + MONDAY,
        np.array(journal.end) + MONDAY, **more,
    )  # fmt: skip


_learned: dict[str, Learned] = {}


def learned(name: str) -> Learned:
    if name not in _learned:
        journal = logged(Line.read(LINES[name]), Trial(parts=2500, seed=3))
        _learned[name] = learn_from_log(as_log(journal))
    return _learned[name]


@pytest.mark.parametrize("name", LINES)
def test_times_of_work_come_back(name: str) -> None:
    line = Line.read(LINES[name])
    for report in learned(name).stations:
        true = line.stations[report.name].time
        assert report.time.mean == pytest.approx(true.mean_s, rel=0.08), report.name
        assert report.time.cv == pytest.approx(true.cv_exact, abs=0.08), report.name


def test_intervals_hold_the_true_times_of_work() -> None:
    """Of 95 %: at least 20 of 24, by two lines with all their luck anew."""
    inside = []
    for name in ("serial", "rework"):
        line = Line.read(LINES[name])
        for seed in range(4):
            found = learn_from_log(as_log(logged(line, Trial(parts=600, seed=seed))))
            for report in found.stations:
                true = line.stations[report.name].time.mean_s
                inside.append(report.time.low <= true <= report.time.high)
    assert len(inside) == 24
    assert sum(inside) >= 20


@pytest.mark.parametrize("name", LINES)
def test_the_line_that_was_learned_makes_as_much(name: str) -> None:
    """Played on other luck than was logged: throughput within what the sample tells of the
    arrivals (two standard errors of 2,500 are 4 %) and of the times."""
    rates = []
    for line in (Line.read(LINES[name]), learned(name).line):
        trial = Trial(parts=2000, replications=3, seed=9)
        rates.append(simulator_for(line)[1].run(line, trial).throughput.mean())
    assert rates[1] == pytest.approx(rates[0], rel=0.05)


@pytest.mark.parametrize("name", ["serial", "rework", "oven"])
def test_learning_again_changes_nothing_more(name: str) -> None:
    """A learned line is logged and learned: the same structure, the same throughput."""
    first = learned(name).line
    second = learn_from_log(as_log(logged(first, Trial(parts=2500, seed=11)))).line
    for a, b in zip(first.stations.values(), second.stations.values(), strict=True):
        assert (a.servers, a.places, a.batch, a.after) == (b.servers, b.places, b.batch, b.after)
        assert (a.rework is None) == (b.rework is None)
    trial = Trial(parts=2000, replications=3, seed=9)
    rates = [simulator_for(x)[1].run(x, trial).throughput.mean() for x in (first, second)]
    assert rates[1] == pytest.approx(rates[0], rel=0.05)


def test_families_of_a_serial_line_come_back() -> None:
    kinds = [r.time.best for r in learned("serial").stations]
    assert kinds == ["lognormal", "gamma", "weibull"]


def test_places_that_block_come_back_and_a_full_beginning_has_no_arrivals() -> None:
    line = learned("serial").line
    assert [s.places for s in line.stations.values()] == [None, 3, 5]
    assert line.stations["cut"].arrivals is None


def test_servers_scrap_and_rework_come_back() -> None:
    line = learned("rework").line
    assert [s.servers for s in line.stations.values()] == [1, 2, 1]
    rework = line.stations["test"].rework
    assert rework is not None
    assert rework.to == "mill"
    assert rework.share == pytest.approx(0.1, abs=0.02)
    assert line.stations["mill"].scrap == pytest.approx(0.05, abs=0.015)
    arrivals = line.stations["cut"].arrivals
    assert arrivals is not None
    assert arrivals.every is not None
    assert arrivals.every.kind == "exponential"
    assert arrivals.every.mean_s == pytest.approx(100, rel=0.05)


def test_branches_shifts_and_ways_come_back() -> None:
    line = learned("branches").line
    assert set(line.feeders("pack")) == {"mill", "grind"}
    assert line.stations["cut"].shares == pytest.approx({"mill": 0.7, "grind": 0.3}, abs=0.03)
    shifts = line.calendars[line.stations["cut"].calendar]
    assert [(s.start, s.end, s.days) for s in shifts] == [
        ("06:00", "22:00", ("mon", "tue", "wed", "thu", "fri"))
    ]
    assert {s.calendar for s in line.stations.values()} == {line.stations["cut"].calendar}
    travel = line.stations["grind"].travel
    assert travel is not None
    assert travel.mean_s == pytest.approx(20 * 60, rel=0.05)
    assert travel.cv_exact == pytest.approx(0.3, abs=0.08)
    assert [n for n, s in line.stations.items() if s.travel] == ["grind"]
    arrivals = line.stations["cut"].arrivals
    assert arrivals is not None
    assert {(r.start, r.end) for r in arrivals.rates} == {("06:00", "22:00")}


def test_ways_hidden_behind_a_busy_server_come_back() -> None:
    """Many parts find the server taken, so that of their way only bounds are known."""
    line = Line.read(
        {
            "stations": {
                "mill": {
                    "time": {"mean": "45 min", "cv": 0.6}, "servers": 2,
                    "arrivals": by_chance("28 min"),
                },
                "test": {
                    "time": {"kind": "gamma", "mean": "17 min", "cv": 0.8},
                    "travel": {"mean": "1 h", "cv": 0.5},
                },
            }
        }
    )  # fmt: skip
    found = learn_from_log(as_log(logged(line, Trial(parts=1500, seed=7)))).stations[1]
    assert found.travel is not None
    assert found.travel.mean == pytest.approx(3_600, rel=0.05)
    assert found.travel.cv == pytest.approx(0.5, abs=0.08)


def test_batches_come_back() -> None:
    batch = learned("oven").line.stations["oven"].batch
    assert batch is not None
    assert (batch.least, batch.most) == (4, 10)


def test_routes_come_back() -> None:
    found = learned("shop")
    routes = {
        tuple(step.stations[0] for step in p.route): p.share for p in found.line.products.values()
    }
    total = sum(routes.values())
    assert {r: n / total for r, n in routes.items()} == pytest.approx(
        {
            ("saw", "mill", "drill", "pack"): 0.6,
            ("drill", "mill", "saw", "mill", "pack"): 0.2,
            ("saw", "drill", "saw", "drill", "pack"): 0.2,
        },
        abs=0.03,
    )
    assert {r.name: r.servers for r in found.stations} == {
        "saw": 1, "mill": 2, "drill": 1, "pack": 1,
    }  # fmt: skip


def test_products_with_times_of_their_own_come_back() -> None:
    line = Line.read(
        {
            "products": {"small": {"share": 3}, "large": {}},
            "stations": {
                "cut": {"time": {"mean": "60 s", "cv": 0.3}, "arrivals": by_chance("150 s")},
                "mill": {
                    "time": {"mean": "60 s", "cv": 0.4},
                    "times": {"large": {"mean": "120 s", "cv": 0.4}},
                },
            },
        }
    )
    journal = logged(line, Trial(parts=1200, seed=3))
    kind = {part: list(line.products)[product] for part, product, *_ in journal.gone}
    log = as_log(journal, product=[kind.get(p, "small") for p in journal.part])
    found = learn_from_log(log).line
    assert found.products["small"].share / found.products["large"].share == pytest.approx(
        3, rel=0.2
    )
    assert found.stations["cut"].times == {}
    times = found.stations["mill"].times
    assert times["small"].mean_s == pytest.approx(60, rel=0.08)
    assert times["large"].mean_s == pytest.approx(120, rel=0.08)


def test_noise_in_the_order_is_left_out_and_told() -> None:
    journal = logged(Line.read(LINES["serial"]), Trial(parts=600, seed=3))
    odd = max(i for i, s in enumerate(journal.station) if s == "mill" and journal.part[i] < 500)
    journal.station[odd] = "wash"  # somebody has booked at the wrong station
    found = learn_from_log(as_log(journal))
    assert found.line.names == ("cut", "mill", "wash")
    assert found.line.products == {}
    assert any("left out as noise" in note for note in found.notes)


def test_what_runs_when_the_log_ends_counts_as_longer() -> None:
    """Many slow machines beside each other, watched for a short time: what was finished is what was
    fast. The mean of the finished is far too short, the learned one is not."""
    line = Line.read(
        {"stations": {"a": {"time": {"kind": "exponential", "mean": "100 s"}, "servers": 300}}}
    )
    log = as_log(logged(line, Trial(horizon_s=400, warm_up=0, seed=2))).cut(120.0)
    whole = log.end - log.start
    report = learn_from_log(log).stations[0]
    assert report.time.running > 100
    finished = whole[np.isfinite(whole)]
    assert finished.mean() + 3 * finished.std() / np.sqrt(len(finished)) < 100
    assert report.time.low < 100 < report.time.high


def test_starts_that_are_not_told_are_worked_out() -> None:
    """Of stations that always have a part and room, an end tells when the next begins."""
    line = Line.read(
        {"stations": {"cut": {"time": {"mean": "60 s", "cv": 0.3}},
                      "mill": {"time": {"mean": "80 s", "cv": 0.3}}}}
    )  # fmt: skip
    journal = logged(line, Trial(parts=1500, seed=3))
    log = Log.of([str(p) for p in journal.part], journal.station, None, journal.end)
    found = {r.name: r for r in learn_from_log(log).stations}
    assert found["cut"].time.low < 60 < found["cut"].time.high
    assert found["mill"].time.low < 80 < found["mill"].time.high
    assert any("starts were not told" in note for note in learn_from_log(log).notes)


def test_who_is_finished_is_told_by_what_came_after_others() -> None:
    log = as_log(logged(Line.read(LINES["shop"]), Trial(parts=600, seed=3)))
    left = np.maximum.reduceat(log.end, log.bounds[:-1])
    at = float(np.quantile(left, 0.6))
    known = log.cut(at)
    truth = dict(zip(log.cases, left <= at, strict=True))
    sure = ended(known)
    right = np.array([truth[case] for case in known.cases])
    assert ((sure >= 0.5) == right).mean() > 0.99


def test_hours_in_which_nothing_happens_are_closed() -> None:
    counts = np.zeros(168)
    for day in range(5):
        counts[24 * day + 6 : 24 * day + 22] = 20
    counts[24 * 5 + 3] = 1  # somebody came on Saturday, once
    is_open = open_hours(counts)
    assert is_open.sum() == 80
    night = np.roll(is_open, 16)  # 22:00 to 14:00
    assert shifts_of(night) == [
        {"name": "22-14", "start": "22:00", "end": "14:00",
         "days": ["mon", "tue", "wed", "thu", "fri"]}
    ]  # fmt: skip
    assert open_hours(np.full(168, 20.0)).all()
    assert open_hours(np.append(np.zeros(20), np.full(148, 0.2))).all()  # too little to tell


def test_routes_keep_their_lengths_when_few_stand_for_many() -> None:
    random = np.random.default_rng(0)
    traces = [tuple(random.integers(0, 5, n).tolist()) for n in random.integers(2, 30, 200)]
    effort = np.array([float(len(t)) for t in traces])
    told = represented(traces, effort, 20)
    assert len(told) <= 20
    assert sorted(int(i) for _, cases in told for i in cases) == list(range(200))
    mean = sum(len(trace) * len(cases) for trace, cases in told) / 200
    assert mean == pytest.approx(effort.mean(), rel=0.05)
    assert distance((1, 2, 3), (1, 3)) == 1
    assert distance(tuple(b"kitten"), tuple(b"sitting")) == 3


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "the log is empty"),
        ([("a", "x", 5.0, 3.0), ("b", "x", 1.0, 2.0)], "row 1: ends 2 s before it starts"),
        ([("a", "x", 1.0, 3.0), ("a", "y", 3.0, 4.0)], "all rows are of one case, 'a'"),
        ([("", "x", 1.0, 3.0), ("b", "", 3.0, 4.0)], "no row has a case, a station and a time"),
        ([("a", "x", 1.0, np.nan), ("b", "x", 1.0, np.nan)], "no case of the log is finished"),
    ],
)
def test_logs_that_tell_nothing_are_refused(
    rows: list[tuple[str, str, float, float]], said: str
) -> None:
    case, station, start, end = zip(*rows, strict=True) if rows else ((), (), (), ())
    with pytest.raises(DataError, match=said):
        learn_from_log(Log.of(case, station, start, end))


def test_names_that_a_line_does_not_take_are_changed_and_kept_as_titles() -> None:
    journal = logged(Line.read(LINES["serial"]), Trial(parts=100, seed=3))
    other = {"cut": "Cut. & go", "mill": "Cut & go", "wash": "[wash]"}
    journal.station[:] = [other[s] for s in journal.station]
    line = learn_from_log(as_log(journal)).line
    assert line.names == ("Cut & go", "Cut & go 2", "wash")
    assert [s.title for s in line.stations.values()] == ["Cut. & go", "", "[wash]"] or [
        s.title for s in line.stations.values()
    ] == ["Cut. & go", "Cut & go", "[wash]"]


# What a journal holds


def test_a_journal_is_that_of_the_run() -> None:
    line, trial = Line.read(LINES["rework"]), Trial(parts=300, seed=5, keep=("departures",))
    journal, run = logged(line, trial), Events().run(line, trial)
    assert run.departures is not None
    assert [g[3] for g in journal.gone] == run.departures[0, 0].tolist()
    after = np.array([born < gone for _, _, born, gone, _ in journal.gone])
    assert after.all()
    assert (np.array(journal.came) <= np.array(journal.start)).all()


# Held against later periods


def shop_log(parts: int = 800) -> Log:
    line = dict(LINES["shop"])
    stations = {n: s | {"calendar": "day"} for n, s in line["stations"].items()}
    stations["saw"] = stations["saw"] | {
        "arrivals": by_chance("45 min") | {"rates": [DAY | {"rate": 1}]}
    }
    found = Line.read(line | {"stations": stations, "calendars": {"day": [DAY]}})
    return as_log(logged(found, Trial(parts=parts, seed=4)))


def test_later_weeks_are_told_with_bands_that_hold() -> None:
    found = validate(shop_log(), periods=2, futures=20)
    assert len(found.periods) == 2
    assert found.throughput.coverage >= 0.5
    assert found.lead.count > 100
    assert 0.8 <= found.lead.coverage <= 1
    assert found.lead.crps <= 1.1 * found.naive_lead.crps
    assert json.dumps(found.record())


def test_a_forecast_knows_nothing_of_what_comes_after() -> None:
    """What comes after the first period that is told is made ten times as slow: the forecast of the
    period is the same, and so is the naive one."""
    log = shop_log(700)
    end = np.floor(log.until / WEEK) * WEEK
    begin = end - 2 * WEEK
    later = log.start >= begin
    other = replace(
        log,
        start=np.where(later, begin + 10 * (log.start - begin), log.start),
        end=np.where(later, begin + 10 * (log.end - begin), log.end),
        until=begin + 10 * (log.until - begin),
    )
    one = validate(log, periods=2, futures=10, until=end).periods[0]
    two = validate(other, periods=2, futures=10, until=end).periods[0]
    assert one.begin == two.begin
    assert one.told.tolist() == two.told.tolist()
    assert one.naive == two.naive
    assert one.left != two.left


def test_a_flow_is_told_too() -> None:
    line = Line.read(LINES["rework"])
    log = as_log(logged(line, Trial(horizon_s=10 * 3600, warm_up=0, seed=8)))
    found = validate(log, period=3600.0, periods=4, futures=15)
    assert found.throughput.count == 4
    assert 30 < float(np.mean([p.told.mean() for p in found.periods])) < 40
    assert found.lead.coverage >= 0.75


def test_a_short_log_is_not_held_against_itself() -> None:
    log = as_log(logged(Line.read(LINES["serial"]), Trial(parts=100, seed=3)))
    with pytest.raises(DataError, match="at least 4 are needed"):
        validate(log)


def test_scores_are_those_that_are_known() -> None:
    random = np.random.default_rng(0)
    draws: Values = random.normal(0, 1, 300)
    spread = np.abs(draws[:, None] - draws[None, :]).mean() / 2
    for came in (-1.0, 0.3, 4.0):  # E|X − y| − E|X − X'| / 2
        assert crps(draws, came) == pytest.approx(np.abs(draws - came).mean() - spread)
    assert crps(np.array([3.0]), 5.0) == 2
    assert crps(np.array([3.0, 9.0]), 5.0, most=7.0) == pytest.approx(2 * 0.25 + 2 * 0.25)
    told = judged(np.arange(101.0), np.array([50.0, 99.0, 20.0]), np.array([False, False, True]))
    assert told.coverage == pytest.approx(2 / 3)


# Real logs


@pytest.mark.data
def test_a_job_shop_is_learned_and_plays() -> None:
    path = public_data("production_log", "production.csv")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def time(text: str) -> float:
        return datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC).timestamp()

    log = Log.of(
        [r["case_id"] for r in rows],
        [r["activity"] for r in rows],
        [time(r["start_timestamp"]) for r in rows],
        [time(r["timestamp"]) for r in rows],
        resource=[r["resource"] for r in rows],
    )
    found = learn_from_log(log)
    assert found.cases[0] == 157
    assert len(found.stations) == 23
    assert found.line.stations["Final Inspection QC"].title == "Final Inspection Q.C."
    assert len(found.line.products) <= 42
    packing = next(r for r in found.stations if r.name == "Packing")
    assert packing.time.distribution.kind == "empirical"
    assert any("different routes of 157 cases" in note for note in found.notes)
    assert any("is explained by no server" in note for note in found.notes)
    run = simulator_for(found.line)[1].run(found.line, Trial(horizon_s=4 * WEEK, seed=1))
    assert run.throughput[0, 0] * WEEK > 2
