"""Changes to a line, by the path of what is changed: another speed, one more server, another shift.

A path is that of the description, ``capper.servers`` or ``crews.operators.number``; a station needs
no ``stations.`` in front, and ``*`` stands for all stations. A value takes the place of what was
there (nothing at all removes it), ``*0.9`` and ``-10 %`` multiply it. ``time``, ``between``
(failures) and ``repair`` of a station take a factor for everything that it does, whatever product
or cause; these, ``places`` and ``caps.NAME.most`` can be played beside the line on the same sheets
of luck. What is left is another line, checked as every line is, with the same luck wherever names
are the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.line.distribution import Distribution
from gemel.core.line.settings import Arrivals, Line, Station
from gemel.core.settings import Settings, problems
from gemel.core.time import parse_duration

__all__ = ["Change", "Variant", "changed", "factor_of", "line_hash", "read_changes", "written"]

FACTORS: Final = ("time", "between", "repair")
"""Of a station: what takes a factor beside the line."""

_FACTOR = re.compile(r"[*×]\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)|([-+][0-9.]+)\s*%")
_TEXT = re.compile(r"\s*([^*=]*[^*=\s]|\*\.[^*=]*[^*=\s])\s*([*=])\s*(\S.*?)\s*")
_DURATIONS: Final = ("mean", "scale", "low", "mode", "high")


@dataclass(frozen=True, slots=True)
class Change:
    """What is changed, and to what; `text` is how the path was written."""

    text: str
    value: Any

    @property
    def factor(self) -> float | None:
        """By what it is multiplied; None for a value."""
        return factor_of(self.value)


@dataclass(frozen=True)
class Variant:
    """An alternative: a line, and by station the factors of time, of the time between failures, of
    repairs, and the places, and by name the caps that are played beside it; −1 is no limit."""

    line: Line
    factors: Mapping[tuple[str, str], float] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    caps: Mapping[str, int] = field(default_factory=dict)


def factor_of(value: Any) -> float | None:
    """The factor that a value stands for: ``*0.9``, ``-10 %``; None for any other value."""
    match = _FACTOR.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        factor = float(match[1]) if match[1] else 1 + float(match[2]) / 100
    except ValueError:
        return None
    if not 0 < factor < 1e6:
        raise ConfigurationError(f"'{value}' is a factor of {factor:g}, must be above 0")
    return factor


def read_changes(text: str) -> tuple[Change, ...]:
    """Changes as a command line has them: ``filler.time*0.95, capper.servers=2``."""
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        match = _TEXT.fullmatch(one)
        if match is None:
            raise ConfigurationError(
                f"'{one}' is no change; write e.g. 'filler.time*0.95' or 'filler.servers=2'"
            )
        path, sign, value = match.groups()
        found.append(Change(path, f"*{value}" if sign == "*" else _plain(value)))
    return tuple(found)


def _plain(text: str) -> Any:
    if text in ("none", "null", "~"):
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def written(line: Line) -> dict[str, Any]:
    """The line as plain data that read back as the same line; only what differs from defaults."""
    found: dict[str, Any] = _written(line)
    return found


def _written(value: Any) -> Any:
    if isinstance(value, Settings):
        durations: tuple[str, ...] = ()
        if isinstance(value, Distribution):
            durations = (*_DURATIONS, "values")
        elif isinstance(value, Arrivals):
            durations = ("at",)
        fields = type(value).model_fields
        found = {}
        for name in fields:
            inner = getattr(value, name)
            if fields[name].is_required() or inner != fields[name].get_default():
                found[name] = _times(inner) if name in durations else _written(inner)
        return found
    if isinstance(value, dict):
        return {key: _written(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_written(inner) for inner in value]
    return value


def _times(value: Any) -> Any:
    return [f"{v} ns" for v in value] if isinstance(value, tuple) else f"{value} ns"


def line_hash(line: Line) -> str:
    """Sixteen hexadecimal digits that tell lines apart."""
    text = json.dumps(written(line), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def changed(line: Line, changes: Iterable[Change]) -> Variant:
    """The alternative that `changes` make of a line.

    Raises `ConfigurationError`; its `where` is the path of the change that is to blame, as it was
    written, or empty where only all of them together make no sense.
    """
    wanted = list(changes)
    factors: dict[tuple[str, str], float] = {}
    places: dict[str, int] = {}
    caps: dict[str, int] = {}
    rest: list[Change] = []
    for change in wanted:
        try:
            if (cap := _cap_beside(line, change)) is not None:
                caps[cap[0]] = cap[1]
                continue
            beside = _beside(line, change)
        except ConfigurationError as error:
            raise error.at(change.text) from None
        if beside is None:
            rest.append(change)
            continue
        stations, what, value = beside
        for name in stations:
            if what == "places":
                places[name] = int(value)
            else:
                factors[name, what] = factors.get((name, what), 1.0) * value
    if not rest and (not (places or caps) or _is_plain(line)):
        return Variant(line, factors, places, caps)
    # A loop can fill up, a batch may need places, an assembly parts that a cap keeps out: with
    # another line they are checked, too.
    rest += [
        change for change in wanted
        if (change.text.endswith(".places") or change.text.startswith("caps."))
        and change not in rest
    ]  # fmt: skip
    other = _other(line, rest)
    for name in sorted({name for name, _ in factors} - set(other.stations)):
        raise ConfigurationError(f"station '{name}' is removed and also changed", name)
    return Variant(other, factors)


def _other(line: Line, changes: Iterable[Change]) -> Line:
    """The line with changes to itself, checked."""
    data = written(line)
    touched: list[tuple[tuple[str, ...], Change]] = []
    for change in changes:
        try:
            for path in _paths(data, change):
                _apply(data, path, change)
                touched.append((path, change))
        except ConfigurationError as error:
            raise error.at(change.text) from None
    try:
        return Line.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise _blamed(error, touched) from None


def _is_plain(line: Line) -> bool:
    """Whether any number of places, and any cap, is good for it."""
    return not any(p.route for p in line.products.values()) and all(
        s.rework is None and s.batch is None and (s.join == "merge" or not line.caps)
        for s in line.stations.values()
    )


def _beside(line: Line, change: Change) -> tuple[list[str], str, float] | None:
    """Stations, what of them, and the number, of a change that is played beside the line."""
    parts = change.text.removeprefix("stations.").split(".")
    if len(parts) != 2 or (parts[0] != "*" and parts[0] not in line.stations):
        return None
    stations = list(line.stations) if parts[0] == "*" else parts[:1]
    what, value = parts[1], change.value
    factor = change.factor
    if what in FACTORS and factor is not None:
        return stations, what, factor
    if what in FACTORS[1:]:
        raise ConfigurationError(
            f"takes a factor, e.g. '*0.5', found {value!r}; a cause alone is "
            f"'{parts[0]}.failures.CAUSE.{'every' if what == 'between' else what}'"
        )
    if what == "places" and factor is None:
        if value is None:
            return stations, what, -1
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return stations, what, value
    return None


def _cap_beside(line: Line, change: Change) -> tuple[str, int] | None:
    """Name and number of a cap of the line that is played beside it."""
    parts, value = change.text.split("."), change.value
    if len(parts) != 3 or parts[0] != "caps" or parts[2] != "most" or parts[1] not in line.caps:
        return None
    if value is None:
        return parts[1], -1
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return parts[1], value
    return None


def _paths(data: dict[str, Any], change: Change) -> list[tuple[str, ...]]:
    """Where in the description: from its root, one for each station of ``*``."""
    parts = tuple(change.text.split("."))
    if parts[0] == "*":
        return [_known(("stations", name, *parts[1:])) for name in data["stations"]]
    if parts[0] in Line.model_fields:
        return [_known(parts)]
    if parts[0] in data["stations"]:
        return [_known(("stations", *parts))]
    hint = did_you_mean(parts[0], [*data["stations"], *Line.model_fields])
    raise ConfigurationError(
        f"no station '{parts[0]}'; {hint}; another station is added as 'stations.{parts[0]}'"
    )


def _known(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path, if a station has such a thing."""
    if path[0] == "stations" and len(path) > 2 and path[2] not in Station.model_fields:
        hint = did_you_mean(path[2], [*Station.model_fields, *FACTORS])
        raise ConfigurationError(f"a station has nothing called '{path[2]}'; {hint}")
    return path


