"""Networks that a user brings: one that we can reckon after, and wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.inspectors.onnx_files import linear

from gemel.core.errors import ConfigurationError, DataError
from gemel.parts.forecasters import FORECASTERS
from gemel.parts.forecasters.network import Network
from gemel.parts.forecasters.seasonal_naive import SeasonalNaive
from gemel.testing.forecasters import ForecasterSuite, seasonal_panel


def naive(rows: int = 48, steps: int = 12, season: int = 24) -> np.ndarray:
    """A matrix that takes the value of one season before."""
    weight = np.zeros((rows, steps), np.float32)
    weight[rows - season + np.arange(steps) % season, np.arange(steps)] = 1
    return weight


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "naive.onnx"
    path.write_bytes(linear(naive()))
    return path


@pytest.mark.conformance
class TestNetwork(ForecasterSuite):
    @pytest.fixture
    def forecaster(self, file: Path) -> Network:
        return Network(file=file, season=24, horizon=12, origins=100)


def test_it_tells_what_the_network_tells(file: Path) -> None:
    history = seasonal_panel()
    own = Network(file=file, season=24, horizon=12).fit(history)
    same = SeasonalNaive(season=24, horizon=12).fit(history)
    found, known = own.forecast(history, 12), same.forecast(history, 12)
    np.testing.assert_allclose(found.mean[:4], known.mean[:4], rtol=1e-5)
    # Of float32, counts that were equal are so no longer, and are put into other groups of a band.
    np.testing.assert_allclose(found.quantile[0], known.quantile[0], rtol=0.01)
    assert own.evidence()["learned"]["steps"] == 12


@pytest.mark.parametrize("steps_last", [True, False])
def test_quantiles_that_it_tells_are_what_bands_are_put_around(
    tmp_path: Path, steps_last: bool
) -> None:
    # Of one season before, of two seasons before, and of their mean in the middle.
    older = np.roll(naive(), -24, axis=0)
    weight = np.stack([older, (older + naive()) / 2, naive()], axis=1)
    path = tmp_path / "quantiles.onnx"
    shape = weight if steps_last else weight.transpose(0, 2, 1)
    path.write_bytes(linear(np.ascontiguousarray(shape)))
    history = seasonal_panel()
    part = Network(file=path, horizon=12, season=24, told=(0.05, 0.5, 0.95))
    found = part.fit(history).forecast(history, 12)
    both = (history.value[:4, -48:-36] + history.value[:4, -24:-12]) / 2
    np.testing.assert_allclose(found.mean[:4], both, rtol=1e-5)
    held = found.quantile[0, :, 0] < found.mean[0], found.mean[0] < found.quantile[0, :, 2]
    assert all(side.all() for side in held)
    with pytest.raises(ConfigurationError, match=r"it gives \(1, \d+, \d+\) for 1 series"):
        Network(file=path, horizon=12, season=24, told=(0.1, 0.3, 0.5, 0.7, 0.9)).fit(history)
    with pytest.raises(ConfigurationError, match=r"for 1 series; \(series, steps\) is needed"):
        Network(file=path, horizon=12, season=24).fit(history)


def test_only_the_newest_rows_are_given_where_their_number_is_open(tmp_path: Path) -> None:
    path = tmp_path / "open.onnx"
    path.write_bytes(linear(naive(), rows="open"))
    history = seasonal_panel()
    found = Network(file=path, rows=48, season=24, horizon=12).fit(history).forecast(history, 12)
    np.testing.assert_allclose(found.mean[0], history.value[0, -24:-12], rtol=1e-5)
    with pytest.raises(DataError, match="the network fails"):
        Network(file=path, rows=50, season=24, horizon=12).fit(history)


def test_what_is_wrong_is_told(tmp_path: Path, file: Path) -> None:
    history = seasonal_panel()
    with pytest.raises(ConfigurationError, match="it tells 12 steps, `horizon` is 24"):
        Network(file=file, season=24, horizon=24).fit(history)
    with pytest.raises(ConfigurationError, match=r"none\.onnx: cannot be read"):
        Network(file=tmp_path / "none.onnx", horizon=12).fit(history)
    with pytest.raises(ConfigurationError, match=r"0\.5 be among them"):
        FORECASTERS.build({"kind": "network", "file": str(file), "told": [0.1, 0.9]})
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"not a network")
    with pytest.raises(ConfigurationError, match="not a network in ONNX form"):
        Network(file=wrong, horizon=12).fit(history)
    wrong.write_bytes(linear(np.full((48, 12), np.inf, np.float32)))
    with pytest.raises(DataError, match="not finite"):
        Network(file=wrong, horizon=12).fit(history)


def test_another_network_than_the_fitted_one_is_refused(file: Path) -> None:
    part = Network(file=file, season=24, horizon=12)
    saved = json.loads(json.dumps(part.fit(seasonal_panel()).save()))
    file.write_bytes(linear(naive() * np.float32(2)))
    with pytest.raises(DataError, match="another network than the model was fitted with"):
        part.load(saved)
