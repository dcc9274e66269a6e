"""Who decides. Doors find out who somebody is; here it is only asked what that person may."""

from __future__ import annotations

from typing import Final, Protocol

from gemel.core.errors import Refused
from gemel.core.role import Role, includes

__all__ = ["SYSTEM", "Actor", "must"]

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
        """One of `gemel.core.role.ROLES`."""
        ...


def must(actor: Actor, least: Role, what: str) -> None:
    """Raise `Refused` unless the actor's role includes `least`; an unknown role includes none."""
    if not includes(actor.role, least):
        raise Refused(f"to {what} needs the role {least}; {actor.name} is {actor.role}")
    if not actor.name or actor.name == SYSTEM:
        raise Refused(f"to {what} needs a person's name, found '{actor.name}'")
