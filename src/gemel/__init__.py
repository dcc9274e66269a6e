"""Gemel: a factory and its twin that move together."""

__version__ = "0.1.0"
