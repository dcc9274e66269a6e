"""A supply network: a stock network, what moves between its sites, and how far one looks ahead."""

from gemel.core.supply.description import Link, Site, Supply

__all__ = ["Link", "Site", "Supply"]
