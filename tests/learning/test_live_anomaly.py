"""A task `anomaly` of a plant file: a watch in the words of the task on files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.learning.live import PLANT, START, AtOnce

from gemel.core.errors import ConfigurationError
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import HOUR, MINUTE, SECOND
from gemel.parts.historians import HISTORIANS
from gemel.runtime.comparing import compare, outline
from gemel.runtime.configuration import Plan, check, load
from gemel.runtime.reloading import declare
from gemel.twin.learning import DetectorWatch

ODD = """\
  odd:
    task: anomaly
    title: Press behaves otherwise
    asset: press
    columns: [force, thickness]
    when: state == 'Execute'
    normal: first 400 rows
    hold: 5 s
    lateness: 0 s
    false_alarms: 1 per hour
    model: {kind: pca}
"""
DETECTOR = """\
detectors:
  odd:
    kind: pca
    title: Press behaves otherwise
    asset: press
    signals: [press/force, press/thickness]
    normal: state == 'Execute'
    learn: 400 s
    hold: 5 s
    lateness: 0 s
    false_alarm_rate: 0.0002777777777777778
"""


def plan_of(folder: Path, text: str) -> Plan:
    path = folder / "plant.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


class Watched:
    """A press whose samples a watch looks at."""

    def __init__(self, folder: Path, text: str) -> None:
        self.plan = plan_of(folder, text)
        self.now = START
        self.random = np.random.default_rng(0)
        self.told: list[Frame] = []
        self.events: list[Event] = []

    @contextmanager
    def open(self, folder: Path, *, replayed: bool = False) -> Iterator[Watched]:
        historian = HISTORIANS.build({"kind": "duckdb"}, "historian")
        with historian.open(folder / "data", lambda: self.now) as self.store:
            self.numbers = declare(self.plan.signals, self.store.catalogue, START)
            self.replayed = replayed
            self.watch = self.start()
            yield self

    def start(self) -> DetectorWatch:
        settings, detector = self.plan.watches["odd"]
        score = self.plan.scores.get("odd")
        return DetectorWatch(
            "odd", settings, detector, self.plan.signals, self.numbers, self.store, AtOnce(),
            lambda: self.now, replayed=self.replayed, score=score,
            tell=self.told.append if score else None,
        )  # fmt: skip

    def run(self, seconds: int, offset: float = 0.0, state: float = 6.0) -> None:
        for _ in range(seconds):
            force = self.random.normal(50, 2)
            values = {
                "force": force, "thickness": 0.1 * force + self.random.normal(0, 0.01) + offset,
                "state": state,
            }  # fmt: skip
            numbers = [self.numbers[f"press/{name}"] for name in values]
            frame = Frame.of(numbers, [self.now] * len(values), list(values.values()))
            self.store.commit([frame])
            self.events += self.watch.feed(frame)
            self.now += SECOND
            self.events += self.watch.tick(self.now)

    def found(self) -> list[str]:
        """Findings, without what differs from run to run."""
        return [
            json.dumps([e.subject, e.time, e.end, e.payload], sort_keys=True)
            for e in self.events
            if e.kind == "finding"
        ]


def test_it_is_the_watch_that_a_detector_is(tmp_path: Path) -> None:
    task, detector = plan_of(tmp_path, PLANT + ODD), plan_of(tmp_path, PLANT[:-7] + DETECTOR)
    assert task.watches == detector.watches
    assert not task.tasks
    assert task.scores == {"odd": "press/odd"}
    (told,) = (planned for planned in task.signals if planned.told_by)
    assert (told.path, told.told_by) == ("press/odd", "odd")
    assert told.signal.title == "Press behaves otherwise, score over its limit"
    changes = compare(outline(detector), outline(task))
    assert changes["detectors"].changed == ("odd",), "what told no score does now"


@pytest.fixture(scope="module", params=[False, True], ids=["live", "replayed"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """It learns, sees a broken relation for 30 s, a pause of as long, and is started again."""
    folder = tmp_path_factory.mktemp("odd")
    watched = Watched(folder, PLANT + ODD)
    with watched.open(folder, replayed=request.param):
        watched.run(500)
        assert watched.watch.state == "watching"
        watched.run(30, offset=0.06)
        watched.run(120)
        watched.run(30, offset=2.0, state=2.0)
    return watched


def test_it_finds_what_no_longer_goes_together_and_tells_its_score(run: Watched) -> None:
    opened, closed = (json.loads(one) for one in run.found())
    assert opened[0] == "press"
    assert abs(opened[1] - (START + 500 * SECOND)) <= 3 * SECOND
    assert opened[3]["title"] == "Press behaves otherwise"
    assert {c["signal"] for c in opened[3]["contributions"]} == {"press/force", "press/thickness"}
    assert closed[2] is not None, "it closes, and what stands still is not looked at"
    told = {
        int(time): float(value)
        for frame in run.told
        for time, value in zip(frame.time, frame.value, strict=True)
    }
    score = np.array([told.get(START + i * SECOND, np.nan) for i in range(680)])
    assert np.isnan(score[651:]).all(), "rows that do not count have no score"
    assert (score[510:529] > 1).all()
    assert np.nanmean(score[410:495] > 1) < 0.05
    assert opened[3]["score"] / opened[3]["limit"] == pytest.approx(
        told[opened[1] + 5 * SECOND], rel=1e-9
    ), "the signal is the score of the finding over its limit"
    assert {number for frame in run.told for number in frame.signal} == {run.numbers["press/odd"]}


def test_findings_are_those_of_the_detector(tmp_path: Path) -> None:
    found = []
    for name, text in (("task", PLANT + ODD), ("detector", PLANT[:-7] + DETECTOR)):
        (tmp_path / name).mkdir()
        watched = Watched(tmp_path / name, text)
        with watched.open(tmp_path / name):
            watched.run(440)
            watched.run(20, offset=0.06)
            watched.run(60)
        found.append(watched.found())
    assert len(found[0]) == 2
    assert found[0] == found[1]


def test_after_a_restart_it_goes_on_telling(tmp_path: Path) -> None:
    watched = Watched(tmp_path, PLANT + ODD)
    with watched.open(tmp_path):
        watched.run(420)
        model = watched.watch.model_id
        watched.watch = watched.start()
        assert (watched.watch.state, watched.watch.model_id) == ("watching", model)
        before = len(watched.told)
        watched.run(20)
        assert len(watched.told) > before
        assert watched.watch.report()["score"] == "press/odd"


@pytest.mark.parametrize("bad", ["constant", "missing"])
def test_signals_that_say_nothing(tmp_path: Path, bad: str) -> None:
    watched = Watched(tmp_path, PLANT + ODD.replace("[force, thickness]", "[heat, wear]"))
    with watched.open(tmp_path):
        for _ in range(420):
            values = {"state": 6.0} | ({"heat": 1.0, "wear": 2.0} if bad == "constant" else {})
            numbers = [watched.numbers[f"press/{name}"] for name in values]
            frame = Frame.of(numbers, [watched.now] * len(values), list(values.values()))
            watched.store.commit([frame])
            watched.watch.feed(frame)
            watched.now += SECOND
            watched.watch.tick(watched.now)
        told = [value for frame in watched.told for value in frame.value.tolist()]
        state, reason = watched.watch.state, watched.watch.reason
        if bad == "constant":
            assert (state, set(told)) == ("watching", {0.0}), "as it was, and that is all"
        else:
            assert (state, told) == ("failed", [])
            assert "no value" in reason
        assert not watched.found()


@pytest.mark.parametrize(
    ("words", "learn", "looks"),
    [
        ("normal: all", 30 * MINUTE, ()),
        ("normal: {first: 2 h}", 2 * HOUR, ()),
        ("normal: first 100 rows, step: 2 s", 200 * SECOND, ()),
        ("normal: all, learn: 1 h", HOUR, ()),
        ("normal: all, columns: [heat]", 30 * MINUTE, ("press/heat",)),
        ("normal: all, ignore: [heat, wear]", 30 * MINUTE, ("press/force", "press/thickness")),
        ("normal: all, signals: [press/w*]", 30 * MINUTE, ("press/w*",)),
    ],
)
def test_words_of_files(tmp_path: Path, words: str, learn: int, looks: tuple[str, ...]) -> None:
    plan = plan_of(tmp_path, f"{PLANT}  odd: {{task: anomaly, asset: press, {words}}}\n")
    settings, detector = plan.watches["odd"]
    assert (settings.learn, settings.signals) == (learn, looks)
    assert detector.model_dump()["false_alarm_rate"] == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "`normal` is missing: which rows are normal operation?"),
        ("normal: heat", "normal: `column` is for files; in a plant file `when` is an expression"),
        ("normal: {periods: [[1, 2]]}", "normal: `periods` is for files"),
        ("normal: first 2 lemons", "neither rows nor a duration"),
        ("normal: first 2 h, learn: 1 h", "learn: `normal` says already how much"),
        ("normal: all, columns: [hete]", "no signal 'hete'; did you mean 'heat'"),
        ("normal: all, ignore: [force, heat, thickness, wear]", "ignore: no signal is left"),
        ("normal: all, signals: [press/heat], columns: [heat]", "columns: `signals` says already"),
        ("normal: all, label: state", "answers to findings say what was right"),
        ("normal: all, unit: wear", "unit: the asset is the unit"),
        ("normal: all, renewal: {every: often}", "renewal.every"),
        ("normal: all, false_alarms: few", "false_alarms"),
        ("normal: all, model: {kind: pcb}", "no detector named 'pcb'; did you mean 'pca'"),
        ("normal: all, when: heat >", "expected a value"),
        ("normal: all, hole: 3 s", "hole"),
    ],
)
def test_what_a_twin_cannot_do_is_said(tmp_path: Path, words: str, said: str) -> None:
    path = tmp_path / "plant.yaml"
    text = f"{PLANT}  odd: {{task: anomaly, asset: press, {words}}}\n".replace(", }", "}")
    path.write_text(text, encoding="utf-8")
    advices = [str(advice) for advice in check(path)]
    assert any(said in advice for advice in advices), advices
    assert all("plant.yaml:" in advice for advice in advices)


def test_names_are_taken_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a detector has that name"):
        plan_of(tmp_path, PLANT + ODD + DETECTOR)
    with pytest.raises(ConfigurationError, match="'press/wear' is a signal already"):
        plan_of(tmp_path, PLANT + ODD.replace("odd:", "wear:"))


def test_an_alarm_can_be_set_on_the_score(tmp_path: Path) -> None:
    alarm = "alarms:\n  odd: {asset: press, when: odd > 2 for 1 min, response: look at it}\n"
    assert plan_of(tmp_path, PLANT + ODD + alarm).alarms["odd"].when == "odd > 2 for 1 min"
