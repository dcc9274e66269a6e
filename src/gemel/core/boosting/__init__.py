"""Gradient-boosted trees: fitted by scikit-learn, held, explained and saved by us.

A fitted model is plain arrays. To use one needs neither scikit-learn nor pickle, so that an edge
box scores with what it has, and a saved model cannot run code.
"""

from gemel.core.boosting.fitting import Boosting
from gemel.core.boosting.trees import Trees

__all__ = ["Boosting", "Trees"]
