"""Roles: what somebody may do. Each includes the ones before it.

*viewer* sees, *operator* acknowledges and approves, *engineer* changes the plant file and limits,
*admin* gives people and programs access.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

__all__ = ["ROLES", "Approver", "Role", "includes"]

Role: TypeAlias = Literal["viewer", "operator", "engineer", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""From the least to the most."""

Approver: TypeAlias = Literal["operator", "engineer", "admin"]
"""The roles that may approve a command."""


def includes(role: str, least: Role) -> bool:
    """Whether `role` includes `least`; an unknown one includes none.

    >>> includes("engineer", "operator"), includes("viewer", "operator"), includes("?", "viewer")
    (True, False, False)
    """
    return role in ROLES and ROLES.index(role) >= ROLES.index(least)
