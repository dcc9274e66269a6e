"""How likely supply fails: told by rates, or learned from periods in which it worked or failed."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, lgamma, log

import numpy as np
import numpy.typing as npt

from gemel.core.control.quantiles import beta_quantile
from gemel.core.errors import DataError
from gemel.core.stock.network import Disruption

__all__ = ["Chain", "Chance", "chain_of", "chance_of"]

_LONGEST_EVER = 1e4
"""Steps for which a rate is still told: beyond, the history says nothing of it."""


@dataclass(frozen=True, slots=True)
class Chance:
    """A probability; its interval holds the true one with 90 %, and is unknown (None) where the
    rate was given and not learned."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """A Markov chain of two states in steps of one length, learned from counts.

    Of each step that begins up, it fails within it with a probability whose posterior is
    Beta(½ + failed, ½ + stayed), Jeffreys' prior; of each that begins down, it recovers likewise.

    step       ns of a row of the history
    ups        steps that began up and were followed by another
    failures   those after which it was down
    downs      steps that began down and were followed by another
    recoveries those after which it was up
    down_now   whether it was down in the last step
    """

    step: int
    ups: int
    failures: int
    downs: int
    recoveries: int
    down_now: bool

    @property
    def fails(self) -> float:
        """Probability to fail within a step: mean of the posterior."""
        return (0.5 + self.failures) / (1 + self.ups)

    @property
    def recovers(self) -> float:
        """Probability to recover within a step."""
        return (0.5 + self.recoveries) / (1 + self.downs)

    def disruption(self) -> Disruption:
        """The process in continuous time that makes this chain when it is seen at its steps.

        With rates a (fails) and b (recovers), P(fails) = a / (a + b) · (1 − e^(−a − b)), and the
        same with b for recovering. Where both are so likely that no such process exists, mean times
        of the chain are taken.
        """
        fails, recovers = self.fails, self.recovers
        both = fails + recovers
        pace = -log(1 - both) if both < 1 else 0.0
        up = both / (pace * fails) if pace else 1 / fails
        down = both / (pace * recovers) if pace else 1 / recovers
        every, lasts = (max(1, round(min(t, _LONGEST_EVER) * self.step)) for t in (up, down))
        return Disruption.read(
            {"every": f"{every} ns", "lasts": f"{lasts} ns", "down": self.down_now}
        )

    def chance(self, steps: float) -> Chance:
        """That it fails at least once within so many steps, when it is up now: the mean over the
        posterior, 1 − B(a, b + n) / B(a, b) (beta-binomial), and the central 90 % of it."""
        a, b = 0.5 + self.failures, 0.5 + self.ups - self.failures
        kept = exp(lgamma(b + steps) - lgamma(b) + lgamma(a + b) - lgamma(a + b + steps))
        low, high = (
            1 - (1 - min(beta_quantile(p, a, b), 1 - 1e-15)) ** steps for p in (0.05, 0.95)
        )
        return Chance(1 - kept, low, high)


def chain_of(down: npt.NDArray[np.bool_], step: int) -> Chain:
    """From bool[n], whether it was down in each of n steps that follow one another.

    Raises `DataError` for fewer than two.
    """
    if len(down) < 2:
        raise DataError(f"{len(down)} rows say nothing of how supply fails; at least 2 are needed")
    before, after = down[:-1], down[1:]
    return Chain(
        step, int((~before).sum()), int((~before & after).sum()), int(before.sum()),
        int((before & ~after).sum()), bool(down[-1]),
    )  # fmt: skip


def chance_of(disruption: Disruption, time: int) -> Chance:
    """That a process of given rates fails at least once within a time (ns), when it is up now."""
    return Chance(-expm1(-time / disruption.every))
