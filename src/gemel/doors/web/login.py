"""The login page: a plain form, and what the one-time link is."""

from __future__ import annotations

from collections.abc import Mapping

from gemel.doors.web.markup import h, label
from gemel.doors.web.statics import head

__all__ = ["page"]

_SAID = {
    "wrong": "Name or password is wrong. After five wrong tries a name has to wait half a minute.",
    "used": "This link was used before, or is too old. Start Gemel again for another.",
}


def page(query: Mapping[str, str]) -> str:
    """The whole document."""
    said = next((text for name, text in _SAID.items() if name in query), None)
    form = h(
        "form",
        label("Name", "name", required=True, autocomplete="username", autofocus=True),
        label("Password", "password", type="password", required=True,
              autocomplete="current-password"),
        h("button", "Log in", type="submit", cls="first"),
        method="post",
        action="/api/login",
    )  # fmt: skip
    content = h(
        "main",
        h(
            "section",
            h("h1", "Gemel"),
            h("p", "A factory and its twin that move together.", cls="quiet"),
            h("p", said, cls="wrong", role="alert") if said else None,
            form,
            h(
                "p",
                "The first time there is no password: ",
                h("code", "gemel run"),
                " prints a link that logs in once, within 15 minutes. "
                "An admin then gives people their names and passwords.",
                cls="quiet",
            ),
            cls="panel",
        ),
        cls="login",
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Log in · Gemel</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{head(moving=False)}</head><body>{content}</body></html>"
    )
