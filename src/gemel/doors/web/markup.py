"""HTML from plain values: everything is text and is escaped, unless it was made here.

>>> h("b", "a < b", title='"')
'<b title="&quot;">a &lt; b</b>'
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeAlias

from gemel.core.errors import ConfigurationError
from gemel.core.time import duration_text, parse_time

__all__ = [
    "Child", "Html", "ago", "button", "clock", "data", "figure", "form", "h", "join", "label",
    "lasts", "many", "moment", "panel", "table", "words",
]  # fmt: skip

_VOID = {"input", "br", "hr", "img"}


class Html(str):
    """Markup that was built from escaped text."""

    __slots__ = ()


Child: TypeAlias = "str | int | float | Html | Iterable[Child] | None"


def h(tag: str, *children: Child, **attributes: Any) -> Html:
    """An element. ``cls`` is the class, ``data_x`` is ``data-x``; None and False are left out."""
    given = "".join(
        f' {_name(name)}="{html.escape(str(value))}"' if value is not True else f" {_name(name)}"
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{join(*children)}</{tag}>")


def _name(name: str) -> str:
    return "class" if name == "cls" else name.rstrip("_").replace("_", "-")


def join(*children: Child) -> Html:
    """Children one after the other; text is escaped, None is nothing."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, (str, int, float)):
            parts.append(html.escape(str(child)))
        else:
            parts.append(join(*child))
    return Html("".join(parts))


def panel(title: Child, *body: Child, aside: Child = None, **attributes: Any) -> Html:
    """A panel with its title."""
    end = h("span", aside, cls="end") if aside else None
    return h(
        "section",
        h("div", h("h2", title), end, cls="title"),
        h("div", *body, cls="body"),
        **{"cls": "panel", **attributes},
    )


def table(
    heads: Iterable[str], rows: Iterable[Iterable[Child]], numeric: Iterable[int] = ()
) -> Html:
    """A table that becomes a list on a phone; columns in `numeric` stand right."""
    names, right = tuple(heads), set(numeric)

    def cell(tag: str, i: int, content: Child) -> Html:
        name = names[i] if tag == "td" and i else None  # the first says what it is
        return h(tag, content, cls="n" if i in right else None, data_name=name or None)

    return h(
        "div",
        h(
            "table",
            h("thead", h("tr", [cell("th", i, name) for i, name in enumerate(names)])),
            h("tbody", [h("tr", [cell("td", i, c) for i, c in enumerate(row)]) for row in rows]),
            cls="rows fold",
        ),
        cls="scroll",
    )


def button(text: str, action: str, first: bool = False, **values: Any) -> Html:
    """A button that tells the server `action` with `values`."""
    data = {f"data_{name}": value for name, value in values.items()}
    cls = "first" if first else None
    return h("button", text, type="button", cls=cls, data_action=action, **data)


def form(
    action: str, *children: Child, stay: bool = False, submit: str = "", **values: Any
) -> Html:
    """A form whose fields the server gets under `action`; `submit` names what happens."""
    data = {f"data_{name}": value for name, value in values.items()}
    send = h("button", submit, type="submit", cls="first", data_stay=stay) if submit else None
    return h("form", *children, h("div", send, cls="buttons") if send else None,
             data_action=action, **data)  # fmt: skip


def label(text: str, name: str, value: Any = "", **attributes: Any) -> Html:
    """A text field with its name above it."""
    return h("label", text, h("input", name=name, value=value, **attributes))


def data(value: Any) -> str:
    """Plain data for a data attribute."""
    return json.dumps(value, ensure_ascii=False)


def words(path: str) -> str:
    """The last part of a path, as words.

    >>> words("line2/filler/fill_level")
    'fill level'
    """
    return path.rpartition("/")[2].replace("_", " ")


def figure(value: Any) -> str:
    """A number as people read it: few digits, thin spaces, a real minus."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return str(value)
    size = abs(value)
    if isinstance(value, int) or float(value).is_integer() or size >= 1_000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.{1 if size >= 100 else 2 if size >= 1 else 3}f}".rstrip("0").rstrip(".")
    return text.replace(",", "\u2009").replace("-", "−")


def many(count: int, name: str) -> str:
    """A count with its word.

    >>> many(1, "gap"), many(3, "gap")
    ('1 gap', '3 gaps')
    """
    return f"{figure(count)} {name}" if count == 1 else f"{figure(count)} {name}s"


def moment(value: Any) -> int | None:
    """Nanoseconds of a time that the API gives as ISO 8601 text or as ns; None if it gives none."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return int(value)
    try:
        return parse_time(str(value))
    except ConfigurationError:
        return None


def clock(value: Any, local: tzinfo, now: Any = None) -> str:
    """A time of day in the plant's zone, with the date if it is not today's."""
    time = moment(value)
    if time is None:
        return "—"
    there = datetime.fromtimestamp(time / 1e9, UTC).astimezone(local)
    today = moment(now)
    if today is not None:
        here = datetime.fromtimestamp(today / 1e9, UTC).astimezone(local)
        if here.date() == there.date():
            return there.strftime("%H:%M:%S")
    return there.strftime("%d %b %H:%M:%S").lstrip("0")


def ago(seconds: float) -> str:
    """A duration as people say it, rounded.

    >>> ago(0.24), ago(38), ago(4000)
    ('0.2 s', '38 s', '67 min')
    """
    if seconds < 1:
        return f"{max(0.0, seconds):.1f} s"
    for size, unit, most in ((1, "s", 90), (60, "min", 90), (3_600, "h", 48)):
        if seconds < size * most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def lasts(value: Any) -> str:
    """A duration that the API gives in ns or as text."""
    return duration_text(int(value)) if isinstance(value, (int, float)) else str(value)
