"""Options of the virtual plant's server, and the command line that gives them."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlparse

from gemel.virtual.scenario import SCENARIOS

DEFAULT_ENDPOINT = "opc.tcp://127.0.0.1:4841"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one server. Times in seconds, rates in Hz; both in simulated time."""

    endpoint: str = DEFAULT_ENDPOINT
    seed: int = 1
    scenario: str = "quiet"
    rate_hz: float = 5.0
    speedup: float = 1.0
    history_s: float = 0.0
    start: datetime | None = None
    port_file: Path | None = None
    truth_file: Path | None = None
    namespaces_reversed: bool = False
    users: tuple[tuple[str, str], ...] = ()
    certificate: Path | None = None
    private_key: Path | None = None
    extra_signals: int = 0
    extra_rate_hz: float = 1.0
    nodes: int = 0
    with_parent: bool = False


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Options from a command line; wrong ones end the process with a message, as argparse does."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if bool(given.certificate) != bool(given.private_key):
        parser.error("--certificate and --private-key belong together: give both or none")
    return Options(
        endpoint=given.endpoint,
        seed=given.seed,
        scenario=given.scenario,
        rate_hz=given.rate,
        speedup=given.speedup,
        history_s=given.history,
        start=given.start,
        port_file=given.port_file,
        truth_file=given.truth,
        namespaces_reversed=given.namespaces_reversed,
        users=tuple(given.user),
        certificate=given.certificate,
        private_key=given.private_key,
        extra_signals=given.extra_signals,
        extra_rate_hz=given.extra_rate,
        nodes=given.nodes,
        with_parent=given.with_parent,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gemel.virtual",
        description="Serve a virtual bottling line by OPC UA: five machines, about 95 signals, "
        "seeded faults with ground truth. The URL is printed when the server is ready.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    where = parser.add_argument_group("where")
    where.add_argument(
        "--endpoint", type=_endpoint, default=DEFAULT_ENDPOINT, metavar="URL",
        help="address to listen on; port 0 takes a free one",
    )  # fmt: skip
    where.add_argument("--port-file", type=Path, metavar="FILE", help="write the URL here, too")
    where.add_argument(
        "--user", type=_user, action="append", default=[], metavar="NAME:PASSWORD",
        help="let only this user in (may be repeated); without it anyone may come in",
    )  # fmt: skip
    where.add_argument(
        "--certificate", type=Path, metavar="FILE",
        help="server certificate (PEM or DER): offers the secure policies beside None",
    )  # fmt: skip
    where.add_argument(
        "--private-key", type=Path, metavar="FILE", help="its private key (PEM or DER)"
    )
    where.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this ends"
    )
    what = parser.add_argument_group("what happens")
    what.add_argument("--scenario", choices=sorted(SCENARIOS), default="quiet", help="what happens")
    what.add_argument("--seed", type=int, default=1, help="same seed, same line")
    what.add_argument(
        "--rate", type=_positive, default=5.0, metavar="HZ",
        help="samples per simulated second; only changed values are sent",
    )  # fmt: skip
    what.add_argument(
        "--speedup", type=_positive, default=1.0, metavar="X",
        help="simulated seconds per second; source times run ahead accordingly",
    )  # fmt: skip
    what.add_argument(
        "--history", type=_not_negative, default=0.0, metavar="SECONDS",
        help="quiet running before the start, readable by HistoryRead",
    )  # fmt: skip
    what.add_argument(
        "--start", type=_time, metavar="TIME",
        help="simulated time of the start (ISO 8601, UTC unless it has an offset); default now",
    )  # fmt: skip
    what.add_argument(
        "--truth", type=Path, metavar="FILE",
        help="write faults, commands and, at the end, sample counts as JSON lines",
    )  # fmt: skip
    load = parser.add_argument_group("load and clutter")
    load.add_argument(
        "--extra-signals", type=_count, default=0, metavar="N",
        help="further analog variables under Objects/Extra",
    )  # fmt: skip
    load.add_argument(
        "--extra-rate", type=_positive, default=1.0, metavar="HZ", help="how often these change"
    )
    load.add_argument(
        "--nodes", type=_count, default=0, metavar="N",
        help="irrelevant static nodes in nested folders under Objects/Diagnostics",
    )  # fmt: skip
    load.add_argument(
        "--namespaces-reversed", action="store_true",
        help="register the two namespaces in the other order, so that their indices swap",
    )  # fmt: skip
    return parser


def _endpoint(text: str) -> str:
    url = urlparse(text)
    try:
        port = url.port
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    if url.scheme != "opc.tcp" or not url.hostname or port is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not like opc.tcp://127.0.0.1:4841")
    return text


def _user(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not name or not colon:
        raise argparse.ArgumentTypeError("expected NAME:PASSWORD")
    return name, password


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _positive(text: str) -> float:
    value = _not_negative(text)
    if value == 0.0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be 0 or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} must be 0 or more")
    return value
