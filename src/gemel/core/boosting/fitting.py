"""Trees from data, by scikit-learn's histogram gradient boosting."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.boosting.trees import LEAF, Trees
from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.settings import Settings

__all__ = ["Boosting"]

_ALIKE = 1e-8
_CHECKED = 1_000


class Boosting(Settings):
    """How trees are fitted. The same data, settings and seed give the same trees."""

    iterations: int = Field(300, ge=1, le=10_000, description="Trees, one after the other")
    rate: float = Field(0.05, gt=0, le=1, description="Share of each tree that is added")
    leaves: int = Field(24, ge=2, le=1024, description="Most leaves of a tree")
    least: int = Field(20, ge=1, description="Fewest fitting rows in a leaf")
    ridge: float = Field(0.0, ge=0, description="Draws leaves towards zero (L2)")
    columns: float = Field(1.0, gt=0, le=1, description="Share of columns that a node looks at")

    def regression(
        self,
        x: Values,
        y: Values,
        *,
        loss: Literal["squared_error", "absolute_error", "quantile"] = "squared_error",
        quantile: float | None = None,
        weight: Values | None = None,
        rising: npt.NDArray[np.int8] | None = None,
        seed: int = 0,
    ) -> Trees:
        """Trees that predict `y`, float64[n], of `x`, float64[n, k] (NaN: unknown).

        rising   int8[k]: 1 where the prediction must not fall as the column rises, -1 the other way
        Raises `DataError` where there is nothing to learn from, `ConfigurationError` without
        scikit-learn.
        """
        x = _usable(x, y)
        model = _library().HistGradientBoostingRegressor(
            loss=loss, quantile=quantile, monotonic_cst=rising, **self._settings(seed)
        )
        (trees,) = _fitted(model, x, y, weight)
        return trees

    def classes(
        self,
        x: Values,
        y: npt.NDArray[np.int64],
        *,
        weight: Values | None = None,
        rising: npt.NDArray[np.int8] | None = None,
        seed: int = 0,
    ) -> tuple[Trees, ...]:
        """Trees for the classes 0 … c-1 of `y`, int64[n]: of two classes one sum, the logarithm of
        the odds of class 1; of more classes a sum each, of which softmax makes probabilities."""
        x = _usable(x, y.astype(np.float64))
        model = _library().HistGradientBoostingClassifier(
            monotonic_cst=rising, **self._settings(seed)
        )
        return _fitted(model, x, y, weight)

    def _settings(self, seed: int) -> dict[str, Any]:
        return {
            "max_iter": self.iterations,
            "learning_rate": self.rate,
            "max_leaf_nodes": self.leaves,
            "min_samples_leaf": self.least,
            "l2_regularization": self.ridge,
            "max_features": self.columns,
            # Its own choice of rows to stop by would be drawn at random, whatever belongs together.
            "early_stopping": False,
            "random_state": seed,
        }


def _usable(x: Values, y: Values) -> Values:
    if x.ndim != 2 or len(x) != len(y):
        raise ValueError(f"rows of shape {x.shape} and {len(y)} targets do not fit together")
    if len(y) < 2 or not np.isfinite(y).all():
        raise DataError(f"{len(y)} rows with a known target; at least 2 are needed, all finite")
    if np.isinf(x).any():
        raise DataError("a column has infinite values; unknown is NaN")
    unknown = np.isnan(x).all(axis=0)  # scikit-learn makes no bins of nothing
    return np.where(unknown, 0.0, x) if unknown.any() else x


def _library() -> Any:
    try:
        from sklearn import ensemble
    except ModuleNotFoundError:
        raise ConfigurationError("fitting needs scikit-learn: pip install 'gemel[learn]'") from None
    return ensemble


def _fitted(model: Any, x: Values, y: Any, weight: Values | None) -> tuple[Trees, ...]:
    """The trees of the model, which must predict as it does."""
    from threadpoolctl import threadpool_limits

    # By one thread: it fits beside a twin that is live, and the threads of several fits that wait
    # for each other, each by spinning, take ten times as long.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(x, y, sample_weight=weight)
    baselines = np.ravel(model._baseline_prediction)  # noqa: SLF001 - checked below
    stages = model._predictors  # noqa: SLF001 - checked below
    found = tuple(
        _joined([stage[k].nodes for stage in stages], float(baselines[k]), x.shape[1])
        for k in range(len(baselines))
    )
    sample = x[:: max(1, len(x) // _CHECKED)]
    raw = model._raw_predict(sample, n_threads=1)  # noqa: SLF001 - the public one is slower by threads
    theirs = np.reshape(raw, (len(sample), -1))
    ours = np.stack([trees.predict(sample) for trees in found], axis=1)
    if not np.allclose(ours, theirs, rtol=_ALIKE, atol=_ALIKE):
        raise DataError(
            "the trees do not predict what scikit-learn predicts with them; "
            "this version of it keeps them otherwise: install another one"
        )
    return found


def _joined(stages: list[Any], baseline: float, features: int) -> Trees:
    starts = np.cumsum([0, *(len(nodes) for nodes in stages)])
    roots = starts[:-1].astype(np.int32)
    nodes = np.concatenate(stages)
    shift = np.repeat(starts[:-1], np.diff(starts))
    leaf = nodes["is_leaf"].astype(np.bool_)
    return Trees(
        features,
        baseline,
        roots,
        np.where(leaf, LEAF, nodes["feature_idx"]).astype(np.int32),
        np.where(leaf, np.inf, nodes["num_threshold"]).astype(np.float64),
        nodes["missing_go_to_left"].astype(np.bool_),
        np.where(leaf, 0, nodes["left"] + shift).astype(np.int32),
        np.where(leaf, 0, nodes["right"] + shift).astype(np.int32),
        nodes["value"].astype(np.float64),
        nodes["count"].astype(np.float64),
    )
