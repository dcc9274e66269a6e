"""`gemel people` and `gemel tokens`, as a person types them in a data folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gemel.core.errors import ConfigurationError, Refused, Unknown
from gemel.doors.cli.main import app
from gemel.runtime.access import Access, Actor

PASSWORD = "a long enough password\n"


def gemel(*arguments: str, folder: Path, typed: str = "") -> str:
    done = CliRunner().invoke(app, [*arguments, "--data", str(folder)], input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_people_are_set_listed_and_removed(tmp_path: Path) -> None:
    for name, role in (("ada", "admin"), ("eva", "operator")):
        gemel("people", "set", name, "--role", role, folder=tmp_path, typed=PASSWORD)
    told = json.loads(gemel("people", "list", "--json", folder=tmp_path))
    assert told == [{"name": "ada", "role": "admin"}, {"name": "eva", "role": "operator"}]
    assert "operator" in gemel("people", "list", folder=tmp_path)
    gemel("people", "remove", "eva", folder=tmp_path)
    with pytest.raises(Unknown, match="no person 'eva'"):
        gemel("people", "remove", "eva", folder=tmp_path)
    with pytest.raises(Refused, match="last admin"):
        gemel("people", "remove", "ada", folder=tmp_path)


def test_tokens_are_made_listed_and_revoked(tmp_path: Path) -> None:
    access = Access(tmp_path, lambda: 10**18)  # a daemon that runs there
    arguments = ("tokens", "make", "gateway 7", "--role", "operator", "--lasts", "90d")
    secret = gemel(*arguments, folder=tmp_path).strip()
    assert access.who(secret) == Actor("gateway 7", "operator")
    (token,) = json.loads(gemel("tokens", "list", "--json", folder=tmp_path))
    assert (token["name"], token["owner"]) == ("gateway 7", "local")
    assert secret not in str(token)
    gemel("tokens", "revoke", token["id"], folder=tmp_path)
    assert access.who(secret) is None
    assert gemel("tokens", "list", folder=tmp_path) == ""
    access.close()


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no data folder"):
        gemel("people", "list", folder=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
