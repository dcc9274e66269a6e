"""Who computes: threads of this machine, or a Ray cluster, by one setting.

``threads``, ``threads:4``, ``ray`` (a cluster on this machine for as long as it takes) or
``ray:ADDRESS`` (one that is there). What is handed to them is cut into tasks by whoever asks,
before it is known who plays, so that the numbers are the same to the last bit.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gemel import __version__
from gemel.core.errors import ConfigurationError, Unavailable

__all__ = ["Workers", "workers"]

_SETTING = re.compile(r"(threads)(?::(\d+))?|(ray)(?::(.+))?")
_MOST_THREADS = 1_024
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Workers:
    """executor  of `concurrent.futures`; None: on the thread that asks
    count     that work at the same time, as far as is known
    """

    executor: Executor | None
    count: int


@contextmanager
def workers(setting: str = "threads") -> Iterator[Workers]:
    """Workers for as long as the block lasts.

    Raises `ConfigurationError` for a setting that is none or needs what is not installed, and
    `Unavailable` for a cluster that does not answer.
    """
    match = _SETTING.fullmatch(setting.strip())
    if match is None:
        raise ConfigurationError(
            f"workers are '{setting}', must be 'threads', 'threads:4', 'ray' or 'ray:ADDRESS'"
        )
    if match[3]:
        with _ray(match[4]) as found:
            yield found
        return
    count = int(match[2]) if match[2] else len(os.sched_getaffinity(0))
    if not 1 <= count <= _MOST_THREADS:
        raise ConfigurationError(f"{count} threads, must be 1 to {_MOST_THREADS}")
    if count == 1:
        yield Workers(None, 1)
        return
    with ThreadPoolExecutor(count, thread_name_prefix="worker") as executor:
        yield Workers(executor, count)


@contextmanager
def _ray(address: str | None) -> Iterator[Workers]:
    if address:
        _knock(address)
    # Nothing is told to anybody; Ray reads this when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ConfigurationError(
            "workers 'ray' need 'ray': pip install 'gemel[ray]', or take 'threads'"
        ) from None
    if ray.is_initialized():
        raise ConfigurationError("this process is connected to a Ray cluster already")
    # A cluster of our own has as many processors as we may use, not as the machine has.
    mine = {} if address else {"num_cpus": len(os.sched_getaffinity(0)), "include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="error", **mine)
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        raise Unavailable(f"no Ray cluster at '{address or 'this machine'}': {error}") from None
    executor = _RayExecutor(ray)
    try:
        executor.check()
        yield Workers(executor, max(1, int(ray.cluster_resources().get("CPU", 1))))
    finally:
        executor.shutdown()
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises `Unavailable` where nobody answers: Ray would end this process instead."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(
            f"'{address}' is no address of a Ray cluster; write e.g. 'ray:10.0.0.5:6379'"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise Unavailable(f"no Ray cluster at '{address}': {error}") from None


def _version() -> str:
    """Of the Gemel that a worker has."""
    return __version__


class _RayExecutor(Executor):
    """Calls as tasks of a cluster. What is called and what it takes goes there by Ray's own
    serialisation; a task whose worker dies is given to another."""

    def __init__(self, ray: Any) -> None:
        self._call = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_call)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = self._call.remote(fn, args, kwargs).future()
        return future

    def check(self) -> None:
        """Raises `ConfigurationError` where the workers have no or another Gemel."""
        try:
            found = self.submit(_version).result(timeout=60)
        except ModuleNotFoundError:
            found = "no Gemel"
        except TimeoutError:
            raise Unavailable("the Ray cluster has no free processor within 60 s") from None
        if found != __version__:
            raise ConfigurationError(
                f"the workers of the Ray cluster have {found}, this is {__version__}; install the "
                "same version there, or they would not play the same"
            )


def _call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fn(*args, **kwargs)
