"""Fit a detector on normal operation, look at its evidence, and let it score a fault."""

from __future__ import annotations

import numpy as np

from gemel.parts.detectors import DETECTORS
from gemel.parts.detectors.base import Window

SECOND = 1_000_000_000
NAMES = ("pump/pressure", "pump/flow", "pump/current")


def operation(rows: int, seed: int) -> np.ndarray:
    """Pressure, flow and current of a pump: all three follow one load, each with its noise."""
    random = np.random.default_rng(seed)
    load = random.normal(size=rows)
    noise = random.normal(size=(rows, 3)) * [0.02, 0.4, 0.05]
    return np.array([3.0, 40.0, 7.0]) + load[:, None] * [0.2, 4.0, 0.6] + noise


def main() -> None:
    # --8<-- [start:fit]
    normal = Window(np.arange(3_600) * SECOND, operation(3_600, seed=1), NAMES)
    detector = DETECTORS.build({"kind": "pca", "lags": 0, "smoothing": 0.3})
    model = detector.fit(normal)
    evidence = model.evidence()
    print("rows:", evidence["rows"])
    print(
        "limit:", evidence["limit"]["source"], "of held-out rows, rate", evidence["limit"]["rate"]
    )
    # --8<-- [end:fit]

    # --8<-- [start:score]
    value = operation(600, seed=2)
    value[400:, 1] -= 4.0  # a leak: flow is low for what pressure and current say
    later = Window((3_600 + np.arange(600)) * SECOND, value, NAMES)
    score = model.start()(later)
    first = int(np.flatnonzero(score.alarm[400:])[0])
    print("rows above the limit before the fault:", int(score.alarm[:400].sum()), "of 400")
    print("rows from the fault to the first one above the limit:", first)
    share = score.contribution[400 + first]
    print("largest contribution:", NAMES[int(share.argmax())])
    low, high = value[:400, 1].min(), value[:400, 1].max()
    inside = np.mean((value[400:, 1] > low) & (value[400:, 1] < high))
    print(f"flow itself stayed within its normal range: {inside:.0%} of the rows")
    # --8<-- [end:score]


if __name__ == "__main__":
    main()
