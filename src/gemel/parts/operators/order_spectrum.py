"""Order spectrum: how strong a fast signal is at multiples of a shaft's speed, at any speed."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil
from typing import Final

import numpy as np
from pydantic import Field, model_validator

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.signal.spectrum import Measure, bands, measured, orders
from gemel.parts.operators._shaft import OnShaft
from gemel.parts.operators._windows import Piece, Told, squared

__all__ = ["OrderSpectrum"]

_WIDE: Final = 2.5
"""Lines on each side that belong to an order: as wide as a Hann window makes a tone."""


class OrderSpectrum(OnShaft):
    """Give, for each window of a signal, how strong it is at multiples of a shaft's speed.

    >>> t = np.arange(20_001) / 10_000
    >>> turned = 20 * t + 5 * t**2  # from 20 to 40 turns per second
    >>> value = 3 * np.sin(2 * np.pi * 4 * turned)
    >>> slow = np.arange(0, 2.2, 0.1)
    >>> signal = np.concatenate([0 * t, 1 + 0 * slow])
    >>> time = np.concatenate([t, slow]) * 1_000_000_000
    >>> frame = Frame.of(signal, time, np.concatenate([value, 20 + 10 * slow]))
    >>> operator = OrderSpectrum(
    ...     window="2 s", rate=10_000, orders={"mesh": 4.0}, speed=1, speed_unit="Hz",
    ...     outputs={0: {"mesh": 7}},
    ... )
    >>> out = operator.start()(frame)
    >>> out.value[out.signal == 7].round(2).tolist()
    [3.0]

    The signal is sampled again at even angles of the shaft, so that what repeats with it stays one
    line while the speed changes. A window waits until the speed is known behind it as well, `hold`
    at most. Samples of the speed pass. A window in which the shaft stands, turns less often than
    `turns`, or in which its speed is not known, is bad, and so is an order that lies above half of
    the rate at the highest speed. Windows are as in `spectrum`.
    """

    orders: dict[str, float] = Field(
        description="Orders by name: multiples of the speed of the shaft"
    )
    turns: int = Field(
        16, ge=4, le=4096, description="Turns that a spectrum is made of: its lines are 1 / turns "
        "apart, and orders nearer than 5 / turns are told as one",
    )  # fmt: skip
    measure: Measure = Field(
        "amplitude", description="What is told of an order: its `amplitude`, its `rms`, or its "
        "`power`",
    )  # fmt: skip

    @model_validator(mode="after")
    def _reached(self) -> OrderSpectrum:
        if (self.speed is None) == (self.fixed_speed is None):
            raise ValueError("needs either `speed` or `fixed_speed`")
        lowest = _WIDE / self.turns
        for name, order in self.orders.items():
            if not lowest < order:
                raise ValueError(
                    f"orders: '{name}' is {order:g}, must be above {lowest:.3g} with {self.turns} "
                    "turns"
                )
        return self

    def names(self) -> Collection[str]:
        """See `Windowed.names`."""
        return tuple(self.orders)

    def unit(self, name: str, unit: str) -> str:
        """See `Feature.unit`."""
        return squared(unit) if self.measure == "power" else unit

    def told(self, piece: Piece, names: tuple[str, ...]) -> Told:
        """See `Windowed.told`."""
        value, sure = self.even(piece)
        speed = self.speeds(piece, len(value))
        if not speed.min() > 0:
            raise DataError("the shaft stands")
        wide = _WIDE / self.turns
        seen = [o for o in map(self.orders.__getitem__, names) if self._seen(o, wide, speed)]
        if not seen:
            raise DataError("the rate reaches none of the orders")
        per_turn = 2 * ceil(max(seen) + 2 * wide)
        found = orders(value, self.rate, speed, per_turn, self.turns)

        def one(order: float) -> float:
            if order not in seen:
                return float("nan")
            return measured(float(bands(found, [order - wide, order + wide])[0]), self.measure)

        return np.array([one(self.orders[name]) for name in names]), sure

    def _seen(self, order: float, wide: float, speed: Values) -> bool:
        return (order + wide) * float(speed.max()) <= self.rate / 2
