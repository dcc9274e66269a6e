"""The errors of the platform, one type per thing that the caller can do about it.

    GemelError
    ├── ConfigurationError      mend the plant file, a setting or an argument
    │   ├── Unknown             nothing has this name: ask for another
    │   └── Infeasible          what is asked for contradicts itself: give up one of the conflict
    ├── Refused                 not allowed: by role, by the envelope, by the state of things
    ├── DataError               this piece of data is unusable: count it, keep the rest
    │   └── Damaged             stored data fail their check: quarantine, refetch
    └── Unavailable             not now: wait and try again
        └── StorageFull         no room: stop telemetry, keep mirror, alarms and commands

A message says where, what was found, what was expected and what would work.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ConfigurationError",
    "Damaged",
    "DataError",
    "GemelError",
    "Infeasible",
    "Refused",
    "StorageFull",
    "Unavailable",
    "Unknown",
    "did_you_mean",
]


class GemelError(Exception):
    """Base of all errors that Gemel raises on purpose."""


class ConfigurationError(GemelError):
    """Something a person wrote cannot be used; the message says how to mend it.

    `where` is the place, e.g. ``plant.yaml:41``, and stands in front of the message.
    """

    def __init__(self, message: str, where: str = "") -> None:
        self.where = where
        self.message = message
        super().__init__(f"{where}: {message}" if where else message)

    def at(self, where: str) -> ConfigurationError:
        """The same error with its place put in front, unless it already has one."""
        return self if self.where else type(self)(self.message, where)


class Unknown(ConfigurationError):
    """There is nothing of the name that was asked for; the message names the nearest."""


class Infeasible(ConfigurationError):
    """No plan obeys all rules; `conflict` names some that cannot hold together."""

    def __init__(self, message: str, conflict: tuple[str, ...] = (), where: str = "") -> None:
        self.conflict = conflict
        super().__init__(message, where)

    def at(self, where: str) -> Infeasible:
        return self if self.where else Infeasible(self.message, self.conflict, where)


class Refused(GemelError):
    """The request was understood and is not allowed; the message says by what."""


class DataError(GemelError):
    """A frame, payload or file cannot be used; others are not affected."""


class Damaged(DataError):
    """Stored bytes fail their check."""


class Unavailable(GemelError):
    """A peer or resource does not answer now; trying again later is right."""


class StorageFull(Unavailable):
    """The disk has no room for more."""


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown name: the nearest known one, or all of a few.

    >>> did_you_mean("deadbnd", ["deadband", "resample"])
    "did you mean 'deadband'?"
    >>> did_you_mean("x", ["deadband", "resample"])
    'known: deadband, resample'
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(found, names, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    shown = ", ".join(names[:12]) or "none"
    return f"known: {shown}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")
