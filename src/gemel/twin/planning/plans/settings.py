"""What a plant file says of a schedule."""

from __future__ import annotations

from pydantic import Field

from gemel.core.settings import Settings
from gemel.core.time import MINUTE, SECOND, Duration
from gemel.twin.planning.plans.jobs import Sending

__all__ = ["PlanSettings", "Seat"]


class Seat(Settings):
    """Where a machine of the schedule stands in the plant."""

    asset: str = Field(description="Path of the asset whose order and stops are the machine's")
    line: str = Field(
        "", description="Line of the plant file whose simulated pace says how long orders take"
    )
    done: str = Field("", description="Signal that counts the good parts of the running order")


class PlanSettings(Settings):
    """A schedule of the plant: its orders and machines stand in a file of `gemel schedule`."""

    title: str = Field("", description="Name for people; the key where it is empty")
    file: str = Field(description="The file, from the folder of the plant file; without `start`")
    machines: dict[str, Seat] = Field({}, description="Machines of the file that the twin sees")
    send: dict[str, Sending] = Field({}, description="Where released job orders go, by name")
    solver: str = Field("best", description="Who looks for plans")
    search: Duration = Field(10 * SECOND, gt=0, description="How long is looked for a new plan")
    repair: Duration = Field(SECOND, gt=0, description="How long after a breakdown")
    notice: Duration = Field(MINUTE, gt=0, description="A stop that lasts longer is a breakdown")
    usual_repair: Duration = Field(
        30 * MINUTE, gt=0, description="How long a breakdown is taken to last, if nobody says it"
    )
