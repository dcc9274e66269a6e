"""What is to be tried, as a person writes it: ``filler.time*0.95, capper.places=10``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.line import Line
from gemel.parts.simulators.base import Scenarios

__all__ = ["alternatives"]

_CHANGE = re.compile(r"\s*(.+)\.(\w+)\s*([*=])\s*(\S+)\s*")
_FACTORS = ("time", "between", "repair")


def alternatives(line: Line, texts: Sequence[str]) -> Scenarios:
    """A scenario for each text; an empty one is the line as it is.

    ``time``, ``between`` (failures) and ``repair`` take a factor, ``places`` a number or ``none``.
    A station ``*`` means all of them. Raises `ConfigurationError`.
    """
    scenarios = Scenarios.same(line, len(texts))
    for row, text in enumerate(texts):
        for change in filter(None, (part.strip() for part in text.split(","))):
            _apply(line, scenarios, row, change)
    return scenarios


def _apply(line: Line, scenarios: Scenarios, row: int, change: str) -> None:
    match = _CHANGE.fullmatch(change)
    if match is None:
        raise ConfigurationError(
            f"'{change}' is no change; write e.g. 'filler.time*0.95' or 'filler.places=10'"
        )
    name, what, sign, number = match.groups()
    names = line.names
    if name != "*" and name not in names:
        raise ConfigurationError(f"'{change}': no station '{name}'; {did_you_mean(name, names)}")
    which = slice(None) if name == "*" else names.index(name)
    if what == "places":
        if sign == "=" and number == "none":
            scenarios.places[row, which] = -1
        elif sign == "=" and number.isdigit():
            scenarios.places[row, which] = int(number)
        else:
            raise ConfigurationError(f"'{change}': write '{name}.places=10' or '=none'")
        return
    if what not in _FACTORS:
        hint = did_you_mean(what, (*_FACTORS, "places"))
        raise ConfigurationError(f"'{change}': nothing called '{what}'; {hint}")
    try:
        factor = float(number)
    except ValueError:
        factor = np.nan
    if sign != "*" or not 0 < factor < 1e6:
        raise ConfigurationError(f"'{change}': write a factor above 0, e.g. '{name}.{what}*0.95'")
    getattr(scenarios, what)[row, which] *= factor
