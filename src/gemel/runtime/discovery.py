"""From an address to a plant file: which connector looks, and how what it found is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from gemel.core.errors import ConfigurationError
from gemel.core.time import duration_text
from gemel.parts.connectors import CONNECTORS
from gemel.parts.connectors.base import Found, FoundAsset, FoundCommand, FoundSignal
from gemel.runtime.clock import system_clock

__all__ = ["discover", "plant_file"]


async def discover(target: str, progress: Callable[[str], Any]) -> Found:
    """Let the connector that knows `target` look at it. Raises `ConfigurationError`."""
    return await CONNECTORS.load(_kind_for(target)).discover(target, system_clock, progress)


def _kind_for(target: str) -> str:
    scheme, separator, _ = target.partition("://")
    if not separator:
        suffixes = _by_word("suffixes")
        return suffixes[max((s for s in suffixes if target.lower().endswith(s)), key=len)]
    schemes = _by_word("schemes")
    if scheme.lower() in schemes:
        return schemes[scheme.lower()]
    known = ", ".join(f"{s}://" for s in sorted(schemes))
    raise ConfigurationError(
        f"nothing here can look at '{scheme}://'; known: {known}, and CSV or Parquet files"
    )


def _by_word(attribute: str) -> dict[str, str]:
    declared = CONNECTORS.declared(attribute).items()
    return {word: kind for kind, words in declared for word in words}


def plant_file(found: Found, target: str) -> str:
    """The text of a plant file, ordered and commented for people."""
    name = "line" if found.settings.get("kind") != "files" else "recording"
    lines = [
        "# Plant file of Gemel, written by `gemel discover`.",
        f"# Source: {target}",
    ]
    lines += [f"# {note}" for note in found.notes]
    lines += ["", "format: 1", ""]
    if found.site:
        lines += [*_block({"plant": found.site}, 0), ""]
    lines += [*_block({"connectors": {name: found.settings}}, 0), ""]
    lines.append("assets:" if found.assets else "assets: {}")
    for asset in found.assets:
        lines += [*_asset(asset, name), ""]
    return "\n".join(lines).rstrip() + "\n"


def _asset(asset: FoundAsset, connector: str) -> list[str]:
    lines = []
    if asset.why:
        lines.append(f"  # {asset.why}")
    lines.append(f"  {_scalar(asset.path)}:")
    given = {"title": asset.title, "level": asset.level, "type": asset.type}
    head: dict[str, Any] = {key: value for key, value in given.items() if value}
    if asset.signals:
        head["connector"] = connector
    lines += _block(head, 4)
    if asset.signals:
        lines.append("    signals:")
        for signal in asset.signals:
            lines += _signal(signal)
    if asset.commands:
        lines.append("    commands: # disarmed until a person sets 'armed: true' and limits")
        for command in asset.commands:
            lines += _command(command)
    return lines


def _signal(signal: FoundSignal) -> list[str]:
    values: dict[str, Any] = {}
    if signal.title and signal.title != signal.key:
        values["title"] = signal.title
    if signal.type != "number":
        values["type"] = signal.type
    if signal.unit:
        values["unit"] = signal.unit
    if signal.range is not None:
        values["range"] = list(signal.range)
    if signal.labels:
        values["labels"] = dict(signal.labels)
    if signal.role:
        values["role"] = signal.role
    if signal.sample:
        values["sample"] = duration_text(signal.sample)
    values["address"] = signal.address
    why = ""
    if signal.role and signal.why:
        why = f" # {signal.role}, {signal.confidence:.0%} sure: {signal.why}"
    elif signal.why:
        why = f" # {signal.why}"
    return [f"      {_scalar(signal.key)}:{why}", *_block(values, 8)]


def _command(command: FoundCommand) -> list[str]:
    values: dict[str, Any] = {"signal": command.signal, "armed": False}
    if command.address:
        values["address"] = command.address
    if command.low is not None and command.high is not None:
        values["envelope"] = {"low": command.low, "high": command.high}
    why = f" # {command.why}" if command.why else ""
    return [f"      {_scalar(command.key)}:{why}", *_block(values, 8)]


def _block(values: dict[str, Any], indent: int) -> list[str]:
    """Block YAML; short sequences and flat mappings of words stay on their line."""
    lines = []
    pad = " " * indent
    for key, value in values.items():
        if isinstance(value, dict) and value and not _flat(value):
            lines.append(f"{pad}{_scalar(key)}:")
            lines += _block(value, indent + 2)
        elif isinstance(value, dict):
            inner = ", ".join(f"{_scalar(k)}: {_scalar(v)}" for k, v in value.items())
            lines.append(f"{pad}{_scalar(key)}: {{{inner}}}")
        elif isinstance(value, list | tuple):
            inner = ", ".join(_scalar(v) for v in value)
            lines.append(f"{pad}{_scalar(key)}: [{inner}]")
        else:
            lines.append(f"{pad}{_scalar(key)}: {_scalar(value)}")
    return lines


def _flat(value: dict[Any, Any]) -> bool:
    plain = all(not isinstance(v, dict | list | tuple) for v in value.values())
    return (
        plain
        and sum(len(str(k)) + len(str(v)) + 4 for k, v in value.items()) < 70
        and all(isinstance(k, int) or isinstance(v, float | int) for k, v in value.items())
    )


def _scalar(value: Any) -> str:
    """One value as YAML 1.2 text on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value)) + ".0"
    if isinstance(value, int | float):
        return repr(value)
    text = yaml.safe_dump(
        str(value), allow_unicode=True, width=2**31, default_flow_style=True, explicit_end=False
    )
    text = text.removesuffix("\n...\n").rstrip("\n")
    unsafe = any(c in text for c in ",[]{}#:") and text[:1] not in "'\""
    return "'" + str(value).replace("'", "''") + "'" if unsafe else text
