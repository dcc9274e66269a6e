"""Rows on a curved surface: what planes cannot hold, what is missing, what is refused."""

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.detectors.autoencoder import Autoencoder
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.pca import PCA

SECOND = 10**9
NAMES = ("pump/speed", "pump/head", "pump/power")


def curve(rows: int, seed: int) -> Window:
    """A pump along its curve: one degree of freedom, which three signals show in bent ways."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, rows)
    value = np.column_stack([x, x**2, np.sin(3 * x)]) + random.normal(0, 0.03, (rows, 3))
    return Window(np.arange(rows) * SECOND, value, NAMES)


def test_a_curved_surface_is_kept_where_planes_see_a_cloud() -> None:
    normal = curve(4000, 0)
    inside = curve(400, 1)
    inside.value[200:, 1] = 0.45  # a head that each speed may have, but not any speed this one
    own = Autoencoder(code=1, width=12, smoothing=0.2).fit(normal)
    planes = PCA(averages=(1,), smoothing=0.2).fit(normal)
    found, beside = own.start()(inside), planes.start()(inside)
    assert own.evidence()["explained"] > 0.95
    assert found.alarm[:200].mean() < 0.02
    assert found.alarm[220:].mean() > 0.9
    assert beside.alarm[220:].mean() < 0.5


def test_a_missing_value_is_what_the_network_expects() -> None:
    model = Autoencoder(code=1, width=12, smoothing=1, missing=0.4).fit(curve(4000, 0))
    whole, holes = curve(300, 2), curve(300, 2)
    holes.value[::3, 2] = np.nan
    found = model.start()(holes)
    assert np.isfinite(found.value).all()
    assert found.alarm.mean() < 0.02
    assert (found.contribution[::3, 2] == 0).all(), "what is not known is not blamed"
    np.testing.assert_allclose(found.value[1::3], model.start()(whole).value[1::3])


def test_seeds_decide_and_nothing_else_does() -> None:
    normal = curve(500, 0)
    first, again, other = (
        Autoencoder(iterations=5, seed=seed).fit(normal).weights for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_mistakes_are_told() -> None:
    normal = curve(500, 0)
    with pytest.raises(DataError, match=r"of 1 signals; autoencoder needs at least \d+ rows"):
        Autoencoder().fit(Window(normal.time, normal.value[:, :1], NAMES[:1]))
    saved = Autoencoder(iterations=2).fit(curve(500, 0)).save()
    for change in ({"sizes": [3, 4, 3]}, {"spread": [1.0]}, {"weights": []}, {"sizes": []}):
        with pytest.raises(DataError, match="do not fit together"):
            Autoencoder().load(saved | change)
    with pytest.raises(DataError, match="not a saved model"):
        Autoencoder().load({"detector": "autoencoder", "version": 1})
