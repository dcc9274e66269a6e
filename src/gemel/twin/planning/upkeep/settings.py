"""What a plant file says of maintenance."""

from __future__ import annotations

from pydantic import Field

from gemel.core.settings import Settings

__all__ = ["MaintenanceSettings", "WatchedAsset"]


class WatchedAsset(Settings):
    """Where an asset of the file stands in the plant."""

    asset: str = Field(description="Its path")
    life: str = Field(
        "", description="Signal that tells its remaining life, such as that of a task; its ends "
        "are `…_low` and `…_high`"
    )  # fmt: skip
    since: str = Field("", description="When it was replaced, local time; without it `age` of the "
                       "file")  # fmt: skip
    machine: str = Field("", description="Machine of `schedule` that stands while it is replaced")


class MaintenanceSettings(Settings):
    """What is kept up: costs and lives stand in a file of `gemel plan maintenance`."""

    title: str = Field("", description="Name for people; the key where it is empty")
    file: str = Field(description="The file, from the folder of the plant file")
    assets: dict[str, WatchedAsset] = Field({}, description="Assets of the file that the twin sees")
    schedule: str = Field("", description="Schedule of the plant file that has to make room")
