"""Faults in the live twin: known ones are recognised, new ones are named by people and learned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.learning.live import PLANT, START, Press

from gemel.core.errors import ConfigurationError
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import SECOND, isoformat
from gemel.parts.historians import HISTORIANS
from gemel.runtime.configuration import check, load
from gemel.twin.learning.labels import Answer, label
from gemel.twin.learning.live.casebook import Casebook, Known
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.told_classes import Truth, losses

FAULT = """\
  what:
    task: fault
    title: What is wrong
    asset: press
    signals: [press/force, press/heat, press/thickness, press/wear]
    when: state == 'Execute'
    lateness: 0 s
    window: 10 min
    least: 4 min
    every: 1 s
    settle: 30 s
    hold: 5 s
%s    renewal: {shadow: 60 s, watch: 10 min}
"""


def at(second: int) -> str:
    """A time of the plant file."""
    return isoformat(START + second * SECOND)


def period(first: int, last: int, cause: str) -> str:
    return f"    cases: [['{at(first)}', '{at(last)}', '{cause}']]\n"


WORN = period(100, 160, "worn die")


class Answered(Press):
    """A press whose findings stand in history, where people answer them."""

    def run(self, seconds: int, wear: Any = lambda _: 0.0) -> None:
        while seconds > 0:
            known = len(self.events)
            super().run(1, wear)
            self.store.record(self.events[known:])
            seconds -= 1

    def worn(self, seconds: int) -> None:
        """The first fault: the die is worn."""
        self.run(seconds, wear=lambda _: 4.0)

    def thick(self, seconds: int) -> None:
        """The second: parts come too thick."""
        self.offset += 1.0
        self.run(seconds)
        self.offset -= 1.0

    def steps(self) -> list[str]:
        return [event.payload["step"] for event in self.events if event.kind == "model"]

    def findings(self) -> list[Event]:
        return sorted(self.store.events("finding", "press"), key=lambda e: e.time)

    def say(self, finding: Event, answer: Answer, cause: str = "") -> None:
        self.store.record([label(finding, None, answer, cause, "", "eva", self.now)])

    def words(self) -> list[str]:
        """The class that was told of each row."""
        number = self.numbers["press/what"]
        found = [frame.value[frame.signal == number] for frame in self.frames]
        codes = np.concatenate([np.zeros(0), *found]).tolist()
        return [str(self.store.catalogue.decode(number, code)) for code in codes]


@contextmanager
def answered(folder: Path, text: str) -> Iterator[Answered]:
    clock: list[Press] = []
    historian = HISTORIANS.build({"kind": "duckdb"}, "historian")
    with historian.open(folder / "data", lambda: clock[0].now if clock else START) as store:
        found = Answered(folder, store, text)
        clock.append(found)
        yield found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A fault that the plant file names is recognised; one that nobody knows is found to be new,
    named by a person, learned, promoted, and recognised the next time, after a restart, too."""
    notes: dict[str, Any] = {}
    with answered(tmp_path_factory.mktemp("fault"), FAULT % WORN) as it:
        it.run(100)
        it.worn(60)
        notes["waiting"] = it.learner.report()
        it.run(60)
        it.until(lambda: it.learner.champion)
        first = notes["first"] = it.learner.champion
        it.run(60)
        notes["quiet"] = (it.words(), it.findings())
        it.worn(30)
        notes["open"] = it.findings()
        notes["recognised"] = it.learner.report()
        it.run(30)
        notes["closed"] = it.findings()
        notes["diagnosed"] = it.store.events("diagnosis", "press")
        it.thick(40)
        notes["new"] = it.learner.report()["last"]
        it.run(20)
        notes["second"] = it.findings()
        it.run(60)
        notes["waits"] = it.learner.report()
        it.say(it.findings()[-1], "right", "Feed  slipped")
        it.until(lambda: it.learner.roles.candidate)
        notes["fitted"] = it.steps()
        it.until(lambda: it.requests)
        (notes["request"],) = it.requests
        it.promote(notes["request"].model)
        it.learner = it.start()
        notes["restarted"] = it.learner.report()
        it.run(30)
        it.thick(30)
        it.learner = it.start()  # while the finding is open
        it.run(30)
        notes["third"] = it.findings()
        notes["last"] = it.store.events("diagnosis", "press")[0]
        notes["words"] = it.words()[-55:-35]
        asked = len(it.requests)
        it.promote(first)
        it.run(60)
        it.thick(60)
        it.run(20)
        it.say(it.findings()[-1], "right", "feed slipped")
        it.run(5)
        notes["back"] = it.requests[asked:]
    return notes


def test_it_waits_until_there_is_enough(story: dict[str, Any]) -> None:
    assert story["waiting"]["state"] == "waiting"
    assert "of the rows to begin with" in story["waiting"]["reason"]


