"""From the rows of a unit to what is worth knowing of its past, and from what was told of units
that were held out to intervals: shared by prognostics."""

from gemel.parts.prognostics._trend.conformal import (
    errors_in_bands,
    levels_in_bands,
    said_of,
    wideness_in_bands,
)
from gemel.parts.prognostics._trend.covariates import Covariates, Running, past_of, setting_columns
from gemel.parts.prognostics._trend.past import Past, Windows
from gemel.parts.prognostics._trend.scaling import Scaling
from gemel.parts.prognostics._trend.shares import shares

__all__ = [
    "Covariates",
    "Past",
    "Running",
    "Scaling",
    "Windows",
    "errors_in_bands",
    "levels_in_bands",
    "past_of",
    "said_of",
    "setting_columns",
    "shares",
    "wideness_in_bands",
]
