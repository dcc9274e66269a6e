"""What is to be tried, as a person writes it: ``filler.time*0.95, capper.places=10``."""

from __future__ import annotations

from collections.abc import Sequence

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line
from gemel.core.line.changes import changed, read_changes
from gemel.parts.simulators.base import Scenarios
from gemel.twin.planning.experiments.playing import scenarios_of

__all__ = ["alternatives"]


def alternatives(line: Line, texts: Sequence[str]) -> Scenarios:
    """A scenario of this very line for each text; an empty one is the line as it is.

    ``time``, ``between`` (failures) and ``repair`` take a factor, ``places`` a number or ``none``.
    A station ``*`` means all of them. Raises `ConfigurationError`, also for a change that makes
    another line: `gemel.twin.planning.experiments` compares lines.
    """
    variants = []
    for text in texts:
        try:
            variant = changed(line, read_changes(text))
        except ConfigurationError as error:
            raise ConfigurationError(f"'{text}': {error}") from None
        if variant.line is not line:
            raise ConfigurationError(
                f"'{text}': makes another line; factors of `time`, `between` and `repair`, and "
                "`places`, are tried here, and `gemel whatif` tries everything else"
            )
        variants.append(variant)
    return scenarios_of(line, variants)
