"""Lots: where each was and when, what was made of it, and who holds it back.

A lot is ISA-95's material lot. `stays` tells from history where lots were, `book` what people and
systems said of them, `genealogy` puts both together and goes back and forth in it.
"""

from __future__ import annotations

from gemel.twin.operations.lots.book import Book, Hold, LotAbout, Made, Said
from gemel.twin.operations.lots.genealogy import (
    Link,
    Reached,
    Stay,
    Step,
    made_links,
    mixed,
    there,
    trace,
)
from gemel.twin.operations.lots.stays import Seen, seen
from gemel.twin.operations.lots.tracker import LotTracker

__all__ = [
    "Book", "Hold", "Link", "LotAbout", "LotTracker", "Made", "Reached", "Said", "Seen", "Stay",
    "Step", "made_links", "mixed", "seen", "there", "trace",
]  # fmt: skip
