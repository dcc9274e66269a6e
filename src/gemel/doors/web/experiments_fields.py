"""Fields that the forms of experiments share, and what was written into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemel.client.asynchronous import Plain
from gemel.core.errors import ConfigurationError
from gemel.doors.web.experiment_pictures import MEASURES
from gemel.doors.web.markup import Child, Html, h, label

__all__ = [
    "as_text", "chosen", "common", "factors_of", "files", "how", "number", "said", "select",
    "with_text",
]  # fmt: skip

_HOURS, _MINUTES = "8", "10"
_KINDS = ".yaml,.yml,.json"


def files(text: str, name: str, *, multiple: bool = False) -> Html:
    """A choice of files; their names and texts come with the form."""
    return label(text, name, None, type="file", accept=_KINDS, multiple=multiple)


def chosen(told: Mapping[str, Any], name: str) -> dict[str, str]:
    """Texts of the files that were chosen, by name."""
    found = told.get(name)
    return {str(one["name"]): str(one["text"]) for one in found} if isinstance(found, list) else {}


def with_text(told: Plain) -> Plain:
    """The same where `text` is that of the file that was chosen for it, `named` as it is."""
    given = chosen(told, "asked")
    if not given:
        return {**told, "named": "text"}
    if said(told, "text"):
        raise ConfigurationError("write it or choose a file that says it, not both")
    (name, text), *_ = given.items()
    return {**told, "text": text, "named": name}


def factors_of(told: Plain, count: int) -> dict[str, Any]:
    """By path, a range or a list of values."""
    factors: dict[str, Any] = {}
    for i in range(count):
        if not (path := said(told, f"path{i}")):
            continue
        least, most = said(told, f"from{i}"), said(told, f"to{i}")
        if most:
            factors[path] = {"from": _value(least), "to": _value(most)}
        else:
            factors[path] = [_value(one) for one in least.split(",") if one.strip()]
    return factors


def common(told: Plain) -> Plain:
    """What is at its best, and how long it is played."""
    found: Plain = {}
    if objective := said(told, "objective"):
        found["objective"] = objective
    hours = said(told, "hours") or ("" if said(told, "text") else _HOURS)
    if hours:
        found["play"] = {"horizon": f"{number(hours, 'Hours'):g} h"}
    return found


def said(told: Mapping[str, Any], key: str) -> str:
    """What stands in a field."""
    return str(told.get(key, "")).strip()


def number(text: str, what: str) -> float:
    """Raises `ConfigurationError` for what is none."""
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{what}: '{text}' is no number") from None


def _value(text: str) -> Any:
    """A number, or a text such as '2 min' or '*0.9'."""
    text = text.strip()
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text in ("none", "~") else text


def how(seen: bool, stopped: list[Plain]) -> list[Child]:
    """What is asked, for how long, and where it begins."""
    fields: list[Child] = [
        select("Should be at its best", "objective", [("", "Good parts per hour"),
                *((k, v) for k, v in MEASURES.items() if k != "good_parts_per_hour")], "Objective"),
        label("Hours in each replication", "hours", type="number", min=0.1, max=8760, step="any",
              placeholder=_HOURS),
        label("At most so long, min", "minutes", _MINUTES, type="number", min=0.1, step="any"),
        label("Title", "title", placeholder="for the list below", maxlength=200),
    ]  # fmt: skip
    if seen:
        fields.append(label("Begin with the line as it is now", "now", "on", type="checkbox"))
    fields += [
        label(f"Repair of {station['title']} still takes", f"repair:{station['name']}",
              placeholder="as usual, or e.g. 40 min", maxlength=40)
        for station in stopped
    ]  # fmt: skip
    return fields


def as_text(told: str, hint: str) -> Html:
    """The same as YAML, written or as a file."""
    return h(
        "details", h("summary", "More, as in a file for gemel whatif", cls="link"),
        h("label", told,
          h("textarea", name="text", rows=8, placeholder=hint, spellcheck="false")),
        files("Or a file that says it", "asked"),
    )  # fmt: skip


def select(text: str, name: str, options: Any, spoken: str) -> Html:
    """A choice of one."""
    chosen = [h("option", title, value=value) for value, title in options]
    return h("label", text, h("select", chosen, name=name, aria_label=spoken))
