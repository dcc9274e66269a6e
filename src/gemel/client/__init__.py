"""The Python SDK: what a page or command can do, a script can do."""

from gemel.client.asynchronous import AsyncClient
from gemel.client.client import Client

__all__ = ["AsyncClient", "Client"]
