"""Evaluation that cannot leak: what a model is judged on, it has not seen in any form.

Rows that belong together (of one unit, or near in time) are never on both sides of a split; all
that is fitted, scales and limits included, is fitted on the training side; a split that would let
the answer through is refused with the reason; and every figure carries its `Protocol`.
"""

from gemel.twin.learning.evaluation.protocol import Protocol
from gemel.twin.learning.evaluation.splits import Blocks, Fold, Groups, Order, Rows, Shuffled, Split

__all__ = ["Blocks", "Fold", "Groups", "Order", "Protocol", "Rows", "Shuffled", "Split"]
