"""Tasks in the live twin: fitted on history, told as signals, renewed, returned, taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.learning.live import LIFE, PLANT, SOFT, START, Press, press

from gemel.core.errors import ConfigurationError, Damaged, Unknown
from gemel.core.time import MINUTE, SECOND
from gemel.parts.detectors.base import Window
from gemel.runtime.configuration import check, load
from gemel.twin.learning.live.registry import Registry
from gemel.twin.learning.live.rows import Rows, Source, Units
from gemel.twin.learning.windows import Told


@pytest.fixture
def soft(tmp_path: Path) -> Iterator[Press]:
    with press(tmp_path, SOFT % "") as found:
        yield found


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Press]:
    with press(tmp_path, LIFE) as found:
        yield found


def test_it_waits_learns_and_tells_with_an_interval(soft: Press) -> None:
    soft.run(60)
    assert soft.learner.state == "waiting"
    assert soft.learner.reason.startswith("has 19%")
    soft.until(lambda: soft.learner.champion)
    assert soft.steps() == ["fitted", "champion"]
    soft.run(300)
    told = soft.told()
    assert len(told) >= 295
    assert np.std(told[:, 0]) == pytest.approx(np.hypot(0.1 * 2, 0.02 * 3), rel=0.2)
    assert ((told[:, 1] < told[:, 0]) & (told[:, 0] < told[:, 2])).all()
    last = soft.learner.report()["last"]
    assert {share["name"] for share in last["why"]["shares"]} == {"force", "heat"}
    paths = [planned.path for planned in soft.learner.outputs]
    assert paths == ["press/estimate", "press/estimate_low", "press/estimate_high"]
    assert soft.learner.outputs[0].signal.unit == "mm"


def test_a_change_is_noticed_fitted_compared_and_a_worse_one_goes_back(soft: Press) -> None:
    soft.until(lambda: soft.learner.champion)
    first = soft.learner.champion
    soft.run(120)
    assert soft.learner.report()["drift"]["state"] == "steady"
    changed, soft.offset = soft.now, 1.2
    soft.until(lambda: soft.learner.report()["drift"]["state"] == "drifted")
    assert abs(soft.learner.report()["drift"]["since"] - changed) <= 5 * SECOND
    soft.until(lambda: soft.learner.roles.candidate)
    assert soft.learner.champion == first, "a candidate only stands in shadow"
    soft.until(lambda: soft.requests)
    (request,) = soft.requests
    assert (request.kind, request.former, request.alone) == ("promote", first, False)
    assert request.evidence["verdict"] == "better"
    assert request.evidence["low"] > 0
    second = request.model
    soft.promote(second)
    soft.run(30)
    assert soft.told()[-20:, 0].mean() == pytest.approx(0.1 * 50 - 0.02 * 180 + 1.2, abs=0.1)
    soft.promote(first)
    soft.until(lambda: len(soft.requests) > 1)
    back = soft.requests[-1]
    assert (back.kind, back.model, back.alone) == ("return", second, True)
    soft.promote(second, returned=True)
    assert soft.learner.champion == second
    assert soft.steps()[-1] == "returned"
    assert not soft.learner.roles.candidate, "fitted because of the wrong champion, it goes as well"
    soft.run(60)
    assert soft.learner.report()["drift"]["state"] == "steady"
    soft.promote(first)
    soft.until(lambda: len(soft.requests) > 2)
    assert (soft.requests[-1].kind, soft.requests[-1].model) == ("return", second), "once more"


def test_a_candidate_that_is_overtaken_is_said_to_be(soft: Press) -> None:
    soft.until(lambda: soft.learner.champion)
    soft.learner.want("as a person wishes")
    soft.until(lambda: soft.learner.roles.candidate)
    overtaken = soft.learner.roles.candidate
    soft.run(20)
    soft.learner.want("as a person wishes")
    soft.until(lambda: soft.learner.roles.candidate != overtaken)
    dropped, shadow = soft.events[-2:]
    assert (dropped.payload["step"], dropped.payload["model"]) == ("dropped", overtaken)
    assert dropped.payload["reason"] == "a newer one takes its place in shadow"
    newer = soft.learner.roles.candidate
    assert (shadow.payload["step"], shadow.payload["model"]) == ("shadow", newer)


def test_a_model_on_schedule_that_is_no_better_is_dropped(tmp_path: Path) -> None:
    with press(tmp_path, SOFT % ", every: 10 min") as found:
        found.until(lambda: "dropped" in found.steps(), most=3_000)
        assert not found.requests
        assert found.steps()[:4] == ["fitted", "champion", "fitted", "shadow"]


def test_after_a_restart_it_goes_on_with_its_models(soft: Press) -> None:
    soft.until(lambda: soft.learner.champion)
    before = soft.learner.champion
    soft.learner = soft.start()
    assert soft.learner.champion == before
    told = len(soft.frames)
    soft.run(20)
    assert len(soft.frames) > told
    assert soft.steps() == ["fitted", "champion"]


def test_an_altered_model_is_not_used(soft: Press) -> None:
    soft.until(lambda: soft.learner.champion)
    (file,) = (soft.folder / "models").glob("*.json")
    file.write_text(file.read_text().replace('"curved": false', '"curved": true '))
    with pytest.raises(Damaged, match="altered"):
        Registry(soft.folder / "models").get(file.stem)
    soft.learner = soft.start()
    assert not soft.learner.champion
    with pytest.raises(Unknown):
        Registry(soft.folder / "models").get("0" * 16)


def test_a_fit_can_be_stopped_and_asked_for_again(soft: Press) -> None:
    soft.until(lambda: soft.learner.champion)
    soft.learner.want("as eva wished")
    soft.until(lambda: soft.learner.roles.candidate)
    assert soft.events[-2].payload["reason"] == "fitted as eva wished"
    assert soft.learner.drop(soft.learner.roles.candidate, "eva", "not now", soft.now)
    assert not soft.learner.roles.candidate


def test_another_plant_file_loses_no_decision_and_no_wish(soft: Press) -> None:
    soft.until(lambda: soft.learner.champion)
    first = soft.learner.champion
    soft.learner.want("as eva wished")
    soft.until(lambda: soft.learner.roles.candidate)
    again = soft.start()
    soft.promote(soft.learner.roles.candidate)
    soft.learner.want("as tom wished")
    again.take_over(soft.learner)
    soft.learner = again
    assert soft.learner.roles.former == first != soft.learner.champion
    soft.until(lambda: soft.events[-1].payload["reason"].startswith("fitted as tom wished"))


def test_remaining_life_narrows_and_a_new_unit_begins(life: Press) -> None:
    life.run(200)
    assert life.learner.champion
    life.run(380, wear=lambda i: 0.025 * i)
    told = life.told()
    width = told[:, 2] - told[:, 1]
    assert width[-1] < 0.25 * width[150]
    assert told[-1, 0] == pytest.approx((10 - 0.025 * 380) / 0.025 / 60, abs=0.7), "minutes"
    life.run(60, wear=lambda i: 9.5 + 0.025 * i)
    assert life.learner.state != "waiting"
    frames = len(life.frames)
    life.run(10, wear=lambda _: 12.0)
    assert len(life.frames) == frames, "what has failed has no life left to tell"
    life.until(lambda: "shadow" in life.steps())
    assert any(event.payload["reason"] == "fitted after a unit has failed" for event in life.events)
    life.run(60)
    assert life.told()[-1, 0] > 5, "another unit is in the press"


def test_a_unit_that_fails_between_two_questions_is_learned_from_once(tmp_path: Path) -> None:
    """Its last rows and the first of the next one come together."""
    with press(tmp_path, LIFE.replace("every: 1 s", "every: 30 s")) as life:
        life.run(200)
        assert life.steps() == ["fitted", "champion"]
        life.run(10, wear=lambda _: 12.0)
        life.run(400)
        assert life.steps() == ["fitted", "champion", "fitted", "shadow"]


# Rows


def _told(failed: str, when: str, renewed: str = "") -> Told:
    n = len(failed)
    true = np.array([[c == "1" for c in text.ljust(n, "0")] for text in (when, failed, renewed)]).T
    window = Window(np.arange(n) * SECOND, np.arange(n, dtype=float)[:, None], ("wear",))
    return Told(window, true)


def _units(folder: Path) -> Units:
    path = folder / "plant.yaml"
    path.write_text(
        PLANT + LIFE + "    when: state == 'Execute'\n    renewed: heat > 100\n", encoding="utf-8"
    )
    plan = load(path)
    numbers = {planned.path: i for i, planned in enumerate(plan.signals)}
    form = plan.tasks["life"]
    return Units(Source.of(form.use, form.needed, plan.signals, numbers))


def test_units_end_with_the_failure_and_age_counts_rows_in_use(tmp_path: Path) -> None:
    rows = _units(tmp_path).take(_told(failed="0001100000", when="1101111011"))
    assert rows.time.tolist() == [i * SECOND for i in (0, 1, 3, 5, 6, 8, 9)]
    assert rows.unit.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert (rows.age / SECOND).tolist() == [1, 2, 3, 1, 2, 3, 4]
    assert rows.failed == {0}


def test_a_unit_that_is_replaced_has_not_failed(tmp_path: Path) -> None:
    rows = _units(tmp_path).take(_told(failed="000000", when="111111", renewed="000110"))
    assert rows.unit.tolist() == [0, 0, 0, 1, 1, 1]
    assert rows.failed == set()


@pytest.mark.parametrize("seed", range(5))
def test_how_rows_are_cut_changes_nothing(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    told = _told(*("".join(random.choice(["0", "1"], 60, p=p)) for p in ([0.9, 0.1], [0.3, 0.7])))
    whole = _units(tmp_path).take(told)
    units, cut = _units(tmp_path), Rows.empty(("wear",))
    edges = [0, *np.sort(random.integers(0, 61, 6)).tolist(), 60]
    for low, high in pairwise(edges):
        part = slice(low, high)
        cut = cut.then(units.take(Told(told.window.rows(part), told.true[part])))
    for name in ("time", "value", "unit", "age"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name
    assert whole.failed == cut.failed


# What a plant file may say


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{task: quality, asset: pres, target: heat}", "no asset 'pres'; did you mean 'press'"),
        ("{task: quality, asset: press, target: hete}", "no signal 'hete'; did you mean 'heat'"),
        ("{asset: press, target: heat}", "`task` is missing"),
        ("{task: qualty, asset: press}", "no task 'qualty'; did you mean 'quality'"),
        ("{task: sound, asset: press}", "works on files so far; in a plant file: quality, "),
        ("{task: quality, asset: press, target: heat, failed: heat > 3}", "failed: is for"),
        ("{task: quality, asset: press, target: heat, kind: class}", "tells numbers so far"),
        ("{task: remaining_life, asset: press, unit: x}", "units and their age are counted by"),
        ("{task: remaining_life, asset: press, life_unit: weeks}", "is not one of s, min, h, d"),
        ("{task: remaining_life, asset: press, failed: wear >}", "expected a value, found the end"),
        ("{task: quality, asset: press, target: heat, step: 0 s}", "step"),
    ],
)
def test_a_wrong_entry_is_told_at_its_line(tmp_path: Path, entry: str, said: str) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(f"{PLANT}  new: {entry}\n", encoding="utf-8")
    advices = [str(a) for a in check(path) if a.severity == "error"]
    assert any(said in advice for advice in advices), advices
    assert all("plant.yaml:" in advice for advice in advices)


def test_a_task_may_not_take_the_name_of_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(
        f"{PLANT}  wear: {{task: quality, asset: press, target: heat}}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match="'press/wear' is a signal already"):
        load(path)


def test_estimates_are_signals_that_alarms_can_use(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    alarm = "alarms:\n  worn: {asset: press, when: 'life_low < 2', response: change it}\n"
    path.write_text(PLANT + LIFE + alarm, encoding="utf-8")
    plan = load(path)
    assert plan.alarms["worn"].when == "life_low < 2"
    told = {planned.path: planned for planned in plan.signals if planned.told_by == "life"}
    assert told["press/life"].signal.unit == "min"


def test_a_state_that_has_not_changed_for_long_is_in_force(soft: Press) -> None:
    """`state` was sent once, 25 minutes before; the window of 20 minutes does not hold it."""
    soft.learner.want("")
    soft.learner._wanted = ""
    soft.run(25 * 60)
    soft.learner = soft.start()
    soft.until(lambda: soft.learner.champion, most=60)
    assert soft.now - START > 25 * MINUTE


@pytest.mark.parametrize(
    ("more", "held", "factor"), [("", (0.86, 0.94), 2.0), ("    adapt: false\n", (0.3, 0.6), 1.0)]
)
def test_an_interval_adapts_when_what_is_measured_scatters_more(
    tmp_path: Path, more: str, held: tuple[float, float], factor: float
) -> None:
    with press(tmp_path, SOFT % "" + more) as found:
        found.until(lambda: found.learner.champion)
        found.spread = 0.03
        found.run(1_500)
        band = found.learner.report()["last"]["band"]
        assert held[0] < band["held"] < held[1]
        assert (band["of"], band["promised"]) == (1_000, 0.9)
        assert band["factor"] >= factor
        assert (band["factor"] == 1) == bool(more)
        found.learner = found.start()
        found.run(61)
        after = found.learner.report()["last"]["band"]
        assert after["of"] == 1_000
        assert after["factor"] == pytest.approx(band["factor"], rel=0.5), "it goes on"


def test_adapting_is_for_what_is_measured(tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(f"{PLANT}{LIFE}    adapt: false\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load(tmp_path / "plant.yaml")
    assert "adapt: is for quality and forecast, this task is remaining_life" in str(error.value)
