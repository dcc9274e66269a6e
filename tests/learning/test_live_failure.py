"""Chances of failure in the live twin: told as signals, held against what came, and renewed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.learning.live import PLANT, START, Press, press
from tests.learning.openlineage import read
from tests.learning.test_lineage import plant

from gemel.core import quality as q
from gemel.core.errors import ConfigurationError
from gemel.core.frame import Frame
from gemel.core.time import SECOND
from gemel.runtime.configuration import check, load
from gemel.twin.learning.evaluation.warned import Lives
from gemel.twin.learning.lineage.live import lineage
from gemel.twin.learning.lineage.openlineage import line
from gemel.twin.learning.live.forms.base import Followed
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.shadow import Duel
from gemel.twin.learning.tasks.failure import FailureTask

FAILS = """\
  fails:
    task: failure
    asset: press
    signals: [press/wear]
    failed: wear > 10
    renewed: heat > 300
    horizon: [20, 60]
    budget: 5
    life_unit: s
    month: 3600
    lateness: 0 s
    window: 2 h
    least: 2 min
    every: 1 s
    model: {kind: weibull}
    renewal: {shadow: 60 s, watch: 10 min}
"""
EARLY = FAILS.replace("{kind: weibull}", "{kind: wiener, indicator: wear, limit: 10}")
"""Needs fewer failures."""


class Worn:
    """A part that wears, each at its own pace, until it fails or is replaced."""

    def __init__(self, found: Press) -> None:
        self.press = found
        self.random = np.random.default_rng(1)
        self.wear, self.pace = 0.0, 0.1

    def another(self) -> None:
        """A new part, which lasts 100 to 200 s."""
        self.wear, self.pace = 0.0, 10 / float(self.random.uniform(100, 200))

    def step(self) -> float:
        self.wear += max(0.0, self.pace * (1 + 0.5 * float(self.random.normal())))
        return self.wear

    def life(self) -> list[float]:
        """Of one part, until it has failed."""
        self.another()
        found = []
        while not found or found[-1] <= 10:
            found.append(self.step())
        return found

    def past(self, lives: int) -> None:
        """What history has when the twin starts: after each failure, 5 s until the part is new."""
        value = [v for _ in range(lives) for v in (*self.life(), *[11.0] * 5)]
        here, n = self.press, len(value)
        time = here.now + np.arange(n) * SECOND
        wear, heat = (np.full(n, here.numbers[f"press/{name}"]) for name in ("wear", "heat"))
        here.store.commit([Frame.of(wear, time, value), Frame.of(heat, time, [180.0] * n)])
        here.now += n * SECOND
        here.learner = here.start()
        self.another()

    def run(self, seconds: int) -> None:
        self.press.run(seconds, wear=lambda _: self.step())

    def fail(self) -> None:
        """The part fails, 5 s later there is a new one."""
        while self.wear <= 10:
            self.run(1)
        self.press.run(5, wear=lambda _: 11.0)
        self.another()


@pytest.fixture
def worn(tmp_path: Path) -> Iterator[Worn]:
    with press(tmp_path, FAILS) as found:
        yield Worn(found)


@pytest.fixture
def early(tmp_path: Path) -> Iterator[Worn]:
    with press(tmp_path, EARLY) as found:
        yield Worn(found)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worn]:
    """One whose model is only looked at."""
    with press(tmp_path_factory.mktemp("learned"), FAILS) as found:
        worn = Worn(found)
        worn.past(8)
        worn.run(5)
        yield worn


def test_chances_are_told_as_signals_and_rise_until_it_fails(worn: Worn) -> None:
    worn.past(8)
    learner = worn.press.learner
    assert [output.path for output in learner.outputs] == [
        "press/fails_within_20_s", "press/fails_within_60_s",
        "press/fails_warn_20_s", "press/fails_warn_60_s",
    ]  # fmt: skip
    assert [output.signal.type for output in learner.outputs[1:3]] == ["number", "boolean"]
    assert learner.outputs[1].signal.title == "fails, chance within 60 s"
    worn.run(5)
    assert learner.champion
    assert worn.press.steps() == ["fitted", "champion"]
    evidence = learner.report()["champion"]["evidence"]
    assert evidence["horizons"][0].startswith("20: warned from probability")
    begun = len(worn.press.frames)
    worn.fail()
    told = np.concatenate([f.value.reshape(-1, 4) for f in worn.press.frames[begun:]])
    assert ((told[:, :2] > 0) & (told[:, :2] < 1)).all()
    assert (told[:, 1] >= told[:, 0] - 0.05).all(), "what fails within 20 s fails within 60 s"
    assert told[:20, 1].max() < 0.3 < 0.7 < told[-5:, 0].min()
    assert np.isin(told[:, 2:], (0, 1)).all()
    assert told[:20, 2:].max() == 0, "a new part is not warned of"
    assert told[-5:, 2:].min() == 1
    last = learner.report()["last"]
    assert [one["horizon"] for one in last["chances"]] == [20, 60]
    assert last["chances"][0]["warns"] is True
    assert last["why"]["answer"].startswith("unit 8 at ")
    assert "within 20 s" in last["why"]["answer"]
    assert last["why"]["unit"] == "s"
    runs = [read(line(event)) for event in lineage(worn.press.events, plant(worn.press))]
    (telling,) = (one for one in runs if one.job.name == "fails.telling")
    assert [one.name for one in telling.outputs] == [
        f"signals/{output.path}" for output in learner.outputs
    ]


def test_while_nothing_has_failed_it_waits_and_says_so(early: Worn) -> None:
    early.pace = 0.05
    early.run(130)
    learner = early.press.learner
    assert learner.state == "waiting"
    assert "nothing has failed yet" in learner.reason
    early.fail()
    early.run(20)
    assert learner.reason.startswith("1 of 3 units are known, and 1 of them failed")
    early.fail()
    early.press.until(lambda: learner.champion, wear=lambda _: early.step())
    assert early.press.steps() == ["fitted", "champion"]


def _rows(failed: bool, seconds: int = 150, unit: int = 0, steps: int = 1) -> Rows:
    time = START + np.arange(seconds) * SECOND
    wear = 0.07 * np.arange(seconds)
    return Rows(
        ("wear",), time, wear[:, None], np.full(seconds, unit), (np.arange(seconds) + 1.0) * SECOND,
        frozenset({unit}) if failed else frozenset(),
    )  # fmt: skip


def _followed(worn: Worn, rows: Rows, cuts: list[int], before: int = 0) -> Followed:
    form, model = worn.press.learner.form, worn.press.learner.champion
    follow = form.follow(worn.press.learner.registry.get(model))
    if before:
        follow.begin(rows.take(slice(0, before)))
    found = []
    for low, high in zip([before, *cuts], [*cuts, len(rows)], strict=True):
        found.append(follow(rows.upto(high).take(slice(low, None))))
    return Followed(
        np.concatenate([f.told for f in found]), np.concatenate([f.time for f in found]),
        np.concatenate([f.losses for f in found]), None, np.concatenate([f.keys for f in found]),
        np.concatenate([f.marks for f in found]),
    )  # fmt: skip


def test_the_truth_is_known_at_a_failure_or_when_the_horizon_has_passed(learned: Worn) -> None:
    """Against the labels by which the task is judged on files."""
    rows = _rows(failed=True)
    found = _followed(learned, rows, [])
    age = rows.age / SECOND
    lives = Lives(age, np.zeros(1, np.int64), age[-1:])
    label = np.stack([lives.label(h) for h in (20, 60)], axis=1)
    score = ((found.told[:, :2] - label) ** 2).mean(axis=1)
    judged = np.searchsorted(rows.time, found.keys)
    assert np.array_equal(np.flatnonzero(np.diff(age // 5, prepend=-1)), judged), "each quarter"
    np.testing.assert_allclose(found.losses, score[judged])
    known = np.minimum(age[judged] + 60, age[-1])
    assert (found.time == START + (known - 1) * SECOND).all()
    assert found.marks.sum() == 1
    assert found.marks[-1]


def test_of_a_part_that_was_replaced_only_what_had_passed_is_known(learned: Worn) -> None:
    rows = _rows(failed=False)
    found = _followed(learned, rows, [])
    assert found.keys[-1] == START + 89 * SECOND, "60 s before its last row, and none later"
    assert not found.marks.any()
    np.testing.assert_allclose(
        found.losses, (found.told[np.searchsorted(rows.time, found.keys), :2] ** 2).mean(axis=1)
    )


@pytest.mark.parametrize("seed", range(3))
def test_how_rows_are_cut_changes_nothing(learned: Worn, seed: int) -> None:
    rows = _rows(failed=True)
    whole = _followed(learned, rows, [])
    random = np.random.default_rng(seed)
    cuts = np.unique(random.integers(1, 150, 12)).tolist()
    cut = _followed(learned, rows, cuts)
    for name in ("told", "time", "losses", "keys", "marks"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name
    late = _followed(learned, rows, [120], before=70)
    assert np.array_equal(late.told, whole.told[70:])
    after = whole.time > rows.time[69]
    assert np.array_equal(late.losses, whole.losses[after]), "what was known before is not told"
    assert np.array_equal(late.keys, whole.keys[after])


def test_the_same_history_gives_the_same_model(tmp_path: Path) -> None:
    models = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with press(tmp_path / name, FAILS) as found:
            worn = Worn(found)
            worn.past(8)
            worn.run(5)
            models.append(found.learner.champion)
    assert models[0] == models[1] != ""


def _waits(worn: Worn) -> list[tuple[int, float]]:
    """Times and ages of the rows whose truth is waited for."""
    ((_, follow),) = worn.press.learner._ask._follow.values()
    waits: Any = follow
    return [(one.time, one.age) for one in waits._open]


def test_after_a_restart_it_goes_on_where_it_was(worn: Worn) -> None:
    worn.past(8)
    worn.run(60)
    here, before = worn.press, worn.press.learner.champion
    then = _waits(worn)
    here.learner = here.start()
    assert here.learner.champion == before
    worn.run(3)
    now = _waits(worn)
    assert len(now) >= 12
    assert now[:-1] == [one for one in then if one >= now[0]]
    assert here.steps() == ["fitted", "champion"]


def test_a_replaced_part_is_no_failure_and_is_not_fitted_after(worn: Worn) -> None:
    worn.past(8)
    worn.run(60)
    here = worn.press
    number = here.numbers["press/heat"]
    hot = Frame.of([number], [here.now - SECOND // 2], [400.0])
    here.store.commit([hot])
    here.learner.feed(hot)
    worn.another()
    worn.run(60)
    assert here.steps() == ["fitted", "champion"]
    worn.fail()
    worn.run(10)
    assert here.steps() == ["fitted", "champion", "fitted", "shadow"]
    assert here.events[-1].payload["reason"].startswith("fitted after a unit has failed")
    candidate = here.learner.roles.candidate
    worn.fail()
    worn.run(10)
    assert here.learner.roles.candidate == candidate, "it keeps its place until it is compared"


def test_models_are_compared_on_failures_not_on_quiet_rows_alone() -> None:
    """A model that never expects a failure looks best while nothing fails."""
    random = np.random.default_rng(0)
    champion, other = random.uniform(0.01, 0.02, 2_000), np.zeros(2_000)
    duel, none = Duel(events=3), np.zeros(2_000, np.bool_)
    duel.add(champion, other, none)
    assert duel.judgement().verdict == "not told apart"
    assert not duel.seen
    assert "0 events among 2000 rows, 3 wanted" in duel.judgement().reason
    event = np.arange(2_000) % 500 == 499
    duel.add(champion + event * 0.2, other + event * 1.0, event)
    assert duel.seen
    assert Duel().judgement().verdict == "not told apart"


def test_a_change_is_noticed_when_what_was_not_expected_fails(early: Worn) -> None:
    early.past(9)
    early.run(5)
    learner = early.press.learner
    assert learner.report()["drift"]["state"] == "steady"
    for _ in range(14):  # from now on parts break at once while they look new
        early.run(40)
        early.press.run(3, wear=lambda _: 11.0)
        early.another()
        if learner.report()["drift"]["state"] == "drifted":
            break
    assert learner.report()["drift"]["state"] == "drifted"


@pytest.mark.parametrize("bad", ["constant", "missing", "bad"])
def test_from_signals_that_say_nothing_nothing_is_learned(tmp_path: Path, bad: str) -> None:
    """`wear` says when it fails; what is learned from does not move, was never there, or is bad."""
    with press(tmp_path, FAILS.replace("[press/wear]", "[press/force]")) as found:
        worn = Worn(found)
        worn.past(8)
        if bad != "missing":
            time = np.arange(START, found.now, SECOND)
            value = np.full(len(time), 50.0 if bad == "constant" else np.nan)
            quality = np.full(len(time), q.GOOD if bad == "constant" else q.BAD, np.int16)
            signal = np.full(len(time), found.numbers["press/force"])
            found.store.commit([Frame.of(signal, time, value, quality)])
            found.learner = found.start()
        worn.run(5)
        report = found.learner.report()
        assert (report["state"], report["last"]) == ("waiting", None)
        assert report["reason"] == "no signal moves in any row; there is nothing to learn from"


def test_alarms_can_be_set_on_chances(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    alarm = (
        "alarms:\n  worn: {asset: press, when: fails_within_60_s > 0.5, response: change it}\n"
        "  now: {asset: press, when: fails_warn_20_s, response: stop}\n"
    )
    path.write_text(PLANT + FAILS + alarm, encoding="utf-8")
    assert load(path).alarms["now"].when == "fails_warn_20_s"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    failed: wear > 10\n", "", "`failed` is missing: an expression that is true when"),
        ("horizon: [20, 60]", "horizon: [60, 20]", "horizon must be above 0, and rise"),
        ("window: 2 h", "window: 1 min", "cannot tell whether anything fails within 1 min"),
        ("life_unit: s", "unit: wear", "units and their age are counted by the twin"),
        ("life_unit: s", "interval: 3 s", "interval: is for forecast, this task is failure"),
    ],
)
def test_what_a_twin_cannot_do_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT + FAILS.replace(old, new), encoding="utf-8")
    advices = [str(advice) for advice in check(path)]
    assert any(said in advice for advice in advices), advices
    with pytest.raises(ConfigurationError, match=r"plant\.yaml:"):
        load(path)


def test_horizons_become_names(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    text = FAILS.replace("[20, 60]", "[0.5, 24]").replace("life_unit: s", "life_unit: h")
    path.write_text(PLANT + text.replace("window: 2 h", "window: 30 d"), encoding="utf-8")
    plan = load(path)
    told = [planned.path for planned in plan.signals if planned.told_by == "fails"]
    assert told[:2] == ["press/fails_within_0_5_h", "press/fails_within_24_h"]
    task = plan.tasks["fails"].task
    assert isinstance(task, FailureTask)
    assert task.month == 3_600