def test_normal_running_is_told_and_is_no_finding(story: dict[str, Any]) -> None:
    words, findings = story["quiet"]
    assert len(words) >= 55
    assert words.count("normal") >= 0.95 * len(words)
    assert set(words) <= {"normal", "new"}
    assert not findings


def test_a_known_fault_is_recognised(story: dict[str, Any]) -> None:
    (opened,) = story["open"]
    assert opened.lasts
    assert opened.payload["title"] == "What is wrong: worn die"
    assert opened.payload["detector"] == "what"
    assert opened.payload["model"] == story["first"]
    assert opened.payload["contributions"][0]["signal"] == "press/wear"
    assert "known from 1 case" in opened.payload["because"]
    last = story["recognised"]["last"]
    assert last["why"]["cause"] == "worn die"
    assert last["probability"] > 0.9
    assert last["novelty"] < 1
    assert last["why"]["alike"][0]["cause"] == "worn die"
    assert last["why"]["alike"][0]["alike"] > 0.9
    (closed,) = story["closed"]
    assert closed.supersedes == opened.id
    assert closed.end - closed.time == pytest.approx(29 * SECOND, abs=3 * SECOND)
    (told,) = (e.payload for e in story["diagnosed"])
    assert (told["finding"], told["new"]) == (opened.id, False)
    assert told["known"][0]["name"] == "worn die"
    assert told["deviations"][0]["signal"] == "press/wear"
    assert told["deviations"][0]["now"] == pytest.approx(4, abs=0.1)


def test_what_is_unlike_everything_is_new_until_a_person_names_it(story: dict[str, Any]) -> None:
    assert story["new"]["why"]["cause"] == "new"
    assert story["new"]["probability"] == 0
    assert story["new"]["novelty"] > 1
    _, second = story["second"]
    assert second.payload["title"] == "What is wrong: new"
    assert not second.lasts
    assert story["waits"]["candidate"] is None, "nothing is learned that nobody has named"
    assert story["fitted"] == ["fitted", "champion", "fitted", "shadow"]


def test_a_named_one_is_proposed_though_it_could_not_be_compared(story: dict[str, Any]) -> None:
    request = story["request"]
    assert (request.kind, request.former) == ("promote", story["first"])
    assert request.reason.startswith("it knows 'Feed slipped', which the champion does not")
    evidence = story["restarted"]["champion"]["evidence"]
    assert story["restarted"]["champion"]["model"] == request.model
    assert {case["cause"] for case in evidence["cases"]} == {"worn die", "Feed slipped"}
    assert evidence["no fault"] == ["normal"]
    assert evidence["figures"]["accuracy"][0] > 0.9


def test_it_is_recognised_the_next_time(story: dict[str, Any]) -> None:
    *_, third = story["third"]
    assert third.payload["title"] == "What is wrong: Feed slipped"
    assert not third.lasts, "a restart in its midst does not leave it open"
    assert len(story["third"]) == 3, "nor makes two of it"
    assert story["words"].count("Feed slipped") >= 15
    assert story["last"].payload["alike"][0]["finding"] == story["second"][1].supersedes


def test_the_one_that_cannot_name_it_goes_back(story: dict[str, Any]) -> None:
    back = story["back"][0]
    assert (back.kind, back.model, back.alone) == ("return", story["request"].model, True)
    assert back.evidence["low"] > 0, "its rows were judged when the finding was answered"


def test_it_stays_one_finding_when_it_gets_its_name_and_none_where_it_is_no_fault(
    tmp_path: Path,
) -> None:
    with answered(tmp_path, FAULT % WORN) as it:
        it.run(100)
        it.worn(60)
        it.run(60)
        it.until(lambda: it.learner.champion)
        it.run(30)
        it.offset += 1.0
        it.run(20)
        (opened,) = it.findings()
        it.say(opened, "right", "thick batch")
        it.until(lambda: it.learner.roles.candidate)
        assert opened.lasts
        it.promote(it.learner.roles.candidate)
        it.run(20)
        assert it.words()[-10:].count("thick batch") >= 9
        assert [e.id for e in it.findings()] == [opened.id]
        it.offset -= 1.0
        it.run(20)
        (closed,) = it.findings()
        assert closed.supersedes == opened.id
        assert it.now - 25 * SECOND < closed.end < it.now - 15 * SECOND

        # A person thinks better of it: it was another batch, and no fault.
        (said,) = it.store.events("label", "press")
        event = label(closed, said, "known", "another batch", "", "eva", it.now)
        it.store.record([event])
        it.until(lambda: "another batch" in str(it.learner.report()["candidate"]))
        it.promote(it.learner.roles.candidate)
        evidence = it.learner.report()["champion"]["evidence"]
        assert evidence["no fault"] == ["another batch", "normal"]
        assert {case["cause"] for case in evidence["cases"]} == {"worn die", "another batch"}
        it.run(30)
        it.thick(30)
        assert it.words()[-20:].count("another batch") >= 19
        assert len(it.findings()) == 1


