"""Where the public data lies on which Gemel is developed; nothing of it is in the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["public_data"]


def public_data(*names: str) -> Path:
    """The folder that `GEMEL_DATA` names, or one in it. Without it a test skips, but fails where
    `CI` is set: there it has to be."""
    given = Path(os.environ.get("GEMEL_DATA") or "../shared/data")
    folder = (Path(__file__).parents[1] / given).joinpath(*names)
    if not folder.exists():
        message = f"no public data in {folder}; GEMEL_DATA names the folder"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return folder
