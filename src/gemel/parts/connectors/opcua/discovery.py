"""Discovery: from an address to a proposed plant file.

    connect → walk → look at values twice → describe what matters → see how often it changes →
    group into assets → guess

The same server gives the same proposal: what changes while discovery looks decides only which of
many plain variables without unit, range and telling name are process data.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from gemel.core.errors import ConfigurationError
from gemel.core.time import SECOND, Clock, duration_text
from gemel.parts.connectors.base import Found, Progress
from gemel.parts.connectors.opcua.arrange import arrange
from gemel.parts.connectors.opcua.browse import walk
from gemel.parts.connectors.opcua.describe import look, look_closer
from gemel.parts.connectors.opcua.link import Access, connect, endpoints_of
from gemel.parts.connectors.opcua.observe import observe
from gemel.parts.connectors.opcua.security import Trust, is_loopback, own_identity

__all__ = ["discover"]

PASSWORD_ENV: Final = "GEMEL_OPCUA_PASSWORD"  # noqa: S105 - the name of a variable
_NO_SECURITY: Final = "http://opcfoundation.org/UA/SecurityPolicy#None"


async def discover(
    target: str, clock: Clock, progress: Progress, folder: Path | None = None
) -> Found:
    """See `OpcUa.discover`."""
    url, user, policy = _read_target(target)
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="gemel-discover-") as scratch:
        access = await _access(url, user, policy, folder or Path(scratch), folder is None, notes)
        started = clock()

        async def tell(text: str) -> None:
            answer = progress(text)
            if inspect.isawaitable(answer):
                await answer

        await tell(f"connecting to {url}")
        async with connect(access) as link:
            walked = await walk(link, tell)
            await tell(f"reading {len(walked.variables)} variables twice")
            candidates, refused = await look(link, walked.variables)
            arrangement = arrange(walked, candidates)
            await tell(f"describing {len(arrangement.chosen)} signals")
            await look_closer(link, arrangement.chosen)
            all_observed = await observe(link, arrangement.chosen, tell)
            assets, site = arrangement.assets(link.namespaces)
            requests, protection = link.requests, link.policy
    seconds = (clock() - started) / SECOND
    notes.append(
        f"load: {requests} requests for {walked.nodes} nodes in {seconds:.1f} s, read only"
    )
    if access.trust.fingerprint:
        notes.append(f"connection: {protection}; server certificate {access.trust.fingerprint}")
    notes += [f"left out: {count} {reason}" for reason, count in sorted(refused.items())]
    notes += arrangement.notes
    if walked.skipped:
        notes.append("not looked into: " + ", ".join(sorted(set(walked.skipped))))
    truncated = walked.truncated or arrangement.truncated
    if walked.truncated:
        notes.append("the server is larger than discovery goes: what lies deeper is not here")
    settings: dict[str, object] = {"kind": "opcua", "url": url}
    if access.policy == "None":
        settings["security"] = "None"
    if user:
        settings |= {"user": user, "password_env": PASSWORD_ENV}
    samples = [s.sample for asset in assets for s in asset.signals if s.sample]
    if samples and not all_observed:
        settings["sample"] = duration_text(min(samples))
        notes.append("too many signals to look at each: the fastest of those seen sets 'sample'")
    return Found(settings, assets, site, tuple(notes), truncated)


def _read_target(target: str) -> tuple[str, str, str]:
    parts = urlsplit(target)
    if parts.scheme != "opc.tcp" or not parts.hostname:
        raise ConfigurationError(
            f"'{target}' is not an OPC UA address; write e.g. 'opc.tcp://192.168.1.5:4840'"
        )
    if parts.password:
        raise ConfigurationError(
            f"a password does not belong into an address; set {PASSWORD_ENV} instead"
        )
    policy = parse_qs(parts.query).get("security", [""])[0]
    if policy not in ("", "None"):
        raise ConfigurationError(f"security={policy}: only 'None' can be said here")
    host = parts.netloc.rpartition("@")[2]
    return f"opc.tcp://{host}{parts.path}", parts.username or "", policy


async def _access(
    url: str, user: str, policy: str, folder: Path, first_look: bool, notes: list[str]
) -> Access:
    """The strongest way in. Unprotected only when asked for, or on this machine if there is no
    other; an unknown server is accepted for one anonymous look, never with a password."""
    password = os.environ.get(PASSWORD_ENV, "") if user else ""
    if user and not password:
        raise ConfigurationError(f"user '{user}' has no password: set {PASSWORD_ENV}")
    local = is_loopback(urlsplit(url).hostname or "")
    if policy == "None" and user and not local:
        raise ConfigurationError("security=None would send the password readable over the network")
    trust = Trust(folder, once=first_look and not user)
    plain = Access(url, "None", "SignAndEncrypt", None, trust, user, password)
    if policy == "None":
        return plain
    endpoints = await endpoints_of(plain)
    offered = {str(endpoint.SecurityPolicyUri) for endpoint in endpoints}
    if local and offered <= {_NO_SECURITY}:
        notes.append("the connection is not protected; the server offers nothing else")
        return plain
    identity = await asyncio.to_thread(own_identity, folder, "discover")
    return replace(plain, policy="best", identity=identity)
