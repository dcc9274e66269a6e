"""Planning: what could happen, what limits, and what to do about it.

`simulator_for` takes the fastest simulator that covers a line, `alternatives` reads what is to be
tried, `what_if` plays it side by side, `bottleneck` says what limits a line and how sure that is,
`side_by_side` what other methods say of it. `experiments` compares scenarios until the best is
certain, sweeps over factors, and asks what a line will do that does not exist yet.
"""

from gemel.twin.planning.alternatives import alternatives, with_open_caps
from gemel.twin.planning.bottleneck import Bottleneck, bottleneck
from gemel.twin.planning.choice import simulator_for
from gemel.twin.planning.what_if import WhatIf, refuse_long, refuse_long_film, what_if

__all__ = [
    "Bottleneck",
    "WhatIf",
    "alternatives",
    "bottleneck",
    "refuse_long",
    "refuse_long_film",
    "simulator_for",
    "what_if",
    "with_open_caps",
]
