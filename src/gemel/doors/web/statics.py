"""Files that the browser loads: our own and the bundled chart library, from this host only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import nicegui
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["ICON", "add_statics", "head"]

_FOLDER: Final = Path(__file__).parent / "static"
_CHARTS: Final = Path(nicegui.__file__).parent / "elements" / "echart" / "dist"


def _version() -> str:
    """Changes with every file, so that browsers may keep them for ever."""
    found = hashlib.blake2b(nicegui.__version__.encode(), digest_size=6)
    for path in sorted(_FOLDER.iterdir()):
        found.update(path.read_bytes())
    return found.hexdigest()


_ROOT: Final = f"/static/gemel/{_version()}"
ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" '
    'stroke="#7d8a96" stroke-width="4"><circle cx="12" cy="16" r="9"/>'
    '<circle cx="20" cy="16" r="9"/></g></svg>'
)
"""Two rings that move together."""


class _Kept(StaticFiles):
    """Files whose address changes when they change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def add_statics(app: FastAPI) -> None:
    """Serve the files."""
    app.mount(f"{_ROOT}/echarts", GZipMiddleware(_Kept(directory=_CHARTS)))
    app.mount(_ROOT, GZipMiddleware(_Kept(directory=_FOLDER)))


def head(moving: bool = True) -> str:
    """What a page loads; `moving` pages have live values."""
    lines = [
        '<meta name="color-scheme" content="light dark">',
        f'<script src="{_ROOT}/theme.js"></script>',
        f'<link rel="stylesheet" href="{_ROOT}/gemel.css">',
    ]
    if moving:
        lines.append(f'<script type="module" src="{_ROOT}/gemel.js"></script>')
    return "\n".join(lines)
