"""The web application: pages beside the API, which they ask with the rights of whoever looks."""

from gemel.doors.web.pages import make_pages

__all__ = ["make_pages"]
