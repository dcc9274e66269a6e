"""Spectra of a machine that speeds up, as signals; and a listener that learns how a fan sounds."""

import numpy as np

from gemel.core.frame import Frame
from gemel.core.sound import Sound
from gemel.parts.listeners import LISTENERS
from gemel.parts.listeners.base import Clips
from gemel.parts.operators import OPERATORS

random = np.random.default_rng(1)

# --8<-- [start:orders]
VIBRATION, SPEED, MESH, IMBALANCE = range(4)  # numbers of signals

operator = OPERATORS.build(
    {
        "kind": "order_spectrum",
        "window": "2 s",
        "rate": 4000,
        "orders": {"imbalance": 1, "mesh": 21},
        "speed": SPEED,
        "speed_unit": "rpm",
        "outputs": {VIBRATION: {"imbalance": IMBALANCE, "mesh": MESH}},
    }
)
step = operator.start()
# --8<-- [end:orders]

at = np.arange(24_001) / 4000  # six seconds, in which the shaft goes from 20 to 38 turns per second
turned = 20 * at + 1.5 * at**2
acceleration = 0.5 * np.sin(2 * np.pi * turned) + 0.2 * np.sin(2 * np.pi * 21 * turned)
acceleration += random.normal(0, 0.3, len(at))
slow = np.arange(0, 6.2, 0.1)
signal = np.concatenate([np.full(len(at), VIBRATION), np.full(len(slow), SPEED)])
time = np.rint(np.concatenate([at, slow]) * 1e9).astype(np.int64)
value = np.concatenate([acceleration, 60 * (20 + 3 * slow)])
order = np.argsort(time, kind="stable")
frame = Frame.of(signal[order], time[order], value[order])

# --8<-- [start:told]
told = step(frame)
for number, name in ((IMBALANCE, "imbalance"), (MESH, "mesh")):
    chosen = told.signal == number
    amplitudes = ", ".join(f"{x:.2f}" for x in told.value[chosen])
    print(f"{name}: {amplitudes} at {[t // 10**9 for t in told.time[chosen].tolist()]} s")
# --8<-- [end:told]


def fan(squeals: bool = False) -> Sound:
    """Two seconds of blades and air, of another loudness and speed each time."""
    t = np.arange(16_000) / 8000
    speed = 120 * random.normal(1, 0.003)
    blades = sum(np.sin(2 * np.pi * speed * k * t + random.uniform(0, 6)) / k for k in range(1, 6))
    sound = blades + random.normal(0, 0.3, len(t))
    if squeals:
        sound += 0.2 * np.sin(2 * np.pi * 2600 * t)
    return Sound(0.1 * random.uniform(0.9, 1.1) * sound, 8000)


# --8<-- [start:listen]
normal = Clips([fan() for _ in range(60)], session=np.arange(60) // 3)  # three in one go
model = LISTENERS.build({"kind": "gaussian", "false_alarms": 0.05}).fit(normal)
for name, word in model.evidence().items():
    print(f"{name}: {word}")

heard = model.hear(fan(squeals=True))
low, high = heard.bands[heard.share.argmax()]
print(f"abnormal: {heard.abnormal}, most of all between {low:.0f} and {high:.0f} Hz")
alarms = sum(model.hear(fan()).abnormal for _ in range(100))
print(f"of 100 other normal sounds {alarms} alarm")
# --8<-- [end:listen]
