"""What an answer other than 2xx means; shared by both clients, so that both raise the same."""

from __future__ import annotations

from typing import Final

import httpx

from gemel.core.errors import (
    ConfigurationError,
    DataError,
    GemelError,
    Refused,
    Unavailable,
    Unknown,
)

__all__ = ["failure"]

_ERRORS: Final[dict[int, type[GemelError]]] = {
    400: ConfigurationError,
    401: Refused,
    403: Refused,
    404: Unknown,
    409: Refused,
    413: DataError,
    422: DataError,
}


def failure(response: httpx.Response) -> GemelError:
    """The error that the parts behind the API raised, with their sentence."""
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = response.text[:200] or response.reason_phrase
    return _ERRORS.get(response.status_code, Unavailable)(message)
