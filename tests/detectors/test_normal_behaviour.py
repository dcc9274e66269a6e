"""What a signal should be, given the others: relations that bend, loads that are new."""

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.normal_behaviour import NormalBehaviour
from gemel.parts.detectors.pca import PCA

SECOND = 10**9
NAMES = ("turbine/speed", "turbine/power", "turbine/temperature")
QUICK = {"boosting": {"iterations": 60, "rate": 0.15, "leaves": 16}}


def turbine(rows: int, seed: int, slowest: float = 4.0, fastest: float = 12.0) -> Window:
    """Power grows with the cube of a wind that comes and goes; a bearing follows it slowly."""
    random = np.random.default_rng(seed)
    steps = random.uniform(slowest, fastest, rows // 20 + 1).repeat(20)[:rows]
    wind = np.convolve(np.pad(steps, (19, 0), "edge"), np.full(20, 0.05), "valid")
    power = wind**3 + random.normal(0, 10, rows)
    heat = np.empty(rows)
    held = 40.0
    for i, p in enumerate(power):
        held += 0.02 * (40 + p / 30 - held)
        heat[i] = held + random.normal(0, 0.3)
    speed = wind + random.normal(0, 0.05, rows)
    return Window(np.arange(rows) * SECOND, np.column_stack([speed, power, heat]), NAMES)


def fault(window: Window, signal: int, share: float) -> Window:
    """The signal is less than it should be from the middle on."""
    value = window.value.copy()
    value[len(value) // 2 :, signal] *= 1 - share
    return Window(window.time, value, window.names)


def test_a_bent_relation_is_kept_better_than_by_straight_lines() -> None:
    normal, later = turbine(6000, 0), fault(turbine(2000, 1), 1, 0.12)
    own = NormalBehaviour.read({**QUICK, "inputs": NAMES[:1], "targets": [NAMES[1]]}).fit(normal)
    lines = PCA().fit(normal)
    found, beside = own.start()(later), lines.start()(later)
    assert found.alarm[:1000].mean() < 0.02
    assert found.alarm[1050:].mean() > 0.6
    assert found.alarm[1050:].mean() > 2 * beside.alarm[1050:].mean()
    assert (found.contribution[found.alarm].argmax(axis=1) == 1).all()
    assert own.evidence()["explained"][NAMES[1]] > 0.98


def test_what_follows_slowly_needs_averages() -> None:
    normal = turbine(6000, 0)
    told = {
        averages: NormalBehaviour.read(
            {**QUICK, "targets": [NAMES[2]], "averages": list(averages)}
        ).fit(normal).evidence()["explained"][NAMES[2]]
        for averages in ((), (0.02,))
    }  # fmt: skip
    assert told[(0.02,)] > 0.9
    assert told[(0.02,)] > told[()] + 0.2


def test_a_load_that_is_new_is_not_taken_for_normal() -> None:
    model = NormalBehaviour.read({**QUICK, "targets": [NAMES[1]], "inputs": [NAMES[0]]}).fit(
        turbine(6000, 0)
    )
    assert model.start()(turbine(500, 2, 14.0, 16.0)).alarm[20:].all()


def test_residuals_of_normal_rows_are_as_large_as_those_of_later_ones() -> None:
    normal, later = turbine(3000, 0), turbine(3000, 1)
    detector = NormalBehaviour.read(
        {**QUICK, "false_alarm_rate": 0.01, "method": "shewhart", "targets": [NAMES[1]]}
    )
    alarms = detector.fit(normal).start()(later).alarm.mean()
    assert alarms == pytest.approx(0.01, abs=0.01)


def test_a_missing_input_leaves_targets_that_do_not_need_it() -> None:
    detector = NormalBehaviour.read({**QUICK, "inputs": [NAMES[0]], "targets": list(NAMES[1:])})
    model = detector.fit(turbine(3000, 0))
    later = turbine(10, 1)
    later.value[3, 0] = np.nan
    later.value[5, 1] = np.nan
    found = model.start()(later)
    assert np.isnan(found.value[3]), "both are told from it"
    assert np.isfinite(found.value[5]), "the temperature is still looked at"
    assert found.contribution[5, 1] == 0


def test_mistakes_are_told() -> None:
    normal = turbine(1000, 0)
    with pytest.raises(DataError, match=r"no signal 'turbine/sped'; did you mean 'turbine/speed'"):
        NormalBehaviour(inputs=("turbine/sped",)).fit(normal)
    with pytest.raises(DataError, match=r"needs at least 2 signals"):
        NormalBehaviour(inputs=NAMES[:1], targets=NAMES[:1]).fit(normal)
    gaps = normal.value.copy()
    gaps[:950, 0] = np.nan
    with pytest.raises(DataError, match=r"50 rows have 'turbine/power' and all it is predicted"):
        NormalBehaviour(targets=NAMES[1:2]).fit(Window(normal.time, gaps, NAMES))


def test_a_saved_model_whose_parts_do_not_fit_is_refused() -> None:
    detector = NormalBehaviour.read({"boosting": {"iterations": 2}})
    saved = detector.fit(turbine(500, 0)).save()
    for change in ({"targets": [0, 1, 7]}, {"inputs": [[1], [0, 2], [0, 1]]}, {"trees": []}):
        with pytest.raises(DataError, match="do not fit together"):
            detector.load(saved | change)
    with pytest.raises(DataError, match="not a saved model"):
        detector.load({"detector": "normal_behaviour", "version": 1})
