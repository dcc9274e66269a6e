"""What is to be tried, as a person writes it: ``filler.time*0.95, capper.places=10``,
``caps.line.most=40``."""

from __future__ import annotations

from collections.abc import Sequence

from gemel.core.errors import ConfigurationError
from gemel.core.line import Cap, Line
from gemel.core.line.changes import changed, read_changes
from gemel.parts.simulators.base import Scenarios
from gemel.twin.planning.experiments.playing import scenarios_of

__all__ = ["alternatives", "with_open_caps"]


def with_open_caps(line: Line, texts: Sequence[str]) -> Line:
    """The line with a cap of all of it, without a limit, for each that a text names and it has not:
    nothing is another, and alternatives can set it. Raises `ConfigurationError`."""
    paths = [change.text.split(".") for text in texts for change in read_changes(text)]
    new = {
        path[1]: Cap()
        for path in paths
        if len(path) == 3 and (path[0], path[2]) == ("caps", "most") and path[1] not in line.caps
    }
    return line.model_copy(update={"caps": {**line.caps, **new}}) if new else line


def alternatives(line: Line, texts: Sequence[str]) -> Scenarios:
    """A scenario of this very line for each text; an empty one is the line as it is.

    ``time``, ``between`` (failures) and ``repair`` take a factor, ``places`` and ``caps.NAME.most``
    a number or ``none``. A station ``*`` means all of them. Raises `ConfigurationError`, also for a
    change that makes another line: `gemel.twin.planning.experiments` compares lines.
    """
    variants = []
    for text in texts:
        try:
            variant = changed(line, read_changes(text))
        except ConfigurationError as error:
            raise ConfigurationError(f"'{text}': {error}") from None
        if variant.line is not line:
            raise ConfigurationError(
                f"'{text}': makes another line; factors of `time`, `between` and `repair`, "
                "`places` and `caps.NAME.most` are tried here, `gemel whatif` tries everything else"
            )
        variants.append(variant)
    return scenarios_of(line, variants)
