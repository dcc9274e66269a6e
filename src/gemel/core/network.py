"""Neural networks that a user brings as ONNX files. They compute and do nothing else: the form has
no code in it, and a file cannot name others to be read."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from gemel.core.errors import ConfigurationError

__all__ = ["first_line", "opened"]

_MOST_BYTES: Final = 2**30


def opened(file: Path) -> tuple[Any, str]:
    """The onnxruntime session of a file, and its SHA-256. Raises `ConfigurationError` for what is
    no network, and where the library is missing."""
    try:
        size = file.stat().st_size
        if size > _MOST_BYTES:
            raise ConfigurationError(f"{file}: {size:,} bytes; at most {_MOST_BYTES:,} are read")
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    try:
        session = _session(content)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - the runtime raises its own, and nearly any
        raise ConfigurationError(
            f"{file}: not a network in ONNX form: {first_line(error)}"
        ) from None
    return session, hashlib.sha256(content).hexdigest()


def first_line(error: Exception) -> str:
    """Of what the runtime says, which goes on for pages."""
    return str(error).strip().split("\n")[0][:200]


@lru_cache(maxsize=2)
def _session(content: bytes) -> Any:
    onnxruntime = _library()
    options = onnxruntime.SessionOptions()
    # By one thread, and quiet: it runs beside a twin that is live.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _library() -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise ConfigurationError(
            "a network of your own needs onnxruntime: pip install 'gemel[onnx]'"
        ) from None
    return onnxruntime
