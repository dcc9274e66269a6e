"""Who may do what: people, tokens and sessions of one data folder.

Passwords are kept as scrypt hashes, tokens and sessions as SHA-256; none can be read back. There is
no default password: the first admin comes in through a link that is printed once and works once.
Every request looks here, so that who is removed is out at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gemel.core.errors import ConfigurationError, Refused, Unknown, did_you_mean
from gemel.core.role import ROLES, Role, includes
from gemel.core.time import HOUR, MINUTE, SECOND, Clock

__all__ = ["Access", "Actor", "Token"]

SESSION_LASTS: Final = 12 * HOUR
LINK_LASTS: Final = 15 * MINUTE
TRIES: Final = 5
"""Wrong passwords in a row before a name has to wait."""
WAIT: Final = 30 * SECOND
SHORTEST_PASSWORD: Final = 12
_ID_DIGITS: Final = 12

_SCHEMA: Final = """
create table if not exists person(
    name text primary key, role text not null, password text not null default '') without rowid;
create table if not exists token(
    hash text primary key, kind text not null, name text not null, role text not null,
    expires integer, owner text not null default '') without rowid;
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. The name is written beside everything that is done."""

    name: str
    role: Role

    def may(self, least: Role) -> bool:
        """Whether this role includes `least`."""
        return includes(self.role, least)

    def must(self, least: Role) -> None:
        """Raise `Refused` unless the role includes `least`."""
        if not self.may(least):
            raise Refused(f"this needs the role {least}; {self.name} is {self.role}")


@dataclass(frozen=True, slots=True)
class Token:
    """A program's token, as far as it can be told after it was made."""

    id: str
    """The beginning of its hash."""
    name: str
    role: Role
    owner: str
    """Who made it."""
    expires: int | None
    """ns UTC; None is never."""


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
        columns = {row[1] for row in self._db.execute("pragma table_info(token)")}
        if "owner" not in columns:  # a file from before tokens had an owner
            self._db.execute("alter table token add column owner text not null default ''")
        self._db.execute("delete from token where expires < ?", (clock(),))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # People

    def set_person(self, name: str, role: Role, password: str) -> None:
        """Add a person, or change role and password.

        Ends the person's sessions, and the tokens that the person made and that may do more than
        the new role. Raises `Refused` if there would be no admin any more.
        """
        if not name.strip() or len(name) > 100:
            raise ConfigurationError("a name has 1 to 100 characters")
        if len(password) < SHORTEST_PASSWORD:
            raise ConfigurationError(f"a password has at least {SHORTEST_PASSWORD} characters")
        salt = secrets.token_bytes(16)
        stored = f"{salt.hex()}:{_scrypt(password, salt).hex()}"
        with self._transaction() as db:
            if role != "admin":
                _keep_an_admin(db, name)
            db.execute("insert or replace into person values (?, ?, ?)", (name, role, stored))
            _end_logins(db, name)
            db.executemany(
                "delete from token where kind = 'token' and owner = ? and role = ?",
                [(name, more) for more in ROLES if not includes(role, more)],
            )

    def remove_person(self, name: str) -> None:
        """Remove a person; sessions, and tokens that the person made, end at once.

        Raises `Unknown` if there is none of that name, `Refused` if it is the last admin.
        """
        with self._transaction() as db:
            known = [row[0] for row in db.execute("select name from person")]
            if name not in known:
                raise Unknown(f"no person '{name}'; {did_you_mean(name, known)}")
            _keep_an_admin(db, name)
            db.execute("delete from person where name = ?", (name,))
            _end_logins(db, name)
            db.execute("delete from token where kind = 'token' and owner = ?", (name,))

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

    def token(self, name: str, role: Role, lasts: int | None = None, owner: str = "") -> str:
        """A token for a program; it ends with the person who made it, its `owner`."""
        return self._issue("token", name, role, lasts, owner)

    def tokens(self) -> list[Token]:
        """All tokens that are valid, in order of name."""
        with self._lock:
            rows = self._db.execute(
                "select substr(hash, 1, ?), name, role, owner, expires from token "
                "where kind = 'token' and (expires is null or expires > ?) order by name, hash",
                (_ID_DIGITS, self._clock()),
            ).fetchall()
        return [Token(*row) for row in rows]

    def revoke(self, id: str) -> None:
        """End a token at once. Raises `Unknown` if there is none."""
        with self._lock:
            ended = self._db.execute(
                "delete from token where kind = 'token' and substr(hash, 1, ?) = ?",
                (_ID_DIGITS, id),
            ).rowcount
        if not ended:
            known = ", ".join(f"{t.id} ({t.name})" for t in self.tokens()[:12])
            raise Unknown(f"no token '{id}'; known: {known or 'none'}")

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
        """End a session."""
        with self._lock:
            self._db.execute("delete from token where hash = ?", (_digest(secret),))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:  # which commits, or else rolls back
            self._db.execute("begin immediate")
            yield self._db

    def _issue(self, kind: str, name: str, role: str, lasts: int | None, owner: str = "") -> str:
        secret = secrets.token_urlsafe(32)
        expires = None if lasts is None else self._clock() + lasts
        with self._lock:
            self._db.execute(
                "insert into token(hash, kind, name, role, expires, owner) "
                "values (?, ?, ?, ?, ?, ?)",
                (_digest(secret), kind, name, role, expires, owner),
            )
        return secret


def _end_logins(db: sqlite3.Connection, name: str) -> None:
    db.execute("delete from token where kind in ('session', 'link') and name = ?", (name,))


def _keep_an_admin(db: sqlite3.Connection, name: str) -> None:
    """Raise `Refused` if `name` is the only admin."""
    admins = [row[0] for row in db.execute("select name from person where role = 'admin'")]
    if admins == [name]:
        raise Refused(f"{name} is the last admin; make somebody else admin first")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=64)
