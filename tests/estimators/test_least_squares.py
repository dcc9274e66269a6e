"""Least squares on known answers."""

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.estimators.base import Examples
from gemel.parts.estimators.least_squares import LeastSquares
from gemel.testing.estimators import folds_of


def _examples(x: np.ndarray, y: np.ndarray) -> Examples:
    names = tuple(f"x{i}" for i in range(x.shape[1]))
    return Examples(names, x, ((),) * x.shape[1], y)


def test_it_finds_the_weights_of_a_plane() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3)) * [1.0, 10.0, 0.1]
    y = 5 + 2 * x[:, 0] - 0.3 * x[:, 1] + random.normal(0, 0.01, 400)
    model = LeastSquares().fit(_examples(x, y), folds_of(400))
    at = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 10.0, 0.0]])
    assert model.estimate(at).value == pytest.approx([5, 7, 2], abs=0.02)
    assert model.evidence()["form"] == "sums"


def test_a_product_is_found_and_does_not_run_away() -> None:
    random = np.random.default_rng(1)
    x = random.uniform(-1, 1, size=(600, 2))
    y = x[:, 0] * x[:, 1] + random.normal(0, 0.01, 600)
    model = LeastSquares().fit(_examples(x, y), folds_of(600))
    assert model.evidence()["form"] == "sums, squares and products"
    inside, outside = model.estimate(np.array([[0.5, -0.5], [50.0, 50.0]])).value
    assert inside == pytest.approx(-0.25, abs=0.02)
    assert abs(outside) < 10, "the product itself would be 2,500"


def test_a_class_is_refused() -> None:
    told = Examples(("x",), np.zeros((30, 1)), ((),), np.zeros(30), ("good", "bad"))
    with pytest.raises(DataError, match=r"a class \(good, bad\); least_squares tells numbers"):
        LeastSquares().fit(told, folds_of(30))
