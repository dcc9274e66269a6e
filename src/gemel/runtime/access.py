"""Who may do what: people, tokens and sessions of one data folder.

Roles, each including the ones before it: *viewer* sees, *operator* acknowledges and approves,
*engineer* changes the plant file and limits, *admin* manages access. Passwords are kept as scrypt
hashes, tokens and sessions as SHA-256; none can be read back. There is no default password: the
first admin comes in through a link that is printed once and works once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from gemel.core.errors import ConfigurationError, Refused
from gemel.core.time import HOUR, MINUTE, SECOND, Clock

__all__ = ["ROLES", "Access", "Actor", "Role"]

Role: TypeAlias = Literal["viewer", "operator", "engineer", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

SESSION_LASTS: Final = 12 * HOUR
LINK_LASTS: Final = 15 * MINUTE
TRIES: Final = 5
"""Wrong passwords in a row before a name has to wait."""
WAIT: Final = 30 * SECOND
SHORTEST_PASSWORD: Final = 12

_SCHEMA: Final = """
create table if not exists person(
    name text primary key, role text not null, password text not null default '') without rowid;
create table if not exists token(
    hash text primary key, kind text not null, name text not null, role text not null,
    expires integer) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. The name is written beside everything that is done."""

    name: str
    role: Role

    def may(self, least: Role) -> bool:
        """Whether this role includes `least`."""
        return ROLES.index(self.role) >= ROLES.index(least)

    def must(self, least: Role) -> None:
        """Raise `Refused` unless the role includes `least`."""
        if not self.may(least):
            raise Refused(f"this needs the role {least}; {self.name} is {self.role}")


class Access:
    """The people and tokens of a data folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, tuple[int, int]] = {}
        path = folder / "access.sqlite"
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        path.chmod(0o600)
        self._db.executescript(_SCHEMA)
        self._db.execute("delete from token where expires < ?", (clock(),))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # People

    def first_run(self) -> bool:
        """Whether nobody has a password yet."""
        with self._lock:
            row = self._db.execute("select 1 from person where password != '' limit 1").fetchone()
        return row is None

    def set_person(self, name: str, role: Role, password: str) -> None:
        """Add a person, or change role and password; ends the person's sessions."""
        if not name.strip() or len(name) > 100:
            raise ConfigurationError("a name has 1 to 100 characters")
        if len(password) < SHORTEST_PASSWORD:
            raise ConfigurationError(f"a password has at least {SHORTEST_PASSWORD} characters")
        salt = secrets.token_bytes(16)
        stored = f"{salt.hex()}:{_scrypt(password, salt).hex()}"
        with self._lock:
            self._db.execute("insert or replace into person values (?, ?, ?)", (name, role, stored))
            self._db.execute("delete from token where kind = 'session' and name = ?", (name,))

    def people(self) -> list[Actor]:
        """Everybody who may log in."""
        with self._lock:
            rows = self._db.execute("select name, role from person order by name").fetchall()
        return [Actor(*row) for row in rows]

    def log_in(self, name: str, password: str) -> str:
        """A new session's secret. Raises `Refused`; after some failures the name has to wait."""
        now = self._clock()
        with self._lock:
            count, since = self._failed.get(name, (0, now))
            if count >= TRIES and now - since < WAIT:
                raise Refused("too many wrong passwords; wait half a minute and try again")
            row = self._db.execute(
                "select role, password from person where name = ?", (name,)
            ).fetchone()
        role, stored = row if row is not None else ("viewer", "")
        salt, _, wanted = (stored or f"{'00' * 16}:{'00' * 64}").partition(":")
        # The same work is done for a name that does not exist, so that time tells nothing.
        given = _scrypt(password, bytes.fromhex(salt)).hex()
        if row is None or not stored or not hmac.compare_digest(given, wanted):
            with self._lock:
                if len(self._failed) > 10_000:
                    self._failed.clear()
                self._failed[name] = (count + 1, now)
            raise Refused("name or password is wrong")
        self._failed.pop(name, None)
        return self._issue("session", name, role, SESSION_LASTS)

    # Links, sessions, tokens

    def link(self, name: str = "admin", role: Role = "admin") -> str:
        """A secret that logs in once."""
        return self._issue("link", name, role, LINK_LASTS)

    def follow(self, secret: str) -> str:
        """Turn a link's secret into a session's; the link is used up. Raises `Refused`."""
        with self._lock:
            row = self._db.execute(
                "delete from token where hash = ? and kind = 'link' and expires > ? "
                "returning name, role",
                (_digest(secret), self._clock()),
            ).fetchone()
        if row is None:
            raise Refused("this link was used before, or is too old; start Gemel again for another")
        return self._issue("session", row[0], row[1], SESSION_LASTS)

    def token(self, name: str, role: Role, lasts: int | None = None) -> str:
        """A token for a program."""
        return self._issue("token", name, role, lasts)

    def who(self, secret: str) -> Actor | None:
        """Whose session or token a secret is; None if it is nobody's, or too old."""
        with self._lock:
            row = self._db.execute(
                "select name, role, expires from token where hash = ? and kind != 'link'",
                (_digest(secret),),
            ).fetchone()
        if row is None or (row[2] is not None and row[2] <= self._clock()):
            return None
        return Actor(row[0], row[1])

    def end(self, secret: str) -> None:
        """End a session, or revoke a token."""
        with self._lock:
            self._db.execute("delete from token where hash = ?", (_digest(secret),))

    def _issue(self, kind: str, name: str, role: str, lasts: int | None) -> str:
        secret = secrets.token_urlsafe(32)
        expires = None if lasts is None else self._clock() + lasts
        with self._lock:
            self._db.execute(
                "insert into token values (?, ?, ?, ?, ?)",
                (_digest(secret), kind, name, role, expires),
            )
        return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=64)
