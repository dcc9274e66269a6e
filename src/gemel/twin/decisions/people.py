"""Who decides. Doors find out who somebody is; here it is only asked what that person may."""

from __future__ import annotations

from typing import Final, Protocol

from gemel.core.errors import Refused

__all__ = ["ROLES", "SYSTEM", "Actor", "must"]

ROLES: Final = ("viewer", "operator", "engineer", "admin")
"""From the least to the most."""

SYSTEM: Final = "gemel"
"""Name of the actor where the twin itself acts: read-back, expiry, reverts."""


class Actor(Protocol):
    """A person who was recognised."""

    @property
    def name(self) -> str:
        """Stands in the journal beside everything that this person does."""
        ...

    @property
    def role(self) -> str:
        """One of `ROLES`."""
        ...


def must(actor: Actor, least: str, what: str) -> None:
    """Raise `Refused` unless the actor's role includes `least`; an unknown role includes none."""
    if actor.role not in ROLES or ROLES.index(actor.role) < ROLES.index(least):
        raise Refused(f"to {what} needs the role {least}; {actor.name} is {actor.role}")
    if not actor.name or actor.name == SYSTEM:
        raise Refused(f"to {what} needs a person's name, found '{actor.name}'")