def test_naming_what_is_new_costs_less_than_calling_it_new() -> None:
    told = np.array([[0.8, 0.2], [0.8, 0.2], [0.5, 0.5], [1.0, 0.0], [1 - 1e-9, 1e-9]])
    new = np.array([False, True, True, False, False])
    cause = np.array(["a", "a", "slipped", "slipped", "a"], np.object_)
    assert losses(("a", "b"), told, new, cause).tolist() == [0.04, 1, 0.5, 1, 0]


def test_who_says_what_of_a_row() -> None:
    """A later answer counts more than an earlier one, either more than the target, and what nobody
    has answered is neither normal nor a fault."""
    book = Casebook(
        (Known(2, 6, "worn", True), Known(5, 6, "loose", True), Known(9, 9, "normal", False)),
        ((8, 9),), {0.0: "Running", 1.0: "jam"},
    )  # fmt: skip
    reason = np.array([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, np.nan, 0, 0, 0])
    none = np.zeros(14, np.int64)
    rows = Rows(
        ("reason",), np.arange(14, dtype=np.int64), reason[:, None], none, none * 1.0, book=book
    )
    truth = Truth.of(rows, 0, frozenset({"Running"}), 2)
    n = "normal"
    assert truth.cause.tolist() == [n, n, "worn", "worn", "worn", "loose", "loose", "jam", "", n,
                                    n, n, "", ""]  # fmt: skip
    assert [len(mine) for mine in truth.cases("worn")] == [3]
    assert truth.counts(2)[1] == {"jam": 1}


CAPPED = FAULT.replace("    signals:", "    target: state\n    normal: [Execute]\n    signals:")


def test_a_signal_may_tell_the_class(tmp_path: Path) -> None:
    text = CAPPED.replace("    when: state == 'Execute'\n", "") % ""
    text = text.replace("least: 4 min", "least: 6 min")
    with answered(tmp_path, text) as it:
        number = it.numbers["press/state"]

        def state(value: float) -> None:
            frame = Frame.of([number], [it.now], [value])
            it.store.commit([frame])
            it.events += it.learner.feed(frame)
            it.now += SECOND

        it.run(30)
        for _ in range(3):
            state(2.0)
            it.worn(30)
            state(6.0)
            it.run(40)
        it.until(lambda: it.learner.champion)
        told = len(it.words())
        state(2.0)
        it.worn(20)
        state(6.0)
        it.run(45)
        assert it.words()[told + 3 : told + 18].count("Stopped") >= 12
        evidence = it.learner.report()["champion"]["evidence"]
        assert [case["cause"] for case in evidence["cases"]] == ["Stopped"] * 3
        assert it.learner.report()["champion"]["evidence"]["figures"]["accuracy"][0] > 0.95
        form, model = it.learner.form, it.learner.registry.get(it.learner.champion)
        assert "state" not in form.model(model).names, "what tells the class does not tell it"


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ("", "no fault has a name yet"),
        (period(100, 102, "worn die"), "3 of 10 rows of 'worn die'"),
        (period(-500, -400, "worn die"), "'worn die' is said of a time of which no row counts"),
    ],
)
def test_it_says_what_is_missing(tmp_path: Path, cases: str, said: str) -> None:
    with answered(tmp_path, FAULT % cases) as it:
        it.run(100)
        it.worn(3)
        it.run(160)
        assert not it.learner.champion
        assert said in it.learner.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("    signals: [press/force, press/state]\n", "'press/state' is enumeration"),
        ("    target: stat\n", "target: no signal 'stat'"),
        ("    cases: [['2026-03-02', '2026-03-01', 'x']]\n", "is not before"),
        ("    cases: [['2026-03-01', '2026-03-02', 'new']]\n", "names no fault"),
        ("    model: {kind: bearing}\n", "in a plant file: learned_classes"),
        ("    waveform: file\n", "features"),
        ("    interval: 1 s\n", "is for forecast"),
    ],
)
def test_what_cannot_be_is_said_at_its_line(tmp_path: Path, change: str, said: str) -> None:
    path = tmp_path / "plant.yaml"
    text = PLANT + FAULT % change
    if "signals" in change:
        text = text.replace(
            "    signals: [press/force, press/heat, press/thickness, press/wear]\n", "", 1
        )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as found:
        check(load(path))
    assert said in str(found.value)
    assert "plant.yaml:" in str(found.value)