def _apply(data: dict[str, Any], path: tuple[str, ...], change: Change) -> None:
    here: Any = data
    for step in path[:-1]:
        if isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict):
            here = here.setdefault(step, {})
        else:
            raise ConfigurationError(f"leads nowhere: there is nothing called '{step}' in it")
    last: Any = path[-1]
    if isinstance(here, list) and path[-1].isdigit() and int(last) < len(here):
        last = int(last)
    elif not isinstance(here, dict):
        raise ConfigurationError(f"leads nowhere: there is nothing called '{last}' in it")
    factor = change.factor
    if factor is not None:
        there = here[last] if isinstance(last, int) else here.get(last)
        here[last] = _multiplied(there, factor)
    elif change.value is None and isinstance(here, dict):
        if here.pop(last, None) is None and path[0] == "stations" and len(path) == 2:
            raise ConfigurationError(f"no station '{last}' to remove; {did_you_mean(last, here)}")
    else:
        here[last] = change.value


def _multiplied(value: Any, factor: float) -> Any:
    """A number, a duration or a distribution, times a factor."""
    if isinstance(value, bool):
        value = None
    if isinstance(value, int | float):
        product = value * factor
        # 3 crews, 10 % less: a validator says better than we that 2.7 are none.
        return round(product) if isinstance(value, int) and product == int(product) else product
    if isinstance(value, str):
        try:
            return f"{round(parse_duration(value) * factor)} ns"
        except ConfigurationError:
            pass
    if isinstance(value, dict) and any(key in value for key in (*_DURATIONS, "values")):
        return {
            key: [_multiplied(v, factor) for v in inner] if key == "values"
            else _multiplied(inner, factor) if key in _DURATIONS
            else inner
            for key, inner in value.items()
        }  # fmt: skip
    found = "nothing" if value is None else repr(value)[:60]
    raise ConfigurationError(f"a factor multiplies a number or a time, found {found}")


def _blamed(
    error: ValidationError, touched: list[tuple[tuple[str, ...], Change]]
) -> ConfigurationError:
    """The first problem, at the change that is nearest to it."""
    first = problems(error, Line)[0]
    place = tuple(str(p) for p in first.path if p != "[key]")
    best, length = "", 1
    for path, change in touched:
        common = 0
        while common < min(len(path), len(place)) and path[common] == place[common]:
            common += 1
        if common > length or (common == len(path) and common >= length):
            best, length = change.text, common
    if not best and len({change.text for _, change in touched}) == 1:
        best = touched[0][1].text
    return ConfigurationError(f"{'.'.join(place)}: {first.sentence}", best)
