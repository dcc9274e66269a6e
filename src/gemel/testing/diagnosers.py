"""What every diagnoser promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyDiagnoser(DiagnoserSuite):
        @pytest.fixture
        def diagnoser(self):
            return MyDiagnoser()
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.time import SECOND
from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers.base import Case, Diagnoser, Example, Model

__all__ = ["DiagnoserSuite", "press_case", "press_examples"]

NAMES = ("oil", "pressure", "speed", "thickness")
CAUSES = ("normal", "oil too hot", "pump worn", "belt slips")
ROWS = 120


def press_case(cause: str, seed: int = 0, size: float = 6.0) -> Case:
    """Ten minutes of a press. Hot oil is thin and lowers the pressure, and with it the thickness;
    a worn pump lowers the pressure alone, a slipping belt the speed. It begins after 40 rows."""
    random = np.random.default_rng((seed, CAUSES.index(cause) if cause in CAUSES else 9))
    late = (np.arange(ROWS) >= 40) * size * (1 + 0.1 * random.normal())
    oil = random.normal(0, 1, ROWS) + late * (cause == "oil too hot")
    pressure = -0.8 * oil + random.normal(0, 0.6, ROWS) - late * (cause == "pump worn")
    speed = random.normal(0, 1, ROWS) - late * (cause == "belt slips")
    if cause not in CAUSES:  # never seen before
        speed, oil = speed + 2 * late, oil - 2 * late
    thickness = 0.7 * pressure + 0.7 * speed + random.normal(0, 0.3, ROWS)
    value = np.stack([50 + 3 * oil, 80 + 2 * pressure, 30 + speed, 5 + 0.1 * thickness], axis=1)
    value[random.random(ROWS) < 0.01, 2] = np.nan
    time = 1_700_000_000 * SECOND + np.arange(ROWS) * 5 * SECOND
    return Case(Window(time, value, NAMES), int(time[40]), {"speed": 30.0})


def press_examples(units: int = 12) -> list[Example]:
    """Each cause on so many presses."""
    done = {"oil too hot": "cooler cleaned", "pump worn": "pump changed"}
    return [
        Example(press_case(cause, seed), cause, f"press {seed}", done.get(cause, ""))
        for seed in range(units)
        for cause in CAUSES
    ]


class DiagnoserSuite:
    """Override `diagnoser` with a fixture that gives settings, `expected` with what it should call
    each cause; `examples` and `cases` where the data do not fit.

    Promises: each case is told by itself, in whatever order its columns come; save and load give
    the same model; the same examples give the same model; model and evidence are JSON; the input is
    untouched; it names the right cause on units that it has not seen; probabilities are such, and
    lie between their ends, the first the largest; a saved value of something else, and a window
    that lacks a column, are refused.
    """

    @pytest.fixture
    def diagnoser(self) -> Diagnoser:
        pytest.fail("give the settings to test in a fixture named `diagnoser`")

    @pytest.fixture
    def examples(self) -> Sequence[Example]:
        return press_examples()

    @pytest.fixture
    def expected(self) -> Mapping[str, str]:
        return {cause: cause for cause in CAUSES}

    @pytest.fixture
    def cases(self, expected: Mapping[str, str]) -> Mapping[str, Case]:
        """A case of each cause, of a unit that is not among the examples."""
        return {cause: press_case(cause, 100) for cause in expected}

    @pytest.fixture
    def model(self, diagnoser: Diagnoser, examples: Sequence[Example]) -> Model:
        return diagnoser.fit(examples)

    def test_names_the_cause(
        self, model: Model, cases: Mapping[str, Case], expected: Mapping[str, str]
    ) -> None:
        told = {cause: model.diagnose(case).causes for cause, case in cases.items()}
        assert {cause: found[0].name for cause, found in told.items()} == dict(expected)

    def test_probabilities_are_such(self, model: Model, cases: Mapping[str, Case]) -> None:
        for case in cases.values():
            causes = model.diagnose(case).causes
            sure = [cause.probability for cause in causes]
            assert all(0 <= c.low <= c.probability <= c.high <= 1 for c in causes)
            assert sum(sure) <= 1 + 1e-9
            assert sure == sorted(sure, reverse=True)
            assert len({cause.name for cause in causes}) == len(causes)

    def test_each_case_is_told_by_itself(self, model: Model, cases: Mapping[str, Case]) -> None:
        once = [repr(model.diagnose(case)) for case in cases.values()]
        again = [repr(model.diagnose(case)) for case in reversed(list(cases.values()))]
        assert once == again[::-1]

    def test_columns_come_in_any_order(self, model: Model, cases: Mapping[str, Case]) -> None:
        for case in cases.values():
            window = case.window
            turned = Window(window.time, window.value[:, ::-1], window.names[::-1])
            assert repr(model.diagnose(replace(case, window=turned))) == repr(model.diagnose(case))

    def test_a_missing_column_is_refused(self, model: Model, cases: Mapping[str, Case]) -> None:
        if not model.names:
            pytest.skip("any columns will do")
        case = next(iter(cases.values()))
        other = replace(
            case, window=Window(case.window.time, case.window.value[:, :1], ("something else",))
        )
        with pytest.raises(DataError, match="has no column"):
            model.diagnose(other)

    def test_saved_and_loaded_it_is_the_same(
        self, diagnoser: Diagnoser, model: Model, cases: Mapping[str, Case]
    ) -> None:
        again = diagnoser.load(json.loads(json.dumps(model.save(), allow_nan=False)))
        for case in cases.values():
            assert repr(again.diagnose(case)) == repr(model.diagnose(case))
        assert again.names == model.names
        assert again.evidence() == model.evidence()
        assert again.save() == model.save()

    def test_another_saved_value_is_refused(self, diagnoser: Diagnoser, model: Model) -> None:
        saved = model.save()
        for wrong in ({}, {**saved, "version": 10**6}, dict.fromkeys(saved)):
            with pytest.raises(DataError):
                diagnoser.load(wrong)
        for name in set(saved) - {"diagnoser", "version"}:
            with pytest.raises(DataError, match="not a saved model"):
                diagnoser.load({k: v for k, v in saved.items() if k != name})

    def test_the_same_examples_give_the_same_model(
        self, diagnoser: Diagnoser, model: Model, examples: Sequence[Example]
    ) -> None:
        assert diagnoser.fit(examples).save() == model.save()

    def test_the_input_is_untouched(
        self, diagnoser: Diagnoser, examples: Sequence[Example], cases: Mapping[str, Case]
    ) -> None:
        windows = [*(e.case.window for e in examples), *(case.window for case in cases.values())]
        before = [window.value.copy() for window in windows]
        model = diagnoser.fit(examples)
        for case in cases.values():
            model.diagnose(case)
        for window, value in zip(windows, before, strict=True):
            assert np.array_equal(window.value, value, equal_nan=True)

    def test_evidence_is_plain(self, model: Model) -> None:
        assert json.loads(json.dumps(model.evidence(), allow_nan=False)) == model.evidence()

    def test_a_window_without_rows_is_refused(
        self, model: Model, cases: Mapping[str, Case]
    ) -> None:
        case = next(iter(cases.values()))
        with pytest.raises(DataError):
            model.diagnose(replace(case, since=None, window=case.window.rows(slice(0, 0))))
