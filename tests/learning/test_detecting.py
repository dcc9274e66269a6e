"""A detector is renewed by what its findings cost, and a slow fault never becomes normal."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.learning.detecting import WATCH, Pressed
from tests.learning.live import START

from gemel.core.event import Event
from gemel.core.time import DAY, MINUTE, SECOND
from gemel.twin.learning.detecting.apart import Apart
from gemel.twin.learning.detecting.rates import Rates, not_watched
from gemel.twin.learning.detecting.settings import DetectorRenewal
from gemel.twin.learning.labels import Answer


def product(minute: int) -> float:
    """Another product runs for two hours of every six."""
    return 0.08 if minute % 360 >= 240 else 0.0


def known(_: Event) -> Answer | None:
    """It is the other product, and no fault."""
    return "known"


def nobody(_: Event) -> Answer | None:
    """Findings stay as they are."""
    return None


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Pressed:
    """Another product comes; a person has it learned, and makes the new model champion; the old one
    is forced in, and goes back. In between the twin is started again, with another plant file."""
    folder = tmp_path_factory.mktemp("product")
    pressed = Pressed(folder, WATCH % "", known)
    notes = pressed.notes
    with pressed.open():
        pressed.until(lambda: pressed.watch.champion)
        notes["first"] = pressed.watch.champion
        pressed.hours(30, offset=product)
        notes["before"] = len([e for e in pressed.events if e.kind == "finding" and e.lasts])
        assert "fitted" not in pressed.steps()[2:], "not without a person"
        pressed.watch.want("as eva wished")
        pressed.reload(WATCH % ", every: 90 d")
        pressed.hours(1, offset=product)
        notes["second"] = pressed.watch.report()["candidate"]["model"]
        pressed.hours(6, offset=product)
        notes["since"] = pressed.watch.report()["candidate"]["since"]
        pressed.reload(
            (WATCH % ", every: 90 d").replace("72 h", "30 d").replace("hold: 5 min", "hold: 4 min")
        )
        notes["reloaded"] = pressed.watch.report()["candidate"]
        pressed.watch = pressed.start()
        notes["restarted"] = pressed.watch.report()["candidate"]
        pressed.until(lambda: pressed.requests, offset=product)
        (notes["request"],) = pressed.requests
        notes["lasted"] = pressed.now - notes["since"]
        notes["shadow"] = pressed.watch.report()["shadow"]
        again = pressed.start()
        pressed.promote(notes["second"], evidence=notes["request"].evidence)
        again.take_over(pressed.watch)  # it was made before, and learns what was decided since
        pressed.watch = again
        notes["meanwhile"] = again.champion, (again.report()["former"] or {})["model"]
        quiet = len(pressed.events)
        pressed.hours(12, offset=product)
        notes["after"] = [e for e in pressed.events[quiet:] if e.kind == "finding" and e.lasts]
        pressed.promote(notes["first"])
        pressed.until(lambda: len(pressed.requests) > 1, offset=product)
        back = notes["back"] = pressed.requests[-1]
        pressed.promote(back.model, returned=True, evidence=back.evidence)
        notes["report"] = pressed.watch.report()
    return pressed


def test_a_new_product_is_learned_when_a_person_asks(story: Pressed) -> None:
    notes = story.notes
    assert notes["before"] >= 4, "each run of the product was a finding"
    assert notes["second"] != notes["first"]
    request = notes["request"]
    assert (request.kind, request.model, request.former, request.alone) == (
        "promote", notes["second"], notes["first"], False,
    )  # fmt: skip
    assert notes["lasted"] >= DAY
    evidence = request.evidence
    assert evidence["low"] > 0
    assert evidence["events"] >= 5
    assert evidence["unanswered"] == 0
    assert evidence["champion"][0] == 50 * evidence["events"], "each finding costs what it says"
    assert evidence["other"] == [0, 0]
    assert "EUR" in request.reason
    assert not notes["after"], "what was learned is no finding any more"


def test_a_candidate_outlives_a_reload_and_a_restart(story: Pressed) -> None:
    notes = story.notes
    assert notes["meanwhile"] == (notes["second"], notes["first"])
    for state in ("reloaded", "restarted"):
        assert (notes[state]["model"], notes[state]["since"]) == (notes["second"], notes["since"])


def test_a_worse_one_that_was_forced_in_goes_back(story: Pressed) -> None:
    back = story.notes["back"]
    assert (back.kind, back.model, back.alone) == ("return", story.notes["second"], True)
    assert story.watch.champion == story.notes["second"]
    assert story.notes["report"]["former"] is None, "the worse one is asked no more"
    assert story.steps() == ["fitted", "champion", "fitted", "shadow", "champion", "champion",
                             "returned"]  # fmt: skip


def test_each_step_stands_in_history_with_its_evidence(story: Pressed) -> None:
    fits = [e.payload for e in story.events if e.payload.get("step") == "fitted"]
    assert [f["columns"] for f in fits] == [["press/force", "press/thickness"]] * 2
    assert fits[1]["conditions"] == ["press/state"]
    assert fits[1]["reason"] == "fitted as eva wished"
    assert all(len(f["data"]) == 64 for f in fits)
    crowned = next(e.payload for e in story.events if e.payload.get("former"))
    assert crowned["evidence"]["verdict"] == "better"


def shifts(minute: int) -> float:
    """A fault that creeps for four days, and then is there."""
    return min(max(minute, 0) / (4 * 24 * 60), 1.0) * 0.12


@pytest.mark.parametrize("said", ["right", None])
def test_a_slow_fault_does_not_become_normal(tmp_path: Path, said: Answer | None) -> None:
    text = WATCH % ", every: 24 h, on_drift: true, promote: alone"
    pressed = Pressed(tmp_path, text, lambda _: said)
    with pressed.open():
        pressed.until(lambda: pressed.watch.champion)
        first = pressed.watch.champion
        pressed.hours(5 * 24, offset=lambda minute: shifts(minute - 12 * 60))
        assert not pressed.requests
        assert pressed.watch.champion == first
        assert pressed.watch.report()["open"], "it is still found"
        fits = [e.payload for e in pressed.events if e.payload.get("step") == "fitted"][1:]
        assert fits or said is None
        for fit in fits:
            assert fit["window"][1] < pressed.now - DAY, "what crept up is left out"


def moved(_: int) -> float:
    """A little off, and that stays."""
    return 0.009


def test_what_crept_up_is_learned_only_if_a_person_says_why(tmp_path: Path) -> None:
    text = (WATCH % ", promote: alone").replace("hold: 5 min", "hold: 90 d")
    pressed = Pressed(tmp_path, text, nobody)
    with pressed.open():
        pressed.until(lambda: pressed.watch.champion)
        pressed.hours(60, offset=moved)  # far too short for a finding
        pressed.watch.want("as eva wished")
        pressed.hours(1, offset=moved)
        report = pressed.watch.report()
        assert report["candidate"] is None
        assert "since scores crept up" in report["renewing"]
        assert "say why it is none" in report["renewing"]
        pressed.watch.want("as eva wished", "a new sensor since Monday")
        pressed.hours(1, offset=moved)
        candidate = pressed.watch.report()["candidate"]
        assert candidate["evidence"]["because"] == "a new sensor since Monday"


def test_an_event_of_the_machine_shows_what_was_missed(tmp_path: Path) -> None:
    """A candidate that has learned a fault as normal, as somebody wished, is found out."""

    def fault(minute: int) -> float:
        return 0.08 if minute % 240 >= 200 else 0.0

    def trouble(minute: int) -> float:
        return 9.0 if minute % 240 >= 230 else 0.0

    said: list[Answer] = ["known"]
    pressed = Pressed(tmp_path, WATCH % "", lambda _: said[0] if said else None)
    with pressed.open():
        pressed.until(lambda: pressed.watch.champion)
        pressed.hours(12, offset=fault)
        pressed.watch.want("as eva wished", "nothing is wrong")
        pressed.hours(1)
        assert pressed.watch.report()["candidate"] is not None
        said.clear()
        pressed.until(lambda: "dropped" in pressed.steps(), offset=fault, wear=trouble, most=150)
        told = next(e for e in pressed.events if e.payload.get("step") == "dropped")
        assert told.payload["evidence"]["verdict"] == "worse"
        assert told.payload["evidence"]["other"][0] > told.payload["evidence"]["champion"][1]
        spans = [e for e in pressed.events if e.kind == "trouble" and not e.lasts]
        assert {e.end - e.time for e in spans} == {10 * MINUTE}


def test_drift_of_the_alarm_rate_fits_anew_and_twice_the_same(tmp_path: Path) -> None:
    """Where the plant file says so; and the same signals give the same models and verdicts."""
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pressed = Pressed(tmp_path / name, WATCH % ", on_drift: true", known)
        with pressed.open():
            pressed.until(lambda p=pressed: p.watch.champion)
            pressed.until(lambda p=pressed: p.watch.report().get("candidate"), offset=product)
            pressed.hours(12, offset=product)
            found.append([pressed.steps(), pressed.watch.report()])
        shadow = next(e.payload for e in pressed.events if e.payload.get("step") == "shadow")
        assert "more rows are above the limit than was promised" in shadow["reason"]
    assert found[0] == found[1]
    assert found[0][1]["drift"]["state"] == "drifted"


def test_better_is_promoted_alone_only_where_the_plant_file_says_so(tmp_path: Path) -> None:
    pressed = Pressed(tmp_path, WATCH % ", promote: alone", known)
    with pressed.open():
        pressed.until(lambda: pressed.watch.champion)
        pressed.hours(12, offset=product)
        pressed.watch.want("as eva wished")
        pressed.until(lambda: pressed.requests, offset=product)
    (request,) = pressed.requests
    assert (request.kind, request.alone) == ("promote", True)
    assert request.evidence["events"] >= 5


def test_what_is_said_of_the_rate_has_one_shape_from_the_start() -> None:
    known = Rates(3_600 * SECOND, [[hour, 3_600, 3] for hour in range(40)])
    assert known.drift(0.001, ())["state"] == "steady"
    assert not_watched().keys() <= known.drift(0.001, ()).keys()
    assert not_watched() == Rates(SECOND).drift(None, ())


def test_a_model_that_is_promoted_while_another_is_fitted_keeps_its_name(tmp_path: Path) -> None:
    pressed = Pressed(tmp_path, WATCH % "", known)
    with pressed.open():
        pressed.until(lambda: pressed.watch.champion)
        pressed.hours(12, offset=product)
        pressed.watch.want("as eva wished")
        pressed.hours(1, offset=product)
        second = pressed.watch.report()["candidate"]["model"]
        pressed.watch.want("as tom wished")
        pressed.take(pressed.watch.tick(pressed.now))
        assert pressed.watch.report()["fitting"]
        pressed.promote(second)
        pressed.take(pressed.watch.tick(pressed.now))
        assert not pressed.watch.report()["fitting"]
        assert pressed.watch.champion == pressed.start().champion == second


def test_a_machine_stands_with_its_line_and_not_with_its_sisters(tmp_path: Path) -> None:
    pressed = Pressed(tmp_path, WATCH % "", nobody)
    with pressed.open():
        for number, asset in enumerate(("line", "line/press", "line/oven", "line/press/ram")):
            begins = START + number * 10 * MINUTE
            pressed.store.record(
                [Event("stop", asset, begins, "operations", begins, begins + MINUTE)]
            )
        apart = Apart.read(
            pressed.store, "odd", "line/press", DetectorRenewal(), START, START + DAY
        )
    assert [(first - START) // (10 * MINUTE) for first, _ in apart.stops] == [1, 0]
