"""The leave without which nothing is sent, and what makes one."""

from __future__ import annotations

from typing import Any, Final, NoReturn, SupportsIndex, final
from weakref import WeakKeyDictionary

from gemel.core.envelope.situation import Setting

__all__ = ["Permit", "is_intact", "seal"]


@final
class Permit:
    """Leave to write one value, or to make one call, once. Only an envelope makes one.

    It is valid only as the very object that was made, unaltered and before `expires`: there is no
    way to construct, copy or pickle one, and `is_intact` sees through an object that was forged or
    altered behind the language's back. Who forgets it, loses it: it does not survive the process.
    """

    __slots__ = (
        "__weakref__", "address", "command", "command_id", "connector", "expires", "value",
    )  # fmt: skip

    command_id: str
    command: str
    connector: str
    address: str
    value: Setting
    expires: int

    def __init__(self) -> None:
        self._deny()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Permit cannot be altered")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Permit cannot be altered")

    def __copy__(self) -> NoReturn:
        self._deny()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self._deny()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        self._deny()

    def __repr__(self) -> str:
        return f"<Permit {self.command_id}: {self.value!r} to {self.address}>"

    @staticmethod
    def _deny() -> NoReturn:
        raise TypeError("a Permit comes from an envelope alone")


_TERMS: Final = ("command_id", "command", "connector", "address", "value", "expires")
_sealed: Final[WeakKeyDictionary[Permit, tuple[Any, ...]]] = WeakKeyDictionary()


def is_intact(permit: object) -> bool:
    """Whether this is a Permit that the envelope made, as it made it."""
    if type(permit) is not Permit or permit not in _sealed:
        return False
    return _terms(permit) == _sealed[permit]


def _terms(permit: Permit) -> tuple[Any, ...]:
    # With the type, since True equals 1 and is another thing to write.
    return (*(getattr(permit, name, None) for name in _TERMS), type(permit.value))


def seal(
    command_id: str, command: str, connector: str, address: str, value: Setting, expires: int
) -> Permit:
    """The permit of these terms. For the envelopes of this folder, which have judged them; that
    nobody else imports this is checked (`Only an envelope permits`)."""
    permit = object.__new__(Permit)
    for name, term in zip(
        _TERMS, (command_id, command, connector, address, value, expires), strict=True
    ):
        object.__setattr__(permit, name, term)
    _sealed[permit] = _terms(permit)
    return permit
