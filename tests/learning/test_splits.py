"""Splits keep apart what belongs together, and refuse to do otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemel.core.errors import DataError, Refused
from gemel.twin.learning.evaluation import Blocks, Groups, Order, Rows, Shuffled

UNITS = Rows(300, unit=np.repeat(np.arange(30), 10), time=np.tile(np.arange(10.0), 30))


@given(st.integers(2, 6), st.integers(0, 50))
def test_a_unit_is_on_one_side(folds, seed):
    judged = []
    for fold in Groups(folds=folds, seed=seed).cut(UNITS):
        assert not set(UNITS.unit[fold.train]) & set(UNITS.unit[fold.test])
        assert len(fold.train) + len(fold.test) == UNITS.count
        judged += fold.test.tolist()
    assert sorted(judged) == list(range(UNITS.count)), "each row is judged once"


@given(st.integers(2, 6), st.floats(0, 12), st.floats(0, 12), st.integers(0, 99))
def test_nothing_is_learned_that_was_not_known_before(folds, gap, ahead, seed):
    time = np.random.default_rng(seed).permutation(200).astype(float)
    rows = Rows(200, time=time, ahead=ahead)
    for fold in Order(folds=folds, gap=gap).cut(rows):
        assert time[fold.train].max() + ahead + gap < time[fold.test].min()


@given(st.integers(2, 6), st.integers(0, 10))
def test_blocks_leave_a_gap_on_both_sides(folds, gap):
    for fold in Blocks(folds=folds, gap=gap).cut(Rows(120)):
        apart = np.abs(fold.train[:, None] - fold.test[None, :]).min()
        assert apart == gap + 1
        assert (np.diff(fold.test) == 1).all()


def test_single_rows_are_alike_in_classes():
    label = np.array([0] * 90 + [1] * 10)
    for fold in Shuffled(folds=5).cut(Rows(100, label=label)):
        assert label[fold.test].sum() == 2
        assert not set(fold.train) & set(fold.test)


@pytest.mark.parametrize(
    ("split", "rows", "why"),
    [
        (Shuffled(), UNITS, r"same unit on both sides \(30 units, 300 rows\).*split by unit"),
        (Blocks(), UNITS, "same unit on both sides"),
        (Shuffled(), Rows(50, time=np.arange(50.0)), "neighbours in time"),
        (Order(), Rows(300, UNITS.unit, UNITS.time, ahead=5.0), "split by unit"),
        (Groups(), Rows(50), "names no `unit`"),
        (Order(), Rows(50), "names no `time`"),
    ],
)
def test_a_split_that_would_leak_is_refused(split, rows, why):
    with pytest.raises(Refused, match=why):
        split.cut(rows)


@pytest.mark.parametrize(
    ("split", "rows", "why"),
    [
        (Groups(), Rows(9, unit=np.repeat([0, 1, 2], 3)), "3 units, at least 5"),
        (Order(gap=1_000), Rows(50, time=np.arange(50.0)), "too few for 5 folds with a gap"),
        (Blocks(gap=90), Rows(100), "too few for 5 blocks"),
        (Shuffled(), Rows(3), "3 rows, at least 10"),
    ],
)
def test_too_little_is_refused(split, rows, why):
    with pytest.raises(DataError, match=why):
        split.cut(rows)


def test_units_of_one_row_each_may_be_split_by_row():
    assert len(Shuffled().cut(Rows(50, unit=np.arange(50)))) == 5
