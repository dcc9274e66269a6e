"""The random numbers of a run, drawn outside the simulator.

The k-th number of a purpose at a station depends on the seed, the names of both, the replication
and k, and on nothing else: not on the simulator, nor on the scenario, nor on other stations. So
alternatives are compared on common random numbers, and two simulators can be held against each
other part by part.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import numpy as np

from gemel.core.frame import Values
from gemel.core.line.distribution import Distribution

__all__ = ["Draws"]


class Draws:
    """Streams of one seed. What is asked twice is the same; a longer answer begins with a shorter.

    Each stream is a PCG64-DXSM generator, seeded by the seed and the names; replications are
    stretches of it that lie 2^64 numbers apart. May be asked by several threads.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._of_thread = threading.local()

    def uniforms(self, replication: int, names: tuple[str, ...], count: int) -> Values:
        """float64[count] in (0, 1); `names` say whose and what for, e.g. ``("filler", "time")``."""
        generator, begin = self._stream(names)
        generator.bit_generator.state = begin
        generator.bit_generator.advance(replication << 64)
        numbers = generator.random(count)
        # 0 comes once in 2^53; the smallest number between keeps quantiles finite.
        np.maximum(numbers, 2.0**-54, out=numbers)
        return np.asarray(numbers)

    def times(
        self, replication: int, names: tuple[str, ...], count: int, distribution: Distribution
    ) -> Values:
        """Seconds, float64[count]."""
        if distribution.cv_exact == 0:
            return np.full(count, distribution.mean_s)
        return distribution.quantiles(self.uniforms(replication, names, count))

    def _stream(self, names: tuple[str, ...]) -> tuple[Any, Any]:
        """The generator of these names in this thread, and its state at the beginning."""
        streams: Any = self._of_thread.__dict__
        if names not in streams:
            digest = hashlib.blake2b("\0".join(names).encode(), digest_size=16).digest()
            words = np.frombuffer(digest, "<u4").tolist()
            bits = np.random.PCG64DXSM(np.random.SeedSequence([self.seed, *words]))
            streams[names] = np.random.Generator(bits), bits.state
        found: tuple[Any, Any] = streams[names]
        return found
