"""What stands in a line, in another layout of it: the start that two lines can be compared from.

Both must begin with the same parts, or one of them would have made some before it began. So what
stands at a station goes to the station of the same name, and where there is none, nothing may
stand: such a layout is refused, and neither plays without these parts nor begins empty beside a
line that does not. An idle or empty station that the layout has not is left out; so is the repair
of one, which is told.
"""

from __future__ import annotations

from gemel.core.errors import ConfigurationError
from gemel.core.line.settings import Line
from gemel.core.line.snapshot import Snapshot

__all__ = ["carried"]


def carried(start: Snapshot, line: Line) -> tuple[Snapshot, tuple[str, ...]]:
    """The snapshot as the layout `line` begins with it, and what of it is left out, a sentence
    each. It is `start` itself where the layout has all of its stations.

    Raises `ConfigurationError` where parts would be lost, or do not fit where they would stand.
    """
    gone = [name for name in start.stations if name not in line.stations]
    lost = [f"{_parts(start.of(name).parts)} at '{name}'" for name in gone if start.of(name).parts]
    if lost:
        raise ConfigurationError(
            f"cannot begin with what stands in the line: {', '.join(lost)}, which it has not; "
            "begin with an empty line, or call the station that takes them so"
        )
    fits = start
    if gone:
        kept = {name: now for name, now in start.stations.items() if name in line.stations}
        fits = start.model_copy(update={"stations": kept})
    try:
        fits.check(line)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"cannot begin with what stands in the line: {error.message}"
        ) from None
    repaired = [name for name in gone if any(busy.repaired for busy in start.of(name).busy)]
    return fits, tuple(f"has no '{name}', which is repaired in the line" for name in repaired)


def _parts(count: int) -> str:
    return f"{count:,} part" + ("" if count == 1 else "s")
