"""The web application: pages on the same FastAPI application as the API, which they use."""

from gemel.doors.web.pages import add_pages

__all__ = ["add_pages"]
