"""The HTTP and WebSocket API."""

from gemel.doors.api.app import create_app

__all__ = ["create_app"]
