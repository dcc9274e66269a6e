"""From the rows of a unit to what is worth knowing of its past: shared by prognostics."""

from gemel.parts.prognostics._trend.past import Past, Windows
from gemel.parts.prognostics._trend.scaling import Scaling

__all__ = ["Past", "Scaling", "Windows"]
