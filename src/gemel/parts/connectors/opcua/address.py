"""Addresses: how the plant file names a node, and which node that is on the server now.

    nsu=http://example.org/bottling/;s=Line2.Filler.Speed     namespace by its URI
    ns=0;i=2258  or  i=2258                                   the standard namespace
    /Line2/Filler/Speed                                       browse names from Objects

A namespace's index changes when a server is configured anew, its URI does not. So an index is never
stored, and `ns=2;…` is refused.
"""

from __future__ import annotations

import re
import uuid
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from gemel.core.errors import ConfigurationError, did_you_mean

__all__ = ["Address", "parse", "text_of"]

_FORM = re.compile(
    r"(?:nsu=(?P<uri>.+?);|ns=(?P<index>\d+);)?(?P<kind>[isgb])=(?P<id>.+)", re.DOTALL
)
_CALL = ";call"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a value lies: a node of a namespace, or a way through the folders."""

    uri: str = ""
    identifier: Any = None
    steps: tuple[str, ...] = ()
    call: bool = False
    """The node is a method that takes the value as its argument."""

    def node_id(self, namespaces: Sequence[str]) -> Any:
        """The node on a server with this namespace table. Raises `ConfigurationError`."""
        if not self.uri:
            return ua.NodeId(self.identifier, 0)
        try:
            index = namespaces.index(self.uri)
        except ValueError:
            raise ConfigurationError(
                f"the server has no namespace '{self.uri}'; {did_you_mean(self.uri, namespaces)}"
            ) from None
        return ua.NodeId(self.identifier, index)


def parse(text: str) -> Address:
    """Read an address. Raises `ConfigurationError` that says what would work."""
    call = text.endswith(_CALL)
    body = text.removesuffix(_CALL)
    if body.startswith("/"):
        steps = tuple(step for step in body.split("/") if step)
        steps = steps[1:] if steps[:1] == ("Objects",) else steps
        if not steps:
            raise ConfigurationError(f"'{text}' names no node; write e.g. '/Line2/Filler/Speed'")
        return Address(steps=steps, call=call)
    match = _FORM.fullmatch(body)
    if match is None:
        raise ConfigurationError(
            f"'{text}' is not an OPC UA address; write 'nsu=<namespace URI>;s=<identifier>', "
            "'i=2258' or '/Folder/Object/Variable'"
        )
    if match["index"] not in (None, "0"):
        raise ConfigurationError(
            f"'{text}' names its namespace by an index, which changes with the server's "
            "configuration; write 'nsu=<namespace URI>;…' instead"
        )
    uri = (match["uri"] or "").replace("%3B", ";").replace("%25", "%")
    try:
        identifier = _identifier(match["kind"], match["id"])
    except ValueError:
        raise ConfigurationError(
            f"'{text}': '{match['id']}' is not a valid identifier of kind '{match['kind']}='"
        ) from None
    return Address(uri=uri, identifier=identifier, call=call)


def text_of(node_id: Any, namespaces: Sequence[str]) -> str:
    """The address to write down for a node."""
    kind, identifier = "i", node_id.Identifier
    if isinstance(identifier, uuid.UUID):
        kind = "g"
    elif isinstance(identifier, bytes):
        kind, identifier = "b", b64encode(identifier).decode()
    elif isinstance(identifier, str):
        kind = "s"
    if node_id.NamespaceIndex == 0:
        return f"{kind}={identifier}"
    uri = namespaces[node_id.NamespaceIndex].replace("%", "%25").replace(";", "%3B")
    return f"nsu={uri};{kind}={identifier}"


def _identifier(kind: str, text: str) -> Any:
    if kind == "i":
        return int(text)
    if kind == "g":
        return uuid.UUID(text)
    if kind == "b":
        return b64decode(text, validate=True)
    return text
