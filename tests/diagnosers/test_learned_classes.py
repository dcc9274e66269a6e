"""Learned classes, asked about many rows at once."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.parts.detectors.base import Window
from gemel.parts.diagnosers.base import Case, Example
from gemel.parts.diagnosers.learned_classes import LearnedClasses


def test_rows_one_by_one_are_told_as_windows_of_one_row_are() -> None:
    """Also where features are missing, and where a class never has some of them."""
    random = np.random.default_rng(3)
    names = ("a", "b", "c", "d")
    examples = []
    for number, cause in enumerate(("normal", "worn", "loose")):
        value = random.normal(3 * number, 1, (30, 4))
        if cause == "loose":
            value[:, 3] = np.nan
        examples += [
            Example(Case(Window(np.zeros(1, np.int64), row[None], names)), cause, f"{cause} {i}")
            for i, row in enumerate(value)
        ]
    model = LearnedClasses().fit(examples)
    value = random.normal(3, 4, (40, 4))
    value[random.random(value.shape) < 0.2] = np.nan
    value[7] = np.nan
    told, novelty = model.each(Window(np.arange(40), value, names))
    assert np.isnan(novelty[7])
    assert np.isnan(told[7]).all()
    for i in np.flatnonzero(np.isfinite(novelty)).tolist():
        one = model.diagnose(Case(Window(np.zeros(1, np.int64), value[i : i + 1], names)))
        assert novelty[i] == pytest.approx(one.novelty)
        assert one.new == (novelty[i] > 1)
        for cause in one.causes:
            place = model.classes.index(cause.name)
            assert told[i, place] == pytest.approx(cause.probability, abs=1e-9)
    mean, spread = model.level("worn")
    known = [e.case.window.value[0] for e in examples if e.cause == "worn"]
    assert mean == pytest.approx(np.mean(known, axis=0))
    assert (spread > 0).all()
