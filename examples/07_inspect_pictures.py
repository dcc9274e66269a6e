"""An inspector learns from pictures of good plates, and shows where a scratched one is wrong."""

import numpy as np

from gemel.parts.inspectors import INSPECTORS
from gemel.parts.inspectors.base import Album

random = np.random.default_rng(1)


def plate() -> np.ndarray:
    """A ground plate, its grain from top to bottom, under other light each time."""
    grain = random.normal(0, 0.04, (1, 160)) + random.normal(0, 0.02, (120, 160))
    return np.clip((0.5 + grain) * random.uniform(0.7, 1.2), 0, 1).astype(np.float32)


def scratched(row: int, column: int) -> np.ndarray:
    image = plate()
    for step in range(30):  # a thin scratch, across the grain
        image[row + step // 6, column + step] *= 0.4
    return image


# --8<-- [start:fit]
good = Album([plate() for _ in range(60)], unit=np.arange(60) // 2)  # two pictures of each plate
model = INSPECTORS.build({"kind": "patches", "rejects": 0.05}).fit(good)
for name, value in model.evidence().items():
    print(f"{name}: {value}")
# --8<-- [end:fit]

# --8<-- [start:inspect]
told = model.inspect(scratched(row=40, column=90))
cell = np.unravel_index(told.map.argmax(), told.map.shape)
print(f"rejected: {told.rejected}, worst at row {cell[0] * 8 + 4}, column {cell[1] * 8 + 4}")
rejected = sum(model.inspect(plate()).rejected for _ in range(100))
print(f"of 100 other good plates {rejected} are rejected")
# --8<-- [end:inspect]
