import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.detectors._multivariate.fleet import Fleet
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.pca import PCA
from gemel.testing.detectors import normal_window


@pytest.mark.parametrize("averages", [(1.0,), (1.0, 0.1)])
def test_a_fleet_says_what_a_scorer_for_each_asset_says(averages: tuple[float, ...]) -> None:
    learned = normal_window(3000)
    model = PCA(averages=averages, wander=1, smoothing=0.3).fit(learned)
    assets, rows = 7, 60
    value = np.stack([normal_window(rows, seed=a + 1).value for a in range(assets)])
    value[2, 30:, 1] += 40  # a fault
    value[4, 5, 0] = np.nan
    value[5, 9] = np.nan
    time = learned.time[-1] + 10**9 * np.arange(1, rows + 1)
    fleet = Fleet(model, assets)
    told = [fleet(value[:, i]) for i in range(rows)]
    for a in range(assets):
        alone = model.start()(Window(time, value[a], model.names))
        np.testing.assert_array_equal([t[0][a] for t in told], alone.value)
        np.testing.assert_array_equal([t[1][a] for t in told], alone.alarm)
        np.testing.assert_array_equal([t[2][a] for t in told], alone.contribution)
    assert told[-1][1].tolist() == [False, False, True, False, False, False, False]


def test_a_model_with_lags_is_refused() -> None:
    with pytest.raises(DataError, match="scorer for each"):
        Fleet(PCA(lags=1, wander=1).fit(normal_window()), 3)
