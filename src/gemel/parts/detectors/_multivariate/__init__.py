"""What multivariate detectors share: scaling, averages, lags, limits, and a score of squares.

A detector of this family learns directions in its rows; all else (slow means, averaging, missing
values, limits from rows that were not fitted on, contributions, what is saved) is here.
"""

from gemel.parts.detectors._multivariate.fitting import Basis, Multivariate

__all__ = ["Basis", "Multivariate"]
