"""Logs: one line an occurrence, to standard error. Normal operation is quiet."""

from __future__ import annotations

import logging

__all__ = ["set_up_logs"]


def set_up_logs(level: int = logging.INFO) -> None:
    """Log to standard error."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    logging.getLogger("gemel").setLevel(level)
