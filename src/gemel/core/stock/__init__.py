"""What is kept where: the description of a stock network, its demand, and how it is played out."""

from gemel.core.stock.network import Network, Rule, Stage

__all__ = ["Network", "Rule", "Stage"]
