"""Who may come in and what they may write: user names, writable setpoints, ranges."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AddressSpace, AttributeService
from asyncua.server.user_managers import UserManager

#: Takes a node id and a value; returns the status the client gets.
OnWrite = Callable[[ua.NodeId, float], Awaitable[ua.StatusCode]]


class Users(UserManager):  # type: ignore[misc]  # asyncua has no types
    """Lets in the named users only, or anyone when no user is named; nobody is administrator."""

    def __init__(self, users: tuple[tuple[str, str], ...]) -> None:
        self._users = dict(users)

    def get_user(
        self,
        iserver: Any,
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,
    ) -> User | None:
        del iserver, certificate
        if not self._users:
            return User(role=UserRole.User)
        known = self._users.get(username or "")
        if known is None or not hmac.compare_digest(known.encode(), (password or "").encode()):
            return None
        return User(role=UserRole.User, name=username)


class GuardedAttributes(AttributeService):  # type: ignore[misc]  # asyncua has no types
    """The write service of the plant.

    asyncua would store any value of the right type and answer BadUserAccessDenied for a read-only
    variable. A machine refuses what it cannot do, and the reason must reach the client.
    """

    def __init__(self, space: AddressSpace, writable: set[ua.NodeId], on_write: OnWrite) -> None:
        super().__init__(space)
        self._space = space
        self._writable = writable
        self._on_write = on_write

    async def write(
        self,
        params: ua.WriteParameters,
        user: User = User(role=UserRole.Admin),  # noqa: B008 - as in the base class
    ) -> list[ua.StatusCode]:
        if user.role == UserRole.Admin:
            results: list[ua.StatusCode] = await super().write(params, user)
            return results
        return [await self._write_one(item) for item in params.NodesToWrite]

    async def _write_one(self, item: ua.WriteValue) -> ua.StatusCode:
        if item.NodeId not in self._space:
            return ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown)
        if item.AttributeId != ua.AttributeIds.Value or item.NodeId not in self._writable:
            return ua.StatusCode(ua.StatusCodes.BadNotWritable)
        variant = item.Value.Value
        if variant is None or variant.is_array or variant.VariantType != ua.VariantType.Double:
            return ua.StatusCode(ua.StatusCodes.BadTypeMismatch)
        return await self._on_write(item.NodeId, variant.Value)
